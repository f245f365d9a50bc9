"""Lists of articles: the row of each article, and pages that meet every article once while votes arrive.

A cursor remembers when the list was first read, so that the pages after the first are in the order of one closed hour: votes that
arrive meanwhile move no article from page to page.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row as Record

from reactions.languages import gettext
from reactions.newsroom import articles
from reactions.newsroom.reaction_sets import ReactionSet
from reactions.newsroom.sites import Site
from reactions.refusals import UnknownSort
from reactions.reports import figures, metrics, ranking
from reactions.reports.cursors import Cursor, Rank, sealed
from reactions.reports.figures import NONE, Card, Seen
from reactions.reports.metrics import Measure, Rate, Votes
from reactions.reports.norms import Surprise
from reactions.reports.periods import Period
from reactions.reports.query import Filters, Reading, closed_before
from reactions.reports.ranking import DEFAULT_SORT, Field, Numbers, Trend
from reactions.times import HOUR_MS

MOST = 100
SPARKLINE_POINTS = 48
_FIRST_MS, _LAST_MS = -62_135_510_400_000, 253_402_214_400_000  # the second day of year 1 and the last of 9999


@dataclass(frozen=True, slots=True)
class Row:
    """An article in a list. Of the period are `added`, `removed`, `net`, `readers`, `views`, `reaction_rate` and `sparkline`; the
    rest is of all time.

    `readers` reacted to it for the first time, `readers_now` in this hour or the last; `given` is the period's net of the
    reaction that was asked for. `imported` is the part of `total` that imports brought. `views` is None if none was ever counted.
    """

    article: str
    title: str | None
    url: str | None
    section: str | None
    authors: list[str]
    tags: list[str]
    published_at: datetime | None
    first_seen_at: datetime
    age_hours: float
    closed: bool
    hidden: bool
    total: int
    imported: int
    counts: Mapping[str, int]
    added: int
    removed: int
    net: int
    readers: int
    readers_now: int
    given: int | None
    views: int | None
    reaction_rate: Rate | None
    mood: Measure | None
    split: Measure | None
    trending: Trend
    surprise: Surprise | None
    sparkline: list[int]


def rows_of(reading: Reading, period: Period, numbers: Numbers, shown: Collection[Card]) -> dict[int, Row]:
    """The rows of the articles that are shown, by id; `numbers` are those of now."""
    ids = {card.article_id for card in shown}
    counts = figures.counts_of(reading.connection, ids)
    imported = figures.imported_of(reading.connection, ids)
    lines = figures.sparklines(reading.connection, ids, period.hours, points=SPARKLINE_POINTS)
    seen = figures.seen_of(reading.connection, ids, period.hours)
    by_id = {card.article_id: card for card in shown}
    zone = ZoneInfo(period.time_zone)
    return {
        record.article_id: _row(
            record,
            reading,
            numbers,
            by_id[record.article_id],
            counts[record.article_id],
            lines[record.article_id],
            zone,
            imported=imported.get(record.article_id, 0),
            seen=seen.get(record.article_id),
        )
        for record in figures.records_of(reading.connection, ids)
    }


def votes_of(reactions: ReactionSet, counts: Mapping[str, int]) -> Votes:
    """Counts by reaction as positive, negative and all."""
    by_mood = {mood: sum(counts.get(key, 0) for key in keys) for mood, keys in figures.moods(reactions).items()}
    return Votes(by_mood[1], by_mood[-1], sum(counts.values()))


def close_of(record: Record[Any], site: Site) -> int | None:
    """When voting on an article ends or ended, UTC ms: by hand, or by its age; None if never."""
    by_age = articles.closes_at_ms(site, record.published_at, record.first_seen_at)
    return min([at_ms for at_ms in (by_age, record.closed_at) if at_ms is not None], default=None)


def local(at_ms: int, zone: ZoneInfo) -> datetime:
    """A stored time as a clock of the zone shows it; what lies beyond the calendar becomes its first or last day."""
    return datetime.fromtimestamp(min(max(at_ms, _FIRST_MS), _LAST_MS) / 1000, UTC).astimezone(zone)


def shown_counts(reactions: ReactionSet, counts: Mapping[str, int]) -> dict[str, int]:
    """Counts in the order of the set: every reaction on offer, and the retired ones that have votes."""
    return {entry.key: counts.get(entry.key, 0) for entry in reactions.entries if not entry.retired or counts.get(entry.key)}


def _row(
    record: Record[Any],
    reading: Reading,
    numbers: Numbers,
    card: Card,
    counts: Mapping[str, int],
    sparkline: list[int],
    zone: ZoneInfo,
    *,
    imported: int,
    seen: Seen | None,
) -> Row:
    sums = numbers.sums.get(card.article_id, NONE)
    votes = votes_of(reading.site.reactions, counts)
    closing = close_of(record, reading.site)
    return Row(
        article=record.key,
        title=record.title,
        url=record.url,
        section=record.section,
        authors=record.authors,
        tags=record.tags,
        published_at=local(record.published_at, zone) if record.published_at else None,
        first_seen_at=local(record.first_seen_at, zone),
        age_hours=round(max(reading.now_ms - card.born_ms, 0) / HOUR_MS, 2),
        closed=closing is not None and closing <= reading.now_ms,
        hidden=record.hidden_at is not None,
        total=votes.total,
        imported=imported,
        counts=shown_counts(reading.site.reactions, counts),
        added=sums.added,
        removed=sums.removed,
        net=sums.net,
        readers=sums.readers,
        readers_now=numbers.present.get(card.article_id, NONE).readers,
        given=None if numbers.given is None else numbers.given.get(card.article_id, 0),
        views=None if seen is None else seen.views,
        reaction_rate=None if seen is None or record.merged_from else metrics.reaction_rate(seen.readers, seen.views),
        mood=metrics.mood(votes, numbers.norms.shares),
        split=metrics.split(votes, numbers.norms.shares),
        trending=numbers.trend(card),
        surprise=numbers.surprise(card),
        sparkline=sparkline,
    )


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of articles, and the cursor of the next one."""

    articles: Sequence[Row]
    next: str | None
    period: Period


