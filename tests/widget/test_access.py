"""For everybody: names, roles and states, focus that is seen, and axe without a finding at WCAG 2.2 AA."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browsers import violations
from tests.make import ADA
from tests.widget.publisher import Publisher, number, row
from tests.widget.steps import WORDS, button, expect_said, expect_shown, open_row
from tests.widget.test_layout import with_counts


@pytest.mark.parametrize(
    ("width", "lang", "direction", "css"),
    [
        (900, "en", "ltr", ""),
        (900, "en", "ltr", "body { background: #121212; color: #e8e6e3 }"),
        (320, "de", "ltr", "body { color: #595959 }"),
        (320, "ar", "rtl", ""),
    ],
    ids=["light", "dark", "grey German phone", "Arabic phone"],
)
def test_axe_finds_nothing(page: Page, publisher: Publisher, width: int, lang: str, direction: str, css: str) -> None:
    key = publisher.key()
    page.set_viewport_size({"width": width, "height": 700})
    with_counts(page)
    body = row(key) + f"<p>{number(key)} reactions</p>"
    reactions = open_row(page, publisher.page(body, lang=lang, direction=direction, css=css))
    assert violations(page) == []

    button(reactions, "love").click()
    expect(button(reactions, "love")).to_have_attribute("aria-pressed", "true")
    assert violations(page) == []


def test_axe_finds_nothing_in_a_closed_row(page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    publisher.vote(key, "like", reader=ADA)
    publisher.close_voting(key)
    open_row(page, publisher.article(key))

    assert violations(page) == []


def test_axe_finds_nothing_while_a_refusal_is_shown(failing_page: Page, publisher: Publisher) -> None:
    reactions = open_row(failing_page, publisher.article(publisher.key()))
    failing_page.context.set_offline(True)
    button(reactions, "like").click()
    expect_said(reactions, "Not saved – offline")

    assert violations(failing_page) == []


def test_axe_finds_nothing_in_a_row_that_waits(page: Page, publisher: Publisher) -> None:
    page.route("**/reactions?*", lambda route: None)
    page.goto(publisher.article(publisher.key()))
    page.wait_for_function("!!customElements.get('reader-reactions')")

    assert violations(page) == []
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.localName") == "body"  # nothing empty can be reached


def test_a_screen_reader_hears_a_named_group_of_toggle_buttons(page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    publisher.vote(key, "like", reader=ADA)
    reactions = open_row(page, publisher.article(key))
    button(reactions, "sad").click()
    expect_shown(reactions, {"like": 1, "sad": 1}, pressed="sad")

    expect(reactions).to_match_aria_snapshot(
        """
        - text: What’s your reaction?
        - group "What’s your reaction?":
          - button "Like, 1"
          - button "Dislike, 0"
          - button "Love, 0"
          - button "Funny, 0"
          - button "Angry, 0"
          - button "Sad, 1" [pressed]
          - button "Wow, 0"
        - status
        """
    )
    assert reactions.get_by_role("button", pressed=False).count() == len(WORDS) - 1


def test_the_focus_is_seen(page: Page, publisher: Publisher) -> None:
    reactions = open_row(page, publisher.article(publisher.key()))

    page.keyboard.press("Tab")

    expect(button(reactions, "like")).to_be_focused()
    style = button(reactions, "like").evaluate(
        "(button) => [getComputedStyle(button).outlineStyle, getComputedStyle(button).outlineWidth]"
    )
    assert style == ["solid", "2px"]


def test_nothing_moves_for_readers_who_want_no_motion(page: Page, publisher: Publisher) -> None:
    page.emulate_media(reduced_motion="reduce")
    reactions = open_row(page, publisher.article(publisher.key()))

    button(reactions, "like").click()

    assert page.evaluate("document.getAnimations().length") == 0
