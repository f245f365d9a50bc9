"""The ledger's digests: one for each day that is over, each chained to the one before.

A day's digest is the sum of its events' hashes, so their order does not matter, and what a named procedure removes is accounted
for by a correction. An event that was changed, removed or added in any other way makes the sums differ, and `differences` names
its day. What dropped votes amount to has a sum of its own, `DROPPED`, which only its correction may change. Somebody
who may write to the database could also compute the digests anew; then the last chain value differs from the one that `reactions
seal` printed before, which is why it belongs in a log elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from sqlalchemy import Connection, Engine, delete, func, insert, select, true

from reactions.storage import tables
from reactions.storage.engines import insert_for, snapshot, writing
from reactions.times import DAY_MS, HOUR_MS

_ALONE = 0x6C65646765  # among PostgreSQL's advisory locks, the one of what changes the ledger
_BYTES = 64
DROPPED = -1  # in place of a day
_MODULUS = 1 << (8 * _BYTES)
_START = b"\0" * _BYTES
_SETTLED_MS = HOUR_MS  # a ballot is counted some seconds after the time it bears
_e, _d, _c = tables.event.c, tables.ledger_digest.c, tables.ledger_correction.c
_GONE = select(*tables.dropped.c)


class _Event(Iterable[object], Protocol):
    @property
    def at_ms(self) -> int: ...


class Sum(NamedTuple):
    """How many events, and the sum of their hashes."""

    events: int = 0
    digest: int = 0


class SealBroken(NamedTuple):
    """A day whose events are not those that were sealed: how many there were then and are now."""

    day: int
    sealed: int
    found: int
    chained: bool

    def __str__(self) -> str:
        if self.day == DROPPED:
            return "What dropped votes amount to (the table `dropped`) was changed by other means than retention."
        what = "its events are not those that were sealed" if self.chained else "its digest is not the one that was chained"
        return f"The ledger of day {self.day * DAY_MS} ms: {what} ({self.sealed:,} sealed, {self.found:,} there)."


def seal(engine: Engine, *, now_ms: int) -> tuple[int, str]:
    """Seal the days that are over and are not sealed yet; how many those were, and the last chain value.

    Every event is read once, in a snapshot that keeps no vote waiting; again if a procedure changed the ledger meanwhile.
    """
    until = (now_ms - _SETTLED_MS) // DAY_MS
    while True:
        with snapshot(engine) as connection:
            before = state(connection)
            sums = _sums(connection, first=before[0] + 1, until=until)
        with writing(engine) as connection:
            take_turn(connection)
            if state(connection) == before:
                return len(sums), _write(connection, sums).hex()


def take_turn(connection: Connection) -> None:
    """Wait until no other transaction changes the ledger or its corrections."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ALONE})")


def _write(connection: Connection, sums: Mapping[int, Sum]) -> bytes:
    _, chain = _last(connection)
    for day, total in sorted(sums.items()):
        digest = total.digest.to_bytes(_BYTES, "big")
        chain = _chained(chain, day, total.events, digest)
        row = {"day": day, "events": total.events, "digest": digest, "chain": chain}
        connection.execute(insert(tables.ledger_digest).values(row))
    return chain


