"""Processes for services that begin with the imports done: importing is most of a start, and a hundred start.

A process that has imported what a service imports forks itself for each that is asked of it. What it forks is then what it would
be: a session of its own, with its own environment, that runs `python -m gunicorn …`. Services of `make faults` and of the
benchmarks, and those of an installed package and of commands, start from nothing.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import psutil

from tests.databases import PROJECT, product_environment

# What gunicorn's configuration and the product's door import, now or when the first request comes.
_IMPORTED = (
    "gunicorn.app.wsgiapp", "gunicorn.workers.gthread", "gunicorn.workers.sync", "uvicorn_worker", "uvicorn.lifespan.on",
    "uvicorn.protocols.http.httptools_impl", "uvloop", "psycopg", "redis", "reactions.app",
)  # fmt: skip
_SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"  # how metrics are counted is settled when they are imported


class Forked:
    """A process that another one has forked, with those members of `subprocess.Popen` that a service needs."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """None while it runs. How it ended nobody knows."""
        return None if psutil.pid_exists(self.pid) else -1

    def wait(self, timeout: float | None = None) -> None:
        """Wait for its end. Raises psutil.TimeoutExpired."""
        with suppress(psutil.NoSuchProcess):
            psutil.Process(self.pid).wait(timeout)


class _Preloaded:
    """A process that has imported the product. It ends with this one."""

    def __init__(self, *, shares_metrics: bool) -> None:
        self._folder = tempfile.TemporaryDirectory()  # for the metrics of those that are only imported
        environ = product_environment() | ({_SHARED_METRICS: self._folder.name} if shares_metrics else {})
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], cwd=PROJECT, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def fork(self, asked: Mapping[str, object]) -> Forked:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        self._process.stdin.flush()
        return Forked(int(self._process.stdout.readline()))

    def end(self) -> None:
        self._process.communicate(timeout=20)
        self._folder.cleanup()


_preloaded: dict[bool, _Preloaded] = {}
_one_at_a_time = threading.Lock()


def fork(module: str, arguments: Sequence[str], *, environ: Mapping[str, str], log: Path) -> Forked:
    """Run a module as `python -m` does, in a session of its own, with its output at the end of `log`."""
    shares_metrics = _SHARED_METRICS in environ
    with _one_at_a_time:
        if shares_metrics not in _preloaded:
            _preloaded[shares_metrics] = _Preloaded(shares_metrics=shares_metrics)
        asked = {"module": module, "arguments": arguments, "environ": dict(environ), "log": str(log)}
        return _preloaded[shares_metrics].fork(asked)


def end() -> None:
    """End the processes that fork. What they have forked goes on."""
    while _preloaded:
        _preloaded.popitem()[1].end()


def _serve() -> None:
    for name in _IMPORTED:
        import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody here waits for those that end
    while line := sys.stdin.buffer.readline():
        if os.fork() == 0:
            _become(**json.loads(line))


def _become(module: str, arguments: Sequence[str], environ: Mapping[str, str], log: str) -> None:
    """Be the process that was asked for, to its end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    asker = os.dup(1)
    for number, path, flags in ((0, os.devnull, os.O_RDONLY), (1, log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)):
        opened = os.open(path, flags)
        os.dup2(opened, number)
        os.close(opened)
    os.dup2(1, 2)
    os.environ.clear()
    os.environ.update(environ)
    os.write(asker, b"%d\n" % os.getpid())
    os.close(asker)
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    _serve()
