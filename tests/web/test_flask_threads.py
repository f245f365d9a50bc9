"""Flask behind the event loop: what a server is told of an answer, part by part."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from werkzeug.wsgi import wrap_file

from reactions.web.flask_threads import FlaskThreads

GET = {
    "type": "http",
    "method": "GET",
    "path": "/a",
    "raw_path": b"/a",
    "query_string": b"",
    "headers": [],
    "http_version": "1.1",
}


def told(parts: Sequence[bytes], length: int | None, method: str = "GET") -> list[tuple[bytes, bool]]:
    """The parts of an answer that a server is sent, and whether more are announced."""
    sent: list[dict[str, Any]] = []

    def app(_: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        start_response("200 OK", [] if length is None else [("Content-Length", str(length))])
        return parts

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(10)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    def run() -> None:
        asyncio.run(FlaskThreads(app, threads=1)({**GET, "method": method}, receive, send))  # type: ignore[arg-type]

    with ThreadPoolExecutor(1) as pool:  # a browser of another test may have a loop in this one
        pool.submit(run).result()
    assert sent[0]["type"] == "http.response.start"
    return [(message["body"], message.get("more_body", False)) for message in sent[1:]]


@pytest.mark.parametrize(
    ("parts", "length", "expected"),
    [
        ([b"whole"], 5, [(b"whole", False)]),
        ([b"in ", b"two"], 6, [(b"in ", True), (b"two", False)]),
        ([b"whole", b""], 5, [(b"whole", False)]),
        ([], 0, [(b"", False)]),
        ([b""], 0, [(b"", False)]),
        ([b"a ", b"stream"], None, [(b"a ", True), (b"stream", True), (b"", False)]),
        ([b"short"], 6, [(b"short", True), (b"", False)]),
        ([b"long", b"er"], 4, [(b"long", False), (b"er", True)]),
    ],
    ids=str,
)
def test_the_part_with_which_an_answer_is_whole_is_its_last(
    parts: Sequence[bytes], length: int | None, expected: list[tuple[bytes, bool]]
) -> None:
    """A server that has to hear afterwards that nothing follows may send the head in a packet of its own."""
    assert told(parts, length) == expected


def test_an_answer_without_the_body_that_it_tells_the_length_of_ends_all_the_same() -> None:
    assert told([], 5, "HEAD") == [(b"", False)]


def echo(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


class Client:
    """Sends a body, waits for the answer, or goes."""

    def __init__(self, body: bytes | None = None, *, ends: bool = True, goes: bool = False) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self._goes = goes
        self._says = [] if body is None else [{"type": "http.request", "body": body, "more_body": not ends}]
        sent = [] if body is None else [(b"content-length", b"%d" % (len(body) if ends else 2**20))]
        self.scope = {**GET, "method": "POST", "headers": sent}

    async def receive(self) -> dict[str, Any]:
        if self._says:
            return self._says.pop()
        if not self._goes:
            await asyncio.sleep(30)
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])

    async def ask(self, threads: FlaskThreads) -> Client:
        await threads(self.scope, self.receive, self.send)  # type: ignore[arg-type]
        return self


def in_a_loop(work: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(work())).result()


def test_who_has_waited_for_a_thread_too_long_is_told_to_come_back_and_who_is_gone_costs_none() -> None:
    """One thread, which is busy for longer than anybody should wait."""
    busy, served = threading.Event(), []

    def app(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        served.append("")
        busy.wait(20)
        return echo(environ, start_response)

    async def play() -> list[Client]:
        threads = FlaskThreads(app, threads=1)
        first = asyncio.create_task(Client().ask(threads))
        while not served:
            await asyncio.sleep(0.01)
        late = asyncio.create_task(Client().ask(threads))
        await asyncio.sleep(1.1)
        gone, prompt = asyncio.create_task(Client(goes=True).ask(threads)), asyncio.create_task(Client().ask(threads))
        await asyncio.sleep(0.1)
        busy.set()
        return [await task for task in (first, late, gone, prompt)]

    clients = in_a_loop(play)

    assert [client.status for client in clients] == [200, 503, 0, 200]
    assert clients[1].headers[b"retry-after"] == b"1"
    assert clients[1].headers[b"content-type"] == b"application/problem+json"
    assert len(served) == 2


def test_large_bodies_that_do_not_end_leave_room_for_small_ones() -> None:
    """All the memory that there is for large ones is taken, to the byte."""

    async def play() -> tuple[Client, Client]:
        threads = FlaskThreads(echo, threads=1)
        large = [asyncio.create_task(Client(b"x" * 2**20, ends=False).ask(threads)) for _ in range(64)]
        await asyncio.sleep(0.1)
        try:
            return await Client(b"x" * 5000).ask(threads), await Client(b"article=a&reaction=like").ask(threads)
        finally:
            for task in large:
                task.cancel()

    one_more_large, small = in_a_loop(play)

    assert (one_more_large.status, small.status) == (503, 200)


def test_a_file_is_one_part_and_keeps_no_thread() -> None:
    """Files came in parts of 8 KiB, and a client that read them slowly kept their thread."""

    def app(environ: dict[str, Any], _start_response: Callable[..., object]) -> Iterable[bytes]:
        path = Path(__file__)
        _start_response("200 OK", [("Content-Length", str(path.stat().st_size))])
        return wrap_file(environ, path.open("rb"), 512)

    sent: list[bytes] = []

    async def play() -> None:
        client = Client()

        async def send(message: dict[str, Any]) -> None:
            sent.append(message.get("body", b""))

        await FlaskThreads(app, threads=1)(client.scope, client.receive, send)  # type: ignore[arg-type]

    in_a_loop(play)

    assert sent == [b"", Path(__file__).read_bytes()]
