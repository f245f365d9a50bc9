"""The ledger: one event for each applied change of a vote, appended in the transaction that counts it, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from reactions import models
from reactions.statements import ManyRows


class Event(NamedTuple):
    """A vote's move from one reaction to another; None stands for no reaction. `at_ms` is UTC."""

    article_id: int
    voter: bytes
    seq: int
    left: str | None
    taken_up: str | None
    cause: str
    at_ms: int


_APPEND = ManyRows(models.event, ["article_id", "voter", "seq", "from_reaction", "to_reaction", "cause", "at"])


def append(connection: Connection, events: Sequence[Event]) -> None:
    """Write the events down."""
    _APPEND.execute(connection, events)
