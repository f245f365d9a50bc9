"""How long a report takes: `python -m bench.reports --votes 100000 1000000 10000000 --repeats 15`. README.md has the figures.

Four states of a process: `first` has read nothing yet, `closed` has answered before the last hour closed, `again` remembers what
closed hours say, `kept` answers a dashboard that is at most five seconds old. Medians of wall time and of this process's own
processor time; votes arrive meanwhile. Rollups and the sums that a process begins with are made before.
"""

from __future__ import annotations

import argparse
import gc
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import orjson
from sqlalchemy import Engine, create_engine, text

from bench import machine, paper
from reactions.newsroom import sites
from reactions.newsroom.sites import Site
from reactions.reports.query import ReportQuery
from reactions.reports.reporting import Reports, keep_sums
from reactions.storage import engines
from reactions.votes import rollups
from tests import make
from tests.command_line import CommandLine, at_least
from tests.databases import PROJECT, PostgresDatabases, SqliteFiles
from tests.engines import Postgres

ARTICLES, DAYS = 10_000, 90
PERIODS = ("24h", "7d", "28d", "90d")
SORTS = ("votes", "trending", "mood", "split", "surprise", "published")
Report = Callable[[Reports], object]


def main() -> None:
    """Measure and print Markdown."""
    parser = CommandLine(description=__doc__)
    parser.add_argument("--votes", type=at_least(1), nargs="+", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--engines", nargs="+", choices=("sqlite", "postgresql"), default=["sqlite", "postgresql"])
    parser.add_argument("--repeats", type=at_least(1), default=15)
    parser.add_argument("--articles", type=at_least(1), default=ARTICLES)
    parser.add_argument("--index", nargs="*", default=[], help="SQL to run on SQLite before measuring, such as another index")
    chosen = parser.parse_args()
    machine.introduce()
    gc.collect()
    gc.freeze()  # as a worker does
    for votes in chosen.votes:
        made = paper.rows(votes=votes, articles=chosen.articles, days=DAYS, site_key="daily", now_hour=int(time.time() // 3600))
        for kind in chosen.engines:
            with _database(kind) as url:
                paper.store(url, made)
                _sum_up(url)
                _measure(url, kind, votes, made, chosen)


def _sum_up(url: str) -> None:
    """Make what the processes of a running service make each minute: the rollups, and sums to begin with."""
    engine = create_engine(url)
    engines.prepare(engine)
    rollups.roll_up(engine, now_ms=_now_ms(), within_s=3600)
    keep_sums(engine, now_ms=_now_ms())
    engine.dispose()


@contextmanager
def _database(kind: str) -> Iterator[str]:
    with TemporaryDirectory(prefix="bench-") as folder:
        if kind == "sqlite":
            url = SqliteFiles(Path(folder)).copy_to(Path(folder))
            make.site(url)
            yield url
            return
        server = Postgres()
        try:
            server.start()
            url = server.url(PostgresDatabases(server).own())
            make.site(url)
            yield url
        finally:
            server.close()


def _measure(url: str, kind: str, votes: int, made: paper.Rows, chosen: argparse.Namespace) -> None:
    engine = create_engine(url)
    engines.prepare(engine)
    with engine.begin() as connection:
        site = sites.get(connection, "daily")
        for statement in chosen.index if kind == "sqlite" else ():
            connection.execute(text(statement))
    print(f"**{kind}, {votes:,} votes, {len(made['article']):,} articles, {len(made['hourly']):,} hourly rows**\n")
    print("| | first ms | CPU | closed ms | CPU | again ms | CPU | kept ms |\n|---|--:|--:|--:|--:|--:|--:|--:|")
    with _votes_arriving(url):
        for name, report in _reports(site).items():
            _row(engine, name, report, chosen.repeats)
    print(flush=True)
    engine.dispose()


def _reports(site: Site) -> dict[str, Report]:
    def dashboard(**asked: str) -> Report:
        return lambda newsroom: newsroom.dashboard(site, ReportQuery(**asked))

    def articles(sort: str, **asked: str) -> Report:
        return lambda newsroom: newsroom.articles(site, ReportQuery(**asked), sort=sort)

    def second_page(newsroom: Reports) -> object:
        first = newsroom.articles(site, ReportQuery(period="28d"))
        return newsroom.articles(site, ReportQuery(period="28d"), cursor=first.next or "")

    return {
        **{f"dashboard {period}": dashboard(period=period) for period in PERIODS},
        "dashboard 28d of a section": dashboard(period="28d", section="Sport"),
        "dashboard 28d of an author": dashboard(period="28d", author="Author 7"),
        "dashboard 28d with a word": dashboard(period="28d", text="politics 77"),
        **{f"articles 7d by {sort}": articles(sort, period="7d") for sort in SORTS},
        **{f"articles 90d by {sort}": articles(sort, period="90d") for sort in SORTS},
        "articles 28d, first page and second": second_page,
        "one article": lambda newsroom: newsroom.article(site, f"story/{ARTICLES // 2}"),
        "series 90d": lambda newsroom: newsroom.series(site, ReportQuery(period="90d")),
    }


def _row(engine: Engine, name: str, report: Report, repeats: int) -> None:
    first = _timed(lambda: report(_newsroom(engine)), repeats)
    hours = iter(range(-repeats - 1, 0))
    clock = [0]
    closing = _newsroom(engine, clock=lambda: _now_ms() + clock[0] * paper.HOUR_MS)

    def after_an_hour() -> object:
        clock[0] = next(hours)
        return report(closing)

    after_an_hour()
    closed = _timed(after_an_hour, repeats)
    warm = _newsroom(engine)
    report(warm)
    again = _timed(lambda: report(warm), repeats)
    kept = ""
    if name.startswith("dashboard"):
        keeping = _newsroom(engine, dashboard_kept_s=3600)
        report(keeping)
        kept = f"{_timed(lambda: report(keeping), repeats)[0]:.1f}"
    numbers = " | ".join(f"{number:.0f}" for number in (*first, *closed, *again))
    print(f"| {name} | {numbers} | {kept} |", flush=True)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _newsroom(engine: Engine, *, dashboard_kept_s: float = 0, clock: Callable[[], int] = _now_ms) -> Reports:
    return Reports(engine, cursor_key=b"k" * 32, clock=clock, dashboard_kept_s=dashboard_kept_s)


def _timed(act: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Medians of wall and of processor time in ms; writing the JSON is part of it."""
    wall, cpu = [], []
    for _ in range(repeats):
        began, used = time.perf_counter(), time.process_time()
        _written(act())
        wall.append((time.perf_counter() - began) * 1000)
        cpu.append((time.process_time() - used) * 1000)
    return median(wall), median(cpu)


def _written(report: object) -> bytes:
    parts = [getattr(report, name) for name in ("series", "lists", "live", "articles", "article") if hasattr(report, name)]
    return orjson.dumps(parts)


@contextmanager
def _votes_arriving(url: str) -> Iterator[None]:
    """Run a process that casts 20 votes a second through a ballot box."""
    process = subprocess.Popen([sys.executable, "-m", "bench.readers", url], cwd=PROJECT)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


if __name__ == "__main__":
    main()
