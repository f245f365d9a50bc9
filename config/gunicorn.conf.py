"""gunicorn as this service runs it: `reactions serve`, or `gunicorn --config config/gunicorn.conf.py wsgi:app`.

Its settings come from ours. Its workers differ from gunicorn's own in two points: a request that is not HTTP is answered with a
problem, and its sender's address is not logged.
"""

import os
import socket
from pathlib import Path
from typing import Any

import orjson
import structlog
from gunicorn.http import errors
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker
from gunicorn.workers.sync import SyncWorker
from prometheus_client import multiprocess

from reactions.settings import load
from reactions.web.headers import NOSNIFF
from reactions.web.problems import BY_STATUS, document

_settings = load(os.environ)
_log = structlog.get_logger()

wsgi_app = "reactions.app:from_environment()"
bind = _settings.bind
workers = _settings.workers
worker_class = f"{__name__}.{'ThreadedWorker' if _settings.worker_class == 'gthread' else 'SequentialWorker'}"
threads = _settings.threads if _settings.worker_class == "gthread" else 1
backlog = 2048
keepalive = 15  # seconds; longer than the proxy keeps its own side open, so that it never writes to a closing socket
timeout = 30
graceful_timeout = 30
limit_request_line = 8190
accesslog = None  # an access log would hold readers' addresses
errorlog = "-"
loglevel = "warning" if _settings.log_level == "info" else _settings.log_level
control_socket_disable = True
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None


def on_starting(server: Any) -> None:
    """Refuse several workers from `-w` or WEB_CONCURRENCY, which our own settings did not see, with a limiter for one."""
    if server.cfg.workers > 1 and _settings.limiter_url.startswith("memory"):
        raise SystemExit("limiter_url: memory:// counts for one process only. Set REACTIONS_LIMITER_URL to a Redis address.")


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
            write_nonblock(client, _problem(status, reason))
        except OSError:
            _log.debug("the client is gone")


def _problem(status: int, reason: str) -> bytes:
    name, _, detail = BY_STATUS.get(status, BY_STATUS[400])
    body = orjson.dumps({**document(name, detail), "status": status})
    fields = {
        "Connection": "close",
        "Content-Type": "application/problem+json",
        "Cache-Control": "no-store",
        "Content-Length": str(len(body)),
        **dict([NOSNIFF]),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} {reason}\r\n{head}\r\n".encode("ascii") + body


class ThreadedWorker(_Discreet, ThreadWorker):  # type: ignore[misc]
    """gthread."""


class SequentialWorker(_Discreet, SyncWorker):  # type: ignore[misc]
    """sync: one request at a time. Its name must not end in SyncWorker, which gunicorn replaces where threads are set."""
