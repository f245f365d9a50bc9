"""The two engines, made to keep the same promise: what is committed is on the disk, and writers queue instead of failing."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, ExceptionContext, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DisconnectionError, OperationalError

from reactions.languages import gettext
from reactions.refusals import Unavailable
from reactions.storage import connecting, sqlite_files
from reactions.storage.sqlite_files import Files, State

log = logging.getLogger(__name__)

DURABLE = "current_setting('synchronous_commit'), current_setting('fsync')"
_IS_CITUS = "EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus')"
_POOLED = (
    "The database is reached through a pooler such as PgBouncer, which gives each transaction another connection. "
    "Set database_through_pgbouncer = true."
)
_AFTER_WRITING: WeakKeyDictionary[Engine, list[Callable[[Connection], Callable[[], None]]]] = WeakKeyDictionary()
_RESTS_UNTIL: WeakKeyDictionary[Engine, float] = WeakKeyDictionary()  # when the next transaction that rests may begin
_LONGEST_REST_S = 0.2
_FILES = "files"  # in the notes on an SQLite connection: which files it has opened
_WAIT_MS = "wait_ms"  # in the notes on an SQLite connection: for how long it waits for the write lock
READ_ONLY = "25006"  # SQLSTATE read_only_sql_transaction
_FORGOTTEN = ("26000", "0A000")  # a prepared statement is not there any more, or its tables have changed since
_SQLITE = b"SQLite format 3\0"  # with which every file of it begins
# In the notes on a connection to PostgreSQL: whether rows are given as arrays, whether statements may be prepared, and which are.
TAKES_ARRAYS, MAY_PREPARE, PREPARED = "takes_arrays", "may_prepare", "prepared"


def keep_private(url: str) -> None:
    """Let nobody but the service's user read an SQLite file, whatever umask it is started with; its journals inherit that.

    Where this is not ours to decide, as in a folder that cannot be written, connecting tells what is wrong. A file that is no
    database stays as it is: root may have mistyped the address of one that others need.
    """
    file = make_url(url).database
    if file and file != ":memory:" and not file.startswith("file:"):
        with suppress(OSError), open(os.open(file, os.O_CREAT | os.O_RDONLY, 0o600), "rb") as opened:
            if opened.read(len(_SQLITE)) in (b"", _SQLITE):
                os.fchmod(opened.fileno(), 0o600)


def prepare(engine: Engine, *, writes: bool = True) -> None:
    """Teach a new engine the promise. Call once, before its first connection.

    Connecting to a PostgreSQL that commits asynchronously raises Unavailable, with the setting to change, if anybody `writes`
    there. A transaction of an engine where nobody does is read-only.
    """
    pooled = bool(engine.get_execution_options().get(connecting.AT_BEGIN))
    prepare_one = (
        _prepare_sqlite if engine.dialect.name == "sqlite" else partial(_prepare_postgresql, pooled=pooled, writes=writes)
    )
    driver_error: type[Exception] = engine.dialect.loaded_dbapi.Error
    files = sqlite_files.files_of(engine)

    def prepare_connection(connection: Any, record: Any) -> None:
        try:
            record.info.update(prepare_one(connection))
        except driver_error as error:  # SQLAlchemy wraps what connecting raises, not what a listener does
            raise OperationalError("a new connection", {}, error) from error
        if files is not None:
            record.info[_FILES] = files.here()

    event.listen(engine, "connect", prepare_connection)
    if files is not None:
        files.engines.add(engine)
        event.listen(engine, "checkout", partial(_refuse_old_files, files))
    if engine.dialect.name == "postgresql":
        event.listen(engine, "begin", connecting.say_at_begin)
        if not writes:
            event.listen(engine, "begin", _only_read)
    event.listen(engine, "handle_error", _leave_useless)


@contextmanager
def writing(engine: Engine, *, undo_in_memory: bool = False, rests: bool = True) -> Iterator[Connection]:
    """A transaction that changes something: on SQLite it takes the write lock at its start, so that it cannot fail midway.

    What `after_writing` was given is called after the COMMIT. A statement that changes few pages may keep in memory how SQLite
    would undo it alone: past 64 KiB, or some fifteen votes, that is otherwise a file in the system's folder for temporary ones.
    Long work is done in many transactions, and each that `rests` leaves SQLite's lock to others for as long as the one before it
    has kept it: those who ask for it, in whatever process, would hardly ever find it free.
    Raises Unavailable, and commits nothing, if somebody has removed or replaced the files of an SQLite database.
    """
    is_lite = engine.dialect.name == "sqlite"
    if is_lite and rests and (rest_s := _RESTS_UNTIL.get(engine, 0.0) - time.monotonic()) > 0:
        time.sleep(rest_s)
    with engine.begin() as connection:
        if is_lite:
            _take_turn(connection, "MEMORY" if undo_in_memory else "DEFAULT")
        taken = time.monotonic()
        try:
            yield connection
        finally:
            _check_files(connection)
        calls = [take(connection) for take in _AFTER_WRITING.get(engine, ())]
    if is_lite and rests:
        ended = time.monotonic()
        _RESTS_UNTIL[engine] = ended + min(ended - taken, _LONGEST_REST_S)
    for call in calls:
        call()


def after_writing(engine: Engine, take: Callable[[Connection], Callable[[], None]]) -> None:
    """Have `take` look at each connection that has written, just before its COMMIT; what it returns is called after that.

    Neither may raise: the change is done.
    """
    _AFTER_WRITING.setdefault(engine, []).append(take)


def _take_turn(connection: Connection, temp_store: str = "DEFAULT") -> None:
    """Take SQLite's write lock as soon as it is free: ask each millisecond, for as long as the connection may wait.

    SQLite's own waiting asks less and less often, up to 100 ms apart, and misses the moments between one writer and the next.
    `temp_store` is for statement journals, which ask for it at BEGIN; what sorts or lists in this transaction asks later.
    """
    asked = connection.connection.driver_connection
    assert asked is not None
    if _WAIT_MS not in connection.info:
        connection.info[_WAIT_MS] = asked.execute("PRAGMA busy_timeout").fetchone()[0]
    wait_ms = connection.info[_WAIT_MS]
    until = time.monotonic() + wait_ms / 1000
    asked.execute("PRAGMA busy_timeout=1")
    asked.execute(f"PRAGMA temp_store={temp_store}")
    try:
        while (taken := _is_taken(asked)) and time.monotonic() < until:
            pass
        if taken:
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # tells that the lock is taken, in SQLAlchemy's words
    finally:
        asked.execute(f"PRAGMA busy_timeout={wait_ms}")
        asked.execute("PRAGMA temp_store=DEFAULT")


def _is_taken(asked: Any) -> bool:
    """Try to take SQLite's write lock; True if somebody else holds it."""
    try:
        asked.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            return True
        raise OperationalError("BEGIN IMMEDIATE", {}, error) from error
    return False


