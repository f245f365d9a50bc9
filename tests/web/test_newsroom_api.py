"""The newsroom's routes: keys and scopes, bulk descriptions, changes of articles, and two sites sealed from each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from reactions.newsroom import api_keys, sites
from reactions.storage import tables
from reactions.storage.engines import writing
from reactions.web import current
from tests import make
from tests.lengths import only_sqlite

CUP = {
    "key": "sport/cup",
    "title": "Cup final",
    "url": "https://daily.example/cup",
    "section": "Sport",
    "authors": ["Ada Berg"],
    "tags": ["football"],
    "published_at": "2026-03-01T07:30:00+01:00",
}


MISSING = "Missing data for required field."
LEAVE_OUT = "Leave out U+2028: text has no control characters or line separators."


def key_of(app: Flask, site: str, *scopes: str) -> str:
    """The text of a new key."""
    with app.app_context(), writing(current.engine()) as connection:
        found = sites.get(connection, site)
        return api_keys.create(connection, found, scopes=scopes, label="a test", now_ms=current.now_ms())[1]


@dataclass
class Editor:
    """A client that sends a key."""

    client: FlaskClient
    key: str

    def send(self, method: str, path: str, body: Any = None) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return self.client.open(f"/v1/sites/{path}", method=method, json=body, headers=headers, buffered=True)


@pytest.fixture
def editor(app: Flask, client: FlaskClient) -> Editor:
    return Editor(client, key_of(app, "daily", *api_keys.SCOPES))


def vote(client: FlaskClient, article: str, reaction: str | None, *, reader: str = make.ADA, seq: int = 1) -> TestResponse:
    body = {"article": article, "reaction": reaction, "reader": reader, "seq": seq}
    return client.put("/v1/sites/daily/vote", json=body)


def test_articles_are_described_in_bulk_and_repeating_it_changes_nothing(editor: Editor) -> None:
    first = editor.send("PUT", "daily/articles", {"articles": [CUP, {"key": "b", "title": "B"}]})
    again = editor.send("PUT", "daily/articles", {"articles": [CUP]})

    assert (first.status_code, first.json, again.json) == (200, {"articles": 2}, {"articles": 1})
    assert first.headers["Cache-Control"] == "private, no-store"
    assert "Access-Control-Allow-Origin" not in first.headers


@pytest.mark.parametrize(
    ("article", "pointer"),
    [
        ({"title": "x"}, "#/articles/0/key"),
        ({**CUP, "key": "a\nb"}, "#/articles/0/key"),
        ({**CUP, "url": "javascript:alert(1)"}, "#/articles/0/url"),
        ({**CUP, "published_at": "2026-03-01T07:30:00"}, "#/articles/0/published_at"),
        ({**CUP, "published_at": "yesterday"}, "#/articles/0/published_at"),
        ({**CUP, "published_at": "0001-01-01T00:00:00+14:00"}, "#/articles/0/published_at"),
        ({**CUP, "published_at": "9999-12-31T23:59:59-14:00"}, "#/articles/0/published_at"),
        ({**CUP, "authors": "Ada"}, "#/articles/0/authors"),
        ({**CUP, "title": "x" * 501}, "#/articles/0/title"),
        ({**CUP, "title": "a\u2028b"}, "#/articles/0/title"),
        ({**CUP, "title": "a\u0092b"}, "#/articles/0/title"),
        ({**CUP, "title": " \u200c\u00a0"}, "#/articles/0/title"),
        ({**CUP, "section": "\u0000"}, "#/articles/0/section"),
        ({**CUP, "url": "https://daily.example/a\u00a0b"}, "#/articles/0/url"),
        ({**CUP, "count": 5}, "#/articles/0/count"),
    ],
)
def test_one_bad_article_refuses_the_whole_with_its_place(editor: Editor, article: dict[str, Any], pointer: str) -> None:
    answer = editor.send("PUT", "daily/articles", {"articles": [article, {"key": "good", "title": "Good"}]})

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (400, pointer)  # type: ignore[index]
    assert editor.send("POST", "daily/articles/close", {"article": "good"}).status_code == 404


def test_human_text_is_stored_with_its_spaces_folded(editor: Editor, engine: Engine) -> None:
    titles = {
        "a": "رئیس\u200cجمهور می\u200cرود",
        "b": "Women 👩\u200d💻 🫨",
        "c": " Budget\u202f:\u00a0le\n\tvote ",
        "d": "Donau\u00addampf",
    }
    described = [{"key": key, "title": title, "authors": ["Zoë\u00a0Ä"]} for key, title in titles.items()]

    assert editor.send("PUT", "daily/articles", {"articles": described}).status_code == 200

    a = tables.article.c
    with engine.connect() as connection:
        stored = {key: (title, authors) for key, title, authors in connection.execute(select(a.key, a.title, a.authors))}
    assert stored == {key: (title, ["Zoë Ä"]) for key, title in {**titles, "c": "Budget : le vote"}.items()}


def test_one_bad_headline_does_not_block_the_others_where_a_part_is_wanted(editor: Editor) -> None:
    sent = {"articles": [CUP, {"key": "b", "title": "a\u2028b"}, {"title": "No key"}, "no object", {"key": "c", "title": "C"}]}

    answer = editor.send("PUT", "daily/articles?partial=true", sent)

    assert answer.status_code == 207
    assert answer.json == {
        "articles": 2,
        "results": [
            {"key": "sport/cup", "status": 200},
            {"key": "b", "status": 400, "errors": [{"pointer": "#/articles/1/title", "detail": LEAVE_OUT}]},
            {"key": None, "status": 400, "errors": [{"pointer": "#/articles/2/key", "detail": MISSING}]},
            {"key": None, "status": 400, "errors": [{"pointer": "#/articles/3", "detail": "Invalid input type."}]},
            {"key": "c", "status": 200},
        ],
    }  # fmt: skip
    assert editor.send("POST", "daily/articles/close", {"article": "c"}).status_code == 200
    assert editor.send("POST", "daily/articles/close", {"article": "b"}).status_code == 404


def test_a_part_that_is_the_whole_or_nothing(editor: Editor) -> None:
    whole = editor.send("PUT", "daily/articles?partial=true", {"articles": [CUP]})
    nothing = editor.send("PUT", "daily/articles?partial=true", {"articles": [{"key": "b"}]})

    assert (whole.status_code, whole.json) == (200, {"articles": 1, "results": [{"key": "sport/cup", "status": 200}]})
    assert (nothing.status_code, nothing.json["articles"]) == (207, 0)  # type: ignore[index]


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("daily/articles?partial=yes", {"articles": [CUP]}, "#/partial"),
        ("daily/articles?partial=true", {"articles": []}, "#/articles"),
        ("daily/articles?partial=true", {"articles": [CUP] * 501}, "#/articles"),
        ("daily/articles?partial=true", {"articles": [CUP], "more": 1}, "#/more"),
    ],
)
def test_a_partial_request_is_read_strictly_too(editor: Editor, path: str, body: Any, pointer: str) -> None:
    answer = editor.send("PUT", path, body)

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (400, pointer)  # type: ignore[index]


def test_at_most_500_articles_are_taken_at_once(editor: Editor) -> None:
    many = [{"key": f"a{n}", "title": "x"} for n in range(501)]

    assert editor.send("PUT", "daily/articles", {"articles": many}).status_code == 400
    assert editor.send("PUT", "daily/articles", {"articles": many[:500]}).json == {"articles": 500}


def test_an_article_is_closed_reopened_hidden_and_shown(editor: Editor) -> None:
    vote(editor.client, "hello", "like")

    assert editor.send("POST", "daily/articles/close", {"article": "hello"}).json == {
        "article": "hello", "closed": True, "hidden": False,
    }  # fmt: skip
    assert vote(editor.client, "hello", "love", seq=2).status_code == 409
    assert editor.send("POST", "daily/articles/reopen", {"article": "hello"}).json["closed"] is False  # type: ignore[index]
    assert editor.send("POST", "daily/articles/hide", {"article": "hello"}).json["hidden"] is True  # type: ignore[index]
    shown = vote(editor.client, "hello", "love", seq=2).json
    assert (shown["reaction"], shown["total"], set(shown["counts"].values())) == ("love", None, {None})  # type: ignore[index]
    assert editor.send("POST", "daily/articles/show", {"article": "hello"}).status_code == 200
    assert vote(editor.client, "hello", "love", seq=3).json["total"] == 1  # type: ignore[index]


def test_reset_restore_move_and_merge_answer_what_they_did(editor: Editor) -> None:
    vote(editor.client, "a", "like")
    vote(editor.client, "b", "sad", reader=make.BEN)

    assert editor.send("POST", "daily/articles/reset", {"article": "a"}).json["votes"] == 1  # type: ignore[index]
    assert editor.send("POST", "daily/articles/restore", {"article": "a"}).json["votes"] == 1  # type: ignore[index]
    assert editor.send("POST", "daily/articles/move", {"article": "a", "to": "c"}).json["article"] == "c"  # type: ignore[index]
    assert editor.send("POST", "daily/articles/move", {"article": "c", "to": "b"}).status_code == 409
    merged = editor.send("POST", "daily/articles/merge", {"article": "c", "into": "b"})
    assert merged.json == {"article": "b", "closed": False, "hidden": False, "votes": 1}
    counts = editor.client.get("/v1/sites/daily/counts?article=a&article=b&article=c").json
    assert [entry["total"] for entry in counts["articles"]] == [2, 2, 2]  # type: ignore[index]


def test_a_key_is_made_listed_used_and_revoked(editor: Editor) -> None:
    made = editor.send("POST", "daily/keys", {"label": "CMS", "scopes": ["write"]}).json
    cms = Editor(editor.client, made["key"])  # type: ignore[index]
    assert cms.send("PUT", "daily/articles", {"articles": [CUP]}).status_code == 200

    listed = editor.send("GET", "daily/keys").json["keys"]  # type: ignore[index]
    assert {entry["label"] for entry in listed} == {"CMS", "a test"}
    assert all("key" not in entry and entry["last_used_at"] for entry in listed)

    assert editor.send("DELETE", f"daily/keys/{made['id']}").json["revoked_at"] is not None  # type: ignore[index]
    refused = cms.send("PUT", "daily/articles", {"articles": [CUP]})
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, 'Bearer realm="reactions"')


def test_a_key_cannot_make_a_key_that_may_do_more(app: Flask, client: FlaskClient) -> None:
    writer = Editor(client, key_of(app, "daily", "write", "keys"))

    refused = writer.send("POST", "daily/keys", {"label": "more", "scopes": ["write", "review"]})

    assert (refused.status_code, refused.json["type"]) == (403, "/problems#missing-scope")  # type: ignore[index]


def test_a_key_that_writes_neither_lists_nor_makes_nor_revokes_keys(app: Flask, client: FlaskClient) -> None:
    cms = Editor(client, key_of(app, "daily", "read", "write", "review"))

    answers = [cms.send("GET", "daily/keys"), cms.send("POST", "daily/keys", {}), cms.send("DELETE", "daily/keys/000000000000")]

    assert [answer.status_code for answer in answers] == [403, 403, 403]


def test_what_a_key_has_made_ends_with_it_and_no_later(editor: Editor) -> None:
    made = editor.send("POST", "daily/keys", {"label": "a", "scopes": ["keys"], "expires_after_days": 3}).json
    maker = Editor(editor.client, made["key"])  # type: ignore[index]
    later = maker.send("POST", "daily/keys", {"label": "b", "scopes": ["keys"], "expires_after_days": 9}).json

    assert (later["made_by"], later["expires_at"]) == (made["id"], made["expires_at"])  # type: ignore[index]
    editor.send("DELETE", f"daily/keys/{made['id']}")  # type: ignore[index]
    assert Editor(editor.client, later["key"]).send("GET", "daily/keys").status_code == 401  # type: ignore[index]


@pytest.mark.parametrize("path", ["/dashboard?x=KEY", "/v1/sites/daily/counts?article=KEY", "/dashboard/KEY"])
def test_a_key_in_any_address_is_refused(editor: Editor, path: str) -> None:
    refused = editor.client.get(path.replace("KEY", editor.key))

    assert (refused.status_code, refused.json["type"]) == (400, "/problems#key-in-address")  # type: ignore[index]
    assert editor.key not in refused.text


@pytest.mark.parametrize("key", ["", "rk_000000000000_" + "A" * 43, "nonsense"])
def test_a_request_without_a_valid_key_is_refused(client: FlaskClient, key: str) -> None:
    refused = Editor(client, key).send("GET", "daily/keys")

    assert (refused.status_code, refused.json["type"]) == (401, "/problems#unauthorized")  # type: ignore[index]


def test_a_key_in_the_address_is_refused(editor: Editor) -> None:
    refused = editor.client.get(f"/v1/sites/daily/keys?key={editor.key}")

    assert (refused.status_code, refused.json["type"]) == (400, "/problems#key-in-address")  # type: ignore[index]


def editor_routes(app: Flask) -> Iterator[tuple[str, str]]:
    """Every route under a site that is not the reader's, so that a new one is covered."""
    samples = {"site_key": "SITE", "key_id": "000000000000", "change": "close", "revision": "reset", "file_name": "votes.csv"}
    samples |= {"webhook_id": "000000000000", "source": "old-blog"}
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/v1/sites/") and not rule.endpoint.startswith("readers."):
            adapter = app.url_map.bind("x")
            path = adapter.build(rule.endpoint, {name: samples[name] for name in rule.arguments})
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield method, path


