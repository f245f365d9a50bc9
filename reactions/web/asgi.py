"""The ASGI door: the hot path on the event loop, Flask in threads behind it for everything else.

A vote costs no thread and no hand-over of its own: the loop reads and checks it, the committer counts it with whatever else
waits, and one call tells the loop the answers of a whole batch. Nothing here waits without a deadline: a body, a place in the
batch, a thread of Flask's, a client that should read its answer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

from reactions.newsroom.sites import Site
from reactions.storage import outages
from reactions.votes.ballot_box import Answer
from reactions.votes.rules import Ballot, Receipt
from reactions.web import cors, hot_path, problems, requests
from reactions.web.counts import CachedResponse
from reactions.web.flask_threads import FlaskThreads, Message, Receive, Scope, Send, answer
from reactions.web.headers import PUBLIC, Header
from reactions.web.hot_path import HotPath, VoteRequest

_VOTE_BODY_S = 10.0  # seconds a client has to send a vote
_SWEEP_S = 0.05
_READING_THREADS = 4  # for counts that are not in memory, and for sites: neither waits behind a report

_NAMES = (b"content-type", b"content-length", b"origin", b"sec-fetch-mode", b"x-forwarded-for")
_JSON_TYPE = ("Content-Type", "application/json")


class AsgiDoor:
    """The application for ASGI servers. Made once for each process, used from one event loop."""

    def __init__(
        self, wsgi_app: Any, hot: HotPath, *, threads: int, answer_within_s: float, on_start: Callable[[], object] = lambda: None
    ) -> None:
        self._hot, self._on_start = hot, on_start
        self._flask = FlaskThreads(wsgi_app, threads=threads)
        self._reading = ThreadPoolExecutor(_READING_THREADS, thread_name_prefix="reading")
        self._answer_within_s = answer_within_s
        self._votes: deque[tuple[float, asyncio.Future[Answer]]] = deque()  # by their deadline, which is the order of arrival
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        """Say that everything is ready; at the end, when no request is open any more, write the views of the last second."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._on_start()
            if message["type"] == "lifespan.shutdown":
                await self._flask.idle()
                await asyncio.to_thread(self._hot.views.close)
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        if method == "GET" and not _has_if_match(scope):
            found = self._hot.known((path, scope["query_string"].decode("latin-1")))
            if found is not None:
                await _send_counts(send, found, scope)
                return
            if (asked := hot_path.COUNTS.fullmatch(path)) and await self._read_counts(asked[1], asked[2], scope, send):
                return
        elif method == "PUT" and (address := hot_path.VOTE.fullmatch(path)):
            given = _headers(scope)
            if given is not None and given.get(b"content-type") == b"application/json" and (length := _length(given)) is not None:
                await self._vote(address[1], given, length, scope, receive, send)
                return
        elif method == "POST" and (address := hot_path.VIEWS.fullmatch(path)):
            given = _headers(scope)
            is_beacon = given is not None and _is_beacons(given.get(b"content-type", b""))
            if given is not None and is_beacon and (length := _length(given, hot_path.BEACON_BYTES)) is not None:
                await self._see(address[1], given, length, scope, receive, send)
                return
        await self._flask(scope, receive, send)

    async def _see(
        self, site_key: str, given: dict[bytes, bytes], length: int, scope: Scope, receive: Receive, send: Send
    ) -> None:
        try:
            site = self._hot.directory.remembered(site_key) or await self._site(site_key)
            body = await _body(receive, length)
            status, (text, headers) = 200, self._hot.see(site, _vote_request(given, scope), body)
        except Exception as error:  # noqa: BLE001  `problems.of` logs what is a bug
            status, text, headers = problems.of(error, route=hot_path.VIEWS_ROUTE)
            headers = [*headers, *cors.NO_ORIGIN]
        await answer(send, status, text, headers)

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
            status, (text, headers) = 200, self._hot.receipt(*await self._cast(site, request, body))
        except Exception as error:  # noqa: BLE001  `problems.of` logs what is a bug
            status, text, headers = problems.of(error, route=hot_path.ROUTE)
        await answer(send, status, text, [*page, *headers, *unread])

    async def _cast(self, site: Site, request: VoteRequest, body: bytes) -> tuple[Ballot, Receipt]:
        ballot, voter = self._hot.ballot(site, request, body)
        loop = self._loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._hot.ballot_box.submit(ballot, voter, door=self, token=future)
        if not self._votes:
            loop.call_later(_SWEEP_S, self._sweep)
        self._votes.append((loop.time() + self._answer_within_s, future))
        outcome = await future
        if isinstance(outcome, Receipt):
            return ballot, outcome
        raise outcome

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
            found = await self._in_thread(self._hot.counts.read, site, what, query, address)
        except Exception as error:  # noqa: BLE001  `problems.of` logs what is a bug
            status, body, headers = problems.of(error, route=scope["path"])
            await answer(send, status, body, [*PUBLIC, *headers])
            return True
        await _send_counts(send, found, scope)
        return True

    async def _in_thread(self, work: Callable[..., Any], *given: Any) -> Any:
        """Do short work that may wait for the database. Raises Unavailable if it waits too long."""
        try:
            return await asyncio.wait_for(
                asyncio.get_running_loop().run_in_executor(self._reading, work, *given), self._answer_within_s
            )
        except TimeoutError:
            raise outages.away() from None


