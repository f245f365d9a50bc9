"""gunicorn as this service runs it: `reactions serve`, or `gunicorn --config config/gunicorn.conf.py`.

Its settings come from ours. Its workers differ from gunicorn's own in two points: a request that is not HTTP is answered with a
problem, and its sender's address is not logged.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import structlog
from gunicorn.http import errors
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker
from gunicorn.workers.sync import SyncWorker
from prometheus_client import multiprocess
from uvicorn_worker import UvicornWorker

from reactions.web import garbage
from reactions.web.bounds import GRACEFUL_S, KEEP_ALIVE_S, LINE_BYTES

sys.path.append(str(Path(__file__).parent))
from loop_protocol import Protocol, problem

_root = Path(__file__).resolve().parents[1]
_installed = (_root / "_wsgi.py").exists()
if not _installed and sys.path[0] != str(_root):
    sys.path.insert(0, str(_root))  # first, so that no other project's wsgi.py is taken for ours
_door = "reactions._wsgi" if _installed else "wsgi"
gc.disable()  # until a worker is made: what is imported stays, and going through it takes a sixth of a start
_settings = import_module(_door).settings()
_log = structlog.get_logger()

wsgi_app = f"{_door}:{'asgi' if _settings.worker_class == 'uvicorn' else 'app'}"
bind = _settings.bind
workers = _settings.workers
worker_class = (
    f"{__name__}." + {"uvicorn": "LoopWorker", "gthread": "ThreadedWorker", "sync": "SequentialWorker"}[_settings.worker_class]
)
threads = _settings.threads if _settings.worker_class == "gthread" else 1
backlog = 2048
keepalive = int(KEEP_ALIVE_S)
timeout = 30
graceful_timeout = int(GRACEFUL_S)
limit_request_line = LINE_BYTES
accesslog = None  # an access log would hold readers' addresses
errorlog = "-"
loglevel = "warning" if _settings.log_level == "info" else _settings.log_level
control_socket_disable = True
forwarder_headers = ""  # by default a header named SCRIPT_NAME or PATH_INFO from a trusted peer would move our addresses
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None


def on_starting(server: Any) -> None:
    """Refuse several workers from `-w` or WEB_CONCURRENCY, which our own settings did not see, with a limiter for one."""
    if server.cfg.workers > 1 and _settings.limiter_url.startswith("memory"):
        raise SystemExit("limiter_url: memory:// counts for one process only. Set REACTIONS_LIMITER_URL to a Redis address.")


def post_worker_init(_worker: Any) -> None:
    """Look for garbage again, but not among what the worker is made of."""
    garbage.begin()


def child_exit(_server: Any, worker: Any) -> None:
    """Drop the gauges of a worker that has ended."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


_STATUS_OF: dict[type[Exception], tuple[int, str]] = {
    errors.LimitRequestLine: (414, "URI Too Long"),
    errors.LimitRequestHeaders: (431, "Request Header Fields Too Large"),
    errors.ExpectationFailed: (417, "Expectation Failed"),
    errors.UnsupportedTransferCoding: (501, "Not Implemented"),
}


class _Discreet:
    """Answers a request that gunicorn cannot read."""

    def handle_error(self, _req: Any, client: socket.socket, _addr: Any, error: Exception) -> None:
        """Send a problem and log the kind of error, not its sender."""
        theirs = isinstance(error, errors.ParseException | ConnectionError | TimeoutError)
        status, reason = _STATUS_OF.get(type(error), (400, "Bad Request") if theirs else (500, "Internal Server Error"))
        _log.log(20 if theirs else 40, "request could not be handled", fault=type(error).__name__)
        try:
            write_nonblock(client, problem(status, reason))
        except OSError:
            _log.debug("the client is gone")


class LoopWorker(UvicornWorker):  # type: ignore[misc]
    """uvicorn: votes and counts on an event loop, everything else in threads."""

    CONFIG_KWARGS = {  # noqa: RUF012  declared so by UvicornWorker
        "loop": "uvloop",
        "http": Protocol,
        "ws": "none",
        "interface": "asgi3",
        "proxy_headers": False,  # forwarded addresses are believed by our own rule
        "server_header": False,
        "access_log": False,
        "timeout_graceful_shutdown": graceful_timeout,
    }

    async def _serve(self) -> None:
        """Serve, with protocols that know where further connections wait."""
        Protocol.listening = tuple(self.sockets)
        await super()._serve()


class ThreadedWorker(_Discreet, ThreadWorker):  # type: ignore[misc]
    """gthread."""

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request, unless its version is none that there is: uvicorn refuses that too."""
        _check_version(req)
        return super().handle_request(req, conn)


class SequentialWorker(_Discreet, SyncWorker):  # type: ignore[misc]
    """sync: one request at a time. Its name must not end in SyncWorker, which gunicorn replaces where threads are set."""

    def handle_request(self, listener: Any, req: Any, client: Any, addr: Any) -> None:
        """Answer a request, unless its version is none that there is."""
        _check_version(req)
        super().handle_request(listener, req, client, addr)


def _check_version(req: Any) -> None:
    if req.version not in ((1, 0), (1, 1)):
        raise errors.InvalidHTTPVersion(req.version)
