"""What grows with the number of votes and articles: `python -m bench growth --svg docs/images/growth.svg`.

For each size a site of so many votes and articles is made in bulk, and then the real service answers votes over all its articles
and reads, which it makes from the database each time. Bytes on disk are all that the database grew by: votes, events, sums,
articles and indexes. `--minutes` of votes and reads at the end tell whether memory grows.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench import ledger_rows, load, machine, paper
from bench.load import Load, NoLoadGenerator
from bench.servers import Server, Stand
from tests.command_line import CommandLine, at_least, duration, file_to_write

_DAYS = 90
_CONNECTIONS = 32
_VOTES = (10_000, 100_000, 1_000_000)
_USUAL_ARTICLES = 10_000
_ARTICLES = (100, 1_000, 10_000, 100_000)
_WIDE, _HIGH, _EDGE = 600, 240, 80


@dataclass(frozen=True, slots=True)
class Point:
    """A size, and what a vote and a read cost there: the server's (and its database's) processor time, microseconds.

    `disk` is in bytes for each vote that was stored before.
    """

    votes: int
    articles: int
    vote_us: float
    vote_per_s: float
    read_us: float
    read_per_s: float
    disk: float


def main(words: Sequence[str]) -> int:
    """Measure and print Markdown; 2 without a load generator."""
    chosen = _arguments(words)
    try:
        load.wrk()
    except NoLoadGenerator as missing:
        print(missing, file=sys.stderr)
        return 2
    machine.introduce()
    for kind in chosen.engines:
        print(f"**{kind}**\n\n| votes | articles | vote CPU µs | votes/s | read CPU µs | reads/s | bytes a vote |")
        print("|--:|--:|--:|--:|--:|--:|--:|")
        points = []
        for votes, articles in _sizes(chosen):
            points.append(_point(kind, votes, articles, chosen))
            print(_row(points[-1]), flush=True)
        if chosen.svg:
            chosen.svg.write_text(picture(points, kind), encoding="utf-8")
        if chosen.minutes:
            _memory(kind, chosen)
    return 0


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = CommandLine(prog="python -m bench growth", description=__doc__)
    parser.add_argument("--votes", type=at_least(1), nargs="+", default=_VOTES, help=f"with {_USUAL_ARTICLES:,} articles")
    parser.add_argument("--articles", type=at_least(1), nargs="+", default=_ARTICLES, help="with 100,000 votes")
    parser.add_argument("--engines", nargs="+", choices=["sqlite", "postgresql"], default=["sqlite"])
    parser.add_argument("--seconds", type=at_least(1), default=3)
    parser.add_argument("--repeats", type=at_least(1), default=3)
    parser.add_argument("--minutes", type=duration, default=3, help="of load, for the memory; 0 for none")
    parser.add_argument("--svg", type=file_to_write, help="file for the picture, of the last engine")
    return parser.parse_args(words)


def _sizes(chosen: argparse.Namespace) -> Iterator[tuple[int, int]]:
    """Votes that grow, then articles that grow."""
    yield from ((votes, _USUAL_ARTICLES) for votes in chosen.votes)
    yield from ((max(chosen.votes[0], min(100_000, chosen.votes[-1])), articles) for articles in chosen.articles)


def _point(kind: str, votes: int, articles: int, chosen: argparse.Namespace) -> Point:
    with Stand() as stand, stand.comparison() as servers:
        server = servers.ours(kind, counts_memory_s=0)  # what is remembered would hide what the database does
        empty = _disk(server)
        made = paper.rows(
            votes=votes, articles=articles, days=_DAYS, site_key=load.SITE, now_hour=int(time.time() // 3600), stem="news"
        )
        paper.store(server.database_url, made)
        stored = ledger_rows.store(server.database_url, made)
        disk = (_disk(server) - empty) / max(stored, 1)
        cast = _cost(server, load.votes(articles=articles), chosen)
        read = _cost(server, load.reads(articles=1), chosen)
    return Point(votes, articles, *cast, *read, disk)


def _cost(server: Server, asked: Load, chosen: argparse.Namespace) -> tuple[float, float]:
    """Processor time for one request in microseconds, and requests a second: medians."""
    load.run(asked, url=server.url, connections=_CONNECTIONS, seconds=1)
    took, rates = [], []
    for _ in range(chosen.repeats):
        processes = [*server.processes(), *server.engine_processes()]
        before = machine.cpu_s(processes)
        figures = load.run(asked, url=server.url, connections=_CONNECTIONS, seconds=chosen.seconds)
        if figures.errors:
            raise RuntimeError(f"{figures.errors} requests were refused or failed")
        took.append((machine.cpu_s(processes) - before) / max(figures.requests, 1) * 1e6)
        rates.append(figures.per_s)
    return statistics.median(took), statistics.median(rates)


def _disk(server: Server) -> int:
    """Bytes of the database, what waits in SQLite's journal included."""
    if server.database_url.startswith("sqlite:///"):
        file = server.database_url.removeprefix("sqlite:///")
        return sum(part.stat().st_size for end in ("", "-wal") if (part := Path(file + end)).exists())
    with psycopg.connect(server.database_url.replace("+psycopg", "")) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    return int(row[0]) if row else 0


