"""The addresses there are, the methods they take, and the pages beside the API."""

from __future__ import annotations

import json
import re

import pytest
from flask.testing import FlaskClient

from reactions.web import headers, problems
from tests import make
from tests.databases import PROJECT
from tests.lengths import only_sqlite
from tests.web.asking import VOTE, problem, row, vote
from tests.web.conftest import MakeApp

pytestmark = only_sqlite
READING = {"GET", "HEAD", "OPTIONS"}
METHODS_OF = {
    "/v1/sites/daily/reactions?article=a": READING,
    "/v1/sites/daily/counts?article=a": READING,
    VOTE: {*READING, "PUT"},
    "/healthz": READING,
    "/readyz": READING,
    "/metrics": READING,
    "/widget/v1.js": READING,
    "/widget/1.0.0.js": READING,
    "/openapi.json": READING,
    "/docs": READING,
    "/problems": READING,
}
NO_ADDRESSES = (
    "/", "/v1", "/v1/sites", "/v1/sites/daily/votes", "/v1/sites/daily/vote/", "/%00", "/.git/config",
    "/demo/", "/v1/sites/daily/reactions.json", "/static/../app.py", "/static/%2e%2e/app.py", "/widget/v2.js", "/widget/v1.js/",
)  # fmt: skip


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "TRACE", "PROPFIND", "X" * 100])
def test_a_wrong_method_is_answered_with_the_right_ones(client: FlaskClient, method: str) -> None:
    for path, allowed in METHODS_OF.items():
        answer = client.open(path, method=method)

        assert answer.status_code == 405
        assert answer.json == problem("method-not-allowed", 405, "Wrong method", "Use one of the methods in the Allow header.")
        assert {name.strip() for name in answer.headers["Allow"].split(",")} == allowed


def test_an_address_that_is_none_is_a_problem_and_not_a_page(client: FlaskClient) -> None:
    expected = problem("not-found", 404, "Nothing here", "There is nothing at this address. /docs lists what there is.")

    for path in NO_ADDRESSES:
        answer = client.get(path)

        assert (path, answer.status_code, answer.json) == (path, 404, expected)
        assert answer.content_type == "application/problem+json"


def test_no_answer_carries_a_cookie(client: FlaskClient) -> None:
    asked = ("/docs", "/problems", "/openapi.json", "/widget/v1.js", "/healthz", "/readyz", "/nothing")

    answers = [vote(client), row(client, "a"), vote(client, reaction="x"), client.options(VOTE, headers={"Origin": make.ORIGIN})]
    answers += [client.get(path) for path in asked]

    assert [answer.headers.get("Set-Cookie") for answer in answers] == [None] * len(answers)


def test_the_committed_description_of_the_api_is_the_one_that_is_served(client: FlaskClient) -> None:
    committed = (PROJECT / "docs" / "openapi.json").read_text(encoding="utf-8")

    served = client.get("/openapi.json")

    assert served.status_code == 200
    assert served.json == json.loads(committed), "`make openapi` writes it anew"


def test_the_readable_pages_ask_nobody_else_for_anything(client: FlaskClient) -> None:
    for path in ("/docs", "/problems"):
        page = client.get(path)

        loaded = re.findall(r"""(?:src|srcset|action)=["']([^"']*)|<link[^>]*href=["']([^"']*)""", page.text)
        addresses = [address for found in loaded for address in found if address]
        assert page.status_code == 200
        assert page.content_type == "text/html; charset=utf-8"
        assert [a for a in addresses if not a.startswith(("/static/", "data:,"))] == []
        assert {status_of(client, a) for a in addresses if a.startswith("/static/")} <= {200}
        policy = dict(part.strip().partition(" ")[::2] for part in page.headers["Content-Security-Policy"].split(";"))
        assert policy == {
            "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:",
            "connect-src": "'self'", "font-src": "'self'", "base-uri": "'none'", "form-action": "'self'",
            "frame-ancestors": "'none'",
        }  # fmt: skip


@pytest.mark.parametrize(
    "path", [*METHODS_OF, *NO_ADDRESSES, "/static/docs/open.js", "/v1//sites", "/dashboard", "/dashboard/sign-in"]
)
def test_no_browser_guesses_a_content_type(client: FlaskClient, path: str) -> None:
    with client.open(path, method="PUT" if path == VOTE else "GET") as answer:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_every_page_has_the_same_policy_and_only_one(make_app: MakeApp) -> None:
    client = make_app(demo=True).test_client()

    policies = {
        client.get(path).headers["Content-Security-Policy"] for path in ("/docs", "/problems", "/dashboard/sign-in", "/demo/x")
    }

    assert policies == {headers.CONTENT_SECURITY_POLICY}


def status_of(client: FlaskClient, path: str) -> int:
    with client.get(path) as answer:
        return answer.status_code


def test_every_type_of_problem_is_explained_at_its_own_address(client: FlaskClient) -> None:
    page = client.get("/problems").text

    anchors = re.findall(r'<dt id="([a-z-]+)"', page)

    assert sorted(anchors) == sorted(problems.ALL)
    assert len(set(anchors)) == len(anchors)
