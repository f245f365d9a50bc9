"""Many elements in a page: few requests, one state for each article, and none before it is near."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Request, expect

from tests.make import ADA, BEN
from tests.widget.publisher import Publisher, number, row
from tests.widget.steps import (
    ballots,
    button,
    expect_shown,
    gets,
    hear_changes,
    open_row,
    ready,
    settle,
    tap_again,
)


def test_one_row_asks_once(page: Page, publisher: Publisher, asked: list[Request]) -> None:
    key = publisher.key()

    open_row(page, publisher.article(key))

    assert gets(asked) == [f"reactions?article={key.replace('/', '%2F')}&lang=en"]


def test_many_elements_share_one_batched_request(page: Page, publisher: Publisher, asked: list[Request]) -> None:
    one, two, three, four = (publisher.key() for _ in range(4))
    publisher.vote(three, "sad", reader=ADA)
    publisher.vote(four, "sad", reader=ADA)

    page.goto(publisher.page(row(one) + row(two) + row(three) + row(two) + number(three) + number(four)))

    rows = page.locator("reader-reactions")
    for i in range(4):
        expect_shown(ready(rows.nth(i)), {"sad": 1} if i == 2 else {}, pressed=None)
    expect(page.locator("reaction-count").first).to_have_text("1")
    expect(page.locator("reaction-count").last).to_have_text("1")
    (batch,) = gets(asked)
    assert batch.startswith("reactions?")
    assert batch.count("article=") == 4


def test_numbers_alone_ask_for_no_labels(page: Page, publisher: Publisher, asked: list[Request]) -> None:
    one, two = publisher.key(), publisher.key()
    publisher.vote(one, "like", reader=ADA)
    publisher.vote(one, "sad", reader=BEN)

    page.goto(publisher.page(number(one) + number(two)))

    expect(page.locator("reaction-count").first).to_have_text("2")
    expect(page.locator("reaction-count").last).to_have_text("0")
    assert [address.partition("?")[0] for address in gets(asked)] == ["counts"]


@pytest.mark.parametrize(("articles", "words", "requests"), [(100, 1, 1), (101, 1, 2), (250, 1, 3), (40, 14, 4)])
def test_no_request_asks_for_too_much(
    page: Page, publisher: Publisher, asked: list[Request], articles: int, words: int, requests: int
) -> None:
    """At most 100 articles, and no address that servers refuse: a Cyrillic letter takes six characters."""
    keys = [f"мост-{'гавань-' * words if words > 1 else ''}{n}" for n in range(articles)]
    publisher.vote(keys[-1], "like", reader=ADA)

    page.goto(publisher.page("".join(number(key) for key in keys), css="reaction-count { font-size: 4px }"))

    expect(page.locator("reaction-count").last).to_have_text("1")
    assert len(gets(asked)) == requests
    assert all(address.count("article=") <= 100 for address in gets(asked))
    assert max(len(address) for address in gets(asked)) < 8_000


def test_elements_of_one_article_stay_in_step(page: Page, publisher: Publisher, asked: list[Request]) -> None:
    key = publisher.key()
    publisher.vote(key, "like", reader=ADA)
    hear_changes(page)
    first = open_row(page, publisher.page(row(key) + number(key) + row(key)))
    second = ready(page.locator("reader-reactions").last)

    button(first, "love").click()

    for reactions in (first, second):
        expect_shown(reactions, {"like": 1, "love": 1}, pressed="love")
    expect(page.locator("reaction-count")).to_have_text("2")
    page.wait_for_function("heard.length == 1")
    tap_again(second, "love")
    for reactions in (first, second):
        expect_shown(reactions, {"like": 1}, pressed=None)
    expect(page.locator("reaction-count")).to_have_text("1")
    page.wait_for_function("heard.length == 2")
    assert len(gets(asked)) == 1
    assert len(ballots(asked)) == 2


def test_newer_counts_are_shown_by_every_element_of_the_article(page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    first = open_row(page, publisher.page(row(key) + number(key)))
    publisher.vote(key, "wow", reader=ADA)

    page.evaluate("(html) => document.querySelector('main').insertAdjacentHTML('beforeend', html)", row(key))

    expect_shown(ready(page.locator("reader-reactions").last), {"wow": 1}, pressed=None)
    expect_shown(first, {"wow": 1}, pressed=None)
    expect(page.locator("reaction-count")).to_have_text("1")


def test_a_row_is_asked_for_only_when_it_comes_near(page: Page, publisher: Publisher, asked: list[Request]) -> None:
    page.goto(publisher.article(publisher.key(), css="h1 { margin-bottom: 5000px }"))
    settle(page)
    assert gets(asked) == []

    page.evaluate("scrollTo(0, 4500)")

    ready(page.locator("reader-reactions"))


def test_a_row_in_a_closed_tab_waits_until_it_is_opened(page: Page, publisher: Publisher, asked: list[Request]) -> None:
    page.goto(publisher.page(f"<details><summary>Reactions</summary>{row(publisher.key())}</details>"))
    settle(page)
    assert gets(asked) == []

    page.locator("summary").click()

    ready(page.locator("reader-reactions"))
