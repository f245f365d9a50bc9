"""The load generator: wrk, on a core of its own."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from bench import machine
from tests.make import ORIGIN

SITE = "daily"
_SCRIPTS = Path(__file__).parent / "lua"


class NoLoadGenerator(Exception):
    """wrk is not here; the text says how to get it."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of a server. `articles` is over how many votes are spread; 0 for reads.

    A `script` of its own gets `words` after what the usual one for votes gets.
    """

    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    articles: int = 0
    script: str = ""
    words: Sequence[str] = ()

    @property
    def votes(self) -> bool:
        """True if votes are cast."""
        return self.articles > 0


@dataclass(frozen=True, slots=True)
class Figures:
    """What wrk saw. `errors` are answers of 400 and above, and requests without an answer."""

    requests: int
    per_s: float
    p50_ms: float
    p99_ms: float
    errors: int


def votes(*, articles: int, script: str = "") -> Load:
    """A vote of a new reader in each request, with the headers by which a browser's vote is checked."""
    headers = {"Content-Type": "application/json", "Origin": ORIGIN, "Sec-Fetch-Mode": "cors"}
    return Load(f"/v1/sites/{SITE}/vote", headers, articles, script)


def votes_of_a_crowd(*, articles: int) -> Load:
    """The same, each from a network of its own, as a proxy tells it; the others come from one, as an attack does."""
    return votes(articles=articles, script="crowd.lua")


def reads(*, articles: int, etag: str = "") -> Load:
    """The counts of the first so many articles; with an `etag` the reader has them already."""
    headers = {"If-None-Match": etag} if etag else {}
    return Load(counts_path(range(1, articles + 1)), headers)


def counts_path(numbers: range) -> str:
    """The address of the counts of some of the articles that `votes` votes on."""
    return f"/v1/sites/{SITE}/counts?{urlencode([('article', f'news/{number}') for number in numbers])}"


def run(load: Load, *, url: str, connections: int, seconds: int) -> Figures:
    """Drive a server for some seconds over keep-alive connections. Raises NoLoadGenerator."""
    headers = [part for name, value in load.headers.items() for part in ("-H", f"{name}: {value}")]
    command = [wrk(), "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", *headers]
    command += ["-s", load.script or ("votes.lua" if load.votes else "reads.lua"), url + load.path]
    if load.votes:
        command += ["--", secrets.token_hex(8), str(load.articles), *load.words]
    with machine.on_core(machine.LOAD_CORE):
        done = subprocess.run(command, cwd=_SCRIPTS, capture_output=True, text=True, check=True, timeout=seconds + 30)
    return _figures(json.loads(done.stdout.splitlines()[-1]))


def _figures(said: Mapping[str, int]) -> Figures:
    return Figures(
        requests=said["requests"],
        per_s=said["requests"] / (said["duration_us"] / 1e6),
        p50_ms=said["p50_us"] / 1000,
        p99_ms=said["p99_us"] / 1000,
        errors=said["refused"] + said["failed"],
    )


def wrk() -> str:
    """The path of wrk. Raises NoLoadGenerator."""
    found = shutil.which("wrk")
    if found is None:
        raise NoLoadGenerator(
            "wrk, the load generator, is not installed. Debian, Ubuntu: apt-get install wrk; Fedora: dnf install wrk."
        )
    return found
