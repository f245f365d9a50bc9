"""`python -m bench.trust [sources|attacks|month|cost|memory|resident|all] [--votes 1000] [--shadow]`: what scripts achieve.

In one process with a clock that is turned, on an SQLite file: the product's own tokens, caps, detector, ballot box and tables,
without HTTP, so that ten minutes and a month pass quickly. `python -m tests.faults I05` drives a part of it through HTTP. The
file is longer than others because the attacks and the honest month share one world.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
from flask import Flask
from sqlalchemy import func, select

from reactions.app import create_app
from reactions.newsroom.sites import Site
from reactions.settings import load
from reactions.storage import migrations, tables
from reactions.times import DAY_MS, HOUR_MS, MINUTE_MS
from reactions.votes import review, rules
from reactions.votes.rules import Ballot, Receipt
from reactions.web.current import Parts
from reactions.web.extensions import db
from tests import make
from tests.command_line import CommandLine, at_least

START_MS = 1_764_028_800_000  # a midnight, UTC
MIX = {"like": 0.5, "love": 0.2, "funny": 0.1, "angry": 0.1, "sad": 0.05, "wow": 0.03, "dislike": 0.02}
FRESH = 0.6  # of the honest votes
BATCH = 200
LOOK_EVERY_MS = 10_000
RESIDENT_PER_S = 60

Address = Callable[[random.Random, int], str]

SOURCES: dict[str, Address] = {
    "one IPv4 /32": lambda *_: "198.51.100.7",
    "an IPv4 /24": lambda chance, _: f"198.51.100.{chance.randrange(256)}",
    "an IPv6 /64": lambda chance, _: f"2001:db8:7:7::{chance.randrange(1 << 16):x}",
    "an IPv6 /48": lambda chance, _: f"2001:db8:7:{chance.randrange(1 << 16):x}::1",
    "an IPv6 /32": lambda chance, _: f"2001:db8:{chance.randrange(1 << 16):x}:{chance.randrange(1 << 16):x}::1",
    "1,000 residential addresses": lambda _, n: residential(n % 1000),
}


def residential(number: int) -> str:
    """One of many addresses that share no network."""
    return f"{11 + number % 80}.{number * 7 % 251}.{number * 13 % 241}.{1 + number % 250}"


@dataclass
class World:
    """The product on a clock of its own."""

    app: Flask
    parts: Parts
    site: Site
    chance: random.Random
    now_ms: int = START_MS
    looked_ms: int = START_MS
    readers: Iterator[int] = field(default_factory=lambda: iter(range(1, 10**9)))
    verdicts: list[tuple[int, str]] = field(default_factory=list)

    def ballot(self, article: str, reaction: str, address: str, *, proven: bool = False) -> Ballot:
        reader = bytes.fromhex(make.reader(next(self.readers)))
        sender = self.parts.trust.sender(self.site, address=address, reader=reader, token=None, now_ms=self.now_ms)
        return rules.ballot(
            self.site, article=article, reaction=reaction, reader=reader, seq=1, now_ms=self.now_ms,
            sender=sender._replace(proven=proven),
        )  # fmt: skip

    def cast(self, ballots: Sequence[Ballot], facts: Sequence[object] = ()) -> list[Receipt]:
        admitted = self.parts.trust.admit(ballots, facts or [None] * len(ballots))
        answers = self.parts.ballot_box.count([ballot for ballot in admitted if isinstance(ballot, Ballot)])
        return [answer for answer in answers if isinstance(answer, Receipt)]

    def turn(self, to_ms: int) -> None:
        """Turn the clock; look at the votes as often as the service does."""
        self.now_ms = to_ms
        if to_ms - self.looked_ms >= LOOK_EVERY_MS:
            self.looked_ms = to_ms
            self.verdicts += [(to_ms, verdict.text) for verdict in self.parts.watch.look()]

    def honest(self, article: str) -> Ballot:
        reaction = self.chance.choices(list(MIX), list(MIX.values()))[0]
        proven = self.chance.random() > FRESH
        return self.ballot(article, reaction, residential(100_000 + self.chance.randrange(200_000)), proven=proven)

    def counted(self, voters: Sequence[bytes]) -> int:
        """How many of these voters' votes count now."""
        v, wanted = tables.vote.c, set(voters)
        with self.app.app_context(), db.engine.connect() as connection:
            rows = connection.execute(select(v.voter).where(~v.held, v.reaction.is_not(None)))
            return sum(bytes(voter) in wanted for (voter,) in rows)


