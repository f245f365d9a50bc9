"""gunicorn as this service runs it: `reactions serve`, or `gunicorn --config config/gunicorn.conf.py`.

Its settings come from ours. Its workers differ from gunicorn's own in two points: a request that is not HTTP is answered with a
problem, and its sender's address is not logged.
"""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from typing import Any

import structlog
from gunicorn.http import errors
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker
from gunicorn.workers.sync import SyncWorker
from prometheus_client import multiprocess
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn_worker import UvicornWorker

from reactions.web import bounds, garbage, problems
from reactions.web.bounds import GRACEFUL_S, HEAD_BYTES, HEAD_S, HEADERS, KEEP_ALIVE_S, LINE_BYTES
from reactions.web.flask_threads import READ_S
from reactions.web.headers import Header
from reactions.web.requests import too_short

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
_most_connections = bounds.most_connections()
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


_READ_BYTES_S = 65_536  # and a second more for so many bytes that it has not read
_COPIED_BYTES = 65_536  # of an answer that follow its head in one piece of memory; more is shared with other answers
_ACCEPTS = 512  # new connections that are taken in a turn of the loop, beside uvloop's one
_LAST_REQUEST_S = 1.0  # seconds that an idle connection stays open for one more request when a worker ends

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


def _problem(status: int, reason: str, detail: str = "") -> bytes:
    _, body, headers = problems.of_server(status, detail)
    return _last(status, reason, body, headers)


def _last(status: int, reason: str, body: bytes, headers: list[Header]) -> bytes:
    """An answer after which the connection ends."""
    fields = [("Connection", "close"), *headers, ("Content-Length", str(len(body)))]
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"HTTP/1.1 {status} {reason}\r\n{head}\r\n".encode("ascii") + body


class _Answer:
    """Where uvicorn writes an answer: the head leaves with the first of its body, in one call to the system and one packet.

    ASGI has it so, that a server sends nothing before it has something of the body; uvicorn sends the head alone.
    """

    __slots__ = ("_cycle", "_end", "_head", "_is_begun", "_transport")

    def __init__(self, cycle: RequestResponseCycle, end: Callable[[], None]) -> None:
        self._cycle, self._transport, self._end = cycle, cycle.transport, end
        self._head, self._is_begun = b"", False

    def write(self, data: bytes) -> None:
        """Keep the head, and send it before what follows. What comes earlier, as a wish to be sent the body, is no head."""
        if self._is_begun:
            if self._head and len(data) > _COPIED_BYTES:
                self._transport.write(self._head)
            elif self._head:
                data = self._head + data
            self._transport.write(data)
            self._head = b""
        elif self._cycle.response_started:
            self._head, self._is_begun = data, True
        else:
            self._transport.write(data)

    def is_closing(self) -> bool:
        """True if nothing more can be written."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Close, without a head that nothing has followed: the application failed before it had an answer."""
        self._end()


