"""The votes and the events behind the sums of `bench.paper`, made in bulk: a ledger of a million rows in seconds."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from typing import Any

import psycopg

from bench.paper import HOUR_MS, Rows

_EVENT = ("article_id", "voter", "seq", "from_reaction", "to_reaction", "cause", "at")
_VOTE = ("article_id", "voter", "reaction", "seq", "cast_at", "changed_at")


def store(url: str, made: Rows) -> int:
    """Write one vote and one event for each reaction that was given; return how many events."""
    rnd = random.Random(1)
    events, votes = [], []
    for article_id, hour, reaction, added, _removed, _readers in made["hourly"]:
        for _ in range(added):
            voter, at_ms = rnd.randbytes(16), hour * HOUR_MS + rnd.randrange(HOUR_MS)
            events.append((article_id, voter, at_ms, None, reaction, "vote", at_ms))
            votes.append((article_id, voter, reaction, at_ms, at_ms, at_ms))
    _write(url, "event", _EVENT, sorted(events, key=lambda row: row[:2]))
    _write(url, "vote", _VOTE, sorted(votes, key=lambda row: row[:2]))
    return len(events)


def _write(url: str, table: str, columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=60)) as lite, lite:
            marks = ", ".join("?" * len(columns))
            lite.executemany(f"insert into {table} ({', '.join(columns)}) values ({marks})", rows)
        return
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        with connection.cursor().copy(f"copy {table} ({', '.join(columns)}) from stdin".encode()) as copy:
            for row in rows:
                copy.write_row(row)
        connection.execute("vacuum analyze")
