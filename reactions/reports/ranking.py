"""What articles are ranked by. In `trending` reactions of mood -1 lift nothing; `mood` and `split` weigh them as they should."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import NamedTuple

from reactions.refusals import UnknownSort
from reactions.reports import metrics
from reactions.reports.cards import Card
from reactions.reports.figures import NONE, Sums
from reactions.reports.metrics import NO_VOTES, TREND_HOURS, Shares, Votes
from reactions.reports.norms import Norms
from reactions.reports.peers import Surprise
from reactions.reports.reading import Reading
from reactions.times import HOUR_MS

NO_VALUE = -math.inf


@dataclass(frozen=True, slots=True)
class Trend:
    """What an article gained in the last three hours beside what its age predicts."""

    ratio: float
    gained: int
    expected: float


@dataclass(frozen=True)
class Numbers:
    """What articles are ranked by, all of one moment: `sums` of the period, `recent` of the last three hours, and all votes."""

    sums: Mapping[int, Sums]
    recent: Mapping[int, Sums]
    norms: Norms
    now_ms: int
    read_votes: Callable[[], Mapping[int, Votes]]

    @cached_property
    def votes(self) -> Mapping[int, Votes]:
        """The votes of all time, read when they are first asked for."""
        return self.read_votes()

    def mood(self, card: Card) -> float:
        """The value of its mood; none if too few voted."""
        return self._measured(card, metrics.mood_of)

    def split(self, card: Card) -> float:
        """The value of its split; none if too few voted."""
        return self._measured(card, metrics.split_of)

    def trend(self, card: Card) -> Trend:
        """What it gains beside what its age predicts."""
        sums = self.recent.get(card.article_id, NONE)
        gained, expected = max(sums.net - sums.negative, 0), self.norms.expected(card.born_hour, self.now_ms)
        return Trend(metrics.trend(gained, expected), gained, expected)

    def surprise(self, card: Card) -> Surprise | None:
        """What is unusual about it beside its peers."""
        return self.norms.surprise(card.article_id)

    def _measured(self, card: Card, measure: Callable[[Votes, Shares], float]) -> float:
        votes = self.votes.get(card.article_id, NO_VOTES)
        return measure(votes, self.norms.shares) if votes.total >= metrics.FEW else NO_VALUE


class Rank(NamedTuple):
    """A place in an order that has no ties."""

    value: float
    born_ms: int
    article_id: int


def live(reading: Reading, hours: range) -> Numbers:
    """The numbers of now, for a period of these hours."""
    closed = reading.closed_before
    return Numbers(
        sums=reading.by_article(hours),
        recent=reading.by_article(range(reading.hour - TREND_HOURS + 1, reading.hour + 1)),
        norms=reading.norms(closed),
        now_ms=reading.now_ms,
        read_votes=lambda: _votes_now(reading, closed),
    )


def before(reading: Reading, hours: range, hour: int) -> Numbers:
    """The numbers as they were at the beginning of a closed hour: votes that arrive do not move them."""
    return Numbers(
        sums=reading.by_article(range(hours.start, max(min(hours.stop, hour), hours.start))),
        recent=reading.by_article(range(hour - TREND_HOURS + 1, hour)),
        norms=reading.norms(hour),
        now_ms=hour * HOUR_MS,
        read_votes=lambda: reading.votes_before(hour),
    )


def _votes_now(reading: Reading, closed: int) -> Mapping[int, Votes]:
    before, since = reading.votes_before(closed), reading.by_article(range(closed, reading.hour + 1))
    return {**before, **{article_id: before.get(article_id, NO_VOTES).plus(sums.votes) for article_id, sums in since.items()}}


def _votes_in_period(numbers: Numbers, card: Card) -> float:
    return numbers.sums.get(card.article_id, NONE).net


def _surprise(numbers: Numbers, card: Card) -> float:
    surprise = numbers.surprise(card)
    return surprise.ratio if surprise else NO_VALUE


_VALUE: Mapping[str, Callable[[Numbers, Card], float]] = {
    "votes": _votes_in_period,
    "trending": lambda numbers, card: numbers.trend(card).ratio,
    "mood": Numbers.mood,
    "split": Numbers.split,
    "surprise": _surprise,
    "published": lambda _, card: card.born_ms,
}
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
        raise UnknownSort(f"Sort by one of {', '.join(SORTS)}, with - before it for the other way; not by {sort[:64]!r}.")
    sign = -1.0 if sort.startswith("-") else 1.0
    ranks = ((Rank(_signed(value(numbers, card), sign), card.born_ms, card.article_id), card) for card in cards)
    # Never all in a list: ten thousand new objects cost more in garbage collections than in comparing them.
    return heapq.nlargest(most, (ranked for ranked in ranks if after is None or ranked[0] < after), key=itemgetter(0))


def _signed(value: float, sign: float) -> float:
    return value if value == NO_VALUE else sign * value
