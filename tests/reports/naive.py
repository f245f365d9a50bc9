"""The reports a second time, from the ledger and by plain loops: slow, and short enough to be believed.

Nothing of `reactions.reports` is used. Where the product reads sums of hours, this reads events one by one. The file is longer
than others because it shares nothing with what it checks.
"""

from __future__ import annotations

import json
import math
import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, text

from reactions.newsroom.sites import Site

HOUR_MS = 3_600_000
STEPS = (1, 2, 3, 6, 12, 24, 48, 72, 168)
Z = 1.959964


@dataclass
class Article:
    """An article and everything that ever happened to its votes: hour, reaction, +1 or -1. And the first vote of each reader."""

    key: str
    section: str | None
    authors: list[str]
    tags: list[str]
    title: str
    born_ms: int
    moves: list[tuple[int, str, int]] = field(default_factory=list)
    firsts: list[tuple[int, str]] = field(default_factory=list)  # UTC ms, reaction
    views: dict[int, int] = field(default_factory=dict)  # by UTC hour

    @property
    def born_hour(self) -> int:
        return self.born_ms // HOUR_MS

    def net(self, moods: dict[str, int], wanted: set[int], first: int, stop: int) -> int:
        return sum(by for hour, reaction, by in self.moves if moods[reaction] in wanted and first <= hour < stop)

    @property
    def from_hour(self) -> int:
        """The first hour of which it lived through the whole."""
        return -(-self.born_ms // HOUR_MS)

    def at_age(self, reaction: str, age: int, now_hour: int) -> int:
        """What it had of a reaction when it was so many hours old."""
        stop = min(self.born_hour + age, now_hour)
        return sum(by for hour, key, by in self.moves if reaction == key and self.born_hour <= hour < stop)

    def readers(self, first: int, stop: int, wanted: set[str] | None = None) -> int:
        """The readers who voted first in some hours, with one of the wanted reactions."""
        inside = [key for at, key in self.firsts if first <= at // HOUR_MS < stop]
        return sum(wanted is None or key in wanted for key in inside)

    def readers_at_age(self, age: int, now_hour: int) -> int:
        """The readers who had voted when it was so many hours old."""
        return self.readers(self.born_hour, min(self.born_hour + age, now_hour))

    def seen(self, first: int, stop: int) -> int | None:
        return sum(n for hour, n in self.views.items() if first <= hour < stop) if self.views else None

    def rate(self, first: int, stop: int) -> tuple[float, float, float] | None:
        """The readers of 1,000 views, hour by hour between the first view and the last, and Wilson's interval of it."""
        n = self.seen(first, stop) or 0
        hours = [hour for hour in range(first, stop) if self.views and min(self.views) <= hour <= max(self.views)]
        k = sum(self.readers(hour, hour + 1) for hour in hours)
        if n < 100 or k > n:
            return None
        # The shares p from which k of n lie Z standard errors away: (k/n - p)² = Z² p (1 - p) / n.
        a, b, c = 1 + Z**2 / n, -(2 * k / n + Z**2 / n), (k / n) ** 2
        root = math.sqrt(b * b - 4 * a * c)
        return 1000 * k / n, 1000 * (-b - root) / (2 * a), 1000 * (-b + root) / (2 * a)


@dataclass
class Naive:
    """A site at a time, as its ledger tells it."""

    site: Site
    articles: dict[str, Article]
    now_ms: int

    @property
    def moods(self) -> dict[str, int]:
        return {entry.key: entry.mood for entry in self.site.reactions.entries}

    @property
    def closed(self) -> int:
        """The hour that may still change first."""
        return (self.now_ms - 120_000) // HOUR_MS

    # What is usual.

    def shares(self) -> tuple[float, float]:
        counts: Counter[int] = Counter()
        for article in self.articles.values():
            for hour, reaction, by in article.moves:
                if hour < self.closed:
                    counts[self.moods[reaction]] += by
        total = sum(counts.values())
        return (counts[1] / total, counts[-1] / total) if total else (0.0, 0.0)

    def mood(self, positive: int, negative: int, total: int) -> tuple[float, float, float, bool] | None:
        if not total:
            return None
        n = total + 10
        p, q = self.shrunk(positive, negative, total)
        value = p - q
        error = Z * math.sqrt(max(p + q - value**2, 0) / n)
        return value, max(value - error, -1), min(value + error, 1), total < 10

    def split(self, positive: int, negative: int, total: int) -> tuple[float, float, float, bool] | None:
        if not total:
            return None
        own = 4 * positive / total * negative / total if total > 0 else 0.0
        usual = 4 * self.shares()[0] * self.shares()[1]
        value = (total * own + 10 * usual) / (total + 10)
        error = Z * math.sqrt(max(variance_of_split(*self.shrunk(positive, negative, total), total + 10), 0))
        return value, max(value - error, 0), min(value + error, 1), total < 10

    def divides(self, positive: int, negative: int, total: int) -> bool:
        """True if readers are more divided than the site's are, by the whole interval."""
        p, q = self.shares()
        return total >= 10 and self.split(positive, negative, total)[1] > 4 * p * q

    def live(self, zone: str) -> dict[str, Any]:
        """The readers of this hour and the last, and of the same minutes of this hour, the last and those of earlier weeks."""
        hour, minutes = self.now_ms // HOUR_MS, self.now_ms % HOUR_MS // 600_000 * 10
        firsts = [at for article in self.articles.values() for at, _ in article.firsts]
        began = min((h for article in self.articles.values() for h, _, _ in article.moves), default=None)

        def by(start: int, until: int = 60) -> int:
            return sum(start * 60 <= at / 60_000 < start * 60 + until for at in firsts)

        local = datetime.fromtimestamp(hour * 3600, ZoneInfo(zone)).replace(fold=0)
        weeks = [round((local - timedelta(weeks=n)).timestamp()) // 3600 for n in (1, 2, 3, 4)]
        lived = [by(week, minutes) for week in weeks if began is not None and began <= week]
        usual = statistics.median(lived) if len(lived) >= 3 else None
        if not minutes:
            return {"this": by(hour), "last": by(hour - 1), "so_far": None, "last_so_far": None, "usual": None}
        return {
            "this": by(hour), "last": by(hour - 1), "so_far": by(hour, minutes), "last_so_far": by(hour - 1, minutes),
            "usual": usual,
        }  # fmt: skip

    def curve(self, key: str) -> tuple[str, str | None, list[tuple[int, int | None, list[int]]]] | None:
        """Whom an article is compared with, and by age its readers and theirs: the same articles at every age."""
        article = self.articles[key]
        age = self.closed - article.from_hour
        reached = max((step for step in STEPS if step <= age), default=None)
        for kind, name, others in self.groups(key, reached or 1):
            if len(others) < 5:
                continue
            last = max(
                step for step in STEPS
                if step == (reached or 1)
                or (step > (reached or 1)
                    and len(old := [o for o in others if self.closed - o.from_hour >= step]) >= 5
                    and len(old) >= len(others) / 2)
            )  # fmt: skip
            same = [other for other in others if self.closed - other.from_hour >= last]
            return kind, name, [
                (step, article.readers_at_age(step, self.closed) if reached and step <= reached else None,
                 [other.readers_at_age(step, self.closed) for other in same])
                for step in STEPS if step <= last
            ]  # fmt: skip
        return None

    def shrunk(self, positive: int, negative: int, total: int) -> tuple[float, float]:
        p, q = self.shares()
        return (positive + 10 * p) / (total + 10), (negative + 10 * q) / (total + 10)

    def rate(self, age: int) -> float:
        """The mean gain of an article in an hour of that age, over the articles of 28 days."""
        edges = [0, *range(1, 49), 72, 96, 168, 336, 672]
        rate = 0.0
        for begin, end in pairwise(edges):
            gained, hours = 0, 0
            for article in self.of_28_days():
                for hour in range(article.born_hour + begin, min(article.born_hour + end, self.closed)):
                    hours += 1
                    gained += article.readers(hour, hour + 1, self.not_negative)
            rate = gained / hours if hours else rate
            if age < end:
                break
        return rate

    @property
    def not_negative(self) -> set[str]:
        return {key for key, mood in self.moods.items() if mood >= 0}

    def of_28_days(self) -> list[Article]:
        begin = (self.closed - 672) * HOUR_MS
        return [a for a in self.articles.values() if begin <= a.born_ms < self.closed * HOUR_MS]

    # One article.

    def votes(self, key: str) -> dict[str, int]:
        counts = dict.fromkeys(self.moods, 0)
        for _, reaction, by in self.articles[key].moves:
            counts[reaction] += by
        return counts

    def trending(self, key: str) -> tuple[float, int, float]:
        article, now_hour = self.articles[key], self.now_ms // HOUR_MS
        gained = article.readers(now_hour - 2, now_hour + 1, self.not_negative)
        expected = 0.0
        for hour in (now_hour - 2, now_hour - 1, now_hour):
            part = (self.now_ms - now_hour * HOUR_MS) / HOUR_MS if hour == now_hour else 1
            if hour >= article.born_hour:
                expected += part * self.rate(hour - article.born_hour)
        return (gained + 3) / (expected + 3), gained, expected

    def surprise(self, key: str) -> tuple[str, float | None, int, float, str, str | None, int] | None:
        article = self.articles[key]
        age = self.closed - article.from_hour
        if not 1 <= age <= 192:
            return None
        step = max(step for step in STEPS if step <= age)
        counts = {r: article.at_age(r, step, self.closed) for r in self.moods}
        for kind, name, others in self.groups(key, step):
            if len(others) < 5:
                continue
            found = []
            for reaction, count in counts.items():
                if count >= 5:
                    median = statistics.median([other.at_age(reaction, step, self.closed) for other in others])
                    found.append(((count + 1) / (median + 1), count, reaction, median))
            if not found:
                return None
            _, count, reaction, median = max(found)
            return reaction, count / median if median >= 5 else None, count, median, kind, name, step
        return None

    def groups(self, key: str, step: int) -> list[tuple[str, str | None, list[Article]]]:
        article = self.articles[key]
        others = [a for a in self.of_28_days() if a.key != key and self.closed - a.from_hour >= step]
        groups: list[tuple[str, str | None, list[Article]]] = []
        if article.section:
            groups.append(("section", article.section, [a for a in others if a.section == article.section]))
        groups += [("author", name, [a for a in others if a.authors[:1] == [name]]) for name in article.authors[:1]]
        return [*groups, ("site", None, others)]

    # A period: `first` and `stop` are UTC hours.

    def row(self, key: str, first: int, stop: int) -> dict[str, Any]:
        article = self.articles[key]
        inside = [by for hour, _, by in article.moves if first <= hour < stop]
        votes = self.votes(key)
        polar = [sum(n for r, n in votes.items() if self.moods[r] == mood) for mood in (1, -1)]
        return {
            "counts": votes, "added": inside.count(1), "removed": inside.count(-1), "net": sum(inside),
            "views": article.seen(first, stop), "rate": article.rate(first, stop),
            "readers": article.readers(first, stop), "divides": self.divides(*polar, sum(votes.values())),
            "mood": self.mood(*polar, sum(votes.values())), "split": self.split(*polar, sum(votes.values())),
            "trending": self.trending(key), "surprise": self.surprise(key),
        }  # fmt: skip

    def listed(self, first: int, stop: int, start_ms: int, end_ms: int) -> set[str]:
        """The articles that readers reacted to in the period, or that were born in it."""
        return {
            key for key, article in self.articles.items()
            if any(first <= hour < stop for hour, _, _ in article.moves) or start_ms <= article.born_ms < end_ms
        }  # fmt: skip

    def series(self, keys: set[str], first: int, stop: int, zone: str, unit: str) -> dict[Any, Counter[tuple[str, str]]]:
        """What was added and removed of each reaction, by the bucket in which the hour begins."""
        buckets: dict[Any, Counter[tuple[str, str]]] = defaultdict(Counter)
        for key in keys:
            for hour, reaction, by in self.articles[key].moves:
                if first <= hour < stop:
                    buckets[bucket_of(hour, zone, unit)][reaction, "added" if by > 0 else "removed"] += 1
        return buckets


def variance_of_split(p: float, q: float, n: int) -> float:
    """The delta method's, of second order, of 4pq: gᵀΣg + ½ tr (HΣ)² with the gradient g and the second derivatives H."""
    cov = [[p * (1 - p) / n, -p * q / n], [-p * q / n, q * (1 - q) / n]]
    gradient, second = [4 * q, 4 * p], [[0.0, 4.0], [4.0, 0.0]]
    first = sum(gradient[i] * cov[i][j] * gradient[j] for i in (0, 1) for j in (0, 1))
    turned = [[sum(second[i][k] * cov[k][j] for k in (0, 1)) for j in (0, 1)] for i in (0, 1)]
    return first + sum(turned[i][j] * turned[j][i] for i in (0, 1) for j in (0, 1)) / 2


def bucket_of(hour: int, zone: str, unit: str) -> Any:
    """The local day, or the Monday of the week, or the hour itself."""
    if unit == "hour":
        return hour
    day: date = datetime.fromtimestamp(hour * 3600, ZoneInfo(zone)).date()
    return day if unit == "day" else day - timedelta(days=day.weekday())


def read(engine: Engine, site: Site, now_ms: int) -> Naive:
    """The site's articles and their events."""
    with engine.connect() as connection:
        found = {
            row.article_id: Article(
                row.key, row.section, _list(row.authors), _list(row.tags), row.title or "",
                row.published_at or row.first_seen_at,
            )
            for row in connection.execute(text("select * from article where site_id = :site"), {"site": site.id})
        }  # fmt: skip
        known: set[tuple[int, bytes]] = set()
        for event in connection.execute(text("select * from event order by seq")):
            if event.article_id in found:
                moves = found[event.article_id].moves
                moves += [(event.at // HOUR_MS, r, by) for r, by in ((event.from_reaction, -1), (event.to_reaction, 1)) if r]
                voter = event.article_id, bytes(event.voter)
                if voter not in known and event.cause == "vote":
                    found[event.article_id].firsts.append((event.at, event.to_reaction))
                known.add(voter)
        for article_id, hour, n in connection.execute(text("select article_id, hour_utc, n from views")):
            if article_id in found:
                found[article_id].views[hour] = n
    return Naive(site, {article.key: article for article in found.values()}, now_ms)


def _list(stored: Any) -> list[str]:
    return list(dict.fromkeys(json.loads(stored) if isinstance(stored, str) else stored))
