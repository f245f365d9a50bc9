"""Devices as they are: odd clocks, ids, storages and networks, impatient fingers; and what is said when a vote is not counted."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.widget.publisher import Pages, Publisher, row
from tests.widget.steps import (
    ballots,
    button,
    expect_said,
    expect_shown,
    hear_changes,
    open_row,
    ready,
    stored,
    until,
)

OPEN_TO_ALL = {"Access-Control-Allow-Origin": "*"}
DAY_MS = 86_400_000
EXPOSED = {"Access-Control-Expose-Headers": "Retry-After"}


def refusing(status: int, headers: dict[str, str] | None = None) -> Callable[[Route], None]:
    problem = {"type": "/problems#internal-words", "title": "Internal words", "status": status, "detail": "Internal words."}
    return lambda route: route.fulfill(
        status=status,
        headers={**OPEN_TO_ALL, **(headers or {})},
        content_type="application/problem+json",
        body=json.dumps(problem),
    )


def test_where_the_storage_throws_on_each_access_readers_vote(page: Page, publisher: Publisher) -> None:
    page.add_init_script(
        """Object.defineProperty(window, "localStorage", {value: new Proxy({}, {
          get() { throw new DOMException("denied") }, set() { throw new DOMException("denied") } })})"""
    )
    key = publisher.key()
    reactions = open_row(page, publisher.article(key))

    button(reactions, "like").click()

    expect_shown(reactions, {"like": 1}, pressed="like")
    publisher.expect_counts(key, {"like": 1})


def test_a_clock_two_days_ahead_votes(failing_page: Page, publisher: Publisher, asked: list[Request]) -> None:
    key, other = publisher.key(), publisher.key()
    failing_page.add_init_script(f"const now = Date.now; Date.now = () => now() + {2 * DAY_MS}")
    hear_changes(failing_page)
    reactions = open_row(failing_page, publisher.page(row(key) + row(other)))

    for votes, reaction in enumerate(["like", "love", "wow"], start=1):
        button(reactions, reaction).click()
        failing_page.wait_for_function(f"heard.length == {votes}")
    button(failing_page.locator("reader-reactions").last, "sad").click()

    publisher.expect_counts(key, {"wow": 1})
    publisher.expect_counts(other, {"sad": 1})
    expect_shown(reactions, {"wow": 1}, pressed="wow")
    expect_said(reactions, "")
    assert len(ballots(asked)) == 5  # the first is refused once; then the page knows
    failing_page.reload()
    button(ready(reactions), "angry").click()
    publisher.expect_counts(key, {"angry": 1})


@pytest.mark.parametrize("kept", ["not ours", "ABCDEF0123456789ABCDEF0123456789", "", "0" * 31])
def test_a_stored_id_that_is_not_ours_is_made_anew(page: Page, publisher: Publisher, kept: str) -> None:
    key = publisher.key()
    address = publisher.article(key)
    page.goto(address)
    page.evaluate("(kept) => localStorage['reader-reactions'] = kept", kept)

    button(open_row(page, address), "like").click()

    publisher.expect_counts(key, {"like": 1})
    assert re.fullmatch("[0-9a-f]{32}", stored(page)["reader-reactions"])


@pytest.mark.parametrize("again", ["dblclick", "two clicks"])
def test_a_double_click_is_one_vote(page: Page, publisher: Publisher, asked: list[Request], again: str) -> None:
    key = publisher.key()
    hear_changes(page)
    reactions = open_row(page, publisher.article(key))

    if again == "dblclick":
        button(reactions, "like").dblclick()
    else:
        button(reactions, "like").evaluate("(b) => { b.click(); return new Promise((r) => setTimeout(() => r(b.click()), 120)) }")

    page.wait_for_function("heard.length == 1")
    publisher.expect_counts(key, {"like": 1})
    expect_shown(reactions, {"like": 1}, pressed="like")
    assert len(ballots(asked)) == 1


def test_a_key_that_is_held_is_one_vote(page: Page, publisher: Publisher, asked: list[Request]) -> None:
    key = publisher.key()
    reactions = open_row(page, publisher.article(key))
    button(reactions, "like").focus()

    page.keyboard.down("Enter")
    page.wait_for_timeout(300)
    for _ in range(10):
        page.keyboard.down("Enter")
        page.wait_for_timeout(30)
    page.keyboard.up("Enter")

    publisher.expect_counts(key, {"like": 1})
    expect_shown(reactions, {"like": 1}, pressed="like")
    assert len(ballots(asked)) == 1
    page.keyboard.press("Tab")
    expect(button(reactions, "dislike")).to_be_focused()


@pytest.mark.parametrize("kept", ["99999999999999999999 love", "1" * 400 + " love", "4070908800000 love", "-5 love"])
def test_a_stored_number_that_is_not_ours_keeps_nobody_from_voting(failing_page: Page, publisher: Publisher, kept: str) -> None:
    key = publisher.key()
    address = publisher.article(key)
    failing_page.goto(address)
    failing_page.evaluate("([key, kept]) => localStorage[`reader-reactions daily ${key}`] = kept", [key, kept])

    button(open_row(failing_page, address), "like").click()

    publisher.expect_counts(key, {"like": 1})


def test_answers_that_take_six_seconds_are_shown_and_votes_counted_as_saved(page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    reached: list[str] = []

    def slowly(route: Route) -> None:
        answer = route.fetch()
        reached.append(route.request.method)
        page.wait_for_timeout(6_000)
        route.fulfill(response=answer)

    page.route("**/reactions?*", slowly)
    page.goto(publisher.article(key))
    reactions = page.locator("reader-reactions")
    expect(reactions.get_by_role("button")).to_have_count(7, timeout=15_000)
    page.route("**/vote", slowly)
    hear_changes(page)

    button(reactions, "like").click()

    expect(button(reactions, "like")).to_have_attribute("aria-pressed", "true")
    until(page, lambda: "PUT" in reached)
    publisher.expect_counts(key, {"like": 1})
    page.wait_for_timeout(6_500)
    expect_shown(reactions, {"like": 1}, pressed="like")
    expect_said(reactions, "")


def test_a_vote_whose_answer_is_lost_is_not_called_unsaved(failing_page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    reactions = open_row(failing_page, publisher.article(key))

    def lose(route: Route) -> None:
        route.fetch()
        route.fulfill(status=504, headers=OPEN_TO_ALL, body="")

    failing_page.route("**/vote", lose)

    button(reactions, "like").click()

    expect_said(reactions, "Not confirmed. Please try again.")
    publisher.expect_counts(key, {"like": 1})
    failing_page.unroute("**/vote")
    button(reactions, "like").click()
    expect_said(reactions, "")
    publisher.expect_counts(key, {"like": 1})


@pytest.mark.parametrize("fault", ["too late", "a proxy's, which no page can read"])
def test_a_counted_vote_without_an_answer_is_not_called_a_foreign_pages(
    failing_page: Page, publisher: Publisher, fault: str
) -> None:
    """Though counts are read all the while, as from a cache."""
    failing_page.add_init_script(
        "const limit = AbortSignal.timeout; AbortSignal.timeout = (ms) => limit.call(AbortSignal, ms / 9)"
    )
    key = publisher.key()
    reactions = open_row(failing_page, publisher.article(key))

    def lose(route: Route) -> None:
        if route.request.method != "PUT":
            route.continue_()
            return
        route.fetch()
        if fault != "too late":
            route.abort("failed")

    failing_page.route("**/vote", lose)

    button(reactions, "like").click()

    expect(reactions.get_by_role("status")).to_have_text("Not confirmed. Please try again.", timeout=15_000)
    publisher.expect_counts(key, {"like": 1})


def test_a_pause_until_a_date_is_no_pause_at_all(failing_page: Page, publisher: Publisher, asked: list[Request]) -> None:
    hear_changes(failing_page)
    reactions = open_row(failing_page, publisher.article(publisher.key()))
    gone = {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT", **EXPOSED}
    failing_page.route("**/vote", refusing(503, gone))
    started = time.monotonic()

    button(reactions, "like").click()

    expect(reactions.get_by_role("status")).to_have_text("Not confirmed. Please try again.", timeout=10_000)
    assert len(ballots(asked)) == 3
    assert time.monotonic() - started > 0.05  # random, up to three seconds; all at once before


@pytest.mark.parametrize(
    ("status", "headers", "lang", "said"),
    [
        (409, {}, "en", "Voting is closed"),
        (422, {}, "de", "Diese Reaktion gibt es nicht mehr"),
        (404, {}, "fr", "Le vote ne fonctionne pas sur cette page"),
        (429, {"Retry-After": "40", **EXPOSED}, "de", "Bitte in 40 Sekunden noch einmal versuchen"),
        (429, {"Retry-After": "3600", **EXPOSED}, "en", "Please try again in 60 minutes"),
        (429, {}, "es", "Inténtelo de nuevo dentro de 60 segundos"),
        (400, {}, "it", "Non salvato"),
        (507, {}, "nl", "Niet opgeslagen"),
        (503, {"Retry-After": "600", **EXPOSED}, "pt", "Não confirmado. Tente novamente."),
    ],
)
def test_refusals_speak_to_readers_in_their_language(
    failing_page: Page, publisher: Publisher, status: int, headers: dict[str, str], lang: str, said: str
) -> None:
    reactions = open_row(failing_page, publisher.article(publisher.key(), lang=lang))
    failing_page.route("**/vote", refusing(status, headers))

    button(reactions, "like").click()

    expect(reactions.get_by_role("status")).to_have_text(said, timeout=10_000)
    expect(button(reactions, "like")).to_have_attribute("aria-pressed", "false")


def test_an_origin_that_is_not_allowed_is_told_to_the_publisher_once(failing_page: Page, publisher: Publisher) -> None:
    told: list[str] = []
    failing_page.on("console", lambda message: told.append(message.text) if message.type == "warning" else None)
    elsewhere = Pages()
    address = elsewhere.put(
        f"<!doctype html><html lang=en><title>Copied</title>{publisher.script}{row(publisher.key())}{row('b')}"
    )
    reactions = open_row(failing_page, address)

    for i in range(2):
        reactions = failing_page.locator("reader-reactions").nth(i)
        button(reactions, "like").click()
        expect(reactions.get_by_role("status")).to_have_text("Voting doesn’t work on this page", timeout=15_000)

    assert told == [f"reader-reactions: no votes from {elsewhere.origin}. Is it an origin of the site daily?"]
    elsewhere.close()


def test_a_site_that_does_not_exist_is_told_to_the_publisher_and_leaves_no_gap(failing_page: Page, publisher: Publisher) -> None:
    told: list[str] = []
    failing_page.on("console", lambda message: told.append(message.text) if message.type == "warning" else None)

    failing_page.goto(publisher.page('<reader-reactions site="dayly" article="a"></reader-reactions>'))

    until(failing_page, lambda: told)
    assert told[0].startswith("reader-reactions: ")
    expect(failing_page.locator("reader-reactions")).to_be_hidden()
