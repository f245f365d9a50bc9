"""Forms that no page of ours sends: each is answered in words, never with a fault, and every page can be read afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from reactions.newsroom.article_keys import id_of, shown_id
from reactions.web.dashboard import settings_pages
from tests.lengths import amount, on_both_engines, played_at_length
from tests.web.asking import vote
from tests.web.dashboard.settings_forms import SETTINGS, admin, app, filled, send, stored

pytestmark = on_both_engines  # what is a text to one is a fault to the other

__all__ = ["admin", "app"]

HOSTILE = [
    "", "\0", "\ud800", "-1", "nan", "inf", "9" * 400, "٣", "a" * 5000, "<b>", "../..", "0001-01-01T00:00",
    "9999-12-31T23:59", "\u200b",
]  # fmt: skip
# On PostgreSQL, what becomes of a text in a column; what the words of a form make of it is the same on both.
FOR_COLUMNS = ["\0", "9" * 400, "٣", "9999-12-31T23:59", "a" * 5000]
# What each button reads, and what stands beside it on its page.
FIELDS: dict[tuple[str, str], list[str]] = {
    ("site", "save"): [
        "name", "origins", "time_zone", "language", "article_policy", "article_patterns", "version", "new_articles_per_day",
        "close_after_days", "keep_votes_days", "count_views", "forgotten_votes", "reader_scope",
    ],
    ("reactions", "save"): [
        "key", "order.like", "emoji.like", "label.like.en", "mood.like", "newkey", "version", "section.0", "offered.0",
        "language.like", "other.like", "emoji..new", "label..new.en",
    ],
    ("keys", "add"): ["label", "scope", "expires_after_days"],
    ("keys", "revoke"): ["id"],
    ("keys", "sign-out"): ["person"],
    ("alerts", "save"): ["surging.times", "surging.readers", "record.votes"],
    ("alerts", "add"): ["url", "kind"],
    ("alerts", "test"): ["id"],
    ("alerts", "remove"): ["id"],
    ("digest", "add"): ["address"],
    ("digest", "remove"): ["address"],
    ("imports", "remove"): ["source"],
}  # fmt: skip
ON_ARTICLE = {
    "describe": ["title", "url", "section", "authors", "tags", "published_at"],
    "move": ["to"],
    "undo": ["done"],
    "merge": ["into"],
    "close": ["id"],
    "delete": ["id"],
}


@pytest.fixture
def texts(engine_kind: str) -> list[str]:
    return list(map(sendable, amount(FOR_COLUMNS if engine_kind == "postgresql" else HOSTILE, HOSTILE)))


def sendable(text: str) -> str:
    """The text as a browser can send it: lone surrogates cannot be encoded."""
    return text.encode(errors="replace").decode()


def given(part: str, action: str, texts: list[str]) -> Iterator[tuple[str, list[str]]]:
    """The fields of a button with every text; a field that it does not read is at most shown again, and one text shows that."""
    own = FIELDS[part, action]
    yield from ((field, texts) for field in own)
    beside = {field for (of, _), fields in FIELDS.items() if of == part for field in fields} - {*own}
    yield from ((field, amount(texts[1:2], texts)) for field in sorted(beside))


@played_at_length
@pytest.mark.parametrize(("part", "action"), settings_pages._ACTIONS)
def test_a_hostile_form_of_the_settings_is_answered_in_words(
    app: Flask, admin: FlaskClient, texts: list[str], part: str, action: str
) -> None:
    usual = filled(admin, part, action)
    for field, hostile in given(part, action, texts):
        for text in hostile:
            form = usual.copy()
            form[field] = text
            answer = send(admin, part, action, form)

            assert answer.status_code < 500, (field, text)
            if answer.status_code < 400:  # what the form was filled in from has changed
                usual = filled(admin, part, action)
        assert admin.get(f"{SETTINGS}/{part}").status_code == 200, field
    assert send(admin, part, action, {}).status_code < 500
    assert stored(app).origins
    assert admin.get("/dashboard").status_code == 200


@played_at_length
@pytest.mark.parametrize("action", ON_ARTICLE)
def test_a_hostile_form_of_an_article_is_answered_in_words(app: Flask, admin: FlaskClient, texts: list[str], action: str) -> None:
    shown = shown_id(id_of("daily", "a"))
    for field in ON_ARTICLE[action]:
        for text in texts:
            vote(app.test_client(use_cookies=False), article="a")
            answer = admin.post(f"/dashboard/article/{action}", data={"id": shown, "title": "A", field: text})

            assert answer.status_code < 500, (field, text)
        assert admin.get("/dashboard/article?article=a").status_code == 200
        assert admin.get("/dashboard/articles").status_code == 200


@pytest.mark.parametrize("name", ["%00", "%ff", "a" * 3000])
@pytest.mark.parametrize(
    "page", ["settings/imports/remove?source=", "article/delete?id=", "article/merge?into=a&id=", "article?id="]
)
def test_a_page_about_what_cannot_be_is_not_found(admin: FlaskClient, page: str, name: str) -> None:
    assert 400 <= admin.get(f"/dashboard/{page}{name}").status_code < 500
