"""The row of an article in a list: what it is, what readers gave it in the period and in all, and what that means."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row as Record

from reactions.newsroom.reaction_sets import ReactionSet
from reactions.reports import cards, figures, metrics
from reactions.reports.cards import Card
from reactions.reports.figures import NONE
from reactions.reports.metrics import Measure, Votes
from reactions.reports.peers import Surprise
from reactions.reports.periods import Period
from reactions.reports.ranking import Numbers, Trend
from reactions.reports.reading import Reading
from reactions.times import DAY_MS, HOUR_MS

SPARKLINE_POINTS = 48
_FIRST_MS, _LAST_MS = -62_135_510_400_000, 253_402_214_400_000  # the second day of year 1 and the last of 9999


@dataclass(frozen=True, slots=True)
class Row:
    """An article in a list. `added`, `removed`, `net`, `sparkline` are of the period; `counts`, `mood`, `split` of all time.

    `imported` is the part of `total` that imports brought.
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
    mood: Measure
    split: Measure
    trending: Trend
    surprise: Surprise | None
    sparkline: list[int]


def of(reading: Reading, period: Period, numbers: Numbers, shown: Collection[Card]) -> dict[int, Row]:
    """The rows of the articles that are shown, by id; `numbers` are those of now."""
    ids = {card.article_id for card in shown}
    counts = cards.counts_of(reading.connection, ids)
    imported = cards.imported_of(reading.connection, ids)
    lines = figures.sparklines(reading.connection, ids, period.hours, points=SPARKLINE_POINTS)
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
        )
        for record in cards.rows_of(reading.connection, ids)
    }


def votes_of(reactions: ReactionSet, counts: Mapping[str, int]) -> Votes:
    """Counts by reaction as positive, negative and all."""
    by_mood = {mood: sum(counts.get(key, 0) for key in keys) for mood, keys in figures.moods(reactions).items()}
    return Votes(by_mood[1], by_mood[-1], sum(counts.values()))


def close_of(record: Record[Any], close_after_days: int | None) -> int | None:
    """When voting on an article ends or ended, UTC ms: by hand, or by its age; None if never."""
    born_ms = record.first_seen_at if record.published_at is None else record.published_at
    by_age = [] if close_after_days is None else [born_ms + close_after_days * DAY_MS]
    by_hand = [] if record.closed_at is None else [record.closed_at]
    return min(by_age + by_hand, default=None)


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
) -> Row:
    sums = numbers.sums.get(card.article_id, NONE)
    votes = votes_of(reading.site.reactions, counts)
    closing = close_of(record, reading.site.close_after_days)
    return Row(
        article=record.key,
        title=record.title,
        url=record.url,
        section=record.section,
        authors=record.authors,
        tags=record.tags,
        published_at=None if record.published_at is None else local(record.published_at, zone),
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
        mood=metrics.mood(votes, numbers.norms.shares),
        split=metrics.split(votes, numbers.norms.shares),
        trending=numbers.trend(card),
        surprise=numbers.surprise(card),
        sparkline=sparkline,
    )
