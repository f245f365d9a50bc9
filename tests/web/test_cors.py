"""Which pages may vote: those of the site's own origins, exactly; and what other pages may read."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from tests import make
from tests.lengths import only_sqlite
from tests.web.asking import NOTHING, VOTE, ballot, problem, rows_stored, vote

pytestmark = only_sqlite
READ = "/v1/sites/daily/reactions?article=a"
COUNTS = "/v1/sites/daily/counts?article=a"
FORGET = "/v1/sites/daily/vote/reader"


def test_a_page_of_the_site_may_read_the_answer_to_its_vote(client: FlaskClient) -> None:
    answer = vote(client)

    assert {name: value for name, value in answer.headers if name != "Content-Length"} == {
        "Content-Type": "application/json",
        "Vary": "Origin",
        "Access-Control-Allow-Origin": make.ORIGIN,
        "Access-Control-Expose-Headers": "Date, RateLimit, RateLimit-Policy, Retry-After",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "RateLimit-Policy": '"reader";q=30;w=60, "network";q=1500;w=60, "wide-network";q=6000;w=60, '
        '"network-everywhere";q=3000;w=60, "wide-network-everywhere";q=12000;w=60, "article";q=2000;w=1',
    }


def test_a_vote_without_an_origin_is_no_browsers_and_is_counted(client: FlaskClient) -> None:
    answer = vote(client, origin=None)

    assert answer.status_code == 200
    assert answer.headers["Vary"] == "Origin"
    assert "Access-Control-Allow-Origin" not in answer.headers


FOREIGN = [
    "null", "https://evil.example", "https://daily.example.evil.example", "https://evil-daily.example", "https://evildaily.example",
    "https://daily.exampl", "https://daily.example:8443", "https://daily.example:443", "http://daily.example", "HTTPS://daily.example",
    "https://Daily.example", "https://www.daily.example", "https://daily.example.", "https://daily.example/", "https://daily.example/a",
    "https://user@daily.example", "https://user:pw@daily.example", "https://daily.example@evil.example", "https://daily.example#x",
    "https://daily.example?x", "https://daily.example, https://evil.example", "https://daily.example https://evil.example",
    " https://daily.example", "//daily.example", "daily.example", "https://", "*", "", "file://", "https://daily\u00a0.example",
]  # fmt: skip


@pytest.mark.parametrize("method", ["PUT", "OPTIONS"])
def test_a_page_from_elsewhere_can_neither_vote_nor_learn_that_it_might(client: FlaskClient, engine: Engine, method: str) -> None:
    for origin in FOREIGN:
        refused = client.open(VOTE, method=method, json=ballot(), headers={"Origin": origin})

        assert refused.status_code == 403, origin
        assert refused.json == problem(
            "foreign-origin", 403, "This page may not vote for the site",
            "Votes for this site come from its own pages. The publisher can add this page's origin to the site.",
        )  # fmt: skip
        assert refused.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Origin" not in refused.headers
    assert rows_stored(engine) == NOTHING


def test_every_page_may_ask_whether_it_may_vote(client: FlaskClient, engine: Engine) -> None:
    """A vote that is refused has no answer that its page can read."""
    allowed = client.get(VOTE, headers={"Origin": make.ORIGIN, "Sec-Fetch-Mode": "cors"})
    assert (allowed.status_code, allowed.json) == (200, {"origin": make.ORIGIN})
    assert client.get(VOTE).json == {"origin": None}

    for origin in FOREIGN:
        refused = client.get(VOTE, headers={"Origin": origin})

        assert (refused.status_code, refused.json["type"]) == (403, "/problems#foreign-origin"), origin
        assert refused.headers["Access-Control-Allow-Origin"] == "*"
    for answer in (allowed, refused):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Cache-Control"] == "no-store"
    asked = {"Origin": "null", "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": TRACING}
    preflight = client.options(VOTE, headers=asked)
    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Origin"]) == (204, "*")
    assert rows_stored(engine) == NOTHING


@pytest.mark.parametrize("origin", ["capacitor://localhost", "ionic://localhost", "https://localhost"])
def test_the_web_view_of_an_app_votes(client: FlaskClient, engine: Engine, origin: str) -> None:
    make.site(engine.url.render_as_string(hide_password=False), "app", origins=[origin])
    path, asks = "/v1/sites/app/vote", {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"}

    preflight = client.options(path, headers={"Origin": origin, **asks})
    counted = client.put(path, json=ballot(), headers={"Origin": origin})

    assert (preflight.status_code, counted.status_code) == (204, 200)
    assert preflight.headers["Access-Control-Allow-Origin"] == counted.headers["Access-Control-Allow-Origin"] == origin


def test_a_vote_that_needs_no_preflight_is_refused(client: FlaskClient, engine: Engine) -> None:
    for mode in ("navigate", "no-cors", "websocket", "nested-navigate", ""):
        refused = vote(client, headers={"Sec-Fetch-Mode": mode})

        assert refused.status_code == 403
        assert refused.get_json()["detail"] == "A vote is sent by a script of the page, not by a link, a form or an image."
    assert rows_stored(engine) == NOTHING


@pytest.mark.parametrize("mode", ["cors", "same-origin"])
def test_a_script_of_the_page_may_vote(client: FlaskClient, mode: str) -> None:
    assert vote(client, headers={"Sec-Fetch-Mode": mode, "Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_the_preflight_lets_a_page_of_the_site_vote_and_is_remembered(client: FlaskClient) -> None:
    asked = {"Origin": make.ORIGIN, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"}

    answer = client.options(VOTE, headers=asked)

    assert (answer.status_code, answer.data) == (204, b"")
    assert {name: value for name, value in answer.headers if name != "Content-Type"} == {
        "Vary": "Origin",
        "Access-Control-Allow-Origin": make.ORIGIN,
        "Access-Control-Expose-Headers": "Date, RateLimit, RateLimit-Policy, Retry-After",
        "Access-Control-Allow-Methods": "PUT",
        "Access-Control-Allow-Headers": "content-type",
        "Access-Control-Max-Age": "7200",
        "X-Content-Type-Options": "nosniff",
    }


TRACING = "baggage,content-type,traceparent,x-datadog-trace-id"


def test_pages_that_add_headers_to_what_they_fetch_may_vote_and_every_page_may_read(client: FlaskClient) -> None:
    for path, method, origin in ((VOTE, "PUT", make.ORIGIN), (READ, "GET", "https://any.example"), (COUNTS, "GET", "null")):
        asked = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": TRACING}

        answer = client.options(path, headers=asked)

        assert (answer.status_code, answer.data) == (204, b"")
        assert answer.headers["Access-Control-Allow-Origin"] in (origin, "*")
        assert answer.headers["Access-Control-Allow-Methods"].startswith(method)
        assert set(TRACING.split(",")) <= set(answer.headers["Access-Control-Allow-Headers"].split(", "))
        assert answer.headers["Access-Control-Max-Age"] == "7200"


def test_what_is_asked_of_a_preflight_comes_back_as_header_names_only(client: FlaskClient) -> None:
    asked = {"Origin": make.ORIGIN, "Access-Control-Request-Headers": 'x-a, "<b>"\t(é);' + ",".join(f"h{n}" for n in range(900))}

    allowed = client.options(VOTE, headers=asked).headers["Access-Control-Allow-Headers"]

    assert re.fullmatch(r"[a-z0-9-]+(, [a-z0-9-]+){63}", allowed)


def test_a_page_of_the_site_can_read_why_its_vote_was_refused_and_others_cannot(client: FlaskClient) -> None:
    own = vote(client, reaction="nope")
    limited_to_scripts = vote(client, origin=None, reaction="nope")

    assert own.headers["Access-Control-Allow-Origin"] == make.ORIGIN
    assert own.headers["Access-Control-Expose-Headers"] == "Date, RateLimit, RateLimit-Policy, Retry-After"
    assert own.headers.getlist("Vary") == ["Origin"]
    assert "Access-Control-Allow-Origin" not in limited_to_scripts.headers


def test_a_refused_read_can_be_read_by_every_page_and_is_not_cached(client: FlaskClient) -> None:
    for path in ("/v1/sites/daily/reactions", "/v1/sites/nobody/reactions?article=a", "/v1/sites/daily/counts?article="):
        refused = client.get(path)

        assert refused.status_code in (400, 404)
        assert refused.headers["Access-Control-Allow-Origin"] == "*"
        assert refused.headers["Cache-Control"] == "no-store"
        assert "Vary" not in refused.headers


def test_a_page_of_the_site_can_read_why_nobody_was_forgotten_and_others_cannot(client: FlaskClient) -> None:
    own = client.delete(FORGET, json={"reader": "nobody"}, headers={"Origin": make.ORIGIN, "Sec-Fetch-Mode": "cors"})
    foreign = client.delete(
        FORGET, json={"reader": "nobody"}, headers={"Origin": "https://evil.example", "Sec-Fetch-Mode": "cors"}
    )

    assert own.status_code == 400
    assert own.headers["Access-Control-Allow-Origin"] == make.ORIGIN
    assert foreign.status_code == 403
    assert "Access-Control-Allow-Origin" not in foreign.headers


@pytest.mark.parametrize("path", ["articles", "export/votes.csv", "holds", "dashboard", "alerts.atom", "nothing"])
def test_no_page_can_read_what_the_newsroom_asks_for(client: FlaskClient, path: str) -> None:
    refused = client.get(f"/v1/sites/daily/{path}", headers={"Origin": make.ORIGIN})

    assert refused.status_code in (401, 404)
    assert "Access-Control-Allow-Origin" not in refused.headers
