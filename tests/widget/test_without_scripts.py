"""A page without scripts: the form of docs/widget.md, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.widget.publisher import Publisher


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab of a browser whose scripts are switched off."""
    context = browser.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()


def open_form(page: Page, publisher: Publisher, key: str, more: str = "") -> str:
    """Open an article with the form, which has some `more` fields; the article's address."""
    path = f"/news/{key}"
    form = f"""<noscript><form method="post" action="{publisher.service.url}/form/daily">
      <input type="hidden" name="article" value="{key}">
      <input type="hidden" name="return" value="{publisher.pages.origin}{path}">{more}
      <button name="reaction" value="like">Like</button>
      <button name="reaction" value="">Take it back</button></form></noscript>"""
    page.goto(publisher.page(form, path=path))
    return f"{publisher.pages.origin}{path}"


def test_the_form_votes_and_its_answer_changes_the_vote_and_leads_back(page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    address = open_form(page, publisher, key, '<input type="hidden" name="answer" value="page">')

    page.get_by_role("button", name="Like").click()

    publisher.expect_counts(key, {"like": 1})
    expect(page.get_by_role("heading", name="Saved")).to_be_visible()
    expect(page.get_by_text("Your reaction to this article: Like")).to_be_visible()
    page.get_by_role("button", name="Wow").click()
    publisher.expect_counts(key, {"wow": 1})
    page.get_by_role("button", name="Take it back").click()
    publisher.expect_counts(key, {})
    expect(page.get_by_role("heading", name="Taken back")).to_be_visible()
    page.get_by_role("link", name="Back to the article").click()
    expect(page).to_have_url(address)


def test_a_form_that_asks_for_no_page_votes_and_comes_back(page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    address = open_form(page, publisher, key)

    page.get_by_role("button", name="Like").click()

    publisher.expect_counts(key, {"like": 1})
    expect(page).to_have_url(address)
