"""The recount: what is served, what the votes say and what the ledger says must be the same number. What was imported is
no vote: it must be what the imports on record have brought. Held and rejected votes are in none of these numbers, and each has
a hold that says why.

Read in one transaction, so that a vote counted meanwhile cannot look like a fault. Nothing is repaired: a difference is a
bug whose cause must be found, and a repair would hide it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BigInteger, Connection, Executable, cast, func, select, union_all

from reactions.storage import tables
from reactions.votes import holds
from reactions.votes.rules import BRING_A_READER
from reactions.votes.tallies import READERS_OF_HOUR

_a = tables.article.c
_t, _v, _e, _h, _i = tables.tally.c, tables.vote.c, tables.event.c, tables.hourly.c, tables.imported_amount.c
_d = tables.hold.c


@dataclass(frozen=True, slots=True)
class Difference:
    """One (article, reaction) whose numbers disagree."""

    article_id: int
    reaction: str
    served: int
    recounted: int
    folded: int
    hourly: int


@dataclass(frozen=True, slots=True)
class ImportedDifference:
    """One (article, reaction) whose imported part is not what the imports on record have brought."""

    article_id: int
    reaction: str
    served: int
    recorded: int


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """Votes that still stand on an article whose keys lead to another: nobody sees them."""

    article_id: int
    reaction: str
    votes: int


@dataclass(frozen=True, slots=True)
class ReadersDifference:
    """One (article, reaction) whose new readers in the hourly series are not the first counted votes in the ledger."""

    article_id: int
    reaction: str
    hourly: int
    folded: int


@dataclass(frozen=True, slots=True)
class HoldDifference:
    """A vote that is held without a hold in force, or counts although one is: what was decided is not what is done."""

    article_id: int
    hold: str | None
    state: str | None
    vote_held: bool


def votes_stored(connection: Connection) -> int:
    """How many votes there are to recount."""
    return connection.execute(select(func.count()).select_from(tables.vote)).scalar_one()


def differences(connection: Connection) -> list[Difference]:
    """Every (article, reaction) for which tally, recount of the votes, fold of the events and hourly series disagree."""
    numbers = [_numbers(connection, query) for query in (_SERVED, _RECOUNTED, _FOLDED, _HOURLY)]
    keys = sorted(set().union(*numbers))
    rows = [(key, [counted.get(key, 0) for counted in numbers]) for key in keys]
    return [Difference(*key, *counted) for key, counted in rows if len(set(counted)) > 1]


def imported_differences(connection: Connection) -> list[ImportedDifference]:
    """Every (article, reaction) whose imported part differs from the sum of the recorded amounts."""
    served, recorded = _numbers(connection, _IMPORTED), _numbers(connection, _RECORDED)
    keys = sorted(served.keys() | recorded.keys())
    rows = [(*key, served.get(key, 0), recorded.get(key, 0)) for key in keys]
    return [ImportedDifference(*row) for row in rows if row[2] != row[3]]


def left_behind(connection: Connection) -> list[LeftBehind]:
    """Votes on merged articles, which a merge moves all of: none is right."""
    merged = select(_a.article_id).where(_a.merged_into.is_not(None))
    standing = (
        select(_v.article_id, _v.reaction, func.count())
        .where(_v.article_id.in_(merged), _v.reaction.is_not(None))
        .group_by(_v.article_id, _v.reaction)
        .order_by(_v.article_id, _v.reaction)
    )
    return [LeftBehind(*row) for row in connection.execute(standing)]


def readers_differences(connection: Connection) -> list[ReadersDifference]:
    """Every (article, reaction) for which the hourly series and the ledger disagree on how many readers voted first."""
    hourly, folded = _numbers(connection, _READERS), _numbers(connection, _FIRST_VOTES)
    rows = [(*key, hourly.get(key, 0), folded.get(key, 0)) for key in sorted(hourly.keys() | folded.keys())]
    return [ReadersDifference(*row) for row in rows if row[2] != row[3]]


def hold_differences(connection: Connection) -> list[HoldDifference]:
    """Every vote whose hold and whose counting disagree."""
    return [HoldDifference(row.article_id, row.id, row.state, bool(row.held)) for row in connection.execute(_HOLDS_APART)]


def _numbers(connection: Connection, query: Executable) -> dict[tuple[int, str], int]:
    return {(article_id, reaction): n for article_id, reaction, n in connection.execute(query)}


_SERVED = select(_t.article_id, _t.reaction, _t.n)
_RECOUNTED = (
    select(_v.article_id, _v.reaction, func.count())
    .where(_v.reaction.is_not(None), _v.held.is_(False))
    .group_by(_v.article_id, _v.reaction)
)
_moves = union_all(
    select(_e.article_id, _e.to_reaction.label("reaction"), cast(1, BigInteger).label("by")).where(_e.held.is_(False)),
    select(_e.article_id, _e.from_reaction, cast(-1, BigInteger)).where(_e.held.is_(False)),
).subquery()
_FOLDED = (
    select(_moves.c.article_id, _moves.c.reaction, cast(func.sum(_moves.c.by), BigInteger))
    .where(_moves.c.reaction.is_not(None))
    .group_by(_moves.c.article_id, _moves.c.reaction)
)
_HOURLY = select(_h.article_id, _h.reaction, cast(func.sum(_h.added) - func.sum(_h.removed), BigInteger)).group_by(
    _h.article_id, _h.reaction
)
_IMPORTED = select(_t.article_id, _t.reaction, _t.imported).where(_t.imported != 0)
_RECORDED = select(_i.article_id, _i.reaction, cast(func.sum(_i.n), BigInteger)).group_by(_i.article_id, _i.reaction)
_READERS = (
    select(_h.article_id, _h.reaction, cast(func.sum(READERS_OF_HOUR), BigInteger))
    .where(READERS_OF_HOUR != 0)
    .group_by(_h.article_id, _h.reaction)
)
_earliest = (
    select(_e.article_id, _e.voter, func.min(_e.seq).label("seq"))
    .where(_e.held.is_(False), _e.to_reaction.is_not(None))
    .group_by(_e.article_id, _e.voter)
    .subquery()
)
_FIRST_VOTES = (
    select(_e.article_id, _e.to_reaction, func.count())
    .join(_earliest, (_earliest.c.article_id == _e.article_id) & (_earliest.c.voter == _e.voter) & (_earliest.c.seq == _e.seq))
    .where(_e.cause.in_(BRING_A_READER))
    .group_by(_e.article_id, _e.to_reaction)
)
_in_force = _d.state.in_(holds.NOT_COUNTED)
_same = (_d.article_id == _v.article_id) & (_d.voter == _v.voter)
_HOLDS_APART = union_all(
    select(_v.article_id, _d.id, _d.state, _v.held)
    .outerjoin(tables.hold, _same & _in_force)
    .where(_v.held, _v.reaction.is_not(None), _d.id.is_(None)),
    select(_v.article_id, _d.id, _d.state, _v.held).join(tables.hold, _same & _in_force).where(_v.held.is_(False)),
)
