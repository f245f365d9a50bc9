"""What an editor does to an article from its page, who did it, and its undoing."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from reactions.newsroom.article_keys import id_of, shown_id
from reactions.storage.engines import snapshot
from reactions.votes import integrity
from reactions.web.extensions import db
from tests.lengths import on_both_engines
from tests.web.asking import counted, counts, row, vote
from tests.web.dashboard.forms import Forms
from tests.web.dashboard.newsroom import Newsroom, key_of
from tests.web.dashboard.test_pages import words

pytestmark = on_both_engines  # the log has statements of its own

A, B = (shown_id(id_of("daily", key)) for key in "ab")


@pytest.fixture
def app(make_app: Any) -> Flask:
    app: Flask = make_app(site_memory_s=0, counts_memory_s=0)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    return app


@pytest.fixture
def paper(newsroom: Newsroom) -> Newsroom:
    """An article `a` with three votes and one `b` with two."""
    newsroom.article("a", title="Harbour bridge to close", authors=["Ada Berg"], tags=["harbour"])
    newsroom.article("b", title="Bridge closes")
    newsroom.votes("a", like=2, sad=1)
    newsroom.votes("b", like=2)
    return newsroom


@pytest.fixture
def desk(app: Flask, paper: Newsroom) -> FlaskClient:
    return signed_in(app, ["read", "write", "review"])


@pytest.fixture(autouse=True)
def everything_agrees(app: Flask) -> Any:
    """After each test the counts and the ledger say the same."""
    yield
    with app.app_context(), snapshot(db.engine) as connection:
        assert list(integrity.differences(connection)) == []


def signed_in(app: Flask, scopes: list[str]) -> FlaskClient:
    client = app.test_client()
    client.post("/dashboard/sign-in", data={"key": key_of(app, scopes=scopes)})
    return client


def press(client: FlaskClient, name: str, **fields: str) -> str:
    """Press a button on the page of `a`; the words of the article's page that follows."""
    action, sent = Forms(client.get(f"/dashboard/article?id={A}").text).buttons[name]
    answer = client.post(action, data={**sent, **fields})
    assert answer.status_code == 303, words(answer.text)
    return doing(client.get(answer.location).text)


def doing(html: str) -> str:
    return words(html.partition('id="doing"')[2])


def test_voting_is_closed_by_somebody_and_opened_again_by_undoing_it(app: Flask, desk: FlaskClient) -> None:
    reader = app.test_client(use_cookies=False)

    closed = press(desk, "Close voting")
    late = vote(reader, article="a")
    undone = press(desk, "Undo Voting ended")

    assert "Voting on this article has ended. Its counts stay visible." in closed
    assert re.search(r"Voting ended by [0-9a-f]{12} a test Undo Voting ended", closed)
    assert late.status_code == 409
    assert "Undone: Voting ended. Readers see it within a few seconds." in undone
    assert undone.index("Voting opened again") < undone.index("Voting ended by")
    assert vote(reader, article="a").status_code == 200


def test_counts_are_hidden_and_shown(app: Flask, desk: FlaskClient) -> None:
    reader = app.test_client(use_cookies=False)

    press(desk, "Hide the counts")
    hidden = row(reader, "a").json["total"]  # type: ignore[index]
    press(desk, "Show the counts")

    assert (hidden, row(reader, "a").json["total"]) == (None, 3)  # type: ignore[index]


def test_a_description_is_changed_and_taken_back(desk: FlaskClient) -> None:
    new = {"title": "Bridge closed", "section": "", "authors": "Ben Ode, Cia Lund", "tags": "", "url": "", "published_at": ""}

    press(desk, "Save the description", **new)
    page = words(desk.get("/dashboard/article?article=a").text)
    press(desk, "Undo Described")
    again = words(desk.get("/dashboard/article?article=a").text)

    assert "Bridge closed Ben Ode Cia Lund First seen" in page
    assert "Harbour bridge to close Ada Berg Published" in again


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"title": " "}, "Title: Write printable text."),
        ({"title": "x", "url": "javascript:alert(1)"}, "Address: Write a web address"),
        ({"title": "x", "published_at": "yesterday"}, "Write the time of publication as 2026-03-01T07:30."),
    ],
)
def test_a_description_that_cannot_be_changes_nothing(desk: FlaskClient, fields: dict[str, str], why: str) -> None:
    refused = desk.post("/dashboard/article/describe", data={"id": A, **fields})

    assert refused.status_code == 400
    assert why in words(refused.text)
    assert "Harbour bridge to close" in words(desk.get("/dashboard/article?article=a").text)