@contextmanager
def world(*, seed: int = 7, **settings: object) -> Iterator[World]:
    """A fresh product, with the limits out of the way and the caps as shipped."""
    with tempfile.TemporaryDirectory(prefix="trust-") as folder:
        url = f"sqlite:///{Path(folder) / 'reactions.db'}"
        wide = dict.fromkeys(
            (
                "votes_per_reader",
                "votes_per_network",
                "votes_per_wide_network",
                "votes_per_network_everywhere",
                "votes_per_wide_network_everywhere",
                "votes_per_article",
            ),
            "9999999/second",
        )
        app = create_app(
            load({}, database_url=url, data_dir=folder, secret=make.SECRET, detector_every_s=3600, **{**wide, **settings})
        )
        with app.app_context():
            migrations.upgrade(db.engine)
            make.site(url)
            parts: Parts = app.extensions["reader-reactions"]
            made = World(app, parts, parts.directory.find("daily"), random.Random(seed))
            parts.watch._clock = lambda: made.now_ms
            parts.watch._start = lambda: None  # type: ignore[method-assign]
            parts.limits.store.memory.clock = lambda: made.now_ms / 1000
            with db.engines["ballots"].connect() as connection:
                connection.exec_driver_sql("PRAGMA synchronous=OFF")
            yield made
            for engine in db.engines.values():
                engine.dispose()


@dataclass(frozen=True)
class Outcome:
    """What became of an attack: votes sent, counted at once, counted five minutes after its end, seconds to the verdict."""

    name: str
    sent: int
    at_once: int
    after: int
    detected_s: float | None
    honest_held: int
    text: str

    def __str__(self) -> str:
        found = "never" if self.detected_s is None else f"{self.detected_s:,.0f} s"
        held = 1 - self.after / self.sent
        numbers = f"{self.sent:,} | {self.at_once:,} | {self.after:,} | {held:.1%}"
        return f"| {self.name} | {numbers} | {found} | {self.honest_held} | {self.text} |"


_COLUMNS = ("attack", "sent", "counted at once", "5 min later", "held", "detected after", "honest votes held", "verdict")
HEAD = f"| {' | '.join(_COLUMNS)} |\n{'|---' * len(_COLUMNS)}|"


