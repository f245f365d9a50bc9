"""Bad input below the application, against the real servers: lengths that lie, bodies cut short, requests that are none.

And how answers leave. The file is longer than 300 lines because all of it talks to three servers that are started once.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from reactions.storage import engines
from tests import make
from tests.databases import SqliteFiles
from tests.engines import wait_until
from tests.service import Service, running_service
from tests.web.asking import rows_stored

LONGEST_S = 1.0
GOOD = json.dumps({"article": "a", "reaction": "like", "reader": make.ADA, "seq": 1}).encode()


@pytest.fixture(scope="module", params=["uvicorn", "gthread", "granian"])
def service(
    request: pytest.FixtureRequest, sqlite_files: SqliteFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service that nobody else votes at, by each kind of worker and server."""
    url = sqlite_files.copy_to(tmp_path_factory.mktemp("transport"))
    make.site(url, count_views=1)
    with running_service(url, server=request.param, settings={"counts_memory_s": 0}) as running:
        running.database_url = url  # type: ignore[attr-defined]
        running.by_granian = request.param == "granian"  # type: ignore[attr-defined]
        running.by_worker = request.param  # type: ignore[attr-defined]
        yield running


@pytest.fixture
def nothing_stored(service: Service) -> Iterator[None]:
    """The test fails if it changed the number of rows."""
    engine = create_engine(service.database_url)  # type: ignore[attr-defined]
    engines.prepare(engine)
    before = rows_stored(engine)
    yield
    after = rows_stored(engine)
    engine.dispose()
    assert after == before


@dataclass(frozen=True)
class Received:
    status: int
    content_type: str
    body: bytes
    took_s: float


