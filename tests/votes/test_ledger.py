"""The ledger is closed: the database refuses to change it, and what changes it all the same is reported. On both engines."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, delete, select, update
from sqlalchemy.exc import SQLAlchemyError

from reactions.storage import tables
from reactions.storage.engines import snapshot, writing
from reactions.times import DAY_MS, HOUR_MS
from reactions.votes import ledger, sealing
from reactions.votes.sealing import SealBroken
from tests import make
from tests.boxes import NOON_MS, Booth, booth
from tests.make import ADA, BEN

DAY = NOON_MS // DAY_MS
_e = tables.event.c


@pytest.fixture
def daily(engine: Engine, database_url: str) -> Booth:
    make.site(database_url)
    made = booth(engine)
    made.cast(ADA, "like", seq=1)
    made.cast(BEN, "love", seq=1)
    made.cast(BEN, "wow", seq=2, now_ms=NOON_MS + DAY_MS)
    return made


def sealed(daily: Booth, *, days_later: int = 2) -> tuple[int, str]:
    return sealing.seal(daily.engine, now_ms=NOON_MS + days_later * DAY_MS)


def broken(daily: Booth) -> list[SealBroken]:
    with snapshot(daily.engine) as connection:
        return sealing.differences(connection)


def behind_our_back(daily: Booth, statement: object) -> None:
    """Change the ledger as somebody with all rights to the database can."""
    with writing(daily.engine) as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("INSERT INTO ledger_procedure VALUES ('x', 'tamper', 0, 0, 1)")
        connection.execute(statement)  # type: ignore[call-overload]
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("DELETE FROM ledger_procedure WHERE id = 'x'")


@pytest.mark.parametrize("statement", [delete(tables.event), update(tables.event).values(to_reaction="sad")])
def test_the_database_refuses_to_change_an_event(daily: Booth, statement: object) -> None:
    with writing(daily.engine) as connection:
        owner = _owner(connection) if connection.dialect.name == "postgresql" else None

    def change() -> None:
        with writing(daily.engine) as connection:
            if owner:
                connection.exec_driver_sql(f"SET LOCAL ROLE {owner}")
            connection.execute(statement)  # type: ignore[call-overload]

    with pytest.raises(SQLAlchemyError, match=r"closed|permission denied"):
        change()
    assert daily.differences() == []


def _owner(connection: object) -> str:
    """A role without superuser's rights that owns the ledger, as production has one."""
    run = connection.exec_driver_sql  # type: ignore[attr-defined]
    run("DO $$ BEGIN CREATE ROLE ledger_owner; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    run("ALTER TABLE event OWNER TO ledger_owner")
    return "ledger_owner"


def test_every_day_that_is_over_is_sealed_once(daily: Booth) -> None:
    first = sealed(daily, days_later=1)
    second = sealed(daily)

    assert (first[0], second[0], sealed(daily)) == (1, 1, (0, second[1]))
    assert first[1] != second[1]
    assert broken(daily) == []


def test_a_day_is_sealed_when_it_has_been_over_for_an_hour(daily: Booth) -> None:
    """A ballot is counted some seconds after the time that it bears."""
    an_hour_later = (DAY + 1) * DAY_MS + HOUR_MS

    assert sealing.seal(daily.engine, now_ms=an_hour_later - 1)[0] == 0
    assert sealing.seal(daily.engine, now_ms=an_hour_later)[0] == 1


def test_what_is_removed_of_a_day_before_it_is_sealed_is_missed_by_nobody(daily: Booth) -> None:
    sealed(daily, days_later=1)
    with daily.engine.connect() as connection:
        voters = [(a, bytes(v)) for a, v in connection.execute(select(_e.article_id, _e.voter).where(_e.seq == 2))]
    with writing(daily.engine) as connection:
        ledger.strike_out_voters(connection, voters, what="test", at_ms=NOON_MS)
    daily.cast(make.CIA, "like", seq=1, now_ms=NOON_MS + DAY_MS)

    assert broken(daily) == []
    assert sealed(daily)[0] == 1
    assert broken(daily) == []


@pytest.mark.parametrize(
    "statement",
    [
        update(tables.event).where(_e.seq == 2).values(at=_e.at + 1),
        update(tables.event).where(_e.to_reaction == "like").values(to_reaction="sad"),
        delete(tables.event).where(_e.to_reaction == "like"),
        update(tables.ledger_digest).where(tables.ledger_digest.c.day == DAY).values(events=7),
        delete(tables.ledger_digest).where(tables.ledger_digest.c.day == DAY),
    ],
)
def test_one_row_changed_behind_our_back_is_reported(daily: Booth, statement: object) -> None:
    sealed(daily)

    behind_our_back(daily, statement)

    assert broken(daily) != []


def test_an_event_that_was_slipped_in_is_reported(daily: Booth) -> None:
    sealed(daily)

    with writing(daily.engine) as connection:
        ledger.append(connection, [ledger.Event(1, b"x" * 16, 1, None, "like", "vote", NOON_MS)])

    assert [(seal.day, seal.sealed, seal.found) for seal in broken(daily)] == [(DAY, 2, 3)]


def test_a_day_that_had_no_event_when_others_were_sealed_has_none(daily: Booth) -> None:
    sealed(daily)

    with writing(daily.engine) as connection:
        ledger.append(connection, [ledger.Event(1, b"x" * 16, 1, None, "like", "vote", NOON_MS - DAY_MS)])

    assert [(seal.day, seal.sealed, seal.found) for seal in broken(daily)] == [(DAY - 1, 0, 1)]


def test_a_chain_value_that_was_changed_is_reported_though_all_events_are_there(daily: Booth) -> None:
    sealed(daily)
    behind_our_back(daily, update(tables.ledger_digest).where(tables.ledger_digest.c.day == DAY).values(chain=b"x" * 64))

    assert [(seal.day, seal.chained) for seal in broken(daily)] == [(DAY, False), (DAY + 1, False)]


def test_days_begin_and_end_at_midnight(daily: Booth) -> None:
    for reader, at_ms in ((make.CIA, (DAY + 1) * DAY_MS - 1), (make.DEE, (DAY + 1) * DAY_MS)):
        daily.cast(reader, "like", seq=1, now_ms=at_ms)

    assert (sealed(daily, days_later=1)[0], sealed(daily)[0]) == (1, 1)

    d = tables.ledger_digest.c
    with daily.engine.connect() as connection:
        assert connection.execute(select(d.day, d.events).order_by(d.day)).all() == [(DAY, 3), (DAY + 1, 2)]
    assert broken(daily) == []


def test_a_named_procedure_leaves_every_seal_whole_and_is_on_record(daily: Booth) -> None:
    sealed(daily)
    with daily.engine.connect() as connection:
        voters = [(a, bytes(v)) for a, v in connection.execute(select(_e.article_id, _e.voter).where(_e.seq == 2))]

    with writing(daily.engine) as connection:
        ledger.strike_out_voters(connection, voters, what="test", at_ms=NOON_MS)

    assert broken(daily) == []
    with daily.engine.connect() as connection:
        p = tables.ledger_procedure.c
        assert [tuple(row) for row in connection.execute(select(p.what, p.events, p.open))] == [("test", 2, False)]
