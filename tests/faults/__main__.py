"""The long versions: `python -m tests.faults F01 --store postgresql --seconds 60 --clients 16 --seed 7 --json out.json`."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from tests.databases import PostgresDatabases, SqliteFiles
from tests.engines import Postgres, Redis
from tests.faults.scenarios import PLAYS, SCENARIOS
from tests.faults.stage import Report, Stage
from tests.faults.storage import small_disk


def main() -> int:
    chosen = _arguments()
    reports = []
    for name, store in PLAYS:
        if chosen.scenario in (name, "all") and chosen.store in (store, "all"):
            reports.append(play(name, store, seconds=chosen.seconds, clients=chosen.clients, seed=chosen.seed))
            print(reports[-1], flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(report) for report in reports], indent=2, default=str))
    return 1 if not reports or any(report.broken for report in reports) else 0


def play(name: str, store: str, *, seconds: float, clients: int, seed: int) -> Report:
    """Run one scenario with servers of its own."""
    scenario, _ = SCENARIOS[name]
    with _stage(name, store) as stage:
        return scenario(stage, seconds=seconds, clients=clients, seed=seed)


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


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("scenario", choices=[*SCENARIOS, "all"])
    parser.add_argument("--store", choices=["sqlite", "postgresql", "all"], default="all")
    parser.add_argument("--seconds", type=float, default=20, help="how long evidence is gathered")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", type=Path, help="file for the figures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
