"""A streaming replica of a private PostgreSQL."""

from __future__ import annotations

from tests.engines import Postgres, postgres_sources


class Replica(Postgres):
    """A streaming replica of a server that runs."""

    def __init__(self, primary: Postgres) -> None:
        self._primary = primary
        super().__init__(next(postgres_sources()))

    def _make_data(self) -> None:
        self.run(
            str(self.binaries / "pg_basebackup"), "-h", str(self._primary.folder), "-U", "postgres",
            "-D", str(self.folder / "data"), "-R", "-X", "stream", "-c", "fast", "--no-sync",
        )  # fmt: skip