def _memory(kind: str, chosen: argparse.Namespace) -> None:
    """Resident memory of the worker while votes of new readers and reads go on."""
    with Stand() as stand, stand.comparison() as servers:
        server = servers.ours(kind)
        seen: list[tuple[float, float]] = []
        began = time.monotonic()
        while (now := time.monotonic() - began) < chosen.minutes * 60:
            load.run(load.votes(articles=1000), url=server.url, connections=_CONNECTIONS, seconds=8)
            load.run(load.reads(articles=20), url=server.url, connections=_CONNECTIONS, seconds=2)
            seen.append((now / 60, machine.rss_mb(server.processes())))
        print(f"\nMemory: {seen[0][1]:.0f} MB after ten seconds, {seen[-1][1]:.0f} MB after {chosen.minutes:g} minutes and")
        print(f"{server.acknowledged():,} votes; in the second half {slope(seen[len(seen) // 2 :]):+.2f} MB a minute.\n")


def slope(seen: Sequence[tuple[float, float]]) -> float:
    """By how much the second number grows for each one of the first: least squares."""
    return statistics.linear_regression(*zip(*seen, strict=True)).slope if len(seen) > 1 else 0.0


def _row(point: Point) -> str:
    return (
        f"| {point.votes:,} | {point.articles:,} | {point.vote_us:,.0f} | {point.vote_per_s:,.0f} "
        f"| {point.read_us:,.0f} | {point.read_per_s:,.0f} | {point.disk:,.0f} |"
    )


def picture(points: Sequence[Point], kind: str) -> str:
    """The points as two small charts: processor time of a vote and of a read, by votes and by articles stored."""
    cut = next((place for place in range(1, len(points)) if points[place].votes < points[place - 1].votes), len(points))
    charts = [
        _chart([(point.votes, point) for point in points[:cut]], "votes stored", 0),
        _chart([(point.articles, point) for point in points[cut:]], "articles", 1),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {_HIGH}" font-family="sans-serif" font-size="11">\n'
        f"<title>Processor time of a vote and of a read on {kind}, by size</title>\n"
        f'<rect width="{_WIDE}" height="{_HIGH}" fill="#fff"/>\n{"".join(charts)}</svg>\n'
    )


def _chart(points: Sequence[tuple[int, Point]], axis: str, number: int) -> str:
    left, width, bottom = number * _WIDE // 2 + 45, _WIDE // 2 - _EDGE, _HIGH - 45
    top = max((max(point.vote_us, point.read_us) for _, point in points), default=1) * 1.1
    step = width / max(len(points) - 1, 1)
    drawn = [f'<path d="M{left} 20V{bottom}H{left + width}" fill="none" stroke="#888"/>\n']
    votes, reads = [point.vote_us for _, point in points], [point.read_us for _, point in points]
    for name, colour, values, others in (("vote", "#0b5cad", votes, reads), ("read", "#b04a00", reads, votes)):
        besides = [-7 if value >= other else 15 for value, other in zip(values, others, strict=True)]
        places = [(left + at * step, bottom - value / top * (bottom - 20)) for at, value in enumerate(values)]
        line = " ".join(f"{x:.0f},{y:.0f}" for x, y in places)
        drawn.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>\n')
        drawn += [
            f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3" fill="{colour}"/>'
            f'<text x="{x:.0f}" y="{y + beside:.0f}" text-anchor="middle" fill="{colour}">{value:.0f}</text>\n'
            for (x, y), value, beside in zip(places, values, besides, strict=True)
        ]
        drawn.append(f'<text x="{left + 6}" y="{14 if name == "vote" else 27}" fill="{colour}">{name}, CPU µs</text>\n')
    drawn += [
        f'<text x="{left + at * step:.0f}" y="{bottom + 15}" text-anchor="middle">{size:,}</text>\n'
        for at, (size, _) in enumerate(points)
    ]
    return "".join([*drawn, f'<text x="{left + width / 2:.0f}" y="{bottom + 32}" text-anchor="middle">{axis}</text>\n'])
