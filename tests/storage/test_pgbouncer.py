"""PgBouncer in transaction mode gives each transaction another connection: votes, exports and migrations work."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, make_url, text

from reactions import settings
from reactions.refusals import Unavailable
from reactions.storage import connecting, engines, migrations
from tests import make, oracles
from tests.databases import PROJECT, PostgresDatabases, product_environment
from tests.engines import Postgres, free_port
from tests.faults.client import Load, first_vote
from tests.faults.crashes import more_acknowledged
from tests.faults.stage import UNLIMITED, served_counts
from tests.service import running_service
from tests.storage.pgbouncer import PgBouncer, binaries
from tests.web.terminal import Terminal

VOTES = int(os.environ.get("ENGINE_VOTES", "1000"))
POOLED = {"database_through_pgbouncer": True}


@pytest.fixture(scope="module")
def pooler(postgres_databases: PostgresDatabases) -> Iterator[PgBouncer]:
    found = binaries()
    if found is None:
        pytest.skip("PgBouncer is not installed (Debian: apt-get install pgbouncer)")
    pooler = PgBouncer(found, postgres_databases.server)
    try:
        pooler.start()
        yield pooler
    finally:
        pooler.close()


@pytest.fixture
def pooled_url(pooler: PgBouncer, postgres_databases: PostgresDatabases) -> Iterator[str]:
    name = postgres_databases.own()
    make.site(postgres_databases.server.url(name))
    yield pooler.url(name)
    postgres_databases.server.drop_database(name)


def test_no_vote_of_many_fails(pooled_url: str, postgres: Postgres) -> None:
    with running_service(pooled_url, settings={**UNLIMITED, **POOLED, "counts_memory_s": 0}) as service:
        with Load([service], first_vote, clients=16, seed=7) as load:
            more_acknowledged(load, VOTES)
        held = oracles.stored(postgres.url(str(make_url(pooled_url).database)))
        answers = served_counts(service, {attempt.article for attempt in load.log})

    assert [attempt for attempt in load.log if not attempt.acknowledged] == []
    assert [finding for finding in [*oracles.judge(load.log, held), oracles.served(answers, held)] if finding.figure] == []


def test_time_outs_are_said_in_each_transaction_and_left_to_nobody(pooled_url: str) -> None:
    chosen = settings.load({}, database_url=pooled_url, secret=make.SECRET, **POOLED)
    engine = create_engine(pooled_url, **{**connecting.options(chosen), "pool_size": 1})
    engines.prepare(engine)
    with closing(psycopg.connect(pooled_url.replace("+psycopg", ""), autocommit=True, prepare_threshold=None)) as other:
        for _ in range(20):  # more than the pooler has connections
            with engine.begin() as connection:
                assert not connection.info[engines.MAY_PREPARE]
                assert connection.execute(text("show statement_timeout")).scalar() == "30s"
                assert connection.execute(text("show lock_timeout")).scalar() == "1s"
            assert other.execute("show statement_timeout").fetchone() == ("0",)
    engine.dispose()


def test_a_statement_that_was_run_often_runs_in_another_connection_too(pooled_url: str) -> None:
    chosen = settings.load({}, database_url=pooled_url, secret=make.SECRET, **POOLED)
    engine = create_engine(pooled_url, **connecting.options(chosen))
    engines.prepare(engine)
    asked = text("select key from site where id >= :least")
    with engine.connect() as mine, closing(psycopg.connect(pooled_url.replace("+psycopg", ""), prepare_threshold=None)) as other:
        for _ in range(10):  # psycopg prepares what it has run five times
            mine.execute(asked, {"least": 0}).all()
            mine.commit()  # a rollback would make psycopg forget its statements
        other.execute("select 1")  # takes the connection that was last given back, and keeps it

        assert mine.execute(asked, {"least": 0}).scalars().all() == ["daily"]
    engine.dispose()


def test_tables_are_migrated(pooler: PgBouncer, postgres_databases: PostgresDatabases) -> None:
    name = postgres_databases.bare()
    url = pooler.url(name)
    chosen = settings.load({}, database_url=url, secret=make.SECRET, **POOLED)
    engine = create_engine(url, **connecting.options(chosen))
    engines.prepare(engine)
    try:
        assert migrations.upgrade(engine)
        with engine.connect() as connection:
            assert migrations.differences(connection) == []
            assert not migrations.behind(connection)
    finally:
        engine.dispose()
        postgres_databases.server.drop_database(name)


@pytest.mark.parametrize("command", [("verify",), ("site", "list"), ("export", "daily", "votes", "--output", "{folder}")])
def test_commands_work(command: tuple[str, ...], pooled_url: str, tmp_path: Path) -> None:
    with Terminal(tmp_path, pooled_url) as terminal:
        said = terminal.type(*(part.format(folder=tmp_path) for part in command), limiter_url="memory://", **POOLED)

    assert said.code == 0, said.err


@pytest.mark.parametrize("command", ["serve", "verify"])
def test_a_pooler_that_no_setting_names_is_one_line_at_the_start(command: str, pooled_url: str) -> None:
    done = run(command, database_url=pooled_url, bind=f"127.0.0.1:{free_port()}")

    assert done.returncode == {"serve": 1, "verify": 3}[command]  # 1 would be a difference
    assert len(done.stderr.strip().splitlines()) == 1
    assert "database_through_pgbouncer = true" in done.stderr


def test_a_pooler_that_lets_start_up_options_pass_is_noticed_as_well(postgres_databases: PostgresDatabases) -> None:
    found = binaries()
    if found is None:
        pytest.skip("PgBouncer is not installed")
    lenient = PgBouncer(found, postgres_databases.server, more="ignore_startup_parameters = options")
    try:
        lenient.start()
        chosen = settings.load({}, database_url=lenient.url("postgres"), secret=make.SECRET)
        engine = create_engine(chosen.database_url, **connecting.options(chosen))
        engines.prepare(engine)
        with pytest.raises(Unavailable, match="database_through_pgbouncer = true"), engine.connect():
            pass
        engine.dispose()
    finally:
        lenient.close()


def run(*command: str, **chosen: object) -> subprocess.CompletedProcess[str]:
    environ = product_environment(secret=make.SECRET, limiter_url="memory://", **chosen)
    return subprocess.run(
        [sys.executable, "-m", "reactions", *command], cwd=PROJECT, env=environ, capture_output=True, text=True, timeout=60
    )
