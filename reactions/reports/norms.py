"""What is usual for a site: the shares of its votes, what an article gains at each hour of its age, and its articles' peers.

Everything is as it was before one full hour, so that it does not move while votes arrive. It is read once and kept for minutes.
What came before an article's publication is left out: it belongs to no age.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, Select, Text, case, cast, func, select

from reactions.newsroom.sites import Site
from reactions.reports import cards, figures, metrics, peers
from reactions.reports.filters import names_in
from reactions.reports.metrics import Shares, Votes
from reactions.reports.peers import STEPS, Peers, Story, Surprise
from reactions.storage import tables
from reactions.times import HOUR_MS

WINDOW_HOURS = 28 * 24  # how old an article may be to say what is usual
YOUNG_HOURS = 8 * 24  # how old one may be to be a surprise: a day beyond the last step
PEERS_AT_MOST = 1_000  # of a site that publishes more, a sample that does not change: those with the lowest ids
EDGES = (*range(1, 49), 72, 96, 168, 336, WINDOW_HOURS)  # the ages, in hours, at which the steps of the profile end

_a, _h = tables.article.c, tables.hourly.c
_born_hour = cards.born_ms // HOUR_MS
_age = _h.hour_utc - _born_hour
_net = _h.added - _h.removed


@dataclass(frozen=True)
class Norms:
    """What is usual before `hour`. `rates`: reactions of mood 0 or +1 that an article gains in an hour, by step of its age.

    `young` has what is said of articles that may be a surprise, `counts` what they had of each reaction at the last step.
    """

    hour: int
    shares: Shares
    rates: Sequence[float]
    peers: Peers
    young: Mapping[int, Story]
    counts: Mapping[int, Mapping[str, int]]
    _surprises: dict[int, Surprise | None] = field(default_factory=dict, repr=False)

    def expected(self, born_hour: int, now_ms: int) -> float:
        """What an article born then usually gains in the last three hours, of the present one only the part that has passed."""
        now_hour, passed_ms = divmod(now_ms, HOUR_MS)
        ages = [now_hour - back - born_hour for back in range(metrics.TREND_HOURS)]
        parts = [passed_ms / HOUR_MS, *[1.0] * (metrics.TREND_HOURS - 1)]
        return sum([self._rate(age) * part for age, part in zip(ages, parts, strict=True) if age >= 0])

    def surprise(self, article_id: int) -> Surprise | None:
        """What is unusual about a young article beside its peers."""
        story = self.young.get(article_id)
        if story is None:
            return None
        if article_id not in self._surprises:
            self._surprises[article_id] = self.peers.surprise(story, self.counts.get(article_id, {}))
        return self._surprises[article_id]

    def _rate(self, age: int) -> float:
        return self.rates[min(bisect_right(EDGES, age), len(EDGES) - 1)]


def read(connection: Connection, site: Site, hour: int, votes: Votes) -> Norms:
    """What was usual before an hour; `votes` are all that the site had then."""
    births = _births(connection, site, hour)
    sample = births[:PEERS_AT_MOST]
    sampled = [row.article_id for row in sample]
    rises = _rises(connection, sampled, hour)
    young = {row.article_id: _story(row) for row in births if row.born_hour >= hour - YOUNG_HOURS}
    return Norms(
        hour=hour,
        shares=metrics.shares_of(votes),
        rates=_rates([hour - row.born_hour for row in sample], _gains(connection, site, sampled, hour)),
        peers=Peers([_story(row, rises.get(row.article_id)) for row in sample], hour),
        young=young,
        counts=_counts(connection, young, hour),
    )


def _births(connection: Connection, site: Site, hour: int) -> Sequence[Row[Any]]:
    """The site's articles of the last 28 days, in the order of their ids, which is no order at all: ids are hashes."""
    asked = (
        select(_a.article_id, _a.section, cast(_a.authors, Text).label("authors"), _born_hour.label("born_hour"))
        .where(_a.site_id == site.id, _a.merged_into.is_(None))
        .where(cards.born_ms >= (hour - WINDOW_HOURS) * HOUR_MS, cards.born_ms < hour * HOUR_MS)
        .order_by(_a.article_id)
    )
    return connection.execute(asked).all()


def _story(row: Row[Any], rises: Mapping[str, Mapping[int, int]] | None = None) -> Story:
    risen = {reaction: peers.rise(gains) for reaction, gains in (rises or {}).items()}
    return Story(row.article_id, row.section, names_in(row.authors), row.born_hour, risen)


def _of_age(connection: Connection, ids: Collection[int], hour: int, *columns: Any) -> Select[Any]:
    """The hours that articles had lived through before an hour."""
    return (
        select(*columns, _net.label("net"))
        .join(tables.article, _a.article_id == _h.article_id)
        .where(figures.one_of(connection, _h.article_id, ids), _age >= 0)
        .where(_h.hour_utc >= hour - WINDOW_HOURS, _h.hour_utc < hour)
    )


def _rises(connection: Connection, ids: Collection[int], hour: int) -> dict[int, dict[str, dict[int, int]]]:
    """What articles gained between the steps of their age, by reaction."""
    step = case(*((_age < age, place) for place, age in enumerate(STEPS)))
    inner = _of_age(connection, ids, hour, _h.article_id, _h.reaction, step.label("step")).where(_age < STEPS[-1]).subquery()
    columns = (inner.c.article_id, inner.c.reaction, inner.c.step)
    asked = select(*columns, cast(func.sum(inner.c.net), BigInteger)).group_by(*columns)
    rises: dict[int, dict[str, dict[int, int]]] = {}
    for article_id, reaction, place, net in connection.execute(asked).all():
        rises.setdefault(article_id, {}).setdefault(reaction, {})[place] = net
    return rises


def _counts(connection: Connection, ids: Collection[int], hour: int) -> dict[int, dict[str, int]]:
    """What articles had of each reaction at the last step of age they had reached."""
    reached = case(*((_born_hour <= hour - age, age) for age in reversed(STEPS)), else_=0)
    inner = _of_age(connection, ids, hour, _h.article_id, _h.reaction).where(_age < reached).subquery()
    columns = (inner.c.article_id, inner.c.reaction)
    counts: dict[int, dict[str, int]] = {}
    for article_id, reaction, net in connection.execute(
        select(*columns, cast(func.sum(inner.c.net), BigInteger)).group_by(*columns)
    ).all():
        counts.setdefault(article_id, {})[reaction] = net
    return counts


def _gains(connection: Connection, site: Site, ids: Collection[int], hour: int) -> dict[int, int]:
    """What articles gained of reactions with mood 0 or +1, by hour of age."""
    inner = _of_age(connection, ids, hour, _age.label("age"))
    inner_hours = inner.where(_h.reaction.not_in(figures.moods(site.reactions)[-1])).subquery()
    asked = select(inner_hours.c.age, cast(func.sum(inner_hours.c.net), BigInteger)).group_by(inner_hours.c.age)
    return dict(connection.execute(asked).all())


def _rates(lived: Sequence[int], gains: Mapping[int, int]) -> list[float]:
    """The mean gain of an hour at each step of age: what was gained, over the hours that articles have lived through it.

    A step that no article has reached yet has the rate of the one before.
    """
    gained = [0] * len(EDGES)
    for age, net in gains.items():
        gained[bisect_right(EDGES, age)] += net
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
