"""Clients that are slow or gone cost nobody else anything: every wait has a deadline, and a place in a queue that can fill.

The file is longer than 300 lines because all of it is asked of the same running services.
"""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psutil
import pytest

from tests import make, oracles
from tests.databases import SqliteFiles
from tests.engines import free_port, wait_until
from tests.service import COMMAND, GRANIAN, Service, running_service

DRIPPING = 300
HEADERS = {"Content-Type": "application/json", "Origin": make.ORIGIN}
WIDE = {"votes_per_network": "1000000/minute"}
HEAD = b"PUT /v1/sites/daily/vote HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"


@pytest.fixture(scope="module", params=["uvicorn", "granian"])
def service(
    request: pytest.FixtureRequest, sqlite_files: SqliteFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    url = sqlite_files.copy_to(tmp_path_factory.mktemp("slow"))
    make.site(url)
    with running_service(url, port=free_port(), threads=2, server=request.param, settings=WIDE) as running:
        yield running


def vote(service: Service, number: int) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)) as connection:
        return vote_by(connection, number)


def sockets(service: Service, stack: ExitStack) -> list[socket.socket]:
    """Many connections that have sent a beginning: of a head, or of a body."""
    opened = [stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=20)) for _ in range(DRIPPING)]
    for number, each in enumerate(opened):
        each.sendall(HEAD if number % 2 else b"GET /healthz HTTP/1.1\r\nX: ")
    return opened


def drip(opened: list[socket.socket], over: threading.Event) -> None:
    """A byte now and then on each, as long as it is let in."""
    while not over.wait(0.5):
        for each in opened:
            try:
                each.send(b"a")
            except OSError:
                continue


def test_clients_that_drip_stop_nobody(service: Service) -> None:
    over = threading.Event()
    with ExitStack() as stack:
        opened = sockets(service, stack)
        dripping = threading.Thread(target=drip, args=(opened, over))
        dripping.start()
        try:
            statuses = [vote(service, number) for number in range(50)]
            alive, _ = service.get("/healthz")
            started = time.monotonic()
            wait_until(lambda: all(map(is_closed, opened)), timeout_s=25, why="every dripping connection was ended")
            waited_s = time.monotonic() - started
        finally:
            over.set()
            dripping.join()

    assert statuses == [200] * 50
    assert alive == 200
    assert waited_s < 20


def is_closed(connection: socket.socket) -> bool:
    connection.settimeout(0.001)
    try:
        while connection.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def test_who_comes_in_a_crowd_is_served_before_those_who_are_there_have_asked_many_times(service: Service) -> None:
    """Three hundred come at once, while another client asks again as soon as it is answered.

    One of them was taken in a turn of the loop; under load, new readers waited for ten seconds and others for none.
    """
    request = b"GET /v1/sites/daily/reactions?article=a HTTP/1.1\r\nHost: x\r\n\r\n"
    asked = 0
    with ExitStack() as stack:
        there = stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=20))
        there.sendall(request)
        assert there.recv(4096).startswith(b"HTTP/1.1 200 OK")
        tell(service, signal.SIGSTOP)
        crowd = [stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=20)) for _ in range(300)]
        last = crowd[-1]
        last.sendall(request)
        there.sendall(request)
        tell(service, signal.SIGCONT)
        answered = select.poll()  # which takes descriptors of any number
        answered.register(last, select.POLLIN)
        while not answered.poll(0):
            there.recv(4096)
            there.sendall(request)
            asked += 1

    assert asked < 50


def tell(service: Service, number: int) -> None:
    for pid in service.pids():
        os.kill(pid, number)


def test_what_flasks_threads_cannot_serve_soon_is_told_to_come_back(service: Service) -> None:
    """Two threads, both kept busy by bodies that do not end, and sixteen places to wait: the next is answered at once."""
    begun = b"PUT /v1/sites/daily/articles HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nContent-Length: 9\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(socket.create_connection(("127.0.0.1", service.port))).sendall(begun)

        def told() -> bool:
            with closing(http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)) as connection:
                connection.request("GET", "/openapi.json")
                answer = connection.getresponse()
                answer.read()
                return (answer.status, answer.headers["Retry-After"]) == (503, "1") or answer.status == 200

        assert told()
        assert vote(service, 1000) == 200
    wait_until(lambda: service.get("/openapi.json")[0] == 200, timeout_s=20, why="the threads are free again")


def test_a_head_that_is_too_large_is_a_problem(service: Service) -> None:
    too_long = b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    too_many = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 120 + b"\r\n"
    too_big = b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 70_000 + b"\r\n\r\n"

    assert [raw(service, sent) for sent in (too_long, too_many, too_big)] == [414, 431, 431]


