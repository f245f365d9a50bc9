"""The articles: page by page in the order of every export, the oldest first, and the row of each with its counts and measures.

What belongs to articles is read by page: memory does not grow with the site, nor does what the database sorts at once.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Text,
    bindparam,
    case,
    cast,
    func,
    select,
    type_coerce,
)

from reactions.exports import small_groups
from reactions.exports.formats import Batch
from reactions.exports.scope import Scope
from reactions.newsroom.articles import born_ms
from reactions.newsroom.sites import Site
from reactions.reports import figures, listings, metrics, rows
from reactions.reports.figures import Seen
from reactions.reports.metrics import Measure, Shares, Votes
from reactions.reports.query import closed_before
from reactions.storage import statements, tables
from reactions.storage.statements import Listing, Question
from reactions.times import HOUR_MS

ARTICLES_AT_ONCE = 100
DIGITS = 6  # of shares and measures
_a, _alias, _h, _t, _v = (
    tables.article.c, tables.article_alias.c, tables.hourly.c, tables.tally.c, tables.vote.c
)  # fmt: skip
_COUNTS = Question(
    lambda dialect: select(_t.article_id, _t.reaction, _t.n, _t.imported).where(statements.among(dialect, _t.article_id))
)
_HELD = Question(
    lambda dialect: (
        select(_v.article_id, func.count()).where(statements.among(dialect, _v.article_id), _v.held).group_by(_v.article_id)
    )
)
_FIELDS = (
    _a.key, _a.url, _a.title, _a.section, _a.published_at, _a.closed_at, _a.hidden_at, _a.merged_into, _a.votes_dropped_at,
    *(cast(column, Text).label(column.name) for column in (_a.authors, _a.tags, _a.merged_from)),
)  # fmt: skip


def pages(connection: Connection, site: Site, *columns: Any) -> Iterator[Sequence[Row[Any]]]:
    """All articles of the site, merged ones included: `article_id` and `first_seen_at`, then the columns."""
    query = select(_a.article_id, _a.first_seen_at, *columns).where(_a.site_id == site.id).order_by(*_in_order(connection))
    return parts(connection, query, rows=ARTICLES_AT_ONCE)


def count(connection: Connection, site: Site) -> int:
    """How many articles the site has."""
    return connection.execute(select(func.count()).select_from(tables.article).where(_a.site_id == site.id)).scalar_one()


def other_keys(connection: Connection, site: Site) -> Iterator[tuple[int, str]]:
    """The aliases of all articles of the site but their own keys, in the order of the articles."""
    query = (
        select(_a.article_id, _alias.key)
        .join(tables.article, _a.article_id == _alias.article_id)
        .where(_alias.site_id == site.id, _a.key != _alias.key)
        .order_by(*_in_order(connection))
    )
    for part in parts(connection, query):
        yield from ((article_id, key) for article_id, key in part)


def bytewise(connection: Connection, column: Any) -> Any:
    """A text column to be sorted alike by every database: by its bytes, not as some country's dictionary does."""
    return column.collate("C" if connection.dialect.name == "postgresql" else "BINARY")


def _in_order(connection: Connection) -> tuple[Any, ...]:
    return _a.first_seen_at, bytewise(connection, _a.key)


def parts(
    connection: Connection, query: Any, given: Mapping[str, Any] | None = None, *, rows: int = 2000
) -> Iterator[Sequence[Any]]:
    """The rows of a query, some at a time, fetched as they are read: PostgreSQL keeps the rest behind a cursor."""
    with connection.execute(query, given or {}, execution_options={"yield_per": rows}) as result:
        yield from result.partitions(rows)


@cache
def listed(dialect: str) -> tuple[FromClause, ColumnElement[int], ColumnElement[int]]:
    """The parameter `ids` as a table: the table, the ids, and their places in the list from 0."""
    if dialect == "sqlite":
        table = func.json_each(bindparam("ids", type_=Text)).table_valued("key", "value")
        return table, type_coerce(table.c.value, BigInteger), type_coerce(table.c.key, BigInteger)
    ids = bindparam("ids", type_=ARRAY(BigInteger))
    table = func.unnest(ids).table_valued("value", with_ordinality="place", joins_implicitly=True).render_derived()
    return table, type_coerce(table.c.value, BigInteger), type_coerce(table.c.place, BigInteger) - 1


def given(connection: Connection, ids: Collection[int]) -> Any:
    """Ids as the value of the parameter `ids`."""
    return json.dumps(list(ids)) if connection.dialect.name == "sqlite" else list(ids)


