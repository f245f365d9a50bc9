"""What the review page refuses: forms that mean nothing, keys without the scope, other sites and their pages. On both engines."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from reactions.times import now_ms
from tests import make
from tests.lengths import on_both_engines
from tests.web.dashboard.forms import PAGE, Forms
from tests.web.dashboard.newsroom import Newsroom, key_of
from tests.web.dashboard.test_review import NETWORK, A, app, everything_agrees, held, reviewer, totals

pytestmark = on_both_engines
__all__ = ["app", "everything_agrees", "held", "reviewer"]


@pytest.mark.parametrize(
    ("form", "status", "said"),
    [
        ({"only": "nonsense"}, 400, "Load it again"),
        ({"window": f"{'0' * 16}-99999999"}, 404, "no article with this id"),
        ({"window": f"{A}-999999999999"}, 400, "Load it again"),
        ({"vote": "' OR 1=1"}, 400, "Load it again"),
        ({"verdict": "0" * 16}, 404, "no such verdict"),
        ({"verdict": "\0"}, 404, "no such verdict"),
        ({"network": "x" * 99}, 400, "Load it again"),
        ({"settled": "-1"}, 400, "Load it again"),
        ({"all": "1", "article": "b"}, 404, "no article with this id"),
        ({"all": "1", "shown": "everything"}, 400, "no such list"),
    ],
)
def test_what_a_form_cannot_mean_changes_nothing(
    app: Flask, held: Newsroom, reviewer: FlaskClient, form: dict[str, str], status: int, said: str
) -> None:
    answer = reviewer.post(f"{PAGE}/release", data={"shown": "waiting", **form})

    assert (answer.status_code, said in answer.text) == (status, True), answer.text
    assert totals(app) == [2, 0]


@pytest.mark.parametrize("query", ["shown=x", "before=x", "older=x", "article=x", f"before={A}-1&older=9-{A}", f"article={A}0"])
def test_an_address_that_cannot_be_is_refused_in_words(held: Newsroom, reviewer: FlaskClient, query: str) -> None:
    assert reviewer.get(f"{PAGE}?{query}").status_code in (200, 400, 404)
    assert reviewer.get(f"{PAGE}/votes?{query}").status_code in (400, 404)
    assert reviewer.post(f"{PAGE}/decide").status_code in (404, 405)


def test_another_sites_votes_are_neither_seen_nor_decided(app: Flask, database_url: str, held: Newsroom) -> None:
    make.site(database_url, "weekly")
    client = app.test_client()
    client.post("/dashboard/sign-in", data={"key": key_of(app, "weekly", scopes=["read", "review"])})
    with app.app_context():
        window = f"{A}-{now_ms() // 3_600_000}"

    assert "Nothing waits" in client.get(PAGE).text
    assert client.post(f"{PAGE}/reject", data={"only": window}).status_code == 404
    assert client.get(f"{PAGE}/votes?window={window}").status_code == 404
    client.post(f"{PAGE}/release", data={"all": "1"})
    client.post(f"{PAGE}/release", data={"network": NETWORK})
    assert totals(app) == [2, 0]


def test_a_key_without_the_scope_sees_the_page_and_no_button(app: Flask, held: Newsroom, editor: FlaskClient) -> None:
    html = editor.get(PAGE).text

    assert "Harbour bridge to close" in html
    assert "your key lacks the scope <code>review</code>" in html
    assert "Release" not in Forms(html).buttons
    assert "checkbox" not in html
    for answer in (editor.post(f"{PAGE}/release", data={"all": "1"}), editor.get(f"{PAGE}/votes?window={A}-1")):
        assert (answer.status_code, "scope review" in answer.text) == (403, True)
    assert totals(app) == [2, 0]


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}],
)
def test_a_page_of_another_site_decides_nothing(
    app: Flask, held: Newsroom, reviewer: FlaskClient, headers: dict[str, str]
) -> None:
    answer = reviewer.post(f"{PAGE}/release", data={"all": "1"}, headers=headers)

    assert answer.status_code == 403
    assert totals(app) == [2, 0]


def test_a_form_that_is_sent_signed_out_leads_back_to_the_page(app: Flask, held: Newsroom) -> None:
    answer: TestResponse = app.test_client().post(f"{PAGE}/release", data={"all": "1"})

    assert (answer.status_code, answer.location) == (303, "/dashboard/sign-in?next=/dashboard/review&ended=1")
    assert totals(app) == [2, 0]
