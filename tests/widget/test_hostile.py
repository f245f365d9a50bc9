"""Whatever is answered, the widget survives it and the page does not notice."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.make import ADA
from tests.widget.publisher import Publisher, row
from tests.widget.steps import (
    at_first,
    button,
    expect_shown,
    frames,
    hear_changes,
    heard,
    open_row,
    ready,
    until,
)

UNCONFIRMED = "Not confirmed. Please try again."
OPEN_TO_ALL = {"Access-Control-Allow-Origin": "*"}


HOSTILE: dict[str, Any] = {
    "HTML": "<!doctype html><h1>Log in to the wifi</h1>",
    "nothing": "",
    "truncated": '{"article":"a","open":true,"total":3,"rea',
    "null": "null",
    "number": "7",
    "list": "[]",
    "empty object": "{}",
    "wrong types": '{"article":1,"open":"yes","total":"many","reactions":{},"articles":5,"counts":[],"reaction":[]}',
    "text for lists": '{"total":1,"reactions":"abc","articles":"abc","counts":"abc","reaction":"like"}',
    "nulls": '{"article":null,"open":null,"total":null,"reactions":null,"articles":null,"counts":null,"reaction":null}',
    "entries of nothing": '{"total":0,"reactions":[null,1,"x"],"articles":[null],"counts":{"like":null},"reaction":null}',
    "odd entries": '{"total":1,"open":true,"reactions":[{"key":{},"label":[],"emoji":null,"count":"12"},{}],"articles":[7]}',
    "negative": '{"total":-5,"open":true,"reactions":[{"key":"like","label":"Like","emoji":"x","count":-5}]}',
    "endless": '{"total":1e999,"open":true,"reactions":[{"key":"like","label":"Like","emoji":"x","count":1e999}]}',
    "prototype": '{"total":1,"counts":{"__proto__":{"like":9}},"__proto__":{"open":false},"articles":[{"__proto__":{}}]}',
    "markup": '{"total":1,"open":true,"reactions":[{"key":"a","label":"<img src=x onerror=alert(1)>","emoji":"<b>","count":1}]}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_to_a_reading_does_no_harm(failing_page: Page, publisher: Publisher, name: str) -> None:
    answered: list[Route] = []

    def answer(route: Route) -> None:
        route.fulfill(status=200, headers=OPEN_TO_ALL, content_type="application/json", body=HOSTILE[name])
        answered.append(route)

    failing_page.route("**/v1/**", answer)
    failing_page.goto(publisher.page(row("a") + row("b") + '<reaction-count site="daily" article="a"></reaction-count>'))

    until(failing_page, lambda: answered)
    frames(failing_page)

    seen = failing_page.locator("main").inner_text()
    assert "NaN" not in seen
    assert "-5" not in seen
    assert failing_page.evaluate("document.querySelector('reader-reactions').shadowRoot.querySelector('img, b')") is None


NO_RECEIPT = {"empty": "{}", "a queue's": '{"queued":true}', "a text": '"ok"', "a list": "[]", "a truth": "true"}


@pytest.mark.parametrize("name", NO_RECEIPT)
def test_what_is_no_receipt_confirms_no_vote(failing_page: Page, publisher: Publisher, name: str) -> None:
    """A worker of the page that answers while offline, or a network that wants a log-in first."""
    hear_changes(failing_page)
    reactions = open_row(failing_page, publisher.article(publisher.key()))
    failing_page.route(
        "**/vote",
        lambda route: route.fulfill(status=200, headers=OPEN_TO_ALL, content_type="application/json", body=NO_RECEIPT[name]),
    )

    button(reactions, "like").click()

    expect(reactions.get_by_role("status")).to_have_text(UNCONFIRMED, timeout=10_000)
    expect_shown(reactions, {}, pressed=None)
    assert heard(failing_page) == []


def test_counts_are_asked_for_again_after_an_answer_that_has_none(failing_page: Page, publisher: Publisher) -> None:
    at_first(
        failing_page,
        "**/reactions?*",
        lambda route: route.fulfill(status=200, headers=OPEN_TO_ALL, content_type="application/json", body='{"portal":true}'),
    )

    ready(open_row(failing_page, publisher.article(publisher.key())))


def test_counts_of_another_article_are_not_shown_and_no_vote_goes_there(failing_page: Page, publisher: Publisher) -> None:
    """A cache that leaves out the query gives every article the answer of the first."""
    told: list[str] = []
    failing_page.on("console", lambda message: told.append(message.text) if message.type == "warning" else None)
    first, second = publisher.key(), publisher.key()
    publisher.vote(first, "like", reader=ADA)
    answer = publisher.service.get(f"/v1/sites/daily/reactions?article={first}")[1].decode()
    failing_page.route(
        "**/reactions?*",
        lambda route: route.fulfill(status=200, headers=OPEN_TO_ALL, content_type="application/json", body=answer),
    )

    failing_page.goto(publisher.article(second))

    until(failing_page, lambda: told)
    frames(failing_page)
    assert told == ["reader-reactions: a cache leaves out the query"]
    expect(failing_page.locator("reader-reactions").get_by_role("button")).to_have_count(0)
    failing_page.unroute("**/reactions?*")
    failing_page.reload()
    button(ready(failing_page.locator("reader-reactions")), "wow").click()
    publisher.expect_counts(second, {"wow": 1})
    assert publisher.counts(first) == {"like": 1}


@pytest.mark.parametrize("key", ["/news/br\u00fccke\u00a0x", "/news/love \u2764\ufe0f"])
def test_a_key_that_the_service_writes_otherwise_shows_its_counts(page: Page, publisher: Publisher, key: str) -> None:
    ready(open_row(page, publisher.article(key)))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_to_a_vote_does_no_harm(failing_page: Page, publisher: Publisher, name: str) -> None:
    key = publisher.key()
    reactions = open_row(failing_page, publisher.article(key))

    answered: list[Route] = []

    def answer(route: Route) -> None:
        route.fulfill(status=200, headers=OPEN_TO_ALL, content_type="application/json", body=HOSTILE[name])
        answered.append(route)

    failing_page.route("**/vote", answer)
    button(reactions, "like").click()
    until(failing_page, lambda: answered)
    frames(failing_page)
    failing_page.unroute("**/vote")

    failing_page.reload()
    button(ready(reactions), "wow").click()

    expect_shown(reactions, {"wow": 1}, pressed="wow")


def test_a_status_without_a_body_does_no_harm(failing_page: Page, publisher: Publisher) -> None:
    reactions = open_row(failing_page, publisher.article(publisher.key()))
    failing_page.route("**/vote", lambda route: route.fulfill(status=204, headers=OPEN_TO_ALL))

    button(reactions, "like").click()

    expect(reactions.get_by_role("status")).to_have_text(UNCONFIRMED, timeout=10_000)
    expect_shown(reactions, {}, pressed=None)
