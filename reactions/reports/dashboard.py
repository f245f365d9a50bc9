"""The dashboard: what is hot now, a period compared with the one before, and the articles worth a look. One answer.

The file is longer than 300 lines because half of it is the members of that answer, which docs/metrics.md defines one by one.
"""

from __future__ import annotations

import heapq
import statistics
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from reactions.newsroom.reaction_sets import Reaction
from reactions.newsroom.sites import Site
from reactions.reports import figures, listings, metrics, periods, ranking
from reactions.reports.figures import NO_MOVES, NONE, Bucket, Card, Cell, Moves, Sums
from reactions.reports.listings import Row
from reactions.reports.metrics import Measure, Shares, Votes
from reactions.reports.periods import Period
from reactions.reports.query import Filters, Reading
from reactions.reports.ranking import Field, Numbers, Trend, Worth
from reactions.times import HOUR_MS, TEN_MINUTES_MS

LONGEST_LIST = 10
LIVE_LIST = 5
MOST_GROUPS = 50
WEEKS, LEAST_WEEKS = 4, 3  # in which the same hour says what is usual, and how many of them must lie after the first vote


@dataclass(frozen=True, slots=True)
class Series:
    """The buckets of a period, without gaps."""

    period: Period
    series: Sequence[Bucket]


@dataclass(frozen=True, slots=True)
class Live:
    """Readers who reacted to an article for the first time, in the hour that runs and the one before, and their articles.

    `so_far` are those of this hour by `until`, the end of the last full ten minutes. `last_hour_so_far` are those of the same
    minutes an hour ago, `usual` the median of the same minutes in the same hour of the last four weeks; None where the site is
    too young. In the first ten minutes of an hour all four are None.
    """

    this_hour: int
    last_hour: int
    until: datetime | None
    so_far: int | None
    last_hour_so_far: int | None
    usual: float | None
    articles: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Totals:
    """What a period brought. `change` compares its full hours with the same hours of the period before."""

    added: int
    removed: int
    net: int
    readers: int
    previous_net: int
    change: float | None


@dataclass(frozen=True, slots=True)
class ReactionTotals:
    """What a period brought of one reaction; `share` is its part of the net, None of none.

    `retired` ones are here while they still move.
    """

    key: str
    label: str
    emoji: str
    mood: int
    retired: bool
    added: int
    removed: int
    net: int
    readers: int
    share: float | None
    previous_net: int
    change: float | None


@dataclass(frozen=True, slots=True)
class Retired:
    """A reaction that is no longer offered, and the votes it still has. They come back with it when it is revived."""

    key: str
    label: str
    emoji: str
    total: int


@dataclass(frozen=True, slots=True)
class Group:
    """A section or an author: their articles in the period, the reactions and readers of these, and their mood if it has one."""

    name: str
    articles: int
    added: int
    net: int
    readers: int
    mood: Measure | None


