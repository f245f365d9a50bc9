"""Changes that alter what readers are shown. Whoever makes one notes it; caches of counts are told once it is committed.

Where nobody listens, nothing is noted. Votes are never noted: cached counts expire on their own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import NamedTuple
from weakref import WeakSet

from sqlalchemy import Connection, Engine, event, select, union

from reactions.storage import engines, tables

log = logging.getLogger(__name__)

_NOTED = "outdated"
_HEARD: WeakSet[Engine] = WeakSet()  # engines whose changes somebody listens to
_a, _alias = tables.article.c, tables.article_alias.c


class Outdated(NamedTuple):
    """An article of a site by one of its keys; without a key, all that the site shows."""

    site: str
    key: str = ""


def note_site(connection: Connection, site: str) -> None:
    """Note that every row of a site may look different."""
    if connection.engine in _HEARD:
        _note(connection, [Outdated(site)])


def note_articles(connection: Connection, site: str, article_ids: Collection[int]) -> None:
    """Note articles under all keys that lead to them. Call it while they still do."""
    if connection.engine not in _HEARD:
        return
    own = select(_a.key).where(_a.article_id.in_(article_ids))
    others = select(_alias.key).where(_alias.article_id.in_(article_ids))
    _note(connection, [Outdated(site, key) for key in connection.execute(union(own, others)).scalars()])


def on_commit(engine: Engine, tell: Callable[[Collection[Outdated]], None]) -> None:
    """Tell of what was noted in a transaction of `writing`, once it is committed; what is rolled back is forgotten."""

    def take(connection: Connection) -> Callable[[], None]:
        noted = connection.info.pop(_NOTED, frozenset())
        return lambda: _tell(tell, noted)

    _HEARD.add(engine)
    engines.after_writing(engine, take)
    event.listen(engine, "rollback", lambda connection: connection.info.pop(_NOTED, None))


def _tell(tell: Callable[[Collection[Outdated]], None], noted: Collection[Outdated]) -> None:
    try:
        if noted:
            tell(noted)
    except Exception:  # the change is committed, whoever fails to hear of it
        log.exception("a listener failed after the commit")


def _note(connection: Connection, changed: Collection[Outdated]) -> None:
    connection.info.setdefault(_NOTED, set()).update(changed)
