"""Limits that several processes share in Redis: one count for all, and voting goes on when Redis does not answer."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select

from reactions.storage import tables
from reactions.web import metrics
from tests import make
from tests.engines import Redis, free_port, wait_until
from tests.lengths import only_sqlite
from tests.make import ADA
from tests.web.asking import ballot, counted, receipt, vote
from tests.web.conftest import MakeApp
from tests.web.test_newsroom_api import key_of

pytestmark = only_sqlite
RETRY_S = 0.1


@pytest.fixture
def store(redis_server: Redis) -> Iterator[Redis]:
    """An empty Redis that runs, and runs again afterwards whatever the test did to it."""
    redis_server.empty()
    yield redis_server
    redis_server.resume()
    if not redis_server.answers():
        redis_server.start()


def limited(make_app: MakeApp, store: Redis, **settings: object) -> Flask:
    return make_app(limiter_url=store.url, limiter_retry_s=RETRY_S, **settings)


def away() -> float:
    return metrics.limiter_away._value.get()  # type: ignore[no-any-return]


def clicks(client: FlaskClient, times: int, **members: object) -> list[int]:
    return [vote(client, **members).status_code for _ in range(times)]


def test_two_processes_share_one_limit(make_app: MakeApp, store: Redis) -> None:
    one, other = (limited(make_app, store, votes_per_reader="5/hour").test_client() for _ in range(2))

    assert clicks(one, 3) == [200] * 3
    assert clicks(other, 3) == [200, 200, 429]
    assert clicks(one, 1) == [429]


def test_sites_share_one_budget_of_a_network_there_too(make_app: MakeApp, store: Redis, database_url: str) -> None:
    make.site(database_url, "weekly", origins=[make.ORIGIN])
    one, other = (limited(make_app, store, votes_per_network_everywhere="4/hour").test_client() for _ in range(2))
    clicks(one, 3)

    there = [
        other.put("/v1/sites/weekly/vote", json=ballot(reader=make.reader(number)), headers={"Origin": make.ORIGIN})
        for number in range(2)
    ]

    assert [answer.status_code for answer in there] == [200, 429]
    assert '"network-everywhere"' in there[1].headers["RateLimit"]


def test_sites_share_the_soft_cap_of_a_network_there_too(
    make_app: MakeApp, store: Redis, database_url: str, engine: Engine
) -> None:
    make.site(database_url, "weekly", origins=[make.ORIGIN])
    client = limited(make_app, store, fresh_votes_everywhere="3/hour").test_client()

    for number, site in enumerate(["daily", "weekly"] * 3):
        sent = client.put(f"/v1/sites/{site}/vote", json=ballot(reader=make.reader(number)), headers={"Origin": make.ORIGIN})
        assert sent.status_code == 200

    with engine.connect() as connection:
        assert connection.execute(select(func.count()).where(tables.vote.c.held)).scalar_one() == 3


def test_the_wait_that_redis_tells_is_within_the_window(make_app: MakeApp, store: Redis) -> None:
    client = limited(make_app, store, votes_per_reader="1/minute").test_client()
    clicks(client, 1)

    refused = vote(client)

    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 61
    assert refused.headers["RateLimit"] == f'"reader";r=0;t={refused.headers["Retry-After"]}'


def test_whoever_reads_the_store_learns_no_address_and_no_reader(make_app: MakeApp, store: Redis) -> None:
    client = limited(make_app, store).test_client()
    vote(client, article="canary-article", reader=ADA, address="198.51.100.77")

    with redis.Redis.from_url(store.url) as connection:
        keys = [key.decode() for key in connection.scan_iter()]

    assert len(keys) >= 3
    assert [key for key in keys for canary in (ADA, ADA[:8], "198.51", "canary", "daily") if canary in key] == []


def test_voting_goes_on_while_redis_is_gone_and_limits_count_in_the_process(
    make_app: MakeApp, store: Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    client = make_app(limiter_url=store.url, limiter_retry_s=60, votes_per_reader="5/hour").test_client()
    clicks(client, 2)
    store.stop()

    gone = clicks(client, 4)

    assert gone == [200] * 3 + [429]  # a Redis that stumbles gives nobody a second allowance
    assert away() == 1
    alarms = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(alarm["level"], alarm["event"], alarm["effect"]) for alarm in alarms] == [
        ("error", "limiter store away", "limits count per process until it is back")
    ]


def test_redis_is_used_again_as_soon_as_it_is_back(make_app: MakeApp, store: Redis, capsys: pytest.CaptureFixture[str]) -> None:
    client = limited(make_app, store, votes_per_reader="1000/hour").test_client()
    store.stop()
    clicks(client, 1)
    store.start()

    def back() -> bool:
        clicks(client, 1)
        return away() == 0

    wait_until(back, why="the store is used again")

    with redis.Redis.from_url(store.url) as connection:
        assert connection.dbsize() > 0
    events = [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]
    assert events == ["limiter store away", "limiter store back"]


def test_a_redis_that_hangs_delays_one_vote_by_its_timeout_and_none_after_it(make_app: MakeApp, store: Redis) -> None:
    """Nor do those wait that come when it is asked again."""
    client = limited(make_app, store, limiter_timeout_s=1, votes_per_reader="9999/hour").test_client()
    usual_s = took_s(client)
    store.pause()

    delayed_s, later_s, end = took_s(client), [], time.monotonic() + 5 * RETRY_S
    while time.monotonic() < end:
        later_s.append(took_s(client))

    assert 1 <= delayed_s < 1 + usual_s + 0.5
    assert max(later_s) < 1
    assert away() == 1


def took_s(client: FlaskClient) -> float:
    started = time.monotonic()
    assert vote(client).status_code == 200
    return time.monotonic() - started


def test_the_service_starts_while_redis_is_gone(make_app: MakeApp) -> None:
    client = make_app(limiter_url=f"redis://127.0.0.1:{free_port()}/0", limiter_retry_s=RETRY_S).test_client()

    answer = vote(client, reader=ADA)

    assert receipt(answer) == {"article": "a", "reaction": "like", "total": 1, "counts": counted(like=1)}
    assert away() == 1


def test_a_redis_that_refuses_the_password_is_as_good_as_gone(make_app: MakeApp, store: Redis) -> None:
    client = make_app(limiter_url=store.url.replace("redis://", "redis://:wrong@")).test_client()

    assert vote(client, reader=make.BEN).status_code == 200
    assert away() == 1


def test_a_process_that_gets_no_more_votes_notices_too_that_redis_is_back(make_app: MakeApp, store: Redis) -> None:
    """Or its alarm would ring until the next one."""
    client = limited(make_app, store).test_client()
    store.stop()
    clicks(client, 1)
    assert away() == 1

    store.start()

    wait_until(lambda: away() == 0, why="the alarm has ended")


def test_a_full_redis_is_not_back_because_it_can_refuse(
    make_app: MakeApp, store: Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    """A batch of which all is refused writes nothing, and so it does not fail there."""
    client = limited(make_app, store, votes_per_reader="3/hour").test_client()
    clicks(client, 3)
    with redis.Redis.from_url(store.url) as connection:
        connection.config_set("maxmemory", 1)
        try:
            assert vote(client, reader=make.BEN).status_code == 200
            end = time.monotonic() + 5 * RETRY_S
            while time.monotonic() < end:
                assert clicks(client, 1) == [429]
            assert away() == 1
            assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["limiter store away"]
        finally:
            connection.config_set("maxmemory", 0)
    wait_until(lambda: away() == 0, why="it is back")


@pytest.mark.parametrize("within_reach", ["reactions:{0}:*", "reactions:{1}:*"])
def test_redis_is_not_back_while_only_some_of_a_votes_keys_are(make_app: MakeApp, store: Redis, within_reach: str) -> None:
    """What counts for all sites, and what counts for the vote's, may lie on two nodes of a cluster."""
    client = limited(make_app, store).test_client()
    with redis.Redis.from_url(store.url) as connection:
        connection.execute_command("ACL", "SETUSER", "default", "resetkeys", f"~{within_reach}")
        try:
            connection.config_resetstat()
            assert clicks(client, 1) == [200]

            def tried(times: int) -> bool:
                seen = connection.info("commandstats").get("cmdstat_evalsha", {})  # type: ignore[union-attr]
                return bool(seen.get("rejected_calls", 0) >= times)

            wait_until(lambda: tried(4), why="it was tried again and again")
            assert away() == 1
        finally:
            connection.execute_command("ACL", "SETUSER", "default", "allkeys")
    wait_until(lambda: away() == 0, why="all keys are within reach")


