"""The ledger in months: on PostgreSQL, `event` can be partitioned by UTC month, so that dropping an old one gives its disk back.

An operator's choice, which an ordinary installation never makes: docs/decisions/0022-months.md. The table as it was becomes the
first partition, without a copy; what comes later has a partition for each month. A default partition takes what lies further
ahead, as from a clock that is wrong, so that no insert can fail. The file is longer than others because it has every statement
about partitions.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from reactions.refusals import MigrationRefused
from reactions.storage import distribution, locks, migrations, outages
from reactions.storage.connecting import with_timeouts, without_timeouts
from reactions.times import DAY_MS

AHEAD = 2  # months that have their partition before they begin
_LOCK_WAIT_MS = 400  # as a migration's: a vote that queues behind is still answered in time
_PAUSE_S = 0.5
_ROOM_MS = 14 * DAY_MS  # between a conversion and the end of the table that it converts
_FAR_MS = 366 * DAY_MS
_PARTITIONING = 0x6D6F6E7468  # among PostgreSQL's advisory locks
_KEY = "article_id, voter, seq, at"
_CHECK, _INDEX, _DEFAULT = "ck_event_until", "uq_event_with_at", "event_default"
_BOUND = re.compile(r"FOR VALUES FROM \('?(MINVALUE|-?\d+)'?\) TO \('?(-?\d+)'?\)")
_CHANGES = "UPDATE, DELETE, TRUNCATE"


class Partition(NamedTuple):
    """A part of the ledger: the events from a moment until before another (UTC ms). Both are None in the default partition."""

    name: str
    from_ms: int | None
    until_ms: int | None


def month_of(at_ms: int, *, later: int = 0) -> int:
    """The moment (UTC ms) at which the month of a moment begins, or so many months later."""
    then = datetime.fromtimestamp(at_ms / 1000, UTC)
    months = then.year * 12 + then.month - 1 + later
    return int(datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC).timestamp()) * 1000


def name_of(month_ms: int) -> str:
    """Year and month of a moment, as in 2026-10."""
    return f"{datetime.fromtimestamp(month_ms / 1000, UTC):%Y-%m}"


def is_partitioned(connection: Connection) -> bool:
    """True if the ledger lies in months."""
    if connection.dialect.name != "postgresql":
        return False
    return connection.exec_driver_sql("SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass('event')").scalar() is True


def listed(connection: Connection) -> list[Partition]:
    """The partitions, oldest first, and the default one last; none if the ledger is not partitioned."""
    if connection.dialect.name != "postgresql":
        return []
    query = (
        "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = to_regclass('event') AND NOT i.inhdetachpending"
    )
    found = [_partition(name, bound) for name, bound in connection.exec_driver_sql(query)]
    return sorted(found, key=lambda each: (each.until_ms is None, each.until_ms))


def partition(engine: Engine, *, now_ms: int, give_up_s: float = 900.0) -> bool:
    """Partition the ledger; False if it is already. Votes go on, and wait for a moment at most. Run it again if it was cut short.

    Raises MigrationRefused where that is not possible, or if others hold the table locked for `give_up_s` seconds.
    """
    _refuse(engine)
    with migrations.alone(engine, give_up_s) as connection:
        if changed := not is_partitioned(connection):
            connection.rollback()
            _convert(connection, now_ms, give_up_s)
        connection.rollback()
    keep_ahead(engine, now_ms=now_ms)
    return changed


def planned(engine: Engine, *, now_ms: int) -> list[str]:
    """The statements that `partition` would run, in order; none if the ledger is partitioned already. Raises MigrationRefused."""
    _refuse(engine)
    with engine.connect() as connection:
        if is_partitioned(connection):
            return []
        until_ms = _end_of_table(connection, now_ms)
    return [_add_check(until_ms), _VALIDATE, _BUILD, *_swap(until_ms)]


def keep_ahead(engine: Engine, *, now_ms: int) -> int:
    """Make the partitions of this month and the coming ones that are missing; return how many.

    Events of theirs that lie in the default partition move. Where nothing is partitioned, it removes the check that a conversion
    has left behind.
    """
    if engine.dialect.name != "postgresql":
        return 0
    with engine.connect() as asked:
        there = listed(asked)
        if not there:
            stale = _is_stale(asked, now_ms)
        missing = list(_missing(there, now_ms))
    if not there:
        if stale:
            _in_short(engine, lambda connection: connection.exec_driver_sql(_DROP_CHECK))
        return 0
    made = 0
    for month_ms in missing:
        made += _in_short(engine, lambda connection, month_ms=month_ms: _make(connection, month_ms))  # type: ignore[misc]
    return made


def drop(connection: Connection, name: str) -> None:
    """Drop a partition, in the caller's transaction. Whoever votes waits from here until its end."""
    connection.exec_driver_sql(f"ALTER TABLE event DETACH PARTITION {name}")
    connection.exec_driver_sql(f"DROP TABLE {name}")


