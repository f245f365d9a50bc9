"""Drift: numbers of an article that disagree. A rolling check finds it, in the background and a few articles at a time.

It reads, and repairs nothing: a difference is a bug, or somebody changed the database by hand, and the operator must know.
`recounting` corrects the numbers when the operator says so.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Engine, Select, select
from sqlalchemy.exc import SQLAlchemyError

from reactions.refusals import Unavailable
from reactions.storage import engines, locks, outages, tables
from reactions.votes import integrity

log = logging.getLogger(__name__)

_EVERY_S = 60.0
_a, _s = tables.article.c, tables.site.c


class Drift(NamedTuple):
    """An article whose numbers disagree, and each difference."""

    site: str
    article: str
    differences: Sequence[object]


# Told after every look: how many articles it visited, where drift was found that was not known, and how many numbers differ.
OnLook = Callable[[int, Sequence[Drift], int], None]


def of_articles(connection: Connection, ids: Sequence[int]) -> dict[int, list[object]]:
    """The differences of some articles, by id; in the caller's snapshot. What agrees is left out."""
    found: dict[int, list[object]] = {}
    for check in (integrity.differences, integrity.imported_differences, integrity.readers_differences):
        for difference in check(connection, ids):
            found.setdefault(difference.article_id, []).append(difference)
    return found


Task = Callable[[], object]


def _nothing() -> None:
    """Do nothing."""


class Rounds:
    """The rolling check of one process: every minute the next `articles` by their ids, and all of them in turn.

    0 turns it off. On PostgreSQL processes check one at a time. The same thread runs
    `at_start` first, and `beside` after each check.
    """

    def __init__(
        self, engine: Engine, *, articles: int, on_look: OnLook, beside: Task = _nothing, at_start: Task = _nothing
    ) -> None:
        self._engine, self._articles, self._on_look, self._beside, self._at_start = engine, articles, on_look, beside, at_start
        self._last: int | None = None
        self._known: dict[int, Drift] = {}
        self._starting = threading.Lock()
        self._pid: int | None = None

    def start(self) -> None:
        """Go on in a thread of this process, if none does yet: servers fork workers after the application is made."""
        if self._articles and self._pid != os.getpid():
            with self._starting:
                if self._pid != os.getpid():
                    threading.Thread(target=self._go_on, name="rounds", daemon=True).start()
                    self._pid = os.getpid()

    def _go_on(self) -> None:
        self._try(self._at_start)
        while True:
            time.sleep(_EVERY_S)
            self._try(self.look)
            self._try(self._beside)

    def _try(self, task: Task) -> None:
        try:
            task()
        except Exception as error:
            if isinstance(error, Unavailable) or (isinstance(error, SQLAlchemyError) and outages.refusal_for(error)):
                log.warning("database away in the background")
            else:
                log.exception("a task of the rounds failed")

    def look(self) -> list[Drift]:
        """Check the next articles in one snapshot; the drift that was not known. After the last article it begins anew."""
        with engines.snapshot(self._engine) as connection:
            if not locks.alone(connection, locks.CHECKING):
                return []
            ids = list(connection.execute(_next(self._last, self._articles)).scalars())
            found = {article_id: _drift(connection, article_id, d) for article_id, d in of_articles(connection, ids).items()}
        new = [drift for article_id, drift in found.items() if self._known.get(article_id) != drift]
        self._remember(ids, found)
        self._on_look(len(ids), new, sum(len(drift.differences) for drift in self._known.values()))
        return new

    def _remember(self, ids: Sequence[int], found: Mapping[int, Drift]) -> None:
        """What was seen replaces what was known of this range, whose articles may be gone."""
        first, last = self._last, ids[-1] if len(ids) == self._articles else None
        elsewhere = {
            a: d for a, d in self._known.items() if (first is not None and a <= first) or (last is not None and a > last)
        }
        self._known = {**elsewhere, **found}
        self._last = last


def _next(after: int | None, most: int) -> Select[int]:
    beyond = () if after is None else (_a.article_id > after,)
    return select(_a.article_id).where(*beyond).order_by(_a.article_id).limit(most)


def _drift(connection: Connection, article_id: int, differences: Sequence[object]) -> Drift:
    named = select(_s.key, _a.key).join(tables.site, _s.id == _a.site_id).where(_a.article_id == article_id)
    site, article = connection.execute(named).one()
    return Drift(site, article, differences)
