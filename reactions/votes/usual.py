"""What is usual: the numbers that the detector compares a window of votes with, never read while a vote waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, func, select

from reactions.newsroom.sites import Site
from reactions.storage import tables
from reactions.times import DAY_MS, HOUR_MS
from reactions.votes import tallies
from reactions.votes.detector import Seen, Usual

_DAYS = 14  # what the curve of a site is drawn from
_PRIOR = 20  # how many votes the site's mix weighs beside an article's own
_FRESH, _FRESH_WEIGHT = 0.8, 50  # the share of fresh votes before anything is known
_LEAST_FOR_SHARES = 100  # votes of proven readers on other articles below which networks have no usual share

_a, _h, _t = tables.article.c, tables.hourly.c, tables.tally.c


@dataclass(frozen=True, slots=True)
class Curve:
    """How a site's votes come: on an article by its age in hours, by hour of the day (1 is the mean), and for which reaction."""

    by_age: Mapping[int, float]
    by_hour: Mapping[int, float]
    votes: Mapping[str, int]

    def at(self, age: int) -> float:
        """Votes an hour at an age; of the oldest age known for older articles."""
        return self.by_age.get(age, min(self.by_age.values(), default=0.0))


@dataclass(frozen=True, slots=True)
class Past:
    """An article's votes before now: its counts, what each hour added, and when it was seen first."""

    counts: Mapping[str, int]
    added: Mapping[int, int]
    first_hour: int
    hour: int
    curve: Curve

    def for_window(self, window: Sequence[Seen], others: Sequence[Seen], window_ms: int) -> Usual:
        """What to compare a window with; `others` are votes of the last hour on the site's other articles.

        Only proven readers make a network usual: fresh ones are free, and a script on many articles would excuse itself.
        """
        within = Counter(vote.reaction for vote in window if not vote.held)
        before = {reaction: max(n - within[reaction], 0) for reaction, n in self.counts.items()}
        total = sum(before.values())
        elsewhere = {reaction: max(n - self.counts.get(reaction, 0), 0) for reaction, n in self.curve.votes.items()}
        weight = _PRIOR / max(sum(elsewhere.values()), _PRIOR)
        likely = {key: before.get(key, 0) + weight * elsewhere.get(key, 0) for key in before.keys() | elsewhere.keys()}
        mix = {key: n / max(sum(likely.values()), 1) for key, n in likely.items()}
        fresh = (sum(vote.fresh for vote in others) + _FRESH * _FRESH_WEIGHT) / (len(others) + _FRESH_WEIGHT)
        proven = [vote for vote in others if not vote.fresh]
        shares = shares_of(proven) if len(proven) >= _LEAST_FOR_SHARES else {}
        return Usual(mix, total, self.expected(window_ms), fresh, shares)

    def expected(self, window_ms: int) -> float:
        """How many votes the article's age, its own past and the hour of the day predict for a window."""
        past = range(self.first_hour, self.hour)
        observed = sum(self.added.get(hour, 0) for hour in past)
        predicted = sum(self.curve.at(hour - self.first_hour) for hour in past)
        own = (observed + 5) / (predicted + 5)
        by_age = self.curve.at(self.hour - self.first_hour) * own * self.curve.by_hour.get(self.hour % 24, 1.0)
        return max(by_age, 0.7 * self.added.get(self.hour - 1, 0)) * window_ms / HOUR_MS


class History:
    """Reads the past of articles; remembers the curve of each site for an hour."""

    def __init__(self) -> None:
        self._curves: dict[int, tuple[int, Curve]] = {}

    def of(self, connection: Connection, sites: Mapping[int, Site], ids: Collection[int], *, now_ms: int) -> dict[int, Past]:
        """The past of articles, by id; `sites` are theirs."""
        if not ids:
            return {}
        hour = now_ms // HOUR_MS
        counts = tallies.counts_of(connection, set(ids))
        first = {int(row[0]): int(row[1]) for row in connection.execute(_FIRST_SEEN, {"ids": list(ids)})}
        added: dict[int, dict[int, int]] = {article_id: {} for article_id in ids}
        for article_id, at, n in connection.execute(_ADDED, {"ids": list(ids), "since": hour - 24 * _DAYS}):
            added[article_id][at] = int(n)
        curves = {site.id: self._curve(connection, site, now_ms) for site in set(sites.values())}
        return {
            a: Past(counts[a], added[a], max(first.get(a, now_ms) // HOUR_MS, hour - 24 * _DAYS), hour, curves[sites[a].id])
            for a in ids
        }

    def _curve(self, connection: Connection, site: Site, now_ms: int) -> Curve:
        hour = now_ms // HOUR_MS
        known = self._curves.get(site.id)
        if known is None or known[0] != hour:
            known = self._curves[site.id] = hour, _curve(connection, site, now_ms)
        return known[1]


def shares_of(votes: Sequence[Seen]) -> Mapping[str, float]:
    """Each network's part of votes."""
    counted = Counter(network for vote in votes for network in vote.networks)
    return {network: n / len(votes) for network, n in counted.items()}


def _curve(connection: Connection, site: Site, now_ms: int) -> Curve:
    given = {"site_id": site.id, "since_ms": now_ms - _DAYS * DAY_MS, "since": now_ms // HOUR_MS - _DAYS * 24}
    articles = connection.execute(_YOUNG, given).scalar_one() or 1
    by_age = {age: int(n) / articles for age, n in connection.execute(_BY_AGE, given)}
    by_hour = {hour % 24: int(n) for hour, n in connection.execute(_BY_HOUR, given)}
    mean = sum(by_hour.values()) / 24
    return Curve(
        by_age,
        {hour: max(n / mean, 0.1) for hour, n in by_hour.items()} if mean and len(by_hour) == 24 else {},
        {reaction: int(n) for reaction, n in connection.execute(_VOTES, given)},
    )


_ids: BindParameter[Any] = bindparam("ids", expanding=True)
_age = (_h.hour_utc - _a.first_seen_at // HOUR_MS).label("age")
_of_site = (_a.site_id == bindparam("site_id"), _h.hour_utc >= bindparam("since"))
_young = _a.first_seen_at >= bindparam("since_ms")
_hour = (_h.hour_utc % 24).label("hour")

_FIRST_SEEN = select(_a.article_id, _a.first_seen_at).where(_a.article_id.in_(_ids))
_ADDED = (
    select(_h.article_id, _h.hour_utc, func.sum(_h.added))
    .where(_h.article_id.in_(_ids), _h.hour_utc >= bindparam("since"))
    .group_by(_h.article_id, _h.hour_utc)
)
_YOUNG = select(func.count()).select_from(tables.article).where(_a.site_id == bindparam("site_id"), _young)
_joined = tables.hourly.join(tables.article, _a.article_id == _h.article_id)
_BY_AGE = select(_age, func.sum(_h.added)).select_from(_joined).where(*_of_site, _young).group_by(_age)
_BY_HOUR = select(_hour, func.sum(_h.added)).select_from(_joined).where(*_of_site).group_by(_hour)
_VOTES = (
    select(_t.reaction, func.sum(_t.n))
    .join(tables.article, _a.article_id == _t.article_id)
    .where(_a.site_id == bindparam("site_id"))
    .group_by(_t.reaction)
)
