"""Rollups: reports that read them say what those say that do not, whatever has happened to the past. On both engines.

The file is longer than 300 lines because every way to change the past is tried on one newspaper.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, delete, event, insert, select, update

from reactions.newsroom import articles, sites
from reactions.refusals import Unavailable
from reactions.storage import engines, tables
from reactions.votes import holds, recounting, removing, retention, review, revising, rollups, tallies
from reactions.votes.holds import SUSPECT, Held, Hold
from reactions.votes.review import Choice
from reactions.votes.revising import Editor
from tests.lengths import amount, each_on_one_engine, played_at_length
from tests.reports.stage import DAY_MS, HOUR_MS, NOON, Stage, Vote, asked, at, stage

_v = tables.vote.c
ZONES = ("UTC", "Asia/Kathmandu", "America/St_Johns", "Europe/Berlin")
ARTICLES = ("a", "b", "c", "d")
QUERIES = (
    {"period": "7d"}, {"period": "28d"}, {"period": "24h"}, {"period": "7d", "unit": "hour"}, {"period": "7d", "reaction": "sad"},
    {"period": "28d", "section": "Sport"},
)  # fmt: skip
A_FEW = amount(QUERIES[:2], QUERIES)  # of whole days, and of days that are whole in no rollup


def newspaper(engine: Engine, seed: int, *, now_ms: int = NOON, days: int = 9) -> Stage:
    """A site beside another, with readers who vote, change their minds and withdraw for days."""
    here, other, random = stage(engine, now_ms=now_ms), stage(engine, "weekly", now_ms=now_ms), Random(seed)
    for each in (here, other):
        for place, key in enumerate(ARTICLES):
            born = now_ms - random.randrange(days * DAY_MS)
            each.publish(key, at_ms=born, section=("Sport", "Politics")[place % 2], seen_ms=now_ms - days * DAY_MS)
        each.vote(*(a_vote(random, now_ms, days) for _ in range(150)))
    return here


def a_vote(random: Random, now_ms: int, days: float) -> Vote:
    reaction = random.choice(("like", "love", "sad", None))
    return random.randrange(40), random.choice(ARTICLES), reaction, now_ms - random.randrange(round(days * DAY_MS))


def roll_up(here: Stage) -> None:
    assert rollups.roll_up(here.engine, now_ms=here.now_ms, within_s=60)


def covered(here: Stage) -> int:
    with engines.snapshot(here.engine) as connection:
        return rollups.covered_before(connection)


def told(here: Stage, queries: Sequence[dict[str, str]]) -> list[Any]:
    """What reports say, of both sites and in zones whose days begin within an hour, too."""
    newsroom, found = here.reports(), []
    with here.engine.connect() as connection:
        both = sites.all_sites(connection)
    for site in both:
        for place, about in enumerate(queries):
            query = asked(**about, time_zone=ZONES[place % len(ZONES)])
            found.append(newsroom.dashboard(site, query))
        found += [newsroom.series(site, asked(period="28d", time_zone=zone)) for zone in ZONES[1:3]]
        found += [newsroom.articles(site, asked(period="7d", time_zone=zone)) for zone in ZONES[::3]]
        found.append(newsroom.dashboard(site, asked(period="life")))
    return found


@contextmanager
def without_rollups(engine: Engine) -> Iterator[None]:
    with engines.writing(engine) as connection:
        mark = connection.execute(select(tables.rolled_upto)).mappings().one_or_none()
        connection.execute(delete(tables.rolled_upto))
    yield
    if mark is not None:
        with engines.writing(engine) as connection:
            connection.execute(insert(tables.rolled_upto).values(dict(mark)))


def assert_no_report_differs(here: Stage, queries: Sequence[dict[str, str]] = A_FEW) -> None:
    rolled = told(here, queries)
    with without_rollups(here.engine):
        for report, plain in zip(rolled, told(here, queries), strict=True):
            assert {name: getattr(report, name) for name in names_of(report)} == {n: getattr(plain, n) for n in names_of(plain)}


def names_of(report: Any) -> list[str]:
    """The members of a report but for its site, which is no value."""
    return [each.name for each in fields(report) if each.name != "site"]


def differing_days(here: Stage) -> list[rollups.RollupDifference]:
    with engines.snapshot(here.engine) as connection:
        return [found for day in rollups.days(connection) for found in rollups.differences(connection, day)]


@each_on_one_engine("seed,now_ms", [(1, NOON), (2, at("2025-10-27 00:40")), (3, at("2025-04-02 23:59"))], first="postgresql")
def test_reports_say_the_same_with_rollups_and_without(engine: Engine, seed: int, now_ms: int) -> None:
    here = newspaper(engine, seed, now_ms=now_ms)
    assert covered(here) == 0

    roll_up(here)

    assert covered(here) == now_ms // HOUR_MS - 2
    assert_no_report_differs(here, QUERIES)
    assert differing_days(here) == []


@played_at_length
def test_rollups_go_on_as_hours_close_and_have_nothing_of_those_that_may_change(engine: Engine) -> None:
    here = newspaper(engine, 4)
    random = Random(5)
    for _ in range(amount(12, 30)):
        here.now_ms += random.choice((HOUR_MS, HOUR_MS, 5 * HOUR_MS, DAY_MS))
        here.vote(
            *((random.randrange(40), random.choice(ARTICLES), "love", here.now_ms - random.randrange(HOUR_MS)) for _ in range(3))
        )
        roll_up(here)

    assert covered(here) == here.now_ms // HOUR_MS - 2
    assert differing_days(here) == []
    assert_no_report_differs(here)


def test_rollups_are_read(engine: Engine) -> None:
    here = newspaper(engine, 6)
    roll_up(here)
    before = here.reports().dashboard(here.site, asked(period="7d"))

    with engines.writing(engine) as connection:
        connection.execute(update(tables.rolled_hour).values(added=tables.rolled_hour.c.added + 1))
        connection.execute(update(tables.rolled_day).values(readers=tables.rolled_day.c.readers + 1))

    after = here.reports().dashboard(here.site, asked(period="7d"))
    assert after.totals.added > before.totals.added
    assert sum(group.readers for group in after.sections) > sum(group.readers for group in before.sections)
    assert differing_days(here)


@played_at_length
def test_what_was_changed_by_hand_is_found_and_made_anew(engine: Engine) -> None:
    here = newspaper(engine, 7)
    roll_up(here)
    gone, more = tables.rolled_day.c.reaction == "sad", {"site_id": 1, "reaction": "joy", "added": 1, "removed": 0, "readers": 1}
    with engines.writing(engine) as connection:
        connection.execute(delete(tables.rolled_day).where(gone))
        connection.execute(insert(tables.rolled_hour).values(hour_utc=covered(here) - 1, **more))
    assert differing_days(here)

    rollups.forget(engine)
    roll_up(here)

    assert differing_days(here) == []
    assert_no_report_differs(here)


def editor(here: Stage) -> Editor:
    return Editor(engine=here.engine, box=here.box, site=here.site, by="test", now_ms=here.now_ms)


def recount(here: Stage) -> None:
    with engines.writing(here.engine) as connection:
        connection.execute(update(tables.hourly).values(added=tables.hourly.c.added + 1))
        tallies.note_rewrite(connection)  # as a bug or a hand that is noticed; the recount must be seen by itself
    roll_up(here)
    with here.engine.connect() as connection:
        found = list(recounting.find(connection, here.site, None))
    for finding in found:
        recounting.correct(here.box, finding.article, by="test", now_ms=here.now_ms)


def reject(here: Stage) -> None:
    with here.engine.connect() as connection:
        article_id = articles.get(connection, here.site, "a").article_id
        votes = connection.execute(select(_v.voter, _v.cast_at).where(_v.article_id == article_id)).all()
    held = [
        Held(article_id, bytes(voter), here.site.id, at_ms, Hold("verdict", here.now_ms + DAY_MS, "n", "v"))
        for voter, at_ms in votes
    ]
    here.box.transact(lambda connection: holds.record(connection, held, state=SUSPECT))
    assert review.reject(here.box, Choice(states=(SUSPECT,)), by="test", now_ms=here.now_ms)


def drop(here: Stage) -> None:
    with engines.writing(here.engine) as connection:
        sites.change(connection, here.site.key, keep_votes_days=30)
        site = sites.get(connection, here.site.key)
    assert retention.drop_old_votes(here.engine, here.box, site, now_ms=here.now_ms + 60 * DAY_MS)


def remove_the_other_site(here: Stage) -> None:
    with here.engine.connect() as connection:
        other = sites.get(connection, "weekly")
    removing.remove_site(Editor(here.engine, here.box, other, by="test", now_ms=here.now_ms), wait=lambda: None)


def vote_late(here: Stage) -> None:
    """A worker that stood still for days comes to itself, or a month of votes is seeded."""
    here.give("a", "love", 5, here.now_ms - 3 * DAY_MS)


REWRITES: dict[str, Callable[[Stage], object]] = {
    "delete": lambda here: removing.delete_article(editor(here), "a"),
    "recount": recount,
    "reset": lambda here: revising.reset(editor(here), "a"),
    "merge": lambda here: revising.merge(editor(here), "a", into="b"),
    "reject": reject,
    "retention": drop,
    "remove a site": remove_the_other_site,
    "late votes": vote_late,
}


@each_on_one_engine("rewrite", list(REWRITES))
def test_no_report_differs_after_a_rewrite(engine: Engine, rewrite: str) -> None:
    here = newspaper(engine, 8)
    roll_up(here)

    REWRITES[rewrite](here)

    assert_no_report_differs(here)
    roll_up(here)
    assert covered(here)
    assert differing_days(here) == []


@pytest.mark.parametrize(
    ("rewrite", "hours_ago"),
    [
        (vote_late, 72),
        (lambda here: revising.merge(editor(here), "a", into="b"), 0),
        (lambda here: here.give("a", "love", 2, here.now_ms - 30 * 60_000), 1),
    ],
    ids=["late by days", "a merge", "late by minutes"],
)
def test_a_rewrite_costs_the_rollups_no_more_than_the_hours_from_the_first_it_changed(
    engine: Engine, rewrite: Callable[[Stage], object], hours_ago: int
) -> None:
    here = newspaper(engine, 8)
    roll_up(here)
    before = covered(here)

    rewrite(here)

    assert covered(here) == min(before, here.now_ms // HOUR_MS - hours_ago)
    roll_up(here)
    assert covered(here) == before
    assert differing_days(here) == []


class Killed(BaseException):
    """The end of a process."""


@contextmanager
def killed_at(engine: Engine, statement: int) -> Iterator[list[int]]:
    """A process that dies before a statement; what it had not committed is lost."""
    seen = [0]

    def die(*_: Any) -> None:
        seen[0] += 1
        if seen[0] == statement:
            raise Killed

    event.listen(engine, "before_cursor_execute", die)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", die)


@played_at_length
def test_rollups_cut_short_are_never_believed(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollups, "_ROWS_AT_ONCE", 7)
    here = newspaper(engine, 9, days=3)
    for statement in range(1, 10_000, amount(61, 31)):
        with killed_at(engine, statement) as seen, suppress(Killed, Unavailable):  # SQLite's journal goes with its last reader
            roll_up(here)
        assert differing_days(here) == []
        if seen[0] < statement:
            break
        if statement % 5 == 0:
            assert_no_report_differs(here)
        if statement % 4 == 0:
            with engines.writing(engine) as connection:
                connection.execute(update(tables.hourly).values(added=tables.hourly.c.added + 1))
                tallies.note_rewrite(connection)
    assert_no_report_differs(here)


@played_at_length
def test_processes_that_roll_up_at_once_and_a_rewrite_meanwhile_do_no_harm(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollups, "_ROWS_AT_ONCE", 5)
    here = newspaper(engine, 10)
    start, finished = threading.Barrier(4), []

    def work() -> None:
        start.wait(20)
        for _ in range(5):
            rollups.roll_up(engine, now_ms=here.now_ms, within_s=60)
        finished.append(True)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    start.wait(20)
    for _ in range(amount(5, 10)):
        vote_late(here)
        assert differing_days(here) == []
    for thread in threads:
        thread.join()

    assert finished == [True] * 3
    roll_up(here)
    assert differing_days(here) == []
    assert_no_report_differs(here)
