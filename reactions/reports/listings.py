"""Lists of articles: what they are ranked by, the row of each article, and pages that meet every article once while votes arrive.

The file is longer than 300 lines because an order and the rows that show it are of no use without each other.

A cursor remembers when the list was first read, so that the pages after the first are in the order of one closed hour: votes that
arrive meanwhile move no article from page to page.
In `trending` reactions of mood -1 lift nothing; `mood` and `split` weigh them as they should.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row as Record

from reactions.languages import gettext
from reactions.newsroom import articles
from reactions.newsroom.reaction_sets import ReactionSet
from reactions.newsroom.sites import Site
from reactions.refusals import UnknownSort
from reactions.reports import figures, metrics
from reactions.reports.cursors import Cursor, Rank, sealed
from reactions.reports.figures import NONE, Card, Seen, Sums
from reactions.reports.metrics import NO_VOTES, TREND_HOURS, Measure, Rate, Shares, Votes
from reactions.reports.norms import Norms, Surprise
from reactions.reports.periods import Period
from reactions.reports.query import Filters, Reading, closed_before
from reactions.times import HOUR_MS

NO_VALUE = -math.inf
DEFAULT_SORT = "votes"
MOST = 100
SPARKLINE_POINTS = 48
_FIRST_MS, _LAST_MS = -62_135_510_400_000, 253_402_214_400_000  # the second day of year 1 and the last of 9999


@dataclass(frozen=True, slots=True)
class Trend:
    """The readers an article gained in the last three hours, and what is usual at its age. `ratio` is for ranking."""

    ratio: float
    gained: int
    expected: float


@dataclass(frozen=True)
class Numbers:
    """What articles are ranked by, all of one moment: sums of the period, the last three hours and the last two, and votes."""

    sums: Mapping[int, Sums]
    recent: Mapping[int, Sums]
    present: Mapping[int, Sums]
    norms: Norms
    now_ms: int
    read_votes: Callable[[], Mapping[int, Votes]]
    read_rates: Callable[[], Mapping[int, Rate]] = dict
    given: Mapping[int, int] | None = None  # of the reaction that was asked for, in the period

    @cached_property
    def votes(self) -> Mapping[int, Votes]:
        """The votes of all time, read when they are first asked for."""
        return self.read_votes()

    @cached_property
    def rates(self) -> Mapping[int, Rate]:
        """The reaction rates of the period, read when they are first asked for."""
        return self.read_rates()

    def rate(self, card: Card) -> float:
        """The lower end of its reaction rate: a high rate of few views is no proof, and must not come first."""
        rate = self.rates.get(card.article_id)
        return NO_VALUE if rate is None else rate.low

    def share(self, card: Card) -> float:
        """The part of the period's reactions that are the one asked for; none if too few were given."""
        net = self.sums.get(card.article_id, NONE).net
        return (self.given or {}).get(card.article_id, 0) / net if net >= metrics.FEW else NO_VALUE

    def mood(self, card: Card) -> float:
        """The value of its mood; none if too few voted."""
        return self._measured(card, metrics.mood_of)

    def split(self, card: Card) -> float:
        """The value of its split; none if too few voted."""
        return self._measured(card, metrics.split_of)

    def trend(self, card: Card) -> Trend:
        """What it gains beside what its age predicts."""
        sums = self.recent.get(card.article_id, NONE)
        gained, expected = sums.readers - sums.negative_readers, self.norms.expected(card.born_hour, self.now_ms)
        return Trend(metrics.trend(gained, expected), gained, expected)

    def surprise(self, card: Card) -> Surprise | None:
        """What is unusual about it beside its peers."""
        return self.norms.surprise(card.article_id)

    def _measured(self, card: Card, measure: Callable[[Votes, Shares], float]) -> float:
        votes = self.votes.get(card.article_id, NO_VOTES)
        return measure(votes, self.norms.shares) if votes.total >= metrics.FEW else NO_VALUE


def live(reading: Reading, hours: range) -> Numbers:
    """The numbers of now, for a period of these hours."""
    closed = reading.closed_before
    return Numbers(
        sums=reading.by_article(hours),
        recent=reading.by_article(range(reading.hour - TREND_HOURS + 1, reading.hour + 1)),
        present=reading.by_article(range(reading.hour - 1, reading.hour + 1)),
        norms=reading.norms(closed),
        now_ms=reading.now_ms,
        read_votes=lambda: _votes_now(reading, closed),
        read_rates=lambda: _rates(reading, hours),
    )


def before(reading: Reading, hours: range, hour: int) -> Numbers:
    """The numbers as they were at the beginning of a closed hour: votes that arrive do not move them."""
    closed = range(hours.start, max(min(hours.stop, hour), hours.start))
    return Numbers(
        sums=reading.by_article(closed),
        recent=reading.by_article(range(hour - TREND_HOURS + 1, hour)),
        present={},
        norms=reading.norms(hour),
        now_ms=hour * HOUR_MS,
        read_votes=lambda: reading.votes_before(hour),
        read_rates=lambda: _rates(reading, closed),
    )


def _votes_now(reading: Reading, closed: int) -> Mapping[int, Votes]:
    before, since = reading.votes_before(closed), reading.by_article(range(closed, reading.hour + 1))
    return {**before, **{article_id: before.get(article_id, NO_VOTES).plus(sums.votes) for article_id, sums in since.items()}}