@dataclass(frozen=True, slots=True)
class ListRequest:
    """A list as it was asked for: at most `limit` articles, from `cursor` on."""

    period: Period
    filters: Filters
    sort: str = DEFAULT_SORT
    limit: int = 50
    cursor: Cursor | None = None


def read(reading: Reading, request: ListRequest, *, key: bytes, bound_to: Sequence[str]) -> Listing:
    """A page of the articles that readers reacted to in the period, or that were born in it. Raises UnknownSort."""
    if request.sort.removeprefix("-") in ranking.OF_REACTION and not request.filters.reaction:
        raise UnknownSort(gettext("To sort by %(sort)s, say by which: add a reaction.", sort=request.sort.removeprefix("-")))
    among = reading.matching(request.filters, request.period.hours)
    reaction, cursor = request.filters.reaction, request.cursor
    field = Field(reading, request.period, closed_before(cursor.began_ms) if cursor else reading.closed_before, reaction=reaction)
    now = ranking.live(reading, request.period.hours, reaction)
    most = request.limit + 1  # one more says whether there is another page
    if cursor is None:
        ranks = field.first(now, request.sort, most=most, among=among)
    else:
        ranks = field.following(request.sort, most=most, but=cursor.first_page, among=among, after=cursor.after)
    page = ranks[: request.limit]
    made = rows_of(reading, request.period, now, [card for _, card in page])
    following = _following(reading, request, page) if len(ranks) > request.limit else None
    return Listing(
        articles=[made[card.article_id] for _, card in page],
        next=sealed(following, key, bound_to) if following else None,
        period=request.period,
    )


def _following(reading: Reading, request: ListRequest, page: Sequence[tuple[Rank, Card]]) -> Cursor:
    if request.cursor is None:
        return Cursor(reading.now_ms, [card.article_id for _, card in page])
    return Cursor(request.cursor.began_ms, request.cursor.first_page, page[-1][0])