def count_locked(connection: Connection, name: str) -> int:
    """How many events a partition has; until the caller's transaction ends, it gets no other."""
    connection.exec_driver_sql(f"LOCK TABLE {name} IN SHARE MODE")
    return int(connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one())  # noqa: S608


def _partition(name: str, bound: str) -> Partition:
    read = _BOUND.fullmatch(bound)
    if read is None:
        return Partition(name, None, None)
    return Partition(name, None if read[1] == "MINVALUE" else int(read[1]), int(read[2]))


def _refuse(engine: Engine) -> None:
    """Raise MigrationRefused where the ledger cannot be partitioned."""
    if engine.dialect.name != "postgresql":
        raise MigrationRefused("Partitions need PostgreSQL: nothing was changed. `reactions db drop-months` works without them.")
    with engine.connect() as asked:
        if migrations.revision(asked) is None or migrations.behind(asked):
            raise MigrationRefused("The tables are not those of this version. Run `reactions db upgrade` first.")
        if distribution.is_distributed(asked, "event") and not is_partitioned(asked):
            raise MigrationRefused("The tables are distributed by Citus: nothing was changed. Partition first, then distribute.")


def _convert(connection: Connection, now_ms: int, give_up_s: float) -> None:
    """Turn the table into the first partition. `connection` is in no transaction, and lets others pass after a short wait."""
    until_ms = _end_of_table(connection, now_ms)
    connection.rollback()
    try:
        _persist(connection, [_DROP_CHECK, _add_check(until_ms)], give_up_s)
        _take_time(connection)
        _persist(connection, list(_swap(until_ms)), give_up_s)
    except BaseException:  # a check left behind would refuse votes once its time has come
        connection.rollback()
        if not is_partitioned(connection):
            connection.rollback()
            _persist(connection, [_DROP_CHECK], give_up_s)
        raise


def _end_of_table(connection: Connection, now_ms: int) -> int:
    """The month at which the table that is there will end: late enough for a conversion that is cut short and forgotten."""
    last_ms = connection.exec_driver_sql("SELECT max(at) FROM event").scalar() or 0
    if last_ms > now_ms + _FAR_MS:
        raise MigrationRefused(
            f"The ledger has an event of {name_of(last_ms)}; a clock was wrong. Nothing changed. Delete that article, or wait."
        )
    return month_of(max(now_ms + _ROOM_MS, last_ms), later=1)


def _add_check(until_ms: int) -> str:
    return f"ALTER TABLE event ADD CONSTRAINT {_CHECK} CHECK (at < {until_ms}) NOT VALID"


_DROP_CHECK = f"ALTER TABLE event DROP CONSTRAINT IF EXISTS {_CHECK}"
_VALIDATE = f"ALTER TABLE event VALIDATE CONSTRAINT {_CHECK}"
_BUILD = f"CREATE UNIQUE INDEX CONCURRENTLY {_INDEX} ON event ({_KEY})"


def _take_time(connection: Connection) -> None:
    """What reads the whole table, while votes go on."""
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"
    there = connection.exec_driver_sql(valid, (_INDEX,)).scalar()
    connection.rollback()
    free = connection.execution_options(isolation_level="AUTOCOMMIT")
    try:
        with without_timeouts(free):
            free.exec_driver_sql(_VALIDATE)
            if there is False:
                free.exec_driver_sql(f"DROP INDEX CONCURRENTLY {_INDEX}")
            if not there:
                free.exec_driver_sql(_BUILD)
    finally:
        free.rollback()
        connection.execution_options(isolation_level="READ COMMITTED")


def _swap(until_ms: int) -> Iterator[str]:
    """The statements of the one short transaction. None of them reads rows."""
    first = f"event_until_{name_of(until_ms).replace('-', '_')}"
    yield "LOCK TABLE event IN ACCESS EXCLUSIVE MODE"
    yield f"ALTER TABLE event RENAME TO {first}"
    yield f"ALTER TABLE {first} DROP CONSTRAINT pk_event"
    yield f"ALTER TABLE {first} ADD CONSTRAINT pk_{first} PRIMARY KEY USING INDEX {_INDEX}"
    like = f"LIKE {first} INCLUDING DEFAULTS, CONSTRAINT pk_event PRIMARY KEY ({_KEY})"
    yield f"CREATE TABLE event ({like}) PARTITION BY RANGE (at)"
    yield _grant_as(first)
    yield f"ALTER TABLE event ATTACH PARTITION {first} FOR VALUES FROM (MINVALUE) TO ({until_ms})"
    yield f"ALTER TABLE {first} DROP CONSTRAINT {_CHECK}"
    yield f"CREATE TABLE {_DEFAULT} PARTITION OF event DEFAULT"
    yield f"REVOKE {_CHANGES} ON event, {_DEFAULT} FROM CURRENT_USER"


