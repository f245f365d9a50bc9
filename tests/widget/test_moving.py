"""Single-page applications: elements that are built, moved, changed and removed."""

from __future__ import annotations

from playwright.sync_api import Page, Request, Route, expect

from tests.make import ADA
from tests.widget.publisher import Publisher, number, row
from tests.widget.steps import (
    ballots,
    button,
    expect_said,
    expect_shown,
    frames,
    gets,
    hear_changes,
    heard,
    open_row,
    ready,
    settle,
    until,
)


def test_a_row_removed_and_put_back_keeps_its_state(page: Page, publisher: Publisher, asked: list[Request]) -> None:
    key = publisher.key()
    hear_changes(page)
    reactions = open_row(page, publisher.article(key))
    button(reactions, "love").click()
    page.wait_for_function("heard.length == 1")

    page.evaluate("removed = document.querySelector('reader-reactions'); removed.remove()")
    page.evaluate("document.querySelector('main').append(removed)")

    expect_shown(reactions, {"love": 1}, pressed="love")
    button(reactions, "wow").click()
    page.wait_for_function("heard.length == 2")
    frames(page)
    assert len(ballots(asked)) == 2  # no second listener
    assert len(heard(page)) == 2
    publisher.expect_counts(key, {"wow": 1})


def test_a_vote_under_way_is_counted_though_its_row_is_removed(page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    reactions = open_row(page, publisher.article(key))

    reactions.evaluate("(row) => { row.shadowRoot.querySelector('button').click(); row.remove() }")

    publisher.expect_counts(key, {"like": 1})
    page.evaluate("(html) => document.querySelector('main').insertAdjacentHTML('beforeend', html)", row(key))
    expect_shown(ready(page.locator("reader-reactions")), {"like": 1}, pressed="like")


def test_a_row_removed_before_it_came_near_asks_for_nothing(page: Page, publisher: Publisher, asked: list[Request]) -> None:
    page.goto(publisher.article(publisher.key(), css="h1 { margin-bottom: 5000px }"))

    settle(page)

    page.evaluate("document.querySelector('reader-reactions').remove(); scrollTo(0, 4500)")

    frames(page)
    assert gets(asked) == []


def test_attempts_for_a_row_that_was_removed_end(failing_page: Page, publisher: Publisher, asked: list[Request]) -> None:
    held: list[Route] = []
    failing_page.clock.install()
    failing_page.route("**/reactions?*", lambda route: held.append(route))
    failing_page.goto(publisher.article(publisher.key()))
    until(failing_page, lambda: held)

    failing_page.locator("reader-reactions").evaluate("(row) => row.remove()")
    held[0].abort("connectionreset")

    for _ in range(3):
        frames(failing_page)
        failing_page.clock.fast_forward(10_000)
    frames(failing_page)
    assert len(asked) == 1


def test_a_changed_article_shows_and_votes_on_the_other(page: Page, publisher: Publisher) -> None:
    first, second = publisher.key(), publisher.key()
    publisher.vote(second, "sad", reader=ADA)
    hear_changes(page)
    reactions = open_row(page, publisher.article(first))
    button(reactions, "like").click()
    page.wait_for_function("heard.length == 1")

    reactions.evaluate("(row, key) => row.setAttribute('article', key)", second)

    expect_shown(reactions, {"sad": 1}, pressed=None)
    button(reactions, "wow").click()
    page.wait_for_function("heard.length == 2")
    publisher.expect_counts(first, {"like": 1})
    publisher.expect_counts(second, {"sad": 1, "wow": 1})
    reactions.evaluate("(row, key) => row.setAttribute('article', key)", first)
    expect_shown(reactions, {"like": 1}, pressed="like")


def test_a_changed_article_takes_along_neither_refusals_nor_numbers(failing_page: Page, publisher: Publisher) -> None:
    closed, open_one, other = publisher.key(), publisher.key(), publisher.key()
    publisher.vote(closed, "like", reader=ADA)
    publisher.close_voting(closed)
    reactions = open_row(failing_page, publisher.page(row(closed) + number(closed)))
    total = failing_page.locator("reaction-count")
    expect_said(reactions, "Voting is closed")
    expect(total).to_have_text("1")

    reactions.evaluate("(row, key) => row.setAttribute('article', key)", open_one)

    expect_said(reactions, "")
    expect(button(reactions, "like")).to_be_enabled()
    failing_page.context.set_offline(True)
    button(reactions, "like").click()
    expect_said(reactions, "Not saved – offline")
    reactions.evaluate("(row, key) => row.setAttribute('article', key)", other)
    expect_said(reactions, "")
    total.evaluate("(number, key) => number.setAttribute('article', key)", other)
    expect(total).to_have_text("")


def test_while_another_article_loads_the_old_counts_are_not_shown(page: Page, publisher: Publisher) -> None:
    reactions = open_row(page, publisher.article(publisher.key()))
    page.route("**/v1/**", lambda route: None)

    reactions.evaluate("(row) => row.setAttribute('article', 'other')")

    expect(reactions.get_by_role("button")).to_have_count(0)


def test_a_change_of_language_changes_labels_and_words(page: Page, publisher: Publisher) -> None:
    reactions = open_row(page, publisher.article(publisher.key()))

    reactions.evaluate("(row) => row.setAttribute('lang', 'de')")

    expect(reactions.get_by_role("button", name="Gefällt mir nicht, 0", exact=True)).to_be_visible()
    expect(reactions.get_by_role("group")).to_have_accessible_name("Wie reagieren Sie darauf?")


def test_built_by_script_an_element_needs_no_order_of_steps(page: Page, publisher: Publisher, asked: list[Request]) -> None:
    key = publisher.key()
    page.goto(publisher.page(""))
    page.wait_for_function("!!customElements.get('reader-reactions')")

    page.evaluate(
        """(key) => {
          const row = document.createElement("reader-reactions");
          document.querySelector("main").append(row);
          row.setAttribute("site", "daily");
          row.setAttribute("article", key);
        }""",
        key,
    )

    ready(page.locator("reader-reactions"))
    assert len(gets(asked)) == 1
