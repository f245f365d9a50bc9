"""One report being read: from where, about which site, and at what time.

An hour is closed two minutes after its end, when no vote can still be on its way into it. What closed hours say is kept in
memory; only the hours since are read again for each report.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection

from reactions.newsroom.sites import Site
from reactions.reports import figures, norms
from reactions.reports.figures import NONE, Cell, Moves, Sums
from reactions.reports.memory import Memory
from reactions.reports.metrics import NO_VOTES, Votes
from reactions.reports.norms import Norms
from reactions.times import HOUR_MS

GRACE_MS = 120_000
K = TypeVar("K")


@dataclass(frozen=True)
class Reading:
    """A consistent view of the database, and what is remembered of earlier ones. `now_ms` is UTC."""

    connection: Connection
    site: Site
    now_ms: int
    memory: Memory

    @property
    def hour(self) -> int:
        """The UTC hour that runs."""
        return self.now_ms // HOUR_MS

    @property
    def closed_before(self) -> int:
        """The first UTC hour that may still change."""
        return closed_before(self.now_ms)

    def norms(self, hour: int) -> Norms:
        """What was usual for the site before a closed hour."""
        return self.memory.recall(self._key("norms", hour), lambda: self._norms(hour))

    def votes_before(self, hour: int) -> Mapping[int, Votes]:
        """The votes of each of the site's articles as they stood before a closed hour."""
        return self.memory.recall(self._key("votes", hour), lambda: self._votes_before(hour))

    def by_article(self, hours: range) -> Mapping[int, Sums]:
        """The sums of every article that anything happened to in these hours."""
        past, recent = self._parted(hours)
        closed = self.memory.recall(self._key("by_article", past), lambda: figures.by_article(self.connection, self.site, past))
        live = figures.by_article(self.connection, self.site, recent)
        return {**closed, **{article_id: sums.plus(closed.get(article_id, NONE)) for article_id, sums in live.items()}}

    def by_hour(self, hours: range, among: Collection[int] | None) -> Mapping[Cell, Moves]:
        """What was given and taken back by hour and reaction, of all articles or of some."""
        if among is not None:
            return figures.by_hour(self.connection, self.site, hours, among=among)
        past, recent = self._parted(hours)
        closed = self.memory.recall(self._key("by_hour", past), lambda: figures.by_hour(self.connection, self.site, past))
        return {**closed, **figures.by_hour(self.connection, self.site, recent)}

    def by_reaction(self, hours: range, among: Collection[int] | None) -> Mapping[str, Moves]:
        """What was given and taken back by reaction, of all articles or of some."""
        if among is not None:
            return figures.by_reaction(self.connection, self.site, hours, among=among)
        past, recent = self._parted(hours)
        closed = self.memory.recall(self._key("by_reaction", past), lambda: figures.by_reaction(self.connection, self.site, past))
        live = figures.by_reaction(self.connection, self.site, recent)
        return {key: _sum(closed.get(key), live.get(key)) for key in closed.keys() | live.keys()}

    def _norms(self, hour: int) -> Norms:
        votes = self.votes_before(hour).values()
        return norms.read(self.connection, self.site, hour, Votes(*map(sum, zip(*votes, strict=True))) if votes else NO_VOTES)

    def _votes_before(self, hour: int) -> Mapping[int, Votes]:
        """Those of now, less what the hours since have brought."""
        since = figures.by_article(self.connection, self.site, range(hour, self.hour + 1))
        votes = figures.votes_of(self.connection, self.site)
        return {**votes, **{article_id: votes.get(article_id, NO_VOTES).less(sums.votes) for article_id, sums in since.items()}}

    def _parted(self, hours: range) -> tuple[range, range]:
        border = min(max(self.closed_before, hours.start), hours.stop)
        return range(hours.start, border), range(border, hours.stop)

    def _key(self, what: str, hours: range | int) -> tuple[object, ...]:
        moods = tuple((entry.key, entry.mood) for entry in self.site.reactions.entries)
        return what, self.site.id, moods, hours


def closed_before(now_ms: int) -> int:
    """The first UTC hour that may still change at a time."""
    return (now_ms - GRACE_MS) // HOUR_MS


def _sum(one: Moves | None, other: Moves | None) -> Moves:
    both = [moves for moves in (one, other) if moves]
    return Moves(sum(moves.added for moves in both), sum(moves.removed for moves in both))
