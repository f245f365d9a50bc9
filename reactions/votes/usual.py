"""What is usual: the numbers that the detector compares a window of votes with, never read while a vote waits."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, func, select

from reactions.newsroom.sites import Site
from reactions.storage import tables
from reactions.times import DAY_MS, HOUR_MS
from reactions.votes import tallies
from reactions.votes.detector import Seen, Sight, Usual
from reactions.votes.others import Others

_DAYS = 14  # what the curve of a site is drawn from
_PRIOR = 20  # how many votes the site's mix weighs beside an article's own
_FRESH, _FRESH_WEIGHT = 0.8, 50  # the share of fresh votes before anything is known
_LEAST_FOR_SHARES = 100  # votes of proven readers on other articles below which networks have no usual share

_LEAST_TOLD = 100  # views told of an article before its votes for a view mean anything
_LEAST_ELSEWHERE = 20  # votes on other articles, or views told in the last hours, before they mean anything
_ALIVE_HOURS = 3  # of which some view must be there: a site whose beacons have stopped says nothing
_MOST = 0.95  # of the articles of a site have at most its usual votes for a view

_a, _h, _t, _w = tables.article.c, tables.hourly.c, tables.tally.c, tables.views.c


@dataclass(frozen=True, slots=True)
class Curve:
    """How a site's votes come: on an article by its age in hours, by hour of the day (1 is the mean), and for which reaction.

    `per_view` is how many votes come for a view, at most, on nearly all of its articles; None where hardly any view was told.
    """

    by_age: Mapping[int, float]
    by_hour: Mapping[int, float]
    votes: Mapping[str, int]
    per_view: float | None = None

    def at(self, age: int) -> float:
        """Votes an hour at an age; of the oldest age known for older articles."""
        return self.by_age.get(age, min(self.by_age.values(), default=0.0))


@dataclass(frozen=True, slots=True)
class Views:
    """The views of a site's articles by hour, of those that have votes now, and how many votes its articles get for a view."""

    of: Mapping[int, Mapping[int, int]]
    sampling: int
    per_view: float | None

    def sight(self, article_id: int, added: Mapping[int, int], hours: range, elsewhere: Mapping[int, int]) -> Sight | None:
        """How often a row was seen in the hours that a window touches; `elsewhere` are the window's votes on other articles.

        None if there is nothing to compare with, or if hardly a view was told of any article lately.
        """
        mine, least = self.of.get(article_id), _LEAST_TOLD * self.sampling
        if mine is None:
            return None
        usual = [] if self.per_view is None else [self.per_view]
        earlier = [hour for hour in mine if hour < hours.start]
        if (seen := sum(mine[hour] for hour in earlier)) >= least:
            usual.append(sum(added.get(hour, 0) for hour in range(min(earlier), hours.start)) / seen)
        if not usual:
            return None
        lately = range(hours.stop - _ALIVE_HOURS, hours.stop)
        if self._within(self.of, lately) < _LEAST_ELSEWHERE * self.sampling:
            return None
        told = {a: n for a, n in elsewhere.items() if a in self.of}  # of the others nobody has asked for the views
        if (votes := sum(told.values())) >= _LEAST_ELSEWHERE:
            usual.append(votes / max(self._within(told, hours), 0.5))
        return Sight(self._within([article_id], hours), self.sampling, max(usual))

    def _within(self, ids: Collection[int], hours: range) -> int:
        return sum(n for article_id in ids for hour, n in self.of.get(article_id, {}).items() if hour in hours)


