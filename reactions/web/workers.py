"""gunicorn's workers, with two changes: what is no HTTP is answered with a problem, and its sender's address is not logged."""

from __future__ import annotations

import socket
from typing import Any

import orjson
import structlog
from gunicorn.http import errors
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker
from gunicorn.workers.sync import SyncWorker

from reactions.web.headers import NOSNIFF
from reactions.web.problems import BY_STATUS

log = structlog.get_logger()

_STATUS_OF: dict[type[Exception], tuple[int, str]] = {
    errors.LimitRequestLine: (414, "URI Too Long"),
    errors.LimitRequestHeaders: (431, "Request Header Fields Too Large"),
    errors.ExpectationFailed: (417, "Expectation Failed"),
    errors.UnsupportedTransferCoding: (501, "Not Implemented"),
}


class _Discreet:
    """Answers what cannot be read as HTTP."""

    def handle_error(self, _req: Any, client: socket.socket, _addr: Any, fault: Exception) -> None:
        """Send a problem and log the kind of fault, not where it came from."""
        theirs = isinstance(fault, errors.ParseException | ConnectionError | TimeoutError)
        status, reason = _STATUS_OF.get(type(fault), (400, "Bad Request") if theirs else (500, "Internal Server Error"))
        log.log(20 if theirs else 40, "request could not be handled", fault=type(fault).__name__)
        try:
            write_nonblock(client, _problem(status, reason))
        except OSError:
            log.debug("nobody to answer")


def _problem(status: int, reason: str) -> bytes:
    name, title, detail = BY_STATUS.get(status, BY_STATUS[400])
    body = orjson.dumps({"type": f"/problems#{name}", "title": title, "status": status, "detail": detail})
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


class OneAtATimeWorker(_Discreet, SyncWorker):  # type: ignore[misc]
    """sync."""
