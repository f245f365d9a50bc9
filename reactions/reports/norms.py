"""What is usual for a site: the shares of its votes, what an article gains at each hour of its age, and its articles' peers.

Everything is as it was before one full hour, so that it does not move while votes arrive. It is read once and kept for minutes.
What came before an article's publication is left out: it belongs to no age. Ages are counted in hours of the hourly series from
the one of publication on, and an article is compared at the last step that it has reached: five hours old, at three hours. The
file is longer than 300 lines because what is usual and whose peers are read by the same queries and kept together.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate

from sqlalchemy import Connection, select

from reactions.newsroom.sites import Site
from reactions.reports import figures, metrics
from reactions.reports.figures import Card
from reactions.reports.metrics import Shares, Votes
from reactions.storage import lists, tables
from reactions.times import HOUR_MS
from reactions.votes.tallies import READERS_OF_HOUR

STEPS = (1, 2, 3, 6, 12, 24, 48, 72, 168)  # hours of age
LEAST_PEERS = 5  # peers without whom nothing is compared
_NOTHING = (0,) * len(STEPS)
WINDOW_HOURS = 28 * 24  # how old an article may be to say what is usual
YOUNG_HOURS = 8 * 24  # how old one may be to be a surprise: a day beyond the last step
PEERS_AT_MOST = 1_000  # of a site that publishes more, a sample that does not change: those with the lowest ids
EDGES = (*range(1, 49), 72, 96, 168, 336, WINDOW_HOURS)  # the ages, in hours, at which the steps of the profile end

_h = tables.hourly.c
_net = _h.added - _h.removed


@dataclass(frozen=True, slots=True)
class Group:
    """Whom an article is compared with: `kind` is section, author or site; a site has no name here."""

    kind: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Growth:
    """An article as its peers see it: where it stands, and what it had at each step of its age.

    `from_hour` is the first UTC hour of which it lived through the whole: an age is reached when an article is that old, to the
    minute, as the age shown beside it says. `rises` are its votes by reaction, `readers` those who reacted.
    """

    article_id: int
    section: str | None
    authors: tuple[str, ...]
    from_hour: int
    rises: Mapping[str, Sequence[int]] = field(default_factory=dict, repr=False)
    readers: Sequence[int] = field(default=_NOTHING, repr=False)

    def count(self, reaction: str, step: int) -> int:
        """What it had of a reaction at a step."""
        return self.rises.get(reaction, _NOTHING)[step]

    def groups(self) -> Iterator[Group]:
        """Where its peers are looked for, the nearest first."""
        if self.section:
            yield Group("section", self.section)
        if self.authors:
            yield Group("author", self.authors[0])
        yield Group("site", None)


@dataclass(frozen=True, slots=True)
class Surprise:
    """The reaction of which an article has most compared with its peers' median, both at the same age.

    `ratio` is how many times the median it has; None where the median is below five.
    """

    reaction: str
    ratio: float | None
    count: int
    median: float
    against: Group
    age_hours: int

    @property
    def is_notable(self) -> bool:
        """True if it is worth telling."""
        return metrics.is_surprise(self.count, self.median)


class Peers:
    """Articles to compare with, as they stood before `hour`."""

    def __init__(self, growths: Sequence[Growth], hour: int) -> None:
        self._hour = hour
        self._by_id = {growth.article_id: growth for growth in growths}
        self._members: dict[Group, list[Growth]] = {}
        self._sorted: dict[tuple[Group, str, int], list[int]] = {}
        self._living: dict[tuple[Group, int], list[Growth]] = {}
        for growth in growths:
            for group in growth.groups():
                self._members.setdefault(group, []).append(growth)

    def group_of(self, growth: Growth, step: int) -> Group | None:
        """The nearest group with enough others that have reached a step."""
        groups = (group for group in growth.groups() if self._others(group, step, growth) >= LEAST_PEERS)
        return next(groups, None)

    def lasting(self, group: Group, growth: Growth, step: int) -> tuple[Sequence[Growth], int]:
        """The others of a group that have all reached one step, and that step: the same articles along a whole curve.

        It is the last step that half of those have reached who have reached `step`, and five at least.
        """
        others = [other for other in self._members.get(group, ()) if other.article_id != growth.article_id]
        lived = [[other for other in others if self._hour - other.from_hour >= age] for age in STEPS]
        enough = max(LEAST_PEERS, len(lived[step]) / 2)
        last = max(place for place in range(step, len(STEPS)) if place == step or len(lived[place]) >= enough)
        return lived[last], last

    def counts(self, group: Group, reaction: str, step: int, *, beside: Growth) -> list[int]:
        """What the others of a group had of a reaction at a step; in order."""
        counts = self._counts(group, reaction, step)
        place = self._place(group, reaction, step, beside)
        return counts if place is None else counts[:place] + counts[place + 1 :]

    def surprise(self, growth: Growth, counts: Mapping[str, int]) -> Surprise | None:
        """What is most unusual about an article that has these counts at the step it has reached.

        None before it is an hour old, without peers, or with few votes.
        """
        step = step_reached(self._hour - growth.from_hour)
        many = {reaction: count for reaction, count in counts.items() if count >= metrics.SURPRISE_LEAST}
        group = self.group_of(growth, step) if many and step is not None else None
        if step is None or group is None:
            return None
        found = [self._compared(growth, reaction, count, step, group) for reaction, count in many.items()]
        return max(found, key=lambda each: (metrics.surprise(each.count, each.median), each.count, each.reaction))

    def _compared(self, growth: Growth, reaction: str, count: int, step: int, group: Group) -> Surprise:
        counts, place = self._counts(group, reaction, step), self._place(group, reaction, step, growth)
        median = _median_without(counts, place)
        return Surprise(reaction, metrics.times_usual(count, median), count, median, group, STEPS[step])

    def _counts(self, group: Group, reaction: str, step: int) -> list[int]:
        known = self._sorted.get((group, reaction, step))
        if known is None:
            known = sorted([growth.rises.get(reaction, _NOTHING)[step] for growth in self._reached(group, step)])
            self._sorted[group, reaction, step] = known
        return known

    def _place(self, group: Group, reaction: str, step: int, beside: Growth) -> int | None:
        """Where in the counts of a group an article's own stands, if it is among them."""
        if not self._holds(group, step, beside):
            return None
        return bisect_left(self._counts(group, reaction, step), self._by_id[beside.article_id].count(reaction, step))

    def _reached(self, group: Group, step: int) -> list[Growth]:
        """Those of a group that have reached a step."""
        known = self._living.get((group, step))
        if known is None:
            latest = self._hour - STEPS[step]
            known = [growth for growth in self._members.get(group, ()) if growth.from_hour <= latest]
            self._living[group, step] = known
        return known

    def _others(self, group: Group, step: int, growth: Growth) -> int:
        return len(self._reached(group, step)) - self._holds(group, step, growth)

    def _holds(self, group: Group, step: int, growth: Growth) -> bool:
        """True if the article is itself among the group's, as they were read."""
        own = self._by_id.get(growth.article_id)
        return own is not None and self._hour - own.from_hour >= STEPS[step] and group in own.groups()


