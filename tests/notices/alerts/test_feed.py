"""The Atom feed of alerts: valid, private, and of one site."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from lxml import etree
from werkzeug.test import TestResponse

from reactions.app import create_app
from reactions.newsroom import api_keys
from reactions.settings import load
from reactions.storage.engines import writing
from reactions.web.extensions import db
from tests import make
from tests.described import DescribedClient
from tests.notices.alerts.conftest import Newsroom, finding

ATOM = "{http://www.w3.org/2005/Atom}"
URL = "/v1/sites/daily/alerts.atom"
# What RFC 4287 wants of a feed and of an entry: the elements that must be there, and how often.
FEED_ONCE, ENTRY_ONCE = ("id", "title", "updated"), ("id", "title", "updated", "published", "content")


@pytest.fixture
def app(newsroom: Newsroom, database_url: str, tmp_path: Path) -> Iterator[Flask]:
    given = {"database_url": database_url, "data_dir": str(tmp_path), "secret": make.SECRET}
    made = create_app(load({}, **given, public_url="https://reactions.example"))
    yield made
    with made.app_context():
        db.engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    app.test_client_class = DescribedClient
    return app.test_client(use_cookies=False)


def key(newsroom: Newsroom, *scopes: str) -> str:
    with writing(newsroom.engine) as connection:
        return api_keys.create(connection, newsroom.site, scopes=scopes, label="feed reader", now_ms=newsroom.now_ms)[1]


def ask(client: FlaskClient, key_text: str, url: str = URL) -> TestResponse:
    return client.get(url, headers={"Authorization": f"Bearer {key_text}"} if key_text else {})


def once(element: etree._Element, name: str) -> str:
    (found,) = element.findall(f"{ATOM}{name}")
    return str(found.text)


def test_the_feed_is_what_the_specification_wants(newsroom: Newsroom, client: FlaskClient) -> None:
    newsroom.raise_(finding(headline='Surging: <b>"Goat" & co.</b>'))
    newsroom.later(60)
    newsroom.raise_(finding("turned sour", article={"key": "k", "title": None, "url": None, "section": None}))

    answer = ask(client, key(newsroom, "read"))

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "Access-Control-Allow-Origin" not in answer.headers
    feed = etree.fromstring(answer.data)
    assert feed.tag == f"{ATOM}feed"
    assert {name: once(feed, name) for name in FEED_ONCE} == {
        "id": once(feed, "id"),
        "title": "The Daily: what moves readers",
        "updated": "2025-11-25T12:01:00Z",
    }
    assert once(feed, "id").startswith("urn:uuid:")
    assert [link.attrib for link in feed.findall(f"{ATOM}link")] == [
        {"rel": "self", "type": "application/atom+xml", "href": f"https://reactions.example{URL}"}
    ]
    assert feed.findtext(f"{ATOM}author/{ATOM}name") == "Reader Reactions"


def test_every_entry_has_what_a_feed_reader_needs(newsroom: Newsroom, client: FlaskClient) -> None:
    newsroom.raise_(finding(headline='Surging: <b>"Goat" & co.</b>'))
    newsroom.later(60)
    newsroom.raise_(finding("turned sour", article={"key": "k", "title": None, "url": None, "section": None}))

    sour, surge = etree.fromstring(ask(client, key(newsroom, "read")).data).findall(f"{ATOM}entry")

    assert {name: once(surge, name) for name in ENTRY_ONCE} == {
        "id": once(surge, "id"),
        "title": 'Surging: <b>"Goat" & co.</b>',
        "updated": "2025-11-25T12:00:00Z",
        "published": "2025-11-25T12:00:00Z",
        "content": "312 approving reactions within 3 hours; 40 would be usual.",
    }
    assert once(surge, "id") != once(sour, "id")
    assert [link.attrib for link in surge.findall(f"{ATOM}link")] == [{"rel": "alternate", "href": "https://daily.example/goat"}]
    assert [category.get("term") for category in surge.findall(f"{ATOM}category")] == ["surging", "Local"]
    assert sour.findall(f"{ATOM}link") == []


def test_an_entry_keeps_its_id(newsroom: Newsroom, client: FlaskClient) -> None:
    newsroom.raise_(finding())
    reader = key(newsroom, "read")

    first, second = (etree.fromstring(ask(client, reader).data).findtext(f"{ATOM}entry/{ATOM}id") for _ in range(2))

    assert first == second


def test_a_feed_without_alerts_is_one_all_the_same(newsroom: Newsroom, client: FlaskClient) -> None:
    feed = etree.fromstring(ask(client, key(newsroom, "read")).data)

    assert feed.findall(f"{ATOM}entry") == []
    assert once(feed, "updated")


def test_what_xml_cannot_hold_does_not_break_the_feed(newsroom: Newsroom, client: FlaskClient) -> None:
    article = {"key": "a\ufffe\uffff", "title": None, "url": None, "section": None}
    newsroom.raise_(finding(headline="Surging: a\ufffe\uffff", article=article))

    feed = etree.fromstring(ask(client, key(newsroom, "read")).data)

    assert feed.findtext(f"{ATOM}entry/{ATOM}title") == "Surging: a\ufffd\ufffd"


def test_the_feed_has_the_last_fifty(newsroom: Newsroom, client: FlaskClient) -> None:
    for number in range(51):
        newsroom.later(1)
        newsroom.raise_(finding(article_id=number, headline=f"Surging: {number}"))

    titles = [
        entry.findtext(f"{ATOM}title") for entry in etree.fromstring(ask(client, key(newsroom, "read")).data).iter(f"{ATOM}entry")
    ]

    assert titles == [f"Surging: {number}" for number in range(50, 0, -1)]


def test_the_feed_is_only_for_who_may_read_this_site(newsroom: Newsroom, client: FlaskClient) -> None:
    assert ask(client, "").status_code == 401
    assert ask(client, "rk_000000000000_" + "x" * 43).status_code == 401
    assert ask(client, key(newsroom, "write")).status_code == 403
    reader = key(newsroom, "read")
    foreign, missing = (ask(client, reader, f"/v1/sites/{site}/alerts.atom") for site in ("herald", "nonesuch"))
    assert (foreign.status_code, foreign.data) == (missing.status_code, missing.data)
    assert foreign.status_code == 404
