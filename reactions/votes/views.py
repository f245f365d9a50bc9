"""Views: how often rows came into sight, by article and hour. They are not votes, and nothing about a view is stored but its sum.

Views gather in memory and are written at most once a second, through the ballot box's own engine, so a crash loses a second of
them at most. A process that ends in order writes them first: the ASGI door as its server shuts down, others as Python exits. What
waits is bounded; how much one network may add is for `limits` to say.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, select

from reactions.newsroom import articles
from reactions.newsroom.article_keys import ArticleKey
from reactions.newsroom.articles import Article, Place
from reactions.newsroom.sites import Site
from reactions.storage import locks, tables
from reactions.storage.engines import insert_for
from reactions.times import HOUR_MS

MOST_ARTICLES = 100  # in a beacon
MOST_WAITING = 20_000  # articles and hours that wait to be written; further ones are dropped
WRITTEN_EVERY_S = 1.0

_v = tables.views.c
_Waiting = Counter[tuple[int, ArticleKey, int]]

log = logging.getLogger(__name__)


class Views:
    """The views of this process. `add` may be called from any thread; `transact` is the ballot box's."""

    def __init__(self, transact: Callable[[Callable[[Connection], None]], None]) -> None:
        self._transact = transact
        self._lock = threading.Lock()
        self._waiting: _Waiting = Counter()
        self._sites: dict[int, Site] = {}
        self._writer_of: int | None = None
        self._ended = threading.Event()

    def add(self, site: Site, keys: Iterable[ArticleKey], *, now_ms: int) -> int:
        """Count that rows came into sight; return how many found a place in memory.

        With a site that counts one page view in ten, each stands for ten.
        """
        hour, taken = now_ms // HOUR_MS, 0
        with self._lock:
            self._sites[site.id] = site
            for key in keys:
                place = site.id, key, hour
                if place in self._waiting or len(self._waiting) < MOST_WAITING:
                    self._waiting[place] += site.count_views
                    taken += 1
            self._start_writer()
        return taken

    def write(self) -> None:
        """Write what waits; views of articles that are not registered are dropped. What could not be written waits again."""
        with self._lock:
            waiting, self._waiting, known = self._waiting, Counter(), dict(self._sites)
        if not waiting:
            return
        try:
            self._transact(lambda connection: _store(connection, known, waiting))
        except Exception:  # the writer must outlive an outage
            log.exception("views could not be written")
            with self._lock:
                for place, n in waiting.items():
                    if place in self._waiting or len(self._waiting) < MOST_WAITING:
                        self._waiting[place] += n

    def _start_writer(self) -> None:
        """Start the thread where the views are: gunicorn forks workers after the application is made."""
        if self._writer_of != os.getpid():
            self._writer_of = os.getpid()
            atexit.register(self.write)
            threading.Thread(target=self._write_on, name="views", daemon=True).start()

    def close(self) -> None:
        """Write what waits, and no more after that."""
        self._ended.set()
        atexit.unregister(self.write)
        self.write()

    def _write_on(self) -> None:
        while not self._ended.wait(WRITTEN_EVERY_S):
            self.write()


def of_articles(connection: Connection, article_ids: Collection[int], hours: range) -> dict[int, int]:
    """The views of articles in some hours (UTC, since 1970); articles without any are left out."""
    mine = _v.article_id.in_(article_ids), _v.hour_utc >= hours.start, _v.hour_utc < hours.stop
    sums: Counter[int] = Counter()
    for article_id, n in connection.execute(select(_v.article_id, _v.n).where(*mine)):
        sums[int(article_id)] += int(n)
    return dict(sums)


def move(connection: Connection, article_id: int, *, into: int) -> None:
    """Add the views of a merged article to those of the one it went into."""
    # What is removed is what is added: views that are written between a reading and a removal would be lost.
    gone = connection.execute(delete(tables.views).where(_v.article_id == article_id).returning(_v.hour_utc, _v.n)).all()
    add_sums(connection, [{"article_id": into, "hour_utc": hour, "n": n} for hour, n in sorted(map(tuple, gone))])


def _store(connection: Connection, known: Mapping[int, Site], waiting: _Waiting) -> None:
    locks.take_part_in_counting(connection)  # or a merge would hand an article over between its being found and its row
    places = {(site_id, key.text): Place(known[site_id], key, 0) for site_id, key, _ in waiting}
    found = articles.find_places(connection, list(places.values()))
    sums: Counter[tuple[int, int]] = Counter()
    for (site_id, key, hour), n in waiting.items():
        article = found.get((site_id, key.text))
        if isinstance(article, Article):
            sums[article.article_id, hour] += n
    add_sums(connection, [{"article_id": article_id, "hour_utc": hour, "n": n} for (article_id, hour), n in sorted(sums.items())])


def add_sums(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add views to articles and hours. Rows are in the order of articles and hours: two writers then never wait in a circle."""
    if rows:
        statement = insert_for(connection)(tables.views)
        added = statement.on_conflict_do_update(
            index_elements=["article_id", "hour_utc"], set_={"n": _v.n + statement.excluded.n}
        )
        connection.execute(added, list(rows))
