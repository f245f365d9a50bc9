"""Scenarios of SQLite's file: the disk is full; another process holds the write lock."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests import oracles
from tests.engines import wait_until
from tests.faults import plants
from tests.faults.client import ARTICLES, Load, one_try
from tests.faults.crashes import SLOWEST_S, more_acknowledged
from tests.faults.stage import Report, Stage, served_counts

SMALL_DISK_MB = 6


def f11_disk_full(stage: Stage, *, seconds: float, clients: int, seed: int) -> Report:
    """The database may not grow any more: by a page limit that a plant sets in the service."""
    report = Report("F11", stage.store)
    stage.plant = plants.limited_pages.__name__
    limit = plants.page_limit_beside(stage.folder)
    limit.write_text(str(_pages(stage) + 40 + int(seconds) * 20))
    _fill_and_free(report, stage, lambda: limit.write_text("1000000"), clients=clients, seed=seed)
    return report


def f11_small_disk(stage: Stage, *, seconds: float, clients: int, seed: int) -> Report:
    """The database is on a disk of a few megabytes, mostly taken by another file. Needs root, to mount it."""
    report = Report("F11 small disk", stage.store)
    ballast = stage.folder / "ballast"
    ballast.write_bytes(b"0" * (SMALL_DISK_MB - 3) * 2**20)
    _fill_and_free(report, stage, ballast.unlink, clients=clients, seed=seed)
    return report


def _fill_and_free(report: Report, stage: Stage, free: Callable[[], object], *, clients: int, seed: int) -> None:
    with stage.service(workers=2) as service:
        with Load([service], one_try, clients=clients, seed=seed) as load:
            wait_until(lambda: _statuses(load, 507) >= 10, timeout_s=120, why="the disk is full")
            reads = [service.get(f"/v1/sites/daily/counts?article={ARTICLES[0]}")[0] for _ in range(20)]
            full = stage.stored()
            free()
            more_acknowledged(load, 20)
        stage.judge(report, load.log, [service])
    report.figures |= {"507": _statuses(load, 507), "votes when full": len(full.votes)}
    report.findings([oracles.shapes(load.log, allowed=(503, 507))])
    report.at_most(0, "drift while the disk is full", oracles.drift(full).figure + oracles.fold(full).figure)
    report.at_most(0, "reads of counts that failed on a full disk", sum(1 for status in reads if status != 200))


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a disk of a few megabytes. Raises PermissionError where this process may not."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK_MB}m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        raise PermissionError("this account may not mount a disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def f19_lock_held(stage: Stage, *, seconds: float, clients: int, seed: int) -> Report:
    """Another process holds SQLite's write lock for a while."""
    report = Report("F19", stage.store)
    with stage.service(workers=2) as service:
        with Load([service], one_try, clients=clients, seed=seed) as load:
            more_acknowledged(load, 50)
            with closing(sqlite3.connect(stage.folder / "reactions.db", isolation_level=None, timeout=20)) as other:
                other.execute("begin immediate")
                locked = time.time()
                wait_until(lambda: _statuses(load, 503) >= seconds * clients, timeout_s=60, why="votes are turned away")
                answers = served_counts(service, ARTICLES)
                released = time.time()
                other.execute("rollback")
            more_acknowledged(load, 50)
        stage.judge(report, load.log, [service])
    report.figures |= {"503": _statuses(load, 503)}
    report.findings([oracles.shapes(load.log, allowed=(503,))])
    through = [a for a in load.log if a.acknowledged and locked < a.at and a.at + a.took < released]
    report.at_most(0, "votes acknowledged while another held the lock", len(through), *through[:5])
    report.at_least(len(ARTICLES), "articles whose counts were read meanwhile", len(answers))
    slowest = max(attempt.took for attempt in load.log if attempt.status == 503)
    report.at_most(SLOWEST_S, "slowest 503, seconds", slowest)
    return report


def _statuses(load: Load, status: int) -> int:
    return sum(1 for attempt in list(load.log) if attempt.status == status)


def _pages(stage: Stage) -> int:
    with closing(sqlite3.connect(stage.folder / "reactions.db")) as connection:
        return int(connection.execute("pragma page_count").fetchone()[0])
