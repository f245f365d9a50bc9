"""Mutants: change the code that counts, one place at a time, and see that a test fails each time.

`python -m tests.mutants` runs all of TARGETS, `python -m tests.mutants small_groups --most 40` some of one. Cosmic Ray makes the
mutants in a copy of the tree; a mutant that survives is printed with its diff. Each takes seconds, all of them hours. Other
signs for `|` are not tried: most of them stand in annotations, which nobody evaluates.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.command_line import CommandLine, at_least

PROJECT = Path(__file__).parent.parent.parent

# What is mutated, and the tests that should notice.
TARGETS = {
    "rules": ("votes/rules.py", ["votes/test_rules.py", "newsroom/test_articles.py"]),
    "counting": ("votes/counting.py", ["votes"]),
    "tallies": ("votes/tallies.py", ["votes", "imports/totals/test_model.py"]),
    "revising": ("votes/revising.py", ["votes/test_revising.py"]),
    "integrity": ("votes/integrity.py", ["votes", "imports/totals/test_model.py"]),
    "small_groups": ("exports/small_groups.py", ["exports/test_privacy.py", "exports/test_small_groups.py"]),
    "limits": ("web/limits.py", ["web/test_limits.py", "web/test_limit_store.py", "web/test_limits_in_redis.py"]),
    "cors": ("web/cors.py", ["web/test_cors.py", "web/test_reader_api.py"]),
    "metrics": ("web/metrics.py", ["web/test_health.py", "web/test_limits_in_redis.py", "web/test_export_api.py"]),
}
_CONFIG = """\
[cosmic-ray]
module-path = ["{module}"]
timeout = 120.0
excluded-modules = []
test-command = "{python} -m pytest -q -x -p no:cacheprovider {tests}"

[cosmic-ray.distributor]
name = "local"

[cosmic-ray.filters.operators-filter]
exclude-operators = ["core/ReplaceBinaryOperator_BitOr_.*"]
"""


def main() -> int:
    """Run the chosen targets; 1 if a mutant survives."""
    parser = CommandLine(prog="python -m tests.mutants", description="See that tests notice changes of the code.")
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], default=list(TARGETS), help="All unless some are named.")
    parser.add_argument("--most", type=at_least(0), default=0, help="A random choice of this many for each target. 0: all.")
    chosen = parser.parse_args()
    survivors = sum(_run(name, most=chosen.most) for name in chosen.targets)
    return 1 if survivors else 0


def _run(name: str, *, most: int) -> int:
    """Make and try the mutants of one target in a copy of the tree; how many survived."""
    module, tests = TARGETS[name]
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns(".git", ".venv*", "node_modules", "var", ".hypothesis"))
        config, session = copy / "mutants.toml", copy / "mutants.sqlite"
        paths = " ".join(f"tests/{each}" for each in tests)
        config.write_text(_CONFIG.format(module=f"reactions/{module}", tests=paths, python=sys.executable))
        _cosmic_ray("cosmic-ray", "init", config, session, cwd=copy)
        _cosmic_ray("cr-filter-operators", session, config, cwd=copy)
        if most:
            _keep_some(session, most)
        _cosmic_ray("cosmic-ray", "exec", config, session, cwd=copy)
        return _report(name, session)


def _cosmic_ray(tool: str, *words: str | Path, cwd: Path) -> None:
    command = [str(Path(sys.executable).parent / tool), *map(str, words)]
    environ = {"PATH": "/usr/bin:/bin:/usr/sbin", "PYTHONPATH": str(cwd), "HOME": str(cwd)}
    subprocess.run(command, cwd=cwd, env=environ, check=True, stdout=subprocess.DEVNULL)


def _keep_some(session: Path, most: int) -> None:
    with sqlite3.connect(session) as database:
        left_out = "SELECT job_id FROM work_results"
        jobs = [
            job for (job,) in database.execute(f"SELECT job_id FROM work_items WHERE job_id NOT IN ({left_out}) ORDER BY job_id")
        ]
        dropped = [(job,) for job in random.Random(7).sample(jobs, max(len(jobs) - most, 0))]
        database.executemany("DELETE FROM mutation_specs WHERE job_id = ?", dropped)
        database.executemany("DELETE FROM work_items WHERE job_id = ?", dropped)


def _report(name: str, session: Path) -> int:
    with sqlite3.connect(session) as database:
        tried = database.execute("SELECT count(*) FROM work_results").fetchone()[0]
        survived = database.execute("SELECT diff FROM work_results WHERE test_outcome = 'SURVIVED'").fetchall()
        tried -= database.execute("SELECT count(*) FROM work_results WHERE worker_outcome = 'SKIPPED'").fetchone()[0]
    for (diff,) in survived:
        sys.stdout.write(f"{diff}\n")
    sys.stdout.write(f"{name}: {tried} mutants, {tried - len(survived)} noticed, {len(survived)} survived\n")
    sys.stdout.flush()
    return len(survived)


if __name__ == "__main__":
    sys.exit(main())
