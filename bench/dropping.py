"""What retention costs a vote: `python -m bench.dropping --votes 50000`.

An article's votes, each changed once, are dropped by another process while this one votes on another article, one vote at a time;
the same voting alone beside it. Times in ms.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import Connection, Engine, create_engine

from reactions.newsroom import sites
from reactions.refusals import Unavailable
from reactions.settings import load
from reactions.storage import connecting, engines, migrations
from reactions.times import DAY_MS, now_ms
from reactions.votes import retention, rules
from reactions.votes.ballot_box import BallotBox
from tests import make
from tests.command_line import CommandLine, at_least
from tests.engines import Postgres

_PAUSE_S = 0.001  # a service that is never idle for a moment would measure its own load


@contextmanager
def databases() -> Iterator[list[str]]:
    """A fresh database of each engine."""
    server = Postgres()
    with tempfile.TemporaryDirectory() as folder:
        server.start()
        try:
            server.create_database("dropping")
            yield [f"sqlite:///{Path(folder) / 'dropping.db'}", server.url("dropping")]
        finally:
            server.close()


def measured(url: str, votes: int) -> str:
    """The figures of one engine, as a line of a table."""
    engine, box = _opened(url)
    migrations.upgrade(engine)
    make.site(url, keep_votes_days=30)
    _fill(engine, box, votes)
    gc.collect()
    gc.freeze()  # as a worker does
    alone = _voting(engine, box, lambda: time.sleep(10))
    steps: list[float] = []
    beside = _voting(engine, box, lambda: steps.extend(_dropped_elsewhere(url)))
    box.close()
    engine.dispose()
    rate = 3 * votes / (sum(steps) / 1000 + len(steps) * retention.REST_S)  # an article's votes, each with two events
    return f"| {engine.dialect.name} | {len(steps):,} | {_shown(steps)} | {_shown(alone)} | {_shown(beside)} | {rate:,.0f} |"


def _opened(url: str) -> tuple[Engine, BallotBox]:
    """A database, as a process of the service opens it."""
    settings = load({"REACTIONS_DATABASE_URL": url, "REACTIONS_SECRET": make.SECRET})
    engine = create_engine(url, **connecting.options_of_the_ballot_box(settings))
    engines.prepare(engine)
    return engine, BallotBox(engine, pseudonym_key=b"k" * 32, batch_size=256, queue_size=2000, answer_within_s=30)


def _fill(engine: Engine, box: BallotBox, votes: int) -> None:
    old_ms = now_ms() - 90 * DAY_MS
    with engine.connect() as connection:
        site = sites.get(connection, "daily")
    for seq, reaction in ((1, "like"), (2, "sad")):
        for first in range(0, votes, 5000):
            box.count(
                [
                    rules.ballot(site, article="old", reaction=reaction, reader=n.to_bytes(16, "big"), seq=seq, now_ms=old_ms)
                    for n in range(first, min(first + 5000, votes))
                ]
            )


def _dropped_elsewhere(url: str) -> list[float]:
    """Drop in a process of its own, as `reactions retention` is; how long each step held the lock."""
    command = [sys.executable, "-m", "bench.dropping", "--drop", url]
    return list(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))


def _drop(url: str) -> list[float]:
    engine, box = _opened(url)
    gc.freeze()  # as a command does
    steps: list[float] = []
    whole = box.transact

    def timed(work: Callable[[Connection], Any]) -> Any:
        began = 0.0

        def begun(connection: Connection) -> Any:
            nonlocal began
            began = time.perf_counter()  # the lock is ours from here on
            return work(connection)

        done = whole(begun)
        steps.append((time.perf_counter() - began) * 1000)
        return done

    box.transact = timed  # type: ignore[method-assign]
    with engine.connect() as connection:
        site = sites.get(connection, "daily")
    if retention.drop_old_votes(engine, box, site, now_ms=now_ms()) != 1:
        raise RuntimeError("nothing was dropped")
    box.close()
    engine.dispose()
    return steps


def _voting(engine: Engine, box: BallotBox, work: Callable[[], None], refused: list[str] | None = None) -> list[float]:
    """Vote one by one while `work` runs; how long each vote took. What was `refused` is added to the list."""
    with engine.connect() as connection:
        site = sites.get(connection, "daily")
    took: list[float] = []
    ended = threading.Event()

    def vote() -> None:
        while not ended.is_set():
            began, at_ms = time.perf_counter(), now_ms()
            reader = (len(took) % 1000).to_bytes(16, "big")
            try:
                box.cast(rules.ballot(site, article="new", reaction="like", reader=reader, seq=at_ms, now_ms=at_ms))
            except Unavailable as refusal:  # it is sent again; its time is counted
                (refused if refused is not None else []).append(refusal.detail)
            took.append((time.perf_counter() - began) * 1000)
            time.sleep(_PAUSE_S)

    voting = threading.Thread(target=vote)
    voting.start()
    work()
    ended.set()
    voting.join()
    return took


def _shown(took: list[float]) -> str:
    ordered = sorted(took)
    return f"{median(ordered):.1f} / {ordered[int(len(ordered) * 0.99)]:.1f} / {ordered[-1]:.1f}"


def main() -> None:
    """Print a table."""
    options = CommandLine()
    options.add_argument("--votes", type=at_least(1), default=50_000)
    options.add_argument("--drop", metavar="URL", help="only drop there, and print the times of the steps as JSON")
    chosen = options.parse_args()
    if chosen.drop:
        print(json.dumps(_drop(chosen.drop)))
        return
    print("| Engine | Steps | a step: median / 99 % / most | a vote alone | a vote meanwhile | events and votes a second |")
    print("|---|---|---|---|---|---|")
    with databases() as urls:
        for url in urls:
            print(measured(url, chosen.votes), flush=True)


if __name__ == "__main__":
    main()
