"""Runs that take turns, so that what disturbs the machine disturbs all that are compared; then medians over the turns."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil

from bench import load as generator
from bench import machine
from bench.load import Figures, Load
from bench.servers import Server

DISTURBED = 0.2  # of a core; the kernel's own work and this process take some
_WARM_UP_S = 1
_A_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Entrant:
    """One of those that take turns. The first of a comparison is its ceiling."""

    name: str
    server: Server
    load: Load


@dataclass(frozen=True, slots=True)
class Run:
    """One turn. Processor time in microseconds for each request: the server's, and its database server's.

    `others` is the work of both cores that was for none of these, in cores: near 0 on a quiet machine.
    """

    figures: Figures
    cpu_us: float
    engine_cpu_us: float
    rss_mb: float
    others: float


@dataclass
class Row:
    """All turns of one entrant; `shares` and `cpu_shares` are in parts of the ceiling's rate and thrift in the same turn."""

    name: str
    connections: int
    runs: list[Run] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    cpu_shares: list[float] = field(default_factory=list)

    @property
    def errors(self) -> int:
        """Requests that were refused or got no answer; any makes the row void."""
        return sum(run.figures.errors for run in self.runs)

    def add(self, run: Run, *, ceiling: Run) -> None:
        """Take note of a turn."""
        self.runs.append(run)
        self.shares.append(run.figures.per_s / max(ceiling.figures.per_s, 1))
        self.cpu_shares.append(ceiling.cpu_us / max(run.cpu_us, 1))

    def summary(self) -> dict[str, Any]:
        """The row's medians, by name; in a void row they say nothing."""
        return {
            "name": self.name,
            "connections": self.connections,
            "per_s": round(self._median(lambda run: run.figures.per_s)),
            "share": round(statistics.median(self.shares), 3),
            "cpu_share": round(statistics.median(self.cpu_shares), 3),
            "p50_ms": round(self._median(lambda run: run.figures.p50_ms), 2),
            "p99_ms": round(self._median(lambda run: run.figures.p99_ms), 2),
            "cpu_us": round(self._median(lambda run: run.cpu_us)),
            "engine_cpu_us": round(self._median(lambda run: run.engine_cpu_us)),
            "rss_mb": round(max(run.rss_mb for run in self.runs)),
            "errors": self.errors,
            "others": round(self._median(lambda run: run.others), 3),
            "per_s_of_turns": [round(run.figures.per_s) for run in self.runs],
        }

    def _median(self, figure: Callable[[Run], float]) -> float:
        return statistics.median(map(figure, self.runs))


@dataclass
class Ledger:
    """What wrk saw acknowledged by each server, and how many more it may not have waited for, or not have believed."""

    acknowledged: Counter[Server] = field(default_factory=Counter)
    hung_up: Counter[Server] = field(default_factory=Counter)

    def add(self, entrant: Entrant, figures: Figures, *, connections: int) -> None:
        """Take note of a run."""
        if entrant.load.votes:
            self.acknowledged[entrant.server] += figures.requests - figures.errors
            self.hung_up[entrant.server] += connections + figures.errors


@dataclass(frozen=True, slots=True)
class Turns:
    """How turns are taken: how long, how often, and for how long a turn is repeated that others disturbed."""

    seconds: int
    repeats: int
    patience_s: int = 0


def take_turns(entrants: Sequence[Entrant], turns: Turns, *, connections: int, ledger: Ledger) -> list[Row]:
    """Measure the entrants in turn, after each had a warm-up."""
    rows = [Row(entrant.name, connections) for entrant in entrants]
    for entrant in entrants:
        ledger.add(entrant, _load(entrant, connections, _WARM_UP_S), connections=connections)
    for _ in range(turns.repeats):
        runs = [_undisturbed(entrant, turns, connections, ledger) for entrant in entrants]
        for row, run in zip(rows, runs, strict=True):
            row.add(run, ceiling=runs[0])
    return rows


def _undisturbed(entrant: Entrant, turns: Turns, connections: int, ledger: Ledger) -> Run:
    """A turn in a quiet moment, or the last one when patience is over."""
    until = time.monotonic() + turns.patience_s
    while True:
        _wait_for_quiet(until)
        run = _turn(entrant, connections, turns.seconds)
        ledger.add(entrant, run.figures, connections=connections)
        if run.others <= DISTURBED or time.monotonic() >= until:
            return run


def _wait_for_quiet(until: float) -> None:
    before = machine.foreign_s() - _A_LOOK_S
    while time.monotonic() < until and machine.foreign_s() - before > DISTURBED * _A_LOOK_S:
        before = machine.foreign_s()
        time.sleep(_A_LOOK_S)


def _turn(entrant: Entrant, connections: int, seconds: int) -> Run:
    server, engine = entrant.server.processes(), entrant.server.engine_processes()
    before = _used(server, engine)
    figures = _load(entrant, connections, seconds)
    own, engines, foreign, passed = (now - then for now, then in zip(_used(server, engine), before, strict=True))
    requests = max(figures.requests, 1)
    return Run(
        figures,
        cpu_us=own / requests * 1e6,
        engine_cpu_us=engines / requests * 1e6,
        rss_mb=machine.rss_mb(server),
        others=max(foreign - own - engines, 0) / passed,
    )


def _used(server: Sequence[psutil.Process], engine: Sequence[psutil.Process]) -> tuple[float, float, float, float]:
    """Seconds: of the server, of its database server, of these and all others, of the clock."""
    return machine.cpu_s(server), machine.cpu_s(engine), machine.foreign_s(), time.monotonic()


def _load(entrant: Entrant, connections: int, seconds: int) -> Figures:
    figures = generator.run(entrant.load, url=entrant.server.url, connections=connections, seconds=seconds)
    _settle(entrant.server.processes())
    return figures


def _settle(processes: Sequence[psutil.Process]) -> None:
    """Wait until a server has done what it still had in hand, so that the next one has the core to itself."""
    until, used = time.monotonic() + 3, -1.0
    while time.monotonic() < until and machine.cpu_s(processes) > used:
        used = machine.cpu_s(processes)
        time.sleep(0.1)
