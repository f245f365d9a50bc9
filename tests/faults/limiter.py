"""Scenarios of the limits: their store stops, hangs and comes back; many readers share an address."""

from __future__ import annotations

import random
import time

from tests import make, oracles
from tests.engines import wait_until
from tests.faults.client import Ballot, Load, Sender, new_reader, one_try
from tests.faults.crashes import more_acknowledged
from tests.faults.stage import Report, Stage
from tests.oracles import Attempt
from tests.service import Service

RETRY_S = 1.0  # after which a service asks again for a Redis that was away
ADDED_MS = 50
AWAY = "reactions_limiter_store_away"


def f10_redis_gone(stage: Stage, *, seconds: float, clients: int, seed: int) -> Report:
    """Redis stops, comes back empty, hangs, and comes back: voting goes on."""
    report = Report("F10", stage.store)
    clients = min(clients, 4)  # enough to be hurried, few enough that their own waiting does not hide what Redis adds
    with stage.service(workers=1, settings={"limiter_retry_s": RETRY_S}) as service:
        with Load([service], _unhurried, clients=clients, seed=seed) as load:
            phase = _Phases(load, votes=int(40 * seconds))
            phase.measure("warming up")
            usual_ms = phase.measure("with Redis")
            stage.redis.stop(immediate=True)
            try:
                phase.measure_until("stopped", at_most_ms=usual_ms + ADDED_MS)
                stopped = _alarm(service)
            finally:
                stage.redis.start()
            _wait_for(service, "0.0")
            stage.redis.pause()
            try:
                phase.measure_until("hanging", at_most_ms=usual_ms + ADDED_MS)
                hanging = _alarm(service)
            finally:
                stage.redis.resume()
            _wait_for(service, "0.0")
            phase.measure("back")
        stage.judge(report, load.log, [service])
        report.findings([oracles.shapes(load.log)])
        accepted = load.acknowledged() / len(load.log)
        report.at_least(0.999, "share of votes accepted", accepted)
        report.figures |= {f"p99 {name}, ms": phase.p99_ms[name] for name in phase.p99_ms}
        for name in ("stopped", "hanging"):
            report.at_most(ADDED_MS, f"p99 added while {name}, ms", phase.p99_ms[name] - usual_ms)
        report.at_least(2, "alarms in the metric and the log", min(stopped + hanging, service.log().count("store away")))
    return report


def i01_one_address(stage: Stage, *, seconds: float, clients: int, seed: int) -> Report:
    """A thousand readers behind one address vote on one article, at most 20 a second, under the limits as shipped."""
    report = Report("I01", stage.store)
    votes = max(200, min(1000, int(20 * seconds)))  # in a hurry a part of them comes faster; in a minute all come in time
    pace_s = min(1 / 20, seconds / votes)
    log: list[Attempt] = []
    with stage.service(workers=1, shipped_limits=True) as service:
        sender = Sender(service, log)
        for number in range(votes):
            due = time.monotonic() + pace_s
            sender.send(Ballot("storm", new_reader(), make.SEVEN[number % 7]))
            time.sleep(max(0.0, due - time.monotonic()))
        sender.close()
        stage.judge(report, log, [service])
    report.findings([oracles.shapes(log)])
    report.at_most(0, "readers behind one address who were refused", sum(1 for a in log if not a.acknowledged))
    return report


class _Phases:
    def __init__(self, load: Load, *, votes: int) -> None:
        self._load = load
        self._votes = votes
        self.p99_ms: dict[str, float] = {}

    def measure_until(self, name: str, *, at_most_ms: float) -> None:
        """Measure, thrice at most: what else runs on the machine can only add time, a slow way around Redis adds it each time."""
        for _ in range(3):
            if self.measure(name) <= at_most_ms:
                break

    def measure(self, name: str) -> float:
        """Let some votes pass and note their p99; those already under way belong to the phase before."""
        begun = time.time()
        more_acknowledged(self._load, self._votes)
        took = sorted(attempt.took for attempt in self._load.log if attempt.at >= begun)
        self.p99_ms[name] = round(took[int(len(took) * 0.99)] * 1000, 1)
        return self.p99_ms[name]


def _unhurried(sender: Sender, chance: random.Random) -> Attempt:
    time.sleep(0.01)
    return one_try(sender, chance)


def _alarm(service: Service) -> bool:
    return f"{AWAY} 1.0" in service.metrics()


def _wait_for(service: Service, value: str) -> None:
    wait_until(lambda: f"{AWAY} {value}" in service.metrics(), why=f"{AWAY} is {value}")