class _Moves(NamedTuple):
    """The first and the last UTC hour of an article; reactions added and removed in the scope, and in how many of its rows."""

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
    aliases_of = _Aliases(other_keys(scope.connection, scope.site))
    moved = _moves_listing(scope)
    for page in pages(scope.connection, scope.site, *_FIELDS):
        aliases = {row.article_id: aliases_of.article(row.article_id) for row in page}
        chosen = scope.matching(page)
        moves = _moves(scope.connection, moved, [row.article_id for row in chosen])
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
    counts, held = _counts(scope.connection, ids), dict(_HELD.ask(scope.connection, ids))
    hours = range(scope.now_ms // HOUR_MS + 1) if scope.hours is None else scope.hours
    seen = figures.seen_of(scope.connection, ids, hours)
    targets = _keys(scope.connection, [article.merged_into for article in articles if article.merged_into is not None])
    return [
        [
            article.key, article.url, article.title, article.section, _names(article.authors), _names(article.tags),
            article.published_at or None, article.first_seen_at, article.closed_at, article.hidden_at,
            targets.get(article.merged_into, None), aliases[article.article_id],
            *_numbers(scope, moves.get(article.article_id), counts[article.article_id], usual, held.get(article.article_id, 0)),
            article.votes_dropped_at,
            *_seen(scope, article, seen.get(article.article_id)),
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
    measures = _measures(listings.votes_of(scope.site.reactions, dict(zip(keys, shown, strict=True))), usual)
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


def _seen(scope: Scope, article: Row[Any], seen: Seen | None) -> list[Any]:
    """The views of an article and its rate; with small groups hidden no rate, because it tells how many readers there were."""
    if seen is None:
        return [None] * 4
    hidden = scope.choice.min_group > 1 or _names(article.merged_from)
    rate = None if hidden else metrics.reaction_rate(seen.readers, seen.views)
    if rate is None:
        return [seen.views, None, None, None]
    return [seen.views, *(round(value, DIGITS) for value in (rate.per_1000, rate.low, rate.high))]


@lru_cache(maxsize=4096)
def _names(text: str) -> tuple[Any, ...]:
    """A list that is stored as JSON; the same few stand in most rows."""
    return tuple(json.loads(text))


@lru_cache(maxsize=4096)
def _measures(votes: Votes, usual: Shares) -> Sequence[float | None]:
    """Mood and split with their bounds; most articles have few votes, and share them with others."""
    return [*_numbers_of(metrics.mood(votes, usual)), *_numbers_of(metrics.split(votes, usual))]


def _numbers_of(measure: Measure | None) -> Sequence[float | None]:
    if measure is None:
        return [None] * 3
    return [round(value, DIGITS) + 0.0 for value in (measure.value, measure.low, measure.high)]  # + 0.0: no -0.0


def _moves_listing(scope: Scope) -> Listing:
    dialect = scope.connection.dialect.name
    columns = [_whole(case((scope.within, column), else_=0)) for column in (_h.added, _h.removed, 1)]
    query = select(_h.article_id, func.min(_h.hour_utc), func.max(_h.hour_utc), *columns)
    return Listing(query.where(statements.among(dialect, _h.article_id)).group_by(_h.article_id), dialect)


def _moves(connection: Connection, listing: Listing, ids: Sequence[int]) -> dict[int, _Moves]:
    found = listing.all(connection, statements.ids(connection.dialect.name, ids))
    return {article_id: _Moves(*numbers) for article_id, *numbers in found}


def _counts(connection: Connection, ids: Sequence[int]) -> dict[int, _Counts]:
    counts = {article_id: _Counts({}, {}) for article_id in ids}
    for article_id, reaction, n, imported in _COUNTS.ask(connection, ids):
        counts[article_id].votes[reaction], counts[article_id].imported[reaction] = n, imported
    return counts


def _keys(connection: Connection, ids: Sequence[int]) -> dict[int | None, str]:
    query = select(_a.article_id, _a.key).where(rows.one_of(connection, _a.article_id, ids))
    return _pairs(connection, query) if ids else {}


class _Aliases:
    """The aliases of articles, which must be asked for in their order."""

    def __init__(self, found: Iterator[tuple[int, str]]) -> None:
        self._found = found
        self._next = next(found, None)

    def article(self, article_id: int) -> list[str]:
        """The aliases of one article, in order."""
        keys: list[str] = []
        while self._next is not None and self._next[0] == article_id:
            keys.append(self._next[1])
            self._next = next(self._found, None)
        return sorted(keys)


def _pairs(connection: Connection, query: Any) -> dict[Any, Any]:
    return {one: other for one, other in connection.execute(query)}  # noqa: C416  rows are no pairs to the type checker


def _whole(column: Any) -> ColumnElement[int]:
    """A sum as an integer: PostgreSQL's are decimals."""
    return cast(func.sum(column), BigInteger)
