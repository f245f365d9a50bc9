"""Chromium, one for all tests of a process: two of them cannot be driven from one thread. And what it, and axe, say of a page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

TO_THE_PUBLISHER = "reader-reactions: "  # where a page is set up wrongly, or its votes fail
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
NETWORK = "Failed to load resource"  # what Chromium itself writes about every request that fails


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    names = (
        "chromium-headless-shell",
        "chromium",
        "chromium-browser",
        "google-chrome",
    )  # the first works half as much for the same
    found = next((path for name in names if (path := shutil.which(name))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found)
        yield browser
        browser.close()


class Complaints:
    """Whatever a page throws or writes to the console. Our pages stay silent."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.network_fails = False

    def watch(self, page: Page) -> None:
        page.on("console", self._written)
        page.on("pageerror", lambda error: self.texts.append(f"thrown: {error}"))

    def _written(self, message: ConsoleMessage) -> None:
        if not (self.network_fails and message.text.startswith((NETWORK, "Access to fetch", TO_THE_PUBLISHER))):
            self.texts.append(message.text)


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    heard = Complaints()
    yield heard
    assert heard.texts == [], heard.texts


def violations(page: Page) -> list[str]:
    """What axe says against a page, at WCAG 2.2 AA: the rule and the element of each finding."""
    # Of rules that an element keeps only the first is told: all of them are a megabyte, and two thirds of the time.
    result = Axe().run(page, options={"runOnly": RULES, "resultTypes": ["violations"]}).response
    assert len(result["passes"]) > 10, "axe has looked at too little"
    return [f"{found['id']}: {node['html']}" for found in result["violations"] for node in found["nodes"]]
