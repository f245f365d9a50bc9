"""Soft caps and tokens through the API: what is beyond a cap is held and looks counted; proven readers are exempt."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select

from reactions.storage import tables
from reactions.times import DAY_MS, now_ms
from reactions.web.current import Parts
from reactions.web.trust import DailyKey
from tests import make
from tests.engines import Redis
from tests.lengths import only_sqlite
from tests.make import ADA
from tests.web.asking import counts, vote
from tests.web.conftest import MakeApp

pytestmark = only_sqlite
FEW = {
    "fresh_votes_per_network": "3/10 minutes",
    "fresh_votes_per_ipv4_24": "5/10 minutes",
    "fresh_votes_per_ipv6_56": "5/10 minutes",
    "fresh_votes_per_ipv6_48": "7/10 minutes",
    "fresh_votes_per_ipv6_32": "9/10 minutes",
}


def held(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(tables.vote).where(tables.vote.c.held)).scalar_one()


def vote_from(client: FlaskClient, addresses: Sequence[str], **members: object) -> None:
    for number, address in enumerate(addresses):
        assert vote(client, reader=make.reader(number), address=address, **members).status_code == 200


def aged_token(app: Flask, reader: str) -> str:
    parts: Parts = app.extensions["reader-reactions"]
    tokens, site, past, text = parts.trust.tokens, parts.directory.find("daily"), None, ""
    for article_id in (1, 2):
        at = now_ms() - 2 * DAY_MS
        text = tokens.renew(past, site_id=site.id, reader=bytes.fromhex(reader), article_id=article_id, now_ms=at)
        past = tokens.read(text, site_id=site.id, reader=bytes.fromhex(reader), now_ms=at)[1]
    return text


@pytest.mark.parametrize(
    ("addresses", "counted"),
    [
        (["198.51.100.7"] * 8, 3),
        (["::ffff:198.51.100.7", "198.51.100.7", "64:ff9b::c633:6407", "2002:c633:6407::1"] * 2, 3),
        ([f"198.51.100.{n}" for n in range(8)], 5),
        ([f"2001:db8::{n}" for n in range(1, 9)], 3),
        ([f"2001:db8:0:{n}::1" for n in range(8)], 5),
        ([f"2001:db8:0:{n}00::1" for n in range(10)], 7),
        ([f"2001:db8:{n}::1" for n in range(12)], 9),
        ([f"198.51.{n}.1" for n in range(8)], 8),
    ],
    ids=["one IPv4", "one IPv4 in IPv6", "a /24", "a /64", "a /56", "a /48", "a /32", "eight networks"],
)
def test_beyond_the_cap_of_a_network_votes_are_held(
    make_app: MakeApp, engine: Engine, addresses: list[str], counted: int
) -> None:
    client = make_app(**FEW).test_client()

    vote_from(client, addresses)

    assert held(engine) == len(addresses) - counted
    assert counts(client, ["a"]).json["articles"][0]["total"] == counted


def test_a_held_vote_is_answered_like_a_counted_one(make_app: MakeApp, engine: Engine) -> None:
    client = make_app(**FEW).test_client()
    vote_from(client, ["198.51.100.7"] * 3)

    answer = vote(client, reader=ADA, address="198.51.100.7", reaction="love")

    assert held(engine) == 1
    assert set(answer.json) == {"article", "reaction", "total", "counts", "token"}
    assert (answer.json["total"], answer.json["counts"]["love"]) == (4, 1)


def test_a_proven_reader_is_exempt_and_nobody_elses_token_proves_one(make_app: MakeApp, engine: Engine) -> None:
    app = make_app(**FEW)
    client = app.test_client()
    vote_from(client, ["198.51.100.7"] * 3)

    for reader in (make.reader(10), make.reader(11)):
        vote(client, reader=reader, address="198.51.100.7", token=aged_token(app, reader))
    assert held(engine) == 0
    answer = vote(client, reader=make.reader(12), address="198.51.100.7", token=aged_token(app, ADA))

    assert answer.status_code == 200
    assert held(engine) == 1


def test_votes_that_need_no_cap_leave_it_to_others(make_app: MakeApp, engine: Engine) -> None:
    """Those of proven readers, and those that take a vote back."""
    app = make_app(**FEW)
    client = app.test_client()
    for reader in map(make.reader, range(10, 14)):
        vote(client, reader=reader, address="198.51.100.7", token=aged_token(app, reader))
        vote(client, reader=make.reader(20), address="198.51.100.7", reaction=None)

    vote_from(client, ["198.51.100.7"] * 3)

    assert held(engine) == 0


@pytest.mark.parametrize("token", ["", "x", "A" * 48, "A" * 3000, "\U0001f600"])
def test_a_token_that_is_not_good_refuses_nobody(client: FlaskClient, token: str) -> None:
    assert vote(client, token=token).status_code == 200


def test_what_is_no_text_is_refused_in_words(client: FlaskClient) -> None:
    answer = vote(client, token=7)

    assert answer.status_code == 400
    assert answer.json["errors"] == [{"detail": "Send text in quotes.", "pointer": "#/token"}]


def test_tokens_go_from_answer_to_vote(client: FlaskClient, app: Flask) -> None:
    parts: Parts = app.extensions["reader-reactions"]
    first = vote(client, article="a").json["token"]
    second = vote(client, article="b", token=first).json["token"]

    past = parts.trust.tokens.read(second, site_id=1, reader=bytes.fromhex(ADA), now_ms=now_ms())[1]

    assert past is not None
    assert past.articles == 2


def test_a_network_that_floods_many_articles_is_held_on_all_of_them(make_app: MakeApp, engine: Engine) -> None:
    client = make_app(fresh_votes_everywhere="4/10 minutes").test_client()

    for number in range(6):
        vote(client, article=f"a{number}", reader=make.reader(number), address="198.51.100.7")

    assert held(engine) == 2


def test_a_soft_cap_goes_on_in_the_process_when_redis_stops(make_app: MakeApp, engine: Engine, redis_server: Redis) -> None:
    """With the votes that Redis counted."""
    redis_server.empty()
    client = make_app(limiter_url=redis_server.url, limiter_retry_s=60, fresh_votes_per_network="3/10 minutes").test_client()
    vote_from(client, ["198.51.100.7"] * 2)
    redis_server.stop()
    try:
        for number in range(2, 6):
            vote(client, reader=make.reader(number), address="198.51.100.7")
    finally:
        redis_server.start()

    assert held(engine) == 6 - 3


def test_the_key_of_the_hashes_is_another_each_day_and_the_old_one_is_gone(app: Flask) -> None:
    key = DailyKey()
    first = key.of(0)

    assert key.of(DAY_MS - 1) is first
    assert key.of(DAY_MS) != first
    assert first not in vars(key).values()
