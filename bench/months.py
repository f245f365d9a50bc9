"""What dropping a month costs, and letting the ledger lie in months: `python -m bench.months --votes 10000000`, `--convert`.

A month of votes is made in PostgreSQL by set-based statements. Another process drops it, or converts the table, while this one
votes on another article, one vote at a time. Prints seconds, the longest wait of a vote, and the disk.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine

from bench.dropping import _opened, _shown, _voting
from reactions.storage import migrations, partitions
from reactions.storage.engines import snapshot
from reactions.times import now_ms
from reactions.votes import integrity, months, sealing
from reactions.votes.ballot_box import BallotBox
from tests import make
from tests.command_line import CommandLine, at_least
from tests.engines import Postgres

# 10,000 articles, the busiest with a hundredth of the votes; an event and a vote for each reader.
_FILL = (
    "CREATE TABLE made AS SELECT 1000 + (10000 * power(random(), 2))::bigint AS article_id, decode(md5(n::text), 'hex') AS voter,"
    " (ARRAY['like', 'love', 'sad', 'wow', 'angry', 'funny', 'dislike'])[1 + mod((7 * random() ^ 2)::int, 7)] AS reaction, "
    "{begin} + (random() * ({end} - {begin} - 1))::bigint AS at FROM generate_series(1, {votes}) AS n",
    "INSERT INTO article (article_id, site_id, key, first_seen_at) "
    "SELECT n, 1, 'made-' || n, {begin} FROM generate_series(1000, 11000) AS n",
    "INSERT INTO event (article_id, voter, seq, to_reaction, cause, at) "
    "SELECT article_id, voter, at, reaction, 'vote', at FROM made ORDER BY at",
    "INSERT INTO vote (article_id, voter, reaction, seq, cast_at, changed_at) "
    "SELECT article_id, voter, reaction, at, at, at FROM made ORDER BY at",
    "INSERT INTO tally (article_id, reaction, n) SELECT article_id, reaction, count(*) FROM made GROUP BY 1, 2",
    "INSERT INTO hourly (article_id, hour_utc, reaction, added, removed, {readers}) "
    "SELECT article_id, at / 3600000, reaction, count(*), 0, {ten_minutes} FROM made GROUP BY 1, 2, 3",
    "DROP TABLE made",
)
_PARTS = range(0, 60, 10)


def _timed(what: str, work: Callable[[], Any]) -> Any:
    began = time.perf_counter()
    done = work()
    print(f"{what}: {time.perf_counter() - began:.1f} s", flush=True)
    return done


def _partition(engine: Engine, begin: int) -> None:
    partitions.partition(engine, now_ms=partitions.month_of(begin, later=-1))
    for later in range(3):
        partitions.keep_ahead(engine, now_ms=partitions.month_of(begin, later=later))


def _fill(engine: Engine, votes: int) -> None:
    begin = partitions.month_of(now_ms(), later=-2)
    given = {
        "begin": begin,
        "end": partitions.month_of(begin, later=1),
        "votes": votes,
        "readers": ", ".join(f"readers_{minute:02}" for minute in _PARTS),
        "ten_minutes": ", ".join(f"count(*) FILTER (WHERE mod(at / 600000, 6) = {n})" for n in range(6)),
    }
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        for statement in _FILL:
            connection.exec_driver_sql(statement.format(**given))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("SET statement_timeout = 0")
        connection.exec_driver_sql("VACUUM ANALYZE")
        connection.exec_driver_sql("CHECKPOINT")
        connection.exec_driver_sql("RESET statement_timeout")


def _size(engine: Engine) -> float:
    """Of the database (MB)."""
    with engine.connect() as connection:
        return float(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one()) / 1e6


def _bytes_of(engine: Engine, name: str) -> tuple[int, int]:
    """Of a table, and of its indexes."""
    query = f"SELECT pg_table_size('{name}'), pg_indexes_size('{name}')"
    with engine.connect() as connection:
        return tuple(connection.exec_driver_sql(query).one())  # type: ignore[return-value]


def _verify(engine: Engine) -> int:
    with snapshot(engine) as listing:
        pieces = list(integrity.ranges(listing, above=None, articles=1000))
    found = 0
    for piece in pieces:
        with snapshot(engine) as connection:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            found += len(integrity.all_differences(connection, piece))
    with snapshot(engine) as connection:
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        return found + len(sealing.differences(connection))


def _drop(url: str, *, check: bool) -> None:
    engine, box = _opened(url)
    for piece in months.drop(engine, box, keep_months=0, now_ms=now_ms, check=check):
        print(json.dumps(piece._asdict()), flush=True)
    box.close()
    engine.dispose()


def measured(url: str, votes: int, *, check: bool) -> None:
    """Print the figures."""
    engine, box = _opened(url)
    migrations.upgrade(engine)
    make.site(url)
    _partition(engine, partitions.month_of(now_ms(), later=-2))
    _timed("made", lambda: _fill(engine, votes))
    _timed("sealed", lambda: sealing.seal(engine, now_ms=now_ms()))
    name = f"event_{partitions.name_of(partitions.month_of(now_ms(), later=-2)).replace('-', '_')}"
    for table in ("vote", name):
        print(table, *(f"{size / votes:.1f}" for size in _bytes_of(engine, table)), "bytes a vote: table, indexes")
    before = _size(engine)
    _beside(engine, box, "--drop", url, *([] if check else ["--unchecked"]))
    print(f"disk: {before:,.0f} MB before, {_size(engine):,.0f} MB after")
    print("differences after:", _timed("verified", lambda: _verify(engine)))
    box.close()
    engine.dispose()


def converted(url: str, votes: int) -> None:
    """Print the figures of the conversion."""
    engine, box = _opened(url)
    migrations.upgrade(engine)
    make.site(url)
    _timed("made", lambda: _fill(engine, votes))
    _beside(engine, box, "--partition", url)
    box.close()
    engine.dispose()


def _beside(engine: Engine, box: BallotBox, *words: str) -> None:
    """Vote while another process works, and alone; print what it says, and how long a vote took."""
    alone = _voting(engine, box, lambda: time.sleep(10))
    said: list[str] = []
    refused: list[str] = []
    command = [sys.executable, "-m", "bench.months", *words]
    beside = _voting(
        engine, box, lambda: said.append(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout), refused
    )
    print(*said, end="")
    print(f"a vote alone (ms): {_shown(alone)}; meanwhile: {_shown(beside)} ({len(beside):,} votes, {len(refused)} refused)")


def _convert(url: str) -> None:
    engine, box = _opened(url)
    _timed("partitioned", lambda: partitions.partition(engine, now_ms=now_ms()))
    box.close()
    engine.dispose()


def main() -> None:
    """Measure, or only drop."""
    options = CommandLine()
    options.add_argument("--votes", type=at_least(1), default=1_000_000)
    options.add_argument("--unchecked", action="store_true", help="do not read the events beside their seals before they go")
    options.add_argument("--convert", action="store_true", help="measure `reactions db partition` instead")
    options.add_argument("--partition", metavar="URL", help="only convert the ledger there")
    options.add_argument("--drop", metavar="URL", help="only drop there, and print what went as JSON")
    chosen = options.parse_args()
    if chosen.drop or chosen.partition:
        _drop(chosen.drop, check=not chosen.unchecked) if chosen.drop else _convert(chosen.partition)
        return
    server = Postgres()
    server.start()
    try:
        server.create_database("months")
        if chosen.convert:
            converted(server.url("months"), chosen.votes)
        else:
            measured(server.url("months"), chosen.votes, check=not chosen.unchecked)
    finally:
        server.close()


if __name__ == "__main__":
    main()
