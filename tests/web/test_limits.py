"""Limits on votes: per reader, network, wide network and article; told truthfully, and not to be talked around."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from reactions.web.current import Parts
from tests import make
from tests.lengths import only_sqlite
from tests.make import ADA, BEN
from tests.web.asking import ballot, counts, rows_stored, vote
from tests.web.conftest import MakeApp
from tests.web.test_limit_store import Clock

pytestmark = only_sqlite


def clock_of(app: Flask) -> Clock:
    """A clock for the application's limits, somewhere within a minute."""
    parts: Parts = app.extensions["reader-reactions"]
    parts.limits.store.memory.clock = clock = Clock(3_600_003.4)
    return clock


def statuses(client: FlaskClient, addresses: list[str], **headers: str) -> list[int]:
    """The answers to votes of different readers from these addresses."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return [
        vote(client, reader=make.reader(number), address=address, headers=given).status_code
        for number, address in enumerate(addresses)
    ]


def assert_refused(answer: TestResponse, policy: str, retry_after_s: int) -> None:
    seconds = f"{retry_after_s} second" + "s" * (retry_after_s > 1)
    assert answer.status_code == 429
    assert answer.json == {
        "type": "/problems#too-many-votes",
        "title": "Too many votes",
        "status": 429,
        "detail": f"Too many votes in a short time. Try again in {seconds}.",
    }
    assert answer.headers["Retry-After"] == str(retry_after_s)
    assert answer.headers["RateLimit"] == f'"{policy}";r=0;t={retry_after_s}'
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Access-Control-Allow-Origin"] == make.ORIGIN


def test_a_reader_who_votes_too_often_is_told_when_the_next_vote_may_come(make_app: MakeApp, engine: Engine) -> None:
    app = make_app(votes_per_reader="3/minute")
    clock, client = clock_of(app), app.test_client()
    for _ in range(3):
        assert vote(client, reader=ADA).status_code == 200
    before = rows_stored(engine)

    refused = vote(client, reader=ADA)
    stored = rows_stored(engine)
    clock.now += int(refused.headers["Retry-After"]) - 1
    too_early = vote(client, reader=ADA)
    clock.now += 1
    in_time = vote(client, reader=ADA)

    assert_refused(refused, "reader", 57)
    assert stored == before
    assert (too_early.status_code, in_time.status_code) == (429, 200)


def test_a_refused_vote_counts_against_no_limit_at_all(make_app: MakeApp) -> None:
    app = make_app(votes_per_reader="2/minute", votes_per_network="4/minute")
    clock_of(app)
    client = app.test_client()

    hasty = [vote(client, reader=ADA).status_code for _ in range(6)]
    neighbour = [vote(client, reader=BEN).status_code for _ in range(2)]

    assert hasty == [200, 200, 429, 429, 429, 429]
    assert neighbour == [200, 200]


def test_a_network_that_votes_too_often_is_refused_and_others_are_not(make_app: MakeApp) -> None:
    app = make_app(votes_per_network="5/minute")
    clock_of(app)
    client = app.test_client()

    assert statuses(client, ["192.0.2.1"] * 6) == [200] * 5 + [429]
    assert statuses(client, ["192.0.2.2"] * 5) == [200] * 5
    assert_refused(vote(client, address="192.0.2.1", reader=ADA), "network", 57)


def test_a_whole_48_of_addresses_is_one_wide_network(make_app: MakeApp) -> None:
    app = make_app(votes_per_network="3/minute", votes_per_wide_network="10/minute")
    clock_of(app)
    client = app.test_client()

    in_one_64 = statuses(client, [f"2001:db8:1:1::{number:x}" for number in range(1, 6)])
    in_one_48 = statuses(client, [f"2001:db8:1:{number:x}::1" for number in range(2, 12)])
    in_another_48 = statuses(client, [f"2001:db8:2:{number:x}::1" for number in range(8)])
    refused = vote(client, address="2001:db8:1:ff::1", reader=ADA)

    assert in_one_64 == [200] * 3 + [429] * 2
    assert in_one_48 == [200] * 7 + [429] * 3
    assert in_another_48 == [200] * 8
    assert_refused(refused, "wide-network", 57)


def test_a_network_has_one_budget_on_all_sites_together(make_app: MakeApp, database_url: str) -> None:
    """Each site has its own budget, too: without the one of all, thirty sites would give a script thirty times as much."""
    for number in range(3):
        make.site(database_url, f"site-{number}", origins=[make.ORIGIN])
    wide = {"votes_per_wide_network_everywhere": "6/minute"}
    client = make_app(votes_per_network="3/minute", votes_per_network_everywhere="5/minute", **wide).test_client()

    def votes(site: str, address: str, times: int) -> list[int]:
        sent = [ballot(reader=make.reader(number)) for number in range(times)]
        path, environ = f"/v1/sites/{site}/vote", {"REMOTE_ADDR": address}
        return [client.put(path, json=body, headers={"Origin": make.ORIGIN}, environ_base=environ).status_code for body in sent]

    assert votes("site-0", "192.0.2.1", 4) == [200] * 3 + [429]
    assert votes("site-1", "192.0.2.1", 4) == [200] * 2 + [429] * 2
    assert votes("site-2", "192.0.2.1", 1) == [429]
    assert votes("site-2", "192.0.2.2", 3) == [200] * 3
    assert votes("site-0", "2001:db8:7:1::1", 3) + votes("site-1", "2001:db8:7:2::1", 4) == [200] * 6 + [429]


WAYS_TO_WRITE_ONE_IPV4 = [
    "192.0.2.1",
    "::ffff:192.0.2.1",
    "::ffff:c000:201",
    "64:ff9b::192.0.2.1",
    "2002:c000:201::1",
    "2002:c000:201:5::9",
    "::FFFF:192.0.2.1",
]


def test_an_ipv4_address_is_one_network_however_ipv6_wraps_it(make_app: MakeApp) -> None:
    app = make_app(votes_per_network="3/minute", votes_per_wide_network="1000/minute")
    clock_of(app)
    client = app.test_client()

    assert statuses(client, WAYS_TO_WRITE_ONE_IPV4) == [200] * 3 + [429] * 4
    assert statuses(client, [f"::ffff:192.0.2.{number}" for number in range(2, 40)]) == [200] * 38


def test_what_is_no_address_is_one_network_of_its_own(make_app: MakeApp) -> None:
    app = make_app(votes_per_network="2/minute")
    clock_of(app)

    assert statuses(app.test_client(), ["", "nonsense", "999.1.1.1", "fe80::zz"]) == [200, 200, 429, 429]


def test_forwarded_addresses_that_a_client_makes_up_are_not_believed(make_app: MakeApp) -> None:
    app = make_app(votes_per_network="5/minute")
    clock_of(app)
    client = app.test_client()
    made_up = [
        {"X-Forwarded-For": f"203.0.113.{number}", "Forwarded": f"for=203.0.113.{number}", "X-Real-IP": f"203.0.113.{number}",
         "CF-Connecting-IP": f"203.0.113.{number}", "True-Client-IP": f"203.0.113.{number}", "X-Client-IP": f"203.0.113.{number}"}
        for number in range(200)
    ]  # fmt: skip

    answers = [vote(client, reader=make.reader(n), address="198.51.100.9", headers=headers) for n, headers in enumerate(made_up)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 195
    parts: Parts = app.extensions["reader-reactions"]
    assert len(parts.limits.store.memory._of["network"].present) == 1
    assert len(parts.limits.store.memory._of["reader"].present) == 5


def test_a_trusted_proxys_clients_are_limited_each_for_themselves(make_app: MakeApp) -> None:
    app = make_app(votes_per_network="2/minute", trusted_proxies=["10.0.0.0/24"])
    clock_of(app)
    client = app.test_client()

    def through_proxy(forwarded: str) -> int:
        return statuses(client, ["10.0.0.1"], X_Forwarded_For=forwarded)[0]

    assert [through_proxy("198.51.100.7") for _ in range(3)] == [200, 200, 429]
    assert [through_proxy(f"203.0.113.{n}, 198.51.100.7") for n in range(3)] == [429] * 3
    assert [through_proxy("198.51.100.8") for _ in range(2)] == [200, 200]


def test_an_article_that_is_stormed_is_limited_and_others_are_not(make_app: MakeApp) -> None:
    app = make_app(votes_per_article="4/second")
    clock = clock_of(app)
    client = app.test_client()

    storm = [vote(client, article="hot", reader=make.reader(n), address=f"192.0.2.{n}").status_code for n in range(6)]
    elsewhere = vote(client, article="cool", reader=make.reader(7))
    refused = vote(client, article="hot", reader=make.reader(8))
    clock.now += 1

    assert storm == [200] * 4 + [429] * 2
    assert elsewhere.status_code == 200
    assert_refused(refused, "article", 1)
    assert vote(client, article="hot", reader=make.reader(8)).status_code == 200


def test_limits_of_one_site_are_not_those_of_another(make_app: MakeApp, database_url: str) -> None:
    make.site(database_url, "weekly")
    app = make_app(votes_per_reader="1/minute", votes_per_network="1/minute")
    clock_of(app)
    client = app.test_client()

    daily = [vote(client, reader=ADA).status_code for _ in range(2)]
    weekly = client.put("/v1/sites/weekly/vote", json=ballot(reader=ADA))

    assert daily == [200, 429]
    assert weekly.status_code == 200


def test_a_limit_may_have_two_windows_each_with_a_name_of_its_own(make_app: MakeApp) -> None:
    app = make_app(votes_per_reader="2/second; 3 per minute", votes_per_article="5/10 second")
    clock = clock_of(app)
    client = app.test_client()

    first = vote(client, reader=ADA)
    vote(client, reader=ADA)
    by_the_second = vote(client, reader=ADA)
    clock.now += 2
    vote(client, reader=ADA)
    by_the_minute = vote(client, reader=ADA)

    assert first.headers["RateLimit-Policy"] == (
        '"reader";q=2;w=1, "reader-60s";q=3;w=60, "network";q=1500;w=60, "wide-network";q=6000;w=60, '
        '"network-everywhere";q=3000;w=60, "wide-network-everywhere";q=12000;w=60, "article";q=5;w=10'
    )
    assert_refused(by_the_second, "reader", 1)
    assert_refused(by_the_minute, "reader-60s", 55)


def test_reading_is_not_limited(make_app: MakeApp) -> None:
    app = make_app(votes_per_reader="1/day", votes_per_network="1/day", votes_per_article="1/day", counts_memory_s=0)
    client = app.test_client()

    assert {counts(client, ["a"]).status_code for _ in range(100)} == {200}
    assert "RateLimit" not in counts(client, ["a"]).headers