def _resolve(answers: Sequence[tuple[object, Answer]]) -> None:
    for future, each in answers:
        if isinstance(future, asyncio.Future) and not future.done():
            future.set_result(each)


def _headers(scope: Scope) -> dict[bytes, bytes] | None:
    """The headers that the hot path looks at; None if the request is unusual in what they say, and Flask should look."""
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in _NAMES:
            if name in found:
                return None
            found[name] = value
        elif name in (b"transfer-encoding", b"if-match"):
            return None
    return found


def _has_if_match(scope: Scope) -> bool:
    return any(name == b"if-match" for name, _ in scope["headers"])


@lru_cache(maxsize=64)
def _is_beacons(content_type: bytes) -> bool:
    return content_type.decode("latin-1").partition(";")[0].strip().lower() in hot_path.BEACON_TYPES


def _length(given: dict[bytes, bytes], most: int = requests.SMALL_BODY_BYTES) -> int | None:
    text = given.get(b"content-length", b"")
    return int(text) if text.isdigit() and len(text) < 6 and int(text) <= most else None


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
    """The whole body. Raises ValidationError if it takes too long or ends too early: some servers let that be answered."""
    begun = _Begun(receive())
    body, more = _part(begun.result) if begun.is_done else (b"", True)
    if more:  # no timer is set where the body is here already, as a vote's nearly always is
        try:
            async with asyncio.timeout(_VOTE_BODY_S):
                body, more = (body, more) if begun.is_done else _part(await begun)
                while more:
                    part, more = _part(await receive())
                    body += part
        except TimeoutError:
            raise requests.broken_off() from None
    if len(body) != length:
        raise requests.too_short()
    return body


def _part(message: Message) -> tuple[bytes, bool]:
    """A part of a body, and whether there is more; nothing follows once the client is gone."""
    return bytes(message.get("body", b"")), message["type"] == "http.request" and message.get("more_body", False)


class _Begun:
    """An awaitable whose first step is taken at once; `is_done` if it was the only one."""

    def __init__(self, awaitable: Awaitable[Message]) -> None:
        self._steps = awaitable.__await__()
        self.result: Message = {}
        self.is_done = False
        try:
            self._waits_for = next(self._steps)
        except StopIteration as end:
            self.result, self.is_done = end.value, True

    def __await__(self) -> Generator[Any, Any, Message]:
        yield self._waits_for
        return (yield from self._steps)


async def _send_counts(send: Send, found: CachedResponse, scope: Scope) -> None:
    known = b", ".join(value for name, value in scope["headers"] if name == b"if-none-match")
    if known and found.is_known(known.decode("latin-1")):
        await answer(send, 304, b"", found.headers)
    else:
        await answer(send, 200, found.body, [*found.headers, _JSON_TYPE])
