"""The bench itself: it measures what it says, proves its counts, and says what it lacks."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import growth
from bench.peers.packages import PEERS, Peer
from tests.databases import PROJECT
from tests.deploy.proxies import binary
from tests.lengths import only_at_length

needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed (Debian: apt-get install wrk)")
TABLES_OF = {
    "isso": ("isso.db", "CREATE TABLE comments (likes INTEGER); INSERT INTO comments VALUES (1), (1);"),
    "flask-openheart": ("openheart.db", "CREATE TABLE openheart (count INT); INSERT INTO openheart VALUES (1), (1);"),
    "waline": ("waline.sqlite", "INSERT INTO wl_Counter (url, reaction0) VALUES ('/1', 1), ('/2', 1);"),
}


def bench(*arguments: str, path: str | None = None, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the bench; `path` stands in for PATH."""
    environ = os.environ | dict(environ or {}) | ({} if path is None else {"PATH": path})
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments], cwd=PROJECT, env=environ, capture_output=True, text=True, check=False
    )


@needs_wrk
def test_votes_are_measured_beside_the_ceiling_and_proved_exact(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"

    done = bench("votes", "--quick", "--connections", "1", "--json", str(figures))

    assert done.returncode == 0, done.stdout + done.stderr
    (comparison,) = json.loads(figures.read_text(encoding="utf-8"))["comparisons"]
    ceiling, _floor, _floor_by_granian, *ours = comparison["rows"]
    assert [row["errors"] for row in comparison["rows"]] == [0] * 7  # hot and spread, by the default server and by granian
    assert ceiling["share"] == 1
    assert min(row[figure] for row in ours for figure in ("per_s", "p50_ms", "cpu_us", "rss_mb")) > 0
    assert sum("votes recounted, 0 numbers differ" in note for note in comparison["notes"]) == 2
    assert f"| {ours[0]['per_s']:,} |" in done.stdout


def test_exports_are_measured() -> None:
    done = bench("exports", "--events", "2000", "--articles", "50", "--engines", "sqlite", "--repeats", "1", "--seconds", "0")

    assert done.returncode == 0, done.stdout + done.stderr
    rows = {
        name: cells for name, *cells in (line.strip("| ").split(" | ") for line in done.stdout.splitlines() if ".csv" in line)
    }
    assert 1900 < int(rows["votes.csv"][0].replace(",", "")) < 2100
    assert int(rows["articles.csv"][0]) == 50


@needs_wrk
@only_at_length
def test_beacons_are_measured_beside_an_application_that_does_nothing_and_beside_votes() -> None:
    command = [sys.executable, "-m", "bench.views", "--seconds", "1", "--repeats", "1"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    told = re.findall(r"^beacons, (.+): ([0-9,]+) a second, .* ([0-9,]+) refused or failed$", done.stdout, re.MULTILINE)
    whats = ["each from a network of its own", "nothing", "behind nginx, all from one network", "nothing behind nginx"]
    assert [what for what, *_ in told] == (whats if binary() else whats[:2])
    assert all(int(per_s.replace(",", "")) > 0 and failed == "0" for _, per_s, failed in told)
    assert re.search(r"^votes beside beacons, median of 1 turns: [0-9]+% of those alone$", done.stdout, re.MULTILINE)


@needs_wrk
@only_at_length
def test_production_is_measured_with_several_workers_behind_nginx(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"

    done = bench("production", "--quick", "--json", str(figures))

    assert done.returncode == 0, done.stdout + done.stderr
    comparisons = json.loads(figures.read_text(encoding="utf-8"))["comparisons"]
    assert [f"{n} workers" in each["title"] for n, each in zip((2, 4), comparisons, strict=True)] == [True, True]
    for comparison in comparisons:
        assert len(comparison["rows"]) == (8 if binary() else 4)
        assert {row["errors"] for row in comparison["rows"]} == {0}
        assert sum("votes recounted, 0 numbers differ" in note for note in comparison["notes"]) == (2 if binary() else 1)


def test_a_missing_load_generator_is_named_with_the_way_to_get_it(tmp_path: Path) -> None:
    done = bench("votes", "--quick", path=str(tmp_path))

    assert done.returncode == 2
    assert "apt-get install wrk" in done.stderr


@needs_wrk
@only_at_length
def test_growth_is_measured_and_drawn(tmp_path: Path) -> None:
    drawn = tmp_path / "growth.svg"
    sizes = ["--votes", "1000", "2000", "--articles", "50", "2000", "--minutes", "0"]

    done = bench("growth", *sizes, "--seconds", "1", "--repeats", "1", "--svg", str(drawn))

    assert done.returncode == 0, done.stdout + done.stderr
    rows = re.findall(r"^\| ([0-9,]+) \| ([0-9,]+) \| ([0-9,]+) \|", done.stdout, re.MULTILINE)
    assert [row[:2] for row in rows] == [("1,000", "10,000"), ("2,000", "10,000"), ("2,000", "50"), ("2,000", "2,000")]
    assert all(row[2] != "0" for row in rows)
    assert len(ElementTree.parse(drawn).getroot().findall("{*}polyline")) == 4
    assert rows[0][2] in drawn.read_text(encoding="utf-8")


def test_the_slope_of_memory_is_told_by_the_minute() -> None:
    assert growth.slope([(0, 100), (1, 101), (2, 102)]) == pytest.approx(1)
    assert growth.slope([(0, 100)]) == 0


@needs_wrk
@only_at_length
def test_a_peer_that_cannot_be_installed_is_said_so_in_the_table(tmp_path: Path) -> None:
    """Without network, and without a package index."""
    environ = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}

    done = bench("peers", "--peers", "isso", "--environments", str(tmp_path), "--seconds", "1", "--repeats", "1", environ=environ)

    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"^\| isso \| not measured: pip: ", done.stdout, re.MULTILINE)
    assert re.search(r"^\| ours, 300 articles \| .* \| 0 of [0-9]+ lost \|$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_peer_reads_its_own_sum(peer: Peer, tmp_path: Path) -> None:
    """The tables are made as it makes them; one like in each of two rows."""
    peer.prepare(tmp_path)
    with closing(sqlite3.connect(tmp_path / TABLES_OF[peer.name][0])) as lite, lite:
        lite.executescript(TABLES_OF[peer.name][1])

    assert peer.likes(tmp_path) == 2
