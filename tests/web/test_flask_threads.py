"""Flask behind the event loop: what a server is told of an answer, part by part."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

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
