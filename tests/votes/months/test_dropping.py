"""Old months of the ledger go, and every number stays, whatever is done to votes afterwards."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, Engine, delete, func, select, update

from reactions.newsroom import sites
from reactions.refusals import MigrationRefused
from reactions.storage import migrations, partitions, tables
from reactions.storage.engines import snapshot, writing
from reactions.times import DAY_MS, HOUR_MS
from reactions.votes import (
    forgetting,
    integrity,
    ledger,
    recounting,
    removing,
    retention,
    review,
    revising,
    sealing,
)
from reactions.votes.review import Choice
from tests import make
from tests.boxes import NOON_MS, Booth, booth
from tests.engines import Postgres
from tests.lengths import amount, played_at_length
from tests.make import ADA, BEN, CIA, DEE
from tests.tampering import open_ledger
from tests.votes.months.stage import (
    DECEMBER,
    FEBRUARY,
    JANUARY,
    LATE_JANUARY,
    MARCH,
    NOVEMBER,
    OCTOBER,
    drop,
    editor,
    events,
    faults,
    release_some,
    restless,
    series,
)


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


@played_at_length
@pytest.mark.parametrize("seed", range(amount(2, 6)))
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


def test_what_was_removed_earlier_stays_accounted_for(daily: Booth) -> None:
    """On days that go, and on the first of those that stay: each has one account of what is missing."""
    for at_ms in (DECEMBER - HOUR_MS, DECEMBER):
        for reader, article in ((ADA, "deleted"), (BEN, "stays")):
            daily.cast(reader, "like" if at_ms < DECEMBER else "sad", seq=at_ms, article=article, now_ms=at_ms)
    sealing.seal(daily.engine, now_ms=DECEMBER + 3 * DAY_MS)
    removing.delete_article(editor(daily, now_ms=DECEMBER + 3 * DAY_MS), "deleted")
    assert faults(daily) == []

    assert sum(piece.events for piece in drop(daily, keep=1)) == 1

    assert faults(daily) == []
    with daily.engine.connect() as connection:
        corrected = set(connection.execute(select(tables.ledger_correction.c.day)).scalars())
    assert corrected == {DECEMBER // DAY_MS - 1, DECEMBER // DAY_MS, sealing.DROPPED}


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


def test_an_installation_that_drops_no_month_has_no_start(engine: Engine, database_url: str, postgres: Postgres) -> None:
    make.site(database_url)
    booth(engine).cast(ADA, "like", seq=1)

    with engine.connect() as connection:
        assert ledger.start(connection) is None
        assert partitions.listed(connection) == []
        assert migrations.differences(connection) == []
    assert partitions.keep_ahead(engine, now_ms=NOON_MS) == 0
