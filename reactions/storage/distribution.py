"""Where each table lies when Citus distributes the database over several machines: docs/decisions/0020-distribution.md.

What an article has lies together on one node, found by `article_id`. The counters that a vote may write beside it lie by site.
Everything else is small, and each node has all of it (a reference table). Alembic's own table stays with the coordinator, through
which the service connects.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, Engine, Table, text

from reactions.refusals import MigrationRefused
from reactions.storage import migrations, tables
from reactions.storage.connecting import with_timeouts

SHARDS = 32
_LOCK_WAIT_MS = 10_000

# By column, the tables that it distributes. The others of a group lie where the first one's rows lie.
BY_COLUMN = {
    "article_id": (
        tables.article,
        tables.vote,
        tables.tally,
        tables.hourly,
        tables.event,
        tables.hold,
        tables.views,
        tables.intervention,
        tables.dropped,
        tables.imported_amount,
        tables.imported_views,
        tables.rolled_day,
    ),
    "site_id": (tables.article_change, tables.article_quota),
}
REFERENCE = (
    tables.site,
    tables.article_alias,
    tables.api_key,
    tables.editor_session,
    tables.key_in_use,
    tables.imported_source,
    tables.verdict,
    tables.past_rewrite,
    tables.rolled_hour,
    tables.rolled_upto,
    tables.kept_sums,
    tables.ledger_procedure,
    tables.ledger_digest,
    tables.ledger_correction,
    tables.ledger_start,
    tables.alert,
    tables.cooling_off,
    tables.webhook,
    tables.delivery,
    tables.digest_subscriber,
)


def column_of(table: Table) -> str | None:
    """The column by which a table is distributed; None for a reference table."""
    return next((column for column, group in BY_COLUMN.items() if table in group), None)


def statements(*, shards: int = SHARDS) -> Iterator[tuple[str, str]]:
    """Each table's name and the statement that distributes it, in the order in which they must run."""
    for table in REFERENCE:
        yield table.name, f"SELECT create_reference_table('{table.name}')"
    for column, (first, *others) in BY_COLUMN.items():
        given = f"shard_count := {shards}, colocate_with := 'none'"
        yield first.name, f"SELECT create_distributed_table('{first.name}', '{column}', {given})"
        for table in others:
            yield table.name, f"SELECT create_distributed_table('{table.name}', '{column}', colocate_with := '{first.name}')"


def missing(connection: Connection, *, shards: int = SHARDS) -> list[str]:
    """The statements that this database still needs, in order. Where there is no Citus, all of them."""
    done = _distributed(connection) if has_citus(connection) else frozenset()
    return [statement for name, statement in statements(shards=shards) if name not in done]


def distribute(engine: Engine, *, shards: int = SHARDS) -> int:
    """Distribute the tables that are not distributed yet, all in one transaction; return how many those were.

    Votes wait meanwhile: for as long as the rows that are there take to move. Raises MigrationRefused, and changes nothing, where
    there is no Citus or the tables are not those of this version.
    """
    with engine.connect() as asked:
        if not has_citus(asked):
            raise MigrationRefused(_NO_CITUS)
        if migrations.revision(asked) is None or migrations.behind(asked):
            raise MigrationRefused("The tables are not those of this version. Run `reactions db upgrade` first.")
    with engine.begin() as connection:
        with_timeouts(connection, statement_ms=0, lock_ms=_LOCK_WAIT_MS)
        left = missing(connection, shards=shards)
        for statement in left:
            connection.exec_driver_sql(statement)
    return len(left)


def has_citus(connection: Connection) -> bool:
    """True if the database has the extension Citus."""
    if connection.dialect.name != "postgresql":
        return False
    return connection.execute(text("SELECT 1 FROM pg_extension WHERE extname = 'citus'")).scalar() is not None


def is_distributed(connection: Connection, name: str) -> bool:
    """True if Citus has distributed this table of ours."""
    return has_citus(connection) and name in _distributed(connection)


def _distributed(connection: Connection) -> frozenset[str]:
    """Our tables that Citus has distributed, reference tables included."""
    query = (
        "SELECT c.relname FROM pg_dist_partition AS p JOIN pg_class AS c ON c.oid = p.logicalrelid "
        "WHERE pg_table_is_visible(c.oid)"
    )
    return frozenset(connection.exec_driver_sql(query).scalars())


_NO_CITUS = (
    "This database does not have the extension Citus: nothing was changed. On a PostgreSQL with Citus, run CREATE EXTENSION "
    "citus in the service's database first."
)
