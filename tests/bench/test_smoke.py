"""The bench itself: it measures what it says, proves its counts, and says what it lacks."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.databases import PROJECT
from tests.deploy.proxies import binary


def bench(*arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the bench; `path` stands in for PATH."""
    environ = os.environ | ({} if path is None else {"PATH": path})
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments], cwd=PROJECT, env=environ, capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed (Debian: apt-get install wrk)")
def test_votes_are_measured_beside_the_ceiling_and_proved_exact(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"

    done = bench("votes", "--quick", "--connections", "1", "--json", str(figures))

    assert done.returncode == 0, done.stdout + done.stderr
    (comparison,) = json.loads(figures.read_text(encoding="utf-8"))["comparisons"]
    ceiling, *ours = comparison["rows"]
    assert [row["errors"] for row in comparison["rows"]] == [0] * 5  # hot and spread, by the default server and by granian
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


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed (Debian: apt-get install wrk)")
def test_beacons_are_measured_beside_an_application_that_does_nothing_and_beside_votes() -> None:
    command = [sys.executable, "-m", "bench.views", "--seconds", "1", "--repeats", "1"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    told = re.findall(r"^beacons, (.+): ([0-9,]+) a second, .* ([0-9,]+) refused or failed$", done.stdout, re.MULTILINE)
    whats = ["each from a network of its own", "nothing", "behind nginx, all from one network", "nothing behind nginx"]
    assert [what for what, *_ in told] == (whats if binary() else whats[:2])
    assert all(int(per_s.replace(",", "")) > 0 and failed == "0" for _, per_s, failed in told)
    assert re.search(r"^votes beside beacons, median of 1 turns: [0-9]+% of those alone$", done.stdout, re.MULTILINE)


def test_a_missing_load_generator_is_named_with_the_way_to_get_it(tmp_path: Path) -> None:
    done = bench("votes", "--quick", path=str(tmp_path))

    assert done.returncode == 2
    assert "apt-get install wrk" in done.stderr
