"""The ledger: one event for each applied change of a vote, appended in the transaction that counts it, never changed.

The database refuses to change or delete an event outside of `procedure`, which only a few named ones use: removing an import
that brought votes, deleting an article, removing made-up ones, dropping old votes or months, and forgetting a reader. What they
change is recorded, and accounted for in the digests of `sealing`.

Once `months` has dropped its first months, the ledger has a `Start`. Whether a vote is a reader's first is then told by
`vote.cast_at`: events before the start are not there to tell it.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    bindparam,
    case,
    delete,
    insert,
    literal,
    select,
    tuple_,
    union_all,
    update,
)

from reactions.refusals import ImportConflict
from reactions.storage import lists, tables
from reactions.storage.statements import ManyRows
from reactions.votes import sealing
from reactions.votes.rules import BRING_A_READER
from reactions.votes.tallies import Shift

Voter = tuple[int, bytes]


class Event(NamedTuple):
    """A vote's move from one reaction to another; None stands for no reaction. `at_ms` is UTC.

    The events that are not `held` add up to the counts. What happens to a vote while it is held is told by held events; holding
    it moves it to None, and releasing it moves it back from None.
    """

    article_id: int
    voter: bytes
    seq: int
    left: str | None
    taken_up: str | None
    cause: str
    at_ms: int
    held: bool = False


class Start(NamedTuple):
    """Where the ledger starts (UTC ms). While it moves to `next_ms`, that holds already for the votes up to the voter `done`."""

    at_ms: int
    next_ms: int | None = None
    done: Voter | None = None

    def of(self, voter: Voter) -> int:
        """Where the ledger of one vote starts."""
        return self.next_ms if self.next_ms is not None and self.done is not None and voter <= self.done else self.at_ms

    def counted_earlier(self, voter: Voter, *, cast_at: int, at_ms: int) -> bool:
        """True if a vote cast at `cast_at` had counted before the first of its events that is still there, at `at_ms`."""
        return cast_at < min(self.of(voter), at_ms)

    @property
    def of_vote(self) -> ColumnElement[int]:
        """Where the ledger of a row of `vote` starts."""
        if self.next_ms is None or self.done is None:
            return literal(self.at_ms, BigInteger)
        return case((tuple_(_v.article_id, _v.voter) <= self.done, literal(self.next_ms, BigInteger)), else_=self.at_ms)


_e, _v, _p, _s = tables.event.c, tables.vote.c, tables.ledger_procedure.c, tables.ledger_start.c
_COLUMNS = ("article_id", "voter", "seq", "from_reaction", "to_reaction", "cause", "at")
EVENTS = select(*(_e[name] for name in (*_COLUMNS, "held")))
_APPEND = ManyRows(tables.event, _COLUMNS)
_APPEND_HELD = ManyRows(tables.event, [*_COLUMNS, "held"])


def append(connection: Connection, events: Sequence[Event]) -> None:
    """Write the events down."""
    _APPEND.execute(connection, [event[:-1] for event in events if not event.held])
    _APPEND_HELD.execute(connection, [event for event in events if event.held])


def refuse_any_of(connection: Connection, site_key: str, keys: Mapping[int, str]) -> None:
    """Raise ImportConflict if any of these articles, keys by id, has an event, or had some that were dropped."""
    gone = tables.dropped.c.article_id
    had = union_all(select(_e.article_id).where(_e.article_id.in_(keys)), select(gone).where(gone.in_(keys)))
    voted = connection.execute(had.limit(1)).scalar()
    if voted is not None:
        raise ImportConflict(
            f"{keys[voted][:80]!r} already has votes in {site_key}, and the export brings its own. Restore it into an empty site "
            f"(`reactions site add`), or delete the articles that are in both first: `reactions article delete {site_key} KEY`."
        )


def start(connection: Connection) -> Start | None:
    """Where the ledger starts, if months were dropped."""
    row = connection.execute(select(_s.at, _s.next_at, _s.article_id, _s.voter)).one_or_none()
    if row is None:
        return None
    done = None if row.article_id is None else (row.article_id, bytes(row.voter))
    return Start(row.at, row.next_at, done)


def counted_before(connection: Connection, voters: Collection[Voter]) -> set[Voter]:
    """Those of the voters whose vote on the article has counted at some time, or may have, before the ledger starts."""
    asked = select(_e.article_id, _e.voter).where(
        lists.of_voters(connection, _e, voters), _e.held.is_(False), _e.to_reaction.is_not(None)
    )
    known = {(article_id, bytes(voter)) for article_id, voter in connection.execute(asked.distinct())}
    if (begin := start(connection)) is not None:  # asked after the events: they go in the transaction that moves the start
        old = select(_v.article_id, _v.voter).where(lists.of_voters(connection, _v, voters), _v.cast_at < begin.of_vote)
        known |= {(article_id, bytes(voter)) for article_id, voter in connection.execute(old)}
    return known


@contextmanager
def procedure(connection: Connection, what: str, *, at_ms: int, beside: int = 0) -> Iterator[list[Event]]:
    """Open the ledger to the rest of the caller's transaction; append to the list what is removed from it.

    So many more events are removed `beside` these; the caller accounts for them.

    One procedure runs at a time. It is on record, with how many events it removed, and nobody else sees the ledger open.
    """
    sealing.take_turn(connection)
    record = {"id": uuid.uuid4().hex, "what": what, "at": at_ms, "events": 0, "open": True}
    connection.execute(insert(tables.ledger_procedure).values(record))
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("GRANT UPDATE, DELETE ON event TO CURRENT_USER")
    removed: list[Event] = []
    yield removed
    sealing.correct(connection, removed)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("REVOKE UPDATE, DELETE ON event FROM CURRENT_USER")
    done = update(tables.ledger_procedure).where(_p.id == record["id"])
    connection.execute(done.values(open=False, events=len(removed) + beside))


def strike_out(connection: Connection, article_ids: Collection[int], tag: bytes, *, what: str, at_ms: int) -> list[Shift]:
    """Remove the votes and events of voters that begin with a tag; return the events as changes of tallies."""
    of_event = _e.article_id.in_(article_ids) & _of_tag(_e.voter, tag)
    of_vote = _v.article_id.in_(article_ids) & _of_tag(_v.voter, tag)
    return _strike_out(connection, of_event, of_vote, what=what, at_ms=at_ms)


def strike_out_voters(connection: Connection, voters: Collection[Voter], *, what: str, at_ms: int) -> list[Shift]:
    """Remove the votes and events of some voters on some articles; return the events as changes of tallies."""
    of_event, of_vote = lists.of_voters(connection, _e, voters), lists.of_voters(connection, _v, voters)
    return _strike_out(connection, of_event, of_vote, what=what, at_ms=at_ms)


def rename(connection: Connection, to: Mapping[Voter, bytes], *, what: str, at_ms: int) -> None:
    """Give voters other names in their events."""
    sealing.take_turn(connection)  # before reading: another procedure may be removing these events
    theirs = EVENTS.where(lists.of_voters(connection, _e, to))
    events = [Event(*row) for row in connection.execute(theirs)]
    if not events:
        return
    with procedure(connection, what, at_ms=at_ms) as removed:
        connection.execute(_RENAME, [{"a": article_id, "v": voter, "to": new} for (article_id, voter), new in to.items()])
        removed += events
    renamed = [event._replace(voter=to[event.article_id, bytes(event.voter)]) for event in events]
    sealing.correct(connection, renamed, sign=-1)


_RENAME = update(tables.event).where(_e.article_id == bindparam("a"), _e.voter == bindparam("v")).values(voter=bindparam("to"))


def account_for(connection: Connection, article_ids: Collection[int], tag: bytes, *, at_ms: int) -> None:
    """Let the digests of sealed days expect the events of voters that begin with a tag: an import has brought them."""
    sealing.take_turn(connection)
    theirs = EVENTS.where(_e.article_id.in_(article_ids), _of_tag(_e.voter, tag))
    brought = [Event(*row) for row in connection.execute(theirs)]
    sealing.correct(connection, brought, sign=-1)
    record = {"id": uuid.uuid4().hex, "what": "restore", "at": at_ms, "events": len(brought), "open": False}
    connection.execute(insert(tables.ledger_procedure).values(record))


def shifts_of(events: Iterable[Event]) -> Iterator[Shift]:
    """The events that count, as changes of the series; those of a voter must come in the order of seq.

    A voter's first event that counts a reaction brings a reader, unless an editor brought it.
    """
    seen: set[Voter] = set()
    for event in events:
        if not event.held:
            voter = event.article_id, bytes(event.voter)
            first = event.taken_up is not None and voter not in seen and event.cause in BRING_A_READER
            if event.taken_up is not None:
                seen.add(voter)
            yield Shift(event.article_id, event.at_ms, event.left, event.taken_up, first)


def _strike_out(
    connection: Connection, of_event: ColumnElement[bool], of_vote: ColumnElement[bool], *, what: str, at_ms: int
) -> list[Shift]:
    sealing.take_turn(connection)
    # First, because whoever is changing one of these votes is then waited for: their events would go unread otherwise.
    connection.execute(delete(tables.vote).where(of_vote))
    events = [Event(*row) for row in connection.execute(EVENTS.where(of_event))]
    if events:
        with procedure(connection, what, at_ms=at_ms) as removed:
            connection.execute(delete(tables.event).where(of_event))
            removed += events
    return list(shifts_of(sorted(events, key=lambda event: event.seq)))


def _of_tag(voter: ColumnElement[bytes], tag: bytes) -> ColumnElement[bool]:
    return voter.between(tag.ljust(16, b"\0"), tag.ljust(16, b"\xff"))
