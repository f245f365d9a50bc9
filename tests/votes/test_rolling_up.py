"""What the rollups have of a few votes, row by row, from when on, and when they are believed. On both engines."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, Table, delete, insert, select, update

from reactions.newsroom import article_keys
from reactions.storage import engines, tables
from reactions.votes import rollups, tallies
from tests.reports.stage import HOUR_MS, Stage, at, stage

MIDNIGHT_MS = at("2025-11-25 00:00")
DAY, HOUR = MIDNIGHT_MS // HOUR_MS // 24, MIDNIGHT_MS // HOUR_MS  # of this midnight
_upto = tables.rolled_upto.c


@pytest.fixture
def here(engine: Engine) -> Stage:
    """A site with votes around a midnight, beside another with one vote."""
    other, here = stage(engine, "weekly"), stage(engine)
    other.publish("a", seen_ms=MIDNIGHT_MS)
    other.vote((1, "a", "sad", MIDNIGHT_MS - 1))
    for key in ("a", "b"):
        here.publish(key, seen_ms=MIDNIGHT_MS)
    here.vote(
        (1, "a", "like", MIDNIGHT_MS - HOUR_MS - 1),
        (2, "a", "like", MIDNIGHT_MS - HOUR_MS),
        (3, "b", "like", MIDNIGHT_MS - 1),
        (1, "a", "sad", MIDNIGHT_MS),
        (4, "b", "like", MIDNIGHT_MS + HOUR_MS - 1),
    )
    return here


def roll_up(here: Stage, *, now_ms: int, within_s: float = 60) -> bool:
    return rollups.roll_up(here.engine, now_ms=now_ms, within_s=within_s)


def rows(here: Stage, table: Table) -> list[tuple[Any, ...]]:
    with here.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]


def rewrite_past(here: Stage) -> None:
    """Change every hour, and tell that those from two before the midnight on are not what they were."""
    with engines.writing(here.engine) as connection:
        connection.execute(update(tables.hourly).values(added=tables.hourly.c.added + 1))
        tallies.note_rewrite(connection, from_hour=HOUR - 2)


def covered(here: Stage) -> int:
    """Before which hour after the midnight the rollups are believed."""
    with engines.snapshot(here.engine) as connection:
        return rollups.covered_before(connection) - HOUR


def differing(here: Stage) -> list[rollups.RollupDifference]:
    with engines.snapshot(here.engine) as connection:
        return [found for day in rollups.days(connection) for found in rollups.differences(connection, day)]


def days_of(here: Stage) -> range:
    with engines.snapshot(here.engine) as connection:
        return rollups.days(connection)


def id_of(here: Stage, key: str) -> int:
    return article_keys.id_of(here.site.key, key)


def test_hours_and_days_have_what_was_added_removed_and_began_in_them(here: Stage) -> None:
    mine, others = here.site.id, 1
    a, b, theirs = id_of(here, "a"), id_of(here, "b"), article_keys.id_of("weekly", "a")
    last_hour, first_hour = HOUR - 1, HOUR

    assert roll_up(here, now_ms=MIDNIGHT_MS + 3 * HOUR_MS)  # the first hour is closed

    hours = [
        (HOUR - 2, mine, "like", 1, 0, 1), (last_hour, mine, "like", 2, 0, 2), (last_hour, others, "sad", 1, 0, 1),
        (first_hour, mine, "like", 1, 1, 1), (first_hour, mine, "sad", 1, 0, 0),
    ]  # fmt: skip
    assert rows(here, tables.rolled_hour) == sorted(hours)
    of_the_day = [
        (DAY - 1, mine, a, "like", 2, 0, 2),
        (DAY - 1, mine, b, "like", 1, 0, 1),
        (DAY - 1, others, theirs, "sad", 1, 0, 1),
    ]
    assert rows(here, tables.rolled_day) == sorted(of_the_day)
    assert (covered(here), days_of(here), differing(here)) == (1, range(DAY - 1, DAY + 1), [])


def test_an_hour_is_rolled_up_two_hours_after_its_end_and_a_day_with_its_last_hour(here: Stage) -> None:
    for now_ms, hours, days in (
        (MIDNIGHT_MS - 1, -3, 0),
        (MIDNIGHT_MS, -3, 0),  # the votes' first hour ended an hour ago
        (MIDNIGHT_MS + HOUR_MS, -1, 0),
        (MIDNIGHT_MS + 2 * HOUR_MS - 1, -1, 0),
        (MIDNIGHT_MS + 2 * HOUR_MS, 0, 3),
        (MIDNIGHT_MS + 26 * HOUR_MS - 1, 23, 3),
        (MIDNIGHT_MS + 26 * HOUR_MS, 24, 6),
    ):
        assert roll_up(here, now_ms=now_ms)
        assert (max(covered(here), -3), len(rows(here, tables.rolled_day))) == (hours, days)
        assert differing(here) == []
    assert days_of(here) == range(DAY - 1, DAY + 1)


def test_nothing_is_left_to_roll_up_once_the_closed_hours_are(here: Stage) -> None:
    def is_complete(hours_later: int) -> bool:
        return rollups.are_complete(here.engine, now_ms=MIDNIGHT_MS + hours_later * HOUR_MS)

    assert is_complete(0)  # the votes' first hour begins two hours before midnight: it is not closed long enough
    assert not is_complete(1)
    roll_up(here, now_ms=MIDNIGHT_MS + HOUR_MS)
    assert is_complete(1)
    assert not is_complete(2)


def test_without_a_vote_there_is_nothing_to_roll_up(engine: Engine) -> None:
    here = stage(engine)

    assert roll_up(here, now_ms=MIDNIGHT_MS)
    assert rollups.are_complete(engine, now_ms=MIDNIGHT_MS)
    assert (rows(here, tables.rolled_upto), days_of(here)) == ([], range(0))


def test_who_rolls_up_ends_after_a_day_if_there_is_no_time_for_more(here: Stage) -> None:
    now_ms = MIDNIGHT_MS + 30 * HOUR_MS

    assert not roll_up(here, now_ms=now_ms, within_s=0)
    assert covered(here) == 0
    assert not roll_up(here, now_ms=now_ms, within_s=0)
    assert covered(here) == 24
    assert roll_up(here, now_ms=now_ms)
    assert covered(here) == 28


@pytest.mark.parametrize("apart", [-1, 1])
def test_rollups_of_another_past_are_not_believed_and_are_made_anew(here: Stage, apart: int) -> None:
    now_ms = MIDNIGHT_MS + 26 * HOUR_MS
    roll_up(here, now_ms=now_ms)
    with engines.writing(here.engine) as connection:
        tallies.note_rewrite(connection, from_hour=tallies.NO_HOUR)
        connection.execute(update(tables.hourly).values(added=tables.hourly.c.added + 1))
        connection.execute(update(tables.rolled_upto).values(rewrites=_upto.rewrites + apart))
    assert (covered(here), differing(here)) == (-HOUR, [])

    roll_up(here, now_ms=now_ms)

    assert (covered(here), differing(here)) == (24, [])
    assert sum(row[3] for row in rows(here, tables.rolled_hour)) == 13  # six were added, and one to each of seven rows


def test_the_wrong_day_is_named_with_how_many_rows_are_wrong(here: Stage) -> None:
    """A row too few, one too many, and one with another number in it."""
    roll_up(here, now_ms=MIDNIGHT_MS + 26 * HOUR_MS)
    hours, days = tables.rolled_hour, tables.rolled_day
    more = {"reaction": "joy", "added": 1, "removed": 0, "readers": 1, "site_id": here.site.id}
    with engines.writing(here.engine) as connection:
        connection.execute(delete(hours).where(hours.c.hour_utc == HOUR - 2))
        connection.execute(update(days).where(days.c.day_utc == DAY, days.c.reaction == "sad").values(readers=7))
        connection.execute(insert(days).values(day_utc=DAY, article_id=1, **more))
        connection.execute(insert(hours), [{"hour_utc": HOUR + each, **more} for each in (0, 23, 24, 25)])

    assert differing(here) == [rollups.RollupDifference(DAY - 1, 1), rollups.RollupDifference(DAY, 4)]

    with engines.writing(here.engine) as connection:
        tallies.note_rewrite(connection)
    roll_up(here, now_ms=MIDNIGHT_MS + 29 * HOUR_MS)
    assert differing(here) == []
    assert {row[2] for row in rows(here, hours)} == {row[3] for row in rows(here, days)} == {"like", "sad"}


def test_what_an_old_past_left_before_the_first_vote_goes(here: Stage) -> None:
    """As when the only article that had votes then was deleted."""
    more = {"reaction": "joy", "added": 1, "removed": 0, "readers": 1, "site_id": here.site.id}
    with engines.writing(here.engine) as connection:
        connection.execute(insert(tables.rolled_hour).values(hour_utc=HOUR - 100, **more))
        connection.execute(insert(tables.rolled_day).values(day_utc=DAY - 9, article_id=1, **more))

    roll_up(here, now_ms=MIDNIGHT_MS + 3 * HOUR_MS)

    assert "joy" not in {row[2] for row in rows(here, tables.rolled_hour)} | {row[3] for row in rows(here, tables.rolled_day)}


def test_sums_that_were_kept_go_with_the_rollups_that_are_no_longer_believed(here: Stage) -> None:
    roll_up(here, now_ms=MIDNIGHT_MS + 3 * HOUR_MS)
    kept = {"what": "votes", "first_hour": 0, "before_hour": HOUR, "rewrites": 0, "moods": "", "sums": b""}
    with engines.writing(here.engine) as connection:
        connection.execute(insert(tables.kept_sums).values(site_id=here.site.id, **kept))

    rollups.forget(here.engine)

    assert (covered(here), rows(here, tables.kept_sums)) == (-HOUR, [])
