"""How fast exports are, what memory they take, and what they cost the votes: `python -m bench exports --events 1000000`.

Downloads of the real service over HTTP, one worker on one core, client and load generator on the other.
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import create_engine

from bench import ledger_rows, load, machine, paper
from bench.servers import Server, Stand
from reactions.newsroom import api_keys, sites
from reactions.storage import engines
from reactions.storage.engines import writing
from tests.command_line import CommandLine, at_least

_FILES = ("votes.csv", "votes.csv.gz", "series.csv", "articles.csv", "votes.parquet")
_DAYS = 90


@dataclass(frozen=True, slots=True)
class Download:
    """One export as its client and the kernel saw it."""

    rows: int
    size: int
    first_byte_ms: float
    first_row_ms: float
    seconds: float
    rss_mb: float


def main(words: Sequence[str]) -> int:
    """Measure and print Markdown."""
    chosen = _arguments(words)
    machine.introduce()
    with Stand() as stand:
        for kind in chosen.engines:
            for events in chosen.events:
                with stand.comparison() as servers:
                    server = servers.ours(kind, exports_per_key=9)
                    _fill(server.database_url, events, chosen.articles)
                    _measure(server, f"{kind}, {events:,} events, {chosen.articles:,} articles", chosen)
    return 0


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = CommandLine(prog="python -m bench exports", description=__doc__)
    parser.add_argument("--events", type=at_least(1), nargs="+", default=[1_000_000])
    parser.add_argument("--articles", type=at_least(1), default=10_000)
    parser.add_argument("--engines", nargs="+", choices=["sqlite", "postgresql"], default=["sqlite", "postgresql"])
    parser.add_argument("--repeats", type=at_least(1), default=3)
    parser.add_argument("--seconds", type=at_least(0), default=8, help="of votes, alone and beside exports; 0 for none")
    return parser.parse_args(words)


def _fill(url: str, events: int, articles: int) -> None:
    now_hour = int(time.time() // 3600)
    made = paper.rows(votes=events, articles=articles, days=_DAYS, site_key=load.SITE, now_hour=now_hour)
    paper.store(url, made)
    ledger_rows.store(url, made)


def _measure(server: Server, title: str, chosen: argparse.Namespace) -> None:
    key = _key(server.database_url)
    server.service.get("/readyz")
    print(f"**{title}**\n")
    print("| | rows | MB | first byte ms | first rows ms | rows/s | memory above idle MB |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for name in _FILES:
        found = [_download(server, key, name) for _ in range(chosen.repeats)]
        middle = {field: statistics.median(getattr(one, field) for one in found) for field in Download.__slots__}
        print(
            f"| {name} | {middle['rows']:,.0f} | {middle['size'] / 1e6:.1f} | {middle['first_byte_ms']:.0f} "
            f"| {middle['first_row_ms']:.0f} | {_rate(middle)} | {max(one.rss_mb for one in found):.1f} |",
            flush=True,
        )
    print()
    if chosen.seconds:
        _beside_votes(server, key, chosen)


def _rate(middle: dict[str, float]) -> str:
    return f"{middle['rows'] / middle['seconds']:,.0f}" if middle["rows"] else f"– ({middle['seconds']:.1f} s)"


def _key(url: str) -> str:
    engine = create_engine(url)
    engines.prepare(engine)
    with writing(engine) as connection:
        site = sites.get(connection, load.SITE)
        _, key = api_keys.create(connection, site, scopes=["read"], label="bench", now_ms=time.time_ns() // 1_000_000)
    engine.dispose()
    return key


def _download(server: Server, key: str, name: str) -> Download:
    (worker,) = server.processes()
    with machine.on_core(machine.LOAD_CORE), _watched(worker.memory_info) as peak:
        began = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", server.service.port, timeout=600)
        connection.request("GET", f"/v1/sites/{load.SITE}/export/{name}", headers={"Authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        size, lines, firsts = 0, 0, []
        while piece := answer.read1(1 << 20):
            firsts += [time.perf_counter()] if len(firsts) < 2 else []
            size += len(piece)
            lines += piece.count(b"\r\n") if name.endswith(".csv") else 0
        ended = time.perf_counter()
        connection.close()
    first, second = (firsts * 2)[:2]
    return Download(
        max(lines - 1, 0), size, (first - began) * 1000, (second - began) * 1000, ended - began, (peak[0] - peak[1]) / 1e6
    )


@contextmanager
def _watched(memory: object) -> Iterator[list[int]]:
    """The highest resident memory in the block, and the one before it."""
    before: int = memory().rss  # type: ignore[operator]
    peak, done = [before, before], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            peak[0] = max(peak[0], memory().rss)  # type: ignore[operator]

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def _beside_votes(server: Server, key: str, chosen: argparse.Namespace) -> None:
    """Votes alone and beside exports that follow one another, in turns."""
    cast = load.votes(articles=1000)
    load.run(cast, url=server.url, connections=32, seconds=2)
    alone, beside, rows = [], [], 0
    for _ in range(chosen.repeats):
        alone.append(load.run(cast, url=server.url, connections=32, seconds=chosen.seconds))
        with _exporting(server, key) as exported:
            beside.append(load.run(cast, url=server.url, connections=32, seconds=chosen.seconds))
        rows += exported[0]
    print("| Votes, 32 connections | votes/s | p50 ms | p99 ms | errors |\n|---|--:|--:|--:|--:|")
    for name, figures in (("alone", alone), ("beside an export", beside)):
        rate, p50, p99 = (statistics.median(getattr(one, field) for one in figures) for field in ("per_s", "p50_ms", "p99_ms"))
        print(f"| {name} | {rate:,.0f} | {p50:.0f} | {p99:.0f} | {sum(one.errors for one in figures)} |")
    rates = [statistics.median(one.per_s for one in figures) for figures in (alone, beside)]
    exported = rows / chosen.repeats / chosen.seconds
    print(f"\nKept: {rates[1] / rates[0]:.0%} of the votes; {exported:,.0f} rows/s were exported meanwhile.\n")


@contextmanager
def _exporting(server: Server, key: str) -> Iterator[list[int]]:
    """Download votes.csv over and over until the block ends; the number of lines so far."""
    lines, done = [0], threading.Event()

    def export() -> None:
        while not done.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", server.service.port, timeout=60)
            connection.request("GET", f"/v1/sites/{load.SITE}/export/votes.csv", headers={"Authorization": f"Bearer {key}"})
            answer = connection.getresponse()
            while not done.is_set() and (piece := answer.read1(1 << 20)):
                lines[0] += piece.count(b"\r\n")
            connection.close()

    thread = threading.Thread(target=export)
    with machine.on_core(machine.LOAD_CORE):
        thread.start()
    try:
        yield lines
    finally:
        done.set()
        thread.join()
