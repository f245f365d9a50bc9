"""The archive: each closed month as Parquet in a folder of its own, for analysts who ask about years.

Folders are named as Hive partitions, `site=daily/month=2026-10`, which DuckDB, Spark and pandas read as columns. A month is
written once. Its mark is written last and knows how many changes its hours had, so that a later run finds what was cut short, and
what has changed since, as by an import of older votes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, func, select

from reactions.exports import files, scope
from reactions.exports.columns import TABLES
from reactions.exports.files import File, Form
from reactions.exports.scope import Choice
from reactions.newsroom.sites import Site
from reactions.reports.periods import first_hour
from reactions.reports.query import ReportQuery, closed_before
from reactions.storage import engines, tables
from reactions.times import HOUR_MS
from reactions.votes import ledger

MARK = "month.json"
_a, _h = tables.article.c, tables.hourly.c


@dataclass(frozen=True, slots=True)
class Month:
    """A month of a site's time zone: its first day, and the UTC hours (since 1970) it has."""

    first: date
    hours: range

    @property
    def name(self) -> str:
        """Year and month, as in 2026-10."""
        return f"{self.first:%Y-%m}"

    @property
    def last(self) -> date:
        """Its last day."""
        return _next(self.first) - timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Kept:
    """What the mark of an archived month says: `changes` are the votes added and removed in its hours."""

    changes: int
    precision: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """A month and what became of it: `written`, `kept`, `changed` since it was written, or `dropped` before it was."""

    month: Month
    state: str
    files: list[File]


def run(
    engine: Engine,
    site: Site,
    folder: Path,
    *,
    now_ms: int,
    precision: str,
    anew: bool = False,
    complete_until: Callable[[Connection], int] | None = None,
) -> Iterator[Outcome]:
    """Write the closed months that the folder lacks, and with `anew` those that have changed since."""
    with engines.snapshot(engine) as connection:
        until_ms = now_ms if complete_until is None else min(now_ms, complete_until(connection))
        found = [(month, _changes(connection, site, month)) for month in _closed(connection, site, until_ms)]
        start = ledger.start(connection)
    for month, changes in found:
        place = folder / f"site={site.key}" / f"month={month.name}"
        kept = _kept(place)
        if start is not None and month.hours.start * HOUR_MS < max(start.at_ms, start.next_ms or 0):
            yield Outcome(month, "dropped" if kept is None else "kept", [])  # what is written has more than the database
            continue
        if kept is not None and (kept.changes == changes or not anew):
            yield Outcome(month, "kept" if kept.changes == changes else "changed", [])
            continue
        yield Outcome(month, "written", _write(engine, site, month, place, Kept(changes, precision), now_ms))


def _write(engine: Engine, site: Site, month: Month, place: Path, kept: Kept, now_ms: int) -> list[File]:
    about = ReportQuery(first=month.first.isoformat(), last=month.last.isoformat(), time_zone=site.time_zone)
    (place / MARK).unlink(missing_ok=True)  # the month is not whole until it is there again
    with scope.opened(engine, site, Choice(about=about, precision=kept.precision), now_ms=now_ms) as opened:
        written = files.write_folder(opened, list(TABLES.values()), Form("parquet"), place)
    part = place / f"{MARK}{files.PART}"
    part.write_text(json.dumps(asdict(kept)) + "\n", encoding="utf-8")
    part.replace(place / MARK)
    return written


def _kept(place: Path) -> Kept | None:
    """The mark of a month; None if it has none that can be read, as after a run that was cut short."""
    try:
        return Kept(**json.loads((place / MARK).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _closed(connection: Connection, site: Site, now_ms: int) -> Iterator[Month]:
    """The months with reactions that can change no more in the usual course of things, in order."""
    mine = _h.article_id.in_(select(_a.article_id).where(_a.site_id == site.id))
    begin, end = connection.execute(select(func.min(_h.hour_utc), func.max(_h.hour_utc)).where(mine)).one()
    if begin is None:
        return
    zone = ZoneInfo(site.time_zone)
    first = datetime.fromtimestamp(begin * HOUR_MS / 1000, zone).date().replace(day=1)
    while (month := _month(first, zone)).hours.start <= end and month.hours.stop <= closed_before(now_ms):
        yield month
        first = _next(first)


def _month(first: date, zone: ZoneInfo) -> Month:
    return Month(first, range(_hour(first, zone), _hour(_next(first), zone)))


def _hour(day: date, zone: ZoneInfo) -> int:
    return first_hour(datetime(day.year, day.month, day.day, tzinfo=zone))


def _next(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


def _changes(connection: Connection, site: Site, month: Month) -> int:
    before, after = (scope.cursor_at(connection, site, hour).changes for hour in (month.hours.start, month.hours.stop))
    return after - before
