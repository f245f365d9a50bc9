"""PostgreSQL's advisory locks: who counts votes, who waits until all have, and work that one process at a time does.

SQLite has one writer at a time and needs none of them.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, Engine

from reactions.storage import engines, statements

CHECKING = 0x636865636B  # the lock of the rolling check
ROLLING_UP = 0x726F6C6C  # and that of the rollups
_COUNTING = 0x766F746573  # and that of transactions that count votes
_KEYS = 0x6B657973  # and that of where article keys lead
_COUNTING_MS = 10_000
_TAKE_PART = f"SELECT pg_advisory_xact_lock_shared({_COUNTING}), {engines.DURABLE}"


def take_part_in_counting(connection: Connection) -> None:
    """Let `wait_for_counting` wait for this transaction. Call it before reading what the transaction relies on.

    Costs no write: an advisory lock that all share. The same statement asks whether COMMIT still waits for the disk, because
    that can be turned off while connections are open. Raises Unavailable.
    """
    begin_to_take_part(connection)()


def begin_to_take_part(connection: Connection) -> Callable[[], None]:
    """The same in a block `in_one_trip`, before the questions that rely on it; call what it returns after the block."""
    if connection.dialect.name != "postgresql":
        return lambda: None
    answer = statements.begin(connection, _TAKE_PART)
    return lambda: engines.check_durable(*answer()[0][1:])


def wait_for_counting(engine: Engine) -> None:
    """Return once every transaction that was counting votes has ended; those that begin later see what was committed before.

    A change that ends voting on an article calls it before it looks at the votes. Raises what a lock time-out raises.
    """
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_COUNTING_MS}")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_COUNTING})")


def alone(connection: Connection, lock: int) -> bool:
    """True if no other transaction holds the lock `lock`, and on SQLite; this one holds it until it ends. Waits for nobody."""
    if connection.dialect.name != "postgresql":
        return True
    return bool(connection.exec_driver_sql(f"SELECT pg_try_advisory_xact_lock({lock})").scalar_one())


def rely_on_keys(connection: Connection) -> None:
    """Let nobody change where article keys lead before this transaction ends. Call it before asking where they lead.

    For descriptions and imports, however long they take: no vote waits for this lock. Those that readers register take part in
    counting instead.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock_shared({_KEYS})")


def lead_keys(connection: Connection) -> None:
    """Wait until no other transaction relies on where article keys lead, and let none begin before this one ends.

    Call it before `stop_counting`, and lock articles in between: votes do not wait meanwhile, and all take these locks in turn.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_KEYS})")


def stop_counting(connection: Connection) -> None:
    """Wait until no transaction counts votes, and let none begin before this one ends. Make it short: votes wait."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_COUNTING})")
