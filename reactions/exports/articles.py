"""The articles: one row each, with what readers gave it in all and in the period, and what that means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, Row, case, cast, func, select

from reactions.exports import pages, small_groups
from reactions.exports.csv_files import Batch
from reactions.exports.scope import Scope
from reactions.newsroom.articles import born_ms
from reactions.newsroom.sites import Site
from reactions.reports import figures, listings, metrics
from reactions.reports.metrics import Measure, Shares
from reactions.reports.query import closed_before
from reactions.storage import tables
from reactions.times import HOUR_MS

DIGITS = 6  # of shares and measures
_a, _h, _t, _v = tables.article.c, tables.hourly.c, tables.tally.c, tables.vote.c
_SAID = (
    _a.key, _a.url, _a.title, _a.section, _a.authors, _a.tags, _a.published_at, _a.closed_at, _a.hidden_at, _a.merged_into,
)  # fmt: skip


class _Moves(NamedTuple):
    """The first and the last UTC hour of an article; what was given and taken back in the scope, and in how many of its rows."""

    first: int
    last: int
    added: int
    removed: int
    rows: int


class _Counts(NamedTuple):
    """Votes and imported ones, by reaction."""

    votes: dict[str, int]
    imported: dict[str, int]


def batches(scope: Scope) -> Iterator[Batch]:
    """The rows, column by column, the oldest article first."""
    usual = usual_shares(scope.connection, scope.site, closed_before(scope.now_ms))
    other_keys = _OtherKeys(pages.other_keys(scope.connection, scope.site))
    for page in pages.pages(scope.connection, scope.site, *_SAID):
        aliases = {row.article_id: other_keys.of(row.article_id) for row in page}
        chosen = scope.matching(page)
        moves = _moves(scope, [row.article_id for row in chosen])
        chosen = [row for row in chosen if _belongs(scope, row, moves.get(row.article_id))]
        made = _rows(scope, chosen, moves, aliases, usual)
        if made:
            yield list(zip(*made, strict=True))


def usual_shares(connection: Connection, site: Site, hour: int) -> Shares:
    """The site's shares before a closed hour, as `reports.norms` knows them."""
    mine = select(_a.article_id).where(_a.site_id == site.id)
    votes = select(_t.reaction, _whole(_t.n + _t.imported)).where(_t.article_id.in_(mine)).group_by(_t.reaction)
    since = select(_h.reaction, _whole(_h.added - _h.removed)).where(_h.hour_utc >= hour, _h.article_id.in_(mine))
    counts = Counter(_pairs(connection, votes))
    counts.subtract(_pairs(connection, since.group_by(_h.reaction)))
    return metrics.shares_of(listings.votes_of(site.reactions, counts))


def _belongs(scope: Scope, article: Row[Any], moves: _Moves | None) -> bool:
    """True if readers reacted to the article in the scope, or it was born there."""
    born = born_ms(article.published_at, article.first_seen_at)
    return scope.born is None or born in scope.born or (moves is not None and moves.rows > 0)


def _rows(
    scope: Scope,
    articles: Sequence[Row[Any]],
    moves: Mapping[int, _Moves],
    aliases: Mapping[int, list[str]],
    usual: Shares,
) -> list[list[Any]]:
    ids = [article.article_id for article in articles]
    counts, held = _counts(scope.connection, ids), _held(scope.connection, ids)
    targets = _keys(scope.connection, [article.merged_into for article in articles if article.merged_into is not None])
    return [
        [
            article.key, article.url, article.title, article.section, article.authors, article.tags, article.published_at or None,
            article.first_seen_at, article.closed_at, article.hidden_at, targets.get(article.merged_into, None),
            aliases[article.article_id],
            *_numbers(scope, moves.get(article.article_id), counts[article.article_id], usual, held.get(article.article_id, 0)),
        ]
        for article in articles
    ]  # fmt: skip


