"""The readers of the demo newspaper: who comes when, and what they think of it.

Everything is drawn from one seeded generator in a fixed order, so a seed determines the month. A new draw in
the middle changes every vote after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from math import log
from random import Random
from zoneinfo import ZoneInfo

from reactions.times import HOUR_MS

from .newspaper import DemoArticle, Wave, newspaper

REGULARS = 420
SHARE_OF_REGULARS = 0.45
SHARE_WHO_CHANGE = 0.055
SHARE_WHO_WITHDRAW = 0.03

# How awake the town is in each local hour, in per cent of its liveliest.
# fmt: off
WEEKDAY = (
    9, 5, 3, 2, 3, 9, 32, 68, 74, 58, 48, 50,
    78, 66, 46, 42, 46, 60, 72, 86, 100, 92, 58, 25,
)
WEEKEND = (
    16, 9, 5, 3, 2, 4, 10, 24, 48, 74, 86, 80,
    66, 56, 50, 48, 50, 56, 66, 82, 94, 86, 56, 30,
)
# fmt: on


@dataclass(frozen=True, slots=True)
class DemoVote:
    """A ballot as a device sends it: `reaction` is None where the reader withdraws."""

    key: str
    reader: bytes
    reaction: str | None
    seq: int
    at_ms: int


def ballots(articles: Sequence[DemoArticle], now_ms: int, seed: int = 1) -> Iterator[DemoVote]:
    """Yield every ballot cast on the articles before `now_ms`, in the order of time."""
    crowd = _Crowd(Random(seed))
    month = [vote for article in articles for vote in crowd.on(article) if vote.at_ms < now_ms]
    yield from sorted(month, key=lambda vote: (vote.at_ms, vote.key, vote.reader))


class _Crowd:
    def __init__(self, random: Random) -> None:
        self._random = random
        self._zone = ZoneInfo(newspaper().time_zone)
        self._regulars = [random.randbytes(16) for _ in range(REGULARS)]
        # The most faithful reads nearly everything, the last looks in twice a month.
        self._faithfulness = list(accumulate(rank**-0.55 for rank in range(1, REGULARS + 1)))

    def on(self, article: DemoArticle) -> Iterator[DemoVote]:
        """Yield the ballots on one article, of later hours too than the present."""
        readers: set[bytes] = set()
        for wave in article.waves:
            reactions, weights = self._leaning(wave)
            for _ in range(wave.votes):
                reader = self._newcomer(readers, wave)
                at_ms = self._moment(article, wave)
                reaction = self._random.choices(reactions, weights)[0]
                yield DemoVote(article.key, reader, reaction, seq=at_ms, at_ms=at_ms)
                yield from self._second_thoughts(article, reader, reaction, at_ms, reactions, weights)

    def _leaning(self, wave: Wave) -> tuple[list[str], list[float]]:
        """The mood of the wave, a little different for each article."""
        mood = newspaper().moods[wave.mood]
        return list(mood), [weight * self._random.lognormvariate(0, 0.22) for weight in mood.values()]

    def _newcomer(self, readers: set[bytes], wave: Wave) -> bytes:
        """Somebody who has not yet voted on this article."""
        reader = self._random.randbytes(16)
        if not wave.from_afar and self._random.random() < SHARE_OF_REGULARS:
            regular = self._random.choices(self._regulars, cum_weights=self._faithfulness)[0]
            reader = reader if regular in readers else regular
        readers.add(reader)
        return reader

    def _moment(self, article: DemoArticle, wave: Wave) -> int:
        """When the reader votes: interest fades by half-lives, and the town sleeps at night."""
        start_ms = article.published_at_ms + wave.after_hours * HOUR_MS
        while True:
            waited_hours = self._random.expovariate(log(2) / wave.half_life_hours)
            at_ms = round(start_ms + waited_hours * HOUR_MS)
            if wave.from_afar or 100 * self._random.random() < self._awake(at_ms):
                return at_ms

    def _awake(self, at_ms: int) -> int:
        local = datetime.fromtimestamp(at_ms / 1000, self._zone)
        return (WEEKEND if local.weekday() >= 5 else WEEKDAY)[local.hour]

    def _second_thoughts(
        self,
        article: DemoArticle,
        reader: bytes,
        reaction: str,
        at_ms: int,
        reactions: list[str],
        weights: list[float],
    ) -> Iterator[DemoVote]:
        chance = self._random.random()
        if chance > SHARE_WHO_CHANGE + SHARE_WHO_WITHDRAW:
            return
        later_ms = at_ms + 1500 + round(self._random.expovariate(1 / 90_000))
        changed = self._random.choices(reactions, weights)[0] if chance < SHARE_WHO_CHANGE else None
        if changed != reaction:
            yield DemoVote(article.key, reader, changed, seq=later_ms, at_ms=later_ms)
