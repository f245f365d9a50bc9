"""Scenarios of many deliveries for one reader: the double click, the change of mind, the duplicate, the overtaking."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

from tests import make, oracles
from tests.faults.client import Ballot, at_once, new_reader
from tests.faults.stage import Report, Stage
from tests.oracles import Attempt

CHOICES = (*make.SEVEN, None)
Piles = list[list[Ballot]]


def f06_click_storm(stage: Stage, *, seconds: float, clients: int, seed: int) -> Report:
    """The same reader clicks in many places at the same moment."""

    def storm(chance: random.Random) -> Piles:
        storms = [(f"storm-{chance.getrandbits(40)}", new_reader()) for _ in range(40)]
        return [[Ballot(article, reader, chance.choice(make.SEVEN)) for article, reader in storms] for _ in range(clients)]

    return _play("F06", stage, storm, seconds=seconds, seed=seed, together=True)


def f07_changes_of_mind(stage: Stage, *, seconds: float, clients: int, seed: int) -> Report:
    """Fifty readers change their minds on several devices at once."""

    def changes(chance: random.Random) -> Piles:
        readers = [new_reader() for _ in range(50)]
        return [[Ballot("mind", chance.choice(readers), chance.choice(CHOICES)) for _ in range(20)] for _ in range(clients)]

    return _play("F07", stage, changes, seconds=seconds, seed=seed, together=False)


def f08_duplicates(stage: Stage, *, seconds: float, clients: int, seed: int) -> Report:
    """Every ballot arrives one to five times, on different connections."""

    def repeated(chance: random.Random) -> Piles:
        deliveries = []
        for _ in range(30):
            for ballot in history(chance, 3):
                deliveries += [ballot] * chance.randint(1, 5)
        return _dealt(deliveries, clients, chance)

    return _play("F08", stage, repeated, seconds=seconds, seed=seed, together=False)


def f09_reordered(stage: Stage, *, seconds: float, clients: int, seed: int) -> Report:
    """Ballots overtake each other on their way."""

    def shuffled(chance: random.Random) -> Piles:
        deliveries = [ballot for _ in range(60) for ballot in history(chance, 5)]
        chance.shuffle(deliveries)
        return _dealt(deliveries, clients, chance)

    return _play("F09", stage, shuffled, seconds=seconds, seed=seed, together=False)


def history(chance: random.Random, length: int) -> list[Ballot]:
    """What one reader does on one article, in order."""
    article, reader = f"history-{chance.randint(1, 20)}", new_reader()
    return [Ballot(article, reader, chance.choice(CHOICES)) for _ in range(length)]


def _dealt(deliveries: Sequence[Ballot], clients: int, chance: random.Random) -> Piles:
    piles: Piles = [[] for _ in range(clients)]
    for ballot in deliveries:
        chance.choice(piles).append(ballot)
    return piles


def _play(
    name: str, stage: Stage, piles: Callable[[random.Random], Piles], *, seconds: float, seed: int, together: bool
) -> Report:
    report = Report(name, stage.store)
    chance = random.Random(seed)
    log: list[Attempt] = []
    with stage.services() as services:
        end = time.monotonic() + seconds
        while not log or time.monotonic() < end:
            log += at_once(services, piles(chance), together=together)
        held = stage.judge(report, log, services)
    report.figures |= {
        "hosts": len(services),
        "votes/s": round(len(log) / (log[-1].at - log[0].at)),
        "readers": len({(a.article, a.reader) for a in log}),
        "events": len(held.events),
    }
    # A process that finds SQLite's write lock taken for most of a second gives up with 503; that must stay rare.
    report.findings([oracles.shapes(log, allowed=(503,))])
    report.at_most(0.02, "share of ballots told to come again", sum(1 for a in log if a.status == 503) / len(log))
    return report
