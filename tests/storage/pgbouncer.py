"""A private PgBouncer in transaction mode before a PostgreSQL, where the system has one (Debian: `pgbouncer`)."""

from __future__ import annotations

import shutil
from pathlib import Path

import psycopg

from tests.engines import Engine, Postgres, free_port

_CONFIG = """
[databases]
* = host={folder} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_client_conn = 500
{more}
"""


def binaries() -> Path | None:
    """The directory that holds PgBouncer, or None."""
    found = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin:/usr/local/sbin")
    return Path(found).parent if found else None


class PgBouncer(Engine):
    """Gives each transaction one of four connections to the server."""

    def __init__(self, folder_of_binaries: Path, server: Postgres, *, more: str = "") -> None:
        """`more` is added to its configuration."""
        super().__init__(folder_of_binaries, "pgbouncer")
        self.port = free_port()
        self._config = self.folder / "pgbouncer.ini"
        self._config.write_text(_CONFIG.format(folder=server.folder, port=self.port, more=more))

    def command(self) -> list[str]:
        return [str(self.binaries / "pgbouncer"), str(self._config)]

    def answers(self) -> bool:
        try:
            with psycopg.connect(self.url("postgres").replace("+psycopg", ""), connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"
