"""The ledger becomes partitioned while votes go on, and stays what it was: closed, migrated, backed up. On PostgreSQL.

The file is longer than others because a conversion is tried from all sides.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Engine, create_engine, delete, func, inspect, make_url, select
from sqlalchemy.exc import ProgrammingError

from reactions.refusals import MigrationRefused, Unavailable
from reactions.storage import distribution, engines, migrations, partitions, tables
from reactions.storage.engines import snapshot
from reactions.times import DAY_MS, now_ms
from reactions.votes import forgetting, integrity, months, sealing
from tests import boxes, make
from tests.boxes import Booth, booth, prepared
from tests.databases import PROJECT, product_environment
from tests.engines import Postgres, postgres_sources
from tests.make import ADA, BEN
from tests.storage.test_distribution import _STAND_IN
from tests.web.terminal import Terminal


@pytest.fixture
def kind() -> str:
    """SQLite knows no partitions."""
    return "postgresql"


@pytest.fixture
def daily(own_url: str) -> Iterator[Booth]:
    with prepared(own_url) as engine:
        yield booth(engine)


@pytest.fixture
def terminal(own_url: str, tmp_path: Any) -> Iterator[Terminal]:
    with Terminal(tmp_path, own_url) as opened:
        yield opened


def faults(daily: Booth) -> list[Any]:
    with snapshot(daily.engine) as connection:
        return [*integrity.all_differences(connection), *sealing.differences(connection)]


def names(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return [each.name for each in partitions.listed(connection)]


def constraints(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.exec_driver_sql("SELECT conname FROM pg_constraint WHERE conrelid = 'event'::regclass").scalars())


class Voting:
    """Readers who vote without a pause, in several threads, each time an answer has come."""

    def __init__(self, daily: Booth, *, threads: int = 3) -> None:
        self.daily, self.stop, self.acknowledged, self.failed = daily, threading.Event(), 0, 0
        self._threads = [threading.Thread(target=self._vote, args=(number,)) for number in range(threads)]

    def _vote(self, number: int) -> None:
        turn = 0
        while not self.stop.is_set():
            turn += 1
            try:
                reader = make.reader(number * 1_000_000 + turn)
                self.daily.cast(reader, "like", seq=1, article=f"a{turn % 5}", now_ms=now_ms())
                self.acknowledged += 1
            except Unavailable:
                self.failed += 1

    def __enter__(self) -> Voting:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join()


def test_votes_go_on_while_the_ledger_is_partitioned_and_none_is_lost(daily: Booth) -> None:
    with Voting(daily) as voting:
        while voting.acknowledged < 100:
            time.sleep(0.01)
        assert partitions.partition(daily.engine, now_ms=now_ms()) is True
        before = voting.acknowledged
        while voting.acknowledged < before + 100:
            time.sleep(0.01)

    assert voting.failed == 0
    assert sum(sum(daily.shown(f"a{n}").values()) for n in range(5)) == voting.acknowledged
    assert faults(daily) == []
    with daily.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(tables.event)).scalar_one() == voting.acknowledged
    assert partitions.partition(daily.engine, now_ms=now_ms()) is False


def test_the_command_says_what_it_does(terminal: Terminal, daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1, now_ms=now_ms())
    planned = terminal.do("db", "partition", "--dry-run")
    assert "CREATE UNIQUE INDEX CONCURRENTLY" in planned
    assert names(daily.engine) == []

    said = terminal.do("db", "partition")

    assert said == f"Partitioned: {', '.join(names(daily.engine))}.\n"
    assert names(daily.engine)[-1] == "event_default"
    assert terminal.do("db", "partition").startswith("The ledger is partitioned: event_until_")
    assert terminal.do("db", "partition", "--dry-run") == ""
    assert terminal.do("db", "check") == "The tables are those of this version.\n"
    assert terminal.do("db", "drop-months", "--keep-months", "1") == "No month is old enough.\n"
    assert terminal.do("db", "drop-months", "--keep-months", "1", "--dry-run") == "No month is old enough.\n"
    assert "1 vote recounted, 0 numbers differ." in terminal.do("verify")


def test_on_sqlite_it_says_so(sqlite_files: Any, tmp_path: Any) -> None:
    terminal = Terminal(tmp_path, sqlite_files.copy_to(tmp_path))
    try:
        assert terminal.fail("db", "partition").startswith("Partitions need PostgreSQL: nothing was changed.")
    finally:
        terminal.close()


def test_nobody_changes_an_event_through_a_partition_either(daily: Booth, postgres: Postgres) -> None:
    partitions.partition(daily.engine, now_ms=now_ms())

    with daily.engine.connect() as connection:
        rights = connection.exec_driver_sql(
            "SELECT c.relname, p.privilege_type FROM pg_class AS c, aclexplode(c.relacl) AS p WHERE c.relname LIKE 'event%%' "
            "AND c.relkind IN ('r', 'p') AND p.privilege_type IN ('UPDATE', 'DELETE', 'TRUNCATE')"
        ).all()
        closed = connection.exec_driver_sql(
            "SELECT count(*) FROM pg_class WHERE relname LIKE 'event%%' AND relkind IN ('r', 'p') AND relacl IS NOT NULL"
        ).scalar()
    assert (rights, closed) == ([], len(names(daily.engine)) + 1)


def test_who_votes_as_another_role_goes_on(daily: Booth, own_url: str) -> None:
    with daily.engine.begin() as connection:
        connection.exec_driver_sql("DROP ROLE IF EXISTS voting_only")
        connection.exec_driver_sql("CREATE ROLE voting_only LOGIN")
        connection.exec_driver_sql("GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO voting_only")
        connection.exec_driver_sql("REVOKE UPDATE ON event FROM voting_only")
    partitions.partition(daily.engine, now_ms=now_ms())

    lesser = create_engine(make_url(own_url).set(username="voting_only"))
    engines.prepare(lesser)
    booth(lesser).cast(ADA, "like", seq=1, now_ms=now_ms())
    assert partitions.keep_ahead(lesser, now_ms=now_ms() + 100 * DAY_MS) == 0
    with lesser.begin() as connection, pytest.raises(ProgrammingError, match="permission denied"):
        connection.execute(delete(tables.event))
    boxes.close_all()
    lesser.dispose()
    assert faults(daily) == []
    with daily.engine.begin() as connection:
        connection.exec_driver_sql("DROP OWNED BY voting_only; DROP ROLE voting_only")


def test_a_conversion_that_cannot_have_its_lock_changes_nothing_and_is_run_again(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1, now_ms=now_ms())
    with daily.engine.connect() as reader:
        reader.execute(select(tables.event)).all()  # as an export does, for hours
        with pytest.raises(MigrationRefused, match="Other sessions kept the ledger locked"):
            partitions.partition(daily.engine, now_ms=now_ms(), give_up_s=0)
        daily.cast(BEN, "like", seq=1, now_ms=now_ms())

    assert partitions.partition(daily.engine, now_ms=now_ms()) is True
    assert (daily.shown(), faults(daily)) == ({"like": 2}, [])


@pytest.mark.parametrize("at", ["VALIDATE", "CREATE UNIQUE INDEX", "LOCK TABLE", "CREATE TABLE event_default"])
def test_a_conversion_that_is_killed_is_finished_by_the_next(daily: Booth, own_url: str, at: str) -> None:
    daily.cast(ADA, "like", seq=1, now_ms=now_ms())
    program = (
        "import os, signal, sys\n"
        "from sqlalchemy import create_engine, event\n"
        "from reactions.storage import engines, partitions\n"
        "engine = create_engine(sys.argv[1])\n"
        "engines.prepare(engine)\n"
        "def kill(connection, cursor, statement, *_):\n"
        "    if statement.lstrip().upper().startswith(sys.argv[2].upper()) or sys.argv[2] in statement[:60]:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "event.listen(engine, 'after_cursor_execute', kill)\n"
        "partitions.partition(engine, now_ms=int(sys.argv[3]))\n"
    )
    environ = product_environment() | {"PYTHONPATH": str(PROJECT)}
    run = subprocess.run([sys.executable, "-c", program, own_url, at, str(now_ms())], env=environ, cwd=PROJECT, check=False)
    assert run.returncode == -signal.SIGKILL
    daily.cast(BEN, "like", seq=1, now_ms=now_ms())

    assert partitions.partition(daily.engine, now_ms=now_ms()) is True

    assert (daily.shown(), faults(daily)) == ({"like": 2}, [])
    assert constraints(daily.engine).count("pk_event") == 1


def test_a_conversion_that_was_killed_and_forgotten_refuses_no_vote_later(daily: Booth) -> None:
    until_ms = partitions.month_of(now_ms(), later=1)
    with daily.engine.begin() as connection:
        connection.exec_driver_sql(partitions._add_check(until_ms))

    partitions.keep_ahead(daily.engine, now_ms=until_ms - 20 * DAY_MS)
    assert "ck_event_until" in constraints(daily.engine)
    partitions.keep_ahead(daily.engine, now_ms=until_ms - 5 * DAY_MS)

    assert "ck_event_until" not in constraints(daily.engine)
    daily.cast(ADA, "like", seq=1, now_ms=until_ms + DAY_MS)


def test_partitions_of_coming_months_are_made_once_and_take_their_events_from_the_default_one(daily: Booth) -> None:
    now = now_ms()
    partitions.partition(daily.engine, now_ms=now)
    ahead = partitions.month_of(now, later=5)
    daily.cast(ADA, "like", seq=1, now_ms=ahead + 5)
    daily.cast(BEN, "like", seq=1, now_ms=now)
    before = names(daily.engine)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: partitions.keep_ahead(daily.engine, now_ms=ahead), range(3)))
    partitions.keep_ahead(daily.engine, now_ms=ahead)

    assert len(names(daily.engine)) == len(set(names(daily.engine))) > len(before)
    with daily.engine.connect() as connection:
        count = "SELECT count(*) FROM event_default"
        assert connection.exec_driver_sql(count).scalar_one() == 0
        month = f"event_{partitions.name_of(ahead).replace('-', '_')}"
        assert connection.exec_driver_sql(f"SELECT count(*) FROM {month}").scalar_one() == 1
    assert (daily.shown(), faults(daily)) == ({"like": 2}, [])


def test_a_ledger_with_an_event_of_another_age_is_not_partitioned(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1, now_ms=now_ms() + 500 * DAY_MS)

    with pytest.raises(MigrationRefused, match="a clock was wrong"):
        partitions.partition(daily.engine, now_ms=now_ms())


def test_later_migrations_work_on_a_partitioned_ledger(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1, now_ms=now_ms())
    partitions.partition(daily.engine, now_ms=now_ms())

    with daily.engine.connect() as connection:
        assert migrations.differences(connection) == []
    migrations.downgrade(daily.engine, "base")
    assert set(inspect(daily.engine).get_table_names()) <= {"alembic_version"}
    migrations.upgrade(daily.engine)
    assert set(inspect(daily.engine).get_table_names()) == {*tables.metadata.tables, "alembic_version"}


def test_an_index_is_built_on_each_partition(daily: Booth) -> None:
    partitions.partition(daily.engine, now_ms=now_ms())
    with daily.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"transaction_per_migration": True})
        with context.begin_transaction(_per_migration=True):
            migrations.create_index(Operations(context), "ix_event_cause", "event", ["cause"])
        valid = connection.exec_driver_sql(
            "SELECT indrelid::regclass::text FROM pg_index WHERE indisvalid AND pg_get_indexdef(indexrelid) LIKE '%%(cause)'"
        )
        assert sorted(valid.scalars()) == sorted(["event", *names(daily.engine)])


def test_a_dump_brings_the_partitions_back(daily: Booth, own_url: str, postgres: Postgres, tmp_path: Any) -> None:
    daily.cast(ADA, "like", seq=1, now_ms=now_ms())
    partitions.partition(daily.engine, now_ms=now_ms())
    tool = next((folder / "pg_dump" for folder in postgres_sources() if (folder / "pg_dump").exists()), None)
    if tool is None:
        pytest.skip("no pg_dump here")
    libpq = own_url.replace("+psycopg", "")
    file = tmp_path / "reactions.dump"
    subprocess.run([tool, "--format=custom", f"--file={file}", libpq], check=True)
    restored_url = postgres.create_database("restored_months")
    subprocess.run([tool.with_name("pg_restore"), f"--dbname={restored_url.replace('+psycopg', '')}", file], check=True)

    restored = create_engine(restored_url)
    engines.prepare(restored)
    again = booth(restored)
    again.cast(BEN, "like", seq=1, now_ms=now_ms())
    assert (again.shown(), faults(again), names(restored)) == ({"like": 2}, [], names(daily.engine))
    boxes.close_all()
    restored.dispose()


def test_a_partitioned_ledger_is_distributed_and_a_distributed_one_is_not_partitioned(daily: Booth) -> None:
    partitions.partition(daily.engine, now_ms=now_ms())
    with daily.engine.begin() as connection:
        connection.exec_driver_sql(_STAND_IN.replace("%", "%%"))
    assert distribution.distribute(daily.engine) == len(tables.metadata.tables)


def test_a_distributed_ledger_is_not_partitioned(daily: Booth) -> None:
    with daily.engine.begin() as connection:
        connection.exec_driver_sql(_STAND_IN.replace("%", "%%"))
    distribution.distribute(daily.engine)

    with pytest.raises(MigrationRefused, match="Partition first, then distribute"):
        partitions.partition(daily.engine, now_ms=now_ms())


def test_a_drop_waits_for_an_export_and_no_vote_waits_for_the_drop(daily: Booth) -> None:
    old = partitions.month_of(now_ms(), later=-3)
    partitions.partition(daily.engine, now_ms=old - 40 * DAY_MS)
    partitions.keep_ahead(daily.engine, now_ms=old)
    partitions.keep_ahead(daily.engine, now_ms=now_ms())
    daily.cast(ADA, "like", seq=1, now_ms=old + DAY_MS)
    went: list[months.Dropped] = []
    drop = months.drop(daily.engine, daily.box, keep_months=1, now_ms=now_ms)
    dropping = threading.Thread(target=lambda: went.extend(drop))

    with snapshot(daily.engine) as reader:
        reader.execute(select(tables.event)).all()
        dropping.start()
        with Voting(daily) as voting:
            dropping.join(timeout=3)
        assert dropping.is_alive()
    dropping.join()

    assert (voting.failed, voting.acknowledged > 0) == (0, True)
    assert sum(each.events for each in went) == 1
    assert faults(daily) == []


def test_a_reader_is_forgotten_in_a_partitioned_ledger(daily: Booth) -> None:
    partitions.partition(daily.engine, now_ms=now_ms())
    daily.cast(ADA, "like", seq=1, now_ms=now_ms())
    daily.cast(ADA, "sad", seq=2, now_ms=partitions.month_of(now_ms(), later=1) + DAY_MS)

    count = forgetting.forget(daily.engine, daily.box, daily.site, reader=bytes.fromhex(ADA), key=b"k" * 32, now_ms=now_ms())

    assert (count, daily.shown(), faults(daily)) == (1, {"sad": 1}, [])
