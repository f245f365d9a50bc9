"""Sums that a process begins with: reports say the same with them and without, and after the past was rewritten."""

from __future__ import annotations

from random import Random

import pytest
from sqlalchemy import Engine, select, update

from reactions.reports import kept_sums, reporting
from reactions.reports.figures import Sums
from reactions.reports.metrics import Votes
from reactions.reports.norms import EDGES, STEPS, Life
from reactions.storage import engines, tables
from reactions.votes import rollups, tallies
from tests import make
from tests.lengths import amount, each_on_one_engine
from tests.reports.stage import DAY_MS, HOUR_MS, NOON, Stage, asked, stage

ASKED = ({"period": "7d"}, {"period": "28d"}, {"period": "90d"}, {"period": "24h"}, {"period": "7d", "section": "Sport"})


def newspaper(engine: Engine, seed: int, *, time_zone: str = "UTC") -> Stage:
    here, random = stage(engine, time_zone=time_zone, now_ms=NOON + 40 * 60_000), Random(seed)
    gifts = []
    for number in range(15):
        born = NOON - random.randrange(random.choice((2, 8, 40)) * DAY_MS)
        here.publish(f"s{number}", at_ms=born, seen_ms=born, section=random.choice(("Sport", "Politics")))
        for _ in range(random.randrange(12)):
            when = min(born + random.randrange(10 * DAY_MS), here.now_ms)
            gifts.append((f"s{number}", random.choice(make.SEVEN), random.randrange(1, 9), when))
    here.give_all(*gifts)
    return here


def keep(here: Stage) -> None:
    assert rollups.roll_up(here.engine, now_ms=here.now_ms, within_s=60)
    reporting.keep_sums(here.engine, now_ms=here.now_ms)


def assert_a_process_that_starts_says_the_same(here: Stage) -> None:
    starting, without = here.reports(kept_s=600), here.reports()
    sorts = ("votes", "split", "surprise")
    for place, about in enumerate(ASKED):
        query = asked(**about)
        assert starting.dashboard(here.site, query) == without.dashboard(here.site, query)
        for sort in amount(sorts[place % 3 :][:1], sorts):
            found, expected = (each.articles(here.site, query, sort=sort).articles for each in (starting, without))
            assert found == expected


@each_on_one_engine("seed,time_zone", [(1, "UTC"), (2, "Asia/Kathmandu")])
def test_a_process_that_starts_says_the_same_hours_and_days_later(engine: Engine, seed: int, time_zone: str) -> None:
    here, random = newspaper(engine, seed, time_zone=time_zone), Random(seed)
    keep(here)
    for _ in range(3):
        assert_a_process_that_starts_says_the_same(here)
        here.now_ms += random.choice((0, HOUR_MS, 7 * HOUR_MS, 30 * HOUR_MS))
        born = here.now_ms - random.randrange(3 * DAY_MS)
        here.publish(f"s{random.randrange(17)}", at_ms=born, seen_ms=born, section="Sport")  # another date, or a new one
        here.give(f"s{random.randrange(17)}", random.choice(make.SEVEN), 5, here.now_ms - random.randrange(HOUR_MS))
        if random.random() < 0.6:
            keep(here)
    assert_a_process_that_starts_says_the_same(here)


def test_kept_sums_are_read(engine: Engine) -> None:
    here = newspaper(engine, 3)
    keep(here)
    before = here.reports(kept_s=600).dashboard(here.site, asked(period="28d"))
    with engines.writing(engine) as connection:
        kept = tables.kept_sums.c
        wrong = {11: Sums(1, 0, 1, 0, 1, 0)}
        hours = connection.execute(select(kept.first_hour, kept.before_hour).where(kept.what == "by_article 28d")).one()
        kept_sums.put(connection, here.site, "by_article 28d", range(*hours), tallies.rewrites(connection), wrong)

    after = here.reports(kept_s=600).dashboard(here.site, asked(period="28d"))

    assert [row.article for row in after.lists.top] != [row.article for row in before.lists.top]


def test_nothing_that_was_kept_is_believed_after_the_past_was_rewritten(engine: Engine) -> None:
    here = newspaper(engine, 4)
    keep(here)

    with engines.writing(engine) as connection:
        connection.execute(update(tables.hourly).values(added=tables.hourly.c.added + 1))
        tallies.note_rewrite(connection)

    assert_a_process_that_starts_says_the_same(here)
    keep(here)
    assert_a_process_that_starts_says_the_same(here)


def test_what_was_kept_with_other_moods_is_left_alone(engine: Engine) -> None:
    from reactions.newsroom import sites

    here = newspaper(engine, 5)
    keep(here)
    with engines.writing(engine) as connection:
        sites.change(connection, "daily", reactions=here.site.reactions.changed("wow", mood=1))
        here.site = sites.get(connection, "daily")

    assert_a_process_that_starts_says_the_same(here)


