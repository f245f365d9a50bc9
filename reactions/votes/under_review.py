"""The votes under review as they are read: one by one, by article and hour, by network, by state and by verdict."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, Row, func, literal_column, or_, select, true, tuple_

from reactions.newsroom.sites import Site
from reactions.storage import tables
from reactions.times import HOUR_MS
from reactions.votes import tallies
from reactions.votes.holds import NOT_COUNTED, WAITING
from reactions.votes.review import Choice

_v, _h, _a = tables.vote.c, tables.hold.c, tables.article.c
_HOUR = _h.at // literal_column(str(HOUR_MS), BigInteger)


class Listed(NamedTuple):
    """A vote under review, as it is listed. Times are UTC milliseconds."""

    id: str
    state: str
    cause: str
    article: str
    reaction: str | None
    network: str | None
    verdict: str | None
    at_ms: int
    due_at_ms: int
    settled_at_ms: int | None
    settled_by: str | None


def listed(connection: Connection, choice: Choice, *, before: tuple[int, str] | None = None, limit: int) -> list[Listed]:
    """The chosen votes, newest first; `before` is the time and the id of the last one of the page before."""
    beyond = true() if before is None else or_(_h.at < before[0], (_h.at == before[0]) & (_h.id < before[1]))
    asked = (
        select(
            *(_h.id, _h.state, _h.cause, _a.key, _v.reaction, _h.network, _h.verdict),
            *(_h.at, _h.due_at, _h.settled_at, _h.settled_by),
        )
        .join(tables.vote, (_h.article_id == _v.article_id) & (_h.voter == _v.voter))
        .join(tables.article, _a.article_id == _h.article_id)
        .where(*choice.conditions(), beyond)
        .order_by(_h.at.desc(), _h.id.desc())
        .limit(limit)
    )
    return [Listed(*row) for row in connection.execute(asked)]


class Burst(NamedTuple):
    """Votes under review on one article in one hour (UTC, since 1970), all by fresh readers. Times are UTC milliseconds.

    `readers` are those whose first vote on the article was counted in that hour, or is under review and not counted.
    """

    article_id: int
    hour: int
    votes: int
    networks: int
    from_ms: int
    to_ms: int
    states: Mapping[str, int]
    reactions: Mapping[str | None, int]
    readers: int


def bursts(connection: Connection, choice: Choice, *, before: tuple[int, int] | None = None, limit: int) -> list[Burst]:
    """The chosen votes by article and hour, the newest first; `before` is the hour and the article of the last one before."""
    place = (_HOUR, _h.article_id)
    beyond = true() if before is None else tuple_(*place) < before
    asked = (
        select(_h.article_id, _HOUR, func.count(), func.count(_h.network.distinct()), func.min(_h.at), func.max(_h.at))
        .where(*choice.conditions(), beyond)
        .group_by(*place)
        .order_by(*(part.desc() for part in place))
        .limit(limit)
    )
    rows = connection.execute(asked).all()
    if not rows:
        return []
    shown = _h.article_id.in_({row[0] for row in rows}), _h.at >= rows[-1][1] * HOUR_MS, _h.at < (rows[0][1] + 1) * HOUR_MS
    states, reactions = _made_of(connection, [*choice.conditions(), *shown])
    readers = tallies.readers_of(connection, [(row[0], row[1]) for row in rows])
    return [_burst(row, states[row[0], row[1]], reactions[row[0], row[1]], readers.get((row[0], row[1]), 0)) for row in rows]


def networks(connection: Connection, choice: Choice, *, limit: int) -> list[tuple[str, int]]:
    """The networks that sent the chosen votes, by their hashes, and how many each; those that sent most first."""
    n = func.count().label("n")
    asked = select(_h.network, n).where(*choice.conditions(), _h.network.is_not(None)).group_by(_h.network)
    return [(str(row[0]), int(row[1])) for row in connection.execute(asked.order_by(n.desc(), _h.network).limit(limit))]


def states(connection: Connection, choice: Choice) -> dict[str, int]:
    """How many of the chosen votes are in each state."""
    asked = select(_h.state, func.count()).where(*choice.conditions()).group_by(_h.state)
    return {str(row[0]): int(row[1]) for row in connection.execute(asked)}


def waiting_by_key(connection: Connection, site: Site, keys: Collection[str]) -> dict[str, int]:
    """How many votes of the articles with these keys wait for review; articles without any are left out."""
    mine = _a.site_id == site.id, _a.key.in_(keys), _h.state.in_(WAITING)
    asked = select(_a.key, func.count()).join(tables.hold, _h.article_id == _a.article_id).where(*mine).group_by(_a.key)
    return {str(row[0]): int(row[1]) for row in connection.execute(asked)}


def states_by_verdict(connection: Connection, verdict_ids: Collection[str]) -> dict[str, dict[str, int]]:
    """How the votes that verdicts name stand now: how many in each state."""
    counted: dict[str, dict[str, int]] = {}
    asked = select(_h.verdict, _h.state, func.count()).where(_h.verdict.in_(verdict_ids)).group_by(_h.verdict, _h.state)
    for verdict, state, n in connection.execute(asked):
        counted.setdefault(str(verdict), {})[state] = n
    return counted


def names_of(connection: Connection, article_ids: Collection[int]) -> dict[int, tuple[str, str | None]]:
    """The keys and titles of articles, by id."""
    asked = select(_a.article_id, _a.key, _a.title).where(_a.article_id.in_(article_ids))
    return {int(row[0]): (str(row[1]), row[2]) for row in connection.execute(asked)}


_Parts = dict[tuple[int, int], Counter[Any]]


def _made_of(connection: Connection, conditions: Sequence[ColumnElement[bool]]) -> tuple[_Parts, _Parts]:
    """How many of the votes of each article and hour are in each state, and for each reaction."""
    states: _Parts = defaultdict(Counter)
    reactions: _Parts = defaultdict(Counter)
    asked = (
        select(_h.article_id, _HOUR, _h.state, _v.reaction, func.count())
        .join(tables.vote, (_h.article_id == _v.article_id) & (_h.voter == _v.voter))
        .where(*conditions)
        .group_by(_h.article_id, _HOUR, _h.state, _v.reaction)
    )
    for article_id, hour, state, reaction, n in connection.execute(asked):
        states[article_id, hour][state] += n
        reactions[article_id, hour][reaction] += n
    return states, reactions


def _burst(row: Row[*tuple[Any, ...]], states: Counter[Any], reactions: Counter[Any], counted: int) -> Burst:
    article_id, hour, votes, from_networks, from_ms, to_ms = row
    everybody = counted + sum(states[state] for state in NOT_COUNTED)
    return Burst(article_id, hour, votes, from_networks, from_ms, to_ms, states, reactions, everybody)
