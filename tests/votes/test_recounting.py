"""Numbers that disagree are set from the votes, beside votes that are cast meanwhile. On both engines."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, delete, select, update

from reactions.newsroom import articles, sites
from reactions.newsroom.articles import Description
from reactions.storage import locks, tables
from reactions.storage.engines import snapshot, writing
from reactions.times import DAY_MS, HOUR_MS
from reactions.votes import counting, recounting, retention, revising, rollups, sealing
from reactions.votes.holds import SOFT_CAP, Hold
from reactions.votes.recounting import Finding
from reactions.votes.revising import Editor
from tests import make
from tests.boxes import NOON_MS, Booth, booth
from tests.engines import wait_until
from tests.make import ADA, BEN, CIA
from tests.tampering import open_ledger

_t, _v, _e, _h = tables.tally.c, tables.vote.c, tables.event.c, tables.hourly.c


@pytest.fixture
def daily(engine: Engine, database_url: str) -> Booth:
    make.site(database_url)
    made = booth(engine)
    made.cast(ADA, "like", seq=1)
    made.cast(BEN, "like", seq=1)
    made.cast(BEN, "sad", seq=2, now_ms=NOON_MS + DAY_MS)
    made.cast(CIA, "like", seq=1)
    return made


def behind_our_back(daily: Booth, *statements: Any) -> None:
    with writing(daily.engine) as connection:
        open_ledger(connection)
        for statement in statements:
            connection.execute(statement)


def found(daily: Booth) -> list[Finding]:
    with snapshot(daily.engine) as connection:
        return list(recounting.find(connection, None, None))


def correct(daily: Booth) -> list[object]:
    still: list[object] = []
    for finding in found(daily):
        still += recounting.correct(daily.box, finding.article, by="a test", now_ms=NOON_MS + 2 * DAY_MS)
    return still


def done(daily: Booth) -> list[tuple[str, str]]:
    with daily.engine.connect() as connection:
        i = tables.intervention.c
        return [(what, by) for what, by in connection.execute(select(i.what, i.by).order_by(i.at))]


def test_without_drift_there_is_nothing_to_do(daily: Booth) -> None:
    assert (found(daily), correct(daily), done(daily)) == ([], [], [])


@pytest.mark.parametrize(
    ("faults", "shown"),
    [
        ([update(tables.tally).where(_t.reaction == "like").values(n=9)], {"like": 2, "sad": 1}),
        ([delete(tables.tally)], {"like": 2, "sad": 1}),
        ([update(tables.hourly).where(_h.reaction == "like").values(added=9, removed=0)], {"like": 2, "sad": 1}),
        ([delete(tables.hourly)], {"like": 2, "sad": 1}),
        ([update(tables.hourly).values(readers_00=0, readers_30=5)], {"like": 2, "sad": 1}),
        ([update(tables.event).where(_e.to_reaction == "sad").values(to_reaction="wow")], {"like": 2, "sad": 1}),
        ([delete(tables.event).where(_e.seq == 1)], {"like": 2, "sad": 1}),
        ([delete(tables.event)], {"like": 2, "sad": 1}),
        ([delete(tables.vote).where(_v.reaction == "sad")], {"like": 2}),
        ([update(tables.vote).values(reaction="wow")], {"wow": 3}),
        (
            [
                update(tables.tally).values(n=5),
                update(tables.hourly).values(removed=3),
                update(tables.vote).values(reaction=None),
            ],
            {},
        ),
    ],
)
def test_what_was_tampered_with_is_set_from_the_votes_and_is_on_record(
    daily: Booth, faults: list[Any], shown: dict[str, int]
) -> None:
    behind_our_back(daily, *faults)

    assert correct(daily) == []

    assert (daily.shown(), daily.differences(), done(daily)) == (shown, [], [("recounted", "a test")])
    daily.cast(ADA, "love", seq=9)
    daily.cast(BEN, "wow", seq=9)
    assert daily.differences() == []


def test_the_series_is_as_it_was(daily: Booth) -> None:
    def series() -> list[tuple[Any, ...]]:
        with daily.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(select(tables.hourly).order_by(*tables.hourly.primary_key))]

    before = series()
    behind_our_back(
        daily, delete(tables.hourly).where(_h.reaction == "like"), update(tables.hourly).values(added=4, readers_50=1)
    )

    assert correct(daily) == []
    assert series() == before


def test_nothing_in_the_ledger_is_changed_and_its_digest_goes_on_telling(daily: Booth) -> None:
    sealing.seal(daily.engine, now_ms=NOON_MS + 3 * DAY_MS)
    behind_our_back(daily, update(tables.event).where(_e.to_reaction == "sad").values(to_reaction="wow"))

    assert correct(daily) == []

    with snapshot(daily.engine) as connection:
        moves = select(_e.seq, _e.from_reaction, _e.to_reaction, _e.cause).where(_e.seq > 1).order_by(_e.seq)
        assert [tuple(row) for row in connection.execute(moves)] == [(2, "like", "wow", "vote"), (3, "wow", "sad", "recount")]
        assert len(sealing.differences(connection)) > 0


def test_the_readers_next_vote_follows_the_event_that_a_recount_added(daily: Booth) -> None:
    """The device's own numbers go on: one that was overtaken is no vote, the next is."""
    behind_our_back(daily, update(tables.event).where(_e.to_reaction == "sad").values(to_reaction="wow"))
    assert correct(daily) == []  # by an event 3, after the reader's vote 2

    daily.cast(BEN, "love", seq=3)
    assert (daily.shown(), daily.differences()) == ({"like": 2, "sad": 1}, [])
    daily.cast(BEN, "love", seq=4)
    assert (daily.shown(), daily.differences()) == ({"like": 2, "love": 1}, [])


