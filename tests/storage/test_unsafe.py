"""A PostgreSQL that only reads, or stops waiting for its disk, while the service runs: votes are refused until it is right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from reactions.refusals import Unavailable
from tests import make
from tests.boxes import Booth, booth, prepared
from tests.databases import PostgresDatabases
from tests.engines import Postgres, wait_until


@pytest.fixture
def name(postgres_databases: PostgresDatabases) -> Iterator[str]:
    name = postgres_databases.own()
    yield name
    postgres_databases.server.drop_database(name)


@pytest.fixture
def daily(name: str, postgres_databases: PostgresDatabases) -> Iterator[Booth]:
    url = postgres_databases.server.url(name)
    make.site(url)
    with prepared(url) as engine:
        yield booth(engine)


def reconnect(server: Postgres, name: str) -> None:
    """End the connections, as a failover or a restart does; new ones have the database's new settings."""
    server.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'")


def stored(daily: Booth) -> int:
    with daily.engine.connect() as connection:
        return int(connection.exec_driver_sql("select count(*) from vote").scalar_one())


SETTINGS = ["default_transaction_read_only = on", "synchronous_commit = off"]


@pytest.mark.parametrize("setting", SETTINGS)
def test_votes_are_refused_for_as_long_as_they_could_not_be_kept(
    daily: Booth, name: str, postgres_databases: PostgresDatabases, setting: str
) -> None:
    server = postgres_databases.server
    daily.cast(make.reader(1), "like", seq=1)
    server.execute(f'alter database "{name}" set {setting}')
    reconnect(server, name)

    for seq in (2, 3):
        with pytest.raises(Unavailable):
            daily.cast(make.reader(2), "like", seq=seq)

    server.execute(f'alter database "{name}" reset all')
    wait_until(lambda: accepted(lambda: daily.cast(make.reader(3), "like", seq=4)), why="votes are counted again")
    assert (stored(daily), daily.shown()) == (2, {"like": 2})


def test_a_connection_that_became_read_only_is_given_up_at_once(daily: Booth) -> None:
    """After a failover the old connection leads to a replica, and the next one to the new primary: no vote is refused."""
    daily.cast(make.reader(1), "like", seq=1)
    with daily.engine.connect() as connection:
        connection.exec_driver_sql("set session characteristics as transaction read only")
        connection.commit()

    daily.cast(make.reader(2), "like", seq=1)

    assert daily.shown() == {"like": 2}


@pytest.mark.parametrize("setting", ["synchronous_commit", "fsync"])
def test_a_server_that_stops_waiting_for_its_disk_is_noticed_on_open_connections(setting: str) -> None:
    with started(Postgres(with_settings={setting: None})) as (server, daily):
        daily.cast(make.reader(1), "like", seq=1)
        server.execute(f"alter system set {setting} = off")
        server.execute("select pg_reload_conf()")
        wait_until(lambda: server.execute(f"show {setting}") == [("off",)], why="the server has read its settings")

        # A backend reads the settings between two statements.
        wait_until(lambda: not accepted(lambda: daily.cast(make.reader(2), "like", seq=2)), why="votes are refused")
        with pytest.raises(Unavailable, match=f"{setting} = off"):
            daily.cast(make.reader(2), "like", seq=3)

        server.execute(f"alter system reset {setting}")
        server.execute("select pg_reload_conf()")
        wait_until(lambda: accepted(lambda: daily.cast(make.reader(3), "like", seq=100)), why="votes are counted again")


@contextmanager
def started(server: Postgres) -> Iterator[tuple[Postgres, Booth]]:
    """A server of its own, and a site's votes on it."""
    try:
        server.start()
        url = server.url(PostgresDatabases(server).own())
        make.site(url)
        with prepared(url) as engine:
            yield server, booth(engine)
    finally:
        server.close()


def accepted(cast: Callable[[], object]) -> bool:
    try:
        cast()
    except Unavailable:
        return False
    return True
