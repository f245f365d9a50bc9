"""What a connection to PostgreSQL has prepared for later trips, and what becomes of it when something fails."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from reactions import settings
from reactions.storage import connecting, engines, statements, tables
from reactions.storage.engines import writing
from reactions.storage.statements import ManyRows
from tests import boxes, make
from tests.boxes import Booth, booth
from tests.databases import PostgresDatabases
from tests.lengths import only_postgresql

pytestmark = [only_postgresql, pytest.mark.usefixtures("engine_kind")]
PLAIN = ManyRows(tables.tally, ["article_id", "reaction", "n"])


@pytest.fixture
def altered(postgres_databases: PostgresDatabases) -> Iterator[Booth]:
    """The same on a database of its own, whose tables a test may alter: the other one is used again."""
    name = postgres_databases.own()
    url = postgres_databases.server.url(name)
    make.site(url)
    with boxes.prepared(url) as engine:
        yield booth(engine)
    postgres_databases.server.drop_database(name)


def prepared(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("select count(*) from pg_prepared_statements")).scalar_one())


@pytest.mark.parametrize("readers", [1, 9, 200])
def test_a_connection_prepares_a_statement_once_for_any_number_of_rows(daily: Booth, readers: int) -> None:
    daily.cast_many(1)
    daily.cast_many(2, None)
    before = prepared(daily.engine)

    for seq in range(3, 9):
        daily.cast_many(seq, [None, "like"][seq % 2], readers + seq)

    assert prepared(daily.engine) == before == 8 + 5  # an article's first vote asks more


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
    daily.cast_many(1)
    with daily.engine.connect() as connection:
        connection.exec_driver_sql("DEALLOCATE ALL")

    daily.cast_many(2, "love")

    assert daily.shown("0") == {"love": 3}
    assert daily.differences() == []


def test_tables_that_are_altered_under_a_running_service_cost_no_vote(altered: Booth) -> None:
    altered.cast_many(1)
    with psycopg.connect(str(altered.engine.url.set(drivername="postgresql").render_as_string(False))) as other:
        other.execute("alter table article alter column section type text")

    altered.cast_many(2, "love")

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
