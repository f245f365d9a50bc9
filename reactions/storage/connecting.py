"""How a database is reached: what `create_engine` is told, from the settings, and the time-outs of what runs there.

A session is told its time-outs when it begins. Behind a pooler, where a session is another's in a moment, each transaction is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError

from reactions.settings import InvalidSettings, Settings

_BUSY_MS = 800  # SQLite waits this long for another process's write lock
_STATEMENT_MS, _LOCK_MS, _IDLE_MS = 30_000, 1_000, 60_000
_BALLOT_LOCK_MS = 500  # longer than a migration's 400: a batch that meets one waits, and is still answered in time
_SESSION = ("statement", "lock")
AT_BEGIN = "reactions_at_begin"  # the execution option that holds what is said at the beginning of each transaction
_CONNECTION = {
    "connect_timeout": 2, "application_name": "reactions",
    "keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3, "tcp_user_timeout": 5_000,
}  # fmt: skip
_VALUES = {  # of libpq, https://www.postgresql.org/docs/current/libpq-connect.html
    "sslmode": ("prefer", "disable", "allow", "require", "verify-ca", "verify-full"),
    "target_session_attrs": ("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
}
_NUMBERS = ("port", "prepare_threshold", "keepalives", *(name for name, value in _CONNECTION.items() if isinstance(value, int)))
_DRIVERS = {"sqlite": "sqlite", "sqlite+pysqlite": "sqlite", "postgresql": "postgresql", "postgresql+psycopg": "postgresql"}
_RECYCLE_S = 60
_SEVERAL_HOSTS = (
    "a port is not a number. Write several hosts as postgresql://user:password@/database?host=db1:5432&host=db2:5432."
)


def options(settings: Settings, *, lock_ms: int = _LOCK_MS, batch: bool = False) -> dict[str, Any]:
    """The arguments of `create_engine`. Statements of a `batch` have no time-out, and a transaction may pause for any time.

    Raises InvalidSettings for an address of another engine, or one with a fault.
    """
    url = _read(settings.engine_url, "database_url")
    if url.get_backend_name() == "sqlite":
        return {"pool_size": settings.threads + 8, "hide_parameters": True, "connect_args": {"timeout": _BUSY_MS / 1000}}
    statement_ms, idle_ms = (0, 0) if batch else (_STATEMENT_MS, _IDLE_MS)
    timeouts = {"statement": statement_ms, "lock": lock_ms, "idle_in_transaction_session": idle_ms}
    pooled = settings.database_through_pgbouncer
    return {
        "pool_size": settings.database_pool_size,
        "max_overflow": 4,
        "pool_timeout": math.ceil(settings.answer_within_s),  # whole seconds: Flask-SQLAlchemy cuts the rest off
        "pool_pre_ping": True,
        "hide_parameters": True,  # in what failed statements say, which is logged: they hold readers' pseudonyms
        "connect_args": _connect_args(url, {} if pooled else timeouts, pooled=pooled, setting="database_url"),
        "execution_options": {AT_BEGIN: _set_local(timeouts) if pooled else ""},
    }


def options_of_the_ballot_box(settings: Settings, *, batch: bool = False) -> dict[str, Any]:
    """The same for the engine that only counts: votes never wait for a connection that a report holds.

    No connection is tried before it is used: a batch that meets a lost one runs again on a new one.
    """
    chosen = {**options(settings, lock_ms=_BALLOT_LOCK_MS, batch=batch), "pool_pre_ping": False}
    if not settings.on_sqlite:
        chosen["pool_size"] = 1
        chosen["connect_args"]["prepare_threshold"] = None  # its few statements are prepared by `trips`
    return chosen


def options_of_reports(settings: Settings, *, batch: bool = False) -> dict[str, Any]:
    """The same for a replica that reports read; a connection is made anew after a minute, as it may lead to the primary.

    Raises InvalidSettings.
    """
    url = _read(settings.reports_database_url, "reports_database_url")
    if url.get_backend_name() != "postgresql":
        raise InvalidSettings("reports_database_url: write postgresql://user:password@replica/database.")
    chosen = options(settings, batch=batch)
    args = _connect_args(url, {}, pooled=settings.database_through_pgbouncer, setting="reports_database_url")
    if "options" in chosen["connect_args"]:
        args["options"] = f"{chosen['connect_args']['options']} {args.get('options', '')}".strip()
    return {**chosen, "pool_recycle": _RECYCLE_S, "connect_args": args}


def _read(address: str, setting: str) -> URL:
    """The address in a setting. Raises InvalidSettings."""
    try:
        url = make_url(address)
    except ArgumentError:
        url = None
    except ValueError:
        raise InvalidSettings(f"{setting}: {_SEVERAL_HOSTS}") from None
    engine = _DRIVERS.get(url.drivername, "") if url else ""
    if url and engine == "sqlite" and (not url.database or ":memory:" in url.database or url.query.get("mode") == "memory"):
        raise InvalidSettings(f"{setting}: in memory nothing would last. Name a file, as in sqlite:////path/to/file.db.")
    if url and engine == "sqlite" and (url.host or url.query):
        raise InvalidSettings(f"{setting}: name a path and nothing else, as in sqlite:////path/to/file.db.")
    if url and url.port is not None and not 0 < url.port < 65536:
        raise InvalidSettings(f"{setting}: a port is a number from 1 to 65535.")
    if url and engine:
        return url
    raise InvalidSettings(f"{setting}: write sqlite:////path/to/file.db or postgresql://user:password@host/database.")


def _connect_args(url: URL, timeouts: Mapping[str, int], *, pooled: bool, setting: str) -> dict[str, Any]:
    """What psycopg is told beside the address, which may decide otherwise. Raises InvalidSettings for what it does not know."""
    asked = {name: value if isinstance(value, str) else ",".join(value) for name, value in url.query.items()}
    for name in _NUMBERS:
        if not all(part.isascii() and part.isdecimal() for part in asked.get(name, "0").split(",")):
            raise InvalidSettings(f"{setting}: {name} is a number (it is {asked[name]!r}).")
    threshold = asked.pop("prepare_threshold", None)
    for name, known in _VALUES.items():
        if asked.get(name, known[0]) not in known:
            raise InvalidSettings(f"{setting}: {name} is one of {', '.join(known)} (it is {asked[name]!r}).")
    _refuse_unknown_options(asked, setting)
    args: dict[str, Any] = {name: value for name, value in _CONNECTION.items() if name not in asked}
    args["client_encoding"] = "UTF8"  # of the texts of `trips`, in a database of any encoding
    if threshold is not None:
        args["prepare_threshold"] = int(threshold)
    if pooled:
        return {**args, "prepare_threshold": None}  # a statement is prepared in a connection that the next transaction has not
    session = " ".join(f"-c {name}_timeout={ms}" for name, ms in timeouts.items())
    return {**args, "options": f"{session} {asked.get('options', '')}".strip()}


def _refuse_unknown_options(asked: Mapping[str, str], setting: str) -> None:
    try:
        from psycopg import ProgrammingError, conninfo
    except ImportError:
        return  # whoever connects is told what to install
    try:
        conninfo.make_conninfo("", **asked)
    except ProgrammingError as error:
        raise InvalidSettings(f"{setting}: {str(error).strip()}.") from None


def _set_local(timeouts: Mapping[str, int]) -> str:
    return "; ".join(f"SET LOCAL {name}_timeout = {ms}" for name, ms in timeouts.items())


def with_timeouts(connection: Connection, *, statement_ms: int, lock_ms: int) -> Connection:
    """The connection, with other time-outs for each of its transactions; 0 is none. They end with the transaction."""
    if connection.dialect.name != "postgresql":
        return connection
    chosen = _set_local({"statement": statement_ms, "lock": lock_ms, "idle_in_transaction_session": 0})
    return connection.execution_options(**{AT_BEGIN: chosen})


@contextmanager
def without_timeouts(connection: Connection) -> Iterator[None]:
    """Let statements outside a transaction take their time: an index that is built concurrently waits for older snapshots.

    Behind a pooler nothing is said, because the session is another's in a moment; there it has the server's own time-outs.
    """
    if connection.dialect.name != "postgresql" or connection.engine.get_execution_options().get(AT_BEGIN):
        yield
        return
    for name in _SESSION:
        connection.exec_driver_sql(f"SET {name}_timeout = 0")
    try:
        yield
    finally:
        for name in _SESSION:
            connection.exec_driver_sql(f"RESET {name}_timeout")


def say_at_begin(connection: Connection) -> None:
    """Set the transaction's time-outs, where the connection's own do not do. Outside a transaction they would be for nobody."""
    said = connection.get_execution_options().get(AT_BEGIN)
    if said and not connection.connection.dbapi_connection.autocommit:  # type: ignore[union-attr]
        connection.exec_driver_sql(said)
