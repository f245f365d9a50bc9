"""One article: its row, its life in buckets, what was done to it, and how it grew compared with its peers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row as Record

from reactions.newsroom import article_keys, articles, interventions
from reactions.reports import dashboard, figures, listings, metrics, norms, periods, ranking
from reactions.reports.figures import Bucket, Card, Cell, Moves
from reactions.reports.listings import Row
from reactions.reports.norms import STEPS, Growth, Peers
from reactions.reports.periods import Period
from reactions.reports.query import Reading
from reactions.times import DAY_MS, HOUR_MS


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that was done to an article: published, closed, reopened, hidden, moved or reset."""

    at: datetime
    what: str


@dataclass(frozen=True, slots=True)
class Age:
    """The readers of an article at a step of its age (None before it is reached), and its peers' quartiles."""

    age_hours: int
    own: int | None
    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Which articles an article is compared with, the same at every age. Without enough, `group` is None and `ages` empty."""

    group: str | None
    kind: str | None
    ages: Sequence[Age]


@dataclass(frozen=True, slots=True)
class Life:
    """One article. The period of its row and series is its life."""

    article: Row
    period: Period
    unit: str
    series: Sequence[Bucket]
    marks: Sequence[Mark]
    peers: Comparison


def read(reading: Reading, key: str, *, zone: ZoneInfo, unit: str = "") -> Life:
    """All about the article with this key or alias. Raises MalformedKey, UnknownArticle, or MalformedPeriod for the unit."""
    found = articles.get(reading.connection, reading.site, article_keys.canonical_key(key))
    card = figures.cards_of(reading.connection, reading.site, [found.article_id])[0]
    record = figures.records_of(reading.connection, [card.article_id])[0]
    cells = figures.life(reading.connection, card.article_id)
    period = periods.since(_beginning(card, cells, reading.now_ms), zone=zone, now_ms=reading.now_ms, unit=unit)
    numbers = replace(ranking.live(reading, range(0)), sums={card.article_id: _sums(reading, cells)})
    return Life(
        article=listings.rows_of(reading, period, numbers, [card])[card.article_id],
        period=period,
        unit=period.unit,
        series=figures.buckets(period.slots(), cells, dashboard.keys_of(reading)),
        marks=[Mark(listings.local(at_ms, zone), what) for at_ms, what in sorted(_marks(reading, record))],
        peers=_comparison(numbers.norms.peers, _growth(card, cells, numbers.norms.hour), numbers.norms.hour),
    )


def _beginning(card: Card, cells: dict[Cell, Moves], now_ms: int) -> int:
    """Its publication or its first reaction; of an old piece that readers found late, its first reaction."""
    first_ms = min((hour * HOUR_MS for hour, _ in cells), default=now_ms)
    found_late = first_ms - card.born_ms > periods.MOST_DAYS * DAY_MS
    return first_ms if found_late else min(card.born_ms, first_ms)


def _sums(reading: Reading, cells: dict[Cell, Moves]) -> figures.Sums:
    """All that happened to the article, as a period's sums."""
    net, readers = dict.fromkeys((-1, 0, 1), 0), dict.fromkeys((-1, 0, 1), 0)
    mood_of = {entry.key: entry.mood for entry in reading.site.reactions.entries}
    for (_, reaction), moves in cells.items():
        net[mood_of.get(reaction, 0)] += moves.net
        readers[mood_of.get(reaction, 0)] += moves.readers
    whole = figures.NO_MOVES.plus(*cells.values())
    return figures.Sums(whole.added, whole.removed, net[1], net[-1], whole.readers, readers[-1])


def _marks(reading: Reading, record: Record[Any]) -> list[tuple[int, str]]:
    """What was done to the article, with the time in UTC ms; closing by its age is told like closing by hand."""
    marks = [(at_ms, what) for at_ms, what, _ in interventions.of_article(reading.connection, record.article_id)]
    if record.published_at:
        marks.append((record.published_at, "published"))
    closing = listings.close_of(record, reading.site)
    if closing is not None and closing <= reading.now_ms and (closing, "closed") not in marks:
        marks.append((closing, "closed"))
    return marks


def _growth(card: Card, cells: dict[Cell, Moves], hour: int) -> Growth:
    """The article as its peers see it, from its own hours."""
    gains: dict[int, int] = {}
    for (at, _), moves in cells.items():
        step = norms.step_of(at - card.born_hour)
        if step is not None and at < hour:
            gains[step] = gains.get(step, 0) + moves.readers
    return Growth(card.article_id, card.section, card.authors, card.from_hour, readers=norms.rise(gains))


def _comparison(peers: Peers, growth: Growth, hour: int) -> Comparison:
    reached = norms.step_reached(hour - growth.from_hour)
    group = peers.group_of(growth, reached or 0)
    if group is None:
        return Comparison(None, None, [])
    others, last = peers.lasting(group, growth, reached or 0)
    return Comparison(group.name, group.kind, [_age(others, growth, step, reached) for step in range(last + 1)])


def _age(others: Sequence[Growth], growth: Growth, step: int, reached: int | None) -> Age:
    low, median, high = metrics.quarters([other.readers[step] for other in others])
    own = growth.readers[step] if reached is not None and step <= reached else None
    return Age(STEPS[step], own, median, low, high)
