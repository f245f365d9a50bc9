"""HTTP on the event loop, as the default server's workers speak it (`gunicorn.conf.py`): uvicorn's protocol with bounds."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from reactions.web import bounds, problems
from reactions.web.bounds import HEAD_BYTES, HEAD_S, HEADERS, LINE_BYTES
from reactions.web.flask_threads import READ_S
from reactions.web.headers import Header
from reactions.web.requests import too_short

_MOST = bounds.most_connections()
_READ_BYTES_S = 65_536  # and a second more for so many bytes that it has not read
_COPIED_BYTES = 65_536  # of an answer that follow its head in one piece of memory; more is shared with other answers
# New connections that are taken in a turn of the loop, beside uvloop's one, once so many are there that turns are long. Few, so
# that other workers have their part of those that wait.
_ACCEPTS, _A_CROWD = 32, 20
_LAST_REQUEST_S = 1.0  # seconds that an idle connection stays open for one more request when a worker ends

_log = structlog.get_logger()


def problem(status: int, reason: str, detail: str = "") -> bytes:
    """A whole answer to what a server refuses by itself; the connection ends after it."""
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
        if not self._is_one_more and len(self.connections) > _A_CROWD:
            self._take_more()
        too_many = len(self.connections) - _MOST
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
                for _ in range(min(_ACCEPTS, _MOST - len(self.connections) - len(self.coming))):
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
        if len(self.url) > LINE_BYTES:
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
            # It has all that a cycle calls.
            self.cycle.transport = _Answer(self.cycle, self.timeout_keep_alive_handler)  # type: ignore[assignment]
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
        self._end_with(problem(status, HTTPStatus(status).phrase, detail))

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