def _rates(reading: Reading, hours: range) -> Mapping[int, Rate]:
    """The reaction rates of all articles that have one."""
    ids = figures.seen_alone(reading.connection, reading.site, hours)
    seen = figures.seen_of(reading.connection, ids, hours)
    rates = {article_id: metrics.reaction_rate(each.readers, each.views) for article_id, each in seen.items()}
    return {article_id: rate for article_id, rate in rates.items() if rate is not None}


def _votes_in_period(numbers: Numbers, card: Card) -> float:
    return numbers.sums.get(card.article_id, NONE).net


def _surprise(numbers: Numbers, card: Card) -> float:
    surprise = numbers.surprise(card)
    return metrics.surprise(surprise.count, surprise.median) if surprise else NO_VALUE


_VALUE: Mapping[str, Callable[[Numbers, Card], float]] = {
    "votes": _votes_in_period,
    "trending": lambda numbers, card: numbers.trend(card).ratio,
    "mood": Numbers.mood,
    "split": Numbers.split,
    "surprise": _surprise,
    "published": lambda _, card: card.born_ms,
    "rate": Numbers.rate,
    "reaction": lambda numbers, card: (numbers.given or {}).get(card.article_id, 0),
    "share": Numbers.share,
}
_OF_REACTION = ("reaction", "share")
SORTS = tuple(_VALUE)


def ranked(
    numbers: Numbers, cards: Iterable[Card], sort: str, *, most: int, after: Rank | None = None
) -> list[tuple[Rank, Card]]:
    """The first cards by a sort, at most so many, the highest first; with `after` those that come behind that place.

    "-" before the name of a sort turns the order round, but leaves last what has no value. Equals are in order of their birth,
    the newest first. Raises UnknownSort.
    """
    value = _VALUE.get(sort.removeprefix("-"))
    if value is None:
        raise UnknownSort(
            gettext(
                "Sort by one of %(sorts)s, with - before it for the other way; not by %(sort)s.",
                sorts=", ".join(SORTS),
                sort=repr(sort[:64]),
            )
        )
    sign = -1.0 if sort.startswith("-") else 1.0
    cards = cards if isinstance(cards, list) else list(cards)
    values = [_signed(value(numbers, card), sign) for card in cards]
    upto = math.inf if after is None else after.value
    least = min(heapq.nlargest(most, [value for value in values if value < upto]), default=-math.inf)
    # Only those that may be shown become ranks: ten thousand new objects cost more in garbage collections than to compare.
    ranks = (
        (Rank(value, card.born_ms, card.article_id), card)
        for value, card in zip(values, cards, strict=True)
        if least <= value <= upto
    )
    return heapq.nlargest(most, (ranked for ranked in ranks if after is None or ranked[0] < after), key=itemgetter(0))


def _signed(value: float, sign: float) -> float:
    return value if value == NO_VALUE else sign * value


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
    mood: Measure
    split: Measure
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
    if request.sort.removeprefix("-") in _OF_REACTION and not request.filters.reaction:
        raise UnknownSort(gettext("To sort by %(sort)s, say by which: add a reaction.", sort=request.sort.removeprefix("-")))
    among = reading.matching(request.filters, request.period.hours)
    now = _of_reaction(reading, live(reading, request.period.hours), request.period.hours, request.filters)
    known = figures.cards_of(reading.connection, reading.site, now.sums.keys(), request.period)
    found = [card for card in known if among is None or card.article_id in among]
    most = request.limit + 1  # one more says whether there is another page
    ranks = _remaining(reading, request, found, most) if request.cursor else ranked(now, found, request.sort, most=most)
    page = ranks[: request.limit]
    made = rows_of(reading, request.period, now, [card for _, card in page])
    following = _following(reading, request, page) if len(ranks) > request.limit else None
    return Listing(
        articles=[made[card.article_id] for _, card in page],
        next=sealed(following, key, bound_to) if following else None,
        period=request.period,
    )


def _of_reaction(reading: Reading, numbers: Numbers, hours: range, filters: Filters) -> Numbers:
    """The numbers with those of the reaction that was asked for."""
    if not filters.reaction:
        return numbers
    return replace(
        numbers, given=figures.of_reaction(reading.connection, reading.site, hours, filters.reaction, rolled=reading.rolled)
    )


def _remaining(reading: Reading, request: ListRequest, cards: Sequence[Card], most: int) -> list[tuple[Rank, Card]]:
    """What comes after a cursor: all but the first page, in the order of the closed hour in which the request began."""
    cursor = request.cursor
    assert cursor is not None
    hour = closed_before(cursor.began_ms)
    hours = range(request.period.hours.start, max(min(request.period.hours.stop, hour), request.period.hours.start))
    numbers = _of_reaction(reading, before(reading, request.period.hours, hour), hours, request.filters)
    others = (card for card in cards if card.article_id not in cursor.first_page)
    return ranked(numbers, others, request.sort, most=most, after=cursor.after)


def _following(reading: Reading, request: ListRequest, page: Sequence[tuple[Rank, Card]]) -> Cursor:
    if request.cursor is None:
        return Cursor(reading.now_ms, [card.article_id for _, card in page])
    return Cursor(request.cursor.began_ms, request.cursor.first_page, page[-1][0])