def test_a_key_is_changed_and_changed_back_and_both_work(app: Flask, desk: FlaskClient) -> None:
    moved = press(desk, "Move", to="news/bridge")
    both = counts(app.test_client(use_cookies=False), ["a", "news/bridge"]).json["articles"]  # type: ignore[index]
    back = press(desk, "Undo Given another key; it was a")
    taken = desk.post("/dashboard/article/move", data={"id": A, "to": "b"})

    assert "These keys lead here, too: a" in moved
    assert [each["total"] for each in both] == [3, 3]
    assert "The present key, a , keeps working." in back
    assert taken.status_code == 409


def test_articles_are_merged_after_a_question_that_says_what_cannot_be_undone(app: Flask, desk: FlaskClient) -> None:
    asked = desk.get(f"/dashboard/article/merge?id={A}&into=b")
    action, sent = Forms(asked.text).buttons["Merge them"]
    answer = desk.post(action, data=sent)
    log = doing(desk.get(answer.location).text)

    assert "3 votes on Harbour bridge to close move to Bridge closes , which has 2 now." in words(asked.text)
    assert "This cannot be undone." in words(asked.text)
    assert (answer.status_code, answer.location) == (303, "/dashboard/article?article=b")
    assert "3 votes moved here." in log
    assert re.search(r"Another article merged into this one by \w+ a test cannot be undone", log)
    assert counts(app.test_client(use_cookies=False), ["a"]).json["articles"][0]["counts"] == counted(like=4, sad=1)  # type: ignore[index]
    assert desk.get(f"/dashboard/article/merge?id={B}&into=a").status_code == 400


def test_an_article_is_deleted_after_a_question(app: Flask, desk: FlaskClient) -> None:
    asked = desk.get(f"/dashboard/article/delete?id={A}")
    action, sent = Forms(asked.text).buttons["Delete it for good"]

    gone = words(desk.post(action, data=sent).text)

    assert "is deleted with its 3 votes" in words(asked.text)
    assert "Harbour bridge to close is gone with its 3 votes." in gone
    assert desk.get("/dashboard/article?article=a").status_code == 404
    assert desk.post(action, data=sent).status_code == 404


def test_what_somebody_else_has_overtaken_is_not_undone(desk: FlaskClient) -> None:
    press(desk, "Close voting")
    action, stale = Forms(desk.get(f"/dashboard/article?id={A}").text).buttons["Undo Voting ended"]
    press(desk, "Open voting")
    press(desk, "Close voting")

    late = desk.post(action, data=stale)

    assert late.status_code == 409
    assert "This cannot be undone any more: something else was done to the article since." in words(late.text)
    assert desk.post(action, data={**stale, "done": "1 merged in"}).status_code == 409
    assert desk.post(action, data={**stale, "done": "nonsense"}).status_code == 400


@pytest.mark.parametrize(
    ("scopes", "path", "status"),
    [
        (["read"], "close", 403),
        (["read"], "undo", 403),
        (["read", "write"], "close", 403),
        (["read", "write"], "merge", 403),
        (["read", "write"], "delete", 403),
        (["read", "review"], "describe", 403),
        (["read", "review"], "move", 403),
    ],
)
def test_a_key_without_the_scope_changes_nothing(app: Flask, paper: Newsroom, scopes: list[str], path: str, status: int) -> None:
    client = signed_in(app, scopes)

    refused = client.post(f"/dashboard/article/{path}", data={"id": A, "into": "b", "to": "c", "title": "x", "done": "1 closed"})

    assert refused.status_code == status
    assert re.search("sign in with a key that has the scope (review|write)", words(refused.text))
    assert vote(app.test_client(use_cookies=False), article="a").status_code == 200


def test_an_article_of_another_site_is_not_there(app: Flask, desk: FlaskClient) -> None:
    other = shown_id(id_of("weekly", "a"))

    assert desk.post("/dashboard/article/close", data={"id": other}).status_code == 404
    assert desk.get(f"/dashboard/article/delete?id={other}").status_code == 404
    assert desk.post("/dashboard/article/close", data={}).status_code == 404