@dataclass(frozen=True, slots=True)
class Lists:
    """The articles worth a look, at most ten of each."""

    top: Sequence[Row]
    trending: Sequence[Row]
    divided: Sequence[Row]
    surprising: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Everything about a site, or about its articles that match the filters.

    `since` is when the site's first vote came, if the period before began earlier: then nothing is compared with it. `full_net`
    is what the full hours brought, which are compared.
    """

    site: Site
    generated_at: datetime
    period: Period
    previous: Period
    since: datetime | None
    live: Live
    totals: Totals
    full_net: int
    reactions: Sequence[ReactionTotals]
    retired: Sequence[Retired]
    mood: Measure | None
    split: Measure | None
    series: Sequence[Bucket]
    lists: Lists
    sections: Sequence[Group]
    authors: Sequence[Group]


def read(reading: Reading, period: Period, filters: Filters) -> Dashboard:
    """The dashboard of a period."""
    among = reading.matching(filters, period.hours)
    zone, slots = ZoneInfo(period.time_zone), period.slots()
    cells = reading.by_slot(slots, period.hours, among)
    since, comparison = _since(reading, period, zone), _comparison(reading, period, cells, among)
    field = Field(reading, period, reading.closed_before)
    board = _Board(field, ranking.live(reading, period.hours), among)
    votes = _votes(reading, comparison.now)
    live, lists = _shown(reading, period, board)
    return Dashboard(
        site=reading.site,
        generated_at=listings.local(reading.now_ms, zone),
        period=period,
        previous=period.previous(),
        since=since,
        live=live,
        totals=comparison.totals(comparable=since is None),
        full_net=sum(moves.net for moves in comparison.full.values()),
        reactions=_reactions(reading, comparison, comparable=since is None),
        retired=_retired(reading, among),
        mood=metrics.mood(votes, board.numbers.norms.shares),
        split=metrics.split(votes, board.numbers.norms.shares),
        series=figures.buckets(slots, cells, keys_of(reading)),
        lists=lists,
        sections=_groups(board, "sections", lambda card: (card.section,) if card.section else ()),
        authors=_groups(board, "authors", lambda card: card.authors),
    )


def read_series(reading: Reading, period: Period, filters: Filters) -> Series:
    """The series of a site, or of its articles that match."""
    among, slots = reading.matching(filters, period.hours), period.slots()
    return Series(period, figures.buckets(slots, reading.by_slot(slots, period.hours, among), keys_of(reading)))


def read_earlier(reading: Reading, period: Period, filters: Filters) -> Series:
    """The series of the period before, the whole of it: also the hours that the period itself has still to come to."""
    before = period.earlier()
    among, slots = reading.matching(filters, period.hours), before.slots()
    return Series(before, figures.buckets(slots, reading.by_slot(slots, before.hours, among), keys_of(reading)))


def keys_of(reading: Reading) -> list[str]:
    """The reactions a series always tells of: those on offer."""
    return list(reading.site.reactions.keys)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """By reaction: what a period brought, what its full hours brought, and what the same hours before did."""

    now: Mapping[str, Moves]
    full: Mapping[str, Moves]
    earlier: Mapping[str, Moves]

    def totals(self, *, comparable: bool) -> Totals:
        """The sums of all reactions."""
        now, full, earlier = (NO_MOVES.plus(*sums.values()) for sums in (self.now, self.full, self.earlier))
        change = metrics.change(full.net, earlier.net) if comparable else None
        return Totals(now.added, now.removed, now.net, now.readers, earlier.net, change)


@dataclass(frozen=True, slots=True)
class _Board:
    """The articles of a period, the numbers they are ranked by, and the ids that match the filters; None stands for all."""

    field: Field
    numbers: Numbers
    among: Collection[int] | None

    def matches(self, article_id: int) -> bool:
        """True if an article matches the filters."""
        return self.among is None or article_id in self.among


def _shown(reading: Reading, period: Period, board: _Board) -> tuple[Live, Lists]:
    """The lists, with their rows read in one go."""
    hot = _hot(reading, board)
    lists = _lists(board)
    made = listings.rows_of(reading, period, board.numbers, {card for cards in (hot, *lists.values()) for card in cards})
    live = _live(reading, ZoneInfo(period.time_zone), board.among, [made[card.article_id] for card in hot])
    return live, Lists(**{name: [made[card.article_id] for card in cards] for name, cards in lists.items()})


def _hot(reading: Reading, board: _Board) -> list[Card]:
    """The articles that most readers reacted to for the first time in this hour and the last one."""
    present = board.numbers.present.items()
    readers = {article_id: sums.readers for article_id, sums in present if sums.readers > 0 and board.matches(article_id)}
    cards = reading.cards(readers).values()
    return heapq.nsmallest(LIVE_LIST, cards, key=lambda card: (-readers[card.article_id], -card.born_ms, card.article_id))


def _live(reading: Reading, zone: ZoneInfo, among: Collection[int] | None, rows: Sequence[Row]) -> Live:
    weeks = periods.same_hour_of_earlier_weeks(reading.hour, zone, weeks=WEEKS)
    parts = reading.readers_by_part([reading.hour, reading.hour - 1, *weeks], among)
    full = reading.now_ms % HOUR_MS // TEN_MINUTES_MS
    first = reading.first_hour()
    usual = [sum(parts[hour][:full]) for hour in weeks if first is not None and first <= hour]
    return Live(
        this_hour=sum(parts[reading.hour]),
        last_hour=sum(parts[reading.hour - 1]),
        until=listings.local(reading.hour * HOUR_MS + full * TEN_MINUTES_MS, zone) if full else None,
        so_far=sum(parts[reading.hour][:full]) if full else None,
        last_hour_so_far=sum(parts[reading.hour - 1][:full]) if full else None,
        usual=float(statistics.median(usual)) if full and len(usual) >= LEAST_WEEKS else None,
        articles=rows,
    )


def _lists(board: _Board) -> dict[str, list[Card]]:
    """The best of each sort, as far as they are worth a mention."""
    lists = {
        worth.name: board.field.first(board.numbers, sort, most=LONGEST_LIST, among=board.among, worth=worth)
        for sort, worth in _WORTH.items()
    }
    moved = [card for article_id in board.numbers.recent if (card := board.field.get(article_id)) and board.matches(article_id)]
    rising = [card for card in moved if _rises(board.numbers.trend(card))]
    lists["trending"] = ranking.ranked(board.numbers, rising, "trending", most=LONGEST_LIST)
    return {name: [card for _, card in ranks] for name, ranks in lists.items()}


def _is_reacted_to(numbers: Numbers, card: Card) -> bool:
    return numbers.sums.get(card.article_id, NONE).net > 0


def _divides(numbers: Numbers, card: Card) -> bool:
    return metrics.divides(numbers.votes.get(card.article_id, metrics.NO_VOTES), numbers.norms.shares)


def _surprises(numbers: Numbers, card: Card) -> bool:
    """True if readers reacted to an article in the period, and to an unusual degree."""
    moved = card.article_id in numbers.norms.young and numbers.sums.get(card.article_id, NONE).added > 0
    return moved and (surprise := numbers.surprise(card)) is not None and surprise.is_notable


_WORTH = {
    "votes": Worth("top", _is_reacted_to),
    "split": Worth("divided", _divides),
    "published": Worth("surprising", _surprises),
}


def _rises(trend: Trend) -> bool:
    return trend.gained > 0 and trend.ratio > 1


def _groups(board: _Board, what: str, named: Callable[[Card], Iterable[str]]) -> list[Group]:
    """Sections or authors with the sums of their articles, the most reacted to first."""
    groups = board.field.groups(what, named, board.numbers.sums, board.among)
    first = heapq.nsmallest(MOST_GROUPS, groups, key=lambda name: (-groups[name][1].net, name))
    return [_group(name, *groups[name], board.numbers.norms.shares) for name in first]


def _group(name: str, articles: int, sums: Sums, usual: Shares) -> Group:
    return Group(name, articles, sums.added, sums.net, sums.readers, metrics.mood(sums.votes.at_least_none, usual))


def _by_reaction(cells: Mapping[Cell, Moves]) -> dict[str, Moves]:
    sums: dict[str, Moves] = {}
    for (_, reaction), moves in cells.items():
        sums[reaction] = sums.get(reaction, NO_MOVES).plus(moves)
    return sums


def _full(reading: Reading, period: Period, now: Mapping[str, Moves], among: Collection[int] | None) -> dict[str, Moves]:
    """What the full hours of a period brought: all of it, less what the hour that runs has brought so far."""
    if not period.runs:
        return dict(now)
    running = reading.by_reaction(range(period.full_hours.stop, period.hours.stop), among)
    return {reaction: moves.less(running.get(reaction, NO_MOVES)) for reaction, moves in now.items()}


def _comparison(reading: Reading, period: Period, cells: Mapping[Cell, Moves], among: Collection[int] | None) -> _Comparison:
    now = _by_reaction(cells)
    return _Comparison(
        now=now,
        full=_full(reading, period, now, among),
        earlier=reading.by_reaction(period.previous().hours, among),
    )


def _since(reading: Reading, period: Period, zone: ZoneInfo) -> datetime | None:
    """When the site's first vote came, if that was after the period before had begun."""
    first = reading.first_hour()
    return listings.local(first * HOUR_MS, zone) if first is not None and first > period.previous().hours.start else None


