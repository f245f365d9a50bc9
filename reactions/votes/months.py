"""Old months of the ledger: their events go, and every number stays. An operator's choice: docs/decisions/0022-months.md.

The votes stay, so readers change and withdraw old ones as before. What the events amounted to goes to `dropped`, by article and
reaction, and the ledger starts later (`ledger.Start`). Where the ledger is partitioned, a month goes as a whole: everything is
computed beside the votes, and one transaction takes it on, in which only the last statements keep votes waiting. Elsewhere the
events go in small steps, voter by voter. A run that was cut short is finished by the next one; of two at once, one finds that the
other has done the work.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, delete, exists, func, select, tuple_, union
from sqlalchemy.exc import DBAPIError

from reactions.refusals import MigrationRefused
from reactions.storage import connecting, engines, lists, outages, partitions, tables
from reactions.storage.engines import insert_for
from reactions.storage.partitions import Partition
from reactions.times import DAY_MS
from reactions.votes import integrity, ledger, retention, sealing
from reactions.votes.ballot_box import BallotBox
from reactions.votes.ledger import Event, Start, Voter
from reactions.votes.retention import Gone
from reactions.votes.rules import BRING_A_READER

CAUSE = "months"
_ARTICLES_AT_ONCE = 500
_GIVE_UP_S = 900.0
# PostgreSQL would compile each query anew, for longer than it runs; and keep on disk what it groups.
_FOR_FOLDS = "SET LOCAL jit = off; SET LOCAL work_mem = '64MB'"
_PAUSE_S = 0.5
_LOCK_MS = 150  # of the ledger: with the drop after it, less than the half second for which a vote waits
_OLD_LOCK_MS = 10_000  # of an old month, into which nobody votes: longer than a vacuum takes to give way
_a, _v, _e, _s = tables.article.c, tables.vote.c, tables.event.c, tables.ledger_start.c


class Dropped(NamedTuple):
    """A piece of the ledger that went: everything before `until_ms`. How many events, and how long it took (s), in all and with
    the ledger locked. `partition` is the one that went with it.
    """

    until_ms: int
    events: int
    took_s: float
    locked_s: float
    partition: str | None


class _Base(NamedTuple):
    """What the events before a moment amount to, and the state of the ledger in which that is so."""

    amounts: Mapping[tuple[int, str], Gone]
    events: int
    state: tuple[int, int]
    start: Start | None


class _ChangedMeanwhileError(Exception):
    """The ledger is no longer the one whose base was computed."""


def last_moment(now_ms: int, *, keep_months: int) -> int:
    """Before when (UTC ms) events may go. So many months are kept beside the present one, which begins a day late."""
    return partitions.month_of(now_ms - DAY_MS, later=-keep_months)


def planned(connection: Connection, until_ms: int) -> list[Partition]:
    """The partitions that may go by now, oldest first; the last one with no name stands for events that go in steps."""
    whole = [each for each in partitions.listed(connection) if each.until_ms is not None and each.until_ms <= until_ms]
    start = ledger.start(connection)
    if start is not None and start.next_ms is not None:
        return [Partition("", None, start.next_ms), *whole]
    if partitions.is_partitioned(connection):
        return whole
    there = connection.execute(select(_e.seq).where(_e.at < until_ms).limit(1)).scalar() is not None
    return [Partition("", None, until_ms)] if there else []


def drop(engine: Engine, box: BallotBox, *, keep_months: int, now_ms: Callable[[], int], check: bool = True) -> Iterator[Dropped]:
    """Drop the months that are over for longer than `keep_months`, oldest first; yield each piece that went.

    The days until now are sealed first. With `check`, every event that goes is read once more beside its seal.
    Raises MigrationRefused if a seal is broken, or if others hold the ledger locked for a quarter of an hour.
    """
    until_ms = last_moment(now_ms(), keep_months=keep_months)
    sealing.seal(engine, now_ms=now_ms())
    with engine.connect() as connection:
        pieces = planned(connection, until_ms)
    for piece in pieces:
        assert piece.until_ms is not None
        began = time.monotonic()
        if check:
            _refuse_broken(engine, piece.until_ms)
        if piece.name:
            events, locked_s = _drop_partition(engine, piece.name, piece.until_ms, now_ms)
        else:
            events, locked_s = _drop_in_steps(box, piece.until_ms, now_ms), 0.0
        yield Dropped(piece.until_ms, events, time.monotonic() - began, locked_s, piece.name or None)


def _refuse_broken(engine: Engine, until_ms: int) -> None:
    with engines.snapshot(engine) as connection:
        connecting.with_timeouts(connection, statement_ms=0, lock_ms=1_000)
        broken = sealing.differences(connection, until=until_ms // DAY_MS)
    if broken:
        raise MigrationRefused(f"Nothing was dropped, because then nobody could look into this any more: {broken[0]}")


def _drop_partition(engine: Engine, name: str, until_ms: int, now_ms: Callable[[], int]) -> tuple[int, float]:
    """Drop a partition that is the oldest; how many events that were, and for how long (s) the ledger was locked."""
    give_up = time.monotonic() + _GIVE_UP_S
    base: _Base | None = None
    while True:
        try:
            base = base or _base_of(engine, until_ms)
            return base.events, _take_away(engine, name, until_ms, base, now_ms())
        except _ChangedMeanwhileError:
            base = None
            with engine.connect() as connection:
                if name not in {each.name for each in partitions.listed(connection)}:
                    return 0, 0.0  # another run was first
        except DBAPIError as error:
            if not outages.waited_for_lock(error) or time.monotonic() > give_up:
                raise
        time.sleep(_PAUSE_S)


def _base_of(engine: Engine, until_ms: int) -> _Base:
    """What the events before a moment amount to. Read in a snapshot that keeps no vote waiting."""
    with engines.snapshot(engine) as connection:
        connecting.with_timeouts(connection, statement_ms=0, lock_ms=1_000)
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(_FOR_FOLDS)
        start, later = ledger.start(connection), Start(until_ms)
        amounts: dict[tuple[int, str], Gone] = {}
        every = _articles_before(connection, until_ms)
        for first in range(0, len(every), _ARTICLES_AT_ONCE):
            ids = every[first : first + _ARTICLES_AT_ONCE]
            events = integrity.numbers(connection, integrity.folded(ids, until_ms=until_ms))
            readers = Counter(integrity.numbers(connection, integrity.first_votes(ids, start)))
            readers.subtract(integrity.numbers(connection, integrity.first_votes(ids, later, since_ms=until_ms)))
            for key in events.keys() | readers.keys():
                if events.get(key) or readers.get(key):
                    amounts[key] = Gone(events=events.get(key, 0), readers=readers.get(key, 0))
        count = connection.execute(select(func.count()).select_from(tables.event).where(_e.at < until_ms)).scalar_one()
        return _Base(amounts, count, sealing.state(connection), start)


def _articles_before(connection: Connection, until_ms: int) -> Sequence[int]:
    """The articles that had votes before a moment, or events."""
    seen = select(_a.article_id).where(_a.first_seen_at < until_ms)
    voted = select(_e.article_id).where(_e.at < until_ms).distinct()
    return connection.execute(union(seen, voted)).scalars().all()


def _take_away(engine: Engine, name: str, until_ms: int, base: _Base, now_ms: int) -> float:
    """Take on the base and drop the partition, in one transaction; for how long (s) the ledger was locked.

    Raises _ChangedMeanwhileError, and changes nothing, if events have come or gone since the base was computed.
    """
    with engines.writing(engine) as connection:
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = {_OLD_LOCK_MS}")
        sealing.take_turn(connection)
        there = {each.name for each in partitions.listed(connection)}  # another run may have been first, before the base was read
        if name not in there or (sealing.state(connection), ledger.start(connection)) != (base.state, base.start):
            raise _ChangedMeanwhileError
        with ledger.procedure(connection, CAUSE, at_ms=now_ms, beside=base.events):
            count = partitions.count_locked(connection, name)
            retention.take_on(connection, base.amounts)
            sealing.drop_days(connection, until=until_ms // DAY_MS)
            _move_start(connection, Start(until_ms))
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_LOCK_MS}")
            locked = time.monotonic()
            partitions.drop(connection, name)
            count += connection.execute(delete(tables.event).where(_e.at < until_ms)).rowcount  # in the default partition
            if count != base.events:
                raise _ChangedMeanwhileError
    return time.monotonic() - locked


def _move_start(connection: Connection, start: Start) -> None:
    article_id, voter = start.done or (None, None)
    row = {"id": 1, "at": start.at_ms, "next_at": start.next_ms, "article_id": article_id, "voter": voter}
    statement = insert_for(connection)(tables.ledger_start).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=row))


def _drop_in_steps(box: BallotBox, until_ms: int, now_ms: Callable[[], int]) -> int:
    """Drop the events before a moment, some voters in each transaction; how many events that were."""
    events = 0
    while (step := box.transact(lambda connection: _drop_some(connection, until_ms, now_ms()))) is not None:
        count, rest_s = step
        events += count
        time.sleep(rest_s)
    return events


def _drop_some(connection: Connection, until_ms: int, now_ms: int) -> tuple[int, float] | None:
    """Drop the events of the next voters; how many, and for how long to rest (s). None if the ledger starts there now."""
    sealing.take_turn(connection)
    start = ledger.start(connection) or Start(0)
    if start.at_ms >= until_ms:
        return None
    if start.next_ms is None:
        start = Start(start.at_ms, until_ms)
    most, rest_s = (
        (retention.AT_ONCE, retention.REST_S) if connection.dialect.name == "sqlite" else (retention.AT_ONCE_BESIDE, 0.0)
    )
    voters = _next_voters(connection, start, most)
    if not voters:
        _move_start(connection, Start(until_ms))
        return 0, 0.0
    count = _drop_of(connection, voters, start, now_ms)
    _move_start(connection, Start(start.at_ms, start.next_ms, voters[-1]))
    return count, rest_s


def _next_voters(connection: Connection, start: Start, most: int) -> Sequence[Voter]:
    """The voters after those that are done who have events before the new start, or voted then and have later events."""
    beyond = [] if start.done is None else [start.done]
    parts = []
    for columns, old in ((_e, _e.at < start.next_ms), (_v, _has_events_since(start))):
        key = tuple_(columns.article_id, columns.voter)
        after = [key > done for done in beyond]
        found = select(columns.article_id, columns.voter).where(old, *after).order_by(columns.article_id, columns.voter)
        parts.append(select(found.distinct().limit(most).subquery()))
    both = union(*parts).subquery().c
    rows = connection.execute(select(both.article_id, both.voter).order_by(both.article_id, both.voter).limit(most))
    return [(article_id, bytes(voter)) for article_id, voter in rows]


def _has_events_since(start: Start) -> ColumnElement[bool]:
    events = exists().where(_e.article_id == _v.article_id, _e.voter == _v.voter)
    return (_v.cast_at >= start.at_ms) & (_v.cast_at < start.next_ms) & events


def _drop_of(connection: Connection, voters: Sequence[Voter], start: Start, now_ms: int) -> int:
    """Drop the events of some voters before the new start, and take on what they amount to."""
    assert start.next_ms is not None
    theirs = ledger.EVENTS.where(lists.of_voters(connection, _e, voters)).order_by(_e.article_id, _e.voter, _e.seq)
    events = [Event(*row)._replace(voter=bytes(row.voter)) for row in connection.execute(theirs)]
    cast = select(_v.article_id, _v.voter, _v.cast_at).where(lists.of_voters(connection, _v, voters))
    cast_at = {(article_id, bytes(voter)): at for article_id, voter, at in connection.execute(cast)}
    left = [event for event in events if event.at_ms >= start.next_ms]
    gone = [event for event in events if event.at_ms < start.next_ms]
    base: dict[tuple[int, str], Counter[str]] = defaultdict(Counter)
    for event in gone:
        if not event.held:
            base[event.article_id, event.taken_up or ""]["events"] += 1
            base[event.article_id, event.left or ""]["events"] -= 1
    for sign, there, begin in ((1, events, start.at_ms), (-1, left, start.next_ms)):
        for key, n in _first(there, cast_at, Start(begin)).items():
            base[key]["readers"] += sign * n
    if gone:
        with ledger.procedure(connection, CAUSE, at_ms=now_ms) as removed:
            connection.execute(delete(tables.event).where(lists.of_voters(connection, _e, voters), _e.at < start.next_ms))
            removed += gone
    retention.take_on(connection, {key: Gone(**n) for key, n in base.items() if key[1] and any(n.values())})
    return len(gone)


def _first(events: Iterable[Event], cast_at: Mapping[Voter, int], start: Start) -> Counter[tuple[int, str]]:
    """How many readers voted first by these events, each voter's in order, in a ledger with this start."""
    readers: Counter[tuple[int, str]] = Counter()
    seen: set[Voter] = set()
    for event in events:
        voter = event.article_id, event.voter
        if not event.held and event.taken_up is not None and voter not in seen:
            seen.add(voter)
            cast = cast_at.get(voter)
            earlier = cast is not None and start.counted_earlier(voter, cast_at=cast, at_ms=event.at_ms)
            if event.cause in BRING_A_READER and not earlier:
                readers[event.article_id, event.taken_up] += 1
    return readers
