"""A site whose ledger is dropped by months: on SQLite, on PostgreSQL, and on PostgreSQL with the ledger in months."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reactions.storage import partitions
from reactions.times import DAY_MS
from tests.boxes import Booth, booth, prepared
from tests.votes.months.stage import DECEMBER, NOVEMBER, OCTOBER


@pytest.fixture
def daily(kind: str, own_url: str) -> Iterator[Booth]:
    with prepared(own_url) as engine:
        if kind == "in months":
            partitions.partition(engine, now_ms=OCTOBER - 20 * DAY_MS)
            for month in (OCTOBER, NOVEMBER, DECEMBER):
                partitions.keep_ahead(engine, now_ms=month)
        yield booth(engine)
