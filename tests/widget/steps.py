"""What a reader does with a row, and what is seen of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, Request, Route, expect

WORDS = {"like": "Like", "dislike": "Dislike", "love": "Love", "funny": "Funny", "angry": "Angry", "sad": "Sad", "wow": "Wow"}


def open_row(page: Page, address: str) -> Locator:
    """Open a page and wait until its first row shows counts."""
    page.goto(address)
    return ready(page.locator("reader-reactions").first)


def ready(row: Locator) -> Locator:
    """Wait until the row shows counts."""
    expect(row.get_by_role("button")).to_have_count(7)
    return row


def until(page: Page, true: Callable[[], object]) -> None:
    """Wait for what this process sees of the page's requests, and let those go on meanwhile."""
    for _ in range(1_000):
        if true():
            return
        page.wait_for_timeout(10)
    raise TimeoutError("it has not come true within ten seconds")


def settle(page: Page) -> None:
    """Wait until the widget has run and the browser has told it what is in view: whatever it does at first, it has begun."""
    page.wait_for_function("!!customElements.get('reader-reactions')")
    frames(page)


def frames(page: Page) -> None:
    """Let the browser paint three times."""
    page.evaluate("async () => { for (let n = 0; n < 3; n++) await new Promise(requestAnimationFrame) }")


def button(row: Locator, reaction: str) -> Locator:
    return row.locator("button").nth(list(WORDS).index(reaction))


def tap_again(row: Locator, reaction: str) -> None:
    """Click once more on the button that was clicked last, as somebody who has thought about it: no double click."""
    row.page.wait_for_timeout(250)
    button(row, reaction).click()


def shown(row: Locator) -> dict[str, int]:
    """The counts other than 0 that a reader sees."""
    numbers = row.locator("[part=count]").all_inner_texts()
    return {key: int(n.replace(",", "")) for key, n in zip(WORDS, numbers, strict=True) if n != "0"}


def expect_shown(row: Locator, counts: dict[str, int], *, pressed: str | None) -> None:
    """Wait for exactly these counts, and this reaction pressed; in one question, which costs an eighth of one for each button."""
    states = {key: "true" if key == pressed else "false" for key in WORDS}
    buttons = [f'- button "{word}, {counts.get(key, 0)}" [pressed={states[key]}]' for key, word in WORDS.items()]
    expect(row).to_match_aria_snapshot("\n".join(buttons))
    expect(row.locator("[part=button]:not([aria-pressed])")).to_have_count(0)  # which would be taken for one that is not pressed


def expect_said(row: Locator, text: str) -> None:
    expect(row.get_by_role("status")).to_have_text(text)


def hear_changes(page: Page) -> None:
    """Collect the details of reaction-change, at the document, from the next page on."""
    page.add_init_script("heard = []; document.addEventListener('reaction-change', (event) => heard.push(event.detail))")


def heard(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate("heard")
    return found


def stored(page: Page) -> dict[str, str]:
    """All of the page origin's localStorage."""
    found: dict[str, str] = page.evaluate("({...localStorage})")
    return found


def expect_stored(page: Page, name: str, pattern: str) -> None:
    """Wait until the page origin's localStorage has a text that fits the pattern: what is kept of a vote follows its answer."""
    page.wait_for_function("([name, pattern]) => RegExp(`^(?:${pattern})$`).test(localStorage[name])", arg=[name, pattern])


def at_first(page: Page, pattern: str, fault: Callable[[Route], None], *, times: int = 1) -> None:
    """Answer the first `times` requests with `fault`, and let later ones through.

    Not by `times` of `route`: it switches interception off, and a browser then forgets to tell of a request sent in that moment.
    """
    left = iter(range(times))
    page.route(pattern, lambda route: route.continue_() if next(left, None) is None else fault(route))


def ballots(asked: list[Request]) -> list[dict[str, Any]]:
    """The bodies of the votes sent, each one attempt."""
    return [json.loads(request.post_data or "") for request in asked if request.method == "PUT"]


def gets(asked: list[Request]) -> list[str]:
    """The last part of the addresses read from, with their queries."""
    parts = [urlsplit(request.url) for request in asked if request.method == "GET"]
    return [f"{part.path.rpartition('/')[2]}?{part.query}" for part in parts]
