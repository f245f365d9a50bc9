"""The recount: what is served, what the votes say and what the ledger says must be the same number.

Imported totals are not votes: they must be what the imports on record have brought. Held and rejected votes are in none of these
numbers, and each has a hold that says why; no hold is left without its vote.

Read in one transaction for each range of articles, so that a vote counted meanwhile cannot look like a fault. Nothing is repaired
here: a difference is a bug whose cause must be found, and a repair would hide it. `recounting` repairs what an operator has seen.
What `retention` and `months` have dropped goes on counting: `dropped` says how much that is, of votes, of events and of readers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, cast, func, or_, select, true, union_all

from reactions.storage import tables
from reactions.votes import holds, ledger
from reactions.votes.ledger import Start
from reactions.votes.rules import BRING_A_READER
from reactions.votes.tallies import READERS_OF_HOUR

_a = tables.article.c
_t, _v, _e, _h, _i = tables.tally.c, tables.vote.c, tables.event.c, tables.hourly.c, tables.imported_amount.c
_w, _d, _gone = tables.imported_views.c, tables.hold.c, tables.dropped.c


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
    """A vote that is held without a hold in force, or counts although one is: what was decided is not what is done.

    Or a hold whose vote is gone (None): it keeps a pseudonym that nobody finds to review or to forget.
    """

    article_id: int
    hold: str | None
    state: str | None
    vote_held: bool | None


@dataclass(frozen=True, slots=True)
class ViewsDifference:
    """An article's hour that has fewer views than imports on record have brought to it."""

    article_id: int
    hour_utc: int
    views: int
    imported: int


class Range(NamedTuple):
    """The articles whose ids lie above `above` and not above `upto`; None has no end."""

    above: int | None
    upto: int | None


# Of some articles, by id; None means all.
Scope = Collection[int] | Range | None


def ranges(connection: Connection, *, above: int | None, articles: int) -> Iterator[Range]:
    """All ids above `above`, in pieces that hold so many articles each; the last has no end."""
    while True:
        beyond = () if above is None else (_a.article_id > above,)
        ids = select(_a.article_id).where(*beyond).order_by(_a.article_id).offset(articles - 1).limit(1)
        upto = connection.execute(ids).scalar_one_or_none()
        yield Range(above, upto)
        if upto is None:
            return
        above = upto


def votes_stored(connection: Connection, of: Scope = None) -> int:
    """How many votes there are to recount."""
    return connection.execute(select(func.count()).select_from(tables.vote).where(_within(_v, of))).scalar_one()


def all_differences(connection: Connection, of: Scope = None) -> list[object]:
    """Everything that disagrees, but for the seals, which are by day and not by article."""
    checks = (differences, imported_differences, readers_differences, left_behind, hold_differences, views_differences)
    return [found for check in checks for found in check(connection, of)]


def differences(connection: Connection, of: Scope = None) -> list[Difference]:
    """Every (article, reaction) for which tally, recount of the votes, fold of the events and hourly series disagree."""
    counts = [
        numbers(connection, _served(of)),
        recounted(connection, of),
        numbers(connection, folded(of), _dropped(_gone.events, of)),
        numbers(connection, _hourly(of)),
    ]
    keys = sorted(set().union(*counts))
    rows = [(key, [counted.get(key, 0) for counted in counts]) for key in keys]
    return [Difference(*key, *counted) for key, counted in rows if len(set(counted)) > 1]


def recounted(connection: Connection, of: Scope) -> dict[tuple[int, str], int]:
    """What votes say, by article and reaction: those that are there, and those that were dropped."""
    return numbers(connection, _recounted(of), _dropped(_gone.votes, of))


def imported_differences(connection: Connection, of: Scope = None) -> list[ImportedDifference]:
    """Every (article, reaction) whose imported part differs from the sum of the recorded amounts."""
    served, recorded = numbers(connection, _imported(of)), numbers(connection, _recorded(of))
    keys = sorted(served.keys() | recorded.keys())
    rows = [(*key, served.get(key, 0), recorded.get(key, 0)) for key in keys]
    return [ImportedDifference(*row) for row in rows if row[2] != row[3]]


def views_differences(connection: Connection, of: Scope = None) -> list[ViewsDifference]:
    """Every article's hour in which imported views are missing. What readers saw beside them is no fault: nothing recounts it."""
    brought = (
        select(_w.article_id, _w.first_hour, cast(func.sum(_w.n), BigInteger).label("n"))
        .where(_within(_w, of))
        .group_by(_w.article_id, _w.first_hour)
        .subquery()
    )
    stand = func.coalesce(tables.views.c.n, 0)
    same = (tables.views.c.article_id == brought.c.article_id) & (tables.views.c.hour_utc == brought.c.first_hour)
    found = select(brought.c.article_id, brought.c.first_hour, stand, brought.c.n).outerjoin(tables.views, same)
    missing = found.where(stand < brought.c.n).order_by(brought.c.article_id, brought.c.first_hour)
    return [ViewsDifference(*row) for row in connection.execute(missing)]


def left_behind(connection: Connection, of: Scope = None) -> list[LeftBehind]:
    """Votes on merged articles, which a merge moves all of: none is right."""
    merged = select(_a.article_id).where(_a.merged_into.is_not(None), _within(_a, of))
    standing = (
        select(_v.article_id, _v.reaction, func.count())
        .where(_v.article_id.in_(merged), _v.reaction.is_not(None))
        .group_by(_v.article_id, _v.reaction)
        .order_by(_v.article_id, _v.reaction)
    )
    return [LeftBehind(*row) for row in connection.execute(standing)]