def _votes(reading: Reading, moved: Mapping[str, Moves]) -> Votes:
    """The votes that a period left behind."""
    return listings.votes_of(reading.site.reactions, {key: max(moves.net, 0) for key, moves in moved.items()})


def _reactions(reading: Reading, comparison: _Comparison, *, comparable: bool) -> list[ReactionTotals]:
    """One entry for each reaction on offer, and for each retired one that moved."""
    left = sum(max(moves.net, 0) for moves in comparison.now.values())
    return [
        _reaction(entry, comparison, left, comparable=comparable)
        for entry in reading.site.reactions.entries
        if not entry.retired or entry.key in comparison.now or entry.key in comparison.earlier
    ]


def _reaction(entry: Reaction, comparison: _Comparison, left: int, *, comparable: bool) -> ReactionTotals:
    now, full, before = (sums.get(entry.key, NO_MOVES) for sums in (comparison.now, comparison.full, comparison.earlier))
    return ReactionTotals(
        key=entry.key,
        label=entry.label_in("en"),
        emoji=entry.emoji,
        mood=entry.mood,
        retired=entry.retired,
        added=now.added,
        removed=now.removed,
        net=now.net,
        readers=now.readers,
        share=metrics.share(max(now.net, 0), left),
        previous_net=before.net,
        change=metrics.change(full.net, before.net) if comparable else None,
    )


def _retired(reading: Reading, among: Collection[int] | None) -> list[Retired]:
    entries = [entry for entry in reading.site.reactions.entries if entry.retired]
    totals = figures.counts_in_all(reading.connection, reading.site, [entry.key for entry in entries], among=among)
    return [Retired(e.key, e.label_in("en"), e.emoji, totals[e.key]) for e in entries if totals.get(e.key)]
