"""The report routes over HTTP: who may ask, what is answered, and that it is what /openapi.json promises."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from reactions.newsroom import api_keys, sites
from reactions.storage import engines
from reactions.web import current, report_schemas
from reactions.web.extensions import db
from tests import make
from tests.lengths import only_sqlite
from tests.reports.stage import DAY_MS, HOUR_MS, Stage
from tests.web import asking

ROUTES = ("dashboard", "articles", "articles/one?article=vote", "series")


def key_of(engine: Engine, site: str = "daily", *scopes: str) -> str:
    with engines.writing(engine) as connection:
        found = sites.get(connection, site)
        return api_keys.create(connection, found, scopes=scopes or ["read"], label="test", now_ms=1)[1]


class Editor:
    """Asks with a key of the site."""

    def __init__(self, client: FlaskClient, key: str, site: str = "daily") -> None:
        self._client, self._key, self._site = client, key, site

    def get(self, path: str, **query: str) -> TestResponse:
        headers = {"Authorization": f"Bearer {self._key}"}
        return self._client.get(f"/v1/sites/{self._site}/{path}", query_string=query or None, headers=headers)

    def told(self, path: str, **query: str) -> Any:
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.get_json()


@pytest.fixture
def engine(app: Flask) -> Engine:
    with app.app_context():
        return db.engine


@pytest.fixture
def here(engine: Engine) -> Stage:
    """Votes of the last hours on two articles."""
    now = current.now_ms()
    with engine.connect() as connection:
        stage = Stage(engine, sites.get(connection, "daily"), now)
    stage.publish("vote", at_ms=now - 5 * HOUR_MS, section="Politics", authors=["Zoë"], tags=["poll"])
    stage.publish("cup", at_ms=now - 2 * DAY_MS, section="Sport")
    stage.give("vote", "love", 12, now - 2 * HOUR_MS)
    stage.give("vote", "angry", 4, now - 1000)
    stage.give("cup", "like", 3, now - HOUR_MS)
    return stage


@pytest.fixture
def editor(here: Stage, client: FlaskClient, engine: Engine) -> Editor:
    return Editor(client, key_of(engine))


SCHEMA_OF = {
    "dashboard": report_schemas.DashboardResponse,
    "articles": report_schemas.ListingResponse,
    "articles/one?article=vote": report_schemas.ArticleResponse,
    "series": report_schemas.SeriesResponse,
}


@pytest.mark.parametrize("route", ROUTES)
def test_an_answer_has_the_members_it_is_described_with_and_no_others(editor: Editor, route: str) -> None:
    told = editor.told(route)

    assert SCHEMA_OF[route]().validate(told) == {}  # unknown and missing members are faults


def test_the_dashboard_tells_what_is_and_what_was(editor: Editor) -> None:
    told = editor.told("dashboard", period="7d")

    assert told["site"] == {"key": "daily", "name": "The Daily", "time_zone": "UTC"}
    assert told["totals"] == {"added": 19, "removed": 0, "net": 19, "readers": 19, "previous_net": 0, "change": None}
    assert (told["period"]["name"], told["period"]["unit"], told["period"]["time_zone"]) == ("7d", "day", "UTC")
    assert [row["article"] for row in told["lists"]["top"]] == ["vote", "cup"]
    assert told["lists"]["top"][0]["counts"] == asking.counted(love=12, angry=4)
    assert told["sections"][0]["name"] == "Politics"
    assert told["reactions"][0] | {"share": 0.16} == {
        "key": "like", "label": "Like", "emoji": "👍", "mood": 1, "retired": False, "added": 3, "removed": 0, "net": 3,
        "readers": 3, "share": 0.16,
        "previous_net": 0, "change": None,
    }  # fmt: skip


def test_an_article_tells_how_many_of_a_thousand_reacted(here: Stage, editor: Editor) -> None:
    here.see("vote", 480, here.now_ms - 2 * HOUR_MS)
    here.see("vote", 320, here.now_ms - 1000)

    told = editor.told("articles/one", article="vote")

    assert SCHEMA_OF["articles/one?article=vote"]().validate(told) == {}
    assert told["article"]["views"] == 800
    assert told["article"]["reaction_rate"] == pytest.approx({"per_1000": 20.0, "low": 12.35, "high": 32.24}, abs=0.01)
    rows = {row["article"]: (row["views"], row["reaction_rate"]) for row in editor.told("articles")["articles"]}
    assert rows == {"vote": (800, told["article"]["reaction_rate"]), "cup": (None, None)}


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe"])
def test_local_times_carry_their_offset(editor: Editor, zone: str) -> None:
    told = editor.told("dashboard", time_zone=zone)

    start = datetime.fromisoformat(told["period"]["from"])
    assert start.utcoffset() != datetime.fromisoformat(told["series"][0]["start_utc"]).utcoffset()
    assert told["series"][0]["start"] == told["period"]["from"]
    assert told["series"][0]["start_utc"].endswith("Z")


def test_articles_are_filtered_sorted_and_paged(editor: Editor) -> None:
    first = editor.told("articles", limit="1", sort="-published")
    second = editor.told("articles", limit="1", sort="-published", cursor=first["next"])

    assert [row["article"] for row in (*first["articles"], *second["articles"])] == ["cup", "vote"]
    assert second["next"] is None
    assert [row["article"] for row in editor.told("articles", author="Zoë", tag="poll", q="ABOUT vote")["articles"]] == ["vote"]


def test_one_article_is_told_whole(editor: Editor) -> None:
    told = editor.told("articles/one", article="vote", unit="hour")

    assert (told["article"]["article"], told["unit"], told["marks"][0]["what"]) == ("vote", "hour", "published")
    assert sum(bucket["net"] for bucket in told["series"]) == 16
    assert told["peers"] == {"group": None, "kind": None, "ages": []}


def test_a_series_is_told_in_the_unit_asked(editor: Editor) -> None:
    told = editor.told("series", period="28d", unit="week", section="Sport")

    assert (told["unit"], told["time_zone"]) == ("week", "UTC")
    assert sum(bucket["net"] for bucket in told["series"]) == 3
    assert told["series"][-1]["reactions"].keys() == set(make.SEVEN)


@pytest.mark.parametrize("route", ROUTES)
def test_answers_are_private(editor: Editor, route: str) -> None:
    answer = editor.get(route)

    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.content_type == "application/json"


@pytest.mark.parametrize("route", ROUTES)
def test_without_a_key_with_a_wrong_one_or_the_wrong_scope_nothing_is_told(
    here: Stage, client: FlaskClient, engine: Engine, route: str
) -> None:
    assert client.get(f"/v1/sites/daily/{route}").status_code == 401
    assert Editor(client, "rk_0123456789ab_" + "x" * 43).get(route).status_code == 401
    assert Editor(client, key_of(engine, "daily", "write", "review")).get(route).status_code == 403
    assert client.get(f"/v1/sites/daily/{route.partition('?')[0]}?key={key_of(engine)}").status_code == 400


@pytest.mark.parametrize("route", ROUTES)
def test_another_sites_address_answers_as_a_missing_one(
    here: Stage, client: FlaskClient, engine: Engine, database_url: str, route: str
) -> None:
    make.site(database_url, "weekly")
    key = key_of(engine)

    foreign, missing = (Editor(client, key, site).get(route) for site in ("weekly", "nowhere"))

    assert (foreign.status_code, foreign.get_json()) == (missing.status_code, missing.get_json())
    assert foreign.status_code == 404


def test_a_key_of_one_site_reads_nothing_of_another(here: Stage, client: FlaskClient, engine: Engine, database_url: str) -> None:
    make.site(database_url, "weekly")
    editor = Editor(client, key_of(engine, "weekly"), "weekly")

    assert editor.told("dashboard")["totals"]["added"] == 0
    assert editor.told("articles", period="90d")["articles"] == []
    assert editor.get("articles/one", article="vote").status_code == 404
    assert sum(bucket["added"] for bucket in editor.told("series")["series"]) == 0


BAD = [
    ("dashboard", {"period": "fortnight"}, "malformed-period", "#/period"),
    ("dashboard", {"period": "7d", "from": "2025-01-01"}, "malformed-period", "#/period"),
    ("series", {"from": "2025-02-01", "to": "2025-01-01"}, "malformed-period", "#/from"),
    ("series", {"from": "2015-01-01", "to": "2025-01-01"}, "malformed-period", "#/to"),
    ("series", {"from": "2025-13-01"}, "malformed-period", "#/from"),
    ("series", {"to": "2025-01-01"}, "malformed-period", "#/from"),
    ("series", {"unit": "minute"}, "malformed-period", "#/unit"),
    ("series", {"period": "90d", "unit": "hour"}, "malformed-period", "#/unit"),
    ("dashboard", {"time_zone": "Mars/Olympus"}, "malformed-period", "#/time_zone"),
    ("articles/one", {"article": "vote", "time_zone": "../UTC"}, "malformed-period", "#/time_zone"),
    ("articles", {"sort": "likes"}, "unknown-sort", "#/sort"),
    ("articles", {"cursor": "Zm9yZ2Vk"}, "malformed-cursor", "#/cursor"),
    ("articles", {"limit": "0"}, "invalid-request", "#/limit"),
    ("articles", {"limit": "101"}, "invalid-request", "#/limit"),
    ("articles", {"limit": "-1"}, "invalid-request", "#/limit"),
    ("articles", {"limit": "1e2"}, "invalid-request", "#/limit"),
    ("articles", {"limit": "٣"}, "invalid-request", "#/limit"),
    ("articles", {"limit": " 5"}, "invalid-request", "#/limit"),
    ("articles", {"section": "x" * 201}, "malformed-filter", "#/section"),
    ("articles", {"q": "a\0b"}, "malformed-filter", "#/q"),
    ("articles", {"page": "2"}, "invalid-request", "#/page"),
    ("articles", {"unit": "day"}, "invalid-request", "#/unit"),
    ("dashboard", {"limit": "5"}, "invalid-request", "#/limit"),
    ("articles/one", {}, "malformed-key", "#/article"),
    ("articles/one", {"article": "x" * 201}, "malformed-key", "#/article"),
]


@only_sqlite
@pytest.mark.parametrize(("route", "query", "name", "pointer"), BAD)
def test_what_makes_no_sense_is_refused_with_the_parameter_at_fault(
    editor: Editor, route: str, query: dict[str, str], name: str, pointer: str
) -> None:
    answer = editor.get(route, **query)

    told = answer.get_json()
    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")
    assert told["type"] == f"/problems#{name}"
    assert [error["pointer"] for error in told["errors"]] == [pointer]


@pytest.mark.parametrize("query", ["period=7d&period=28d", "q=%FF", "section=%C3%28", "q=%ED%A0%80"])
def test_a_parameter_given_twice_or_not_in_utf_8_is_refused(editor: Editor, query: str) -> None:
    assert editor.get(f"dashboard?{query}").status_code == 400


def test_a_cursor_of_another_site_is_refused(here: Stage, client: FlaskClient, engine: Engine, database_url: str) -> None:
    make.site(database_url, "weekly")
    cursor = Editor(client, key_of(engine)).told("articles", limit="1")["next"]

    answer = Editor(client, key_of(engine, "weekly"), "weekly").get("articles", limit="1", cursor=cursor)

    assert answer.get_json()["type"] == "/problems#malformed-cursor"


def test_an_unknown_article_is_a_404(editor: Editor) -> None:
    answer = editor.get("articles/one", article="nothing")

    assert (answer.status_code, answer.get_json()["type"]) == (404, "/problems#unknown-article")


def test_every_route_is_described_with_its_parameters_and_its_scope(app: Flask) -> None:
    paths = json.loads(app.test_client().get("/openapi.json").text)["paths"]

    for route in ("dashboard", "articles", "articles/one", "series"):
        described = paths[f"/v1/sites/{{site_key}}/{route}"]["get"]
        assert described["security"] == [{"key": ["read"]}]
        assert {"200", "400", "401", "403", "404", "500", "503"} <= described["responses"].keys()
        assert all(parameter["description"] for parameter in described["parameters"] if parameter["in"] == "query")
