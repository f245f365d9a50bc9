"""The day's key for the hashes of networks: processes have the same, also after Redis was away or has lost it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from sqlalchemy import Engine

from reactions.times import DAY_MS
from reactions.web.current import Parts
from reactions.web.trust import DailyKey
from tests import make
from tests.engines import Redis, wait_until
from tests.lengths import only_sqlite
from tests.web.asking import vote
from tests.web.conftest import MakeApp
from tests.web.test_trust import held

NOON_MS = 20_000 * DAY_MS + DAY_MS // 2
NAME = "reactions:network-key:20000"


@pytest.fixture
def client(redis_server: Redis) -> Iterator[Any]:
    redis_server.empty()
    with redis.Redis.from_url(redis_server.url) as client:
        yield client


def test_processes_agree_that_met_no_redis_when_the_day_began(client: Any) -> None:
    shared: list[Any] = [None]
    one, other = (DailyKey(lambda: shared[0]) for _ in range(2))
    assert one.of(NOON_MS) != other.of(NOON_MS)

    shared[0] = client
    for key in (one, other, one):
        key.agree(NOON_MS)

    assert one.of(NOON_MS) == other.of(NOON_MS) == client.get(NAME)


def test_a_process_that_starts_after_redis_has_lost_the_key_agrees_with_those_before_it(client: Any) -> None:
    first, second = DailyKey(lambda: client), DailyKey(lambda: client)
    kept = first.of(NOON_MS)
    client.flushall()
    first.agree(NOON_MS)

    assert second.of(NOON_MS) == kept
    assert first.of(NOON_MS) is kept, "what is hashed with it is remembered by it"


def test_redis_forgets_the_key_with_its_day(client: Any) -> None:
    key = DailyKey(lambda: client)
    key.of(NOON_MS)
    key.agree(NOON_MS)

    assert 0 < client.pttl(NAME) <= DAY_MS // 2


@pytest.mark.parametrize("found", [b"", b"short", b"x" * 100])
def test_what_is_no_key_is_not_taken_for_one(client: Any, found: bytes) -> None:
    """One of more than 64 bytes failed every vote of the day."""
    client.set(NAME, found)

    assert len(DailyKey(lambda: client).of(NOON_MS)) == 32


@only_sqlite
def test_processes_share_a_soft_cap_again_a_minute_after_an_outage(
    make_app: MakeApp, redis_server: Redis, engine: Engine
) -> None:
    redis_server.empty()
    chosen = {"limiter_url": redis_server.url, "limiter_retry_s": 0.1, "fresh_votes_per_network": "4/hour"}
    redis_server.stop()
    try:
        apps = [make_app(**chosen) for _ in range(2)]
        for number, app in enumerate(apps):
            vote(app.test_client(), reader=make.reader(number))
        parts: list[Parts] = [app.extensions["reader-reactions"] for app in apps]
        assert [each.hot_path.limits.store.client for each in parts] == [None, None], "the event loop waits for none at midnight"
    finally:
        redis_server.start()
    wait_until(lambda: all(each.hot_path.limits.store.client for each in parts), why="both use Redis again")

    for app, each in zip(apps, parts, strict=True):
        with app.app_context():
            each.rounds._beside()  # what a process does every minute
    for number in range(8):
        vote(apps[number % 2].test_client(), reader=make.reader(10 + number))

    assert held(engine) == 8 - 4
