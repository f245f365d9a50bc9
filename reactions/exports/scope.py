"""The scope of an export: what it covers, the snapshot that it reads, and where the next one continues.

A chain of exports has every hour once, and every change of a vote once. A vote gets its time before its COMMIT, so an hour that
has just ended may still grow: exports of a chain end with the last closed hour. If a change comes later all the same (a machine
stood still, older votes were imported), it is not lost silently: the cursor knows how many changes the hours before it had, and
an export that finds more refuses to go on.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ColumnElement, Connection, Engine, cast, func, select, true

from reactions.exports.columns import TABLES, Column, Table
from reactions.exports.pages import Page
from reactions.languages import gettext, ngettext
from reactions.newsroom.sites import Site
from reactions.refusals import MalformedCursor, MalformedExport
from reactions.reports import periods, query
from reactions.reports.periods import Period
from reactions.reports.query import ReportQuery, closed_before
from reactions.storage import engines, tables
from reactions.times import HOUR_MS, rfc3339
from reactions.votes import ledger

PRECISIONS = {"millisecond": 1, "second": 1000, "minute": 60_000, "hour": HOUR_MS, "day": 24 * HOUR_MS}
FORMATS = ("csv", "parquet", "arrow")
MOST_GROUP = 1000
BEGINNING = "beginning"
_CURSOR = re.compile(r"([0-9]{1,9})-([0-9]{1,18})-([0-9a-f]{8})")
_a, _h = tables.article.c, tables.hourly.c
# PostgreSQL would compile each small query, which takes longer than to run it, and read whole tables in several processes.
_FOR_PAGES = ("jit = off", "max_parallel_workers_per_gather = 0", "random_page_cost = 1.1")


@dataclass(frozen=True, slots=True)
class Choice:
    """What to export. Without a period in `about`, the whole history.

    `since` is the text of a Cursor. `precision` is a name of PRECISIONS, of the times of single votes. `min_group` hides counts
    of fewer readers, 0 hides none. `readers` adds a name for each reader.
    """

    about: ReportQuery = field(default_factory=ReportQuery)
    since: str = ""
    columns: Sequence[str] = ()
    precision: str = "hour"
    min_group: int = 0
    readers: bool = False

    @property
    def dated(self) -> bool:
        """True if it is of a period."""
        return bool(self.about.period or self.about.first or self.about.last)


def table_named(name: str) -> Table:
    """The table with this name. Raises MalformedExport."""
    if name not in TABLES:
        raise MalformedExport(
            gettext("There is no export %(name)s. The exports are: %(names)s.", name=repr(name[:64]), names=", ".join(TABLES)),
            pointer="#/export",
        )
    return TABLES[name]


def check(choice: Choice, site: Site, tables: Sequence[Table], *, finest: str) -> None:
    """Raise MalformedExport for what the tables, the site or the operator's `finest` precision do not allow."""
    if choice.since and choice.dated:
        raise MalformedExport(gettext("Send since or a period, not both."), pointer="#/since")
    if choice.precision not in PRECISIONS:
        raise MalformedExport(gettext("A precision is one of %(names)s.", names=", ".join(PRECISIONS)), pointer="#/precision")
    if PRECISIONS[choice.precision] < PRECISIONS[finest]:
        raise MalformedExport(
            gettext("This service exports times of votes no finer than the %(finest)s.", finest=finest), pointer="#/precision"
        )
    if not 0 <= choice.min_group <= MOST_GROUP:
        raise MalformedExport(gettext("min_group is a number from 0 to %(most)s.", most=MOST_GROUP), pointer="#/min_group")
    if choice.min_group > 1 and TABLES["votes"] in tables:
        raise MalformedExport(
            gettext("Each row of votes is about one reader, so min_group cannot apply to it."), pointer="#/min_group"
        )
    if choice.readers and site.reader_scope != "site":
        raise MalformedExport(
            gettext(
                "%(site)s gives a reader a different pseudonym on each article, so readers cannot be told apart across articles.",
                site=site.key,
            ),
            pointer="#/readers",
        )
    for table in tables:
        columns_of(choice, site, table)


def columns_of(choice: Choice, site: Site, table: Table) -> list[Column]:
    """The columns of the file, in order: those chosen, else all. Raises MalformedExport for an unknown one."""
    known = {column.name: _precise(column, choice) for column in table.columns_of(site.reactions)}
    if not choice.readers:
        known = {name: column for name, column in known.items() if not column.chosen}
    if unknown := [name for name in choice.columns if name not in known]:
        raise MalformedExport(
            gettext(
                "%(table)s has no column %(name)s. It has: %(names)s.",
                table=table.name,
                name=repr(unknown[0][:64]),
                names=", ".join(known),
            ),
            pointer="#/columns",
        )
    return [known[name] for name in dict.fromkeys(choice.columns or known)]


def _precise(column: Column, choice: Choice) -> Column:
    """The column of times that are rounded, written as exactly as they are."""
    changes: dict[str, Any] = {
        "precision_ms": PRECISIONS[choice.precision],
        "unit": f"UTC, rounded down to the {choice.precision}",
    }
    return column.changed(**changes) if column.rounded else column


