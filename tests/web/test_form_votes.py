"""Votes of plain forms: what the reader is told, in which words, and where the page leads. On both engines."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from reactions.newsroom import interventions, sites
from reactions.refusals import Overloaded
from reactions.storage.engines import writing
from reactions.web.flask_threads import FlaskThreads
from reactions.web.hot_path import HotPath
from tests import make
from tests.web.asking import NOTHING, rows_stored

FORM = {"Origin": make.ORIGIN, "Sec-Fetch-Mode": "navigate", "Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
DATA = {**FORM, "Accept": "application/json"}
BACK = f"{make.ORIGIN}/2024/rain?page=2#reactions"


def send_form(client: FlaskClient, headers: dict[str, str] = FORM, **fields: str) -> TestResponse:
    data = {"article": "rain", "reaction": "like", "return": BACK, "answer": "page", **fields}
    return client.post("/form/daily", data=data, headers=headers)


def counts(client: FlaskClient, article: str) -> dict[str, int]:
    (found,) = client.get("/v1/sites/daily/counts", query_string={"article": article}).json["articles"]  # type: ignore[index]
    return {key: n for key, n in found["counts"].items() if n}


def words(page: TestResponse) -> str:
    """What a page says, without its mark-up."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.text.partition("<main>")[2])).split())


def change(engine: Engine, **settings: object) -> None:
    with writing(engine) as connection:
        sites.change(connection, "daily", **settings)


def test_a_reader_is_told_what_is_saved_and_led_back(client: FlaskClient) -> None:
    answer = send_form(client)

    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert words(answer).startswith("The Daily Saved Your reaction to this article: Like")
    assert '<strong><svg viewBox="0 0 32 32" aria-hidden="true"><path ' in answer.text
    assert f'<a href="{BACK}">Back to the article</a>' in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert counts(client, "rain") == {"like": 1}


def test_the_page_changes_and_withdraws_the_vote_from_the_services_own_address(app: Flask, client: FlaskClient) -> None:
    own = {**FORM, "Origin": "http://127.0.0.1:8000", "Host": "127.0.0.1:8000"}

    saved = send_form(client, own)
    changed = send_form(client, own, reaction="wow")
    assert counts(client, "rain") == {"wow": 1}
    withdrawn = send_form(client, own, reaction="")

    assert 'value="like" aria-pressed="true"' in saved.text
    assert 'value="wow" aria-pressed="true"' in changed.text
    assert 'name="reaction" value="" class="plain"' in changed.text
    assert "Taken back You have no reaction to this article any more." in words(withdrawn)
    assert counts(client, "rain") == {}


def test_under_another_name_of_the_service_the_page_says_how_and_sends_nothing(client: FlaskClient) -> None:
    """Whatever resolves to the service, as a name that a stranger points at it, is not its own address."""
    rebound = {**FORM, "Origin": "http://evil.example", "Host": "evil.example"}

    answer = send_form(client, {**FORM, "Host": "other.example"})

    assert "<button" not in answer.text
    assert "To change it or to take it back, go back and choose again." in words(answer)
    assert send_form(client, rebound, reaction="wow").status_code == 403
    assert counts(client, "rain") == {"like": 1}


def test_hidden_counts_stay_hidden(client: FlaskClient, engine: Engine) -> None:
    own = {**FORM, "Origin": "http://127.0.0.1:8000", "Host": "127.0.0.1:8000"}
    shown = send_form(client, own)
    with writing(engine) as connection:
        interventions.hide(connection, sites.get(connection, "daily"), "rain", at_ms=1, by="a test")

    hidden = send_form(client, own, reaction="love")

    assert '<span class="n">1</span>' in shown.text
    assert 'class="n"' not in hidden.text


def test_who_wants_no_page_is_sent_back(client: FlaskClient) -> None:
    fields = {"article": "rain", "reaction": "like", "return": BACK}

    for answer in (
        send_form(client, DATA),
        send_form(client, answer="return"),
        client.post("/form/daily", data=fields, headers=FORM),
    ):
        assert (answer.status_code, answer.headers["Location"]) == (303, BACK)
    assert counts(client, "rain") == {"like": 1}


def test_a_form_asks_for_one_of_two_answers(client: FlaskClient) -> None:
    refused = send_form(client, answer="mail")

    assert refused.status_code == 400
    assert "Write page or return, or leave it out." in words(refused)
    assert counts(client, "rain") == {}


ELSEWHERE = [
    "", "https://evil.example/", f"{make.ORIGIN}.evil.example/", f"{make.ORIGIN}@evil.example/", "//evil.example", "javascript:x",
    "https://[", f"{make.ORIGIN}\\@evil.example/", "data:text/html,x", f"{make.ORIGIN.replace('https', 'http')}/",
]  # fmt: skip


@pytest.mark.parametrize("back", ELSEWHERE)
def test_a_form_leads_to_no_other_site(client: FlaskClient, engine: Engine, back: str) -> None:
    refused = send_form(client, DATA, **{"return": back})
    page = send_form(client, **{"return": back})

    assert refused.status_code == page.status_code == 400
    assert refused.json["errors"][0]["pointer"] == "#/return"  # type: ignore[index]
    assert "href=" not in page.text.partition("<main>")[2]
    assert "Not saved The form on the page is not set up correctly." in words(page)
    assert "Location" not in page.headers
    assert rows_stored(engine) == NOTHING


