"""`make engines`: each promise about engines, played on the real ones, and a table of verdicts.

A play is a choice of the suite's tests, so nothing is played here that `make test` does not play in its short form. A program
that this machine lacks leaves its play out, and the table says so: it is no success. Exit code 1 if a play failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

from tests.databases import PROJECT

VOTES = "10000"  # through PgBouncer; `make test` sends a tenth


class Play(NamedTuple):
    """A promise, and the tests that play it."""

    promise: str
    tests: Sequence[str]
    chosen: str = ""


PLAYS = (
    Play("PgBouncer in transaction mode: 0 of 10,000 votes fail", ["tests/storage/test_pgbouncer.py"]),
    Play("Several hosts in an address; options accepted or answered in a line", ["tests/storage/test_connecting.py"]),
    Play("A primary is killed under load: 0 acknowledged votes lost, only 503", ["tests/storage/test_failover.py"]),
    Play("A connection that became read-only is given up", ["tests/storage/test_unsafe.py"]),
    Play("Reports on a streaming replica, and without it", ["tests/storage/test_replica.py"]),
    Play("TLS to PostgreSQL", ["tests/storage/test_tls.py"]),
    Play("Redis Cluster: a master is killed, 0 votes fail", ["tests/web/test_redis_engines.py"], "cluster or master"),
    Play("Redis behind Sentinel: limits go on with the new primary", ["tests/web/test_sentinel.py"]),
    Play("TLS to Redis", ["tests/web/test_redis_engines.py"], "tls or certificate"),
    Play("Valkey in Redis's place", ["tests/web/test_redis_engines.py"], "valkey"),
    Play("A plain address of a cluster's node is refused", ["tests/commands/test_doctor.py"], "node"),
    Play("Ready on a newer schema", ["tests/web/test_health.py"], "newer or behind"),
    Play("A migration beside an export fails no vote", ["tests/storage/test_migrations.py"], "beside or locks or once"),
    Play("verify by ranges, finished or not", ["tests/commands/test_commands.py"], "verify or recount"),
    Play("Rollups, and an archive of months", ["tests/votes/test_rollups.py", "tests/exports/test_archive.py"]),
    Play("Keys and statements as Citus takes them; distribute", ["tests/storage/test_distribution.py"]),
    Play("nginx: cached counts while the service is down", ["tests/deploy/test_nginx.py"]),
    Play(
        "Varnish: the same, and purges of what editors change",
        ["tests/deploy/test_varnish.py", "tests/notices/test_purging.py"],
    ),
    Play("HAProxy: a host is killed, 0 acknowledged votes lost", ["tests/deploy/test_haproxy.py"]),
)


class Verdict(NamedTuple):
    """What came of a play."""

    passed: int
    failed: int
    left_out: Sequence[str]  # why
    seconds: float
    figures: Sequence[str] = ()  # measured, and not asserted

    def __str__(self) -> str:
        if self.failed or not (self.passed or self.left_out):
            return "FAIL"
        return "ok" if not self.left_out else "ok in part" if self.passed else "not played"


def play(each: Play) -> Verdict:
    """Run a play's tests."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-o",
            "junit_family=xunit1",
            "--junitxml",
            str(report),
        ]
        environ = {**os.environ, "ENGINE_VOTES": VOTES}
        run = subprocess.run(
            [*command, *each.tests, *(["-k", each.chosen] if each.chosen else [])],
            cwd=PROJECT,
            env=environ,
            capture_output=True,
            text=True,
        )
        cases = ET.parse(report).getroot().iter("testcase") if report.exists() else iter(())
        verdict = _verdict(list(cases), time.monotonic() - began)
    if str(verdict) == "FAIL":
        print(run.stdout[-6000:], run.stderr[-2000:], file=sys.stderr)
    return verdict


def _verdict(cases: Sequence[ET.Element], seconds: float) -> Verdict:
    left_out = [str(skip.get("message")) for case in cases if (skip := case.find("skipped")) is not None]
    failed = sum(case.find("failure") is not None or case.find("error") is not None for case in cases)
    figures = [f"{each.get('value')} {each.get('name')}" for case in cases for each in case.iter("property")]
    return Verdict(len(cases) - failed - len(left_out), failed, left_out, seconds, figures)


def main(words: Sequence[str]) -> int:
    """Play all, or those whose promise has one of the words in it; print a table."""
    if unknown := [word for word in words if not _about(word)]:
        print(f"python -m tests.engine_plays: {unknown[0]!r} is in none of the promises", file=sys.stderr)
        return 2
    chosen = [each for each in PLAYS if not words or any(each in _about(word) for word in words)]
    print(f"{'promise':72} {'verdict':11} {'tests':>5} {'seconds':>7}", flush=True)
    failed = 0
    for each in chosen:
        verdict = play(each)
        failed += str(verdict) == "FAIL"
        print(f"{each.promise:72} {verdict!s:11} {verdict.passed:5} {verdict.seconds:7.0f}", flush=True)
        for why in sorted(set(verdict.left_out)):
            print(f"  left out: {why}", flush=True)
        for figure in verdict.figures:
            print(f"  measured: {figure}", flush=True)
    return 1 if failed else 0


def _about(word: str) -> list[Play]:
    return [each for each in PLAYS if word.lower() in each.promise.lower()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
