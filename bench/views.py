"""Beacons beside votes: `python -m bench.views --seconds 5`. One worker on one core; README.md has the figures.

The floor is an application that does nothing, under the same server. Behind nginx all beacons come from one network, so that most
are beyond its share: read, checked and turned away. Without nginx each comes from a network of its own, and is counted.
"""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
from sqlalchemy import create_engine

from bench import load, machine
from bench.load import SITE
from bench.servers import Server, Stand
from reactions.newsroom import sites
from reactions.storage.engines import prepare, writing
from tests.command_line import CommandLine, at_least

_ARTICLES, _CONNECTIONS = 50, 32


def main() -> None:
    parser = CommandLine(prog="python -m bench.views", description=__doc__)
    parser.add_argument("--seconds", type=at_least(1), default=5)
    parser.add_argument("--repeats", type=at_least(1), default=3)
    chosen = parser.parse_args()
    print(machine.description())
    with Stand() as stand, stand.comparison() as servers:
        server = servers.ours("sqlite", trusted_proxies="127.0.0.1")
        engine = create_engine(server.database_url)
        prepare(engine)
        with writing(engine) as connection:
            sites.change(connection, SITE, count_views=1)
        floor = servers.empty()
        faced = {"behind nginx, all from one network": servers.behind_nginx(server)}
        faced["nothing behind nginx"] = servers.behind_nginx(floor)
        stands = {"each from a network of its own": server, "nothing": floor, **faced}
        for _ in range(chosen.repeats):  # in turns, so that what else runs here meets all of them
            for what, stood in stands.items():
                if stood is not None:
                    _tell_beacons(stood, chosen.seconds, what)
        kept = [_beside(server, chosen.seconds) for _ in range(chosen.repeats)]
        print(f"votes beside beacons, median of {len(kept)} turns: {statistics.median(kept):.0%} of those alone")


def _beside(server: Server, seconds: int) -> float:
    """Votes alone, and with as many beacons beside as two connections can send; the share of votes that is kept."""
    votes = load.votes(articles=_ARTICLES)
    alone = load.run(votes, url=server.service.url, connections=_CONNECTIONS, seconds=seconds)
    with _two_connections_of_beacons(server.service.url, seconds):
        beside = load.run(votes, url=server.service.url, connections=_CONNECTIONS, seconds=seconds)
    print(f"votes a second: {alone.per_s:,.0f} alone, {beside.per_s:,.0f} beside beacons, {beside.per_s / alone.per_s:.0%}")
    return beside.per_s / alone.per_s


@contextmanager
def _two_connections_of_beacons(url: str, seconds: int) -> Iterator[None]:
    with machine.on_core(machine.LOAD_CORE):
        beacons = subprocess.Popen(_command(url, seconds, connections=2), cwd=load._SCRIPTS, stdout=subprocess.PIPE, text=True)
    yield
    last = beacons.communicate(timeout=seconds + 30)[0].splitlines()[-1]
    print(f"  beside: {load._figures(json.loads(last)).per_s:,.0f} beacons a second on two connections")


def _tell_beacons(server: Server, seconds: int, what: str) -> None:
    """The CPU time of a beacon is what a machine that others use too can tell."""
    ours = server.service.pids()
    each = [psutil.Process(pid) for pid in ours], server.processes()[len(ours) :]
    before = [machine.cpu_s(processes) for processes in each]
    with machine.on_core(machine.LOAD_CORE):
        command = _command(server.url, seconds, connections=_CONNECTIONS)
        done = subprocess.run(command, cwd=load._SCRIPTS, capture_output=True, text=True, check=True)
    found = load._figures(json.loads(done.stdout.splitlines()[-1]))
    used = [machine.cpu_s(processes) - first for processes, first in zip(each, before, strict=True)]
    ours_us, nginx_us = (1e6 * seconds_used / max(found.requests, 1) for seconds_used in used)
    core = 1e6 / max(ours_us + nginx_us, 1)
    print(
        f"beacons, {what}: {found.per_s:,.0f} a second, {ours_us:,.0f} us of CPU each and {nginx_us:,.0f} of nginx, "
        f"so {core:,.0f} a second on one core; {found.errors:,} refused or failed"
    )


def _command(url: str, seconds: int, *, connections: int) -> list[str]:
    command = [load.wrk(), "-t1", f"-c{connections}", f"-d{seconds}s", "-s", "views.lua", f"{url}/v1/sites/{SITE}/views"]
    return [*command, "--", str(_ARTICLES)]


if __name__ == "__main__":
    main()
