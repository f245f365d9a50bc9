"""Rollups: the hourly series summed by site and hour, and by article and UTC day. Made in the background, of closed hours only.

They hold nothing that the hourly series does not say. `rolled_upto` tells up to which hour they go and under which number of
rewrites of the past; rows beyond that hour may be half-made. A rewrite counts itself there, and lowers the mark to the first hour
that it changed; under another number none of the rows is to be believed. Sums of one hour are the same whoever makes them, so
that two processes that roll up the same day do each other no harm.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, Engine, Table, and_, bindparam, cast, delete, func, select

from reactions.storage import engines, locks, tables
from reactions.storage.statements import ManyRows
from reactions.times import HOUR_MS
from reactions.votes import tallies
from reactions.votes.tallies import READERS_OF_HOUR

DAY_HOURS = 24
_GRACE_HOURS = 2  # in which an hour is left alone: its votes may be late, and every one that is costs the work again
_ROWS_AT_ONCE = 2_000
_PAUSE_S = 0.05  # between two steps, for the votes that wait
_a, _h = tables.article.c, tables.hourly.c
_hours, _days, _upto = tables.rolled_hour.c, tables.rolled_day.c, tables.rolled_upto.c
_SUMS = ("added", "removed", "readers")


class Mark(NamedTuple):
    """Up to which UTC hour there are rollups, and how often the past had been rewritten when they were made."""

    hour: int
    rewrites: int


@dataclass(frozen=True, slots=True)
class RollupDifference:
    """A UTC day of which rollups that claim to be valid differ from the hourly series, in so many rows."""

    day_utc: int
    rows: int


Rows = Mapping[tuple[Any, ...], tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class _Change:
    """What makes one rollup of some hours right: rows to write, whole, and the keys of rows to remove."""

    of: Table
    right: Sequence[tuple[Any, ...]]
    wrong: Sequence[tuple[Any, ...]]


def covered_before(connection: Connection) -> int:
    """The UTC hour before which the rollups say what the hourly series says; 0 if nothing is rolled up, or another past."""
    mark = _mark(connection)
    return mark.hour if mark is not None and mark.rewrites == tallies.rewrites(connection) else 0


def roll_up(engine: Engine, *, now_ms: int, within_s: float) -> bool:
    """Roll up what is closed, a day in a step, for so many seconds; True if it found no more, or another process is at it."""
    deadline = time.monotonic() + within_s
    while advance(engine, now_ms=now_ms):
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE_S)
    return True


def are_complete(engine: Engine, *, now_ms: int) -> bool:
    """True if nothing that is closed is left to roll up."""
    end = now_ms // HOUR_MS - _GRACE_HOURS
    with engines.snapshot(engine) as connection:
        first = _first_hour(connection)
        return first is None or first >= end or covered_before(connection) >= end


def advance(engine: Engine, *, now_ms: int) -> bool:
    """Roll up the next closed hours, of one UTC day at most. False if there are none, or another process is at it."""
    with engines.snapshot(engine) as connection:
        if not locks.alone(connection, locks.ROLLING_UP):
            return False
        mark, rewrites = _mark(connection), tallies.rewrites(connection)
        first, end = _first_hour(connection), now_ms // HOUR_MS - _GRACE_HOURS
        begin = max(mark.hour if mark is not None and mark.rewrites == rewrites else 0, end if first is None else first)
        if begin >= end:
            return False
        upto = Mark(min(end, (begin // DAY_HOURS + 1) * DAY_HOURS), rewrites)
        changes = _changes(connection, range(begin, upto.hour))
    return _written(engine, mark, Mark(begin, rewrites), changes, upto)


def forget(engine: Engine) -> None:
    """Believe no rollup any more, and no sums that were kept: the next run makes all anew."""
    with engines.writing(engine) as connection:
        connection.execute(delete(tables.rolled_upto))
        connection.execute(delete(tables.kept_sums))


def differences(connection: Connection, day_utc: int) -> list[RollupDifference]:
    """How the rollups of a day differ from the hourly series, as far as they claim to be valid; in the caller's snapshot."""
    hours = range(day_utc * DAY_HOURS, min((day_utc + 1) * DAY_HOURS, covered_before(connection)))
    rows = sum(len(change.right) + len(change.wrong) for change in _changes(connection, hours)) if hours else 0
    return [RollupDifference(day_utc, rows)] if rows else []