def readers_differences(connection: Connection, of: Scope = None) -> list[ReadersDifference]:
    """Every (article, reaction) for which the hourly series and the ledger disagree on how many readers voted first."""
    hourly = numbers(connection, _readers(of))
    first = numbers(connection, first_votes(of, ledger.start(connection)), _dropped(_gone.readers, of))
    rows = [(*key, hourly.get(key, 0), first.get(key, 0)) for key in sorted(hourly.keys() | first.keys())]
    return [ReadersDifference(*row) for row in rows if row[2] != row[3]]


def hold_differences(connection: Connection, of: Scope = None) -> list[HoldDifference]:
    """Every vote whose hold and whose counting disagree, and every hold without its vote."""
    rows = connection.execute(_holds_apart(of)).all()
    return [HoldDifference(row.article_id, row.id, row.state, None if row.held is None else bool(row.held)) for row in rows]


def numbers(connection: Connection, *queries: Any) -> dict[tuple[int, str], int]:
    """What queries return, added up, by article and reaction."""
    total: Counter[tuple[int, str]] = Counter()
    for query in queries:
        for article_id, reaction, n in connection.execute(query):
            total[article_id, reaction] += n
    return total


def _within(columns: Any, of: Scope) -> ColumnElement[bool]:
    if not isinstance(of, Range):
        return true() if of is None else columns.article_id.in_(of)
    above = true() if of.above is None else columns.article_id > of.above
    return above & (true() if of.upto is None else columns.article_id <= of.upto)


def _dropped(what: ColumnElement[int], of: Scope) -> Select[Any]:
    return select(_gone.article_id, _gone.reaction, what).where(what != 0, _within(_gone, of))


def _served(of: Scope) -> Select[Any]:
    return select(_t.article_id, _t.reaction, _t.n).where(_within(_t, of))


def _recounted(of: Scope) -> Select[Any]:
    counted = (_v.reaction.is_not(None), _v.held.is_(False), _within(_v, of))
    return select(_v.article_id, _v.reaction, func.count()).where(*counted).group_by(_v.article_id, _v.reaction)


def folded(of: Scope, *, until_ms: int | None = None) -> Select[Any]:
    """What events amount to, by article and reaction; those before `until_ms`, or all."""
    counted = (_e.held.is_(False), _within(_e, of), true() if until_ms is None else _e.at < until_ms)
    moves = union_all(
        select(_e.article_id, _e.to_reaction.label("reaction"), cast(1, BigInteger).label("by")).where(*counted),
        select(_e.article_id, _e.from_reaction, cast(-1, BigInteger)).where(*counted),
    ).subquery()
    m = moves.c
    net = select(m.article_id, m.reaction, cast(func.sum(m.by), BigInteger)).where(m.reaction.is_not(None))
    return net.group_by(m.article_id, m.reaction)


def _hourly(of: Scope) -> Select[Any]:
    net = cast(func.sum(_h.added) - func.sum(_h.removed), BigInteger)
    return select(_h.article_id, _h.reaction, net).where(_within(_h, of)).group_by(_h.article_id, _h.reaction)


def _imported(of: Scope) -> Select[Any]:
    return select(_t.article_id, _t.reaction, _t.imported).where(_t.imported != 0, _within(_t, of))


def _recorded(of: Scope) -> Select[Any]:
    amounts = select(_i.article_id, _i.reaction, cast(func.sum(_i.n), BigInteger)).where(_within(_i, of))
    return amounts.group_by(_i.article_id, _i.reaction)


def _readers(of: Scope) -> Select[Any]:
    counted = select(_h.article_id, _h.reaction, cast(func.sum(READERS_OF_HOUR), BigInteger))
    return counted.where(READERS_OF_HOUR != 0, _within(_h, of)).group_by(_h.article_id, _h.reaction)


def first_votes(of: Scope, start: Start | None, *, since_ms: int | None = None) -> Select[Any]:
    """How many readers voted first, by article and reaction, in a ledger with this start; of events since `since_ms`, or all."""
    since = true() if since_ms is None else _e.at >= since_ms
    counted = (_e.held.is_(False), _e.to_reaction.is_not(None), _within(_e, of), since)
    first = select(_e.article_id, _e.voter, func.min(_e.seq).label("seq")).where(*counted)
    earliest = first.group_by(_e.article_id, _e.voter).subquery()
    same = (earliest.c.article_id == _e.article_id) & (earliest.c.voter == _e.voter) & (earliest.c.seq == _e.seq)
    readers = select(_e.article_id, _e.to_reaction, func.count()).join(earliest, same).where(since, _within(_e, of))
    if start is not None:  # a vote that was cast before then has counted before, with events that are gone
        its = (_v.article_id == _e.article_id) & (_v.voter == _e.voter)
        counted_earlier = (_v.cast_at < start.of_vote) & (_v.cast_at < _e.at)
        readers = readers.outerjoin(tables.vote, its).where(or_(_v.cast_at.is_(None), ~counted_earlier))
    return readers.where(_e.cause.in_(BRING_A_READER)).group_by(_e.article_id, _e.to_reaction)


def _holds_apart(of: Scope) -> Any:
    in_force = _d.state.in_(holds.NOT_COUNTED)
    same = (_d.article_id == _v.article_id) & (_d.voter == _v.voter)
    found = (_v.article_id, _d.id, _d.state, _v.held)
    unexplained = (_v.held, _v.reaction.is_not(None), _d.id.is_(None), _within(_v, of))
    return union_all(
        select(*found).outerjoin(tables.hold, same & in_force).where(*unexplained),
        select(*found).join(tables.hold, same & in_force).where(_v.held.is_(False), _within(_v, of)),
        select(_d.article_id, _d.id, _d.state, _v.held)
        .select_from(tables.hold.outerjoin(tables.vote, same))
        .where(_v.article_id.is_(None), _within(_d, of)),
    )
