"""Chromium, one for all tests of a process: two of them cannot be driven from one thread."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

TO_THE_PUBLISHER = "reader-reactions: "  # where a page is set up wrongly, or its votes fail
NETWORK = "Failed to load resource"  # what Chromium itself writes about every request that fails


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
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
