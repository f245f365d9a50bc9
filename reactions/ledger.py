"""The ledger: one event for each applied change of a vote, appended in the transaction that counts it, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert

from reactions import models


@dataclass(frozen=True, slots=True)
class Event:
    """A vote's move from one reaction to another; None stands for no reaction. `at_ms` is UTC."""

    article_id: int
    voter: bytes
    seq: int
    left: str | None
    taken_up: str | None
    cause: str
    at_ms: int


_APPEND = insert(models.event)


def append(connection: Connection, events: Sequence[Event]) -> None:
    """Write the events down."""
    if events:
        connection.execute(
            _APPEND,
            [
                {
                    "article_id": event.article_id,
                    "voter": event.voter,
                    "seq": event.seq,
                    "from_reaction": event.left,
                    "to_reaction": event.taken_up,
                    "cause": event.cause,
                    "at": event.at_ms,
                }
                for event in events
            ],
        )
