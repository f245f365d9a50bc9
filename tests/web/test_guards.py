"""Limits beside the vote path: keyed routes, wrong keys, sign-in. Each network has its own, and a spent one says for how long."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from reactions.web import metrics
from reactions.web.extensions import limiter
from tests.engines import Redis
from tests.lengths import only_sqlite
from tests.web.asking import counts, problem, row, vote
from tests.web.conftest import MakeApp
from tests.web.test_limit_store import Clock
from tests.web.test_newsroom_api import key_of

pytestmark = only_sqlite
KEYS = "/v1/sites/daily/keys"
WRONG = "rk_000000000000_" + "A" * 43
TOO_MANY = problem(
    "too-many-requests", 429, "Too many requests",
    "This network sent too many requests. Try again after the seconds in Retry-After.",
)  # fmt: skip

# What stands in the addresses of the routes.
NAMED = {
    "site_key": "daily", "key_id": "0" * 12, "webhook_id": "0" * 12, "source": "old-blog", "file_name": "votes.csv",
    "change": "close", "revision": "reset",
}  # fmt: skip


def clocked(app: Flask) -> Clock:
    """A clock for the application's limits, a little after the full hour."""
    limiter.storage.store.memory.clock = clock = Clock(3_600_003.4)  # type: ignore[attr-defined]
    assert limiter in app.extensions["limiter"]
    return clock


def bearer(key: str, address: str = "198.51.100.7", **environ: str) -> dict[str, object]:
    """What a client sends with a key, from an address."""
    return {"headers": {"Authorization": f"Bearer {key}"}, "environ_base": {"REMOTE_ADDR": address, **environ}}


def statuses(ask: Callable[[], TestResponse], times: int) -> list[int]:
    return [ask().status_code for _ in range(times)]


def test_keyed_routes_share_one_limit_for_a_network_and_another_network_has_its_own(make_app: MakeApp) -> None:
    app = make_app(keyed_requests_per_network="3/minute")
    client, key = app.test_client(), key_of(app, "daily", "read", "keys")

    assert statuses(lambda: client.get(KEYS, **bearer(key)), 2) == [200, 200]
    assert client.get("/v1/sites/daily/series", **bearer(key)).status_code == 200
    assert statuses(lambda: client.get(KEYS, **bearer(key)), 2) == [429, 429]
    assert client.get(KEYS, **bearer(key, "198.51.100.8")).status_code == 200


def test_a_spent_limit_says_which_it_was_and_when_the_next_request_may_come(make_app: MakeApp) -> None:
    app = make_app(keyed_requests_per_network="2/minute")
    clock, client, key = clocked(app), app.test_client(), key_of(app, "daily", "keys")
    before = metrics.limited.labels("keyed-requests")._value.get()
    statuses(lambda: client.get(KEYS, **bearer(key)), 2)

    refused = client.get(KEYS, **bearer(key))
    wait_s = int(refused.headers["Retry-After"])
    clock.now += wait_s - 1.5
    too_early = client.get(KEYS, **bearer(key))
    clock.now += 1.5
    after = client.get(KEYS, **bearer(key))

    assert (refused.status_code, refused.json) == (429, TOO_MANY)
    assert refused.headers["RateLimit-Policy"] == '"keyed-requests";q=2;w=60'
    assert refused.headers["RateLimit"] == f'"keyed-requests";r=0;t={wait_s}'
    assert refused.headers["Cache-Control"] == "no-store"
    assert (too_early.status_code, after.status_code) == (429, 200)
    assert metrics.limited.labels("keyed-requests")._value.get() == before + 2


def test_wrong_keys_are_refused_with_429_after_a_while_and_the_right_key_of_the_same_network_goes_on(make_app: MakeApp) -> None:
    app = make_app(wrong_keys_per_network="3/minute")
    client, key = app.test_client(), key_of(app, "daily", "keys")

    assert statuses(lambda: client.get(KEYS, **bearer(WRONG)), 5) == [401, 401, 401, 429, 429]
    assert client.get(KEYS, **bearer(WRONG)).headers["RateLimit-Policy"] == '"wrong-keys";q=3;w=60'
    assert client.get(KEYS, **bearer(key)).status_code == 200
    assert statuses(lambda: client.get(KEYS), 5) == [401] * 5, "a request without a key has none to guess"


def test_wrong_tokens_for_the_metrics_count_as_wrong_keys(make_app: MakeApp) -> None:
    client = make_app(wrong_keys_per_network="2/minute", metrics_token="a token that only tests use").test_client()

    assert statuses(lambda: client.get("/metrics", **bearer("guess")), 3) == [401, 401, 429]


def test_a_network_may_try_to_sign_in_ten_times_a_minute(make_app: MakeApp) -> None:
    app = make_app()
    clock, client, key = clocked(app), app.test_client(), key_of(app, "daily", "read")

    def sign_in(with_key: str, address: str = "198.51.100.7") -> TestResponse:
        return client.post("/dashboard/sign-in", data={"key": with_key}, environ_base={"REMOTE_ADDR": address})

    assert statuses(lambda: sign_in(WRONG), 10) == [401] * 10
    refused = sign_in(key)
    assert (refused.status_code, refused.content_type) == (429, "text/html; charset=utf-8")
    assert "Too many attempts" in refused.text
    assert refused.headers["Retry-After"].isdigit()
    assert refused.headers["RateLimit-Policy"] == '"sign-ins";q=10;w=60'
    assert client.get("/dashboard/sign-in").status_code == 200, "the form itself is not limited"
    assert sign_in(key, "198.51.100.8").status_code == 303
    clock.now += int(refused.headers["Retry-After"])
    assert sign_in(key).status_code == 303


