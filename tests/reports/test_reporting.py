"""What a newsroom remembers, and for how long."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from reactions.reports.query import Memory
from tests.reports.stage import DAY_MS, HOUR_MS, NOON, asked, stage


class Clock:
    """Seconds that pass when they are told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def counting() -> Callable[[], list[int]]:
    made: list[int] = []

    def make() -> list[int]:
        made.append(len(made))
        return [made[-1]]

    return make


def test_a_value_is_made_once_until_its_time_is_over() -> None:
    clock, make = Clock(), counting()
    memory = Memory(keep_s=5, items=10, clock=clock)

    assert memory.recall("a", make) == memory.recall("a", make) == [0]
    clock.now += 5
    assert memory.recall("a", make) == [1]


def test_a_memory_of_no_time_keeps_nothing() -> None:
    memory, make = Memory(keep_s=0, items=10), counting()

    assert [memory.recall("a", make), memory.recall("a", make)] == [[0], [1]]


def test_nothing_is_a_value() -> None:
    made: list[int] = []
    memory = Memory(keep_s=5, items=10)

    for _ in range(2):
        assert memory.recall("a", lambda: made.append(1)) is None
    assert made == [1]


def test_the_oldest_goes_when_there_is_too_much() -> None:
    memory, make = Memory(keep_s=5, items=4), counting()

    for key in ("a", "b", "c"):
        memory.recall(key, lambda key=key: [key, key])  # type: ignore[misc]

    assert memory.recall("c", make) == ["c", "c"]
    assert memory.recall("b", make) == ["b", "b"]
    assert memory.recall("a", make) == [0]


def test_what_failed_is_tried_again() -> None:
    memory, make = Memory(keep_s=5, items=4), counting()

    with pytest.raises(ZeroDivisionError):
        memory.recall("a", lambda: 1 // 0)

    assert memory.recall("a", make) == [0]


def test_who_asks_meanwhile_waits_for_the_first() -> None:
    memory, begun, go_on = Memory(keep_s=60, items=4), threading.Event(), threading.Event()
    made: list[int] = []

    def slowly() -> int:
        begun.set()
        assert go_on.wait(20)
        made.append(1)
        return 7

    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(memory.recall("a", slowly))) for _ in range(4)]
    threads[0].start()
    assert begun.wait(20)
    for thread in threads[1:]:
        thread.start()
    go_on.set()
    for thread in threads:
        thread.join()

    assert (found, made) == ([7, 7, 7, 7], [1])


def test_a_dashboard_is_kept_and_votes_show_when_its_time_is_over(engine: Engine) -> None:
    here = stage(engine)
    here.publish("vote")
    keeping, forgetting = here.reports(dashboard_kept_s=60, kept_s=60), here.reports(kept_s=60)
    for newsroom in (keeping, forgetting):
        assert newsroom.dashboard(here.site, asked()).totals.net == 0

    here.give("vote", "like", 3, NOON)

    assert keeping.dashboard(here.site, asked()).totals.net == 0
    assert keeping.dashboard(here.site, asked(period="24h")).totals.net == 3
    assert forgetting.dashboard(here.site, asked()).totals.net == 3


def test_a_kept_dashboard_is_of_its_own_zone_filters_and_site(engine: Engine) -> None:
    here, other = stage(engine), stage(engine, "weekly")
    here.publish("vote", section="Politics")
    here.give("vote", "like", 3, NOON)
    newsroom = here.reports(dashboard_kept_s=60, kept_s=60)
    newsroom.dashboard(here.site, asked(period="24h"))

    assert newsroom.dashboard(here.site, asked(period="24h", time_zone="Africa/Abidjan")).period.time_zone == "Africa/Abidjan"
    assert newsroom.dashboard(here.site, asked(period="24h", section="Sport")).totals.net == 0
    assert newsroom.dashboard(other.site, asked(period="24h")).totals.net == 0


def test_what_closed_hours_say_is_kept_and_the_present_hour_is_read_again(engine: Engine) -> None:
    here = stage(engine, now_ms=NOON + HOUR_MS // 2)
    here.publish("vote", at_ms=NOON - DAY_MS)
    here.give("vote", "like", 3, NOON - HOUR_MS)
    newsroom = here.reports(kept_s=3600)
    assert newsroom.dashboard(here.site, asked()).totals.net == 3

    here.give("vote", "like", 4, NOON)
    here.give("vote", "love", 5, NOON - HOUR_MS)  # an hour that is closed: no vote comes there, only this test's

    report = newsroom.dashboard(here.site, asked())
    assert report.totals.net == report.lists.top[0].net == 7
    assert here.reports().dashboard(here.site, asked()).totals.net == 12
    assert report.lists.top[0].total == 12  # counts of an article are always those of the moment


def test_kept_sums_are_of_the_moods_they_were_made_with(engine: Engine) -> None:
    here = stage(engine, now_ms=NOON + HOUR_MS // 2)
    here.publish("vote")
    here.give("vote", "wow", 30, NOON - HOUR_MS)
    newsroom = here.reports(kept_s=3600)
    assert newsroom.dashboard(here.site, asked()).mood.value == 0

    from reactions.newsroom import sites
    from reactions.storage import engines

    with engines.writing(engine) as connection:
        sites.change(connection, "daily", reactions=here.site.reactions.changed("wow", mood=1))
        here.site = sites.get(connection, "daily")

    assert newsroom.dashboard(here.site, asked()).mood.value == 1