def attack(
    name: str, address: Address, *, votes: int, within_ms: int, reactions: Sequence[str] = ("angry",), proven: float = 0.0,
    automatic: bool = True,
) -> Outcome:  # fmt: skip
    """Vote by script on an article that honest readers vote on, 60 in the hour before and 20 in ten minutes meanwhile."""
    with world(hold_automatically=automatic) as here:
        for number in range(240):
            here.turn(START_MS + number * MINUTE_MS)
            here.cast([here.honest("hello")])
        begun, honest, script, at_once = here.now_ms + MINUTE_MS, list[bytes](), list[bytes](), 0
        steps = max(within_ms // LOOK_EVERY_MS, 1)
        for step in range(steps):
            here.turn(begun + step * within_ms // steps)
            if step % 3 == 0:
                honest += [r.voter for r in here.cast([here.honest("hello")])]
            first, last = step * votes // steps, (step + 1) * votes // steps
            ballots = [
                here.ballot("hello", reactions[n % len(reactions)], address(here.chance, n), proven=here.chance.random() < proven)
                for n in range(first, last)
            ]
            receipts = here.cast(ballots)
            script += [r.voter for r in receipts]
            at_once += sum(not r.held for r in receipts)
        for minute in range(1, 6):
            here.turn(begun + within_ms + minute * MINUTE_MS)
        seen = [(at, text) for at, text in here.verdicts if at >= begun]
        detected = (seen[0][0] - begun) / 1000 if seen else None
        held = len(honest) - here.counted(honest)
        return Outcome(name, votes, at_once, here.counted(script), detected, held, seen[0][1] if seen else "")


def sources(votes: int, *, automatic: bool, only: str) -> list[Outcome]:
    """Votes of fresh readers from one network of each width within ten minutes."""
    chosen = {name: address for name, address in SOURCES.items() if only in name}
    return [attack(name, each, votes=votes, within_ms=10 * MINUTE_MS, automatic=automatic) for name, each in chosen.items()]


def attacks(*, automatic: bool) -> list[Outcome]:
    """Five attacks, each with its time to detection; the last two are made to look like readers."""
    soon: dict[str, Any] = {"within_ms": 10 * MINUTE_MS, "automatic": automatic}
    slow: dict[str, Any] = {"within_ms": 6 * HOUR_MS, "automatic": automatic}
    mixed = random.Random(3).choices(list(MIX), list(MIX.values()), k=500)
    return [
        attack("one address, 1,000 in 10 min", SOURCES["one IPv4 /32"], votes=1000, **soon),
        attack("100 proxies used again, 1,000 in 10 min", lambda _, n: residential(n % 100), votes=1000, **soon),
        attack("1,000 proxies once each, in 10 min", lambda _, n: residential(n), votes=1000, **soon),
        attack("200 people called to vote, half known, in 10 min", lambda _, n: residential(n), votes=200, proven=0.5, **soon),
        attack("1,000 proxies in 6 h, mixed like the audience", lambda _, n: residential(n), votes=1000, reactions=mixed, **slow),
    ]


TEN_MINUTES_MS = 10 * MINUTE_MS


def month(*, articles: int = 200, days: int = 30, seed: int = 11) -> tuple[int, int, int, int]:
    """A month of honest votes: votes, those ever held, verdicts, and those still held at its end."""
    with world(seed=seed, hold_automatically=True) as here:
        plan = sorted(_plan(here.chance, articles, days), key=lambda entry: entry[0])
        place, minute, released = 0, START_MS, 0
        total = 0
        while place < len(plan):
            minute = max(minute, plan[place][0] // MINUTE_MS * MINUTE_MS) + MINUTE_MS  # in others nobody votes
            if minute // TEN_MINUTES_MS > released:
                released = minute // TEN_MINUTES_MS
                review.release_due(here.parts.ballot_box, now_ms=released * TEN_MINUTES_MS)
            last = place
            while last < len(plan) and plan[last][0] < minute:
                last += 1
            here.now_ms = minute
            for first in range(place, last, BATCH):
                total += len(here.cast([_honest(here, *entry[1:]) for entry in plan[first : min(first + BATCH, last)]]))
            here.turn(minute)
            place = last
        review.release_due(here.parts.ballot_box, now_ms=minute + DAY_MS)
        h, v = tables.hold.c, tables.vote.c
        with db.engine.connect() as connection:
            ever = connection.execute(select(func.count()).select_from(tables.hold).where(h.state != "suspect")).scalar_one()
            still = connection.execute(select(func.count()).select_from(tables.vote).where(v.held)).scalar_one()
        return total, ever, len(here.verdicts), still


def _honest(here: World, article: str, reaction: str, address: str, fresh: bool) -> Ballot:
    return here.ballot(article, reaction, address, proven=not fresh)


def _plan(chance: random.Random, articles: int, days: int) -> Iterator[tuple[int, str, str, str, bool]]:
    """Votes with their times: each article decays, some are on the front page or linked from elsewhere, some read in an office.

    A third of the readers come through 60 addresses of carriers, each article has a mix of its own, and readers of a link from
    elsewhere are fresher and choose differently.
    """
    carriers = [f"203.0.{n}.{chance.randrange(250)}" for n in range(60)]
    for number in range(articles):
        born = START_MS + int(chance.random() * (days - 1) * DAY_MS)
        weights = [share * chance.gammavariate(2, 0.5) for share in MIX.values()]
        for _ in range(int(chance.lognormvariate(4.5, 1))):
            yield _vote(chance, born + int(chance.paretovariate(1.0) * HOUR_MS) - HOUR_MS, number, weights, carriers, FRESH)
        if chance.random() < 0.3:  # the front page, or a link from elsewhere: hundreds within an hour
            begun, fresh = born + int(chance.random() * 12 * HOUR_MS), chance.choice([FRESH, 0.85])
            shifted = [weight * chance.gammavariate(4, 0.25) for weight in weights]
            for _ in range(int(chance.lognormvariate(6, 0.6))):
                yield _vote(chance, begun + int(chance.expovariate(1 / (0.5 * HOUR_MS))), number, shifted, carriers, fresh)
        if chance.random() < 0.2:  # an office at lunch
            begun = born + int(chance.random() * 24 * HOUR_MS)
            for _ in range(chance.randrange(5, 60)):
                at, _, reaction, _, fresh_ = _vote(
                    chance, begun + int(chance.random() * HOUR_MS), number, weights, carriers, FRESH
                )
                yield at, f"a{number}", reaction, f"192.0.2.{number % 250}", fresh_


def _vote(
    chance: random.Random, at: int, article: int, weights: Sequence[float], carriers: Sequence[str], fresh: float
) -> tuple[int, str, str, str, bool]:
    address = chance.choice(carriers) if chance.random() < 0.33 else residential(100_000 + chance.randrange(200_000))
    return at, f"a{article}", chance.choices(list(MIX), weights)[0], address, chance.random() < fresh


def cost(*, votes: int = 20_000) -> tuple[float, float]:
    """Microseconds of CPU a vote for what trust adds to a request and to a batch: a proven reader's, and a fresh one's."""
    with world() as here:
        honest = [here.honest(f"a{n % 50}") for n in range(BATCH)]
        return _cost(here, honest, proven=True, votes=votes), _cost(here, honest, proven=False, votes=votes)


def _cost(here: World, ballots: Sequence[Ballot], *, proven: bool, votes: int) -> float:
    reader, trust = bytes.fromhex(make.ADA), here.parts.trust
    batch = [replace(b, sender=b.sender._replace(proven=proven)) for b in ballots if b.sender]
    text = trust.renew(batch[0])
    begun = time.process_time()
    for n in range(votes):
        trust.sender(here.site, address=residential(n % 3000), reader=reader, token=text, now_ms=here.now_ms)
        trust.renew(batch[n % BATCH])
    for _ in range(votes // BATCH):
        trust.admit(batch, [None] * len(batch))
    return (time.process_time() - begun) / votes * 1e6


def memory(votes: int, *, articles: int) -> tuple[float, float]:
    """What the watch takes of an hour of honest votes: bytes for each that it remembers, and MB more during a look."""
    with world() as here:
        here.cast([here.honest("hello")])
        here.parts.watch.look()
        tracemalloc.start(1)
        for first in range(0, votes, BATCH):
            here.now_ms = START_MS + 58 * MINUTE_MS * first // votes
            here.cast([here.honest(f"a{here.chance.randrange(articles)}") for _ in range(min(BATCH, votes - first))])
        gc.collect()
        remembered, before = here.parts.watch._remembered, tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        here.parts.watch.look()
        look_mb = (tracemalloc.get_traced_memory()[1] - before) / 1e6
        gc.collect()
        held = tracemalloc.get_traced_memory()[0]
        here.now_ms += 2 * HOUR_MS
        here.parts.watch.look()  # it forgets all of them
        gc.collect()
        freed = held - tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return freed / remembered, look_mb


def resident(minutes: int) -> Iterator[tuple[int, int, float]]:
    """Every ten minutes of steady votes, each from a network of its own, under the limits as shipped: minute, votes, MB."""
    with world(**{name: value for name, value in asdict(load({})).items() if name.startswith("votes_per_")}) as here:
        process, votes, limits = psutil.Process(), 0, here.parts.limits
        for minute in range(minutes):
            for second in range(60):
                here.turn(START_MS + minute * MINUTE_MS + second * 1000)
                ballots, facts = [], []
                for _ in range(RESIDENT_PER_S):
                    address = ".".join(str(here.chance.randrange(1, 255)) for _ in range(4))
                    ballots.append(here.ballot(f"a{here.chance.randrange(1000)}", here.chance.choice(list(MIX)), address))
                    facts.append(limits.voter(site=here.site.key, address=address, reader=ballots[-1].reader))
                votes += len(here.cast(ballots, facts))
            if minute % 10 == 9:
                yield minute + 1, votes, process.memory_info().rss / 1e6


def _tell_memory(chosen: argparse.Namespace) -> None:
    if chosen.what in ("memory", "all"):
        for articles in (1, 1000):
            each, look_mb = memory(chosen.votes, articles=articles)
            print(f"\n{chosen.votes:,} votes on {articles:,} articles: {each:.0f} bytes each, {look_mb:.1f} MB more in a look")
    if chosen.what in ("resident", "all"):
        print(f"\n{RESIDENT_PER_S} votes a second, each from a network of its own, over 1,000 articles")
        for minute, votes, mb in resident(chosen.minutes):
            print(f"after {minute} minutes and {votes:,} votes: {mb:.0f} MB", flush=True)


def main() -> int:
    parser = CommandLine(prog="python -m bench.trust", description=__doc__)
    parser.add_argument(
        "what", choices=["sources", "attacks", "month", "cost", "memory", "resident", "all"], nargs="?", default="all"
    )
    parser.add_argument("--votes", type=at_least(1), default=1000, help="how many each source sends, or the watch remembers")
    parser.add_argument("--minutes", type=at_least(10), default=130, help="of steady votes, for resident")
    parser.add_argument("--only", default="", help="a part of the name of the sources to try")
    parser.add_argument("--shadow", action="store_true", help="with hold_automatically off, as shipped")
    chosen = parser.parse_args()
    if not any(chosen.only in name for name in SOURCES):
        parser.error(f"--only {chosen.only!r} is in the name of no source: {', '.join(SOURCES)}")
    automatic = not chosen.shadow
    if chosen.what in ("sources", "all"):
        print(f"\n{HEAD}", *sources(chosen.votes, automatic=automatic, only=chosen.only), sep="\n", flush=True)
    if chosen.what in ("attacks", "all"):
        print(f"\n{HEAD}", *attacks(automatic=automatic), sep="\n", flush=True)
    if chosen.what in ("month", "all"):
        total, ever, verdicts, still = month()
        held = f"{ever:,} ever held ({ever / total:.2%}), {still} at its end"
        print(f"\nhonest month: {total:,} votes, {held}, {verdicts} verdicts")
    if chosen.what in ("cost", "all"):
        proven, fresh = cost()
        print(f"\ntrust adds {proven:.1f} µs of CPU to a proven reader's vote, {fresh:.1f} µs to a fresh one's")
    _tell_memory(chosen)
    return 0


if __name__ == "__main__":
    sys.exit(main())
