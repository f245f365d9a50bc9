"""The recount: what is served, what the votes say and what the ledger says must be the same number.

Read in one transaction, so that a vote counted meanwhile cannot look like a fault. Nothing is repaired: a difference is a
bug whose cause must be found, and a repair would hide it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BigInteger, Connection, Executable, cast, func, select, union_all

from reactions import models

_t, _v, _e, _h = models.tally.c, models.vote.c, models.event.c, models.hourly.c


@dataclass(frozen=True, slots=True)
class Difference:
    """One (article, reaction) whose numbers disagree."""

    article_id: int
    reaction: str
    served: int
    recounted: int
    folded: int
    hourly: int


def votes_stored(connection: Connection) -> int:
    """How many votes there are to recount."""
    return connection.execute(select(func.count()).select_from(models.vote)).scalar_one()


def differences(connection: Connection) -> list[Difference]:
    """Every (article, reaction) for which tally, recount of the votes, fold of the events and hourly series disagree."""
    numbers = [_numbers(connection, query) for query in (_SERVED, _RECOUNTED, _FOLDED, _HOURLY)]
    keys = sorted(set().union(*numbers))
    rows = [(key, [counted.get(key, 0) for counted in numbers]) for key in keys]
    return [Difference(*key, *counted) for key, counted in rows if len(set(counted)) > 1]


def _numbers(connection: Connection, query: Executable) -> dict[tuple[int, str], int]:
    return {(article_id, reaction): n for article_id, reaction, n in connection.execute(query)}


_SERVED = select(_t.article_id, _t.reaction, _t.n)
_RECOUNTED = (
    select(_v.article_id, _v.reaction, func.count())
    .where(_v.reaction.is_not(None), _v.held.is_(False))
    .group_by(_v.article_id, _v.reaction)
)
_moves = union_all(
    select(_e.article_id, _e.to_reaction.label("reaction"), cast(1, BigInteger).label("by")),
    select(_e.article_id, _e.from_reaction, cast(-1, BigInteger)),
).subquery()
_FOLDED = (
    select(_moves.c.article_id, _moves.c.reaction, cast(func.sum(_moves.c.by), BigInteger))
    .where(_moves.c.reaction.is_not(None))
    .group_by(_moves.c.article_id, _moves.c.reaction)
)
_HOURLY = select(_h.article_id, _h.reaction, cast(func.sum(_h.added) - func.sum(_h.removed), BigInteger)).group_by(
    _h.article_id, _h.reaction
)
