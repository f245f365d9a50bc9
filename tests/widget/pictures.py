"""Draw docs/images/widget-*.png anew: `python -m tests.widget.pictures`."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, sync_playwright

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


def opened(browser: Browser, address: str) -> Page:
    """A page with one row that has votes."""
    page = browser.new_context(viewport={"width": 720, "height": 600}, device_scale_factor=2).new_page()
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


def pages_of(browser: Browser, address: str, *, width: int, height: int = 900, scale: float = 2) -> Page:
    """A page whose rows are all drawn."""
    page = browser.new_context(viewport={"width": width, "height": height}, device_scale_factor=scale).new_page()
    page.goto(address)
    for reactions in page.locator("reader-reactions").all():
        reactions.locator("button[aria-label]").first.wait_for()
    return page


def draw_one_row(browser: Browser, publisher: Publisher) -> None:
    for name, css in (("light", PLAIN), ("dark", PLAIN + DARK)):
        page = opened(browser, publisher.article(publisher.key(), css=css))
        keep_votes_unanswered(page)
        press(page.locator("reader-reactions"), "love")
        shot(page, name)


def draw_phones(browser: Browser, publisher: Publisher) -> None:
    css = "main { display: flex; gap: 1rem; width: 640px } h1, #after { display: none } section { width: 288px; padding: 16px }"
    sides = (("de", "ltr"), ("ar", "rtl"))
    body = "".join(f'<section lang="{lang}" dir="{dir_}">{row(publisher.key())}</section>' for lang, dir_ in sides)
    shot(pages_of(browser, publisher.page(body, css=css), width=700, height=600), "narrow")


def draw_states(browser: Browser, publisher: Publisher) -> None:
    closed = publisher.key()
    publisher.vote(closed, "like", reader=make.ADA)
    publisher.close_voting(closed)
    arabic = f'<div dir="rtl" lang="ar">{row(publisher.key())}</div>'
    body = "<br>".join([row(publisher.key()), row(publisher.key()), row(closed), arabic])
    page = pages_of(browser, publisher.page(body, css=PLAIN), width=720)
    headers = {"Access-Control-Allow-Origin": "*", "Retry-After": "40", "Access-Control-Expose-Headers": "Retry-After"}
    page.route("**/vote", lambda route: route.fulfill(status=429, headers=headers, body="{}"))
    press(page.locator("reader-reactions").nth(1), "wow")
    page.keyboard.press("Tab")
    shot(page, "states")


def draw_forms_and_themes(browser: Browser, publisher: Publisher) -> None:
    forms = {"boxed": "", "quiet": block_of("Quiet, without boxes"), "compact": block_of("Compact, faces and numbers")}
    css = PLAIN + block_of("Five themes")
    css += "".join(text.replace("reader-reactions {", f".{name} reader-reactions {{") for name, text in forms.items())
    css += "section { padding: .75rem 1rem; margin: 0 0 .5rem } .paper { background: #fdf6e9 }"
    css += ".night { background: #121417; color: #e8eaed }"
    body = "".join(
        f'<section class="{name}">{row(publisher.key(), f"heading={name.title()}")}</section>'
        for name in (*forms, "broadsheet", "tabloid", "paper", "night", "mono")
    )
    page = pages_of(browser, publisher.page(body, css=css), width=760, scale=1.5)
    keep_votes_unanswered(page)
    for reactions in page.locator("reader-reactions").all():
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
        publisher = Publisher(service, database_url, pages)
        for draw in (draw_one_row, draw_phones, draw_states, draw_forms_and_themes):
            draw(browser, publisher)
        browser.close()
    pages.close()
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