def _check_files(connection: Connection) -> None:
    """Leave files that are no longer the database's for those at its address. Raises Unavailable."""
    files = sqlite_files.files_of(connection.engine)
    if files is None or connection.invalidated:  # which commits nothing
        return
    if (state := files.look(connection.info.setdefault(_FILES, files.here()))) is State.IN_PLACE:
        return
    if state is State.REPLACED:
        connection.invalidate()
        files.leave()
        log.error("database files removed or replaced")
    else:  # what is open may save what the log has; another connection would find what is neither the one nor the other
        log.error("database file written over")
    raise _replaced()


def check_files(connection: Connection) -> None:
    """Raise Unavailable if this process has seen that another program wrote over the file of its SQLite database."""
    files = sqlite_files.files_of(connection.engine)
    if files is not None and files.is_written_over:
        raise _replaced()


def _replaced() -> Unavailable:
    return Unavailable(gettext("The files of the database were removed or replaced. Send the same request again in a moment."))


def _refuse_old_files(files: Files, _connection: Any, record: Any, _fairy: Any) -> None:
    """Give up a connection that reads files which stand no longer at the address, and all that were opened with it."""
    if record.info[_FILES] != files.here():
        log.error("database files removed or replaced")
        files.leave()
        raise DisconnectionError


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A transaction that reads one state of the database throughout."""
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        else:
            connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


def plan_lists_anew(connection: Connection) -> None:
    """Keep PostgreSQL from reusing a plan made for a list of ten keys: it would compare each row with all 500 of another."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_custom_plan")


def insert_for(connection: Connection) -> Callable[[Any], Any]:
    """The `insert` that knows ON CONFLICT on this engine; PostgreSQL's serves everything that speaks its protocol."""
    return insert_of(connection.dialect.name)


def insert_of(dialect: str) -> Callable[[Any], Any]:
    """The `insert` construct of a dialect's name."""
    return sqlite.insert if dialect == "sqlite" else postgresql.insert


def _prepare_sqlite(connection: Any) -> dict[str, bool]:
    connection.isolation_level = None  # BEGIN is ours, see `writing`; a read alone needs none
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "schema_version",
    ):  # the last reads: its log is there
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    return {}


def _prepare_postgresql(connection: Any, *, pooled: bool, writes: bool) -> dict[str, bool]:
    """Refuse a PostgreSQL that may lose acknowledged votes in a crash, and a pooler that the settings do not name.

    Returns what is to be noted of the connection. psycopg, where it prepares statements itself, has the server forget all of them
    at times, those of others as well.
    """
    try:
        *durable, process, is_citus = connection.execute(f"SELECT {DURABLE}, pg_backend_pid(), {_IS_CITUS}").fetchone()
        if writes:
            check_durable(*durable)
        _check_direct(pooled or process == connection.info.backend_pid)  # a pooler invents the process that it tells
    except Unavailable:
        connection.close()
        raise
    connection.rollback()
    return {TAKES_ARRAYS: not is_citus, MAY_PREPARE: not is_citus and not pooled and connection.prepare_threshold is None}


def _only_read(connection: Connection) -> None:
    connection.exec_driver_sql("SET TRANSACTION READ ONLY")


def _check_direct(direct: bool) -> None:
    if not direct:
        log.error("a pooler that no setting names")
        raise Unavailable(_POOLED)


def check_durable(synchronous_commit: str, fsync: str) -> None:
    """Raise Unavailable if the settings of `DURABLE` say that COMMIT does not wait for the disk."""
    for name, value in {"synchronous_commit": synchronous_commit, "fsync": fsync}.items():
        if value == "off":
            log.error("asynchronous commit")
            raise Unavailable(
                f"PostgreSQL runs with {name} = off: it would acknowledge votes that a crash can lose. "
                f"Set {name} = on for this database."
            )


def _leave_useless(context: ExceptionContext) -> None:
    """Give up connections to a server that has become a replica, or was made read-only: the next may lead to the new primary.

    The same holds for those whose prepared statements are no longer good: the next prepares them anew.
    """
    code = getattr(context.original_exception, "sqlstate", None)
    prepares = context.connection is not None and context.connection.info.get(PREPARED)
    if code == READ_ONLY or (prepares and code in _FORGOTTEN):
        context.is_disconnect = True
