"""Review through the API: what is listed, what is decided, what is refused in words; and the alert that is raised."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from flask import Flask
from flask.testing import FlaskClient

from reactions.notices import alerts
from reactions.times import now_ms, rfc3339
from reactions.web import current
from reactions.web.current import Parts
from tests import make
from tests.lengths import only_sqlite
from tests.web.asking import counts, vote
from tests.web.conftest import MakeApp
from tests.web.test_newsroom_api import Editor, key_of

pytestmark = only_sqlite
ADDRESS = "198.51.100.7"


@pytest.fixture
def held_app(make_app: MakeApp) -> Flask:
    """Two votes on `a` are counted, five are held; one is held on `b`."""
    app = make_app(fresh_votes_per_network="2/10 minutes", counts_memory_s=0)
    client = app.test_client(use_cookies=False)
    for number in range(7):
        vote(client, article="a", reader=make.reader(number), address=ADDRESS)
    for number in range(3):
        vote(client, article="b", reader=make.reader(number), address=ADDRESS, reaction="sad")
    return app


@pytest.fixture
def editor(held_app: Flask) -> Editor:
    return Editor(held_app.test_client(use_cookies=False), key_of(held_app, "daily", "review"))


def totals(client: FlaskClient) -> Sequence[int]:
    return [entry["total"] for entry in counts(client, ["a", "b"]).json["articles"]]


def decide(editor: Editor, decision: str, **body: object) -> object:
    return editor.send("POST", f"daily/holds/{decision}", body).json


def test_held_votes_are_listed_with_their_cause_and_no_pseudonym(editor: Editor) -> None:
    answer = editor.send("GET", "daily/holds").json

    assert [(h["state"], h["cause"], h["article"]) for h in answer["holds"]].count(("held", "soft cap", "a")) == 5
    assert (len(answer["holds"]), answer["next"]) == (6, None)
    assert set(answer["holds"][0]) == {
        "id", "state", "cause", "article", "reaction", "network", "verdict", "at", "due_at", "settled_at", "settled_by",
    }  # fmt: skip
    assert len(editor.send("GET", "daily/holds?article=b").json["holds"]) == 1
    assert editor.send("GET", "daily/holds?state=rejected").json["holds"] == []


def test_votes_are_released_and_rejected_by_id_article_network_window_and_all(editor: Editor) -> None:
    listed = editor.send("GET", "daily/holds").json["holds"]
    ids = [hold["id"] for hold in listed if hold["article"] == "a"]

    assert decide(editor, "release", votes=ids[:1]) == {"votes": 1}
    assert decide(editor, "release", votes=ids[:1]) == {"votes": 0}
    assert decide(editor, "reject", votes=ids[:2]) == {"votes": 1}
    assert decide(editor, "release", article="b", network=listed[0]["network"]) == {"votes": 1}
    assert decide(editor, "release", **{"from": rfc3339(now_ms() + 60_000)}) == {"votes": 0}
    assert decide(editor, "release", all=True, until=rfc3339(now_ms() + 60_000)) == {"votes": 3}
    assert totals(editor.client) == [6, 3]
    assert decide(editor, "release", states=["rejected"], **{"from": "0001-01-01T00:00:00+14:00"}) == {"votes": 1}
    assert totals(editor.client) == [7, 3]
    (settled,) = editor.send("GET", "daily/holds?article=b").json["holds"]
    assert (settled["state"], settled["settled_by"].endswith("a test")) == ("released", True)


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        ({}, 400, "invalid-request"),
        ({"states": ["held"]}, 400, "invalid-request"),
        ({"all": False}, 400, "invalid-request"),
        ({"all": 1}, 400, "invalid-request"),
        ({"votes": []}, 400, "invalid-request"),
        ({"votes": ["nonsense"]}, 400, "invalid-request"),
        ({"all": True, "states": ["lost"]}, 400, "invalid-request"),
        ({"from": "yesterday"}, 400, "invalid-request"),
        ({"every": True}, 400, "invalid-request"),
        ({"article": "never seen"}, 404, "unknown-article"),
        ({"article": "\0"}, 400, "malformed-key"),
        ({"verdict": "0" * 16}, 404, "unknown-verdict"),
        ({"verdict": "a\0"}, 404, "unknown-verdict"),
        ({"network": "a\0"}, 400, "invalid-request"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(editor: Editor, body: object, status: int, problem: str) -> None:
    answer = editor.send("POST", "daily/holds/release", body)

    assert (answer.status_code, answer.json["type"]) == (status, f"/problems#{problem}")
    assert totals(editor.client) == [2, 2]


@pytest.mark.parametrize(
    "query",
    [
        *("network=%00", "verdict=a%00", "cursor=x", "cursor=1-", "state=lost", "page=2", "article=never"),
        f"cursor={'9' * 40}-{'a' * 16}",
    ],
)
def test_a_list_that_there_is_not_is_refused_in_words(editor: Editor, query: str) -> None:
    assert editor.send("GET", f"daily/holds?{query}").status_code in (400, 404)


def test_reviewing_needs_its_scope_and_its_site(held_app: Flask, editor: Editor) -> None:
    writer = Editor(editor.client, key_of(held_app, "daily", "read", "write"))

    assert writer.send("GET", "daily/holds").status_code == 403
    assert writer.send("GET", "daily/verdicts").status_code == 403
    assert writer.send("POST", "daily/holds/reject", {"all": True}).status_code == 403
    assert editor.send("GET", "other/holds").status_code == 404


def test_a_list_goes_on_where_its_page_ends(make_app: MakeApp) -> None:
    app = make_app(fresh_votes_per_network="1/10 minutes")
    client = app.test_client(use_cookies=False)
    for number in range(121):
        vote(client, reader=make.reader(number), address=ADDRESS)
    editor = Editor(client, key_of(app, "daily", "review"))

    first = editor.send("GET", "daily/holds").json
    second = editor.send("GET", f"daily/holds?cursor={first['next']}").json

    ids = [hold["id"] for hold in first["holds"] + second["holds"]]
    assert (len(ids), len(set(ids)), second["next"]) == (120, 120, None)


def test_a_verdict_raises_an_alert_and_its_votes_are_rejected_together(make_app: MakeApp) -> None:
    app = make_app(detector_every_s=3600, counts_memory_s=0)
    client = app.test_client(use_cookies=False)
    for number in range(60):
        vote(client, reader=make.reader(number), address=ADDRESS, reaction="angry")
    vote(client, reader=make.ADA, address="203.0.113.9")
    parts: Parts = app.extensions["reader-reactions"]
    editor = Editor(client, key_of(app, "daily", "review"))

    with app.app_context():
        parts.watch.look()
        with current.reading() as connection:
            (alert,) = alerts.latest(connection, parts.directory.find("daily"), limit=5)
    (verdict,) = editor.send("GET", "daily/verdicts").json["verdicts"]

    assert alert.detail == f"{verdict['text']}. They are counted until somebody decides."
    assert verdict["text"].startswith("60 of 61 votes between ")
    assert verdict["text"].endswith(" came from fresh readers in 1 network")
    assert verdict["votes"] == {"suspect": 60}
    assert alert.headline == "Suspicious votes: An article without a title"
    assert decide(editor, "reject", verdict=verdict["id"]) == {"votes": 60}
    assert totals(client)[0] == 1
