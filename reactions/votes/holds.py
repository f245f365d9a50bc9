"""Holds: votes that are kept and not counted, until they are released or rejected.

`vote.held` says whether a vote counts; a row of `hold` says why not, and until when. The states of a hold:

- `suspect`: the vote counts; a verdict names it, and nobody has decided yet
- `held`: the vote does not count; it is released when it is due, unless somebody rejects it
- `released`: the vote counts
- `rejected`: the vote does not count and never will, unless the rejection is undone
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, delete, literal_column, null, select

from reactions.storage import lists, tables
from reactions.storage.engines import insert_for
from reactions.storage.statements import ManyRows
from reactions.votes.tokens import ABSENT, Past

SUSPECT, HELD, RELEASED, REJECTED = STATES = ("suspect", "held", "released", "rejected")
NOT_COUNTED = (HELD, REJECTED)
WAITING = (HELD, SUSPECT)
SOFT_CAP, VERDICT = "soft cap", "verdict"

_h = tables.hold.c


class Sender(NamedTuple):
    """Who sent a ballot, as far as trust goes: keyed hashes of the network, narrowest first, whether the reader is proven, and by
    what past; how their token stands.
    """

    networks: tuple[str, ...]
    proven: bool
    past: Past | None = None
    standing: str = ABSENT


class Hold(NamedTuple):
    """Why a ballot is held, the network that it came from, and when it is released unless somebody rejects it (UTC ms)."""

    cause: str
    due_at_ms: int
    network: str | None = None
    verdict: str | None = None


class Held(NamedTuple):
    """A vote and why it is held; or why it is suspect."""

    article_id: int
    voter: bytes
    site_id: int
    at_ms: int
    hold: Hold


def id_of(article_id: int, voter: bytes) -> str:
    """The name by which a held vote is reviewed: it tells no pseudonym, and no reader's other votes."""
    return hashlib.blake2b(b"%d|%b" % (article_id, voter), digest_size=8).hexdigest()


def record(connection: Connection, held: Sequence[Held], *, state: str = HELD) -> None:
    """Write down why votes are held, or suspect. What was decided stays as it is."""
    rows = [_row(each, state) for each in sorted(held, key=lambda each: each[:2])]
    (_SUSPECTS if state == SUSPECT else _HOLDS).execute(connection, rows)


def _row(held: Held, state: str) -> tuple[Any, ...]:
    article_id, voter, site_id, at_ms, hold = held
    name = id_of(article_id, voter)
    return article_id, voter, site_id, name, state, hold.cause, hold.network, hold.verdict, at_ms, hold.due_at_ms


def _unless_in_force(*before: str) -> Callable[[Any], Any]:
    """Write over a hold that is in one of these states, and no other."""
    settable: ColumnElement[str] = literal_column(", ".join(f"'{state}'" for state in before))

    def conflict(insert: Any) -> Any:
        anew = {name: insert.excluded[name] for name in ("state", "cause", "network", "verdict", "at", "due_at")}
        return insert.on_conflict_do_update(
            index_elements=["article_id", "voter"],
            set_={**anew, "settled_at": null(), "settled_by": null()},
            where=_h.state.in_([settable]),
        )

    return conflict


def _if_held_without_verdict(insert: Any) -> Any:
    """Let a hold that no verdict names be named by this one, which holds it for longer; leave every other as it is."""
    anew = {name: insert.excluded[name] for name in ("verdict", "due_at")}
    where = (_h.state == literal_column(f"'{HELD}'")) & _h.verdict.is_(None)
    return insert.on_conflict_do_update(index_elements=["article_id", "voter"], set_=anew, where=where)


def remove(connection: Connection, voters: Collection[tuple[int, bytes]]) -> None:
    """Remove the holds of votes that go, by article and voter, in the transaction that has removed these.

    Nobody would find a hold without its vote: not who reviews, and not who wants to be forgotten.
    """
    connection.execute(delete(tables.hold).where(lists.of_voters(connection, _h, voters)))


_ROW = ["article_id", "voter", "site_id", "id", "state", "cause", "network", "verdict", "at", "due_at"]
_HOLDS = ManyRows(tables.hold, _ROW, _unless_in_force(RELEASED, SUSPECT))
_SUSPECTS = ManyRows(tables.hold, _ROW, _if_held_without_verdict)


def move(connection: Connection, article_id: int, voters: Collection[bytes], *, into: int) -> None:
    """Let the holds of votes that a merge has moved follow them. Repeating it changes nothing."""
    asked = connection.execute(select(tables.hold).where(_h.article_id == article_id)).mappings()
    rows = [dict(row) for row in asked if bytes(row["voter"]) in voters]
    if not rows:
        return
    moved = [{**row, "article_id": into, "id": id_of(into, bytes(row["voter"]))} for row in rows]
    statement = insert_for(connection)(tables.hold)
    anew = {column.name: statement.excluded[column.name] for column in tables.hold.columns if not column.primary_key}
    connection.execute(statement.on_conflict_do_update(index_elements=["article_id", "voter"], set_=anew), moved)
    gone = delete(tables.hold).where(_h.article_id == bindparam("a"), _h.voter == bindparam("v"))
    connection.execute(gone, [{"a": article_id, "v": bytes(row["voter"])} for row in rows])