def test_another_sites_key_learns_nothing_on_any_route(app: Flask, client: FlaskClient, database_url: str) -> None:
    make.site(database_url, "weekly")
    foreign = {"Authorization": f"Bearer {key_of(app, 'weekly', *api_keys.SCOPES)}"}
    routes = list(editor_routes(app))

    for method, path in routes:
        answers = {
            site: client.open(path.replace("SITE", site), method=method, json={}, headers=foreign)
            for site in ("daily", "nowhere")
        }
        assert {answer.status_code for answer in answers.values()} == {404}, (method, path)
        assert answers["daily"].data == answers["nowhere"].data
        assert client.open(path.replace("SITE", "daily"), method=method, json={}).status_code == 401
    assert len(routes) >= 8


@only_sqlite
def test_each_route_wants_its_scope(app: Flask, client: FlaskClient) -> None:
    for method, path in editor_routes(app):
        statuses = {
            scope: Editor(client, key_of(app, "daily", scope)).send(
                method, path.removeprefix("/v1/sites/").replace("SITE", "daily"), {}
            )
            for scope in api_keys.SCOPES
        }
        refused = [scope for scope, answer in statuses.items() if answer.status_code == 403]
        assert len(refused) == len(api_keys.SCOPES) - 1, (method, path, refused)