def _median_without(counts: Sequence[int], place: int | None) -> float:
    """The median of counts in order, without the one in a place."""
    middle, odd = divmod(len(counts) - (place is not None), 2)
    around = (middle,) if odd else (middle - 1, middle)
    values = [counts[at] if place is None or at < place else counts[at + 1] for at in around]
    return values[0] if odd else (values[0] + values[1]) / 2


def rise(gains: Mapping[int, int]) -> tuple[int, ...]:
    """What an article had at each step, from what it gained between the steps."""
    return tuple(accumulate([gains.get(step, 0) for step in range(len(STEPS))]))


def step_of(age_hours: int) -> int | None:
    """The step by which an hour of that age is over; None before publication and beyond the last."""
    step = bisect_right(STEPS, age_hours)
    return step if 0 <= age_hours < STEPS[-1] else None


def step_reached(age_hours: int) -> int | None:
    """The last step that an article of an age has reached; None in its first hour."""
    return bisect_right(STEPS, age_hours) - 1 if age_hours >= STEPS[0] else None


@dataclass(frozen=True)
class Norms:
    """What is usual before `hour`. `rates`: readers an article gains in an hour, by step of its age, negative reactions left out.

    `young` has what is said of articles that may be a surprise, `counts` what they had of each reaction at the last step.
    """

    hour: int
    shares: Shares
    rates: Sequence[float]
    peers: Peers
    young: Mapping[int, Growth]
    counts: Mapping[int, Mapping[str, int]]
    _surprises: dict[int, Surprise | None] = field(default_factory=dict, repr=False)

    def expected(self, born_hour: int, now_ms: int) -> float:
        """What an article born then usually gains in the last three hours, of the present one only the part that has passed."""
        now_hour, passed_ms = divmod(now_ms, HOUR_MS)
        ages = [now_hour - back - born_hour for back in range(metrics.TREND_HOURS)]
        parts = [passed_ms / HOUR_MS, *[1.0] * (metrics.TREND_HOURS - 1)]
        rates, last = self._rate_at, WINDOW_HOURS
        return sum([rates[age if age < last else last] * part for age, part in zip(ages, parts, strict=True) if age >= 0])

    def surprise(self, article_id: int) -> Surprise | None:
        """What is unusual about a young article beside its peers."""
        growth = self.young.get(article_id)
        if growth is None:
            return None
        if article_id not in self._surprises:
            self._surprises[article_id] = self.peers.surprise(growth, self.counts.get(article_id, {}))
        return self._surprises[article_id]

    @cached_property
    def _rate_at(self) -> Sequence[float]:
        """The rate at each age in hours; beyond the last it stays."""
        return [self.rates[min(bisect_right(EDGES, age), len(EDGES) - 1)] for age in range(WINDOW_HOURS + 1)]