@dataclass(frozen=True, slots=True)
class Cursor:
    """The first UTC hour (since 1970) that no export of the chain has, and how many changes came before it."""

    hour: int
    changes: int

    def text(self, site: Site) -> str:
        """The cursor as text, good for this site alone."""
        return f"{self.hour}-{self.changes}-{_seal(site, self.hour, self.changes)}"


def cursor_at(connection: Connection, site: Site, hour: int) -> Cursor:
    """The cursor of exports that end before an hour."""
    mine = _h.article_id.in_(select(_a.article_id).where(_a.site_id == site.id))
    changes = cast(func.coalesce(func.sum(_h.added + _h.removed), 0), BigInteger)
    return Cursor(hour, connection.execute(select(changes).where(_h.hour_utc < hour, mine)).scalar_one())


def cursor_from(connection: Connection, site: Site, text: str) -> Cursor:
    """The cursor in a text. Raises MalformedCursor for one of another site, or where hours before it have changed since."""
    if text == BEGINNING:
        return Cursor(0, 0)
    parts = _CURSOR.fullmatch(text)
    if parts is None or parts[3] != _seal(site, int(parts[1]), int(parts[2])):
        raise MalformedCursor(
            gettext("This cursor is not one of this site's. since=beginning starts a new chain."), pointer="#/since"
        )
    cursor = Cursor(int(parts[1]), int(parts[2]))
    if (more := cursor_at(connection, site, cursor.hour).changes - cursor.changes) != 0:
        raise MalformedCursor(
            ngettext(
                "Hours in earlier exports have changed since: %(more)s reaction added or removed, as by an import of older "
                "votes. Start a new chain with since=beginning.",
                "Hours in earlier exports have changed since: %(more)s reactions added or removed, as by an import of older "
                "votes. Start a new chain with since=beginning.",
                abs(more),
                more=format(more, "+,"),
            ),
            pointer="#/since",
        )
    return cursor


def _seal(site: Site, hour: int, changes: int) -> str:
    return hashlib.blake2b(f"{site.key} {hour} {changes}".encode(), digest_size=4).hexdigest()


def _unwatched(_done: int) -> None:
    pass


@dataclass(frozen=True)
class Scope:
    """What an export reads. `hours` are UTC hours, None for all; `among` the ids of articles that match, None for all.

    `next` is the cursor of the export after this one, if this one is part of a chain. `progress` is called with the number of
    articles done since its last call. `votes_from_ms` is where the ledger starts (UTC ms), if its first months were dropped.
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
    votes_from_ms: int | None = None

    def refuse_dropped(self, table: Table) -> None:
        """Raise MalformedExport if single votes of dropped months are asked for. The whole history may lack them."""
        if table.name != "votes" or self.votes_from_ms is None or self.hours is None or self.choice.since == BEGINNING:
            return
        if self.hours.start * HOUR_MS < self.votes_from_ms:
            raise MalformedExport(
                gettext(
                    "Single votes before %(when)s were dropped. Articles and series still have that time.",
                    when=rfc3339(self.votes_from_ms),
                ),
                pointer="#/since" if self.choice.since else "#/from",
            )

    def matching(self, page: Page) -> Page:
        """Those of a page of articles that match the filters."""
        self.progress(len(page))
        return page if self.among is None else [row for row in page if row[0] in self.among]

    @property
    def within(self) -> ColumnElement[bool]:
        """The condition that an hour of the series is in the scope."""
        if self.hours is None:
            return true()
        return (_h.hour_utc >= self.hours.start) & (_h.hour_utc < self.hours.stop)

    @property
    def born(self) -> range | None:
        """When (UTC ms) an article was born that belongs to the export even if nobody reacted; None for any time."""
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
    complete_until: Callable[[Connection], int] | None = None,
    reader_key: bytes = b"",
    progress: Callable[[int], None] = _unwatched,
) -> Iterator[Scope]:
    """A scope for the length of the block. Readers are named by `reader_key`, or else as in no other export.

    Of a connection that leads to a replica, `complete_until` tells how late its data are: a chain ends there.

    Raises MalformedPeriod, MalformedFilter, MalformedCursor.
    """
    about = choice.about
    zone = periods.zone_named(about.time_zone or site.time_zone)
    wanted = query.filters_of(section=about.section, author=about.author, tag=about.tag, text=about.text)
    period = about.read(site, now_ms)[0] if choice.dated else None
    with engines.snapshot(engine) as connection:
        for setting in _FOR_PAGES if connection.dialect.name == "postgresql" else ():
            connection.exec_driver_sql(f"SET LOCAL {setting}")
        now_ms = now_ms if complete_until is None else min(now_ms, complete_until(connection))
        hours, following = period.hours if period else None, None
        if choice.since:
            hours, following = _chained(connection, site, choice.since, now_ms)
        start = ledger.start(connection)
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
            votes_from_ms=None if start is None else max(start.at_ms, start.next_ms or 0),
        )


def _chained(connection: Connection, site: Site, since: str, now_ms: int) -> tuple[range, Cursor]:
    begin = cursor_from(connection, site, since)
    end = max(closed_before(now_ms), begin.hour)
    return range(begin.hour, end), cursor_at(connection, site, end)
