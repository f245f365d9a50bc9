"""A stage for each test, on the servers of this test process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.databases import PostgresDatabases, SqliteFiles
from tests.engines import Redis
from tests.faults.stage import Stage

SetStage = Callable[..., Stage]


@pytest.fixture
def set_stage(
    request: pytest.FixtureRequest, sqlite_files: SqliteFiles, redis_server: Redis, redis_url: str, tmp_path: Path
) -> Iterator[SetStage]:
    """Set a stage: `set_stage(store, folder=…, plant=…)`. A PostgreSQL that a play left stopped is started again."""
    with ExitStack() as stack:

        def set_up(store: str, *, folder: Path = tmp_path, plant: str | None = None) -> Stage:
            databases: PostgresDatabases | None = None
            if store == "postgresql":
                databases = request.getfixturevalue("postgres_databases")
            stage = Stage(store, folder, sqlite=sqlite_files, postgres=databases, redis=redis_server, plant=plant)
            stack.callback(stage.close)
            return stage

        yield set_up
