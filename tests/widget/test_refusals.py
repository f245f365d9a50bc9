"""When the service says no, or nothing at all: the row rolls back, says why, and never hurts the page."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.make import ADA
from tests.widget.publisher import Pages, Publisher, row
from tests.widget.steps import (
    at_first,
    ballots,
    button,
    expect_said,
    expect_shown,
    frames,
    hear_changes,
    heard,
    open_row,
    ready,
    stored,
    tap_again,
    until,
)

UNCONFIRMED = "Not confirmed. Please try again."
FOREIGN = "Voting doesn’t work on this page"
OPEN_TO_ALL = {"Access-Control-Allow-Origin": "*"}


def test_voting_that_has_closed_meanwhile_is_refused_with_the_reason(failing_page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    publisher.vote(key, "like", reader=ADA)
    reactions = open_row(failing_page, publisher.article(key))
    publisher.close_voting(key)

    button(reactions, "love").click()

    expect(reactions.get_by_role("status")).to_have_text("Voting is closed")
    expect_shown(reactions, {"like": 1}, pressed=None)
    publisher.expect_counts(key, {"like": 1})


def test_a_reaction_that_is_no_longer_offered_is_refused_with_the_reason(failing_page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    publisher.vote(key, "like", reader=ADA)

    def as_cached_before_it_was_retired(route: Route) -> None:
        answer = route.fetch()
        seen = answer.json()
        seen["reactions"][6]["key"] = "meh"
        route.fulfill(response=answer, json=seen)

    failing_page.route("**/reactions?*", as_cached_before_it_was_retired)
    reactions = open_row(failing_page, publisher.article(key))

    button(reactions, "wow").click()

    expect(reactions.get_by_role("status")).to_have_text("This reaction is no longer offered")
    expect_shown(reactions, {"like": 1}, pressed=None)


def test_a_foreign_page_shows_counts_and_rolls_a_vote_back(failing_page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    publisher.vote(key, "like", reader=ADA)
    elsewhere = Pages()
    address = elsewhere.put(f"<!doctype html><title>Copied</title>{publisher.script}{row(key)}")
    reactions = open_row(failing_page, address)
    expect_shown(reactions, {"like": 1}, pressed=None)

    button(reactions, "like").click()

    expect(reactions.get_by_role("status")).to_have_text(FOREIGN, timeout=15_000)
    expect_shown(reactions, {"like": 1}, pressed=None)
    publisher.expect_counts(key, {"like": 1})
    elsewhere.close()


def test_a_reader_over_the_limit_is_told_how_long_to_wait(failing_page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    hear_changes(failing_page)
    reactions = open_row(failing_page, publisher.article(key))
    button(reactions, "like").click()
    failing_page.wait_for_function("heard.length == 1")
    reader = stored(failing_page)["reader-reactions"]
    while publisher.vote(publisher.key(), "like", reader=reader) == 200:
        pass

    button(reactions, "love").click()

    expect(reactions.get_by_role("status")).to_contain_text("Please try again in ")
    expect(reactions.get_by_role("status")).to_contain_text(" second")
    expect_shown(reactions, {"like": 1}, pressed="like")
    failing_page.reload()
    expect_shown(ready(reactions), {"like": 1}, pressed="like")


def test_offline_it_rolls_back_at_once_and_online_it_works(failing_page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    reactions = open_row(failing_page, publisher.article(key))
    failing_page.context.set_offline(True)

    button(reactions, "like").click()

    expect_said(reactions, "Not saved – offline")
    expect_shown(reactions, {}, pressed=None)
    failing_page.context.set_offline(False)
    tap_again(reactions, "like")
    expect_shown(reactions, {"like": 1}, pressed="like")
    expect_said(reactions, "")
    publisher.expect_counts(key, {"like": 1})


def busy(retry_after_s: int) -> Callable[[Route], None]:
    """An overloaded service's answer."""
    problem = {"type": "about:blank", "title": "Busy", "status": 503, "detail": "internal words"}
    headers = {**OPEN_TO_ALL, "Retry-After": str(retry_after_s), "Access-Control-Expose-Headers": "Retry-After"}
    return lambda route: route.fulfill(
        status=503, headers=headers, content_type="application/problem+json", body=json.dumps(problem)
    )


def cut(route: Route) -> None:
    """A connection that breaks."""
    route.abort("connectionreset")


def proxy_fault(route: Route) -> None:
    """A proxy's own page in place of the service."""
    route.fulfill(status=502, headers=OPEN_TO_ALL, content_type="text/html", body="<h1>Bad gateway</h1>")


@pytest.mark.parametrize("fault", [busy(1), cut, proxy_fault], ids=["503", "connection cut", "502 in HTML"])
def test_a_fault_that_passes_is_not_noticed(
    failing_page: Page, publisher: Publisher, asked: list[Request], fault: Callable[[Route], None]
) -> None:
    """The same ballot is sent again with the same seq."""
    key = publisher.key()
    hear_changes(failing_page)
    reactions = open_row(failing_page, publisher.article(key))
    at_first(failing_page, "**/vote", fault)

    button(reactions, "like").click()

    failing_page.wait_for_function("heard.length == 1")
    expect_shown(reactions, {"like": 1}, pressed="like")
    expect_said(reactions, "")
    first, second = ballots(asked)
    assert first == second


