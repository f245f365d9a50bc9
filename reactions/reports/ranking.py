"""What articles are ranked by, and in which order they stand: at a closed hour, which is remembered, and now.

In `trending` reactions of mood -1 lift nothing; `mood` and `split` weigh them as they should. The file is longer than 300 lines
because an order that is remembered is of no use without the numbers that say when it still holds.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from operator import itemgetter
from typing import NamedTuple

from reactions.languages import gettext
from reactions.refusals import UnknownSort
from reactions.reports import figures, metrics
from reactions.reports.cursors import Rank
from reactions.reports.figures import NONE, Card, Sums
from reactions.reports.metrics import NO_VOTES, TREND_HOURS, Rate, Shares, Votes
from reactions.reports.norms import WINDOW_HOURS, Norms, Surprise
from reactions.reports.periods import Period
from reactions.reports.query import Reading
from reactions.times import HOUR_MS

NO_VALUE = -math.inf
DEFAULT_SORT = "votes"


@dataclass(frozen=True, slots=True)
class Trend:
    """The readers an article gained in the last three hours, and what is usual at its age. `ratio` is for ranking."""

    ratio: float
    gained: int
    expected: float

    @property
    def is_quiet(self) -> bool:
        """True where nobody came and hardly anybody was expected: then the ratio compares nothing with nothing."""
        return not self.gained and self.expected < 0.5


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
        gained, expected = sums.readers - sums.negative_readers, self._expected(card)
        return Trend(metrics.trend(gained, expected), gained, expected)

    def trend_ratio(self, card: Card) -> float:
        """The ratio of its trend alone, for ranking many."""
        sums = self.recent.get(card.article_id, NONE)
        return metrics.trend(sums.readers - sums.negative_readers, self._expected(card))

    def _expected(self, card: Card) -> float:
        age, ages = self.now_ms // HOUR_MS - card.born_ms // HOUR_MS, self._expected_at
        return ages[min(age, len(ages) - 1)] if age >= 0 else 0.0

    @cached_property
    def _expected_at(self) -> Sequence[float]:
        """What is expected at each age in hours; beyond the last nothing changes."""
        hour = self.now_ms // HOUR_MS
        return [self.norms.expected(hour - age, self.now_ms) for age in range(WINDOW_HOURS + TREND_HOURS)]

    def surprise(self, card: Card) -> Surprise | None:
        """What is unusual about it beside its peers."""
        return self.norms.surprise(card.article_id)

    def _measured(self, card: Card, measure: Callable[[Votes, Shares], float]) -> float:
        votes = self.votes.get(card.article_id, NO_VOTES)
        return measure(votes, self.norms.shares) if votes.total >= metrics.FEW else NO_VALUE


def live(reading: Reading, hours: range, reaction: str = "") -> Numbers:
    """The numbers of now, for a period of these hours; with those of a reaction."""
    closed = reading.closed_before
    return Numbers(
        sums=reading.by_article(hours),
        recent=reading.by_article(range(reading.hour - TREND_HOURS + 1, reading.hour + 1)),
        present=reading.by_article(range(reading.hour - 1, reading.hour + 1)),
        norms=reading.norms(closed),
        now_ms=reading.now_ms,
        read_votes=lambda: _votes_now(reading, closed),
        read_rates=lambda: _rates(reading, hours),
        given=reading.given(hours, reaction) if reaction else None,
    )


def before(reading: Reading, hours: range, hour: int, reaction: str = "") -> Numbers:
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
        given=reading.given(closed, reaction) if reaction else None,
    )


def _votes_now(reading: Reading, closed: int) -> Mapping[int, Votes]:
    before, since = reading.votes_before(closed), reading.since_closed
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
    "trending": Numbers.trend_ratio,
    "mood": Numbers.mood,
    "split": Numbers.split,
    "surprise": _surprise,
    "published": lambda _, card: card.born_ms,
    "rate": Numbers.rate,
    "reaction": lambda numbers, card: (numbers.given or {}).get(card.article_id, 0),
    "share": Numbers.share,
}
OF_REACTION = ("reaction", "share")
SORTS = tuple(_VALUE)
_OF_THE_MOMENT = ("trending", "rate")  # they move without a vote: with the minutes, and with views


def ranked(
    numbers: Numbers, cards: Iterable[Card], sort: str, *, most: int, after: Rank | None = None
) -> list[tuple[Rank, Card]]:
    """The first cards by a sort, at most so many, the highest first; with `after` those that come behind that place.

    "-" before the name of a sort turns the order round, but leaves last what has no value. Equals are in order of their birth,
    the newest first. Raises UnknownSort.
    """
    cards = cards if isinstance(cards, list) else list(cards)
    values = _values(numbers, cards, sort)
    upto = math.inf if after is None else after.value
    least = min(heapq.nlargest(most, [value for value in values if value < upto]), default=-math.inf)
    # Only those that may be shown become ranks: ten thousand new objects cost more in garbage collections than to compare.
    ranks = (
        (Rank(value, card.born_ms, card.article_id), card)
        for value, card in zip(values, cards, strict=True)
        if least <= value <= upto
    )
    return heapq.nlargest(most, (ranked for ranked in ranks if after is None or ranked[0] < after), key=itemgetter(0))


def _values(numbers: Numbers, cards: Iterable[Card], sort: str) -> list[float]:
    """What each card is ranked by."""
    value = _VALUE.get(sort.removeprefix("-"))
    if value is None:
        raise UnknownSort(
            gettext(
                "Sort by one of %(sorts)s, with - before it for the other way; not by %(sort)s.",
                sorts=", ".join(SORTS),
                sort=repr(sort[:64]),
            )
        )
    values = [value(numbers, card) for card in cards]
    return [each if each == NO_VALUE else -each for each in values] if sort.startswith("-") else values


_Group = list[int]  # how many articles, and the members of their sums
_Place = tuple[float, int, int]  # a rank, as a plain tuple: garbage collection leaves these alone
Named = Callable[[Card], Iterable[str]]


class Worth(NamedTuple):
    """What makes an article worth a mention, and the name of that."""

    name: str
    is_true: Callable[[Numbers, Card], bool]


class Field:
    """The articles of a period: those that readers reacted to in it, and those that were born in it.

    Which they were before the closed hour `hour`, and how they stood, is remembered; what came since is laid over it. An article
    that nobody reacted to since then stands as it stood, but in a sort that moves by itself.
    """

    def __init__(self, reading: Reading, period: Period, hour: int, *, reaction: str = "") -> None:
        self._reading, self._period, self.hour, self._reaction = reading, period, hour, reaction
        begin, stop = period.hours.start, max(period.hours.stop, period.hours.start)
        border = min(max(hour, begin), stop)
        self._closed, self._since = range(begin, border), range(border, stop)
        self._key = (reading.changes, reading.rewrites, period.span_ms.start, self._closed, hour)
        self.members: Mapping[int, Card] = reading.remember("members", self._key, self._members)  # before the hour, by id

    @cached_property
    def newcomers(self) -> Mapping[int, Card]:
        """Those that have come since."""
        span = self._period.span_ms
        born = self._reading.born(max(span.start, self.hour * HOUR_MS), span.stop)
        moved = self._reading.cards(id_ for id_ in self._reading.by_article(self._since) if id_ not in self.members)
        return {**{card.article_id: card for card in born if card.article_id not in self.members}, **moved}

    def get(self, article_id: int) -> Card | None:
        """One of them, by its id; None if it is none of them."""
        return self.members.get(article_id) or self.newcomers.get(article_id)

    @cached_property
    def before(self) -> Numbers:
        """The numbers before the hour."""
        return before(self._reading, self._period.hours, self.hour, self._reaction)

    def cards(self, among: Collection[int] | None = None) -> list[Card]:
        """All of them, or those of some ids."""
        every = (self.members, self.newcomers)
        if among is None:
            return [card for cards in every for card in cards.values()]
        return [cards[article_id] for cards in every for article_id in among if article_id in cards]

    def first(
        self,
        numbers: Numbers,
        sort: str,
        *,
        most: int,
        among: Collection[int] | None = None,
        worth: Worth | None = None,
    ) -> list[tuple[Rank, Card]]:
        """The first by a sort, by the numbers of now; with `worth` only those that are it. Raises UnknownSort."""
        if sort.removeprefix("-") in _OF_THE_MOMENT:
            return ranked(numbers, self.cards(among), sort, most=most)
        still = self._still(self._order(sort), self._touched.keys(), among, self._worth(numbers, worth))
        mine = [card for card in self._touched.values() if among is None or card.article_id in among]
        mine = mine if worth is None else [card for card in mine if worth.is_true(numbers, card)]
        return heapq.nlargest(most, [*islice(still, most), *ranked(numbers, mine, sort, most=most)], key=itemgetter(0))

    def following(
        self, sort: str, *, most: int, but: Collection[int], among: Collection[int] | None, after: Rank | None
    ) -> list[tuple[Rank, Card]]:
        """Those that come after a place, without some, in the order before the hour. Raises UnknownSort."""
        but = frozenset(but)
        if sort.removeprefix("-") == "rate":
            others = [card for card in self.cards(among) if card.article_id not in but]
            return ranked(self.before, others, sort, most=most, after=after)
        order = self._order(sort)
        still = self._still(order[: len(order) if after is None else bisect_left(order, after)], but, among)
        new = [card for id_, card in self.newcomers.items() if id_ not in but and (among is None or id_ in among)]
        both = [*islice(still, most), *ranked(self.before, new, sort, most=most, after=after)]
        return heapq.nlargest(most, both, key=itemgetter(0))

    def groups(
        self, name: str, named: Named, sums: Mapping[int, Sums], among: Collection[int] | None
    ) -> dict[str, tuple[int, Sums]]:
        """How many articles each section or author has, and their sums; `sums` are those of now."""
        if among is not None:
            return _told(_gathered(self.cards(among), named, sums))
        known = self._reading.remember(name, self._key, lambda: _gathered(self.members.values(), named, self._closed_sums))
        groups = {key: [*group] for key, group in known.items()}
        since = self._reading.by_article(self._since)
        _gather(groups, self.newcomers.values(), named, since)
        _gather(groups, [self.members[id_] for id_ in since if id_ in self.members], named, since, count=0)
        return _told(groups)

    @cached_property
    def _closed_sums(self) -> Mapping[int, Sums]:
        return self._reading.by_article(self._closed)

    @cached_property
    def _touched(self) -> dict[int, Card]:
        """Those of which a number may have changed since the hour: newcomers, and what was reacted to."""
        since = self._reading.by_article(range(self.hour, self._reading.hour + 1))
        return {**self.newcomers, **{id_: self.members[id_] for id_ in since if id_ in self.members}}

    def _members(self) -> dict[int, Card]:
        span = self._period.span_ms
        born = self._reading.born(span.start, min(span.stop, self.hour * HOUR_MS))
        return {**self._reading.cards(self._closed_sums), **{card.article_id: card for card in born}}

    def _order(self, sort: str) -> Sequence[_Place]:
        """The places of all that were there before the hour, the last first."""

        def made() -> list[_Place]:
            cards = list(self.members.values())
            values = _values(self.before, cards, sort)
            return sorted((value, card.born_ms, card.article_id) for value, card in zip(values, cards, strict=True))

        of = (sort, self._reaction if sort.removeprefix("-") in OF_REACTION else "")
        return self._reading.remember("order", (*of, *self._key), made)

    def _worth(self, numbers: Numbers, worth: Worth | None) -> Callable[[int], bool]:
        """Tells of those that stand as they stood whether they are worth a mention, each once."""
        if worth is None:
            return lambda _: True
        known: dict[int, bool] = self._reading.remember(worth.name, self._key, dict)

        def is_worth_it(article_id: int) -> bool:
            told = known.get(article_id)
            if told is None:
                told = known[article_id] = worth.is_true(numbers, self.members[article_id])
            return told

        return is_worth_it

    def _still(
        self,
        order: Sequence[_Place],
        but: Collection[int],
        among: Collection[int] | None,
        worth: Callable[[int], bool] = lambda _: True,
    ) -> Iterable[tuple[Rank, Card]]:
        """The places of those that stand as they stood, the first first."""
        return (
            (Rank(*place), self.members[place[2]])
            for place in reversed(order)
            if place[2] not in but and (among is None or place[2] in among) and worth(place[2])
        )


def _gathered(cards: Iterable[Card], named: Named, sums: Mapping[int, Sums]) -> dict[str, _Group]:
    members: dict[str, list[Sums]] = {}
    for card in cards:
        mine = sums.get(card.article_id, NONE)
        for name in named(card):
            members.setdefault(name, []).append(mine)
    return {name: [len(each), *map(sum, zip(*each, strict=True))] for name, each in members.items()}


def _gather(groups: dict[str, _Group], cards: Iterable[Card], named: Named, sums: Mapping[int, Sums], *, count: int = 1) -> None:
    """Add the sums of articles to those of their sections or authors."""
    for card in cards:
        mine = sums.get(card.article_id, NONE)
        for name in named(card):
            group = groups.get(name)
            if group is None:
                groups[name] = [count, *mine]
                continue
            group[0] += count
            for place, each in enumerate(mine, 1):
                group[place] += each


def _told(groups: Mapping[str, _Group]) -> dict[str, tuple[int, Sums]]:
    return {name: (group[0], Sums(*group[1:])) for name, group in groups.items()}
