"""Bringing the tables up to date, with Alembic's migrations, while the service goes on counting.

On PostgreSQL each revision is a transaction of its own. It waits for a lock less long than a vote waits for its answer, then lets
the votes pass and tries again: a statement that queues for ACCESS EXCLUSIVE stops every later one on its table. Indexes on hot
tables are built concurrently (`create_index`). docs/operating.md has the rules for new revisions.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from reactions.refusals import MigrationRefused
from reactions.settings import shipped
from reactions.storage import outages, tables
from reactions.storage.connecting import with_timeouts, without_timeouts
from reactions.storage.engines import writing

_LOCK = 0x7265616374  # an arbitrary number that means "reactions is migrating" among PostgreSQL's advisory locks
_LOCK_WAIT_MS = 400  # a vote that queues behind the migration is still answered in time
_PAUSE_S = 1.0
_GIVE_UP_S = 900.0


def upgrade(engine: Engine, *, give_up_s: float = _GIVE_UP_S) -> bool:
    """Apply what is missing; return whether anything was. Several processes may call it at once: one works, the others wait.

    Raises MigrationRefused if the tables are newer than this version, or if others hold them locked for `give_up_s` seconds.
    """
    with alone(engine, give_up_s) as connection:
        if newer(connection):
            raise MigrationRefused(_NEWER.format(revision=revision(connection)))
        if not behind(connection):
            return False
        _persist(connection, lambda: command.upgrade(_config(connection), "head"), give_up_s)
        return True


def downgrade(engine: Engine, to: str) -> None:
    """Go back to an older revision; "base" removes every table. Raises MigrationRefused."""
    with alone(engine, _GIVE_UP_S) as connection:
        if newer(connection):
            raise MigrationRefused(_NEWER.format(revision=revision(connection)))
        config = _config(connection)
        if to != "base" and to not in _revisions(config):
            raise MigrationRefused(f"There is no revision {to!r}. There are: {', '.join(sorted(_revisions(config)))}, and base.")
        _persist(connection, lambda: command.downgrade(config, to), _GIVE_UP_S)


def behind(connection: Connection) -> bool:
    """True if migrations of this version are missing."""
    return not newer(connection) and revision(connection) != _script(connection).get_current_head()


def newer(connection: Connection) -> bool:
    """True if a later version has migrated the tables. This version goes on working with them: columns go one release late."""
    at = revision(connection)
    return at is not None and at not in _revisions(_config(connection))


def revision(connection: Connection) -> str | None:
    """The revision of the tables; None for an empty database."""
    return MigrationContext.configure(connection).get_current_revision()


def differences(connection: Connection) -> list[object]:
    """Where the tables differ from what the code expects; empty is right."""
    parts = _parts(connection, "event")
    ours: dict[str, Any] = {"compare_type": True, "include_name": lambda name, kind, _: kind != "table" or name not in parts}
    return list(compare_metadata(MigrationContext.configure(connection, opts=ours), tables.metadata))


def create_index(op: Operations, name: str, table: str, columns: Sequence[str]) -> None:
    """Build an index in a migration; on PostgreSQL concurrently, so that votes go on. Commits what the revision did before it.

    One that an interrupted build left invalid is built again. A partitioned table gets one for each partition, then they are one.
    """
    if op.get_bind().dialect.name != "postgresql":
        op.create_index(name, table, list(columns), if_not_exists=True)
        return
    parts = _parts(op.get_bind(), table)
    for part in parts:
        create_index(op, f"{name}_{part}", part, columns)
    if parts:
        op.create_index(name, table, list(columns), if_not_exists=True)  # PostgreSQL takes those of the partitions into it
        return
    with op.get_context().autocommit_block(), without_timeouts(op.get_bind()):
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        op.create_index(name, table, list(columns), postgresql_concurrently=True)


def _parts(connection: Connection, table: str) -> list[str]:
    """The partitions of a table; none if it has none."""
    if connection.dialect.name != "postgresql":
        return []
    query = (
        "SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = to_regclass(%s) ORDER BY c.relname"
    )
    return list(connection.exec_driver_sql(query, (table,)).scalars())


_NEWER = (
    "The tables are at revision {revision}, which a newer version of the service made. Install that version, or a later one; "
    "this one can go on answering beside it during a rolling upgrade, but it cannot change the tables."
)


def _persist(connection: Connection, migrate: Callable[[], Any], give_up_s: float) -> None:
    """Run migrations again until the locks they need were free. Revisions that were committed are not repeated."""
    if connection.dialect.name == "sqlite":
        migrate()
        return
    connection.rollback()  # what was read before began a transaction, in which no revision could have its own
    until = time.monotonic() + give_up_s
    while (blocked := _blocked(connection, migrate)) is not None:
        if time.monotonic() > until:
            raise MigrationRefused(
                f"Other sessions kept the tables locked for {give_up_s:.0f} s; what was finished is kept. "
                "See who holds them (pg_stat_activity, oldest xact_start), end it, and run `reactions db upgrade` again."
            ) from blocked
        time.sleep(_PAUSE_S)


def _blocked(connection: Connection, migrate: Callable[[], Any]) -> DBAPIError | None:
    """Run migrations; the error if a lock was not free in time."""
    try:
        migrate()
    except DBAPIError as error:
        connection.rollback()
        if not outages.waited_for_lock(error):
            raise
        return error
    return None


def _script(connection: Connection) -> ScriptDirectory:
    return ScriptDirectory.from_config(_config(connection))


def _revisions(config: Config) -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(shipped("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


@contextmanager
def alone(engine: Engine, give_up_s: float) -> Iterator[Connection]:
    """A connection that no other migration runs beside. SQLite's own lock does not span its DDL, so a file stands in for it.

    On SQLite the connection is in one transaction from beginning to end; on PostgreSQL it is in none.
    """
    file = engine.url.database
    if engine.dialect.name == "sqlite" and file:
        with open(f"{file}.migrating", "w", opener=_private) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with writing(engine) as connection:
                yield connection
        return
    with engine.connect() as lock, engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            _take_lock(with_timeouts(lock, statement_ms=0, lock_ms=_LOCK_WAIT_MS), give_up_s)
        yield with_timeouts(connection, statement_ms=0, lock_ms=_LOCK_WAIT_MS)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


def _take_lock(connection: Connection, give_up_s: float) -> None:
    """Hold the migrations' lock until the connection's transaction ends.

    It has a transaction of its own, not a session's lock: behind a pooler, the next transaction may have another session. Without
    parameters the statement leaves no portal, whose snapshot would keep an index from being built concurrently.
    """
    until = time.monotonic() + give_up_s
    while not connection.exec_driver_sql(f"SELECT pg_try_advisory_xact_lock({_LOCK})").scalar_one():
        connection.rollback()
        if time.monotonic() > until:
            raise MigrationRefused("Another process is migrating the tables and has not finished. Wait for it, then try again.")
        time.sleep(0.1)
