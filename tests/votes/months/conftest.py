"""A site whose ledger is dropped by months: on SQLite, on PostgreSQL, and on PostgreSQL with the ledger in months."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine

from reactions.storage import engines, partitions
from reactions.times import DAY_MS
from tests import boxes, make
from tests.boxes import Booth, booth
from tests.votes.months.stage import DECEMBER, NOVEMBER, OCTOBER


@pytest.fixture(params=["sqlite", "postgresql", "in months"])
def kind(request: pytest.FixtureRequest) -> str:
    """Both engines, and PostgreSQL with partitions."""
    return str(request.param)


@pytest.fixture
def daily(kind: str, request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Booth]:
    if kind == "sqlite":
        url = request.getfixturevalue("sqlite_files").copy_to(tmp_path)
    else:
        databases = request.getfixturevalue("postgres_databases")
        url = databases.server.url(databases.own())
    engine = create_engine(url)
    engines.prepare(engine)
    make.site(url)
    if kind == "in months":
        partitions.partition(engine, now_ms=OCTOBER - 20 * DAY_MS)
        for month in (OCTOBER, NOVEMBER, DECEMBER):
            partitions.keep_ahead(engine, now_ms=month)
    yield booth(engine)
    boxes.close_all()
    engine.dispose()
