"""The machine: who runs on which core, and what the kernel says that they used."""

from __future__ import annotations

import os
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import psutil

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]
_BUSY = 0.5  # load average over the last minute from which on figures suffer
_MEMORY_ONLY = {"tmpfs", "ramfs"}


_APART = ContextVar("apart", default=True)


@contextmanager
def sharing_cores() -> Iterator[None]:
    """Let all that is started in this block run on any core, whatever `on_core` says."""
    before = _APART.set(False)
    try:
        yield
    finally:
        _APART.reset(before)


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Start processes in this block to have them, and whatever they start, run on that core alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core} if _APART.get() else CORES)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def family(pid: int) -> list[psutil.Process]:
    """A process and all that it started."""
    first = psutil.Process(pid)
    return [first, *first.children(recursive=True)]


def cpu_s(processes: Iterable[psutil.Process]) -> float:
    """Seconds of processor time, in the kernel and outside, that processes have used so far."""
    used = 0.0
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # one of PostgreSQL's that has ended since they were listed
            used += sum(process.cpu_times()[:2])
    return used


def foreign_s() -> float:
    """Seconds that the two cores have worked so far for others than ended children: the load generator is one of those."""
    cores = psutil.cpu_times(percpu=True)
    busy: float = sum(sum(cores[core]) - _idle_s(cores[core]) for core in {SERVER_CORE, LOAD_CORE})
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return busy - ended.ru_utime - ended.ru_stime


def _idle_s(core: Any) -> float:
    """What is not work: waiting, and guests' time, which the kernel counts twice."""
    return float(core.idle + core.iowait + core.guest + core.guest_nice)


def rss_mb(processes: Iterable[psutil.Process]) -> float:
    """Resident memory of the largest of the processes: the worker."""
    return float(max(process.memory_info().rss for process in processes) / 1e6)


def warnings() -> list[str]:
    """What makes figures of this moment doubtful."""
    found = []
    if len(CORES) < 2:
        found.append("One core only: server and load generator share it, so rates mean little; CPU figures still do.")
    if (load := os.getloadavg()[0]) > _BUSY:
        found.append(f"Something else runs here (load average {load:.1f}): trust CPU figures and shares, not rates.")
    if _file_system(Path(tempfile.gettempdir())) in _MEMORY_ONLY:
        found.append("The temporary folder is in memory, so nothing is durable: set TMPDIR to a folder on a disk.")
    return found


def introduce() -> None:
    """Print what stands above every table: the machine, and what makes figures of this moment doubtful."""
    print(f"{description()}\n")
    for warning in warnings():
        print(f"> {warning}\n")


def description() -> str:
    """The machine in general words."""
    memory_gb = psutil.virtual_memory().total / 2**30
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, {memory_gb:.0f} GB, {platform.system()}, "
        f"Python {platform.python_version()}; 4 KiB written and fsynced in {_fsync_ms():.1f} ms (median)"
    )


def _fsync_ms() -> float:
    took = []
    with tempfile.NamedTemporaryFile() as file:
        for _ in range(50):
            file.write(bytes(4096))
            file.flush()
            started = time.perf_counter()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - started)
    return statistics.median(took) * 1000


def _file_system(folder: Path) -> str:
    inside = [part for part in psutil.disk_partitions(all=True) if folder.is_relative_to(part.mountpoint)]
    return max(inside, key=lambda part: len(part.mountpoint)).fstype if inside else ""
