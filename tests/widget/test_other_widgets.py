"""Other projects' own widgets, pointed at this service: pages move by changing one address."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.make import ADA
from tests.widget.checks import tools
from tests.widget.publisher import Publisher


def test_open_heart_element_votes_and_shows_the_count(page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    publisher.vote(key, "love", reader=ADA)
    element = (tools() / "open-heart-element" / "dist" / "index.js").read_text(encoding="utf-8")
    address = f"{publisher.service.url}/open-heart/daily/{key}"
    page.goto(
        publisher.page(f'<open-heart href="{address}" emoji="❤️">❤️</open-heart><script type="module">{element}</script>', head="")
    )
    heart = page.locator("open-heart")
    heart.evaluate("(heart) => heart.getCount()")
    expect(heart).to_have_attribute("count", "1")

    heart.click()

    expect(heart).to_have_attribute("aria-pressed", "true")
    heart.evaluate("(heart) => heart.getCount()")
    expect(heart).to_have_attribute("count", "2")
    publisher.expect_counts(key, {"love": 2})


def test_applause_button_claps_and_shows_the_count(page: Page, publisher: Publisher) -> None:
    element = (tools() / "applause-button" / "dist" / "applause-button.js").read_text(encoding="utf-8")
    api = f"{publisher.service.url}/applause/daily"
    page.goto(
        publisher.page(
            f'<applause-button api="{api}" url="https://news.example/2024/applause" style="width: 58px; height: 58px">'
            f"</applause-button><script>{element}</script>",
            head="",
        )
    )
    applause = page.locator("applause-button")
    expect(applause.locator(".clap-count")).to_have_text("0")

    applause.locator("button").click()

    publisher.expect_counts("/2024/applause", {"like": 1})
    expect(applause.locator(".clap-count")).to_have_text("1")
