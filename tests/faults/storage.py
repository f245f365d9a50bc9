"""Scenarios of where votes are stored: the disk is full, another process holds SQLite's lock, a backup is taken and restored."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import make_url

from tests import oracles
from tests.engines import Postgres, wait_until
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
    limit.write_text(str(_pages(stage) + 40 + int(min(seconds, 5)) * 20))  # soon full on a busy machine too
    wider = limit.with_name("wider")
    wider.write_text("1000000")  # put in its place at once: a worker that reads meanwhile must not find half a number
    _fill_and_free(report, stage, lambda: wider.replace(limit), clients=clients, seed=seed)
    return report


def f11_small_disk(stage: Stage, *, seconds: float, clients: int, seed: int) -> Report:
    """The database is on a disk of a few megabytes, mostly taken by another file. Needs root, to mount it."""
    report = Report("F11 small disk", stage.store)
    ballast = stage.folder / "ballast"
    ballast.write_bytes(b"0" * (SMALL_DISK_MB - 3) * 2**20)
    _fill_and_free(report, stage, ballast.unlink, clients=clients, seed=seed)
    return report


def _fill_and_free(report: Report, stage: Stage, free: Callable[[], object], *, clients: int, seed: int) -> None:
    # A COMMIT may take long: what is played here is the disk that is full, and one that stalls is another play.
    with stage.service(workers=2, settings={"answer_within_s": 10}) as service:
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


def f18_backup(stage: Stage, *, seconds: float, clients: int, seed: int) -> Report:
    """A backup as docs/operating.md takes it while readers vote, restored, and voted on again."""
    report = Report("F18", stage.store)
    with stage.service(workers=2) as service:
        with Load([service], one_try, clients=clients, seed=seed) as load:
            more_acknowledged(load, int(50 * max(seconds, 2)))
            before = [attempt for attempt in list(load.log) if attempt.acknowledged]
            begun = time.monotonic()
            copy = _backed_up_and_restored(stage)
            report.figures |= {"seconds for backup and restore": round(time.monotonic() - begun, 2)}
            more_acknowledged(load, 50)
        whole = stage.judge(report, load.log, [service])
    copied = oracles.stored(copy)
    report.figures |= {"acknowledged before the backup": len(before), "events in the copy": len(copied.events)}
    of_copy = [oracles.lost(before, copied), oracles.drift(copied), oracles.fold(copied), oracles.negative(copied)]
    for finding in of_copy:
        report.at_most(0, f"{finding.oracle}, in the copy", finding.figure, *finding.details)
    report.at_most(0, "events of the copy that the ledger lacks", len(set(copied.events) - set(whole.events)))
    stage.url = copy
    with stage.service(workers=1) as again:
        with Load([again], one_try, clients=clients, seed=seed + 1) as load:
            more_acknowledged(load, 50)
        held = stage.stored()
    report.findings([oracles.shapes(load.log, allowed=(503,))])
    for finding in (oracles.lost(load.log, held), oracles.drift(held), oracles.fold(held)):
        report.at_most(0, f"{finding.oracle}, on the restored copy", finding.figure, *finding.details)
    report.at_most(0, "ledgers that the backup has opened", _ledger_is_open(stage, copy))
    return report


def _backed_up_and_restored(stage: Stage) -> str:
    """The address of the copy."""
    if stage.store == "sqlite":
        copy = stage.folder / "restored.db"
        with closing(sqlite3.connect(stage.folder / "reactions.db", timeout=20)) as connection:
            connection.execute(f"VACUUM INTO '{copy}'")
        return f"sqlite:///{copy}"
    server, dump = stage.postgres, stage.postgres.folder / "reactions.dump"
    name = stage.bare_database()
    server.run(*_program(server, "pg_dump"), "--format=custom", f"--file={dump}", str(stage.database))
    server.run(*_program(server, "pg_restore"), f"--dbname={name}", "--exit-on-error", str(dump))
    return server.url(name)


def _program(server: Postgres, name: str) -> tuple[str, ...]:
    return str(server.binaries / name), f"--host={server.folder}", "--username=postgres"


def _ledger_is_open(stage: Stage, url: str) -> bool:
    """True if the copy lets somebody change events: by its triggers on SQLite, by the owner's rights on PostgreSQL."""
    if stage.store == "postgresql":
        rights = "SELECT relacl::text FROM pg_class WHERE relname = 'event'"
        (given,) = stage.postgres.execute(rights, database=str(make_url(url).database))
        return given[0] is None or any(right in given[0].split("=")[1].split("/")[0] for right in "wd")
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        try:
            connection.execute("DELETE FROM event")
        except sqlite3.DatabaseError:
            return False
    return True


def _statuses(load: Load, status: int) -> int:
    return sum(1 for attempt in list(load.log) if attempt.status == status)


def _pages(stage: Stage) -> int:
    with closing(sqlite3.connect(stage.folder / "reactions.db")) as connection:
        return int(connection.execute("pragma page_count").fetchone()[0])