def _numbers(scope: Scope, moves: _Moves | None, counts: _Counts, usual: Shares, held: int) -> list[Any]:
    """What readers gave an article; None for what is hidden because it is of too few."""
    keys, least = [entry.key for entry in scope.site.reactions.entries], scope.choice.min_group
    imported = [counts.imported.get(key, 0) for key in keys]
    shown = [counts.votes.get(key, 0) + base for key, base in zip(keys, imported, strict=True)]
    total = sum(shown)
    hide = small_groups.among([counts.votes.get(key, 0) for key in keys], least)
    hours = (None, None) if moves is None or hide.total else (moves.first * HOUR_MS, moves.last * HOUR_MS)
    period = [moves.added, moves.removed, moves.added - moves.removed] if moves else [0, 0, 0]
    hide_period = hide.total or small_groups.among(period[:2], least).places
    measures = _measures(scope, dict(zip(keys, shown, strict=True)), usual)
    return [
        *hours,
        *(None if place in hide.places else n for place, n in enumerate(shown)),
        None if hide.total else total,
        *(None if hide.total or place in hide.places or not total else round(n / total, DIGITS) for place, n in enumerate(shown)),
        *imported,
        *([None] * 3 if hide_period else period),
        *([None] * len(measures) if hide.places else measures),
        None if 0 < held < least else held,
    ]  # fmt: skip


def _measures(scope: Scope, counts: Mapping[str, int], usual: Shares) -> list[float]:
    votes = listings.votes_of(scope.site.reactions, counts)
    return [*_told(metrics.mood(votes, usual)), *_told(metrics.split(votes, usual))]


def _told(measure: Measure) -> list[float]:
    return [round(value, DIGITS) + 0.0 for value in (measure.value, measure.low, measure.high)]  # + 0.0: no -0.0


def _moves(scope: Scope, ids: Sequence[int]) -> dict[int, _Moves]:
    columns = [_whole(case((scope.within, column), else_=0)) for column in (_h.added, _h.removed, 1)]
    asked = (
        select(_h.article_id, func.min(_h.hour_utc), func.max(_h.hour_utc), *columns)
        .where(figures.one_of(scope.connection, _h.article_id, ids))
        .group_by(_h.article_id)
    )
    return {article_id: _Moves(*numbers) for article_id, *numbers in scope.connection.execute(asked)}


def _counts(connection: Connection, ids: Sequence[int]) -> dict[int, _Counts]:
    counts = {article_id: _Counts({}, {}) for article_id in ids}
    asked = select(_t.article_id, _t.reaction, _t.n, _t.imported).where(figures.one_of(connection, _t.article_id, ids))
    for article_id, reaction, n, imported in connection.execute(asked):
        counts[article_id].votes[reaction], counts[article_id].imported[reaction] = n, imported
    return counts


def _held(connection: Connection, ids: Sequence[int]) -> dict[int, int]:
    asked = (
        select(_v.article_id, func.count()).where(figures.one_of(connection, _v.article_id, ids), _v.held).group_by(_v.article_id)
    )
    return _pairs(connection, asked)


def _keys(connection: Connection, ids: Sequence[int]) -> dict[int | None, str]:
    asked = select(_a.article_id, _a.key).where(figures.one_of(connection, _a.article_id, ids))
    return _pairs(connection, asked) if ids else {}


class _OtherKeys:
    """The aliases of articles that are asked for in the order in which they come."""

    def __init__(self, found: Iterator[tuple[int, str]]) -> None:
        self._found = found
        self._next = next(found, None)

    def of(self, article_id: int) -> list[str]:
        """The aliases of one article, in order."""
        keys: list[str] = []
        while self._next is not None and self._next[0] == article_id:
            keys.append(self._next[1])
            self._next = next(self._found, None)
        return sorted(keys)


def _pairs(connection: Connection, asked: Any) -> dict[Any, Any]:
    return {one: other for one, other in connection.execute(asked)}  # noqa: C416  rows are no pairs to the type checker


def _whole(column: Any) -> ColumnElement[int]:
    """A sum as an integer: PostgreSQL's are decimals."""
    return cast(func.sum(column), BigInteger)
