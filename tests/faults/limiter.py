"""The scenario in which Redis, the limiter's store, stops, hangs and comes back."""

from __future__ import annotations

import random
import time

from tests import oracles
from tests.engines import wait_until
from tests.faults.client import Load, Sender, one_try
from tests.faults.crashes import more_acknowledged
from tests.faults.stage import Report, Stage
from tests.oracles import Attempt
from tests.service import Service

RETRY_S = 1.0  # after which a service asks again for a Redis that was away
AWAY = "reactions_limiter_store_away"


def f10_redis_gone(stage: Stage, *, seconds: float, clients: int, seed: int) -> Report:
    """Redis stops, comes back empty, hangs, and comes back: voting goes on."""
    report = Report("F10", stage.store)
    clients = min(clients, 4)  # enough to be hurried, few enough that their own waiting does not hide what Redis adds
    with stage.service(workers=1, settings={"limiter_retry_s": RETRY_S}) as service:
        with Load([service], _unhurried, clients=clients, seed=seed) as load:
            phase = _Phases(load, votes=int(40 * seconds))
            phase.play("warming up")
            phase.play("with Redis")
            stage.redis.stop(immediate=True)
            try:
                phase.play("stopped")
                stopped = _alarm(service)
            finally:
                stage.redis.start()
            _wait_for(service, "0.0")
            stage.redis.pause()
            try:
                phase.play("hanging")
                hanging = _alarm(service)
            finally:
                stage.redis.resume()
            _wait_for(service, "0.0")
            phase.play("back")
        stage.judge(report, load.log, [service])
        report.findings([oracles.shapes(load.log)])
        accepted = load.acknowledged() / len(load.log)
        report.at_least(0.999, "share of votes accepted", accepted)
        report.figures |= {f"p99 {name}, ms": phase.p99_ms[name] for name in phase.p99_ms}
        for name in ("stopped", "hanging"):
            report.at_most(50, f"p99 added while {name}, ms", phase.p99_ms[name] - phase.p99_ms["with Redis"])
        report.at_least(2, "alarms in the metric and the log", min(stopped + hanging, service.log().count("store away")))
    return report


class _Phases:
    def __init__(self, load: Load, *, votes: int) -> None:
        self._load = load
        self._votes = votes
        self.p99_ms: dict[str, float] = {}

    def play(self, name: str) -> None:
        """Let some votes pass and note how long they took; those already under way belong to the phase before."""
        begun = time.time()
        more_acknowledged(self._load, self._votes)
        took = sorted(attempt.took for attempt in self._load.log if attempt.at >= begun)
        self.p99_ms[name] = round(took[int(len(took) * 0.99)] * 1000, 1)


def _unhurried(sender: Sender, chance: random.Random) -> Attempt:
    time.sleep(0.01)
    return one_try(sender, chance)


def _alarm(service: Service) -> bool:
    return f"{AWAY} 1.0" in service.metrics()


def _wait_for(service: Service, value: str) -> None:
    wait_until(lambda: f"{AWAY} {value}" in service.metrics(), why=f"{AWAY} is {value}")
