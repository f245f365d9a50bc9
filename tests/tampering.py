"""Changing the database behind the service's back, as tests of its checks must."""

from __future__ import annotations

from sqlalchemy import Connection


def open_ledger(connection: Connection) -> None:
    """Let this database change events. On PostgreSQL the tests' user is a superuser, whom no right keeps from it."""
    if connection.dialect.name == "sqlite":
        for change in ("update", "delete"):
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS ledger_closed_{change}")
