"""Comparable software from the package indexes, in environments of its own, with the storage that it recommends and limits off.

Each can be started, killed and started again on its data, like our own service; `likes` is the sum of what it has counted.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import sqlite3
import subprocess
import venv
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.load import Load
from tests.service import Service

ARTICLES = 300  # Isso takes 142 likes for each comment
_INSTALL_S = 1800  # npm may have to compile SQLite
_START_S = 90
_NO_LOGINS = 'data:application/json,{"services":[]}'  # Waline asks a server outside which logins there are, for each request
_ISSO_CONFIG = """
[general]
dbpath = {folder}/isso.db
host = http://localhost/
[server]
trusted-proxies = 127.0.0.1
[guard]
enabled = false
"""
_WALINE_TABLES = """
CREATE TABLE IF NOT EXISTS wl_Counter (
  id INTEGER PRIMARY KEY AUTOINCREMENT, url TEXT NOT NULL DEFAULT '', time INTEGER,
  {columns}, createdAt TIMESTAMP DEFAULT CURRENT_TIMESTAMP, updatedAt TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE IF NOT EXISTS wl_Users (
  id INTEGER PRIMARY KEY AUTOINCREMENT, display_name TEXT, email TEXT, password TEXT, type TEXT, label TEXT, url TEXT,
  avatar TEXT, createdAt TIMESTAMP DEFAULT CURRENT_TIMESTAMP, updatedAt TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
"""


class NotInstalled(Exception):
    """A package could not be installed; the text says why."""


class PeerService(Service):
    """A peer on a port of this machine."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], *, port: int, folder: Path, ready: str) -> None:
        super().__init__({"REACTIONS_WORKERS": "1"} | dict(environ), port=port, folder=folder)
        self._command = list(command)
        self._ready_path = ready

    def wait_ready(self, timeout_s: float = _START_S) -> None:
        """Wait until it answers; Node reads many files before."""
        super().wait_ready(timeout_s)

    def _ready(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"the peer ended:\n{self.log()[-2000:]}")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", self._ready_path)
            return connection.getresponse().status < 500
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def pids(self) -> list[int]:
        """The processes that live."""
        if self._process is None:
            return []
        first = psutil.Process(self._process.pid)
        return [process.pid for process in (first, *first.children(recursive=True)) if process.status() != psutil.STATUS_ZOMBIE]


@dataclass(frozen=True)
class Peer:
    """One of them. `command` gets its environment's folder, its data's folder and a port."""

    name: str
    install: Callable[[Path], None]
    installed: str
    version: Callable[[Path], str]
    prepare: Callable[[Path], None]
    command: Callable[[Path, Path, int], list[str]]
    environ: Callable[[Path, int], dict[str, str]]
    likes: Callable[[Path], int]
    request: Callable[[int, int], tuple[str, str, bytes, dict[str, str]]]
    ready: str

    @property
    def load(self) -> Load:
        """Likes of them all."""
        return Load("/", articles=ARTICLES, script="peers.lua", words=(self.name,))

    def ensure(self, root: Path) -> Path:
        """Its environment, installed if it is not there. Raises NotInstalled."""
        folder = root / self.name
        if not (folder / self.installed).exists():
            folder.mkdir(parents=True, exist_ok=True)
            self.install(folder)
            if not (folder / self.installed).exists():
                raise NotInstalled(f"{self.installed} is not in what was installed")
        return folder

    def service(self, root: Path, folder: Path, port: int) -> PeerService:
        """The service, not started yet, with its data in `folder`."""
        self.prepare(folder)
        home = self.ensure(root)
        environ = {"PATH": os.environ["PATH"], "HOME": str(folder), **self.environ(folder, port)}
        return PeerService(self.command(home, folder, port), environ, port=port, folder=folder, ready=self.ready)


def _pip(*packages: str) -> Callable[[Path], None]:
    def install(folder: Path) -> None:
        venv.create(folder, with_pip=True)
        _run([str(folder / "bin" / "pip"), "install", "--quiet", *packages], folder)

    return install


def _npm(*packages: str) -> Callable[[Path], None]:
    def install(folder: Path) -> None:
        npm = shutil.which("npm")
        if npm is None:
            raise NotInstalled("npm is not installed")
        _run([npm, "init", "--yes"], folder)
        _run([npm, "install", "--no-audit", "--no-fund", *packages], folder)

    return install


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=_INSTALL_S)
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"{Path(command[0]).name} took more than {_INSTALL_S} s") from None
    if done.returncode:
        raise NotInstalled(f"{Path(command[0]).name}: {(done.stderr or done.stdout).strip().splitlines()[-1][:200]}")