def test_what_is_packed_comes_back(engine: Engine) -> None:
    here = stage(engine)
    lives = {
        -(2**62): Life(490_000, {"sad": [1, 0, 0, 0, -2, 0, 0, 0, 9]}, [3] * len(STEPS), [0] * len(EDGES)),
        5: Life(0, {}, [0] * len(STEPS), list(range(len(EDGES)))),
    }
    sums, votes = {2**63 - 1: Sums(1, 2, -3, 4, 5, 6)}, {7: Votes(1, 2, 2**40)}
    hours = range(100, 200)
    with engines.writing(engine) as connection:
        for what, value in (("lives", lives), ("by_article 7d", sums), ("votes", votes)):
            kept_sums.put(connection, here.site, what, hours, 0, value)

        assert kept_sums.find(connection, here.site, "lives", hours, 0) == (hours, lives)
        assert kept_sums.find(connection, here.site, "by_article", range(110, 201), 0) == (hours, sums)
        assert kept_sums.find(connection, here.site, "votes", hours, 0) == (hours, votes)
        assert kept_sums.find(connection, here.site, "votes", hours, 1) is None
        assert kept_sums.find(connection, here.site, "votes", range(150, 250), 0) is None


def test_what_is_kept_is_of_one_site_one_past_and_goes_as_far_as_the_shortest_of_it(engine: Engine) -> None:
    here, other = stage(engine), stage(engine, "weekly")
    mine, theirs, older = {7: Votes(1, 2, 3)}, {8: Votes(4, 5, 9)}, {9: Votes(0, 0, 1)}
    with engines.writing(engine) as connection:
        assert kept_sums.upto(connection, here.site, 3) == 0
        kept_sums.put(connection, here.site, "votes", range(100, 200), 3, mine)
        kept_sums.put(connection, here.site, "votes old", range(100, 180), 2, older)
        kept_sums.put(connection, here.site, "votes 7d", range(100, 190), 3, mine)
        kept_sums.put(connection, other.site, "votes", range(100, 205), 3, theirs)

        assert kept_sums.upto(connection, here.site, 3) == 190
        assert kept_sums.read(connection, here.site, 3) == [("votes", range(100, 200), mine), ("votes 7d", range(100, 190), mine)]
        assert kept_sums.find(connection, here.site, "votes", range(100, 205), 3) == (range(100, 200), mine)
        assert kept_sums.find(connection, other.site, "votes", range(100, 205), 3) == (range(100, 205), theirs)


def found_wrong(here: Stage) -> set[str]:
    with engines.snapshot(here.engine) as connection:
        return {each.what for each in reporting.kept_differences(connection, here.site, now_ms=here.now_ms)}


@each_on_one_engine("hours_later", [0, 3, 30])
def test_what_is_kept_and_right_is_found_right_whatever_comes_after(engine: Engine, hours_later: int) -> None:
    here = newspaper(engine, 6)
    keep(here)

    here.now_ms += hours_later * HOUR_MS
    here.give("s1", "love", 5, here.now_ms)
    here.publish("s2", at_ms=here.now_ms - HOUR_MS, section="Sport")

    assert found_wrong(here) == set()


@each_on_one_engine("given,taken", [(19, 19), (10, 9)])
def test_what_was_given_and_taken_back_at_one_age_is_kept_right(engine: Engine, given: int, taken: int) -> None:
    """A reaction of which nothing is left is none, read anew as well as unpacked."""
    here = newspaper(engine, 6)
    here.publish("taken back", at_ms=here.now_ms - 20 * HOUR_MS, seen_ms=here.now_ms - 20 * HOUR_MS)
    here.vote((1, "taken back", "wow", here.now_ms - given * HOUR_MS), (1, "taken back", None, here.now_ms - taken * HOUR_MS + 1))
    keep(here)

    assert found_wrong(here) == set()


@each_on_one_engine("what", ["by_article 28d", "votes", "lives"], first="postgresql")
def test_what_is_kept_and_wrong_is_found(engine: Engine, what: str) -> None:
    here = newspaper(engine, 7)
    keep(here)
    with engines.writing(engine) as connection:
        rewrites = tallies.rewrites(connection)
        known = {name: (hours, sums) for name, hours, sums in kept_sums.read(connection, here.site, rewrites)}
        hours, sums = known[what]
        first = next(iter(sums))
        wrong = {Sums: Sums(9, 0, 9, 0, 9, 0), Votes: Votes(9, 9, 18)}.get(type(sums[first]))
        if wrong is None:
            sums[first].readers[0] += 1
        kept_sums.put(connection, here.site, what, hours, rewrites, {**sums, first: wrong or sums[first]})

    assert found_wrong(here) == {what}
    rollups.forget(engine)
    keep(here)
    assert found_wrong(here) == set()


def test_what_another_version_has_packed_is_left_alone(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    here = newspaper(engine, 8)
    keep(here)
    monkeypatch.setattr(kept_sums, "_FORMAT", 2)
    monkeypatch.setattr(kept_sums, "_unpacked_as", lambda *_: pytest.fail("read although it is packed otherwise"))

    assert_a_process_that_starts_says_the_same(here)
