"""The page keeps itself up to date while it is looked at, and disturbs nobody who reads it."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from itertools import count

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect

from tests.browsers import Complaints
from tests.engines import wait_until
from tests.web.dashboard.conftest import Paper, come_in

HALF_A_MINUTE_MS = 30_500
GOAT = "local/goat-takes-the-seven-forty-two"
_readers = count(1)


def opened(context: BrowserContext, paper: Paper, path: str) -> Page:
    """A page in a tab whose clock the test turns; the clock does not survive another navigation."""
    page = context.new_page()
    come_in(page, paper)
    page.clock.install()
    page.goto(paper.at(path))
    return page


@pytest.fixture
def page(context: BrowserContext, paper: Paper) -> Page:
    """The overview of today."""
    return opened(context, paper, "/dashboard?period=today")


@pytest.fixture
def fetched(page: Page) -> list[Request]:
    """What the page asks for by itself."""
    requests: list[Request] = []
    page.on("request", lambda request: requests.append(request) if request.resource_type == "fetch" else None)
    return requests


def react(paper: Paper, reaction: str = "wow") -> None:
    """A reader of the demo newspaper votes."""
    vote = {"article": GOAT, "reaction": reaction, "reader": f"{next(_readers):032x}", "seq": time.time_ns() // 1_000_000}
    connection = http.client.HTTPConnection("127.0.0.1", paper.service.port, timeout=5)
    try:
        connection.request("PUT", "/v1/sites/demo/vote", json.dumps(vote), {"Content-Type": "application/json"})
        assert connection.getresponse().status == 200
    finally:
        connection.close()


def wait(page: Page, ms: int = HALF_A_MINUTE_MS) -> None:
    """Let the page believe that time went by."""
    page.clock.run_for(ms)


def until(page: Page, shown: Callable[[], bool]) -> None:
    """Let time go by until the page shows something. The service keeps a dashboard for five seconds."""

    def looked() -> bool:
        with page.expect_request_finished(lambda request: request.resource_type == "fetch"):
            wait(page)
        return shown()

    wait_until(looked, timeout_s=30, why="the page shows what is new")


def test_new_reactions_show_without_a_reload(context: BrowserContext, paper: Paper) -> None:
    page = opened(context, paper, f"/dashboard/article?article={GOAT}")
    total = page.locator(".sums b").first
    before = int(total.inner_text().replace(",", ""))
    react(paper)
    react(paper)

    until(page, lambda: total.inner_text() == f"{before + 2:,}")


def test_a_refresh_leaves_focus_scroll_and_open_tables_alone(page: Page, paper: Paper) -> None:
    chart = page.locator("figure[data-chart=bands]")
    chart.get_by_text("As a table").click()
    link = page.locator("#sections a").nth(1)
    link.focus()
    link.evaluate("element => { window.kept = element }")
    page.evaluate("scrollTo(0, 700)")
    total = page.locator(".sums b").first
    before = total.inner_text()
    react(paper)

    until(page, lambda: total.inner_text() != before)

    assert page.evaluate("document.activeElement === window.kept && window.kept.isConnected")
    assert page.evaluate("scrollY") == 700
    expect(chart.locator("details")).to_have_attribute("open", "")
    expect(chart.locator("canvas")).to_have_count(1)


def test_the_chart_follows_its_table(page: Page, paper: Paper) -> None:
    chart = page.locator("figure[data-chart=bands]")
    readout = chart.locator(".readout")
    chart.locator(".plot").focus()
    page.keyboard.press("End")
    before = readout.inner_text()
    react(paper, "sad")

    def at_the_end() -> str:
        page.keyboard.press("End")
        return readout.inner_text()

    until(page, lambda: at_the_end() != before)
    expect(chart.locator("canvas")).to_have_count(1)
    expect(chart.locator(".plot")).to_be_focused()


def test_nothing_is_fetched_while_nobody_looks(page: Page, fetched: list[Request]) -> None:
    look(page, away=True)
    wait(page, 10 * HALF_A_MINUTE_MS)
    assert fetched == []

    with page.expect_request("**/dashboard?*"):
        look(page, away=False)
        wait(page, 10)
    assert len(fetched) == 1


def look(page: Page, *, away: bool) -> None:
    page.evaluate(
        "away => { Object.defineProperty(document, 'hidden', {configurable: true, get: () => away});"
        "document.dispatchEvent(new Event('visibilitychange')) }",
        away,
    )


def test_updates_can_be_paused_and_resumed(page: Page, fetched: list[Request]) -> None:
    page.get_by_role("button", name="Pause").click()
    wait(page, 10 * HALF_A_MINUTE_MS)
    assert fetched == []

    with page.expect_request("**/dashboard?*"):
        page.get_by_role("button", name="Resume").click()
        wait(page, 10)

    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def test_a_failed_update_is_said_and_tried_again(page: Page, paper: Paper, complaints: Complaints) -> None:
    complaints.network_fails = True
    page.route("**/dashboard?*", lambda route: route.abort())
    wait(page)
    expect(page.locator("#alarm")).to_have_text("The figures could not be updated. Trying again every half minute.")
    expect(page.locator(".lead b")).to_contain_text("reader")
    page.unroute("**/dashboard?*")

    wait(page)

    expect(page.locator("#alarm")).to_have_text("")


def test_who_was_signed_out_elsewhere_is_told_and_led_back(page: Page, context: BrowserContext, complaints: Complaints) -> None:
    complaints.network_fails = True
    context.clear_cookies()

    wait(page)

    expect(page.locator("#alarm")).to_have_text("You have been signed out. Sign in again")
    page.get_by_role("link", name="Sign in again").click()
    expect(page.get_by_label("API key")).to_be_visible()
    assert "period%3Dtoday" in page.url or "period=today" in page.url