class Protocol(HttpToolsProtocol):
    """HTTP as uvicorn reads it, with deadlines and bounds for heads, deadlines for clients that do not read, problems for what is
    not HTTP, and an unhurried end.

    What uvicorn lets pass and gunicorn's other workers refuse is refused: two hosts, an unknown version or expectation. So is a
    body that ends before its length, which uvicorn takes for a client that has gone.
    """

    listening: tuple[Any, ...] = ()  # the sockets of the worker
    coming: set[asyncio.Task[Any]] = set()  # noqa: RUF012  connections that are taken and have no protocol yet, of all protocols
    _is_one_more = False
    _slow: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _status = 400
    _head_bytes = 0
    _hosts = 0
    _in_head = False
    _ending = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect a first request soon; turn it away where the process would have no files left to answer others.

        Of a crowd beyond that no request is waited for: clients mostly read what was answered before they had asked.
        """
        super().connection_made(transport)
        if not self._is_one_more:
            self._take_more()
        too_many = len(self.connections) - _most_connections
        if too_many > bounds.PATIENT_WITH:
            status, body, headers = bounds.busy()
            self._end_with(_last(status, HTTPStatus(status).phrase, body, headers))
            return
        if too_many > 0:
            self.app = bounds.turn_away
        self._slow = self.loop.call_later(HEAD_S, self.timeout_keep_alive_handler)

    def _take_more(self) -> None:
        """Take the connections that wait beside this one: uvloop takes one in each turn of the loop.

        Turns in which many are answered are long, and whoever came then waited for seconds, while others were served.
        """
        for listening in self.listening:
            with suppress(OSError):  # none waits any more, or there is no file left for it
                for _ in range(min(_ACCEPTS, _most_connections - len(self.connections) - len(self.coming))):
                    client, _ = listening.accept()
                    client.setblocking(False)
                    taken = self.loop.create_task(self.loop.connect_accepted_socket(self._one_more, client))
                    self.coming.add(taken)
                    taken.add_done_callback(self._has_come)

    def _has_come(self, taken: asyncio.Task[Any]) -> None:
        self.coming.discard(taken)
        if not taken.cancelled() and taken.exception() is not None:
            _log.debug("the client is gone")

    def _one_more(self) -> Protocol:
        """A protocol for another connection of this server."""
        made = Protocol(config=self.config, server_state=self.server_state, app_state=self.app_state, _loop=self.loop)
        made._is_one_more = True
        return made

    def data_received(self, data: bytes) -> None:
        """Read on; expect the rest of a head that is not here as a whole, which it nearly always is, soon.

        So is a head expected after anything else that comes while nothing is to be answered, as the rest of a body that was not
        waited for, or an empty line: uvicorn takes it for the end of an idle time, after which it would wait for ever.
        """
        super().data_received(data)
        if self._slow is None and (self._in_head or self.cycle is None or self.cycle.response_complete):
            self._slow = self.loop.call_later(HEAD_S, self.timeout_keep_alive_handler)

    def pause_writing(self) -> None:
        """Give up a client that leaves too much unread for too long."""
        super().pause_writing()
        self._expect_reading()

    def resume_writing(self) -> None:
        """Wait no more for what was read, unless the connection is to end with the rest."""
        super().resume_writing()
        if self._unread is not None and not self.transport.is_closing():
            self._unread.cancel()
            self._unread = None

    def timeout_keep_alive_handler(self) -> None:
        """End the connection, even if what it has still to send is not read."""
        super().timeout_keep_alive_handler()
        self._expect_reading()

    def _expect_reading(self) -> None:
        if self._unread is None and (unread := self.transport.get_write_buffer_size()):
            self._unread = self.loop.call_later(READ_S + unread / _READ_BYTES_S, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing more."""
        self._head_is_here()
        if self._unread is not None:
            self._unread.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Count what comes of this head."""
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = self._hosts = 0

    def on_url(self, url: bytes) -> None:
        """Refuse an address that is too long."""
        super().on_url(url)
        if len(self.url) > limit_request_line:
            self._status = 414
            raise ValueError("the address is too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Refuse headers that are too many or too long, and expectations that nobody knows.

        It is called more often than anything else, so it does what uvicorn's own does instead of calling it.
        """
        name, value = name.lower(), value.rstrip(b" \t")  # spaces after a value are no part of it: RFC 9110, 5.5
        self.headers.append((name, value))
        length = len(name) + len(value)
        self._head_bytes += length + 4
        if self._head_bytes > HEAD_BYTES or len(self.headers) > HEADERS or length > LINE_BYTES:
            self._status = 431
            raise ValueError("the headers are too large")
        if name == b"host":
            self._hosts += 1
        elif name == b"expect":
            self.expect_100_continue = value.lower() == b"100-continue"
            if not self.expect_100_continue:
                self._status = 417
                raise ValueError("nobody knows this expectation")

    def on_headers_complete(self) -> None:
        """Let the request be answered; during the end of the worker, as the last one of its connection."""
        self._head_is_here()
        if self.parser.get_http_version() not in ("1.0", "1.1") or self._hosts > 1:
            raise ValueError("another version of HTTP, or two hosts")
        super().on_headers_complete()
        if self.scope["method"] != "HEAD":  # whose head is all there is
            self.cycle.transport = _Answer(self.cycle, self.timeout_keep_alive_handler)  # type: ignore[assignment]  # it has all that a cycle calls
        if self._ending:
            self.cycle.keep_alive = False

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer a client that has sent its last byte; one whose body is not all here is told so. True keeps the connection."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return False
        cycle.keep_alive = False
        if cycle.more_body:
            cycle.disconnected = True
            cycle.message_event.set()
            self._refuse(400, str(too_short().messages[0]))
        return True

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be read."""
        _log.info("request could not be handled", fault=msg)
        self._refuse(413 if "overflow" in str(sys.exception()) else self._status)

    def _refuse(self, status: int, detail: str = "") -> None:
        self._end_with(_problem(status, HTTPStatus(status).phrase, detail))

    def _end_with(self, answer: bytes) -> None:
        self.transport.write(answer)
        self.timeout_keep_alive_handler()

    def shutdown(self) -> None:
        """End the connection after its next answer: a client that is just sending must not meet a closed door."""
        self._ending = True
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(_LAST_REQUEST_S, self.timeout_keep_alive_handler)
        else:
            self.cycle.keep_alive = False

    def _head_is_here(self) -> None:
        self._in_head = False
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None


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
