"""The row in a frame, where a publisher's system strips scripts; and who may not frame it."""

from __future__ import annotations

from urllib.parse import quote

from playwright.sync_api import Browser, Page, expect

from tests.widget.publisher import Pages, Publisher
from tests.widget.steps import button, until


def frame(publisher: Publisher, key: str, more: str = "") -> str:
    address = f"{publisher.service.url}/frame/daily?article={quote(key)}{more}"
    return f'<iframe src="{address}" title="Reactions" style="width: 100%; height: 160px; border: 0"></iframe>'


def test_a_row_in_a_frame_votes_and_changes_its_mind(page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    page.goto(publisher.page(frame(publisher, key)))
    row = page.frame_locator("iframe").locator("reader-reactions")

    button(row, "love").click()

    expect(button(row, "love")).to_have_attribute("aria-pressed", "true")
    publisher.expect_counts(key, {"love": 1})
    button(row, "wow").click()
    publisher.expect_counts(key, {"wow": 1})
    assert page.frame_locator("iframe").locator("html").evaluate("(html) => html.scrollHeight <= innerHeight")


def test_a_frame_has_the_attributes_of_its_address(page: Page, publisher: Publisher) -> None:
    page.goto(publisher.page(frame(publisher, publisher.key(), "&language=de&icons=emoji")))

    expect(page.frame_locator("iframe").get_by_role("button").first).to_have_accessible_name("Gefällt mir, 0")


def test_no_other_site_can_frame_it(browser: Browser, publisher: Publisher) -> None:
    elsewhere, context = Pages(), browser.new_context()
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(elsewhere.put(f"<!doctype html><title>Copied</title>{frame(publisher, publisher.key())}"))

    expect(page.frame_locator("iframe").locator("reader-reactions")).to_have_count(0)
    until(page, lambda: any("frame-ancestors" in text for text in said))
    context.close()
    elsewhere.close()
