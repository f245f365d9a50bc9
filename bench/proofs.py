"""A fast wrong count is worth nothing: what was served must be what was acknowledged, and what a recount finds."""

from __future__ import annotations

import json
import subprocess
import sys

from bench.load import counts_path
from bench.servers import Server
from tests.databases import PROJECT, product_environment
from tests.make import SECRET

_ARTICLES_ASKED = 100


class Untrue(Exception):
    """A server's figures void themselves: its counts are not those of the votes it acknowledged."""


def proof(server: Server, *, seen: int, hung_up: int, articles: int) -> str:
    """One sentence about a server that counted votes on so many articles. Raises Untrue.

    wrk saw `seen` votes acknowledged, and hung up on at most `hung_up` more that it did not wait for.
    """
    verified = _verified(server)
    if not server.serves_counts:
        return f"{server.name}: {verified}"
    if "limiter store away" in server.service.log():
        raise Untrue(f"{server.name}: the limiter's store did not answer in time, so memory stood in for it.")
    acknowledged, shown = server.acknowledged(), served(server, articles)
    if shown != acknowledged or not seen <= acknowledged <= seen + hung_up:
        raise Untrue(f"{server.name}: wrk saw {seen:,} votes acknowledged, the server {acknowledged:,}; it serves {shown:,}.")
    return f"{server.name}: {acknowledged:,} votes acknowledged, {shown:,} served; {verified}"


def _verified(server: Server) -> str:
    """What `reactions verify` says of the database, in one line."""
    environ = product_environment(database_url=server.database_url, secret=SECRET, data_dir=server.service.folder)
    command = [sys.executable, "-m", "reactions", "verify"]
    said = subprocess.run(command, cwd=PROJECT, env=environ, capture_output=True, text=True, check=False)
    if said.returncode:
        raise Untrue(f"{server.name}: the recount does not agree: {said.stdout}{said.stderr}")
    return said.stdout.strip()


def served(server: Server, articles: int) -> int:
    """The sum of all counts as the API gives them."""
    total = 0
    for first in range(1, articles + 1, _ARTICLES_ASKED):
        status, body = server.service.get(counts_path(range(first, min(first + _ARTICLES_ASKED, articles + 1))))
        if status != 200:
            raise Untrue(f"The counts cannot be read: {status} {body.decode(errors='replace')}")
        total += sum(article["total"] for article in json.loads(body)["articles"])
    return total
