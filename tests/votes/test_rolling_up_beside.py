"""Rollups beside who rewrites the past at that moment: none is believed that is not right. On both engines."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import update

from reactions.storage import engines, tables
from reactions.votes import rollups, tallies
from tests.engines import wait_until
from tests.lengths import only_postgresql
from tests.reports.stage import HOUR_MS, Stage
from tests.votes.test_rolling_up import HOUR, MIDNIGHT_MS, _upto, covered, differing, here, rewrite_past, roll_up

__all__ = ["here"]


def test_nobody_makes_rollups_of_a_past_that_was_rewritten_while_they_were_computed(
    here: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ms, changes = MIDNIGHT_MS + 3 * HOUR_MS, rollups._changes

    def rewritten(connection: Any, hours: range) -> Any:
        computed = changes(connection, hours)
        rewrite_past(here)
        return computed

    with monkeypatch.context() as patched:
        patched.setattr(rollups, "_changes", rewritten)
        rollups.advance(here.engine, now_ms=now_ms)
    assert differing(here) == []

    roll_up(here, now_ms=now_ms)
    assert (covered(here), differing(here)) == (1, [])


@pytest.mark.parametrize("rows_at_once", [1, 2_000])
def test_who_is_overtaken_by_a_rewrite_between_two_steps_leaves_the_mark_alone(
    here: Stage, monkeypatch: pytest.MonkeyPatch, rows_at_once: int
) -> None:
    """The first rows of a day are written, then somebody deletes an article: the rest is of a past that is no more."""
    monkeypatch.setattr(rollups, "_ROWS_AT_ONCE", rows_at_once)
    now_ms = MIDNIGHT_MS + 3 * HOUR_MS
    roll_up(here, now_ms=now_ms)
    rewrite_past(here)
    parts = rollups._parts

    def overtaken(found: Any) -> Any:
        for place, part in enumerate(parts(found)):
            if place == 1 or rows_at_once > 1:
                rewrite_past(here)
            yield part

    with monkeypatch.context() as patched:
        patched.setattr(rollups, "_parts", overtaken)
        assert not rollups.advance(here.engine, now_ms=now_ms)
    assert (covered(here), differing(here)) == (-2, [])

    roll_up(here, now_ms=now_ms)
    assert (covered(here), differing(here)) == (1, [])


def test_who_is_overtaken_by_a_rewrite_after_the_last_rows_does_not_say_that_they_are_right(
    here: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ms = MIDNIGHT_MS + 3 * HOUR_MS
    roll_up(here, now_ms=now_ms)
    rewrite_past(here)
    parts = rollups._parts

    def overtaken(found: Any) -> Any:
        yield from parts(found)
        rewrite_past(here)

    with monkeypatch.context() as patched:
        patched.setattr(rollups, "_parts", overtaken)
        assert not rollups.advance(here.engine, now_ms=now_ms)

    assert (covered(here), differing(here)) == (-2, [])


def test_a_mark_of_another_past_goes_with_the_first_rows(here: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever rewrites the past between two steps lowers the mark of this one then: it would stay that of the other."""
    monkeypatch.setattr(rollups, "_ROWS_AT_ONCE", 1)
    now_ms = MIDNIGHT_MS + 3 * HOUR_MS
    roll_up(here, now_ms=now_ms)
    with engines.writing(here.engine) as connection:
        connection.execute(update(tables.rolled_upto).values(rewrites=_upto.rewrites - 1))
        connection.execute(update(tables.hourly).values(added=tables.hourly.c.added + 1))
    parts = rollups._parts

    def overtaken(found: Any) -> Any:
        for place, part in enumerate(parts(found)):
            if place == 1:
                rewrite_past(here)
            yield part

    with monkeypatch.context() as patched:
        patched.setattr(rollups, "_parts", overtaken)
        assert not rollups.advance(here.engine, now_ms=now_ms)

    assert (covered(here), differing(here)) == (-24, [])  # where the rollups begin


@only_postgresql  # SQLite has one writer
def test_who_rolls_up_waits_for_a_rewrite_that_is_not_committed_yet(here: Stage) -> None:
    """By the mark that it saw before, the hours before those that are rewritten would not be believed any more either."""
    now_ms = MIDNIGHT_MS + 3 * HOUR_MS
    roll_up(here, now_ms=MIDNIGHT_MS + 2 * HOUR_MS)
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
    with ThreadPoolExecutor(1) as pool, here.engine.connect() as looks:
        with engines.writing(here.engine) as connection:
            tallies.note_rewrite(connection, from_hour=HOUR - 2)
            rolled = pool.submit(rollups.advance, here.engine, now_ms=now_ms)
            wait_until(lambda: looks.exec_driver_sql(waiting).scalar_one() == 1, why="who rolls up waits")
        assert not rolled.result(20)

    assert (covered(here), differing(here)) == (-2, [])
