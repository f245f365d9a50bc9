"""What a dashboard costs the readers: `python -m bench.refreshing --seconds 10 --repeats 3`.

Votes spread over 1,000 articles of a site that has a million votes already, in turns: alone, and while an editor's dashboard of
28 days is fetched each second from the same worker.
"""

from __future__ import annotations

import argparse
import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

from sqlalchemy import create_engine

from bench import load, machine, paper
from bench.cases import SPREAD
from bench.load import Figures
from bench.reports import ARTICLES, DAYS
from bench.servers import Server, Stand
from reactions.newsroom import api_keys, sites
from reactions.storage import engines
from tests.command_line import CommandLine, at_least

_CONNECTIONS = 32
_PATH = f"/v1/sites/{load.SITE}/dashboard?period=28d"


@dataclass
class Editor:
    """Somebody who keeps a dashboard open, and how long each refresh took, in ms."""

    server: Server
    key: str
    took_ms: list[float] = field(default_factory=list)

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Refresh each second until the block ends."""
        ended = threading.Event()
        thread = threading.Thread(target=self._refresh, args=(ended,))
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _refresh(self, ended: threading.Event) -> None:
        while not ended.wait(1):
            began = time.perf_counter()
            self.fetch()
            self.took_ms.append((time.perf_counter() - began) * 1000)

    def fetch(self) -> None:
        """Fetch the dashboard once."""
        connection = http.client.HTTPConnection(self.server.url.removeprefix("http://"), timeout=30)
        connection.request("GET", _PATH, headers={"Authorization": f"Bearer {self.key}"})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        if answer.status != 200:
            raise RuntimeError(f"The dashboard answers {answer.status}.")


def main() -> None:
    """Measure and print Markdown."""
    parser = CommandLine(description=__doc__)
    parser.add_argument("--votes", type=at_least(1), default=1_000_000)
    parser.add_argument("--engines", nargs="+", choices=("sqlite", "postgresql"), default=["sqlite", "postgresql"])
    parser.add_argument("--seconds", type=at_least(1), default=10)
    parser.add_argument("--repeats", type=at_least(1), default=3)
    chosen = parser.parse_args()
    machine.introduce()
    print("| | votes/s alone | beside a dashboard | share | p99 ms | p99 ms beside | dashboard median ms |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    now_hour = int(time.time() // 3600)
    made = paper.rows(votes=chosen.votes, articles=ARTICLES, days=DAYS, site_key=load.SITE, now_hour=now_hour)
    for kind in chosen.engines:
        with Stand() as stand, stand.comparison() as servers:
            server = servers.ours(kind)
            paper.store(server.database_url, made)
            editor = Editor(server, _key(server.database_url))
            editor.fetch()
            print(_line(kind, editor, chosen), flush=True)


def _line(kind: str, editor: Editor, chosen: argparse.Namespace) -> str:
    _votes(editor.server, 2)
    alone, beside = [], []
    for _ in range(chosen.repeats):
        alone.append(_votes(editor.server, chosen.seconds))
        with editor.looking():
            beside.append(_votes(editor.server, chosen.seconds))
    share = median(with_it.per_s / without.per_s for without, with_it in zip(alone, beside, strict=True))
    rates = " | ".join(f"{median(run.per_s for run in runs):,.0f}" for runs in (alone, beside))
    waits = " | ".join(f"{median(run.p99_ms for run in runs):.0f}" for runs in (alone, beside))
    return f"| {kind} | {rates} | {share:.0%} | {waits} | {median(editor.took_ms):.0f} |"


def _votes(server: Server, seconds: int) -> Figures:
    figures = load.run(SPREAD, url=server.url, connections=_CONNECTIONS, seconds=seconds)
    if figures.errors:
        raise RuntimeError(f"{figures.errors} votes were refused or got no answer.")
    return figures


def _key(database_url: str) -> str:
    engine = create_engine(database_url)
    engines.prepare(engine)
    try:
        with engines.writing(engine) as connection:
            site = sites.get(connection, load.SITE)
            _, text = api_keys.create(connection, site, scopes=["read"], label="bench", now_ms=time.time_ns() // 1_000_000)
            return text
    finally:
        engine.dispose()


if __name__ == "__main__":
    main()