def test_a_pause_that_the_service_asks_for_is_kept(failing_page: Page, publisher: Publisher) -> None:
    hear_changes(failing_page)
    reactions = open_row(failing_page, publisher.article(publisher.key()))
    at_first(failing_page, "**/vote", busy(2))
    started = time.monotonic()

    button(reactions, "like").click()

    failing_page.wait_for_function("heard.length == 1")
    assert time.monotonic() - started >= 2


def test_a_long_pause_is_not_waited_for(failing_page: Page, publisher: Publisher, asked: list[Request]) -> None:
    reactions = open_row(failing_page, publisher.article(publisher.key()))
    failing_page.route("**/vote", busy(600))

    button(reactions, "like").click()

    expect_said(reactions, UNCONFIRMED)
    expect_shown(reactions, {}, pressed=None)
    assert len(ballots(asked)) == 1


def test_after_three_attempts_it_gives_up_and_says_so(failing_page: Page, publisher: Publisher, asked: list[Request]) -> None:
    reactions = open_row(failing_page, publisher.article(publisher.key()))
    failing_page.route("**/vote", cut)

    button(reactions, "sad").click()
    expect(button(reactions, "sad")).to_have_attribute("aria-pressed", "true")  # optimistic while it tries

    expect(reactions.get_by_role("status")).to_have_text(UNCONFIRMED, timeout=15_000)
    expect_shown(reactions, {}, pressed=None)
    assert len(ballots(asked)) == 3


def test_a_service_that_never_answers_is_given_seven_seconds(
    failing_page: Page, publisher: Publisher, asked: list[Request]
) -> None:
    hear_changes(failing_page)
    reactions = open_row(failing_page, publisher.article(publisher.key()))
    at_first(failing_page, "**/vote", lambda route: None)

    button(reactions, "like").click()

    failing_page.wait_for_function("heard.length == 1", timeout=15_000)
    first, second = ballots(asked)
    assert first == second


def test_a_newer_tap_ends_the_attempts_for_an_older_one(failing_page: Page, publisher: Publisher, asked: list[Request]) -> None:
    hear_changes(failing_page)
    reactions = open_row(failing_page, publisher.article(publisher.key()))
    at_first(failing_page, "**/vote", busy(1))
    button(reactions, "like").click()
    expect(button(reactions, "like")).to_have_attribute("aria-pressed", "true")

    button(reactions, "wow").click()

    failing_page.wait_for_function("heard.at(-1)?.reaction === 'wow'")  # the older tap may be answered first
    expect_shown(reactions, {"wow": 1}, pressed="wow")
    assert [ballot["reaction"] for ballot in ballots(asked)][-1] == "wow"
    assert len(ballots(asked)) <= 3
    assert heard(failing_page)[-1]["reaction"] == "wow"


def test_a_service_that_is_gone_leaves_a_quiet_gap_of_the_same_height(failing_page: Page, publisher: Publisher) -> None:
    script = publisher.service.get("/widget/v1.js")[1].decode()
    address = publisher.page(
        '<reader-reactions site="daily" article="a" server="http://127.0.0.1:9"></reader-reactions>'
        '<reaction-count site="daily" article="a" server="http://127.0.0.1:9"></reaction-count>',
        head=f"<script>{script}</script>",
    )
    failed: list[Request] = []
    failing_page.on("requestfailed", lambda request: failed.append(request))
    failing_page.goto(address)
    until(failing_page, lambda: len(failed) == 4)
    frames(failing_page)

    gone = failing_page.locator("reader-reactions")

    expect(gone.get_by_role("button")).to_have_count(0)
    assert gone.inner_text().strip() == ""
    assert failing_page.locator("reaction-count").inner_text() == ""
    height = gone.evaluate("(row) => row.offsetHeight")
    alive = open_row(failing_page, publisher.article(publisher.key()))
    assert alive.evaluate("(row) => row.offsetHeight") == height


def test_a_row_that_could_not_load_tries_again_when_it_comes_back_into_view(
    failing_page: Page, publisher: Publisher, asked: list[Request]
) -> None:
    at_first(failing_page, "**/reactions?*", cut, times=3)
    address = publisher.article(publisher.key(), css="main { padding-bottom: 5000px }")
    failing_page.goto(address)
    until(failing_page, lambda: len(asked) == 3)
    frames(failing_page)
    expect(failing_page.get_by_role("button")).to_have_count(0)

    failing_page.evaluate("scrollTo(0, 4000)")
    frames(failing_page)
    failing_page.evaluate("scrollTo(0, 0)")

    ready(failing_page.locator("reader-reactions"))
