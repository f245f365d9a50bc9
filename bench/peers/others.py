"""How fast others are, whether their sums are right, and what a kill costs them: `python -m bench peers`.

They are installed from the package indexes into `--environments`, once. One that cannot be installed is said so in the table.
"""

from __future__ import annotations

import argparse
import http.client
import json
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import load, machine, proofs
from bench.load import NoLoadGenerator
from bench.peers import packages
from bench.peers.packages import ARTICLES, ISSO, PEERS, NotInstalled, Peer
from bench.rounds import Entrant, Ledger, Row, Turns, take_turns
from bench.servers import Server, Servers, Stand
from tests.command_line import CommandLine, at_least
from tests.engines import free_port
from tests.make import ORIGIN
from tests.service import Service

_CONNECTIONS = 32
_READERS, _LIKES_EACH = 8, 40  # at about the same time
_HEAD = """\
| | requests/s | of the ceiling | by CPU | p50 ms | p99 ms | CPU µs | answered 200 | counted | after kill -9 |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"""
Request = tuple[str, str, bytes, dict[str, str]]


@dataclass(frozen=True)
class Contestant:
    """One line of the table: `likes` is the sum that the server has counted, `request` one more of them."""

    entrant: Entrant
    likes: Callable[[], int]
    request: Callable[[int], Request]


def main(words: Sequence[str]) -> int:
    """Measure and print Markdown; 1 if nobody could be measured, 2 without a load generator."""
    chosen = _arguments(words)
    try:
        load.wrk()
    except NoLoadGenerator as missing:
        print(missing, file=sys.stderr)
        return 2
    root = chosen.environments.resolve()
    machine.introduce()
    with Stand() as stand, stand.comparison() as servers, ExitStack() as stack:
        found, lines = [_ours(servers)], []
        for peer in PEERS:
            if peer.name in chosen.peers:
                try:
                    found.append(_peer(peer, root, stack))
                except (NotInstalled, RuntimeError) as reason:
                    lines.append(f"| {peer.name} | not measured: {str(reason).strip().splitlines()[-1]} | | | | | | | | |")
        ledger, ceiling = Ledger(), Entrant("ceiling: Flask, constant JSON", servers.ceiling(), load.votes(articles=1))
        turns = Turns(chosen.seconds, chosen.repeats, chosen.patience)
        rows = take_turns([ceiling, *(each.entrant for each in found)], turns, connections=_CONNECTIONS, ledger=ledger)
        print(_HEAD)
        print(_line(rows[0], "–", "–", "–"), flush=True)
        for contestant, row in zip(found, rows[1:], strict=True):
            print(_line(row, *_counted(contestant), _killed(contestant)), flush=True)
        print("\n".join(lines))
    return 0 if len(found) > 1 else 1


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = CommandLine(prog="python -m bench peers", description=__doc__)
    parser.add_argument("--peers", nargs="+", choices=[peer.name for peer in PEERS], default=[peer.name for peer in PEERS])
    parser.add_argument("--environments", type=Path, default=Path(tempfile.gettempdir()) / "bench-peers", help="a folder to keep")
    parser.add_argument("--seconds", type=at_least(1), default=4)
    parser.add_argument("--repeats", type=at_least(1), default=3)
    parser.add_argument("--patience", type=at_least(0), default=0, help="seconds to repeat a turn that others disturbed")
    return parser.parse_args(words)


def _ours(servers: Servers) -> Contestant:
    server = servers.ours("sqlite")

    def request(sent: int) -> Request:
        said = {"article": f"news/{sent % ARTICLES + 1}", "reaction": "like", "reader": secrets.token_hex(16)}
        body = said | {"seq": time.time_ns() // 1_000_000}
        headers = {"Content-Type": "application/json", "Origin": ORIGIN, "Sec-Fetch-Mode": "cors"}
        return "PUT", f"/v1/sites/{load.SITE}/vote", json.dumps(body).encode(), headers

    entrant = Entrant(f"ours, {ARTICLES} articles", server, load.votes(articles=ARTICLES))
    return Contestant(entrant, lambda: proofs.served(server, ARTICLES), request)


def _peer(peer: Peer, root: Path, stack: ExitStack) -> Contestant:
    home = peer.ensure(root)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"bench-{peer.name}-", ignore_cleanup_errors=True)))
    service = peer.service(root, folder, free_port())
    stack.callback(service.close)
    with machine.on_core(machine.SERVER_CORE):
        service.start()
    if peer is ISSO:
        packages.add_comments(folder)
    server = Server(peer.name, service, "", None, counts=False, serves_counts=False)
    entrant = Entrant(f"{peer.name} {peer.version(home)}", server, peer.load)
    return Contestant(entrant, lambda: peer.likes(folder), lambda sent: peer.request(sent, sent % ARTICLES + 1))


def _counted(contestant: Contestant) -> tuple[str, str]:
    """How many likes were answered, and how many counted, when some readers like the same articles at about the same time."""
    service, before = contestant.entrant.server.service, contestant.likes()
    answered = [[0] for _ in range(_READERS)]
    casting = [
        threading.Thread(target=_cast, args=(service, contestant.request, own, (number + 1) * ARTICLES, _LIKES_EACH))
        for number, own in enumerate(answered)
    ]
    for thread in casting:
        thread.start()
    for thread in casting:
        thread.join()
    return f"{sum(own for (own,) in answered):,}", f"{contestant.likes() - before:,}"


def _killed(contestant: Contestant) -> str:
    """What kill -9 takes away from votes that were acknowledged one after the other; the machine stays up."""
    service, answered, before = contestant.entrant.server.service, [0], contestant.likes()
    casting = threading.Thread(target=_cast, args=(service, contestant.request, answered, 100 * ARTICLES))
    casting.start()
    time.sleep(1.5)
    service.kill_all()
    casting.join()
    with machine.on_core(machine.SERVER_CORE):
        service.start()
    lost = answered[0] - (contestant.likes() - before)
    return f"{max(lost, 0)} of {answered[0]} lost"


def _cast(service: Service, request: Callable[[int], Request], answered: list[int], first: int, most: int = 10**9) -> None:
    """Like one after the other, and count the answers, until there were enough or the service is gone."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    try:
        for sent in range(first, first + most):
            method, path, body, headers = request(sent)
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            answer.read()
            answered[0] += answer.status == 200
    except (OSError, http.client.HTTPException):
        return  # it was killed
    finally:
        connection.close()


def _line(row: Row, answered: str, counted: str, killed: str) -> str:
    s = row.summary()
    failed = f" ({row.errors:,} refused or failed)" if row.errors else ""
    return (
        f"| {row.name}{failed} | {s['per_s']:,} | {s['share']:.0%} | {s['cpu_share']:.0%} | {s['p50_ms']:.0f} "
        f"| {s['p99_ms']:.0f} | {s['cpu_us']:,} | {answered} | {counted} | {killed} |"
    )
