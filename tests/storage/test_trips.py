"""What a batch says to PostgreSQL: in how few trips, and with what the connection remembers of the trips before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, create_engine, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from reactions import settings
from reactions.newsroom import article_keys, articles
from reactions.storage import connecting, engines, statements, tables
from reactions.storage.engines import writing
from reactions.storage.statements import ManyRows
from reactions.storage.trips import Trip
from reactions.times import HOUR_MS, now_ms
from reactions.votes import revising, rules
from reactions.votes.revising import Editor
from tests import boxes, make
from tests.boxes import NOON_MS, Booth, booth
from tests.databases import PostgresDatabases
from tests.engines import Postgres
from tests.make import ADA, BEN, CIA

pytestmark = [pytest.mark.parametrize("engine_kind", ["postgresql"], indirect=True), pytest.mark.usefixtures("engine_kind")]
PLAIN = ManyRows(tables.tally, ["article_id", "reaction", "n"])


@pytest.fixture
def daily(engine: Engine, database_url: str) -> Booth:
    make.site(database_url)
    return booth(engine)


@pytest.fixture
def altered(postgres_databases: PostgresDatabases) -> Iterator[Booth]:
    """The same on a database of its own, whose tables a test may alter: the other one is used again."""
    name = postgres_databases.own()
    url = postgres_databases.server.url(name)
    make.site(url)
    engine = create_engine(url, connect_args={"prepare_threshold": None})
    engines.prepare(engine)
    yield booth(engine)
    boxes.close_all()
    engine.dispose()
    postgres_databases.server.drop_database(name)


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bool]]:
    """How many statements each trip took along from now on, and whether it ended with COMMIT."""
    taken: list[tuple[int, bool]] = []
    go = Trip.go

    def note(trip: Trip) -> None:
        taken.append((len(trip._statements), trip._commits))
        go(trip)

    monkeypatch.setattr(Trip, "go", note)
    return taken


def cursors(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The statements that psycopg is given outside of trips, from now on."""
    seen: list[object] = []
    execute = psycopg.Cursor.execute
    monkeypatch.setattr(
        psycopg.Cursor, "execute", lambda self, said, *rest, **how: seen.append(said) or execute(self, said, *rest, **how)
    )
    return seen


def cast_many(daily: Booth, seq: int, reaction: str | None = "like", readers: int = 9) -> None:
    answers = daily.box.count(
        [daily.ballot(make.reader(n), reaction, seq=seq, article=f"{n % 3}", now_ms=now_ms()) for n in range(readers)]
    )
    assert [answer for answer in answers if isinstance(answer, Exception)] == []


def prepared(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("select count(*) from pg_prepared_statements")).scalar_one())


