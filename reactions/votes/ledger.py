"""The ledger: one event for each applied change of a vote, appended in the transaction that counts it, never changed.

What an import has replayed is struck out when the import is taken back, with its votes: they were never cast here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, select

from reactions.refusals import ImportConflict
from reactions.storage import tables
from reactions.storage.statements import ManyRows


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


_e, _v = tables.event.c, tables.vote.c
_COLUMNS = ["article_id", "voter", "seq", "from_reaction", "to_reaction", "cause", "at"]
_APPEND = ManyRows(tables.event, _COLUMNS)
_APPEND_HELD = ManyRows(tables.event, [*_COLUMNS, "held"])


def append(connection: Connection, events: Sequence[Event]) -> None:
    """Write the events down."""
    _APPEND.execute(connection, [event[:-1] for event in events if not event.held])
    _APPEND_HELD.execute(connection, [event for event in events if event.held])


def refuse_any_of(connection: Connection, site_key: str, keys: Mapping[int, str]) -> None:
    """Raise ImportConflict if any of these articles, keys by id, has an event."""
    voted = connection.execute(select(_e.article_id).where(_e.article_id.in_(keys)).limit(1)).scalar()
    if voted is not None:
        raise ImportConflict(
            f"{keys[voted][:80]!r} has votes of its own in {site_key}. An export comes back only where there are none."
        )


def strike_out(connection: Connection, article_ids: Collection[int], tag: bytes) -> list[tuple[int, int, str | None, str | None]]:
    """Remove the votes and events of voters that begin with a tag; return the events as `tallies.Shift`."""
    first, last = tag.ljust(16, b"\0"), tag.ljust(16, b"\xff")
    theirs = (_e.article_id.in_(article_ids), _e.voter.between(first, last))
    asked = select(_e.article_id, _e.at, _e.from_reaction, _e.to_reaction).where(*theirs)
    events = [(article_id, at, left, taken_up) for article_id, at, left, taken_up in connection.execute(asked)]
    connection.execute(delete(tables.event).where(*theirs))
    connection.execute(delete(tables.vote).where(_v.article_id.in_(article_ids), _v.voter.between(first, last)))
    return events
