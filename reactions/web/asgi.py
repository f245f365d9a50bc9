"""The ASGI door: the hot path on the event loop, Flask in threads behind it for everything else.

A vote costs no thread and no hand-over of its own: the loop reads and checks it, the committer counts it with whatever else
waits, and one call tells the loop the answers of a whole batch. Nothing here waits without a deadline: a body, a place in the
batch, a thread of Flask's, a client that should read its answer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote_from_bytes, unquote_to_bytes

from a2wsgi import WSGIMiddleware

from reactions.newsroom.sites import Site
from reactions.refusals import Overloaded
from reactions.storage import outages
from reactions.votes.ballot_box import Answer
from reactions.votes.rules import Receipt
from reactions.web import cors, hot_path, problems, requests
from reactions.web.counts import CachedResponse
from reactions.web.headers import PUBLIC, Header
from reactions.web.hot_path import HotPath, VoteRequest

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_VOTE_BODY_S = 10.0  # seconds a client has to send a vote
_BODY_S = 60.0  # seconds a client has to send any other body, of 1 MiB at most
_READ_S = 30.0  # seconds a client may leave a part of an answer unread
_SWEEP_S = 0.05
_WAITING_A_THREAD = 8  # requests that may wait for each thread of Flask's; more are told to come back
_READING_THREADS = 4  # for counts that are not in memory, and for sites: neither waits behind a report

_NAMES = (b"content-type", b"content-length", b"origin", b"sec-fetch-mode", b"x-forwarded-for", b"if-none-match")
_JSON_TYPE = ("Content-Type", "application/json")


class ClientGone(Exception):
    """The client closed the connection before it was answered."""


class AsgiDoor:
    """The application for ASGI servers. Made once for each process, used from one event loop."""

    def __init__(self, wsgi_app: Any, hot: HotPath, *, threads: int, answer_within_s: float) -> None:
        self._hot = hot
        self._rest = WSGIMiddleware(_environ_as_wsgi_says(wsgi_app), workers=threads)
        self._most_in_flask = threads * _WAITING_A_THREAD
        self._in_flask = 0
        self._reading = ThreadPoolExecutor(_READING_THREADS, thread_name_prefix="reading")
        self._answer_within_s = answer_within_s
        self._votes: deque[tuple[float, asyncio.Future[Answer]]] = deque()  # by their deadline, which is the order of arrival
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        if method == "GET":
            answer = self._hot.known((path, scope["query_string"].decode("latin-1")))
            if answer is not None:
                await _send_counts(send, answer, scope)
                return
            if (asked := hot_path.COUNTS.fullmatch(path)) and await self._read_counts(asked[1], asked[2], scope, send):
                return
        elif method == "PUT" and (address := hot_path.VOTE.fullmatch(path)):
            given = _headers(scope)
            if given is not None and given.get(b"content-type") == b"application/json" and (length := _length(given)) is not None:
                await self._vote(address[1], given, length, scope, receive, send)
                return
        await self._flask(scope, receive, send)

    async def _vote(
        self, site_key: str, given: dict[bytes, bytes], length: int, scope: Scope, receive: Receive, send: Send
    ) -> None:
        page: list[Header] = cors.NO_ORIGIN
        unread = [("Connection", "close")]
        try:
            request = _vote_request(given, scope)
            site = await self._site(site_key)
            page = cors.check_origin(site, request.origin, request.fetch_mode)
            body = await _body(receive, length)
            unread = []
            receipt = await self._cast(site, request, body)
            status, (answer, headers) = 200, self._hot.receipt(receipt)
        except ClientGone:
            return
        except Exception as error:  # noqa: BLE001  `problems.of` logs what is a bug
            status, answer, headers = problems.of(error, route=hot_path.ROUTE)
        await _send(send, status, answer, [*page, *headers, *unread])

    async def _cast(self, site: Site, request: VoteRequest, body: bytes) -> Receipt:
        ballot, voter = self._hot.ballot(site, request, body)
        loop = self._loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._hot.ballot_box.submit(ballot, voter, door=self, token=future)
        if not self._votes:
            loop.call_later(_SWEEP_S, self._sweep)
        self._votes.append((loop.time() + self._answer_within_s, future))
        answer = await future
        if isinstance(answer, Receipt):
            return answer
        raise answer

    def settle(self, answers: Sequence[tuple[object, Answer]]) -> None:
        """Take a batch's answers from the committer: one call to the loop for all of them."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(_resolve, answers)

    def _sweep(self) -> None:
        """End the wait of votes whose time is over, and forget those that were answered."""
        votes, loop = self._votes, self._loop
        assert loop is not None
        now = loop.time()
        while votes and (votes[0][1].done() or votes[0][0] < now):
            _, future = votes.popleft()
            if not future.done():
                future.set_result(outages.away())
        if votes:
            loop.call_later(_SWEEP_S, self._sweep)

    async def _site(self, key: str) -> Site:
        """The site of an address. One that was read lately costs nothing; another is read in a thread."""
        found = self._hot.directory.remembered(key)
        if found is not None:
            return found
        site: Site = await self._in_thread(self._hot.directory.find, key)
        return site

    async def _read_counts(self, site_key: str, what: str, scope: Scope, send: Send) -> bool:
        """Answer counts that are not in memory; False if Flask should look at the query."""
        query = hot_path.plain_query(what, scope["query_string"])
        if query is None:
            return False
        address = scope["path"], scope["query_string"].decode("latin-1")
        try:
            site = await self._site(site_key)
            answer = await self._in_thread(self._hot.counts.read, site, what, query, address)
        except Exception as error:  # noqa: BLE001  `problems.of` logs what is a bug
            status, body, headers = problems.of(error, route=scope["path"])
            await _send(send, status, body, [*PUBLIC, *headers])
            return True
        await _send_counts(send, answer, scope)
        return True

    async def _in_thread(self, work: Callable[..., Any], *given: Any) -> Any:
        """Do short work that may wait for the database. Raises Unavailable if it waits too long."""
        try:
            return await asyncio.wait_for(
                asyncio.get_running_loop().run_in_executor(self._reading, work, *given), self._answer_within_s
            )
        except TimeoutError:
            raise outages.away() from None

    async def _flask(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let Flask answer in one of its threads; more than can be served soon are told to come back."""
        if self._in_flask >= self._most_in_flask:
            busy = Overloaded("The service is busy. Send the same request again in a moment.")
            status, body, headers = problems.of(busy, route=None)
            await _send(send, status, body, [*headers, ("Connection", "close")])
            return
        scope = {
            **scope,
            "headers": [(name, value) for name, value in scope["headers"] if b"_" not in name],  # `X_Forwarded_For` is no header
            "query_string": quote_from_bytes(scope["query_string"], safe=_ASCII).encode("ascii"),
        }
        client = scope["reactions.client"] = _Client(receive, send)
        self._in_flask += 1
        try:
            await self._rest(scope, client.receive, client.send)  # type: ignore[arg-type]
        finally:
            self._in_flask -= 1
            client.close()


_ASCII = "".join(map(chr, range(0x21, 0x7F)))


def _resolve(answers: Sequence[tuple[object, Answer]]) -> None:
    for future, answer in answers:
        if isinstance(future, asyncio.Future) and not future.done():
            future.set_result(answer)


def _headers(scope: Scope) -> dict[bytes, bytes] | None:
    """The headers that the hot path looks at; None if the request is unusual in what they say, and Flask should look."""
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in _NAMES:
            if name in found:
                return None
            found[name] = value
        elif name == b"transfer-encoding":
            return None
    return found


def _length(given: dict[bytes, bytes]) -> int | None:
    text = given.get(b"content-length", b"")
    return int(text) if text.isdigit() and len(text) < 6 and int(text) <= requests.SMALL_BODY_BYTES else None


def _vote_request(given: dict[bytes, bytes], scope: Scope) -> VoteRequest:
    origin, fetch_mode = given.get(b"origin"), given.get(b"sec-fetch-mode")
    client = scope.get("client")
    return VoteRequest(
        None if origin is None else origin.decode("latin-1"),
        None if fetch_mode is None else fetch_mode.decode("latin-1"),
        client[0] if client else "",
        given.get(b"x-forwarded-for", b"").decode("latin-1"),
    )


async def _body(receive: Receive, length: int) -> bytes:
    """The whole body. Raises ClientGone, or ValidationError if it takes too long."""
    parts, more = [], True
    try:
        async with asyncio.timeout(_VOTE_BODY_S):
            while more:
                message = await receive()
                if message["type"] != "http.request":
                    raise ClientGone
                parts.append(message.get("body", b""))
                more = message.get("more_body", False)
    except TimeoutError:
        raise requests.broken_off() from None
    body = b"".join(parts)
    if len(body) != length:
        raise requests.too_short()
    return body


async def _send_counts(send: Send, answer: CachedResponse, scope: Scope) -> None:
    tag = next((value for name, value in scope["headers"] if name == b"if-none-match"), b"")
    if tag and answer.is_known(tag.decode("latin-1")):
        await _send(send, 304, b"", answer.headers)
    else:
        await _send(send, 200, answer.body, [*answer.headers, _JSON_TYPE])


async def _send(send: Send, status: int, body: bytes, headers: Sequence[Header]) -> None:
    sent = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    if status != 304:
        sent.append((b"content-length", str(len(body)).encode("ascii")))
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": body})


class _Client:
    """Who a thread of Flask's answers: it has to send and to read in time, and costs nothing once it is gone."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._until = asyncio.get_running_loop().time() + _BODY_S
        self._parts = 0
        self._watching: asyncio.Task[None] | None = None
        self.gone = False

    async def receive(self) -> Message:
        """The next part of the body; the end of the client, if it takes too long."""
        try:
            async with asyncio.timeout_at(self._until):
                return await self._receive()
        except TimeoutError:
            self.gone = True
            return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Send a part of the answer, or drop it: whoever makes the parts must never wait for a client that is gone."""
        if self.gone:
            return
        self._parts += 1
        if self._parts == 3:  # a head and two parts: a stream, so see whether anybody reads on
            self._watching = asyncio.create_task(self._watch())
        try:
            async with asyncio.timeout(_READ_S):
                await self._send(message)
        except (TimeoutError, OSError):
            self.gone = True

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True

    def close(self) -> None:
        """End the watch."""
        if self._watching is not None:
            self._watching.cancel()


def _environ_as_wsgi_says(app: Any) -> Any:
    """Mend what a2wsgi leaves out: the path as the bytes that came, and the end of a body without a length."""

    def mended(environ: dict[str, Any], start_response: Callable[..., object]) -> Any:
        scope = environ["asgi.scope"]
        environ["PATH_INFO"] = unquote_to_bytes(scope["raw_path"]).decode("latin-1")
        environ["wsgi.input_terminated"] = True
        return _while_read(app(environ, start_response), scope["reactions.client"])

    return mended


def _while_read(parts: Any, client: _Client) -> Iterator[bytes]:
    """The parts of an answer, until nobody reads them any more."""
    try:
        for part in parts:
            if client.gone:
                return
            yield part
    finally:
        getattr(parts, "close", lambda: None)()


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
