"""The committer: it outlives whatever a batch does, and one article's trouble is nobody else's."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, create_engine, select

from reactions.refusals import Unavailable
from reactions.storage import engines, tables
from reactions.votes import counting
from tests import make
from tests.boxes import Booth, booth, hanging
from tests.engines import wait_until
from tests.make import ADA, BEN, CIA


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_committer_that_died_is_replaced_and_counts_on(daily: Booth, monkeypatch: pytest.MonkeyPatch) -> None:
    daily.cast(ADA, "like", seq=1)
    with monkeypatch.context() as patch:
        patch.setattr(daily.box, "_gather", lambda _: 1 / 0)
        daily.cast(BEN, "like", seq=1)  # the thread was waiting for it, and meets the fault afterwards
        wait_until(lambda: not daily.box.alive, why="the committer has died")

    assert daily.cast(CIA, "like", seq=1).counts.by_reaction["like"] == 3
    assert daily.box.alive


def test_whatever_happens_to_a_batch_every_ballot_is_answered(daily: Booth, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too few answers, and an exit in the middle of counting: both are told to whoever waits, and the thread lives on."""
    real = counting.count
    for fault in (lambda *given, **key: real(*given, **key)[:-1], lambda *_, **__: sys.exit("in the middle")):
        with monkeypatch.context() as patch:
            patch.setattr(counting, "count", fault)
            with pytest.raises(RuntimeError):
                daily.cast(ADA, "like", seq=1)
        assert daily.box.alive

    assert daily.cast(ADA, "like", seq=2).reaction == "like"
    assert daily.differences() == []


def test_a_ballot_whose_reader_was_told_to_come_back_leaves_the_backlog(engine: Engine, database_url: str) -> None:
    make.site(database_url)
    batches: list[int] = []
    daily = booth(engine, answer_within_s=0.3, listener=lambda ballots, _: batches.append(len(ballots)))
    entered, leave = hanging(engine)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(daily.cast, ADA, "like", seq=1)
        entered.wait(10)
        too_late = [pool.submit(daily.cast, reader, "like", seq=1) for reader in (BEN, CIA)]
        for waits in (first, *too_late):
            with pytest.raises(Unavailable):
                waits.result(10)
        leave.set()
    again = [daily.cast(reader, "like", seq=1) for reader in (ADA, BEN)]

    assert [receipt.reaction for receipt in again] == ["like", "like"]
    assert daily.shown() == {"like": 2}
    assert sum(batches) == 3


def test_an_article_that_somebody_keeps_locked_delays_only_its_own_votes(engine: Engine, database_url: str) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite locks no rows")
    make.site(database_url)
    patient_for_250_ms = create_engine(engine.url, connect_args={"options": "-c lock_timeout=250"})
    engines.prepare(patient_for_250_ms)
    daily = booth(patient_for_250_ms, answer_within_s=2)
    daily.cast(ADA, "like", seq=1, article="locked")
    with engine.connect() as other, ThreadPoolExecutor(8) as pool:
        other.execute(select(tables.tally).with_for_update())

        votes = [(n, pool.submit(daily.cast, make.reader(n), "like", seq=1, article=f"{n}")) for n in range(24)]
        locked = pool.submit(daily.cast, BEN, "like", seq=1, article="locked")

        assert [vote.result(10).reaction for _, vote in votes] == ["like"] * 24
        with pytest.raises(Unavailable):
            locked.result(10)
        other.rollback()
    assert daily.cast(BEN, "like", seq=1, article="locked").counts.by_reaction["like"] == 2
    assert daily.differences() == []
    daily.box.close()
    patient_for_250_ms.dispose()