def _python_version(package: str) -> Callable[[Path], str]:
    ask = f"from importlib.metadata import version; print(version({package!r}))"
    return lambda home: subprocess.run(
        [str(home / "bin" / "python"), "-c", ask], capture_output=True, text=True, check=True
    ).stdout.strip()


def _npm_version(home: Path) -> str:
    return str(json.loads((home / "node_modules/@waline/vercel/package.json").read_text(encoding="utf-8"))["version"])


def _gunicorn(*application: str) -> Callable[[Path, Path, int], list[str]]:
    """One worker with threads, as ours was compared."""
    options = ("--threads", "32", *application)

    def command(home: Path, folder: Path, port: int) -> list[str]:
        python = str(home / "bin" / "python")
        return [python, "-m", "gunicorn", "--chdir", str(folder), "--bind", f"127.0.0.1:{port}", *options]

    return command


def _isso_data(folder: Path) -> None:
    (folder / "isso.cfg").write_text(_ISSO_CONFIG.format(folder=folder), encoding="utf-8")


def add_comments(folder: Path) -> None:
    """Give Isso, which has made its tables, comments to be liked: by its API a comment takes tens of milliseconds."""
    with closing(sqlite3.connect(folder / "isso.db")) as lite, lite:
        lite.execute("INSERT INTO threads (id, uri, title) VALUES (1, '/articles/1/', 'One')")
        rows = [(number, bytes(256)) for number in range(1, ARTICLES + 1)]
        lite.executemany(
            "INSERT INTO comments (tid, id, created, mode, remote_addr, text, likes, dislikes, voters, notification) "
            "VALUES (1, ?, 1, 1, '127.0.0.0', 'A comment.', 0, 0, ?, 0)",
            rows,
        )


def _summed(file: str, query: str) -> Callable[[Path], int]:
    def likes(folder: Path) -> int:
        with closing(sqlite3.connect(folder / file, timeout=10)) as lite:
            return int(lite.execute(query).fetchone()[0] or 0)

    return likes


def _waline_data(folder: Path) -> None:
    columns = ", ".join(f"reaction{number} INTEGER" for number in range(9))
    with closing(sqlite3.connect(folder / "waline.sqlite")) as lite:
        lite.executescript(_WALINE_TABLES.format(columns=columns))


ISSO = Peer(
    name="isso",
    install=_pip("isso", "gunicorn"),
    installed="bin/isso",
    version=_python_version("isso"),
    prepare=_isso_data,
    command=_gunicorn("isso.run"),
    environ=lambda folder, _port: {"ISSO_SETTINGS": f"{folder}/isso.cfg"},
    likes=_summed("isso.db", "SELECT sum(likes) FROM comments"),
    request=lambda sent, article: (
        "POST", f"/id/{article}/like", b"", {"X-Forwarded-For": f"{91 + sent // 65536}.{sent // 256 % 256}.{sent % 256}.1"},
    ),
    ready="/latest",
)  # fmt: skip
OPENHEART = Peer(
    name="flask-openheart",
    install=_pip("flask-openheart", "gunicorn"),
    installed="bin/gunicorn",
    version=_python_version("flask-openheart"),
    prepare=lambda _folder: None,
    command=_gunicorn("--pythonpath", str(Path(__file__).parent), "openheart:app"),
    environ=lambda _folder, _port: {},
    likes=_summed("openheart.db", "SELECT sum(count) FROM openheart"),
    request=lambda _sent, article: ("POST", f"/openheart/articles/{article}/", "❤️".encode(), {}),
    ready="/readyz",
)
WALINE = Peer(
    name="waline",
    install=_npm("@waline/vercel", "sqlite3"),
    installed="node_modules/@waline/vercel/vanilla.js",
    version=_npm_version,
    prepare=_waline_data,
    command=lambda home, _folder, port: ["node", str(home / "node_modules/@waline/vercel/vanilla.js"), str(port)],
    environ=lambda folder, _port: {
        "SQLITE_PATH": str(folder), "SQLITE_DB": "waline", "JWT_TOKEN": "only for comparison", "OAUTH_URL": _NO_LOGINS,
    },
    likes=_summed("waline.sqlite", "SELECT sum(reaction0) FROM wl_Counter"),
    request=lambda _sent, article: (
        "POST",
        "/api/article",
        json.dumps({"path": f"/articles/{article}", "type": "reaction0", "action": "inc"}).encode(),
        {"Content-Type": "application/json"},
    ),
    ready="/api/article?path=/&type=reaction0",
)  # fmt: skip
PEERS = (ISSO, OPENHEART, WALINE)
