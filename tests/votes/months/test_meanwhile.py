"""While old months of the ledger go: votes, other drops, kills, clocks that are wrong, and what is decided in between."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from reactions.storage import partitions, tables
from reactions.storage.engines import writing
from reactions.times import DAY_MS
from reactions.votes import (
    forgetting,
    ledger,
    months,
    retention,
    revising,
    sealing,
)
from reactions.votes.holds import SOFT_CAP, Hold
from tests import make
from tests.boxes import NOON_MS, Booth
from tests.make import ADA, BEN
from tests.votes.months.stage import (
    DECEMBER,
    FEBRUARY,
    JANUARY,
    LATE_JANUARY,
    MARCH,
    NOVEMBER,
    drop,
    editor,
    events,
    faults,
    release_some,
    restless,
    series,
)


def test_two_drops_at_once_drop_once(daily: Booth) -> None:
    restless(daily, NOVEMBER)
    restless(daily, DECEMBER)
    there, went = events(daily), []

    def run() -> None:
        went.extend(drop(daily))

    both = [threading.Thread(target=run) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()

    assert sum(each.events for each in went) == there
    assert (events(daily), faults(daily)) == (0, [])


def test_a_month_that_another_run_has_dropped_is_passed_over(daily: Booth, kind: str) -> None:
    restless(daily, NOVEMBER)
    restless(daily, DECEMBER)
    one = months.drop(daily.engine, daily.box, keep_months=0, now_ms=lambda: LATE_JANUARY)
    next(one)
    drop(daily)

    rest = [each.events for each in one]

    assert rest == [0] * len(rest)
    assert len(rest) > 0 or kind != "in months"
    assert (events(daily), faults(daily)) == (0, [])


def test_votes_that_are_cast_meanwhile_count(daily: Booth) -> None:
    restless(daily, NOVEMBER, votes=600)
    stop, cast = threading.Event(), []

    def vote() -> None:
        while not stop.is_set():
            seq = LATE_JANUARY + len(cast)
            daily.cast(make.reader(len(cast) % 60), ("like", "sad", None)[seq % 3], seq=seq, article="a0", now_ms=seq)
            cast.append(seq)

    voting = threading.Thread(target=vote)
    voting.start()
    try:
        drop(daily)
    finally:
        stop.set()
        voting.join()

    assert cast
    assert faults(daily) == []
    with daily.engine.connect() as connection:
        assert connection.execute(select(func.max(tables.vote.c.seq))).scalar_one() == cast[-1]


class Killed(BaseException):
    """As by kill -9."""


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_run_that_was_killed_leaves_every_number_right_and_is_finished_by_the_next(
    daily: Booth, kind: str, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    restless(daily, NOVEMBER)
    restless(daily, DECEMBER, votes=100)
    release_some(daily, JANUARY)
    before, done = series(daily), 0

    def dies(*given: Any) -> Any:
        nonlocal done
        done += 1
        if done > after:
            raise Killed
        return move(*given)

    move = months._move_start
    with monkeypatch.context() as patched:
        patched.setattr(months, "_move_start", dies)
        patched.setattr(retention, "AT_ONCE_BESIDE", retention.AT_ONCE)
        if kind != "in months" or after < 3:
            with pytest.raises(Killed):
                drop(daily)

    assert (series(daily), faults(daily)) == (before, [])
    restless(daily, LATE_JANUARY, votes=100)
    revising.merge(editor(daily, now_ms=FEBRUARY + 6 * DAY_MS), "a1", into="a0")
    assert faults(daily) == []
    drop(daily)
    assert faults(daily) == []
    with daily.engine.connect() as connection:
        assert connection.execute(select(func.min(tables.event.c.at))).scalar_one() >= JANUARY
        assert ledger.start(connection) == ledger.Start(JANUARY)


def test_events_come_into_a_dropped_month_and_are_right_there_until_it_is_dropped_again(daily: Booth) -> None:
    """As an export does that is restored, or a machine whose clock is a month behind."""
    daily.cast(ADA, "like", seq=1)
    drop(daily)

    daily.cast(BEN, "like", seq=1, article="b")
    daily.cast(BEN, "sad", seq=2, article="b", now_ms=NOON_MS + 9)
    daily.cast(ADA, None, seq=2, now_ms=NOON_MS + 5)
    daily.cast(ADA, "wow", seq=3, now_ms=NOON_MS + 6)
    with writing(daily.engine) as connection:  # as a restore does
        sealing.correct(connection, [ledger.Event(*row) for row in connection.execute(ledger.EVENTS)], sign=-1)
    assert (events(daily), faults(daily)) == (4, [])
    restless(daily, FEBRUARY, votes=9)
    drop(daily, now_ms=FEBRUARY + 20 * DAY_MS)
    assert faults(daily) == []
    drop(daily, now_ms=MARCH + 20 * DAY_MS)

    assert (daily.shown(), daily.shown("b"), faults(daily)) == ({"wow": 1}, {"sad": 1}, [])


def test_events_from_a_clock_that_runs_ahead_wait_for_their_month(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1, now_ms=MARCH + DAY_MS)
    daily.cast(ADA, "sad", seq=2)
    daily.cast(BEN, "sad", seq=2)

    drop(daily)

    assert (events(daily), daily.shown(), faults(daily)) == (1, {"sad": 2}, [])
    for month in (FEBRUARY, MARCH):
        partitions.keep_ahead(daily.engine, now_ms=month)
    assert (events(daily), faults(daily)) == (1, [])
    daily.cast(ADA, "wow", seq=MARCH, now_ms=MARCH + 2 * DAY_MS)
    drop(daily, now_ms=MARCH + 40 * DAY_MS)
    assert (daily.shown(), faults(daily)) == ({"sad": 1, "wow": 1}, [])


def test_a_reader_is_forgotten_while_the_start_moves(daily: Booth, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new name must not carry a voter over the line between those that are done and the others."""
    readers = [make.reader(number) for number in range(120)]
    daily.box.count([daily.ballot(reader, "like", seq=1) for reader in readers])
    daily.box.count([daily.ballot(reader, None, seq=2, now_ms=LATE_JANUARY) for reader in readers])
    daily.box.count([daily.ballot(reader, "sad", seq=3, now_ms=LATE_JANUARY + 1) for reader in readers])
    monkeypatch.setattr(retention, "AT_ONCE_BESIDE", retention.AT_ONCE)
    if kind != "in months":
        with writing(daily.engine) as connection:
            months._drop_some(connection, JANUARY, LATE_JANUARY)

    for reader in readers:
        forgetting.forget(daily.engine, daily.box, daily.site, reader=bytes.fromhex(reader), key=b"k" * 32, now_ms=LATE_JANUARY)
    assert faults(daily) == []
    drop(daily)

    assert (daily.shown(), events(daily), faults(daily)) == ({"sad": 120}, 240, [])