def test_a_batch_is_counted_in_three_trips_and_commits_on_the_last(
    daily: Booth, trips: list[tuple[int, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    cast_many(daily, 1)
    trips.clear()
    others = cursors(monkeypatch)

    cast_many(daily, 2, "love")

    # The lock and the articles; votes; events, hours, tallies, counts, and the likes that fall.
    assert trips == [(2, False), (1, False), (4 + 3, True)]
    assert others == []
    assert daily.counts("0")[0].by_reaction["love"] == 3


def test_counts_are_read_in_one_trip_which_is_a_transaction(
    daily: Booth, trips: list[tuple[int, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    cast_many(daily, 1)
    trips.clear()
    others = cursors(monkeypatch)

    assert [sum(counts.by_reaction.values()) for counts in daily.counts("0", "1", "2")] == [3, 3, 3]

    assert trips == [(2, True)]
    assert others == []
    with daily.engine.connect() as connection:
        assert connection.connection.driver_connection.info.transaction_status == TransactionStatus.IDLE


def test_counts_of_articles_under_other_keys_are_read_too(daily: Booth) -> None:
    cast_many(daily, 1)
    with writing(daily.engine) as connection:
        articles.add_aliases(connection, daily.site, {"other": article_keys.id_of("daily", "0")})
    revising.merge(Editor(daily.engine, daily.box, daily.site, by="a test", now_ms=now_ms()), "1", into="2")

    for asked, likes in {"other": 3, "0": 3, "1": 6, "2": 6}.items():
        assert [(counts.article, counts.by_reaction["like"]) for counts in daily.counts(asked)] == [(asked, likes)]
    assert [counts.by_reaction["like"] for counts in daily.counts("other", "0", "1", "2")] == [3, 3, 6, 6]


def test_behind_a_pooler_counts_are_read_after_the_time_outs_are_said(
    daily: Booth, database_url: str, trips: list[tuple[int, bool]]
) -> None:
    """A transaction that PostgreSQL makes of a trip by itself has no beginning at which to say them."""
    said: list[str] = []
    engine = create_engine(database_url, execution_options={connecting.AT_BEGIN: "SET LOCAL statement_timeout = 7777"})
    engines.prepare(engine)
    with engine.connect() as connection:
        rules.counts_of(connection, daily.site, [article_keys.article_key("daily", "0")], now_ms=NOON_MS)
        said += connection.exec_driver_sql("SHOW statement_timeout").scalars()
    engine.dispose()

    assert (said, trips) == (["7777ms"], [])


def test_counts_that_are_read_within_a_transaction_do_not_end_it(daily: Booth) -> None:
    with daily.engine.connect() as connection:
        with connection.begin() as transaction:
            PLAIN.execute(connection, [(1, "like", 5)])
            rules.counts_of(connection, daily.site, [article_keys.article_key("daily", "0")], now_ms=NOON_MS)
            transaction.rollback()
        assert connection.execute(select(tables.tally.c.n)).all() == []


@pytest.mark.parametrize("readers", [1, 9, 200])
def test_a_connection_prepares_a_statement_once_for_any_number_of_rows(daily: Booth, readers: int) -> None:
    cast_many(daily, 1)
    cast_many(daily, 2, None)
    before = prepared(daily.engine)

    for seq in range(3, 9):
        cast_many(daily, seq, [None, "like"][seq % 2], readers + seq)

    assert prepared(daily.engine) == before == 8


@pytest.mark.parametrize("asked", ["", "?prepare_threshold=2"])
def test_only_the_ballot_box_prepares_for_itself(database_url: str, asked: str) -> None:
    """Where psycopg prepares, it has the server forget all after a rollback, which every read ends with."""
    chosen = settings.load({}, database_url=database_url.replace("?", f"{asked}&" if asked else "?"), secret=make.SECRET)
    may = []
    for options in (connecting.options_of_the_ballot_box(chosen), connecting.options(chosen)):
        engine = create_engine(chosen.engine_url, **options)
        engines.prepare(engine)
        with engine.connect() as connection:
            may.append(connection.info[engines.MAY_PREPARE])
        engine.dispose()

    assert may == [True, False]


def test_a_server_that_has_forgotten_what_was_prepared_costs_no_vote(daily: Booth) -> None:
    cast_many(daily, 1)
    with daily.engine.connect() as connection:
        connection.exec_driver_sql("DEALLOCATE ALL")

    cast_many(daily, 2, "love")

    assert daily.shown("0") == {"love": 3}
    assert daily.differences() == []


def test_tables_that_are_altered_under_a_running_service_cost_no_vote(altered: Booth) -> None:
    cast_many(altered, 1)
    with psycopg.connect(str(altered.engine.url.set(drivername="postgresql").render_as_string(False))) as other:
        other.execute("alter table article alter column section type text")

    cast_many(altered, 2, "love")

    assert altered.shown("0") == {"love": 3}


def test_what_postgresql_does_not_do_is_no_lost_connection_where_nothing_is_prepared(engine: Engine) -> None:
    """It says that with the same code as of a prepared statement that it cannot run any more."""
    with pytest.raises(DBAPIError) as caught, engine.connect() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM tally FOR UPDATE")

    assert getattr(caught.value.orig, "sqlstate", None) == "0A000"
    assert not caught.value.connection_invalidated


def test_after_a_failure_what_was_prepared_before_is_still_used_and_nothing_is_left_behind(engine: Engine) -> None:
    def write_twice(article_id: int) -> None:
        with writing(engine) as connection, statements.in_one_trip(connection):
            PLAIN.execute(connection, [(article_id, "like", 5)])
            PLAIN.execute(connection, [(article_id, "like", 5)])

    for article_id in range(5):
        with pytest.raises(IntegrityError):
            write_twice(article_id)

    with writing(engine) as connection:
        with statements.in_one_trip(connection):
            PLAIN.execute(connection, [(9, "like", 5)])
        stored = connection.execute(select(tables.tally.c.article_id)).scalars().all()

    assert stored == [9]
    assert prepared(engine) == 1


def test_a_batch_that_fails_on_its_way_to_commit_leaves_nothing(altered: Booth) -> None:
    cast_many(altered, 1)
    with altered.engine.begin() as connection:  # the hours of this batch are refused, after its votes and events were taken
        connection.exec_driver_sql("ALTER TABLE hourly ADD CONSTRAINT none CHECK (added < 4) NOT VALID")

    answers = altered.box.count([altered.ballot(make.reader(n), "like", seq=9, article="0", now_ms=now_ms()) for n in (50, 51)])

    assert [type(answer).__name__ for answer in answers] == ["IntegrityError"] * 2
    assert altered.shown("0") == {"like": 3}
    with altered.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE hourly DROP CONSTRAINT none")
    assert altered.differences() == []


def test_what_has_to_be_noted_is_noted_before_the_vote_is_durable(daily: Booth, trips: list[tuple[int, bool]]) -> None:
    """Others would go on with sums of closed hours, and without a new article, if the process ended between COMMIT and note."""
    cast_many(daily, 1)
    trips.clear()

    daily.cast(ADA, "like", seq=2, article="0", now_ms=NOON_MS + HOUR_MS)  # long past
    daily.cast(BEN, "like", seq=2, article="new", now_ms=now_ms())

    assert [commits for _, commits in trips] == [False] * 6
    daily.cast(CIA, "like", seq=2, article="new", now_ms=now_ms())
    assert [commits for _, commits in trips[6:]] == [False, False, True]


def test_texts_are_the_same_in_a_database_of_another_encoding(postgres: Postgres) -> None:
    postgres.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    chosen = settings.load({}, database_url=postgres.url("latin"), secret=make.SECRET)
    engine = create_engine(chosen.engine_url, **connecting.options_of_the_ballot_box(chosen))
    engines.prepare(engine)
    with writing(engine) as connection:
        with statements.in_one_trip(connection):
            answer = statements.begin(connection, "SELECT %s::text, octet_length(%s::text)", ["ü", "ü"])
        rows = answer()
    engine.dispose()
    postgres.drop_database("latin")

    assert rows == [("ü", 1)]  # one letter there, and the same one back


def test_a_failure_is_told_even_if_the_connection_is_lost_after_it(engine: Engine) -> None:
    """As with a full disk, which ends the server: the reader is told of the disk and not of the connection."""

    def fill() -> None:
        with writing(engine) as connection, statements.in_one_trip(connection):
            statements.begin(connection, "SELECT 1 / 0")
            connection.info["trip"]._receive = lost_after(3, connection.info["trip"]._receive)

    with pytest.raises(DBAPIError, match="division by zero") as caught:
        fill()

    assert caught.value.connection_invalidated


def lost_after(answers: int, receive: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Receive so many answers, then no more."""
    left = iter(range(answers))

    def receive_some(pgconn: Any) -> Any:
        if next(left, None) is None:
            raise psycopg.OperationalError("the connection is lost")
        return receive(pgconn)

    return receive_some


def test_rows_that_are_asked_for_before_their_trip_are_a_fault(engine: Engine) -> None:
    with writing(engine) as connection, statements.in_one_trip(connection):
        answer = statements.begin(connection, "SELECT 1")
        with pytest.raises(AssertionError, match="before the trip"):
            answer()


def test_a_trip_without_statements_is_none(engine: Engine) -> None:
    with writing(engine) as connection:
        with statements.in_one_trip(connection):
            pass
        assert connection.execute(select(1)).scalar_one() == 1
