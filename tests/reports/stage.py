"""A site with articles and votes at chosen times, counted the product's own way, and a newsroom that asks about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from reactions.newsroom import article_keys, articles, reaction_sets, sites
from reactions.newsroom.articles import Description
from reactions.newsroom.sites import Site
from reactions.reports.query import ReportQuery
from reactions.reports.reporting import Reports
from reactions.storage import engines
from reactions.votes import holds, rules, views
from reactions.votes.ballot_box import BallotBox
from reactions.votes.holds import Hold
from reactions.votes.rules import Ballot, Receipt
from tests import make

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NOON = 1_764_072_000_000  # Tuesday 2025-11-25, 12:00 UTC
CURSOR_KEY = b"c" * 32
Vote = tuple[int, str, str | None, int]  # reader, article, reaction, UTC ms

_numbers = count()


def at(text: str, zone: str = "UTC", *, fold: int = 0) -> int:
    """A local time as UTC ms: at("2025-10-26 02:30", "Europe/Berlin", fold=1)."""
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp() * 1000)


@dataclass
class Stage:
    """One site on a database. Other sites stay beside it, to leak if they can."""

    engine: Engine
    site: Site
    now_ms: int = NOON
    box: BallotBox = field(init=False)

    def __post_init__(self) -> None:
        self.box = BallotBox(
            self.engine, pseudonym_key=b"k" * 32, batch_size=256, queue_size=2000, answer_within_s=10, clock=lambda: self.now_ms
        )

    def publish(
        self, key: str, *, at_ms: int | None = NOON - DAY_MS, section: str | None = None, authors: Sequence[str] = (),
        tags: Sequence[str] = (), title: str = "", seen_ms: int = NOON - DAY_MS,
    ) -> None:  # fmt: skip
        with engines.writing(self.engine) as connection:
            said = Description(key, title or f"About {key}", None, section, list(authors), list(tags), at_ms)
            articles.describe(connection, self.site, [said], at_ms=seen_ms)

    def vote(self, *votes: Vote) -> None:
        """Count votes in the order of their times."""
        ballots = [self._ballot(*vote) for vote in sorted(votes, key=lambda vote: vote[3])]
        refused = [answer for answer in self.box.count(ballots) if not isinstance(answer, Receipt)]
        assert refused == []

    def give_all(self, *gifts: tuple[str, str, int, int]) -> None:
        """What `give` does, in one transaction."""
        self.vote(
            *((next(_numbers) + 1_000_000, article, reaction, at) for article, reaction, times, at in gifts for _ in range(times))
        )

    def give(self, article: str, reaction: str, times: int, at_ms: int) -> None:
        """Let so many new readers react."""
        self.give_all((article, reaction, times, at_ms))

    def hold(self, *votes: Vote) -> None:
        """Let votes arrive that are held for a day."""
        due = Hold(holds.SOFT_CAP, self.now_ms + DAY_MS)
        self.box.count([replace(self._ballot(*vote), held=due) for vote in votes])

    def see(self, key: str, times: int, at_ms: int) -> None:
        """Let the row of an article come into sight so often."""
        with engines.writing(self.engine) as connection:
            found = articles.get(connection, self.site, article_keys.canonical_key(key))
            views.add_sums(connection, [{"article_id": found.article_id, "hour_utc": at_ms // HOUR_MS, "n": times}])

    def _ballot(self, reader: int, article: str, reaction: str | None, at_ms: int) -> Ballot:
        return rules.ballot(
            self.site, article=article, reaction=reaction, reader=reader.to_bytes(16, "big"), seq=at_ms, now_ms=at_ms
        )

    def reports(self, *, clock: Callable[[], int] | None = None, kept_s: float = 0, dashboard_kept_s: float = 0) -> Reports:
        """A newsroom at the stage's time that remembers nothing unless it is told to."""
        return Reports(
            self.engine, cursor_key=CURSOR_KEY, clock=clock or (lambda: self.now_ms), closed_hours_kept_s=kept_s,
            dashboard_kept_s=dashboard_kept_s,
        )  # fmt: skip


def stage(engine: Engine, key: str = "daily", *, time_zone: str = "UTC", now_ms: int = NOON, **choices: object) -> Stage:
    """A stage on a new site."""
    with engines.writing(engine) as connection:
        sites.add(connection, key=key, name="The Daily", origins=[make.ORIGIN], reactions=make.reactions(), time_zone=time_zone)
        if choices:
            sites.change(connection, key, **choices)
        return Stage(engine, sites.get(connection, key), now_ms)


def asked(**about: str) -> ReportQuery:
    """What a report is asked about."""
    return ReportQuery(**about)


def set_of(*entries: tuple[str, int]) -> reaction_sets.ReactionSet:
    """A reaction set of keys and moods."""
    return reaction_sets.from_stored([{"key": key, "emoji": "•", "mood": mood, "label": {"en": key}} for key, mood in entries])
