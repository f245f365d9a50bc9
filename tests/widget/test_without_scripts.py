"""A page without scripts: the form of docs/widget.md, in a real browser."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from tests.widget.publisher import Publisher


def test_the_form_votes_and_its_answer_changes_the_vote_and_leads_back(browser: Browser, publisher: Publisher) -> None:
    key = publisher.key()
    path = f"/news/{key}"
    form = f"""<noscript><form method="post" action="{publisher.service.url}/form/daily">
      <input type="hidden" name="article" value="{key}">
      <input type="hidden" name="return" value="{publisher.pages.origin}{path}">
      <input type="hidden" name="answer" value="page">
      <button name="reaction" value="like">Like</button>
      <button name="reaction" value="">Take it back</button></form></noscript>"""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(publisher.page(form, path=path))

    page.get_by_role("button", name="Like").click()

    publisher.expect_counts(key, {"like": 1})
    expect(page.get_by_role("heading", name="Saved")).to_be_visible()
    expect(page.get_by_text("Your reaction to this article: 👍 Like")).to_be_visible()
    page.get_by_role("button", name="Wow").click()
    publisher.expect_counts(key, {"wow": 1})
    page.get_by_role("button", name="Take it back").click()
    publisher.expect_counts(key, {})
    expect(page.get_by_role("heading", name="Taken back")).to_be_visible()
    page.get_by_role("link", name="Back to the article").click()
    expect(page).to_have_url(publisher.pages.origin + path)
    context.close()


def test_a_form_that_asks_for_no_page_votes_and_comes_back(browser: Browser, publisher: Publisher) -> None:
    key = publisher.key()
    path = f"/news/{key}"
    form = f"""<noscript><form method="post" action="{publisher.service.url}/form/daily">
      <input type="hidden" name="article" value="{key}">
      <input type="hidden" name="return" value="{publisher.pages.origin}{path}">
      <button name="reaction" value="like">Like</button></form></noscript>"""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(publisher.page(form, path=path))

    page.get_by_role("button", name="Like").click()

    publisher.expect_counts(key, {"like": 1})
    expect(page).to_have_url(publisher.pages.origin + path)
    context.close()
