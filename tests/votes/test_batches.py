"""Which ballots share a transaction: those that wait together, and the crowd that comes with the first of them."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from sqlalchemy import Engine

from reactions.times import HOUR_MS
from reactions.votes import ballot_box, tallies
from tests import make
from tests.boxes import NOON_MS, Booth, booth, hanging
from tests.engines import wait_until


@pytest.fixture
def batches() -> list[int]:
    """How many ballots each batch had."""
    return []


@pytest.fixture
def daily(engine: Engine, database_url: str, batches: list[int]) -> Booth:
    make.site(database_url)
    return booth(engine, listener=lambda ballots, _: batches.append(len(ballots)))


def test_ballots_that_wait_together_share_one_transaction(daily: Booth, batches: list[int]) -> None:
    with ThreadPoolExecutor(20) as pool:
        vote_as_a_crowd(daily, pool, 20)

    assert batches == [1, 19]
    assert daily.shown() == {"like": 20}


def vote_as_a_crowd(daily: Booth, pool: ThreadPoolExecutor, many: int) -> None:
    """Let a first reader vote, and the others while that vote is counted."""
    entered, leave = hanging(daily.engine)
    pool.submit(daily.cast, make.reader(0), "like", seq=1)
    entered.wait(10)
    for number in range(1, many):
        pool.submit(daily.cast, make.reader(number), "like", seq=1)
    while daily.box.waiting < many - 1:
        time.sleep(0.001)
    leave.set()


def test_those_who_were_answered_as_a_crowd_have_a_moment_to_come_again(
    daily: Booth, batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadPoolExecutor(32) as pool:

        def they_come(_pause_s: float) -> None:
            monkeypatch.undo()
            for number in range(20, 32):
                pool.submit(daily.cast, make.reader(number), "like", seq=1)
            wait_until(lambda: daily.box.waiting == 12, timeout_s=10, why="they have come")

        monkeypatch.setattr(ballot_box, "time", SimpleNamespace(sleep=they_come, monotonic=time.monotonic))
        vote_as_a_crowd(daily, pool, 20)
        wait_until(lambda: daily.shown() == {"like": 32}, timeout_s=10, why="all are counted")

    assert batches == [1, 19, 12]


def test_a_process_that_is_forked_later_starts_a_committer_of_its_own(daily: Booth, monkeypatch: pytest.MonkeyPatch) -> None:
    """gunicorn makes its workers so, if it is told to load the application first."""
    daily.cast(make.reader(0), "like", seq=1)
    started: list[bool] = []
    monkeypatch.setattr(daily.box, "_start_committer", lambda: started.append(True))

    daily.cast(make.reader(1), "like", seq=1)
    assert started == []
    child = os.fork()
    if child == 0:
        daily.box.submit(daily.ballot(make.reader(2), "like", seq=1), None, door=ballot_box._THREADS, token=None)
        os._exit(0 if started else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(("after_ms", "told"), [(-HOUR_MS, 0), (0, 0), (60_000, 0), (60_001, 1), (HOUR_MS, 1)])
def test_a_vote_is_late_a_minute_after_its_hour_has_ended(engine: Engine, database_url: str, after_ms: int, told: int) -> None:
    """Before that nobody goes by what the hour had; from then on each process has to hear that it changed."""
    make.site(database_url)
    daily = booth(engine, clock=lambda: NOON_MS + HOUR_MS + after_ms)
    daily.cast(make.BEN, "like", seq=1, now_ms=NOON_MS + 3 * HOUR_MS)  # registers the article
    with engine.connect() as connection:
        before = tallies.rewrites(connection)

    daily.cast(make.ADA, "like", seq=1, now_ms=NOON_MS + HOUR_MS - 1)

    with engine.connect() as connection:
        assert tallies.rewrites(connection) - before == told