def test_requests_with_a_key_are_all_served_while_redis_hangs_and_it_is_told_once(
    make_app: MakeApp, store: Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that wait for it at the same time, too: the second to give up was answered 500."""
    app = make_app(limiter_url=store.url, limiter_timeout_s=0.3, limiter_retry_s=60)
    headers = {"Authorization": f"Bearer {key_of(app, 'daily', 'read')}"}
    together = threading.Barrier(8)

    def ask() -> int:
        together.wait()
        return app.test_client().get("/v1/sites/daily/series", headers=headers).status_code

    store.pause()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask) for _ in range(8)]
        assert [each.result() for each in asked] == [200] * 8

    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["limiter store away"]


@contextmanager
def something_else(answer: bytes) -> Iterator[str]:
    """The address of a server that gives this answer to whatever it is asked."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=reply, args=(connection,), daemon=True).start()

        def reply(connection: socket.socket) -> None:
            with connection:
                while connection.recv(65_536):
                    connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "answer",
    [
        b"+OK\r\n", b":1\r\n", b"$-1\r\n", b"*2\r\n:1\r\n:2\r\n", b"*1\r\n*3\r\n:99\r\n:1\r\n:1\r\n",
        b"*1\r\n*3\r\n+a\r\n:1\r\n:1\r\n", b":abc\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\xff",
    ],
)  # fmt: skip
def test_what_answers_like_no_redis_is_as_good_as_gone(make_app: MakeApp, answer: bytes) -> None:
    with something_else(answer) as address:
        app = make_app(limiter_url=address, limiter_retry_s=RETRY_S, votes_per_reader="2/hour")
        headers = {"Authorization": f"Bearer {key_of(app, 'daily', 'read')}"}

        assert clicks(app.test_client(), 3) == [200, 200, 429]  # by what the process itself counts
        assert app.test_client().get("/v1/sites/daily/series", headers=headers).status_code == 200
        assert away() == 1