@dataclass(frozen=True, slots=True)
class Life:
    """What one article, born in a UTC hour, gained: by reaction and by step of its age; readers also by the edges of the profile.

    `readers` are all who reacted, until the last step; `gained` leaves negative reactions out.
    """

    born_hour: int
    rises: dict[str, list[int]]
    readers: list[int]
    gained: list[int]

    def add(self, hour: int, reaction: str, net: int, readers: int, *, negative: bool) -> None:
        """Add what happened in an hour, or take it off again with numbers below zero."""
        age = hour - self.born_hour
        if age < 0:
            return
        if age < STEPS[-1]:
            step = bisect_right(STEPS, age)
            rise = self.rises.setdefault(reaction, [0] * len(STEPS))
            rise[step] += net
            if not rise[step] and not any(rise):  # of what was given and taken back nothing is left
                del self.rises[reaction]
            self.readers[step] += readers
        if age < WINDOW_HOURS and not negative:
            self.gained[bisect_right(EDGES, age)] += readers

    def copy(self) -> Life:
        """One that can be added to."""
        return Life(self.born_hour, {key: [*rise] for key, rise in self.rises.items()}, [*self.readers], [*self.gained])


Births = Sequence[Card]  # the site's articles of the last 28 days, in the order of their ids: no order at all, ids are hashes


def read(births: Births, lives: Mapping[int, Life], hour: int, votes: Votes) -> Norms:
    """What was usual before an hour; `votes` are all that the site had then."""
    sample = births[:PEERS_AT_MOST]
    young = {row.article_id: _growth(row) for row in births if row.born_hour >= hour - YOUNG_HOURS}
    return Norms(
        hour=hour,
        shares=metrics.shares_of(votes),
        rates=_rates([hour - row.born_hour for row in sample], [lives[row.article_id].gained for row in sample]),
        peers=Peers([_growth(row, lives[row.article_id]) for row in sample], hour),
        young=young,
        counts={article_id: _counts(lives[article_id], hour - growth.from_hour) for article_id, growth in young.items()},
    )