def correct(connection: Connection, events: Sequence[_Event], *, sign: int = 1) -> None:
    """Account for events of sealed days that a named procedure removed (or, with sign -1, an import brought)."""
    last, _ = _last(connection)
    corrections: dict[int, Sum] = {}
    for event in events:
        if (day := event.at_ms // DAY_MS) <= last:
            before = corrections.get(day, Sum())
            corrections[day] = Sum(before.events + sign, before.digest + sign * _hash(event))
    _account(connection, corrections)


def correct_dropped(connection: Connection, before: Collection[Iterable[object]], after: Collection[Iterable[object]]) -> None:
    """Account for rows of `dropped` that a named procedure has changed."""
    digest = sum(map(_hash, before)) - sum(map(_hash, after))
    _account(connection, {DROPPED: Sum(len(before) - len(after), digest)})


def _account(connection: Connection, corrections: Mapping[int, Sum]) -> None:
    for day, more in corrections.items():
        found = connection.execute(select(_c.events, _c.digest).where(_c.day == day)).one_or_none()
        before = Sum(found.events, int.from_bytes(found.digest, "big")) if found else Sum()
        digest = ((before.digest + more.digest) % _MODULUS).to_bytes(_BYTES, "big")
        statement = insert_for(connection)(tables.ledger_correction)
        changed = {"events": statement.excluded.events, "digest": statement.excluded.digest}
        row = {"day": day, "events": before.events + more.events, "digest": digest}
        connection.execute(statement.values(row).on_conflict_do_update(index_elements=["day"], set_=changed))


def drop_days(connection: Connection, *, until: int) -> None:
    """Account for the days before `until`, all of whose events go: what was sealed of them is what is missing from now on.

    Their digests stay, links of the chain as before.
    """
    connection.execute(delete(tables.ledger_correction).where(_c.day != DROPPED, _c.day < until))
    whole = select(_d.day, _d.events, _d.digest).where(_d.day < until)
    connection.execute(insert(tables.ledger_correction).from_select(["day", "events", "digest"], whole))


def state(connection: Connection) -> tuple[int, int]:
    """What another sealing, or a procedure, would change."""
    return _last(connection)[0], connection.execute(select(func.count()).select_from(tables.ledger_procedure)).scalar_one()


def differences(connection: Connection, *, until: int | None = None) -> list[SealBroken]:
    """The sealed days whose events, corrections counted in, are not what was sealed. Reads every event once.

    With `until`, the days before that one alone.
    """
    last, _ = _last(connection)
    found = _sums(connection, first=None, until=last + 1 if until is None else until)
    if until is None:
        gone = connection.execute(_GONE).all()
        found[DROPPED] = Sum(len(gone), sum(map(_hash, gone)))
    corrected = true() if until is None else (_c.day != DROPPED) & (_c.day < until)
    sealed = true() if until is None else _d.day < until
    for day, events, digest in connection.execute(select(_c.day, _c.events, _c.digest).where(corrected)):
        before = found.get(day, Sum())
        found[day] = Sum(before.events + events, before.digest + int.from_bytes(digest, "big"))
    broken, chain = [], _START
    digests = select(_d.day, _d.events, _d.digest, _d.chain).where(sealed).order_by(_d.day)
    for day, events, digest, chained in connection.execute(digests):
        there = found.pop(day, Sum())
        chain = _chained(chain, day, events, digest)
        intact = chain == chained
        if not intact or there.events != events or there.digest % _MODULUS != int.from_bytes(digest, "big"):
            broken.append(SealBroken(day, events, there.events, intact))
        chain = chained
    return broken + [SealBroken(day, 0, there.events, True) for day, there in found.items() if there.digest % _MODULUS]


def _last(connection: Connection) -> tuple[int, bytes]:
    """The last sealed day and its chain value."""
    row = connection.execute(select(_d.day, _d.chain).order_by(_d.day.desc()).limit(1)).one_or_none()
    return (row.day, bytes(row.chain)) if row else (-1, _START)


def _sums(connection: Connection, *, first: int | None, until: int) -> dict[int, Sum]:
    """The sums of days, up to but without `until`."""
    asked = select(_e.article_id, _e.voter, _e.seq, _e.from_reaction, _e.to_reaction, _e.cause, _e.at, _e.held).where(
        _e.at < until * DAY_MS, *(() if first is None else (_e.at >= first * DAY_MS,))
    )
    sums: dict[int, Sum] = {}
    with connection.execute(asked, execution_options={"stream_results": True, "max_row_buffer": 1000}) as rows:
        for row in rows:
            before = sums.get(day := row.at // DAY_MS, Sum())
            sums[day] = Sum(before.events + 1, (before.digest + _hash(row)) % _MODULUS)
    return sums


def _hash(event: Iterable[object]) -> int:
    parts = [bytes(part).hex() if isinstance(part, bytes | memoryview) else part for part in event]
    return int.from_bytes(hashlib.sha512(repr(parts).encode()).digest(), "big")


def _chained(chain: bytes, day: int, events: int, digest: bytes) -> bytes:
    return hashlib.sha512(chain + f"{day}|{events}|".encode() + bytes(digest)).digest()