def _grant_as(name: str) -> str:
    """Give the new table the owner of the one that was there, and its rights to whoever had them on it."""
    return (
        "DO $$ DECLARE g record; BEGIN "  # noqa: S608
        "EXECUTE 'ALTER TABLE event OWNER TO ' || "
        f"(SELECT relowner::regrole::text FROM pg_class WHERE oid = '{name}'::regclass); "
        "FOR g IN SELECT grantee, string_agg(privilege_type, ', ') AS rights FROM pg_class, aclexplode(relacl) "
        f"WHERE oid = '{name}'::regclass AND grantee <> relowner GROUP BY grantee LOOP "
        "EXECUTE 'GRANT ' || g.rights || ' ON event TO ' || "
        "CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END; END LOOP; END $$"
    )


def _persist(connection: Connection, statements: list[str], give_up_s: float) -> None:
    """Run statements as one transaction, again until the locks that it needs are free."""
    until = time.monotonic() + give_up_s
    while True:
        try:
            with connection.begin():
                for statement in statements:
                    connection.exec_driver_sql(statement)
                return
        except DBAPIError as error:
            if not outages.waited_for_lock(error):
                raise
            if time.monotonic() > until:
                raise MigrationRefused(_LOCKED.format(seconds=give_up_s)) from error
        time.sleep(_PAUSE_S)


_LOCKED = (
    "Other sessions kept the ledger locked for {seconds:.0f} s; what was finished is kept. See who holds it (pg_stat_activity, "
    "oldest xact_start), end it, and run the same command again."
)


def _missing(there: list[Partition], now_ms: int) -> Iterator[int]:
    """The months that have no partition and need one, in order; those before the last one that has are past."""
    last_ms = max((each.until_ms for each in there if each.until_ms is not None), default=month_of(now_ms))
    month_ms = max(last_ms, month_of(now_ms))
    while month_ms <= month_of(now_ms, later=AHEAD):
        yield month_ms
        month_ms = month_of(month_ms, later=1)


def _in_short(engine: Engine, work: Callable[[Connection], object]) -> bool:
    """Do some work in a transaction of the one that may; False if another process is at it, or a lock is not free at once."""
    with engine.connect() as connection:
        with_timeouts(connection, statement_ms=0, lock_ms=_LOCK_WAIT_MS)
        try:
            with connection.begin():
                if not locks.alone(connection, _PARTITIONING) or not _is_ours(connection):
                    return False
                work(connection)
                return True
        except DBAPIError as error:
            if not outages.waited_for_lock(error):
                raise
            return False


def _is_ours(connection: Connection) -> bool:
    """True if the role may make partitions. A service of another role leaves it to the owner's `reactions retention`."""
    query = "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('event')"
    return connection.exec_driver_sql(query).scalar() is True


def _make(connection: Connection, month_ms: int) -> None:
    """Make a month's partition. It is attached, so that no vote waits, and takes its events from the default partition first."""
    end_ms = month_of(month_ms, later=1)
    if any(each.until_ms is not None and each.until_ms >= end_ms for each in listed(connection)):
        return  # another process was first
    name = f"event_{name_of(month_ms).replace('-', '_')}"
    within = f"at >= {month_ms} AND at < {end_ms}"
    primary = f"CONSTRAINT pk_{name} PRIMARY KEY ({_KEY})"
    connection.exec_driver_sql(f"CREATE TABLE {name} (LIKE event INCLUDING DEFAULTS, {primary})")
    connection.exec_driver_sql(f"LOCK TABLE {_DEFAULT} IN ACCESS EXCLUSIVE MODE")
    connection.exec_driver_sql(f"GRANT DELETE ON {_DEFAULT} TO CURRENT_USER")
    connection.exec_driver_sql(
        f"WITH moved AS (DELETE FROM {_DEFAULT} WHERE {within} RETURNING *) INSERT INTO {name} SELECT * FROM moved"  # noqa: S608
    )
    connection.exec_driver_sql(f"REVOKE {_CHANGES} ON {_DEFAULT}, {name} FROM CURRENT_USER")
    connection.exec_driver_sql(f"ALTER TABLE event ATTACH PARTITION {name} FOR VALUES FROM ({month_ms}) TO ({end_ms})")


def _is_stale(connection: Connection, now_ms: int) -> bool:
    """True if a conversion that was killed has left its check behind, and its time is near."""
    query = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s AND conrelid = to_regclass('event')"
    said = connection.exec_driver_sql(query, (_CHECK,)).scalar()
    until = re.search(r"\d{12,}", said) if said else None
    return until is not None and now_ms > int(until[0]) - _ROOM_MS // 2
