"""The dashboard: what is hot now, what a period brought beside the one before, and the articles worth a look. One answer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from reactions.newsroom.sites import Site
from reactions.reports import figures, listings, metrics, query
from reactions.reports.figures import NONE, Bucket, Card, Moves, Sums
from reactions.reports.listings import Numbers, Row, Trend
from reactions.reports.metrics import Measure, Shares, Votes
from reactions.reports.periods import Period
from reactions.reports.query import Filters, Reading

LONGEST_LIST = 10
LIVE_LIST = 5
MOST_GROUPS = 50


@dataclass(frozen=True, slots=True)
class Series:
    """The buckets of a period, without gaps."""

    period: Period
    series: Sequence[Bucket]


@dataclass(frozen=True, slots=True)
class Live:
    """Reactions given in the hour that runs and in the one before, and the articles that drew most of them."""

    this_hour: int
    last_hour: int
    articles: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Totals:
    """What a period brought, beside the one before."""

    added: int
    removed: int
    net: int
    previous_net: int
    change: float | None


@dataclass(frozen=True, slots=True)
class ReactionTotals:
    """What a period brought of one reaction; `share` is its part of the net. `retired` ones are here while they still move."""

    key: str
    label: str
    emoji: str
    mood: int
    retired: bool
    added: int
    removed: int
    net: int
    share: float
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
    """A section or an author: their articles in the period, what these drew in it, and its mood."""

    name: str
    articles: int
    added: int
    net: int
    mood: Measure


@dataclass(frozen=True, slots=True)
class Lists:
    """The articles worth a look, at most ten of each."""

    top: Sequence[Row]
    trending: Sequence[Row]
    divided: Sequence[Row]
    surprising: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Everything about a site, or about its articles that match the filters."""

    site: Site
    generated_at: datetime
    period: Period
    previous: Period
    live: Live
    totals: Totals
    reactions: Sequence[ReactionTotals]
    retired: Sequence[Retired]
    mood: Measure
    split: Measure
    series: Sequence[Bucket]
    lists: Lists
    sections: Sequence[Group]
    authors: Sequence[Group]


def read(reading: Reading, period: Period, filters: Filters) -> Dashboard:
    """The dashboard of a period."""
    among = query.matching(reading.connection, reading.site, filters)
    cells = reading.by_hour(period.hours, among)
    now, earlier = _by_reaction(cells), reading.by_reaction(period.previous().hours, among)
    board = _board(reading, period, among)
    votes = _votes(reading, now)
    live, lists = _shown(reading, period, board, among)
    return Dashboard(
        site=reading.site,
        generated_at=listings.local(reading.now_ms, ZoneInfo(period.time_zone)),
        period=period,
        previous=period.previous(),
        live=live,
        totals=_totals(now, earlier),
        reactions=_reactions(reading, now, earlier),
        retired=_retired(reading, among),
        mood=metrics.mood(votes, board.numbers.norms.shares),
        split=metrics.split(votes, board.numbers.norms.shares),
        series=figures.buckets(period.slots(), cells, keys_of(reading)),
        lists=lists,
        sections=_groups(board, ((card.section,) if card.section else () for card in board.cards)),
        authors=_groups(board, (card.authors for card in board.cards)),
    )


def read_series(reading: Reading, period: Period, filters: Filters) -> Series:
    """The series of a site, or of its articles that match."""
    among = query.matching(reading.connection, reading.site, filters)
    return Series(period, figures.buckets(period.slots(), reading.by_hour(period.hours, among), keys_of(reading)))


def keys_of(reading: Reading) -> list[str]:
    """The reactions a series always tells of: those on offer."""
    return list(reading.site.reactions.keys)


@dataclass(frozen=True, slots=True)
class _Board:
    """The articles of a period, and the numbers they are ranked by."""

    cards: Sequence[Card]
    numbers: Numbers


def _board(reading: Reading, period: Period, among: Collection[int] | None) -> _Board:
    numbers = listings.live(reading, period.hours)
    known = figures.cards_of(reading.connection, reading.site, numbers.sums.keys(), period)
    return _Board(chosen(known, among), numbers)


def chosen(cards: Iterable[Card], among: Collection[int] | None) -> list[Card]:
    """The cards that match the filters."""
    return [card for card in cards if among is None or card.article_id in among]


def _shown(reading: Reading, period: Period, board: _Board, among: Collection[int] | None) -> tuple[Live, Lists]:
    """The lists, with their rows read in one go."""
    cells = reading.by_hour(range(reading.hour - 1, reading.hour + 1), among)
    hot = _hot(reading, among)
    lists = _lists(board)
    made = listings.rows_of(reading, period, board.numbers, {card for cards in (hot, *lists.values()) for card in cards})
    given = {reading.hour: 0, reading.hour - 1: 0}
    for (hour, _), moves in cells.items():
        given[hour] += moves.added
    live = Live(given[reading.hour], given[reading.hour - 1], [made[card.article_id] for card in hot])
    return live, Lists(**{name: [made[card.article_id] for card in cards] for name, cards in lists.items()})


