"""Fresh, migrated databases, cheaply: the migrations run once, then every test gets a copy of what they made."""

from __future__ import annotations

import itertools
import os
import shutil
from pathlib import Path

from sqlalchemy import Engine, StaticPool, create_engine, make_url
from sqlalchemy.exc import OperationalError

from reactions.storage import distribution, engines, migrations, tables
from tests.engines import Postgres

PROJECT = Path(__file__).parent.parent

lasting: dict[str, Engine] = {}  # by URL, for what tests prepare: what outlives a test has looked the tables up already


def product_environment(**settings: object) -> dict[str, str]:
    """This environment without its REACTIONS_* variables, plus these settings in their place. Its coverage is not measured.

    Bytecode is kept, whatever the environment says: hundreds of processes start, and a third of that would be compiling.
    """
    left_out = ("REACTIONS_", "COVERAGE_", "PYTHONDONTWRITEBYTECODE")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    given = {f"REACTIONS_{name.upper()}": str(value) for name, value in settings.items()}
    bytecode = str(PROJECT / ".pytest_cache" / "bytecode")
    return {**inherited, "PYTHONUNBUFFERED": "1", "PYTHONPYCACHEPREFIX": bytecode, **given}


def migrate(database_url: str) -> None:
    """Bring a database up to date with the product's migrations."""
    engine = create_engine(database_url)
    engines.prepare(engine)
    try:
        migrations.upgrade(engine)
    finally:
        engine.dispose()


class SqliteFiles:
    """Migrated SQLite files."""

    def __init__(self, folder: Path) -> None:
        self._template = folder / "template.db"

    def copy_to(self, folder: Path) -> str:
        """Put a migrated file into the folder and return its URL."""
        if not self._template.exists():
            migrate(f"sqlite:///{self._template}")
        copy = folder / "reactions.db"
        shutil.copyfile(self._template, copy)
        return f"sqlite:///{copy}"


class PostgresDatabases:
    """Migrated databases of one PostgreSQL server."""

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self._numbers = itertools.count()
        self._emptied: _Emptied | None = None
        self._revision = ""

    def bare(self) -> str:
        """A database of its own without any table; its name."""
        name = f"bare_{next(self._numbers)}"
        self.server.create_database(name)
        return name

    def own(self) -> str:
        """A migrated database of its own; its name."""
        if not self._revision:
            migrate(self.server.create_database("migrated"))
            ((self._revision,),) = self.server.execute("select version_num from alembic_version", database="migrated")
        name = f"own_{next(self._numbers)}"
        self.server.create_database(name, template="migrated")
        return name

    def emptied(self) -> str:
        """A migrated database without rows: always the same one, because emptying costs a tenth of making one; its name."""
        if self._emptied is None:
            self._emptied = _Emptied(self.server, self.own(), self._revision)
        self._emptied.empty()
        return self._emptied.name


class _Emptied:
    """A database that is emptied again and again, on one connection: a fresh one spends most of its time on looking tables up."""

    def __init__(self, server: Postgres, name: str, revision: str) -> None:
        self.name = name
        self._url = server.url(name)
        self._revision = revision
        self._engine: Engine | None = None

    def empty(self) -> None:
        try:
            self._empty()
        except OperationalError:  # a test stopped the server
            self._forget()
            self._empty()

    def _empty(self) -> None:
        if self._engine is None:
            self._engine = create_engine(self._url, poolclass=StaticPool)
            engines.prepare(self._engine)
            lasting[self._url] = self._engine
        with self._engine.connect() as connection:
            connection.exec_driver_sql(_END_OTHERS)
            filled = [row[0] for row in connection.exec_driver_sql(_FILLED)]
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            for table in filled:
                connection.exec_driver_sql(f"DELETE FROM {table}")
            connection.exec_driver_sql(_RESTART)
            connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{self._revision}'")
            connection.commit()

    def _forget(self) -> None:
        if self._engine is not None:
            del lasting[self._url]
            self._engine.dispose()
            self._engine = None


class GivenDatabase:
    """The one that TEST_DATABASE_URL names: migrated, distributed where it has Citus, and emptied for each test."""

    def __init__(self, url: str) -> None:
        name = make_url(url).database or ""
        if "test" not in name:
            raise ValueError(f"The tests empty the database of TEST_DATABASE_URL: its name must hold 'test', {name} does not.")
        if "PYTEST_XDIST_WORKER" in os.environ:
            raise ValueError("TEST_DATABASE_URL names one database for one process: run the tests without -n.")
        self.url = url
        migrate(url)
        self._engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with self._engine.connect() as connection:
            is_cluster = distribution.has_citus(connection)
        if is_cluster:
            distribution.distribute(self._engine)

    def emptied(self) -> str:
        """The database without rows; its address."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql(_END_OTHERS)
            connection.exec_driver_sql("GRANT DELETE ON event TO CURRENT_USER")
            for table in tables.metadata.sorted_tables:
                connection.execute(table.delete())
            connection.exec_driver_sql("REVOKE DELETE ON event FROM CURRENT_USER")
        return self.url

    def close(self) -> None:
        self._engine.dispose()


# What the test before left open would hold the tables. The sessions between a cluster's nodes stay.
_END_OTHERS = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid()
  and backend_type = 'client backend' and application_name not like 'citus%%'
"""

# Truncating all tables, at a file for each table and index, takes ten times as long as looking into each.
_FILLED = " UNION ALL ".join(f"(SELECT '{table}' FROM {table} LIMIT 1)" for table in tables.metadata.tables)
_RESTART = """
SELECT setval(format('%%I', sequencename)::regclass, start_value, false) FROM pg_sequences
WHERE schemaname = 'public' AND last_value IS NOT NULL
"""