@dataclass(frozen=True, slots=True)
class Past:
    """An article's votes before now: its counts, what each hour added, when it was seen first, and the views where they count."""

    counts: Mapping[str, int]
    added: Mapping[int, int]
    first_hour: int
    hour: int
    curve: Curve
    article_id: int = 0
    views: Views | None = None

    def for_window(self, window: Sequence[Seen], others: Others, window_ms: int) -> Usual:
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
        fresh = (others.fresh + _FRESH * _FRESH_WEIGHT) / (others.votes + _FRESH_WEIGHT)
        shares = others.shares(_networks_of(window)) if others.proven >= _LEAST_FOR_SHARES else {}
        return Usual(mix, total, self.expected(window_ms), fresh, shares, self._sight(window_ms, others))

    def _sight(self, window_ms: int, others: Others) -> Sight | None:
        if self.views is None:
            return None
        hours = range(self.hour - -(-window_ms // HOUR_MS), self.hour + 1)
        return self.views.sight(self.article_id, self.added, hours, others.beside)

    def expected(self, window_ms: int) -> float:
        """How many votes the article's age, its own past and the hour of the day predict for a window."""
        past = range(self.first_hour, self.hour)
        observed = sum(self.added.get(hour, 0) for hour in past)
        predicted = sum(self.curve.at(hour - self.first_hour) for hour in past)
        own = (observed + 5) / (predicted + 5)
        by_age = self.curve.at(self.hour - self.first_hour) * own * self.curve.by_hour.get(self.hour % 24, 1.0)
        return max(by_age, 0.7 * self.added.get(self.hour - 1, 0)) * window_ms / HOUR_MS


def _networks_of(window: Sequence[Seen]) -> set[str]:
    """Where its fresh votes come from."""
    return {network for vote in window if vote.fresh for network in vote.networks}


class History:
    """Reads the past of articles; remembers the curve of each site for an hour."""

    def __init__(self) -> None:
        self._curves: dict[int, tuple[int, Curve]] = {}

    def of(
        self,
        connection: Connection,
        sites: Mapping[int, Site],
        ids: Collection[int],
        *,
        now_ms: int,
        beside: Mapping[int, Collection[int]] = MappingProxyType({}),
    ) -> dict[int, Past]:
        """The past of articles, by id; `sites` are theirs, and `beside` the articles of each site that have votes now."""
        if not ids:
            return {}
        hour = now_ms // HOUR_MS
        counts = tallies.counts_of(connection, set(ids))
        first = {int(row[0]): int(row[1]) for row in connection.execute(_FIRST_SEEN, {"ids": list(ids)})}
        added: dict[int, dict[int, int]] = {article_id: {} for article_id in ids}
        for article_id, at, n in connection.execute(_ADDED, {"ids": list(ids), "since": hour - 24 * _DAYS}):
            added[article_id][at] = int(n)
        every = {site.id: site for site in sites.values()}
        curves = {site.id: self._curve(connection, site, now_ms) for site in every.values()}
        views = {
            site.id: _views(connection, site, beside.get(site.id, ()), curves[site.id], hour)
            for site in every.values()
            if site.count_views
        }
        return {
            a: Past(
                counts[a],
                added[a],
                max(first.get(a, now_ms) // HOUR_MS, hour - 24 * _DAYS),
                hour,
                curves[sites[a].id],
                a,
                views.get(sites[a].id),
            )
            for a in ids
        }

    def _curve(self, connection: Connection, site: Site, now_ms: int) -> Curve:
        hour = now_ms // HOUR_MS
        known = self._curves.get(site.id)
        if known is None or known[0] != hour:
            known = self._curves[site.id] = hour, _curve(connection, site, now_ms)
        return known[1]


def _views(connection: Connection, site: Site, ids: Collection[int], curve: Curve, hour: int) -> Views:
    of: dict[int, dict[int, int]] = {article_id: {} for article_id in ids}
    asked = {"ids": list(ids), "since": hour - 24 * _DAYS}
    for article_id, at, n in connection.execute(_SEEN, asked) if ids else ():
        of[article_id][at] = int(n)
    return Views(of, site.count_views, curve.per_view)


def _per_view(connection: Connection, site: Site, given: Mapping[str, int]) -> float | None:
    """How many votes come for a view on the article that has more of them than all but a twentieth of the site's."""
    least = {"least": _LEAST_TOLD * site.count_views, "before": given["now"] // HOUR_MS}
    rates = sorted(int(votes) / int(seen) for seen, votes in connection.execute(_PER_VIEW, {**given, **least}))
    return rates[math.ceil(_MOST * len(rates)) - 1] if rates else None


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
        _per_view(connection, site, given | {"now": now_ms}) if site.count_views else None,
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

_SEEN = select(_w.article_id, _w.hour_utc, _w.n).where(_w.article_id.in_(_ids), _w.hour_utc >= bindparam("since"))
_seen = (
    select(_w.article_id, func.sum(_w.n).label("n"), func.min(_w.hour_utc).label("first"), func.max(_w.hour_utc).label("last"))
    .join(tables.article, _a.article_id == _w.article_id)
    .where(_a.site_id == bindparam("site_id"), _w.hour_utc >= bindparam("since"), _w.hour_utc < bindparam("before"))
    .group_by(_w.article_id)
    .having(func.sum(_w.n) >= bindparam("least"))
    .subquery()
)
_PER_VIEW = (
    select(_seen.c.n, func.coalesce(func.sum(_h.added), 0))
    .outerjoin(tables.hourly, (_h.article_id == _seen.c.article_id) & _h.hour_utc.between(_seen.c.first, _seen.c.last))
    .group_by(_seen.c.article_id, _seen.c.n)
)
