"""The real service for tests: gunicorn or granian with the product's own configuration, in a process group of its own."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests import described, preloaded
from tests.databases import PROJECT, product_environment
from tests.engines import Watchdog, free_port, wait_until
from tests.make import SECRET

# What `reactions serve` becomes once the tables are there. Hundreds of tests start it; the command itself is tested in a few.
COMMAND = ("-m", "gunicorn", "--config", "config/gunicorn.conf.py")
GRANIAN = ("config/granian_conf.py",)
METRICS_TOKEN = "a token that only tests use"


class Service:
    """A service on a port of this machine. It can be killed, in part or as a whole, and started again."""

    page_origin = ""
    from_nothing = True  # or forked from a process that has done the imports, as conftest.py has it

    def __init__(self, environ: Mapping[str, str], *, port: int, folder: Path, command: tuple[str, ...] = COMMAND) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.folder = folder
        self._environ = dict(environ)
        self._command = command
        self._log_path = folder / "service.log"
        self._process: subprocess.Popen[bytes] | preloaded.Forked | None = None
        self._watchdog = Watchdog(folder)

    def start(self) -> None:
        """Start and wait until the service says that it is ready."""
        # Several workers share their metrics in a folder, which must be a fresh one at each start.
        shared = (
            {"PROMETHEUS_MULTIPROC_DIR": tempfile.mkdtemp(dir=self.folder)} if self._environ["REACTIONS_WORKERS"] != "1" else {}
        )
        self._process = self._begun(self._environ | shared)
        self._watchdog.watch(self._process.pid)
        self.wait_ready()

    def _begun(self, environ: Mapping[str, str]) -> subprocess.Popen[bytes] | preloaded.Forked:
        if self._command[:2] == COMMAND[:2] and not self.from_nothing:
            return preloaded.fork(self._command[1], self._command[2:], environ=environ, log=self._log_path)
        with self._log_path.open("ab") as log:
            command = [sys.executable, *self._command]
            return subprocess.Popen(command, cwd=PROJECT, env=environ, stdout=log, stderr=log, start_new_session=True)

    def wait_ready(self, timeout_s: float = 30) -> None:
        try:
            wait_until(self._ready, timeout_s=timeout_s, why="the service is ready")
        except TimeoutError as error:
            raise RuntimeError(f"the service is not ready; its log ends:\n{self.log()[-3000:]}") from error

    def _ready(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"the service ended:\n{self.log()[-3000:]}")
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Fetch a path on a connection of its own: the status and the body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            answer = connection.getresponse()
            body = answer.read()
            described.check("GET", path.partition("?")[0], answer.status, dict(answer.getheaders()), body)
            return answer.status, body
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()

    def metrics(self) -> str:
        """The text of /metrics."""
        return self.get("/metrics", {"Authorization": f"Bearer {METRICS_TOKEN}"})[1].decode()

    def pids(self) -> list[int]:
        """The worker processes that live."""
        if self._process is None:
            return []
        workers = psutil.Process(self._process.pid).children(recursive=True)
        return [worker.pid for worker in workers if worker.status() != psutil.STATUS_ZOMBIE]

    def kill_worker(self) -> int | None:
        """Kill the oldest worker with signal 9; return its pid, or None where none lives just now."""
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)
            return pid
        return None

    def kill_all(self) -> None:
        """Kill the whole service with signal 9."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask the service to end, and wait for it."""
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):  # it may have ended by itself, and left workers
                os.killpg(process.pid, number)
            process.wait(timeout=40)

    def close(self) -> None:
        """End for good and remove what was written. It is killed: an end in good order takes a second, and `stop` is for that."""
        self.kill_all()
        self._watchdog.let_go()
        self._watchdog.wait()

    def restart(self) -> None:
        """Stop, if it runs, and start again on the same port and database."""
        self.stop()
        self.start()

    def log(self) -> str:
        """Everything the service has written."""
        return self._log_path.read_text(encoding="utf-8", errors="replace") if self._log_path.exists() else ""


@contextmanager
def running_service(
    database_url: str,
    *,
    workers: int = 1,
    threads: int = 16,
    server: str = "uvicorn",
    port: int | None = None,
    settings: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    command: tuple[str, ...] | None = None,
    kind: type[Service] = Service,
) -> Iterator[Service]:
    """Run a service on a migrated database until the block ends. `settings` override the product's, `environ` everything.

    `server` is one of gunicorn's worker classes, or granian.
    """
    port = port or free_port()
    folder = Path(tempfile.mkdtemp(prefix="service-"))
    chosen: dict[str, object] = {
        "database_url": database_url, "data_dir": folder, "secret": SECRET, "bind": f"127.0.0.1:{port}",
        "workers": workers, "threads": threads, "metrics_token": METRICS_TOKEN,
        **({"server": server} if server == "granian" else {"worker_class": server}),
    } | dict(settings or {})  # fmt: skip
    environment = product_environment(**chosen) | dict(environ or {})
    service = kind(environment, port=port, folder=folder, command=command or (GRANIAN if server == "granian" else COMMAND))
    try:
        service.start()
        yield service
    finally:
        service.close()
