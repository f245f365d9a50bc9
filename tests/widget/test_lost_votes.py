"""Votes that were lost when their page was left: the next page sends them again, or says that they are not confirmed."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, Request, Route, expect

from tests.widget.publisher import Publisher
from tests.widget.steps import ballots, button, expect_shown, frames, hear_changes, open_row, ready


def leave_while_it_is_lost(page: Page, reactions: Locator, reaction: str) -> None:
    """Tap, and leave the page while no vote gets through."""
    page.route("**/vote", lambda route: route.abort("connectionreset"))
    button(reactions, reaction).click()
    expect(button(reactions, reaction)).to_have_attribute("aria-pressed", "true")
    page.goto("about:blank")


def test_a_vote_that_was_lost_when_its_page_was_left_is_sent_again(
    failing_page: Page, publisher: Publisher, asked: list[Request]
) -> None:
    key = publisher.key()
    address = publisher.article(key)
    leave_while_it_is_lost(failing_page, open_row(failing_page, address), "love")
    failing_page.unroute("**/vote")
    assert publisher.counts(key) == {}
    hear_changes(failing_page)

    reactions = open_row(failing_page, address)

    failing_page.wait_for_function("heard.length == 1")
    expect_shown(reactions, {"love": 1}, pressed="love")
    publisher.expect_counts(key, {"love": 1})
    assert len({ballot["seq"] for ballot in ballots(asked)}) == 1
    sent = len(ballots(asked))
    expect_shown(open_row(failing_page, address), {"love": 1}, pressed="love")
    frames(failing_page)
    assert len(ballots(asked)) == sent  # what was confirmed is not sent again


def test_a_vote_that_is_sent_again_may_be_answered_before_the_counts(failing_page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    address = publisher.article(key)
    leave_while_it_is_lost(failing_page, open_row(failing_page, address), "love")
    failing_page.unroute("**/vote")
    hear_changes(failing_page)
    asked: list[Route] = []
    failing_page.route("**/reactions?*", lambda route: asked.append(route))
    failing_page.goto(address)
    failing_page.wait_for_function("heard.length == 1")

    for route in asked:
        route.continue_()

    reactions = ready(failing_page.locator("reader-reactions"))
    expect_shown(reactions, {"love": 1}, pressed="love")
    button(reactions, "wow").click()  # the row takes votes, which the answer to a vote does not say
    expect_shown(reactions, {"wow": 1}, pressed="wow")


def test_a_lost_vote_that_cannot_be_sent_again_is_not_shown_as_saved(failing_page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    address = publisher.article(key)
    leave_while_it_is_lost(failing_page, open_row(failing_page, address), "love")

    reactions = open_row(failing_page, address)

    expect(reactions.get_by_role("status")).to_have_text("Not confirmed. Please try again.", timeout=15_000)
    expect_shown(reactions, {}, pressed=None)
