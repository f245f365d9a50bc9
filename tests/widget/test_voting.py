"""A reader's vote, from the tap to the service's count and back."""

from __future__ import annotations

import time

from playwright.sync_api import APIResponse, BrowserContext, Page, Request, Route, expect

from tests.make import ADA, BEN
from tests.widget.publisher import Publisher, number, row
from tests.widget.steps import (
    ballots,
    button,
    expect_said,
    expect_shown,
    expect_stored,
    frames,
    hear_changes,
    heard,
    open_row,
    ready,
    stored,
    tap_again,
    until,
)


def test_a_tap_casts_a_vote(page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    publisher.vote(key, "like", reader=ADA)
    reactions = open_row(page, publisher.article(key))
    expect_shown(reactions, {"like": 1}, pressed=None)

    button(reactions, "like").click()

    expect_shown(reactions, {"like": 2}, pressed="like")
    publisher.expect_counts(key, {"like": 2})


def test_another_tap_changes_the_vote(page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    reactions = open_row(page, publisher.article(key))
    button(reactions, "like").click()
    expect_shown(reactions, {"like": 1}, pressed="like")

    button(reactions, "wow").click()

    expect_shown(reactions, {"wow": 1}, pressed="wow")
    publisher.expect_counts(key, {"wow": 1})


def test_a_tap_on_the_pressed_button_withdraws_the_vote(page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    hear_changes(page)
    reactions = open_row(page, publisher.article(key))
    button(reactions, "sad").click()
    page.wait_for_function("heard.length == 1")

    tap_again(reactions, "sad")

    page.wait_for_function("heard.length == 2")
    expect_shown(reactions, {}, pressed=None)
    publisher.expect_counts(key, {})


def test_a_reload_restores_the_choice_and_shows_it_counted(page: Page, publisher: Publisher) -> None:
    """The answer read before the vote may be reused for a minute here: it must not be shown again."""
    key = publisher.key()
    reactions = open_row(page, publisher.article(key))
    button(reactions, "love").click()
    publisher.expect_counts(key, {"love": 1})

    page.reload()

    expect_shown(ready(reactions), {"love": 1}, pressed="love")
    button(reactions, "love").click()
    expect_shown(reactions, {}, pressed=None)
    publisher.expect_counts(key, {})


def test_the_choice_is_restored_in_another_tab(page: Page, context: BrowserContext, publisher: Publisher) -> None:
    key = publisher.key()
    address = publisher.article(key)
    hear_changes(page)
    button(open_row(page, address), "love").click()
    page.wait_for_function("heard.length == 1")
    other_tab = context.new_page()

    reactions = open_row(other_tab, address)

    expect_shown(reactions, {"love": 1}, pressed="love")
    button(reactions, "funny").click()
    expect_shown(reactions, {"funny": 1}, pressed="funny")
    publisher.expect_counts(key, {"funny": 1})


def test_every_confirmed_vote_makes_one_event_that_bubbles_out(page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    publisher.vote(key, "like", reader=BEN)
    hear_changes(page)
    reactions = open_row(page, publisher.article(key))

    for taps, reaction in enumerate(["like", "wow", "wow"], start=1):
        tap_again(reactions, reaction)
        page.wait_for_function(f"heard.length == {taps}")

    none = dict.fromkeys(["like", "dislike", "love", "funny", "angry", "sad", "wow"], 0)
    article = {"site": "daily", "article": key}
    assert heard(page) == [
        {**article, "reaction": "like", "previous": None, "total": 2, "counts": {**none, "like": 2}},
        {**article, "reaction": "wow", "previous": "like", "total": 2, "counts": {**none, "like": 1, "wow": 1}},
        {**article, "reaction": None, "previous": "wow", "total": 1, "counts": {**none, "like": 1}},
    ]


def test_where_the_newsroom_hides_the_numbers_readers_vote_without_them(page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    publisher.vote(key, "like", reader=BEN)
    publisher.hide_numbers(key)
    hear_changes(page)
    page.goto(publisher.page(row(key) + number(key)))
    reactions = page.locator("reader-reactions")
    expect(reactions.get_by_role("button", name="Like", exact=True)).to_be_visible()

    reactions.get_by_role("button", name="Love", exact=True).click()

    page.wait_for_function("heard.length == 1")
    expect(reactions.get_by_role("button", pressed=True)).to_have_accessible_name("Love")
    assert "".join(reactions.locator("[part=count]").all_inner_texts()) == ""
    expect(page.locator("reaction-count")).to_have_text("")
    assert heard(page)[0]["total"] is None


def test_the_keyboard_alone_is_enough(page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    reactions = open_row(page, publisher.article(key))
    expect(button(reactions, "like")).to_be_visible()

    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect_shown(reactions, {"dislike": 1}, pressed="dislike")
    expect(button(reactions, "dislike")).to_be_focused()  # counting must not take the focus away
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect_shown(reactions, {"love": 1}, pressed="love")
    expect(button(reactions, "love")).to_be_focused()


def test_a_vote_outlives_the_page_it_was_cast_on(page: Page, publisher: Publisher) -> None:
    """The service stands still meanwhile, so that the browser has not even got leave to send the vote when the page goes."""
    key = publisher.key()
    reactions = open_row(page, publisher.article(key))
    elsewhere = publisher.page("<p>Another article.</p>", head="")

    with publisher.standing_still():
        button(reactions, "angry").click()
        page.goto(elsewhere)

    publisher.expect_counts(key, {"angry": 1})


def test_while_a_vote_is_under_way_no_other_is_sent_and_then_only_the_last(
    page: Page, publisher: Publisher, asked: list[Request]
) -> None:
    key = publisher.key()
    hear_changes(page)
    reactions = open_row(page, publisher.article(key))
    held: list[Route] = []
    page.route("**/vote", lambda route: route.continue_() if held else held.append(route))
    button(reactions, "like").click()
    until(page, lambda: held)

    for reaction in ("dislike", "love", "love", "sad"):
        button(reactions, reaction).click()
        frames(page)
    expect_shown(reactions, {"sad": 1}, pressed="sad")
    assert [ballot["reaction"] for ballot in ballots(asked)] == ["like"]
    held[0].continue_()

    page.wait_for_function("heard.length == 2")
    publisher.expect_counts(key, {"sad": 1})
    expect_shown(reactions, {"sad": 1}, pressed="sad")
    assert [ballot["reaction"] for ballot in ballots(asked)] == ["like", "sad"]


def test_counts_read_before_a_vote_do_not_overwrite_it_when_they_come_late(page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    publisher.vote(key, "like", reader=ADA)
    hear_changes(page)
    reactions = open_row(page, publisher.article(key))
    held: list[tuple[Route, APIResponse]] = []
    page.route("**/reactions?*", lambda route: held.append((route, route.fetch())))
    page.evaluate("(html) => document.querySelector('main').insertAdjacentHTML('beforeend', html)", row(key))
    until(page, lambda: held)
    publisher.vote(key, "like", reader=BEN)
    button(reactions, "love").click()
    page.wait_for_function("heard.length == 1")

    route, before = held[0]
    with page.expect_event("requestfinished", lambda request: "/reactions?" in request.url):
        route.fulfill(response=before)

    frames(page)
    for row_of_it in (reactions, ready(page.locator("reader-reactions").last)):
        expect_shown(row_of_it, {"like": 2, "love": 1}, pressed="love")


def test_a_clock_that_went_back_does_not_stop_a_reader(page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    hour_ahead = int(time.time() * 1000) + 3_600_000
    address = publisher.article(key)
    page.goto(address)
    page.evaluate(f"localStorage['reader-reactions'] = '{ADA}'; localStorage['reader-reactions daily {key}'] = '{hour_ahead} '")

    reactions = open_row(page, address)
    button(reactions, "like").click()

    expect_shown(reactions, {"like": 1}, pressed="like")
    expect_stored(page, f"reader-reactions daily {key}", f"{hour_ahead + 1} like")


def test_a_clock_once_far_ahead_is_forgotten(failing_page: Page, publisher: Publisher) -> None:
    """A number more than a day ahead was refused and never counted, so it binds nobody."""
    key = publisher.key()
    address = publisher.article(key)
    for kept in ("99999999999999 like", "nonsense", ""):
        failing_page.goto(address)
        failing_page.evaluate("([name, value]) => localStorage[name] = value", [f"reader-reactions daily {key}", kept])

        reactions = open_row(failing_page, address)
        button(reactions, "wow").click()
        expect_shown(reactions, {"wow": 1}, pressed="wow")
        tap_again(reactions, "wow")
        expect_shown(reactions, {}, pressed=None)
        expect_stored(failing_page, f"reader-reactions daily {key}", r"\d{13} ")


def test_a_ballot_holds_what_the_service_asks_for_and_no_more(page: Page, publisher: Publisher, asked: list[Request]) -> None:
    key = publisher.key()
    hear_changes(page)
    reactions = open_row(page, publisher.article(key))

    button(reactions, "like").click()
    page.wait_for_function("heard.length == 1")
    tap_again(reactions, "like")
    page.wait_for_function("heard.length == 2")

    first, second = ballots(asked)
    assert first == {"article": key, "reaction": "like", "reader": stored(page)["reader-reactions"], "seq": first["seq"]}
    assert second == {**first, "reaction": None, "seq": second["seq"], "token": second["token"]}
    assert second["seq"] > first["seq"]
    assert abs(first["seq"] - time.time() * 1000) < 60_000


def test_the_status_line_is_cleared_by_the_next_tap(failing_page: Page, publisher: Publisher) -> None:
    reactions = open_row(failing_page, publisher.article(publisher.key()))
    failing_page.context.set_offline(True)
    button(reactions, "like").click()
    expect_said(reactions, "Not saved – offline")
    failing_page.context.set_offline(False)

    tap_again(reactions, "like")

    expect_said(reactions, "")
    expect_shown(reactions, {"like": 1}, pressed="like")


def test_three_hundred_taps_at_random_end_where_the_reader_ended(page: Page, publisher: Publisher) -> None:
    """More taps than the limit of a minute would allow one by one: they are folded on the way."""
    key = publisher.key()
    reactions = open_row(page, publisher.article(key))
    reactions.evaluate(
        """async (row) => {
          for (let n = 0; n < 300; n++) {
            row.shadowRoot.querySelectorAll("button")[Math.floor(Math.random() * 7)].click();
            if (n % 30 == 0) await new Promise((resolve) => setTimeout(resolve, 10));
          }
          const [like, dislike, , funny] = row.shadowRoot.querySelectorAll("button");
          for (const last of [like, dislike, funny]) if (last.ariaPressed !== "true") last.click();
        }"""
    )

    expect_shown(reactions, {"funny": 1}, pressed="funny")
    publisher.expect_counts(key, {"funny": 1})
    page.reload()
    expect_shown(ready(reactions), {"funny": 1}, pressed="funny")
    publisher.expect_counts(key, {"funny": 1})
