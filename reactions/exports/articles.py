"""The rows of articles: what the newsroom says of each, what readers gave it, and how often it was seen."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Text, case, cast, exists, func, select

from reactions.exports import pages
from reactions.exports.article_numbers import Column, Numbers, NumbersOfPages, are_any, rounded
from reactions.exports.formats import Batch
from reactions.exports.pages import OtherKeys, Page
from reactions.exports.scope import Scope
from reactions.newsroom.articles import born_ms
from reactions.newsroom.sites import Site
from reactions.reports import figures, metrics
from reactions.reports.metrics import Shares, Votes
from reactions.reports.query import closed_before
from reactions.storage import lists, tables
from reactions.storage.statements import Question
from reactions.times import HOUR_MS

ARTICLES_AT_ONCE = 500
_a, _h, _t = tables.article.c, tables.hourly.c, tables.tally.c
_FIELDS = (
    _a.merged_into, _a.published_at, _a.first_seen_at, cast(_a.merged_from, Text), _a.key, _a.url, _a.title, _a.section,
    cast(_a.authors, Text), cast(_a.tags, Text), _a.closed_at, _a.hidden_at, _a.votes_dropped_at,
)  # fmt: skip
_PUBLISHED, _FIRST_SEEN, _MERGED_FROM = 2, 3, 4  # places in a row of a page


def batches(scope: Scope) -> Iterator[Batch]:
    """The rows, column by column, the oldest article first."""
    usual = usual_shares(scope.connection, scope.site, closed_before(scope.now_ms))
    other_keys, numbers = OtherKeys(scope.connection, scope.site), NumbersOfPages(scope, usual)
    made = partial(_batch, scope, other_keys, numbers, any_seen=are_any(scope.connection, tables.views))
    # No page is held here while the next is made: an export takes the memory of one.
    yield from filter(None, map(made, pages.pages(scope.connection, scope.site, *_FIELDS, rows=ARTICLES_AT_ONCE)))


def _batch(scope: Scope, other_keys: OtherKeys, numbers: NumbersOfPages, page: Page, *, any_seen: bool) -> Batch | None:
    """The rows of a page; None if none of its articles belongs to the export."""
    aliases = other_keys.of(page)
    chosen = scope.matching(page)
    moves = numbers.moves(chosen)
    chosen = [row for row in chosen if row[0] in moves or _is_born_in(scope, row)]
    return [*_columns(scope, chosen, aliases, numbers.of(chosen, moves)), *_seen(scope, chosen, any_seen)] if chosen else None


def usual_shares(connection: Connection, site: Site, hour: int) -> Shares:
    """The site's shares before a closed hour, as `reports.norms` knows them."""
    mine = select(_a.article_id).where(_a.site_id == site.id)
    votes = select(*_by_mood(site, _t.reaction, _t.n + _t.imported)).where(_t.article_id.in_(mine))
    # Of few rows each is asked whose it is; a list of all articles of the site would have to be made first.
    is_mine = exists().where(_a.article_id == _h.article_id, _a.site_id == site.id)
    since = select(*_by_mood(site, _h.reaction, _h.added - _h.removed)).where(_h.hour_utc >= hour, is_mine)
    now, later = (Votes._make(connection.execute(query).one()) for query in (votes, since))
    return metrics.shares_of(now.less(later))


def _by_mood(site: Site, reaction: Any, number: ColumnElement[int]) -> list[ColumnElement[int]]:
    """Sums of numbers: of the positive reactions, of the negative ones, of all."""
    moods = figures.moods(site.reactions)
    numbers = [case((reaction.in_(moods[mood]), number), else_=0) for mood in (1, -1)]
    return [func.coalesce(cast(func.sum(each), BigInteger), 0) for each in (*numbers, number)]


def _is_born_in(scope: Scope, row: Sequence[Any]) -> bool:
    """True if an article belongs to the export even if nobody reacted to it there."""
    return scope.born is None or born_ms(row[_PUBLISHED], row[_FIRST_SEEN]) in scope.born


def _columns(scope: Scope, page: Page, aliases: Mapping[int, tuple[str, ...]], numbers: Numbers) -> Batch:
    ids, into, published, first_seen, _, *texts, authors, tags, closed, hidden, dropped = zip(*page, strict=True)
    targets = {row[0]: row[1] for row in _KEYS.ask(scope.connection, set(into) - {None})} if any(into) else {}
    return [
        *texts,
        list(map(_names, authors)),
        list(map(_names, tags)),
        [at_ms or None for at_ms in published],
        first_seen,
        closed,
        hidden,
        list(map(targets.get, into)),
        [aliases.get(article_id, ()) for article_id in ids],
        *numbers.columns(),
        dropped,
    ]


def _seen(scope: Scope, page: Page, any_seen: bool) -> list[Column]:
    """The views of articles and their rates; with small groups hidden no rate, because it tells how many readers there were."""
    ids = [row[0] for row in page]
    some = [row[0] for row in _SEEN.ask(scope.connection, ids)] if any_seen else []
    if not some:
        return [[None] * len(ids)] * 4
    hours = range(scope.now_ms // HOUR_MS + 1) if scope.hours is None else scope.hours
    seen_of = figures.seen_of(scope.connection, some, hours)
    rows: list[Sequence[Any]] = []
    for row in page:
        seen, hidden = seen_of.get(row[0]), scope.choice.min_group > 1 or _names(row[_MERGED_FROM])
        rate = None if seen is None or hidden else metrics.reaction_rate(seen.readers, seen.views)
        numbers = (None,) * 3 if rate is None else rounded([rate.per_1000, rate.low, rate.high])
        rows.append((None if seen is None else seen.views, *numbers))
    return list(zip(*rows, strict=True))


@lru_cache(maxsize=1024)
def _names(text: str) -> tuple[Any, ...]:
    """A list that is stored as JSON; the same few stand in most rows."""
    return tuple(json.loads(text))


_KEYS = Question(lambda dialect: select(_a.article_id, _a.key).where(lists.among(dialect, _a.article_id)))
_SEEN = Question(
    lambda dialect: select(tables.views.c.article_id).where(lists.among(dialect, tables.views.c.article_id)).distinct()
)