def test_no_number_of_a_readers_device_is_taken_back(daily: Booth) -> None:
    behind_our_back(
        daily, update(tables.vote).where(_v.reaction == "sad").values(seq=7), update(tables.event).values(to_reaction="wow")
    )
    assert correct(daily) == []

    daily.cast(BEN, "love", seq=5)  # late, and overtaken

    assert (daily.shown(), daily.differences()) == ({"like": 2, "sad": 1}, [])


def test_held_votes_stay_out_of_what_a_recount_counts(daily: Booth) -> None:
    daily.box.cast(replace(daily.ballot(make.DEE, "love", seq=1), held=Hold(SOFT_CAP, NOON_MS + DAY_MS)))
    behind_our_back(daily, update(tables.tally).values(n=9))

    assert correct(daily) == []

    assert (daily.shown(), daily.differences()) == ({"like": 2, "sad": 1}, [])
    with daily.engine.connect() as connection:
        assert connection.execute(select(_e.seq).where(_e.cause == recounting.CAUSE)).all() == []


def test_only_the_tally_is_set_once_votes_were_dropped(daily: Booth) -> None:
    with writing(daily.engine) as connection:
        sites.change(connection, "daily", keep_votes_days=30)
        site = sites.get(connection, "daily")
    assert retention.drop_old_votes(daily.engine, daily.box, site, now_ms=NOON_MS + 90 * DAY_MS) == 1
    before = daily.shown()
    behind_our_back(daily, update(tables.tally).values(n=9))

    assert (correct(daily), daily.shown(), daily.differences()) == ([], before, [])

    behind_our_back(daily, update(tables.hourly).where(_h.reaction == "sad").values(added=9))
    assert len(correct(daily)) == 1


def test_the_series_of_votes_that_were_dropped_stays_even_if_they_amount_to_nothing(daily: Booth) -> None:
    """A vote that a merge brought, and its reader took back: no vote, no net event and no reader is there to be told of."""
    daily.cast(make.DEE, "love", seq=1, article="before")
    with writing(daily.engine) as connection:
        articles.describe(connection, daily.site, [Description("after", "A title")], at_ms=NOON_MS)
    editor = Editor(daily.engine, daily.box, daily.site, by="a test", now_ms=NOON_MS)
    revising.merge(editor, "before", into="after")
    daily.cast(make.DEE, None, seq=NOON_MS + 9, article="after", now_ms=NOON_MS + 9)
    with writing(daily.engine) as connection:
        sites.change(connection, "daily", keep_votes_days=30)
        site = sites.get(connection, "daily")
    retention.drop_old_votes(daily.engine, daily.box, site, now_ms=NOON_MS + 90 * DAY_MS)
    of_love = select(tables.hourly).where(_h.reaction == "love").order_by(_h.article_id)
    with daily.engine.connect() as connection:
        before = connection.execute(of_love).all()
    behind_our_back(daily, update(tables.tally).where(_t.reaction == "love").values(n=9))

    assert (len(before), correct(daily)) == (2, [])
    with daily.engine.connect() as connection:
        assert connection.execute(of_love).all() == before


