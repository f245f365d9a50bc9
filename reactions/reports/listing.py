"""The list of articles: filtered, sorted, and paged so that a walk through it meets every article once while votes arrive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reactions.reports import cards as articles
from reactions.reports import cursors, ranking, rows
from reactions.reports import filters as filtering
from reactions.reports.cards import Card
from reactions.reports.cursors import Cursor
from reactions.reports.filters import Filters
from reactions.reports.periods import Period
from reactions.reports.ranking import Rank
from reactions.reports.reading import Reading, closed_before
from reactions.reports.rows import Row

DEFAULT_SORT = "votes"
MOST = 100


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of articles, and the cursor of the next one."""

    articles: Sequence[Row]
    next: str | None
    period: Period


@dataclass(frozen=True, slots=True)
class Walk:
    """A list as it was asked for: at most `limit` articles, from `cursor` on."""

    period: Period
    filters: Filters
    sort: str = DEFAULT_SORT
    limit: int = 50
    cursor: Cursor | None = None


def read(reading: Reading, walk: Walk, *, key: bytes, bound_to: Sequence[str]) -> Listing:
    """A page of the articles that readers reacted to in the period, or that were born in it. Raises UnknownSort."""
    among = filtering.matching(reading.connection, reading.site, walk.filters)
    now = ranking.live(reading, walk.period.hours)
    known = articles.of(reading.connection, reading.site, now.sums.keys(), walk.period)
    found = [card for card in known if among is None or card.article_id in among]
    most = walk.limit + 1  # one more says whether there is another page
    ranks = _remaining(reading, walk, found, most) if walk.cursor else ranking.ranked(now, found, walk.sort, most=most)
    page = ranks[: walk.limit]
    made = rows.of(reading, walk.period, now, [card for _, card in page])
    following = _following(reading, walk, page) if len(ranks) > walk.limit else None
    return Listing(
        articles=[made[card.article_id] for _, card in page],
        next=cursors.sealed(following, key, bound_to) if following else None,
        period=walk.period,
    )


def _remaining(reading: Reading, walk: Walk, cards: Sequence[Card], most: int) -> list[tuple[Rank, Card]]:
    """What comes after a cursor: all but the first page, in the order of the closed hour in which the walk began."""
    cursor = walk.cursor
    assert cursor is not None
    hour = closed_before(cursor.began_ms)
    numbers = ranking.before(reading, walk.period.hours, hour)
    others = (card for card in cards if card.article_id not in cursor.first_page)
    return ranking.ranked(numbers, others, walk.sort, most=most, after=cursor.after)


def _following(reading: Reading, walk: Walk, page: Sequence[tuple[Rank, Card]]) -> Cursor:
    if walk.cursor is None:
        return Cursor(reading.now_ms, [card.article_id for _, card in page])
    return Cursor(walk.cursor.began_ms, walk.cursor.first_page, page[-1][0])
