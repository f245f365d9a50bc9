"""The long versions: `python -m tests.faults F01 --store postgresql --seconds 60 --clients 16 --seed 7 --json out.json`."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from tests.command_line import CommandLine, at_least, duration, file_to_write
from tests.databases import PostgresDatabases, SqliteFiles
from tests.engines import Postgres, Redis
from tests.faults.scenarios import PLAYS, SCENARIOS
from tests.faults.stage import Report, Stage
from tests.faults.storage import small_disk

FAULTS = ("kills", "stops", "acknowledged", "recovered")
ORACLES = ("O1 lost", "O2 double", "O3 drift", "O4 fold", "O5 served", "O7 last wins")


def main() -> int:
    chosen = _arguments()
    reports = []
    for name, store in _plays(chosen):
        reports.append(play(name, store, seconds=chosen.seconds, clients=chosen.clients, seed=chosen.seed))
        print(reports[-1], flush=True)
    print(_summary(reports))
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(report) for report in reports], indent=2, default=str))
    return 1 if any(report.broken for report in reports) else 0


def play(name: str, store: str, *, seconds: float, clients: int, seed: int) -> Report:
    """Run one scenario with servers of its own. One that breaks off keeps none of its promises, and the others are played."""
    scenario, _ = SCENARIOS[name]
    try:
        with _stage(name, store) as stage:
            return scenario(stage, seconds=seconds, clients=clients, seed=seed)
    except Exception as error:  # noqa: BLE001  whatever it is, it is told, and the verdict is of all plays
        traceback.print_exc()
        broken_off = Report(name, store)
        broken_off.at_most(0, "broken off", 1, f"{type(error).__name__}: {error}")
        return broken_off


def _summary(reports: Sequence[Report]) -> str:
    """The promises that every scenario makes, over all of them."""
    figures = Counter[str]()
    for report in reports:
        figures.update({name: int(value) for name, value in report.figures.items() if name in FAULTS})
        figures.update({promise.text: int(promise.figure) for promise in report.promises if promise.text in ORACLES})
    kept = sum(1 for report in reports for promise in report.promises if promise.kept)
    promises = sum(len(report.promises) for report in reports)
    return "\n".join([*(f"{name}: {figures[name]:,}" for name in FAULTS + ORACLES), f"promises kept: {kept} of {promises}"])


@contextmanager
def _stage(name: str, store: str) -> Iterator[Stage]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faults-")))
        database = folder / "database"
        database.mkdir()
        if name == "F11-disk":
            stack.enter_context(small_disk(database))
        redis = Redis()
        stack.callback(redis.close)
        redis.start()
        databases = None
        if store == "postgresql":
            postgres = Postgres()
            stack.callback(postgres.close)
            postgres.start()
            databases = PostgresDatabases(postgres)
        stage = Stage(store, database, sqlite=SqliteFiles(folder), postgres=databases, redis=redis)
        stack.callback(stage.close)
        yield stage


def _plays(chosen: argparse.Namespace) -> list[tuple[str, str]]:
    return [(name, store) for name, store in PLAYS if chosen.scenario in (name, "all") and chosen.store in (store, "all")]


def _arguments() -> argparse.Namespace:
    parser = CommandLine(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("scenario", choices=[*SCENARIOS, "all"])
    parser.add_argument("--store", choices=["sqlite", "postgresql", "all"], default="all")
    parser.add_argument("--seconds", type=duration, default=20, help="how long evidence is gathered")
    parser.add_argument("--clients", type=at_least(1), default=16)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", type=file_to_write, help="file for the figures")
    chosen = parser.parse_args()
    if not _plays(chosen):
        stores = " and ".join(store for name, store in PLAYS if name == chosen.scenario)
        parser.error(f"{chosen.scenario} is played on {stores} only, not on {chosen.store}")
    return chosen


if __name__ == "__main__":
    sys.exit(main())