def days(connection: Connection) -> range:
    """The UTC days that the rollups cover or the hourly series begins with, until the last that is covered in part."""
    covered, first = covered_before(connection), _first_hour(connection)
    return range((first or 0) // DAY_HOURS, -(-covered // DAY_HOURS)) if covered and first is not None else range(0)


def _mark(connection: Connection) -> Mark | None:
    row = connection.execute(select(_upto.hour_utc, _upto.rewrites)).one_or_none()
    return None if row is None else Mark(*row)


def _first_hour(connection: Connection) -> int | None:
    """The first hour that either the series or a rollup, however old, has anything of."""
    first = (func.min(_h.hour_utc), func.min(_hours.hour_utc), func.min(_days.day_utc) * DAY_HOURS)
    known = [connection.execute(select(each)).scalar() for each in first]
    return min((int(hour) for hour in known if hour is not None), default=None)


def _changes(connection: Connection, hours: range) -> list[_Change]:
    """What the rollups of these hours, all of one UTC day, still lack; a day is rolled up once the last of its hours is."""
    changes = [_change(tables.rolled_hour, _by_hour(connection, hours), _rolled_hours(connection, hours))]
    if hours.stop % DAY_HOURS == 0:
        day = (hours.stop - 1) // DAY_HOURS
        changes.append(_change(tables.rolled_day, _by_day(connection, day), _rolled_days(connection, day)))
    return changes


def _change(of: Table, right: Rows, known: Rows) -> _Change:
    missing = [(*key, *sums) for key, sums in sorted(right.items()) if known.get(key) != sums]
    return _Change(of, missing, sorted(known.keys() - right.keys()))


def _by_hour(connection: Connection, hours: range) -> Rows:
    return _sums(connection, hours, _h.hour_utc, _a.site_id, _h.reaction)


def _by_day(connection: Connection, day: int) -> Rows:
    sums = _sums(connection, range(day * DAY_HOURS, (day + 1) * DAY_HOURS), _a.site_id, _h.article_id, _h.reaction)
    return {(day, *rest): moved for rest, moved in sums.items()}


def _sums(connection: Connection, hours: range, *by: Any) -> Rows:
    whole = (cast(func.sum(column), BigInteger) for column in (_h.added, _h.removed, READERS_OF_HOUR))
    asked = select(*by, *whole).join(tables.article, _a.article_id == _h.article_id).group_by(*by)
    rows = connection.execute(asked.where(_h.hour_utc >= hours.start, _h.hour_utc < hours.stop)).all()
    return {tuple(row[: len(by)]): tuple(row[len(by) :]) for row in rows}


def _rolled_hours(connection: Connection, hours: range) -> Rows:
    asked = select(tables.rolled_hour).where(_hours.hour_utc >= hours.start, _hours.hour_utc < hours.stop)
    return {tuple(row[:3]): tuple(row[3:]) for row in connection.execute(asked).all()}


def _rolled_days(connection: Connection, day: int) -> Rows:
    asked = select(tables.rolled_day).where(_days.day_utc == day)
    return {tuple(row[:4]): tuple(row[4:]) for row in connection.execute(asked).all()}


def _written(engine: Engine, mark: Mark | None, begun: Mark, changes: Sequence[_Change], upto: Mark) -> bool:
    """Write the changes in short transactions, the mark in the last one; False if somebody else has moved the mark meanwhile.

    A mark of another past goes first: from then on rows are believed again only as the mark moves on.
    """
    for part in _parts(changes):
        with engines.writing(engine) as connection:
            if not _is_at(connection, {mark, begun}):
                return False
            _set_mark(connection, begun)
            for change in part:
                _write(connection, change)
    with engines.writing(engine) as connection:
        if not _is_at(connection, {mark, begun}):
            return False
        _set_mark(connection, upto)
    return True


def _parts(changes: Sequence[_Change]) -> Iterator[Sequence[_Change]]:
    """The changes in pieces of so many rows."""
    for of, right, wrong in ((change.of, change.right, change.wrong) for change in changes):
        for first in range(0, max(len(right), len(wrong)), _ROWS_AT_ONCE):
            piece = slice(first, first + _ROWS_AT_ONCE)
            yield [_Change(of, right[piece], wrong[piece])]


def _is_at(connection: Connection, marks: set[Mark | None]) -> bool:
    """True if the mark is still one of these; nobody else moves it before this transaction ends."""
    row = connection.execute(select(_upto.hour_utc, _upto.rewrites).with_for_update()).one_or_none()
    return (None if row is None else Mark(*row)) in marks


def _set_mark(connection: Connection, mark: Mark) -> None:
    statement = engines.insert_for(connection)(tables.rolled_upto).values(id=1, hour_utc=mark.hour, rewrites=mark.rewrites)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["id"], set_={"hour_utc": mark.hour, "rewrites": mark.rewrites})
    )


def _write(connection: Connection, change: _Change) -> None:
    _WRITE[change.of.name].execute(connection, change.right)
    if change.wrong:
        key = [column.name for column in change.of.primary_key]
        same = and_(*(change.of.c[name] == bindparam(f"of_{name}") for name in key))
        connection.execute(
            delete(change.of).where(same), [{f"of_{k}": v for k, v in zip(key, row, strict=True)} for row in change.wrong]
        )


def _writer(of: Table) -> ManyRows:
    def replace(insert: Any) -> Any:
        return insert.on_conflict_do_update(index_elements=list(of.primary_key), set_={n: insert.excluded[n] for n in _SUMS})

    return ManyRows(of, [column.name for column in of.columns], replace)


_WRITE = {of.name: _writer(of) for of in (tables.rolled_hour, tables.rolled_day)}