def put(*fields: str, body: bytes = GOOD, method: str = "PUT", path: str = "/v1/sites/daily/vote") -> bytes:
    """A request as bytes; the body follows whatever the fields say of it."""
    head = [f"{method} {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *fields, "", ""]
    return "\r\n".join(head).encode("latin-1") + body


def get(path: str, *fields: str) -> bytes:
    return put(*fields, body=b"", method="GET", path=path)


def talk(service: Service, sent: bytes, *, then_silent: bool = False) -> Received:
    """Send bytes on a connection of their own and read one answer."""
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection:
        try:
            connection.sendall(sent)
            if then_silent:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # an early answer closes the connection while we still send
        return _read(connection, started)


def closes(service: Service, sent: bytes) -> bool:
    """Send bytes; whether the connection ends without an answer."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection:
        connection.sendall(sent)
        return connection.recv(1) == b""


def _read(connection: socket.socket, started: float) -> Received:
    with connection.makefile("rb") as stream:
        status = int(stream.readline().split()[1])
        fields: dict[str, str] = {}
        while line := stream.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            fields[name.lower()] = value.strip()
        body = stream.read(int(fields.get("content-length", "0")))
    return Received(status, fields.get("content-type", ""), body, time.monotonic() - started)


CHUNKED = "Transfer-Encoding: chunked"
REFUSED_BY_US = {
    "ten megabytes": (put("Content-Length: 10485760", body=b"x" * 10_485_760), 413, "too-large"),
    "a length of twenty digits": (put("Content-Length: 99999999999999999999"), 413, "too-large"),
    "a length that is too short": (put("Content-Length: 10"), 400, "invalid-request"),
    "no length and a body": (put(), 400, "invalid-request"),
    "chunks of more than there may be": (
        put(CHUNKED, body=b"1000\r\n" + b" " * 4096 + b"\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(GOOD), GOOD)), 413, "too-large",
    ),
    "a chunk without a length": (put(CHUNKED, body=b"zz\r\n" + GOOD + b"\r\n0\r\n\r\n"), 400, "invalid-request"),
    "TRACE": (put(method="TRACE", body=b""), 405, "method-not-allowed"),
    "PROPFIND": (put(method="PROPFIND", body=b""), 405, "method-not-allowed"),
    "a key of 5,000 characters": (get("/v1/sites/daily/reactions?article=" + "k" * 5000), 400, "malformed-key"),
    "an address of 8,000 characters": (get("/" + "k" * 8000), 404, "not-found"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED_BY_US)
@pytest.mark.usefixtures("nothing_stored")
def test_what_reaches_the_application_is_refused_with_a_problem_at_once(service: Service, name: str) -> None:
    sent, status, problem = REFUSED_BY_US[name]

    answer = talk(service, sent)

    if service.by_granian and name == "a length of twenty digits":  # type: ignore[attr-defined]
        assert (answer.status, answer.body) == (400, b"")  # granian has refused it
        return
    assert (answer.status, answer.content_type) == (status, "application/problem+json")
    document = json.loads(answer.body)
    assert (document["type"], document["status"]) == (f"/problems#{problem}", status)
    assert answer.took_s < LONGEST_S


@pytest.mark.usefixtures("nothing_stored")
def test_a_body_shorter_than_its_length_is_no_vote_even_if_it_reads_like_one(service: Service) -> None:
    answer = talk(service, put("Content-Length: 500"), then_silent=True)

    assert (answer.status, json.loads(answer.body)["detail"]) == (
        400,
        "The body is shorter than its Content-Length says. Send it whole.",
    )


@pytest.mark.usefixtures("nothing_stored")
def test_chunks_that_end_too_early_are_no_vote(service: Service) -> None:
    answer = talk(service, put(CHUNKED, body=b"%x\r\n%s" % (len(GOOD) + 10, GOOD)), then_silent=True)

    assert answer.status == 400


REFUSED_BY_THE_SERVER = {
    "a negative length": put("Content-Length: -1"),
    "a length in words": put("Content-Length: many"),
    "a length with a sign": put(f"Content-Length: +{len(GOOD)}"),
    "two lengths": put(f"Content-Length: {len(GOOD)}", "Content-Length: 1"),
    "a length and chunks": put("Content-Length: 5", CHUNKED, body=b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"),
    "an unknown transfer coding": put("Transfer-Encoding: gzip"),
    "two hosts": get("/healthz", "Host: evil.example"),
    "a folded field": get("/healthz", "X-Folded: a\r\n b"),
    "a NUL in a field": get("/healthz", "X-Nul: a\0b"),
    "a space before the colon": get("/healthz", "X-Space : a"),
    "two hundred fields": get("/healthz", *(f"X-{number}: a" for number in range(200))),
    "a field of nine thousand characters": get("/healthz", "X-Long: " + "a" * 9000),
    "a method in small letters": put(method="put", body=b""),
    "an address of nine thousand characters": get("/" + "k" * 9000),
    "no version": b"GET /healthz\r\n\r\n",
    "HTTP/1.5": b"GET /healthz HTTP/1.5\r\nHost: localhost\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "an expectation nobody knows": put(f"Content-Length: {len(GOOD)}", "Expect: magic"),
}


@pytest.mark.parametrize("name", REFUSED_BY_THE_SERVER)
@pytest.mark.usefixtures("nothing_stored")
def test_what_is_no_http_is_refused_at_once_and_never_reaches_the_application(service: Service, name: str) -> None:
    if service.by_granian and name == "HTTP/2":  # type: ignore[attr-defined]
        assert closes(service, REFUSED_BY_THE_SERVER[name])
        return
    answer = talk(service, REFUSED_BY_THE_SERVER[name])

    assert 400 <= answer.status < 500
    assert answer.took_s < LONGEST_S


@pytest.mark.usefixtures("nothing_stored")
def test_after_an_early_answer_the_rest_of_the_body_is_not_taken_for_a_request(service: Service) -> None:
    inner = put(f"Content-Length: {len(GOOD)}")
    sent = put(f"Content-Length: {5000 + len(inner)}", body=b" " * 5000 + inner)

    answer = talk(service, sent)

    assert answer.status == 413


def test_a_vote_in_chunks_is_a_vote(service: Service) -> None:
    body = GOOD.replace(b'"a"', b'"chunked"')

    answer = talk(service, put(CHUNKED, body=b"5\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (body[:5], len(body) - 5, body[5:])))

    assert answer.status == 200
    assert json.loads(answer.body)["article"] == "chunked"
    withdrawn = body.replace(b'"like"', b"null").replace(b": 1}", b": 2}")
    talk(service, put(f"Content-Length: {len(withdrawn)}", body=withdrawn))


def test_spaces_after_a_field_are_no_part_of_it(service: Service) -> None:
    """Found by the hostile requests: the event loop took the body for cut short."""
    body = GOOD.replace(b'"a"', b'"spaces"')

    answer = talk(service, put(f"Content-Length: {len(body)} \t", "X-More: a ", body=body))

    assert answer.status == 200
    withdrawn = body.replace(b'"like"', b"null").replace(b": 1}", b": 2}")
    talk(service, put(f"Content-Length: {len(withdrawn)}", body=withdrawn))


def data_segments(connection: socket.socket) -> int:
    """How many segments with data have come in, as Linux tells by tcpi_data_segs_in of TCP_INFO, tcp(7)."""
    told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 160)
    return int(struct.unpack_from("I", told, 152)[0])


@pytest.mark.skipif(sys.platform != "linux", reason="looks at what Linux tells of a connection")
def test_an_answer_comes_in_one_piece(service: Service) -> None:
    if service.by_worker == "gthread":  # type: ignore[attr-defined]
        pytest.skip("gunicorn's own workers send the head alone")
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection:
        for nth, asked in enumerate(
            (get("/v1/sites/daily/reactions?article=a"), get("/healthz"), put("Content-Length: 1", body=b"x")), 1
        ):
            connection.sendall(asked)
            answer = _read(connection, time.monotonic())
            assert answer.body
            assert data_segments(connection) == nth


def test_what_has_no_body_is_answered_before_the_next_request(service: Service) -> None:
    """A head that nothing follows must not wait for more."""
    head, unchanged = (
        put(method="HEAD", path="/healthz", body=b""),
        get("/v1/sites/daily/reactions?article=a", "If-None-Match: *"),
    )
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection, connection.makefile("rb") as stream:
        for asked, status in ((head, b" 200 "), (unchanged, b" 304 "), (head, b" 200 ")):
            connection.sendall(asked)
            assert status in stream.readline()
            while stream.readline().strip():
                pass
        connection.sendall(head + get("/healthz"))
        assert b" 200 " in stream.readline()
        while b"HTTP/1.1" not in (line := stream.readline()):
            pass
        assert b" 200 " in line, "the second of two that were sent together"


def test_a_body_that_waits_to_be_asked_for_is_asked_for(service: Service) -> None:
    body = GOOD.replace(b'"a"', b'"asked"')
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection, connection.makefile("rb") as stream:
        connection.sendall(put(f"Content-Length: {len(body)}", "Expect: 100-continue", body=b""))
        assert b" 100 " in stream.readline()
        assert stream.readline() == b"\r\n"
        connection.sendall(body)
        assert b" 200 " in stream.readline()
    withdrawn = body.replace(b'"like"', b"null").replace(b": 1}", b": 2}")
    talk(service, put(f"Content-Length: {len(withdrawn)}", body=withdrawn))


BEACONS = {
    b'{"articles":["a"]}': (200, ""),
    b'{"articles":[]}': (400, ""),
    b"junk": (400, ""),
    b'{"articles": ["%s"]}' % (b"x" * 40_000): (413, ""),
    b'{"articles":["a"]} ': (403, "Origin: https://evil.example"),
    b' {"articles":["a"]}': (403, "Origin: null"),
}


@pytest.mark.parametrize("body", BEACONS)
@pytest.mark.usefixtures("nothing_stored")
def test_both_doors_answer_a_beacon_alike(service: Service, body: bytes) -> None:
    status, field = BEACONS[body]
    head = ["POST /v1/sites/daily/views HTTP/1.1", "Host: localhost", "Content-Type: text/plain;charset=UTF-8"]
    sent = "\r\n".join([*head, f"Content-Length: {len(body)}", *([field] if field else []), "", ""]).encode() + body

    answer = talk(service, sent)

    assert answer.status == status
    assert answer.content_type == ("application/json" if status == 200 else "application/problem+json")


def test_the_service_lives_and_its_log_says_nothing_of_the_readers(service: Service, tmp_path: Path) -> None:
    for sent, _, _ in REFUSED_BY_US.values():
        talk(service, sent)

    assert service.get("/readyz")[0] == 200
    assert [canary for canary in (make.ADA, "Traceback", "unhandled fault") if canary in service.log()] == []


def test_a_worker_collects_its_garbage(service: Service) -> None:
    """Collection is off only until the worker is made."""

    def collections() -> float:
        told = re.search(r'^python_gc_collections_total\{generation="0"\} (\S+)$', service.metrics(), re.MULTILINE)
        assert told
        return float(told[1])

    def has_collected() -> bool:
        for _ in range(30):  # each leaves some objects behind that refer to one another
            service.get("/no-such-page")
        return collections() > before

    before = collections()

    wait_until(has_collected, why="garbage is collected")