def test_a_vote_into_a_month_whose_base_was_read_is_not_lost(daily: Booth, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a machine whose clock is behind: it comes after the reading, and before the lock."""
    if kind != "in months":
        pytest.skip("elsewhere events go in the transaction that adds them up")
    restless(daily, NOVEMBER)
    read, late = months._base_of, iter([NOVEMBER + 5 * DAY_MS])

    def read_before_a_vote(engine: Engine, until_ms: int) -> Any:
        base = read(engine, until_ms)
        for moment in late if until_ms > NOVEMBER else ():
            daily.cast(ADA, "wow", seq=moment, article="late", now_ms=moment)
        return base

    monkeypatch.setattr(months, "_base_of", read_before_a_vote)
    drop(daily)

    assert (daily.shown("late"), events(daily), faults(daily)) == ({"wow": 1}, 0, [])


def test_a_vote_that_was_held_in_a_month_that_goes_and_released_since_brings_its_reader(daily: Booth) -> None:
    held = Hold(SOFT_CAP, NOVEMBER + DAY_MS, "a network")
    daily.box.count([replace(daily.ballot(ADA, "like", seq=1, now_ms=NOVEMBER), held=held)])
    release_some(daily, JANUARY + DAY_MS)
    before = series(daily)

    drop(daily)

    assert (daily.shown(), series(daily), faults(daily)) == ({"like": 1}, before, [])
