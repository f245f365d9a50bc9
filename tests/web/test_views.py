"""Views as pages tell them: what is counted, what is refused, and what no stranger can do. On both engines."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client import REGISTRY
from sqlalchemy import Engine, select

from reactions.newsroom import sites
from reactions.storage import tables
from reactions.storage.engines import writing
from reactions.votes import views
from tests import make
from tests.lengths import each_on_one_engine
from tests.service import running_service
from tests.web.asking import counts, row, vote
from tests.web.conftest import MakeApp

URL = "/v1/sites/daily/views"


@pytest.fixture
def seen(make_app: MakeApp, engine: Engine) -> Any:
    """An application whose site counts views, with a way to send beacons and to read what was stored."""
    app = make_app()
    with writing(engine) as connection:
        sites.change(connection, "daily", count_views=1)
    client = app.test_client()

    class Page:
        def __init__(self) -> None:
            self.client: FlaskClient = client
            self.limits = app.extensions["reader-reactions"].limits

        def beacon(self, body: Any, **options: Any) -> Any:
            text = body if isinstance(body, (bytes, str)) else json.dumps(body)
            return client.post(URL, data=text, **{"content_type": "text/plain;charset=UTF-8", **options})

        def stored(self) -> dict[str, int]:
            with app.app_context():
                app.extensions["reader-reactions"].hot_path.views.write()
            asked = select(tables.article.c.key, tables.views.c.n).join(
                tables.views, tables.views.c.article_id == tables.article.c.article_id
            )
            with engine.connect() as connection:
                return {key: n for key, n in connection.execute(asked)}  # noqa: C416

    return Page()


def test_views_add_up_for_articles_that_exist_and_a_stranger_registers_none(seen: Any, engine: Engine) -> None:
    vote(seen.client, article="a")
    for _ in range(3):
        assert seen.beacon({"articles": ["a", "a", "made up", "x" * 500]}).get_json() == {"taken": 2}

    assert seen.stored() == {"a": 3}
    seen.beacon({"articles": ["a"]})
    assert seen.stored() == {"a": 4}
    with engine.connect() as connection:
        assert connection.execute(select(tables.article.c.key)).scalars().all() == ["a"]
        assert len(connection.execute(select(tables.views)).all()) <= 2  # an hour may end meanwhile


@pytest.mark.parametrize(
    "body",
    [
        "", "junk", "[]", "{}", b"\xff",
        '{"articles":[]}', '{"articles":"a"}', '{"articles":[1]}', '{"articles":["a"],"reader":"b"}',
        json.dumps({"articles": [str(n) for n in range(1000)]}),
    ],
)  # fmt: skip
def test_what_is_no_beacon_is_refused_whole(seen: Any, body: Any) -> None:
    vote(seen.client, article="a")

    assert seen.beacon(body).status_code == 400
    assert seen.stored() == {}


@pytest.mark.parametrize(
    "body",
    [
        '{"articles":["a","b,c"]}',  # as the widget writes it; the others are read by the schema
        '{ "articles": ["a", "b,c"] }',
        r'{"articles":["\u0061","b,c"]}',
        '{"articles":["a","b,c","a","\u00fc"]}',
        '{"articles":["a","b,c"," a"]}',
    ],
)
def test_however_a_beacon_is_written_it_counts_the_same(seen: Any, body: str) -> None:
    for key in ("a", "b,c"):
        vote(seen.client, article=key)

    assert seen.beacon(body.encode()).status_code == 200
    assert seen.stored() == {"a": 1, "b,c": 1}


@pytest.mark.parametrize(
    "body",
    [
        b'{"articles":["a",]}', b'{"articles":["a"]}x', b'{"articles":["a"],"articles":["a"]}', b'{"articles":["a"]',
        b'{"articles":["a\x00"]}', b'{"articles":["a\xff"]}', b'{"articles":["a""a"]}',
        b'{"articles":[' + b",".join([b'"a"'] * 101) + b"]}",
    ],
)  # fmt: skip
def test_what_nearly_is_a_widgets_beacon_is_refused_whole(seen: Any, body: bytes) -> None:
    vote(seen.client, article="a")

    assert seen.beacon(body).status_code == 400
    assert seen.stored() == {}


def test_foreign_pages_other_types_and_oversized_beacons_count_nothing(seen: Any) -> None:
    vote(seen.client, article="a")
    body = {"articles": ["a"]}

    assert seen.beacon(body, headers={"Origin": "https://evil.example"}).status_code == 403
    assert seen.beacon(body, headers={"Origin": "null"}).status_code == 403
    assert seen.beacon(body, content_type="text/html").status_code == 415
    assert seen.beacon({"articles": ["a", "x" * 40_000]}).status_code == 413
    assert seen.client.post("/v1/sites/nonesuch/views", data="{}", content_type="text/plain").status_code == 404
    assert seen.stored() == {}


def test_operators_see_what_became_of_views(seen: Any) -> None:
    def told(outcome: str) -> float:
        return REGISTRY.get_sample_value("reactions_views_total", {"outcome": outcome}) or 0

    before = told("taken"), told("limited")
    vote(seen.client, article="a")
    for _ in range(70):
        seen.beacon({"articles": ["a"]})

    assert (told("taken") - before[0], told("limited") - before[1]) == (60, 10)


def test_one_network_adds_only_so_many_views_to_an_article(seen: Any) -> None:
    vote(seen.client, article="a")
    for _ in range(80):
        seen.beacon({"articles": ["a"]})

    assert seen.stored() == {"a": 60}


def test_an_ipv6_48_is_one_network(seen: Any) -> None:
    vote(seen.client, article="a")
    for last in range(70):
        seen.beacon({"articles": ["a"]}, environ_base={"REMOTE_ADDR": f"2001:db8:5:{last:x}::1"})
    seen.beacon({"articles": ["a"]}, environ_base={"REMOTE_ADDR": "2001:db8:6::1"})

    assert seen.stored() == {"a": 61}


def test_one_network_adds_only_so_many_views_to_all_articles_and_others_go_on(seen: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MOST_WAITING", 10_000)
    vote(seen.client, article="a")
    made_up = [{"articles": [f"made up {beacon} {n}" for n in range(100)]} for beacon in range(62)]

    taken = [seen.beacon(body, environ_base={"REMOTE_ADDR": "203.0.113.9"}).get_json()["taken"] for body in made_up]

    assert taken == [100] * 60 + [0, 0]
    assert seen.beacon({"articles": ["a"]}, environ_base={"REMOTE_ADDR": "203.0.113.10"}).get_json() == {"taken": 1}


def test_memory_is_bounded(seen: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MOST_WAITING", 10)
    monkeypatch.setattr(views, "WRITTEN_EVERY_S", 3600)

    assert seen.beacon({"articles": [str(n) for n in range(100)]}).get_json() == {"taken": 10}


def test_only_a_site_that_opted_in_says_so_and_counts(make_app: MakeApp, client: FlaskClient, engine: Engine) -> None:
    vote(client, article="a")
    assert "views" not in row(client, "a").get_json()
    refused = client.post(URL, data='{"articles":["a"]}', content_type="text/plain")
    assert (refused.status_code, refused.get_json()["title"]) == (409, "This site counts no views")

    with writing(engine) as connection:
        sites.change(connection, "daily", count_views=10)
    opted_in = make_app().test_client()
    assert row(opted_in, "a").get_json()["views"] == 10
    assert counts(opted_in, ["a"]).get_json()["views"] == 10


def test_views_go_with_their_article(seen: Any, engine: Engine) -> None:
    for key in ("a", "b"):
        vote(seen.client, article=key)
    seen.beacon({"articles": ["a", "b"]})
    assert seen.stored() == {"a": 1, "b": 1}

    with engine.connect() as connection:
        ids = dict(connection.execute(select(tables.article.c.key, tables.article.c.article_id)).all())  # type: ignore[arg-type]
    with writing(engine) as connection:
        views.move(connection, ids["a"], into=ids["b"])
    assert seen.stored() == {"b": 2}
    with engine.connect() as connection:
        assert views.of_articles(connection, [ids["a"], ids["b"]], range(10_000_000)) == {ids["b"]: 2}


def test_a_full_memory_forgets_the_oldest_and_lets_readers_go_on(seen: Any) -> None:
    seen.limits._seen.most_keys = 3
    vote(seen.client, article="a")

    taken = [
        seen.beacon({"articles": ["a"]}, environ_base={"REMOTE_ADDR": f"203.0.113.{last}"}).get_json()["taken"]
        for last in range(1, 30)
    ]

    assert taken == [1] * 29
    assert len(seen.limits._seen._of) == 2
    assert all(len(each.present) <= 3 and len(each.previous) <= 3 for each in seen.limits._seen._of.values())


@each_on_one_engine("server", ["uvicorn", "gthread"])
def test_a_service_that_ends_in_order_loses_no_view_of_its_last_second(database_url: str, engine: Engine, server: str) -> None:
    make.site(database_url, count_views=1)
    with running_service(database_url, server=server) as service:
        page = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
        ballot = json.dumps({"article": "a", "reaction": "like", "reader": make.ADA, "seq": 1})
        page.request("PUT", "/v1/sites/daily/vote", ballot, {"Content-Type": "application/json"})
        assert page.getresponse().read()
        for _ in range(40):
            page.request("POST", URL, '{"articles":["a"]}', {"Content-Type": "text/plain"})
            assert json.loads(page.getresponse().read()) == {"taken": 1}
        page.close()
        service.stop()

    with engine.connect() as connection:
        assert sum(connection.execute(select(tables.views.c.n)).scalars()) == 40
