"""Flask behind the event loop: a request takes a thread once its body is here, and frees it even if the client stops reading.

Whoever waits for a thread longer than is good is told to come back, and whoever is gone by then costs none.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping, Sequence
from functools import lru_cache
from typing import IO, Any
from urllib.parse import quote_from_bytes, unquote_to_bytes

from a2wsgi import WSGIMiddleware
from marshmallow import ValidationError

from reactions.refusals import Overloaded
from reactions.web import problems, requests
from reactions.web.headers import Header

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_BODY_S = 30.0  # seconds a client has to send a body
_MOST_BODY_BYTES = 1_048_576  # of one body: more than any route takes
_BODIES_BYTES = 64 * 2**20  # of all bodies that are being read
READ_S = 30.0  # seconds a client may leave a part of an answer unread
_A_LOOK_S = 0.01
_WAITING_A_THREAD = 8  # requests that may wait for each thread; more are told to come back
_WAIT_S = 1.0  # seconds that one may wait for a thread
_ASCII = "".join(map(chr, range(0x21, 0x7F)))


class FlaskThreads:
    """A WSGI application as an ASGI one, in a bounded number of threads with a bounded queue before them."""

    def __init__(self, wsgi_app: Any, *, threads: int) -> None:
        self._app = WSGIMiddleware(_environ_as_wsgi_says(wsgi_app), workers=threads)
        self._threads = threads
        self._present = 0  # all whose answer is not sent yet
        self._in_threads = 0  # those of them that have a thread, or wait for one
        self._bodies_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer in one of the threads; more than can be served soon are told to come back."""
        try:
            body = b"" if _is_without_body(scope) else await self._buffered(receive)
            self._check_room()
        except (Overloaded, ValidationError) as refused:
            status, text, headers = _refusal(refused, scope)
            await answer(send, status, text, [*headers, ("Connection", "close")])
            return
        scope = {
            **scope,
            "headers": [(name, value) for name, value in scope["headers"] if b"_" not in name],  # `X_Forwarded_For` is no header
            "query_string": quote_from_bytes(scope["query_string"], safe=_ASCII).encode("ascii"),
        }
        client = scope["reactions.client"] = _Client(body, receive, send, self._leave_thread)
        self._present += 1
        self._in_threads += 1
        if self._in_threads > self._threads:
            client.watch()
        try:
            await self._app(scope, client.receive, client.send)  # type: ignore[arg-type]
        finally:
            self._present -= 1
            client.close()

    def _leave_thread(self) -> None:
        self._in_threads -= 1

    async def idle(self) -> None:
        """Wait until no thread answers any more: one that waited for a loop that has ended would keep its process from ending.

        A server may take an answer for complete, and end, while a thread still says that nothing follows.
        """
        until = asyncio.get_running_loop().time() + READ_S
        while self._present and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(_A_LOOK_S)

    def _check_room(self) -> None:
        if self._in_threads >= self._threads * (1 + _WAITING_A_THREAD):
            raise _busy()

    def _check_memory(self) -> None:
        if self._bodies_bytes > _BODIES_BYTES:
            raise _busy()

    async def _buffered(self, receive: Receive) -> bytes:
        """A body, whole before a thread is taken. Raises Overloaded, or ValidationError if it takes too long or ends early.

        One that is longer than any route takes is read no further: Flask refuses it. Small ones are not counted among those that
        are read, and have a place beside any number of large ones.
        """
        body = bytearray()
        counted = 0
        try:
            async with asyncio.timeout(_BODY_S):
                while len(body) <= _MOST_BODY_BYTES:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise requests.too_short()
                    body += message.get("body", b"")
                    if len(body) > requests.SMALL_BODY_BYTES:
                        self._bodies_bytes += len(body) - counted
                        counted = len(body)
                        self._check_memory()
                    self._check_room()
                    if not message.get("more_body", False):
                        break
        except TimeoutError:
            raise requests.broken_off() from None
        finally:
            self._bodies_bytes -= counted
        return bytes(body)


async def answer(send: Send, status: int, body: bytes, headers: Sequence[Header]) -> None:
    """Send a whole answer."""
    sent = _encoded(tuple(headers), None if status == 304 else len(body))
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": body})


@lru_cache(maxsize=1024)
def _encoded(headers: tuple[Header, ...], length: int | None) -> tuple[tuple[bytes, bytes], ...]:
    """Headers as they are sent, with the length of what follows. Most answers have the same."""
    sent = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return tuple(sent if length is None else [*sent, (b"content-length", b"%d" % length)])


def _busy() -> Overloaded:
    return Overloaded("The service is busy. Send the same request again in a moment.")