HIDDEN = "The page hides where it is"


@pytest.mark.parametrize(
    ("headers", "hint"),
    [
        ({"Origin": "https://evil.example"}, "--add-origin https://evil.example"),
        ({"Origin": "null"}, HIDDEN),
        ({}, HIDDEN),
        ({"Origin": "<script>alert(1)</script>"}, "<script>alert(1)</script> is no origin of daily"),
    ],
)
def test_a_form_elsewhere_cannot_vote_and_its_reader_sees_a_page(
    client: FlaskClient, engine: Engine, headers: dict[str, str], hint: str
) -> None:
    refused = send_form(client, {"Sec-Fetch-Mode": "navigate", "Accept": FORM["Accept"], **headers})
    problem = send_form(client, {"Sec-Fetch-Mode": "navigate", "Accept": "application/json", **headers})

    assert (refused.status_code, refused.mimetype) == (403, "text/html")
    assert (problem.status_code, problem.mimetype) == (403, "application/problem+json")
    assert hint in words(refused)
    assert "<script" not in refused.text
    assert f'href="{BACK}"' in refused.text  # a page of the site, wherever the form stood
    assert rows_stored(engine) == NOTHING


def test_a_form_with_other_fields_or_a_field_twice_is_refused(client: FlaskClient, engine: Engine) -> None:
    assert send_form(client, DATA, reader="a" * 32).json["errors"][0]["pointer"] == "#/reader"  # type: ignore[index]
    twice = client.post("/form/daily", data="article=a&article=b", content_type="application/x-www-form-urlencoded", headers=DATA)
    assert twice.json["errors"][0]["pointer"] == "#/article"  # type: ignore[index]
    assert client.post("/form/daily", json={}, headers=DATA).status_code == 415
    assert client.post("/form/daily", data=b"x", content_type="text/plain", headers=FORM).mimetype == "text/html"
    assert "reader: No such field." in words(send_form(client, reader="a" * 32))
    assert rows_stored(engine) == NOTHING


def test_every_refusal_is_a_page_in_the_sites_language(
    client: FlaskClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(engine, language="de")
    send_form(client, article="closed")
    with writing(engine) as connection:
        interventions.close(connection, sites.get(connection, "daily"), "closed", at_ms=1, by="a test")
    english = {**FORM, "Accept-Language": "en"}

    refused = {
        "closed": send_form(client, english, article="closed"),
        "reaction": send_form(client, english, reaction="nope"),
        "article": send_form(client, english, article="x" * 300),
        "too many": next(page for _ in range(60) if (page := send_form(client, english)).status_code != 200),
    }

    def busy(*_: object) -> None:
        raise Overloaded("The service is busy.")

    monkeypatch.setattr(HotPath, "cast", busy)
    refused["busy"] = send_form(client, english)

    assert {name: page.status_code for name, page in refused.items()} == {
        "closed": 409, "reaction": 422, "article": 400, "too many": 429, "busy": 503,
    }  # fmt: skip
    for name, text in {
        "closed": "Die Abstimmung über diesen Artikel ist beendet.", "reaction": "Diese Reaktion gibt es nicht mehr.",
        "too many": "Bitte in", "busy": "gerade ausgelastet",
    }.items():  # fmt: skip
        assert 'lang="de"' in refused[name].text
        assert "Nicht gespeichert" in words(refused[name])
        assert text in words(refused[name])
        assert f'href="{BACK}"' in refused[name].text
    assert int(refused["too many"].headers["Retry-After"]) > 0
    assert 'lang="de"' in send_form(client, english, article="rain2").text


def test_a_site_that_chose_no_language_answers_in_the_browsers(client: FlaskClient) -> None:
    assert "Enregistré" in send_form(client, {**FORM, "Accept-Language": "nl, fr-CA;q=0.9"}).text


def test_no_such_site_is_a_page_too(client: FlaskClient) -> None:
    page = client.post("/form/nobody", data={"article": "a"}, headers=FORM)

    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "There is no such site here." in words(page)


@pytest.mark.parametrize(
    ("accept", "media"), [(b"text/html,*/*;q=0.8", b"text/html"), (b"application/json", b"application/problem")]
)
def test_a_service_too_busy_to_look_at_a_form_still_answers_with_a_page(accept: bytes, media: bytes) -> None:
    sent: list[dict[str, Any]] = []
    scope = {"type": "http", "path": "/form/daily", "headers": [(b"accept", accept), (b"content-length", b"3")]}
    full = FlaskThreads(None, threads=1)
    full._in_threads = 1_000  # room for nobody

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"a=b", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    with ThreadPoolExecutor(1) as pool:  # a browser of another test may have a loop in this one
        pool.submit(lambda: asyncio.run(full(scope, receive, send))).result()  # type: ignore[arg-type]

    headers = dict(sent[0]["headers"])
    assert sent[0]["status"] == 503
    assert headers[b"content-type"].startswith(media)
    assert b"retry-after" in headers
    assert b"The service is busy" in sent[1]["body"]
