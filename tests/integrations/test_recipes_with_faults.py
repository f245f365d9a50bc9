"""The recipes where something is wrong: an article stays an article, whatever becomes of the row."""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import Page, expect

from tests.integrations.recipes import HEAVY, TEXT, Recipe
from tests.integrations.test_recipes import ALL, each, serve
from tests.widget.conftest import context, failing_page, page, publisher
from tests.widget.publisher import Publisher
from tests.widget.steps import button, expect_shown, ready, until

__all__ = ["context", "failing_page", "page", "publisher"]
NO_STORAGE = "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('denied', 'SecurityError') } })"
AN_OLD_BROWSER = "delete AbortSignal.timeout"
# One recipe of each kind, unless all are asked for: a page, a page that is built, one that is taken over, one that is exchanged.
SOME = ALL if HEAVY in os.environ else [recipe for recipe in ALL if recipe.name in ("html", "hugo", "react", "turbo")]
FAULTS = ["wrong host", "wrong site", "blocked script", "service down", "old browser"]


def spoil(page: Page, fault: str) -> None:
    """Prepare the browser for a fault that is not in the page itself."""
    if fault == "blocked script":
        page.route("**/widget/*.js", lambda route: route.abort("blockedbyclient"))
    if fault == "service down":  # the script is in the browser's cache
        page.route("**/v1/**", lambda route: route.abort("connectionrefused"))
    if fault == "old browser":
        page.add_init_script(AN_OLD_BROWSER)


@pytest.mark.parametrize("fault", FAULTS)
@each(SOME)
def test_the_article_is_untouched(failing_page: Page, publisher: Publisher, recipe: Recipe, fault: str) -> None:
    service = "http://reactions.invalid" if fault == "wrong host" else ""
    address = serve(publisher, recipe, service=service, site="another" if fault == "wrong site" else "daily")
    row = failing_page.locator("reader-reactions")
    failed: list[str] = []
    spoil(failing_page, fault)
    failing_page.on("requestfailed", lambda request: failed.append(request.url))

    failing_page.goto(address)

    expect(failing_page.get_by_text(TEXT)).to_be_visible()
    if fault == "wrong site":
        expect(row).to_be_hidden()
    if fault == "service down":
        until(failing_page, lambda: [url for url in failed if "/v1/" in url])
    expect(failing_page.get_by_role("button", name="Like")).to_have_count(0)
    assert row.evaluate("(row) => row.shadowRoot?.querySelector('[part=status]').textContent || ''") == ""
    expect(failing_page.locator("#after")).to_be_in_viewport()


@each(SOME)
def test_a_browser_that_refuses_storage_votes(page: Page, publisher: Publisher, recipe: Recipe) -> None:
    page.add_init_script(NO_STORAGE)
    before = publisher.counts(recipe.key).get("funny", 0)
    page.goto(serve(publisher, recipe))

    row = ready(page.locator("reader-reactions"))
    button(row, "funny").click()

    expect_shown(row, {"funny": before + 1}, pressed="funny")
    publisher.expect_counts(recipe.key, {"funny": before + 1})


@each(SOME)
def test_a_vote_without_a_network_says_so_and_the_row_is_as_before(
    failing_page: Page, publisher: Publisher, recipe: Recipe
) -> None:
    failing_page.goto(serve(publisher, recipe))
    row = ready(failing_page.locator("reader-reactions"))
    failing_page.context.set_offline(True)

    button(row, "wow").click()

    expect(row.get_by_role("status")).to_have_text("Not saved – offline")
    expect(button(row, "wow")).to_have_attribute("aria-pressed", "false")
    expect(failing_page.get_by_text(TEXT)).to_be_visible()