@pytest.mark.parametrize("hours", [-30, 30], ids=["a row stands too early", "a row stands too late"])
def test_rollups_are_made_anew_from_the_first_hour_that_was_or_is_wrong(daily: Booth, hours: int) -> None:
    now_ms = NOON_MS + 5 * DAY_MS
    moved = _h.reaction == ("like" if hours > 0 else "sad"), _h.removed == 0
    behind_our_back(
        daily, update(tables.hourly).where(*moved).values(hour_utc=_h.hour_utc + hours), update(tables.tally).values(n=9)
    )
    assert rollups.roll_up(daily.engine, now_ms=now_ms, within_s=60)

    correct(daily)

    with snapshot(daily.engine) as connection:
        covered = rollups.covered_before(connection) - NOON_MS // HOUR_MS
        assert [each for day in rollups.days(connection) for each in rollups.differences(connection, day)] == []
    assert covered == (-6 if hours < 0 else 0)


def test_a_batch_on_its_way_is_waited_for(daily: Booth) -> None:
    if daily.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer")
    behind_our_back(daily, update(tables.tally).values(n=9), update(tables.hourly).values(added=9))
    correcting = threading.Thread(target=correct, args=(daily,))
    with writing(daily.engine) as connection:
        locks.take_part_in_counting(connection)
        correcting.start()
        wait_until(lambda: _waits_for_counting(daily), why="the correction did not wait")
        counting.count(connection, [daily.ballot(make.DEE, "like", seq=1)], pseudonym_key=b"k" * 32)
    correcting.join()

    assert (daily.shown(), daily.differences()) == ({"like": 3, "sad": 1}, [])


def _waits_for_counting(daily: Booth) -> bool:
    with daily.engine.connect() as connection:
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'"
        return bool(connection.exec_driver_sql(waiting).scalar_one())


def test_votes_that_are_cast_meanwhile_are_exact(daily: Booth) -> None:
    stop, cast = threading.Event(), [0] * 2

    def vote(number: int) -> None:
        other = booth(daily.engine)
        while not stop.is_set():
            cast[number] += 1
            other.cast(make.reader(100 + number * 1000 + cast[number]), "like", seq=1)

    voting = [threading.Thread(target=vote, args=(number,)) for number in range(2)]
    for thread in voting:
        thread.start()
    try:
        for n in range(1, 9):
            behind_our_back(daily, _tampering(n))
            correct(daily)
    finally:
        stop.set()
        for thread in voting:
            thread.join()

    correct(daily)
    assert sum(cast) > 0
    assert (daily.shown()["like"], daily.differences()) == (2 + sum(cast), [])


def _tampering(n: int) -> Any:
    choices: list[Callable[[], Any]] = [
        lambda: update(tables.tally).where(_t.reaction == "like").values(n=_t.n + n),
        lambda: update(tables.hourly).where(_h.reaction == "like").values(added=_h.added + n),
    ]
    return choices[n % 2]()


def test_an_article_is_chosen_by_site_and_id(daily: Booth, database_url: str) -> None:
    make.site(database_url, "weekly")
    weekly = booth(daily.engine, "weekly")
    weekly.cast(ADA, "like", seq=1)
    behind_our_back(daily, update(tables.tally).values(n=9))

    def keys(connection: Connection, site: str, article_id: int | None) -> list[int]:
        return [finding.article.article_id for finding in recounting.find(connection, sites.get(connection, site), article_id)]

    with snapshot(daily.engine) as connection:
        mine, theirs = keys(connection, "daily", None), keys(connection, "weekly", None)
        assert len(mine) == len(theirs) == 1
        assert keys(connection, "daily", theirs[0]) == []
        assert keys(connection, "weekly", theirs[0]) == theirs != mine
