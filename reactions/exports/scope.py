"""The scope of one export: a snapshot of the database, and which articles and hours of the site are in it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Engine, Row, true

from reactions.exports import cursors
from reactions.exports.choosing import Choice
from reactions.exports.cursors import Cursor
from reactions.newsroom.sites import Site
from reactions.reports import periods, query
from reactions.reports.periods import Period
from reactions.reports.query import closed_before
from reactions.storage import engines, tables
from reactions.times import HOUR_MS

_h = tables.hourly.c
# PostgreSQL would compile each small query, which takes longer than to run it, and read whole tables in several processes.
_FOR_PAGES = ("jit = off", "max_parallel_workers_per_gather = 0", "random_page_cost = 1.1")


def _unwatched(_done: int) -> None:
    pass


@dataclass(frozen=True)
class Scope:
    """What an export reads. `hours` are UTC hours, None for all; `among` the ids of articles that match, None for all.

    `next` is the cursor of the export after this one, if this one is part of a chain. `progress` is told how many articles
    were done since it was told last.
    """

    connection: Connection
    site: Site
    choice: Choice
    now_ms: int
    zone: ZoneInfo
    period: Period | None
    hours: range | None
    among: frozenset[int] | None
    next: Cursor | None
    reader_key: bytes = field(repr=False)
    progress: Callable[[int], None]

    def matching(self, rows: Sequence[Row[Any]]) -> list[Row[Any]]:
        """Those of a page of articles that match the filters."""
        self.progress(len(rows))
        return [row for row in rows if self.among is None or row.article_id in self.among]

    @property
    def within(self) -> ColumnElement[bool]:
        """The condition that an hour of the series is in the scope."""
        if self.hours is None:
            return true()
        return (_h.hour_utc >= self.hours.start) & (_h.hour_utc < self.hours.stop)

    @property
    def born(self) -> range | None:
        """The times (UTC ms) in which an article is born that belongs to the export although nobody reacted; None for all."""
        if self.period is not None:
            return self.period.span_ms
        return None if self.hours is None else range(self.hours.start * HOUR_MS, self.hours.stop * HOUR_MS)


@contextmanager
def opened(
    engine: Engine,
    site: Site,
    choice: Choice,
    *,
    now_ms: int,
    reader_key: bytes = b"",
    progress: Callable[[int], None] = _unwatched,
) -> Iterator[Scope]:
    """A scope that is good until the block ends. Readers are named by `reader_key`, or else as in no other export.

    Raises MalformedPeriod, MalformedFilter, MalformedCursor.
    """
    about = choice.about
    zone = periods.zone_named(about.time_zone or site.time_zone)
    wanted = query.filters_of(section=about.section, author=about.author, tag=about.tag, text=about.text)
    period = about.read(site, now_ms)[0] if choice.dated else None
    with engines.snapshot(engine) as connection:
        for setting in _FOR_PAGES if connection.dialect.name == "postgresql" else ():
            connection.exec_driver_sql(f"SET LOCAL {setting}")
        hours, following = period.hours if period else None, None
        if choice.since:
            hours, following = _chained(connection, site, choice.since, now_ms)
        yield Scope(
            connection=connection,
            site=site,
            choice=choice,
            now_ms=now_ms,
            zone=zone,
            period=period,
            hours=hours,
            among=query.matching(connection, site, wanted),
            next=following,
            reader_key=reader_key or secrets.token_bytes(32),
            progress=progress,
        )


def _chained(connection: Connection, site: Site, since: str, now_ms: int) -> tuple[range, Cursor]:
    begin = cursors.opened(connection, site, since)
    end = max(closed_before(now_ms), begin.hour)
    return range(begin.hour, end), cursors.at(connection, site, end)
