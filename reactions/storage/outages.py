"""What a database's failure means to a reader: come back soon, the disk is full, or a bug of ours."""

from __future__ import annotations

import logging

from sqlalchemy.exc import DBAPIError, ResourceClosedError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from reactions.languages import gettext
from reactions.refusals import Refusal, StorageFull, Unavailable
from reactions.storage import engines

# PostgreSQL's SQLSTATE classes and codes, https://www.postgresql.org/docs/current/errcodes-appendix.html
_TRY_AGAIN = ("40001", "40P01")  # serialization failure, deadlock: the same batch may simply run again
# Connection, resources, locks, shutdown and timeout, input/output; a server that only reads, after a failover or at a full disk.
_AWAY = ("08", "53", "55", "57", "58", engines.READ_ONLY, *_TRY_AGAIN)
_DISK_FULL = "53100"
_NO_LOCK = "55P03"
_NO_TABLE = "42P01"

_SQLITE_FULL = ("SQLITE_FULL",)
_SQLITE_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_SQLITE_AWAY = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PROTOCOL")


log = logging.getLogger(__name__)


def refusal_for(error: SQLAlchemyError) -> Refusal | None:
    """The refusal that tells a reader about `error`, or None where it is a bug."""
    if isinstance(error, PoolTimeout) or _ended_at_first(error):
        return away()
    if not isinstance(error, DBAPIError):
        return None
    code = _code(error)
    if code == _DISK_FULL or code.startswith(_SQLITE_FULL):
        return StorageFull(gettext("The service has no space left to keep votes. Counts can still be read."))
    if code == _NO_TABLE or str(error.orig).startswith("no such table"):
        return Unavailable("The service's tables are not there. Run `reactions db upgrade`, or restore a backup.")
    if code.startswith(_SQLITE_DAMAGED):
        log.error("database file damaged")
        return away()
    lost = error.connection_invalidated or (not code and type(error).__name__ == "OperationalError")
    return away() if lost or code.startswith((*_AWAY, *_SQLITE_AWAY)) else None


def away() -> Unavailable:
    """The refusal while the database does not answer."""
    return Unavailable(gettext("The service cannot reach its database. Send the same request again in a moment."))


def worth_repeating(error: SQLAlchemyError) -> bool:
    """True if the same statements may succeed at once: a deadlock, or a connection that was lost.

    Repeating is harmless even if the lost connection's COMMIT went through: the same seq is not applied twice.
    """
    if _ended_at_first(error):
        return True
    return isinstance(error, DBAPIError) and (error.connection_invalidated or _code(error) in _TRY_AGAIN)


def _ended_at_first(error: SQLAlchemyError) -> bool:
    """True if the server ended an engine's first connection while SQLAlchemy asked it for its version and so on."""
    return isinstance(error, ResourceClosedError) and str(error) == "This Connection is closed"


def waited_for_lock(error: DBAPIError) -> bool:
    """True if a statement ended because a lock was not free in time."""
    return _code(error) == _NO_LOCK


def was_lock(answer: object) -> bool:
    """True of a refusal whose cause was a lock that was not free in time: other rows may be."""
    cause = answer.__cause__ if isinstance(answer, Unavailable) else None
    return isinstance(cause, DBAPIError) and waited_for_lock(cause)


def _code(error: DBAPIError) -> str:
    """PostgreSQL's SQLSTATE or SQLite's error name; "" where the driver gives none."""
    return getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", None) or ""
