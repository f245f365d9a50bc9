"""Bringing the tables up to date, with Alembic's migrations, one process at a time."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from reactions.settings import shipped
from reactions.storage import tables
from reactions.storage.engines import writing

_LOCK = 0x7265616374  # an arbitrary number that means "reactions is migrating" among PostgreSQL's advisory locks


def upgrade(engine: Engine) -> bool:
    """Apply what is missing; return whether anything was. Several processes may call it at once: one works, the others wait."""
    with _alone(engine) as connection:
        if not behind(connection):
            return False
        command.upgrade(_config(connection), "head")
        return True


def downgrade(engine: Engine, revision: str) -> None:
    """Go back to an older revision; "base" removes every table."""
    with _alone(engine) as connection:
        command.downgrade(_config(connection), revision)


def behind(connection: Connection) -> bool:
    """True unless the tables are those of this version."""
    return revision(connection) != ScriptDirectory.from_config(_config(connection)).get_current_head()


def revision(connection: Connection) -> str | None:
    """The revision of the tables; None for an empty database."""
    return MigrationContext.configure(connection).get_current_revision()


def differences(connection: Connection) -> list[object]:
    """Where the tables differ from what the code expects; empty is right."""
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, tables.metadata))


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(shipped("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """A transaction that no other migration runs beside. SQLite's own lock does not span its DDL, so a file stands in for it."""
    file = engine.url.database
    if engine.dialect.name == "sqlite" and file:
        with open(f"{file}.migrating", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with writing(engine) as connection:
                yield connection
        return
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        yield connection
