"""Old months of the ledger go, and every number stays. On SQLite, on PostgreSQL, and on PostgreSQL with the ledger in months.

The file is longer than others because each thing that is done to votes is tried after a drop.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, delete, func, select, update

from reactions.newsroom import sites
from reactions.refusals import MigrationRefused
from reactions.storage import engines, migrations, partitions, tables
from reactions.storage.engines import snapshot, writing
from reactions.times import DAY_MS, HOUR_MS
from reactions.votes import (
    forgetting,
    integrity,
    ledger,
    months,
    recounting,
    removing,
    retention,
    review,
    revising,
    sealing,
)
from reactions.votes.holds import SOFT_CAP, Hold
from reactions.votes.review import Choice
from reactions.votes.revising import Editor
from tests import boxes, make
from tests.boxes import NOON_MS, Booth, booth
from tests.engines import Postgres
from tests.make import ADA, BEN, CIA, DEE
from tests.tampering import open_ledger

OCTOBER, NOVEMBER, DECEMBER, JANUARY, FEBRUARY, MARCH = (partitions.month_of(NOON_MS, later=n) for n in (-1, 0, 1, 2, 3, 4))
LATE_JANUARY = FEBRUARY - 2 * DAY_MS


@pytest.fixture(params=["sqlite", "postgresql", "in months"])
def kind(request: pytest.FixtureRequest) -> str:
    """Both engines, and PostgreSQL with partitions."""
    return str(request.param)


@pytest.fixture
def daily(kind: str, request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Booth]:
    if kind == "sqlite":
        url = request.getfixturevalue("sqlite_files").copy_to(tmp_path)
    else:
        databases = request.getfixturevalue("postgres_databases")
        url = databases.server.url(databases.own())
    engine = create_engine(url)
    engines.prepare(engine)
    make.site(url)
    if kind == "in months":
        partitions.partition(engine, now_ms=OCTOBER - 20 * DAY_MS)
        for month in (OCTOBER, NOVEMBER, DECEMBER):
            partitions.keep_ahead(engine, now_ms=month)
    yield booth(engine)
    boxes.close_all()
    engine.dispose()


def drop(daily: Booth, *, now_ms: int = LATE_JANUARY, keep: int = 0, check: bool = True) -> list[months.Dropped]:
    return list(months.drop(daily.engine, daily.box, keep_months=keep, now_ms=lambda: now_ms, check=check))


def faults(daily: Booth) -> list[Any]:
    with snapshot(daily.engine) as connection:
        return [*integrity.all_differences(connection), *sealing.differences(connection)]


def events(daily: Booth) -> int:
    with daily.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(tables.event)).scalar_one()


def series(daily: Booth) -> list[Any]:
    with daily.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(tables.hourly).order_by(*tables.hourly.primary_key))]


def editor(daily: Booth, *, now_ms: int = LATE_JANUARY) -> Editor:
    return Editor(daily.engine, daily.box, daily.site, by="a test", now_ms=now_ms)


def restless(daily: Booth, at_ms: int, *, seed: int = 7, votes: int = 300, articles: int = 3) -> None:
    """Votes in a month: cast, changed, withdrawn, withdrawn without a vote, and cast again; some held."""
    chance = random.Random(f"{seed} {at_ms}")
    ballots = []
    for number in range(votes):
        reaction = chance.choice(["like", "sad", "wow", None])
        moment = at_ms + number * HOUR_MS
        ballot = daily.ballot(
            make.reader(chance.randrange(60)), reaction, seq=moment, article=f"a{chance.randrange(articles)}", now_ms=moment
        )
        held = Hold(SOFT_CAP, moment + HOUR_MS, "a") if chance.random() < 0.1 else None
        ballots.append(replace(ballot, held=held))
    daily.box.count(ballots)


def release_some(daily: Booth, now_ms: int, *, states: tuple[str, ...] = ("held",)) -> None:
    review.release(daily.box, Choice(daily.site.id, states=states, until_ms=now_ms), by="a test", now_ms=now_ms)


def test_old_months_go_and_everything_that_counts_stays(daily: Booth, kind: str) -> None:
    restless(daily, NOVEMBER)
    restless(daily, DECEMBER)
    restless(daily, JANUARY, votes=50)
    before = daily.shown("a0"), daily.shown("a1"), series(daily)
    assert faults(daily) == []
    there = events(daily)

    (first, *more) = drop(daily, keep=1)

    assert faults(daily) == []
    assert (daily.shown("a0"), daily.shown("a1"), series(daily)) == before
    assert events(daily) == there - sum(each.events for each in (first, *more)) < there
    with daily.engine.connect() as connection:
        assert connection.execute(select(func.min(tables.event.c.at))).scalar_one() >= DECEMBER
        assert connection.execute(select(func.count()).select_from(tables.vote)).scalar_one() > 0
        p = tables.ledger_procedure.c
        assert set(connection.execute(select(p.what, p.open)).all()) == {("months", False)}
        assert connection.execute(select(func.sum(p.events))).scalar_one() == there - events(daily)
        if kind == "in months":
            assert partitions.listed(connection)[0].from_ms == DECEMBER
    assert drop(daily, keep=1) == []
    sealing.seal(daily.engine, now_ms=FEBRUARY + 2 * DAY_MS)
    assert faults(daily) == []


@pytest.mark.parametrize("seed", range(6))
def test_what_readers_and_editors_do_after_a_drop_counts_exactly(daily: Booth, seed: int) -> None:
    """Month after month: votes, holds that are released over the edge, drops, and the votes of old readers who come back."""
    chance = random.Random(seed)
    for month in (OCTOBER, NOVEMBER, DECEMBER, JANUARY, FEBRUARY):
        partitions.keep_ahead(daily.engine, now_ms=month)
        restless(daily, month, seed=seed, votes=120)
        if chance.random() < 0.7:
            release_some(daily, month + 20 * DAY_MS)
        if chance.random() < 0.3:
            review.reject(daily.box, Choice(daily.site.id), by="a test", now_ms=month + 21 * DAY_MS)
        if chance.random() < 0.3:
            release_some(daily, month + 22 * DAY_MS, states=("rejected",))
        if chance.random() < 0.7:
            drop(daily, now_ms=month + 28 * DAY_MS, keep=chance.randrange(2), check=chance.random() < 0.5)
        assert faults(daily) == []

    revising.merge(editor(daily, now_ms=MARCH), "a0", into="a1")
    assert faults(daily) == []
    drop(daily, now_ms=MARCH + 2 * DAY_MS)
    assert faults(daily) == []


def test_an_old_vote_is_changed_and_withdrawn_as_before(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1)
    daily.cast(BEN, "like", seq=1)
    daily.cast(CIA, None, seq=1)
    drop(daily)
    assert events(daily) == 0

    daily.cast(ADA, "sad", seq=2, now_ms=LATE_JANUARY)
    daily.cast(BEN, None, seq=2, now_ms=LATE_JANUARY)
    daily.cast(BEN, "wow", seq=3, now_ms=LATE_JANUARY)
    daily.cast(CIA, "wow", seq=3, now_ms=LATE_JANUARY)
    daily.cast(DEE, "wow", seq=1, now_ms=LATE_JANUARY)
    daily.cast(ADA, "like", seq=1, now_ms=LATE_JANUARY)

    assert (daily.shown(), faults(daily)) == ({"sad": 1, "wow": 3}, [])
    with daily.engine.connect() as connection:
        readers = connection.execute(select(func.sum(integrity.READERS_OF_HOUR))).scalar_one()
    assert readers == 4


def test_a_reader_is_forgotten_whose_events_are_gone(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1)
    daily.cast(ADA, "like", seq=1, article="b", now_ms=LATE_JANUARY)
    drop(daily)

    count = forgetting.forget(daily.engine, daily.box, daily.site, reader=bytes.fromhex(ADA), key=b"k" * 32, now_ms=LATE_JANUARY)

    assert (count, daily.shown(), faults(daily)) == (2, {"like": 1}, [])
    daily.cast(ADA, "like", seq=2, now_ms=LATE_JANUARY)
    assert (daily.shown(), faults(daily)) == ({"like": 2}, [])


def test_an_article_is_deleted_whose_events_are_half_gone(daily: Booth) -> None:
    restless(daily, NOVEMBER, articles=1)
    restless(daily, JANUARY, votes=200, articles=1)
    drop(daily)

    removing.delete_article(editor(daily), "a0")

    left = (tables.vote, tables.event, tables.tally, tables.hourly, tables.dropped, tables.article)
    with daily.engine.connect() as connection:
        assert [connection.execute(select(func.count()).select_from(table)).scalar_one() for table in left] == [0] * 6
    assert faults(daily) == []


def test_retention_drops_the_rest_of_an_article_whose_first_months_are_gone(daily: Booth) -> None:
    restless(daily, NOVEMBER)
    restless(daily, JANUARY, votes=100)
    release_some(daily, LATE_JANUARY)
    drop(daily)
    before = daily.shown("a0"), daily.shown("a2"), series(daily)
    with writing(daily.engine) as connection:
        sites.change(connection, "daily", keep_votes_days=30)
        site = sites.get(connection, "daily")

    assert retention.drop_old_votes(daily.engine, daily.box, site, now_ms=LATE_JANUARY + 90 * DAY_MS) == 3

    assert ((daily.shown("a0"), daily.shown("a2"), series(daily)), events(daily), faults(daily)) == (before, 0, [])


def test_reset_and_its_undoing_go_on(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1)
    drop(daily)

    assert revising.reset(editor(daily), "hello") == 1
    assert (daily.shown(), faults(daily)) == ({}, [])
    assert revising.undo_reset(editor(daily, now_ms=LATE_JANUARY + 5), "hello") == 1
    assert (daily.shown(), faults(daily)) == ({"like": 1}, [])


def test_a_recount_sets_the_tally_and_invents_no_events(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1)
    drop(daily)
    kept = series(daily)
    with writing(daily.engine) as connection:
        connection.execute(update(tables.tally).values(n=7))

    with snapshot(daily.engine) as connection:
        (finding,) = recounting.find(connection, None, None)
    assert recounting.correct(daily.box, finding.article, by="a test", now_ms=LATE_JANUARY) == []

    assert (daily.shown(), events(daily), series(daily), faults(daily)) == ({"like": 1}, 0, kept, [])


def tamper_with_base(connection: Connection) -> None:
    connection.execute(update(tables.dropped).values(events=tables.dropped.c.events + 1))


def remove_vote(connection: Connection) -> None:
    connection.execute(delete(tables.vote).where(tables.vote.c.cast_at < JANUARY))


def remove_events(connection: Connection) -> None:
    open_ledger(connection)
    connection.execute(delete(tables.event))


def change_time(connection: Connection) -> None:
    open_ledger(connection)
    connection.execute(update(tables.event).values(at=tables.event.c.at + 1))


def change_digest(connection: Connection) -> None:
    connection.execute(update(tables.ledger_digest).values(events=tables.ledger_digest.c.events + 1))


def change_correction(connection: Connection) -> None:
    connection.execute(update(tables.ledger_correction).values(digest=b"\1" * 64))


def remove_start(connection: Connection) -> None:
    connection.execute(delete(tables.ledger_start))


@pytest.mark.parametrize(
    "tamper", [tamper_with_base, remove_vote, remove_events, change_time, change_digest, change_correction, remove_start]
)
def test_who_changes_what_is_left_is_noticed(daily: Booth, tamper: Callable[[Connection], None]) -> None:
    daily.cast(ADA, "like", seq=1)
    daily.cast(BEN, "sad", seq=1, now_ms=JANUARY + DAY_MS)
    drop(daily)
    daily.cast(ADA, None, seq=2, now_ms=LATE_JANUARY)
    daily.cast(ADA, "wow", seq=3, now_ms=LATE_JANUARY)
    assert faults(daily) == []

    with writing(daily.engine) as connection:
        tamper(connection)

    assert faults(daily) != []


def test_a_month_is_not_dropped_whose_seal_is_broken(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1)
    sealing.seal(daily.engine, now_ms=LATE_JANUARY)
    with writing(daily.engine) as connection:
        change_time(connection)

    with pytest.raises(MigrationRefused, match="Nothing was dropped"):
        drop(daily)

    assert (events(daily), len(faults(daily))) == (1, 1)


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


def test_an_installation_that_drops_no_month_has_no_start(engine: Engine, database_url: str, postgres: Postgres) -> None:
    make.site(database_url)
    booth(engine).cast(ADA, "like", seq=1)

    with engine.connect() as connection:
        assert ledger.start(connection) is None
        assert partitions.listed(connection) == []
        assert migrations.differences(connection) == []
    assert partitions.keep_ahead(engine, now_ms=NOON_MS) == 0


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