def lives(
    connection: Connection, site: Site, births: Births, hours: range, *, known: Mapping[int, Life] | None = None, to: int = 0
) -> dict[int, Life]:
    """The lives of those who say what is usual before the end of some hours, in these hours.

    With `known`, their lives before the hour `to`, only the hours between are read; of articles that are new, all.
    """
    known, asked = known or {}, _asked(births, hours)
    old = {r.article_id: known[r.article_id] for r in asked if _is_known(known.get(r.article_id), r)}
    new = {r.article_id: Life(r.born_hour, {}, [0] * len(STEPS), [0] * len(EDGES)) for r in asked if r.article_id not in old}
    negative = frozenset(figures.moods(site.reactions)[-1])
    for part, sign in ((range(to, hours.stop), 1), (range(hours.stop, to), -1)):
        _live(connection, old, part, negative, sign, shared=True)
    _live(connection, new, hours, negative, 1, shared=False)
    return old | new


def has_all(known: Mapping[int, Life], births: Births, hours: range) -> bool:
    """False if an article has come since, or another time of publication has been given."""
    return all(_is_known(known.get(row.article_id), row) for row in _asked(births, hours))


def _asked(births: Births, hours: range) -> Births:
    """Peers and young articles."""
    return [r for place, r in enumerate(births) if place < PEERS_AT_MOST or r.born_hour >= hours.stop - YOUNG_HOURS]


def _is_known(life: Life | None, row: Card) -> bool:
    return life is not None and life.born_hour == row.born_hour


def _live(
    connection: Connection, lives: dict[int, Life], hours: range, negative: Collection[str], sign: int, *, shared: bool
) -> None:
    """Add what happened to articles in some hours; lives that others remember are copied before."""
    if not lives or not hours:
        return
    own: set[int] = set()
    asked = select(_h.article_id, _h.hour_utc, _h.reaction, _net, READERS_OF_HOUR).where(
        lists.one_of(connection, _h.article_id, lives), _h.hour_utc >= hours.start, _h.hour_utc < hours.stop
    )
    for article_id, hour, reaction, net, readers in connection.execute(asked).all():
        if shared and article_id not in own:
            own.add(article_id)
            lives[article_id] = lives[article_id].copy()
        lives[article_id].add(hour, reaction, sign * net, sign * readers, negative=reaction in negative)


def _growth(row: Card, life: Life | None = None) -> Growth:
    if life is None:
        return Growth(row.article_id, row.section, row.authors, row.from_hour)
    rises = {reaction: tuple(accumulate(gains)) for reaction, gains in life.rises.items() if any(gains)}
    return Growth(row.article_id, row.section, row.authors, row.from_hour, rises, tuple(accumulate(life.readers)))


def _counts(life: Life, age_hours: int) -> dict[str, int]:
    """What an article of an age had of each reaction at the last step that it has reached."""
    reached = bisect_right(STEPS, age_hours)
    counts = {reaction: sum(gains[:reached]) for reaction, gains in life.rises.items()}
    return {reaction: count for reaction, count in counts.items() if count}


def _rates(lived: Sequence[int], gains: Sequence[Sequence[int]]) -> list[float]:
    """The mean gain of an hour at each step of age: what was gained, over the hours that articles have lived through it.

    A step that no article has reached yet has the rate of the one before.
    """
    gained = [sum(each) for each in zip(*gains, strict=True)] or [0] * len(EDGES)
    rates: list[float] = []
    for place, hours in enumerate(_hours_lived(sorted(lived))):
        rates.append(max(gained[place], 0) / hours if hours else rates[-1] if rates else 0.0)
    return rates


def _hours_lived(lived: Sequence[int]) -> list[int]:
    """How many hours all articles together have lived in each step of age; `lived` in order."""
    sums = [0, *accumulate(lived)]
    younger = [bisect_right(lived, edge) for edge in EDGES]
    until = [sums[place] + edge * (len(lived) - place) for edge, place in zip(EDGES, younger, strict=True)]
    return [there - before for there, before in zip(until, [0, *until], strict=False)]