def _hot(reading: Reading, among: Collection[int] | None) -> list[Card]:
    """The articles that were given most in this hour and the last one."""
    sums = reading.by_article(range(reading.hour - 1, reading.hour + 1))
    given = {article_id: sums[article_id].added for article_id in sums if sums[article_id].added > 0}
    cards = chosen(figures.cards_of(reading.connection, reading.site, given), among)
    return sorted(cards, key=lambda card: (-given[card.article_id], -card.born_ms, card.article_id))[:LIVE_LIST]


def _lists(board: _Board) -> dict[str, list[Card]]:
    """The best of each sort, as far as they are worth a mention."""
    numbers = board.numbers
    worth = {
        "top": ("votes", lambda card: numbers.sums.get(card.article_id, NONE).net > 0),
        "trending": ("trending", lambda card: card.article_id in numbers.recent and _rises(numbers.trend(card))),
        "divided": ("split", lambda card: numbers.votes.get(card.article_id, metrics.NO_VOTES).total >= metrics.FEW),
        "surprising": ("surprise", lambda card: (surprise := numbers.surprise(card)) is not None and surprise.ratio > 1),
    }
    return {name: _best(numbers, filter(worthy, board.cards), sort) for name, (sort, worthy) in worth.items()}


def _rises(trend: Trend) -> bool:
    return trend.gained > 0 and trend.ratio > 1


def _best(numbers: Numbers, cards: Iterable[Card], sort: str) -> list[Card]:
    return [card for _, card in listings.ranked(numbers, cards, sort, most=LONGEST_LIST)]


def _groups(board: _Board, names: Iterable[Iterable[str]]) -> list[Group]:
    """Sections or authors with the sums of their articles, the most reacted to first."""
    members: dict[str, list[Sums]] = {}
    for card, mine in zip(board.cards, names, strict=True):
        sums = board.numbers.sums.get(card.article_id, NONE)
        for name in mine:
            members.setdefault(name, []).append(sums)
    groups = [_group(name, each, board.numbers.norms.shares) for name, each in members.items()]
    return sorted(groups, key=lambda group: (-group.net, group.name))[:MOST_GROUPS]


def _group(name: str, members: Sequence[Sums], usual: Shares) -> Group:
    sums = Sums(*map(sum, zip(*members, strict=True)))
    return Group(name, len(members), sums.added, sums.net, metrics.mood(sums.votes.at_least_none, usual))


def _by_reaction(cells: Mapping[tuple[int, str], Moves]) -> dict[str, Moves]:
    added: dict[str, int] = {}
    removed: dict[str, int] = {}
    for (_, reaction), (given, taken) in cells.items():
        added[reaction] = added.get(reaction, 0) + given
        removed[reaction] = removed.get(reaction, 0) + taken
    return {reaction: Moves(n, removed[reaction]) for reaction, n in added.items()}


def _votes(reading: Reading, moved: Mapping[str, Moves]) -> Votes:
    """The votes that a period left behind."""
    return listings.votes_of(reading.site.reactions, {key: max(moves.net, 0) for key, moves in moved.items()})


def _totals(now: Mapping[str, Moves], earlier: Mapping[str, Moves]) -> Totals:
    added, removed = sum(moves.added for moves in now.values()), sum(moves.removed for moves in now.values())
    before = sum(moves.net for moves in earlier.values())
    return Totals(added, removed, added - removed, before, metrics.change(added - removed, before))


def _reactions(reading: Reading, now: Mapping[str, Moves], earlier: Mapping[str, Moves]) -> list[ReactionTotals]:
    """One entry for each reaction on offer, and for each retired one that moved."""
    left = sum(max(moves.net, 0) for moves in now.values())
    found = []
    for entry in reading.site.reactions.entries:
        if entry.retired and entry.key not in now and entry.key not in earlier:
            continue
        mine, before = now.get(entry.key, Moves(0, 0)), earlier.get(entry.key, Moves(0, 0))
        found.append(
            ReactionTotals(
                key=entry.key,
                label=entry.label_in("en"),
                emoji=entry.emoji,
                mood=entry.mood,
                retired=entry.retired,
                added=mine.added,
                removed=mine.removed,
                net=mine.net,
                share=metrics.share(max(mine.net, 0), left),
                previous_net=before.net,
                change=metrics.change(mine.net, before.net),
            )
        )
    return found


def _retired(reading: Reading, among: Collection[int] | None) -> list[Retired]:
    entries = [entry for entry in reading.site.reactions.entries if entry.retired]
    totals = figures.counts_in_all(reading.connection, reading.site, [entry.key for entry in entries], among=among)
    return [Retired(e.key, e.label_in("en"), e.emoji, totals[e.key]) for e in entries if totals.get(e.key)]