@pytest.mark.parametrize("forged", ["198.51.100.9", "198.51.100.9, 198.51.100.10"])
def test_a_limit_is_not_talked_around_with_a_forwarded_address(make_app: MakeApp, forged: str) -> None:
    client = make_app(sign_ins_per_network="1/minute").test_client()

    def sign_in(address: str) -> int:
        headers = {"X-Forwarded-For": forged}
        peer = {"REMOTE_ADDR": address}
        return client.post("/dashboard/sign-in", data={"key": WRONG}, headers=headers, environ_base=peer).status_code

    assert [sign_in("198.51.100.7"), sign_in("198.51.100.7"), sign_in("::ffff:198.51.100.7")] == [401, 429, 429]


def test_the_same_limits_count_in_the_process_while_redis_is_away(make_app: MakeApp, redis_server: Redis) -> None:
    """What Redis let through counts there as well: one that stumbles gives nobody more guesses."""
    redis_server.empty()
    client = make_app(limiter_url=redis_server.url, sign_ins_per_network="3/minute").test_client()

    def sign_in() -> TestResponse:
        return client.post("/dashboard/sign-in", data={"key": WRONG})

    assert sign_in().status_code == 401
    redis_server.stop()
    try:
        answers = statuses(sign_in, 4)
    finally:
        redis_server.start()

    assert answers == [401, 401, 429, 429]


def test_in_redis_a_spent_limit_says_when_the_next_request_may_come(make_app: MakeApp, redis_server: Redis) -> None:
    redis_server.empty()
    app = make_app(limiter_url=redis_server.url, keyed_requests_per_network="1/2 second")
    client, key = app.test_client(), key_of(app, "daily", "keys")
    statuses(lambda: client.get(KEYS, **bearer(key)), 1)

    refused = client.get(KEYS, **bearer(key))

    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 3
    time.sleep(int(refused.headers["Retry-After"]))
    assert client.get(KEYS, **bearer(key)).status_code == 200


def test_a_limit_says_its_wait_if_redis_fails_just_then(make_app: MakeApp, redis_server: Redis) -> None:
    redis_server.empty()
    client = make_app(limiter_url=redis_server.url, limiter_retry_s=60, sign_ins_per_network="1/hour").test_client()

    def sign_in() -> TestResponse:
        return client.post("/dashboard/sign-in", data={"key": WRONG})

    assert sign_in().status_code == 401
    with redis.Redis.from_url(redis_server.url) as store:
        store.execute_command("ACL", "SETUSER", "default", "-get")  # which counting does without
        try:
            refused = sign_in()
        finally:
            store.execute_command("ACL", "SETUSER", "default", "+get")

    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 3601


def test_a_clock_of_redis_that_was_set_back_keeps_no_editor_out(make_app: MakeApp, redis_server: Redis) -> None:
    redis_server.empty()
    client = make_app(limiter_url=redis_server.url, sign_ins_per_network="2/minute").test_client()

    def sign_in() -> TestResponse:
        return client.post("/dashboard/sign-in", data={"key": WRONG})

    assert statuses(sign_in, 3) == [401, 401, 429]
    with redis.Redis.from_url(redis_server.url) as store:
        for key in store.scan_iter():
            store.expire(key, 3600 + 60)

    assert statuses(sign_in, 1) == [401]


def test_redis_learns_no_address(make_app: MakeApp, redis_server: Redis) -> None:
    redis_server.empty()
    client = make_app(limiter_url=redis_server.url).test_client()
    client.post("/dashboard/sign-in", data={"key": WRONG}, environ_base={"REMOTE_ADDR": "198.51.100.7"})

    with redis.Redis.from_url(redis_server.url) as store:
        keys = list(store.scan_iter())

    assert len(keys) == 1
    assert b"198.51.100" not in keys[0]


def test_every_keyed_route_is_limited_and_the_readers_routes_have_no_hook(make_app: MakeApp) -> None:
    app = make_app(keyed_requests_per_network="1/hour")
    client: FlaskClient = app.test_client()
    described = client.get("/openapi.json").get_json()
    keyed = [
        (path.format(**NAMED), method)
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
        if method != "parameters" and operation.get("security")
    ]
    client.get(KEYS)

    assert {(path, client.open(path, method=method.upper(), json={}).status_code) for path, method in keyed} == {
        (path, 429) for path, _ in keyed
    }
    assert len(keyed) >= 10
    limiters = [hook for hooks in app.before_request_funcs.values() for hook in hooks if "limiter" in hook.__module__]
    assert limiters == []
    assert (row(client, "a").status_code, counts(client, ["a"]).status_code, vote(client).status_code) == (200, 200, 200)
