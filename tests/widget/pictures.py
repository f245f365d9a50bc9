"""Draw docs/images/widget-*.png anew: `python -m tests.widget.pictures`."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, Route, sync_playwright

from tests import make
from tests.databases import PROJECT, SqliteFiles
from tests.service import running_service
from tests.widget.publisher import Pages, Publisher, row
from tests.widget.steps import button
from tests.widget.test_layout import with_counts

IMAGES = PROJECT / "docs" / "images"
FORMS = (PROJECT / "docs" / "widget.md").read_text(encoding="utf-8")
DARK = "html, body { background: #121417 !important; color: #e8e6e3 !important }"
PLAIN = (
    "main { max-width: 42rem; margin: auto; padding: 0 1rem } h1, #after { display: none }"
    "body { font-family: Georgia, serif !important }"
)


def block_of(words: str) -> str:
    """The first block of CSS after these words in docs/widget.md."""
    return FORMS[FORMS.index(words) :].split("```css\n")[1].split("```")[0]


def shot(page: Page, name: str, of: str = "main") -> None:
    page.locator(of).screenshot(path=IMAGES / f"widget-{name}.png")


def opened(browser: Browser, address: str, *, width: int = 720, **context: object) -> Page:
    page = browser.new_context(viewport={"width": width, "height": 600}, device_scale_factor=2, **context).new_page()  # type: ignore[arg-type]
    with_counts(page, [128, 7, 94, 31, 4, 12, 38])
    page.goto(address)
    for reactions in page.locator("reader-reactions").all():
        reactions.locator("button[aria-label]").first.wait_for()
    return page


def press(reactions: Locator, reaction: str) -> None:
    button(reactions, reaction).click()
    reactions.evaluate("(row) => { row.shadowRoot.activeElement?.blur() }")
    reactions.page.mouse.move(0, 0)
    reactions.page.wait_for_timeout(400)


def keep_votes_unanswered(page: Page) -> None:
    page.route("**/vote", lambda route: None)


def draw(browser: Browser, publisher: Publisher) -> None:
    for name, css in (("light", PLAIN), ("dark", PLAIN + DARK)):
        page = opened(browser, publisher.article(publisher.key(), css=css))
        keep_votes_unanswered(page)
        press(page.locator("reader-reactions"), "love")
        shot(page, name)

    sides = (
        "main { display: flex; gap: 1rem; width: 640px } h1, #after { display: none } section { width: 288px; padding: 16px } "
    )
    body = "".join(
        f'<section lang="{lang}" dir="{direction}">{row(publisher.key())}</section>'
        for lang, direction in (("de", "ltr"), ("ar", "rtl"))
    )
    page = browser.new_context(viewport={"width": 700, "height": 600}, device_scale_factor=2).new_page()
    page.goto(publisher.page(body, css=sides))
    for reactions in page.locator("reader-reactions").all():
        reactions.locator("button[aria-label]").first.wait_for()
    shot(page, "narrow")

    closed = publisher.key()
    publisher.vote(closed, "like", reader=make.ADA)
    publisher.close_voting(closed)
    page = browser.new_context(viewport={"width": 720, "height": 900}, device_scale_factor=2).new_page()
    page.goto(
        publisher.page(
            "<br>".join(
                [
                    row(publisher.key()),
                    row(publisher.key()),
                    row(closed),
                    f'<div dir="rtl" lang="ar">{row(publisher.key())}</div>',
                ]
            ),
            css=PLAIN,
        )
    )
    rows = page.locator("reader-reactions")
    for reactions in rows.all():
        reactions.locator("button[aria-label]").first.wait_for()

    def refuse(route: Route) -> None:
        route.fulfill(
            status=429,
            headers={"Access-Control-Allow-Origin": "*", "Retry-After": "40", "Access-Control-Expose-Headers": "Retry-After"},
            body="{}",
        )

    page.route("**/vote", refuse)
    press(rows.nth(1), "wow")
    page.keyboard.press("Tab")
    shot(page, "states")

    themes = block_of("Five themes")
    forms = {"boxed": "", "quiet": block_of("Quiet, without boxes"), "compact": block_of("Compact, faces and numbers")}
    css = (
        PLAIN
        + themes
        + "".join(text.replace("reader-reactions {", f".{name} reader-reactions {{") for name, text in forms.items())
    )
    css += "section { padding: .75rem 1rem; margin: 0 0 .5rem } .paper { background: #fdf6e9 }"
    css += ".night { background: #121417; color: #e8eaed }"
    sections = "".join(
        f'<section class="{name}">{row(publisher.key(), f"heading={name.title()}")}</section>'
        for name in (*forms, "broadsheet", "tabloid", "paper", "night", "mono")
    )
    page = browser.new_context(viewport={"width": 760, "height": 900}, device_scale_factor=1.5).new_page()
    page.goto(publisher.page(sections, css=css))
    keep_votes_unanswered(page)
    for reactions in page.locator("reader-reactions").all():
        reactions.locator("button[aria-label]").first.wait_for()
        press(reactions, "love")
    shot(page, "forms")


def main() -> None:
    folder = Path(tempfile.mkdtemp())
    files = SqliteFiles(folder)
    database_url = files.copy_to(folder)
    pages = Pages()
    make.site(database_url, "daily", origins=[pages.origin])
    with running_service(database_url) as service, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        draw(browser, Publisher(service, database_url, pages))
        browser.close()
    pages.close()
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
