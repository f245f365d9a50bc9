"""What a newsroom remembers, and for how long."""

from __future__ import annotations

import threading
from collections.abc import Callable
from random import Random

import pytest
from sqlalchemy import Engine, update

from reactions.reports.memory import MOVED_KEPT, Memory
from reactions.storage import engines, tables
from reactions.votes import recounting, removing, revising, tallies
from reactions.votes.revising import Editor
from tests.lengths import amount, each_on_one_engine
from tests.reports.stage import DAY_MS, HOUR_MS, NOON, Stage, asked, at, stage


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


def test_what_was_moved_on_is_read_anew_when_the_time_of_its_origin_is_over() -> None:
    """Else what it lacks, as a vote that came late, would be lacking for as long as anybody looks."""
    clock, make = Clock(), counting()
    memory, told = Memory(keep_s=5, items=1_000, clock=clock), []
    for first in range(4):
        told.append(memory.recall(("sums", range(first, first + 100)), make, moved=lambda _, known: known))
        clock.now += 5 * MOVED_KEPT / 3

    assert told == [[0], [0], [0], [1]]


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


def give_behind_its_back(here: Stage, reaction: str, times: int, at_ms: int) -> None:
    """Count votes by a clock that stands at their time: nobody else writes into a closed hour without saying so."""
    now_ms, here.now_ms = here.now_ms, at_ms
    here.give("vote", reaction, times, at_ms)
    here.now_ms = now_ms


@pytest.mark.parametrize("seconds", [61, 119, 121, 3000])
def test_a_vote_that_is_counted_after_its_hour_has_closed_is_seen_at_once(engine: Engine, seconds: int) -> None:
    here = stage(engine, now_ms=NOON + 121_000)
    here.publish("vote", at_ms=NOON - DAY_MS)
    here.give("vote", "like", 3, NOON - 5 * HOUR_MS)
    newsroom = here.reports(kept_s=3600)
    assert newsroom.dashboard(here.site, asked()).totals.net == 3

    here.now_ms = NOON + seconds * 1000
    here.give("vote", "love", 4, NOON - 1)

    here.now_ms = NOON + 3001_000
    report = newsroom.dashboard(here.site, asked())
    assert (report.totals.net, report.lists.top[0].net) == (7, 7)


def test_what_closed_hours_say_is_kept_and_the_present_hour_is_read_again(engine: Engine) -> None:
    here = stage(engine, now_ms=NOON + HOUR_MS // 2)
    here.publish("vote", at_ms=NOON - DAY_MS)
    here.give("vote", "like", 3, NOON - HOUR_MS)
    newsroom = here.reports(kept_s=3600)
    assert newsroom.dashboard(here.site, asked()).totals.net == 3

    here.give("vote", "like", 4, NOON)
    give_behind_its_back(here, "love", 5, NOON - HOUR_MS)

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

    with engines.writing(engine) as connection:
        sites.change(connection, "daily", reactions=here.site.reactions.changed("wow", mood=1))
        here.site = sites.get(connection, "daily")

    assert newsroom.dashboard(here.site, asked()).mood.value == 1


@each_on_one_engine("seed", range(amount(2, 3)))
def test_sums_that_move_on_with_the_hours_are_those_that_are_read_anew(engine: Engine, seed: int) -> None:
    random = Random(f"{engine.dialect.name} {seed}")
    here = stage(engine, time_zone=random.choice(("UTC", "Asia/Kathmandu", "Europe/Berlin")), now_ms=at("2025-10-24 20:40"))
    newsroom = here.reports(kept_s=3600)
    queries = [asked(period=name) for name in ("24h", "7d", "yesterday")] + [asked(period="7d", unit="hour")]

    for number in range(amount(8, 12)):
        here.publish(f"story-{number}", at_ms=here.now_ms, seen_ms=here.now_ms, section=random.choice(("Sport", "Politics")))
        votes = []
        for _ in range(25):
            article, reader = f"story-{random.randint(0, number)}", random.randrange(15)
            votes.append(
                (reader, article, random.choice(("like", "love", "angry", None)), here.now_ms + random.randrange(60_000))
            )
        here.vote(*votes)
        here.now_ms += random.choice((20 * 60_000, HOUR_MS, HOUR_MS, 3 * HOUR_MS, 13 * HOUR_MS, 40 * HOUR_MS))
        for query in queries:
            assert newsroom.dashboard(here.site, query) == here.reports().dashboard(here.site, query)
            assert newsroom.articles(here.site, query).articles == here.reports().articles(here.site, query).articles
            assert newsroom.earlier(here.site, query) == here.reports().earlier(here.site, query)


def test_an_hour_that_closes_is_added_and_the_others_are_not_read_again(engine: Engine) -> None:
    here = stage(engine, now_ms=NOON + HOUR_MS // 2)
    here.publish("vote", at_ms=NOON - DAY_MS)
    here.give("vote", "like", 3, NOON - HOUR_MS)
    newsroom = here.reports(kept_s=3600)
    newsroom.dashboard(here.site, asked())
    here.give("vote", "like", 4, NOON)
    give_behind_its_back(here, "love", 5, NOON - HOUR_MS)

    here.now_ms += HOUR_MS
    assert newsroom.dashboard(here.site, asked()).totals.net == 7

    with engines.writing(engine) as connection:
        tallies.note_rewrite(connection)
    assert newsroom.dashboard(here.site, asked()).totals.net == 12


def delete_an_article(here: Stage) -> None:
    removing.delete_article(Editor(engine=here.engine, box=here.box, site=here.site, by="test", now_ms=here.now_ms), "gone")


def recount_an_article(here: Stage) -> None:
    with engines.writing(here.engine) as connection:
        connection.execute(update(tables.hourly).values(added=tables.hourly.c.added + 1))
    assert here.reports().dashboard(here.site, asked()).totals.net == 9
    with engines.snapshot(here.engine) as connection:
        found = list(recounting.find(connection, here.site, None))
    for finding in found:
        recounting.correct(here.box, finding.article, by="test", now_ms=here.now_ms)


def editor(here: Stage) -> Editor:
    return Editor(engine=here.engine, box=here.box, site=here.site, by="test", now_ms=here.now_ms - HOUR_MS)


def reset_an_article_until_the_hour_has_closed(here: Stage) -> None:
    revising.reset(editor(here), "gone")


def merge_two_articles_until_the_hour_has_closed(here: Stage) -> None:
    revising.merge(editor(here), "gone", into="stays")


@pytest.mark.parametrize(
    "rewrite",
    [
        delete_an_article,
        recount_an_article,
        reset_an_article_until_the_hour_has_closed,
        merge_two_articles_until_the_hour_has_closed,
    ],
)
def test_who_rewrites_the_past_is_seen_at_once(engine: Engine, rewrite: Callable[[Stage], None]) -> None:
    here = stage(engine, now_ms=NOON + HOUR_MS // 2)
    for article, votes in {"stays": 3, "gone": 4}.items():
        here.publish(article, at_ms=NOON - DAY_MS)
        here.give(article, "like", votes, NOON - 5 * HOUR_MS)
    newsroom = here.reports(kept_s=3600)
    assert newsroom.dashboard(here.site, asked()).totals.net == 7

    rewrite(here)

    left = here.reports().dashboard(here.site, asked())
    report = newsroom.dashboard(here.site, asked())
    assert (report.totals, report.series, report.reactions) == (left.totals, left.series, left.reactions)
    assert [(row.article, row.net) for row in report.lists.top] == [(row.article, row.net) for row in left.lists.top]