def _refusal(refused: Exception, scope: Scope) -> tuple[int, bytes, list[Header]]:
    found = problems.of(refused, route=None)
    return problems.as_page(found) if _is_readers_form(scope) else found


def _is_readers_form(scope: Scope) -> bool:
    """True for a form that a browser sends to vote: its reader sees the answer."""
    return scope["path"].startswith("/form/") and any(
        name == b"accept" and b"text/html" in value for name, value in scope["headers"]
    )


def _is_without_body(scope: Scope) -> bool:
    """True if no body follows, or one so long that Flask refuses it unread."""
    for name, value in scope["headers"]:
        if name == b"transfer-encoding":
            return False
        if name == b"content-length":
            return not value.isdigit() or int(value[:9]) > _MOST_BODY_BYTES or int(value) == 0
    return True


class _Client:
    """Who a thread of Flask's answers: it has to read in time, and costs nothing once it is gone."""

    def __init__(self, body: bytes, receive: Receive, send: Send, leave_thread: Callable[[], None]) -> None:
        self.since_s = time.monotonic()
        self._loop = asyncio.get_running_loop()
        self._leave_thread: Callable[[], None] | None = leave_thread
        self._body: bytes | None = body
        self._receive = receive
        self._send = send
        self._parts = 0
        self._left: int | None = None  # of the answer's length, where it tells one
        self._is_whole = False
        self._watching: asyncio.Task[None] | None = None
        self.gone = False

    async def receive(self) -> Message:
        """The body, which is here, once."""
        body, self._body = self._body, None
        return {"type": "http.request", "body": body} if body is not None else {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Send a part of the answer, or drop it: whoever makes the parts must never wait for a client that is gone."""
        if self.gone or not self._is_due(message):
            return
        self._parts += 1
        if self._parts == 3:  # a head and two parts: a stream, so see whether anybody reads on
            self.watch()
        try:
            async with asyncio.timeout(READ_S):
                await self._send(message)
        except (TimeoutError, OSError):
            self.gone = True

    def _is_due(self, message: Message) -> bool:
        """Mark the part with which an answer is whole as its last; what a2wsgi then says, that nothing follows, is not due.

        A server that were to wait for that might send the head alone: it sends what is whole in one piece.
        """
        if message["type"] == "http.response.start":
            self._left = next((int(value) for name, value in message["headers"] if name == b"content-length"), None)
        elif self._is_whole:
            return bool(message["body"])  # more than it said is the server's to refuse
        elif self._left is not None:
            self._left -= len(message["body"])
            if self._left == 0:
                self._is_whole, message["more_body"] = True, False
        return True

    def watch(self) -> None:
        """See from now on whether the client is there."""
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True

    def close(self) -> None:
        """End the watch."""
        self._leave()
        if self._watching is not None:
            self._watching.cancel()

    def thread_is_done(self) -> None:
        """Hear from the thread that it has said all: to send that is the loop's work, and the thread is another's."""
        self._loop.call_soon_threadsafe(self._leave)

    def _leave(self) -> None:
        leave, self._leave_thread = self._leave_thread, None
        if leave is not None:
            leave()


def _environ_as_wsgi_says(app: Any) -> Any:
    """Mend what a2wsgi leaves out: the path as the bytes that came, and the end of a body without a length."""

    def mended(environ: dict[str, Any], start_response: Callable[..., object]) -> Any:
        scope = environ["asgi.scope"]
        client = scope["reactions.client"]
        if client.gone or time.monotonic() - client.since_s > _WAIT_S:
            status, text, headers = _refusal(_busy(), scope)
            start_response(f"{status} {problems.PHRASE[status]}", [*headers, ("Content-Length", str(len(text)))])
            return (text,)
        environ["PATH_INFO"] = unquote_to_bytes(scope["raw_path"]).decode("latin-1")
        environ["wsgi.input_terminated"] = True
        environ["wsgi.file_wrapper"] = _whole_file
        return _while_read(app(environ, start_response), client)

    return mended


def _whole_file(file: IO[bytes], _size: int = 0) -> Iterable[bytes]:
    """A file of ours in one part: in many, a client that reads them slowly would keep a thread. All answers share its bytes."""
    with file:
        found = os.fstat(file.fileno())
        return (_content(file.name, found.st_mtime_ns, found.st_size),)


@lru_cache(maxsize=256)
def _content(name: str, _changed_ns: int, _size: int) -> bytes:
    with open(name, "rb") as file:
        return file.read()


def _while_read(parts: Any, client: _Client) -> Iterator[bytes]:
    """The parts of an answer, until nobody reads them any more."""
    try:
        for part in parts:
            if client.gone:
                return
            yield part
    finally:
        getattr(parts, "close", lambda: None)()
        client.thread_is_done()