def raw(service: Service, sent: bytes) -> int:
    """The status of the answer, whose body is a problem or, where granian itself refuses, nothing."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(sent)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        body = answer.read()
        assert not body or json.loads(body)["status"] == answer.status
        return answer.status


@pytest.mark.parametrize("server", ["uvicorn", "granian"])
def test_a_worker_that_ends_answers_what_is_still_sent_on_open_connections(
    server: str, sqlite_files: SqliteFiles, tmp_path: Path
) -> None:
    """A rolling restart: clients that keep their connections vote on while the service is asked to end.

    granian closes idle connections at once (docs/operating.md): who is just sending on one gets no answer, and sends again.
    """
    url = sqlite_files.copy_to(tmp_path)
    make.site(url)
    outcomes: list[str] = []
    with running_service(url, port=free_port(), server=server, settings=WIDE) as running:
        threads = [threading.Thread(target=vote_on, args=(running, first, outcomes)) for first in range(0, 8000, 1000)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(outcomes) > 50, why="votes are cast")
        running.stop()
        for thread in threads:
            thread.join()

    cut = [outcome for outcome in outcomes if outcome.startswith("cut")]
    assert server == "granian" or not cut
    assert {"200"} <= set(outcomes) - set(cut) <= {"200", "ended"}
    assert outcomes.count("ended") + len(cut) == 8
    assert 0 <= len(oracles.seqs(url)) - outcomes.count("200") <= len(cut)


_FEW_FILES = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 600))
os.execv(sys.executable, [sys.executable, *{command!r}])
"""


@pytest.mark.parametrize("server", ["uvicorn", "granian"])
def test_more_clients_than_files_cost_those_before_them_no_vote(server: str, sqlite_files: SqliteFiles, tmp_path: Path) -> None:
    """A shell allows 1,024 files at first: the database could not be opened beside as many connections, and votes were refused.

    The service takes what it may have, and keeps some for itself. gunicorn's worker tells those who come then to come back.
    """
    url = sqlite_files.copy_to(tmp_path)
    make.site(url)
    command = ("-c", _FEW_FILES.format(command=GRANIAN if server == "granian" else COMMAND))
    with running_service(url, port=free_port(), server=server, settings=WIDE, command=command) as running, ExitStack() as stack:
        opened = [
            stack.enter_context(closing(http.client.HTTPConnection("127.0.0.1", running.port, timeout=20))) for _ in range(700)
        ]
        for connection in opened:
            connection.connect()
        if server == "uvicorn":
            opened[-1].request("GET", "/healthz")
            late = opened[-1].getresponse()
            assert (late.status, late.headers["Retry-After"], late.will_close) == (503, "1", True)
            assert json.loads(late.read())["status"] == 503

        assert [vote_by(connection, number) for number, connection in enumerate(opened[:200])] == [200] * 200


def vote_by(connection: http.client.HTTPConnection, number: int) -> int:
    body = json.dumps({"article": "a", "reaction": "like", "reader": make.reader(number), "seq": 1})
    connection.request("PUT", "/v1/sites/daily/vote", body, HEADERS)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def vote_on(service: Service, first: int, outcomes: list[str]) -> None:
    """Vote on one connection until the service says that it closes it."""
    with closing(http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)) as connection:
        for number in range(first, first + 1000):
            body = json.dumps({"article": "a", "reaction": "like", "reader": make.reader(number), "seq": number + 1})
            try:
                connection.request(
                    "PUT", "/v1/sites/daily/vote", body, {"Content-Type": "application/json", "Origin": make.ORIGIN}
                )
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                outcomes.append(f"cut: {error!r}")
                return
            outcomes.append(str(answer.status))
            if answer.will_close:
                outcomes.append("ended")
                return


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"\r\n", id="an empty line"),
        pytest.param(b"x", id="a byte of a body that nobody waited for"),
    ],
)
def test_a_connection_that_was_answered_ends_whatever_comes_then_but_a_request(service: Service, sent: bytes) -> None:
    """Each new byte ended the time that a connection may stay idle, and nothing followed it."""
    length = b"Content-Length: 100\r\n" if sent == b"x" else b""
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
        connection.sendall(b"GET /v1/sites/daily/reactions?article=a HTTP/1.1\r\nHost: x\r\n" + length + b"\r\n")
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
        connection.sendall(sent)

        wait_until(lambda: is_closed(connection), timeout_s=25, why="the connection was ended")


_UNREAD = {b"/static/docs/swagger-ui-bundle.js": 6, b"/openapi.json": 30, b"/v1/sites/daily/reactions?article=a": 3000}


def test_clients_that_never_read_their_answers_stop_nobody_and_are_let_go(service: Service) -> None:
    """They kept a thread each, in which a file was sent, and their connections for ever. Files, pages and counts from memory."""
    with ExitStack() as stack:
        for path, times in [*_UNREAD.items()] * 20:
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            connection.connect(("127.0.0.1", service.port))
            connection.setblocking(False)
            connection.send((b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n") * times)
        wait_until(lambda: connections(service) >= 10, why="many are connected")

        wait_until(lambda: is_alive(service), timeout_s=15, why="Flask answers others")
        wait_until(lambda: connections(service) == 0, timeout_s=120, why="they are let go")


def is_alive(service: Service) -> bool:
    try:
        return service.get("/healthz")[0] == 200
    except TimeoutError:
        return False


def connections(service: Service) -> int:
    """How many connections the service holds, whatever its clients have done."""
    return sum(
        found.laddr.port == service.port and found.status != psutil.CONN_LISTEN
        for pid in service.pids()
        for found in psutil.Process(pid).net_connections("tcp")
    )
