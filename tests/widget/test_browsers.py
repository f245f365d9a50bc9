"""Firefox and WebKit: votes, refusals, many rows, odd pages and navigation. Left out where they are not installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.make import ADA
from tests.widget import drivers
from tests.widget.drivers import Driver, wait_until
from tests.widget.publisher import Pages, Publisher, number, row

WATCH = """<script>
errors = []; heard = [];
addEventListener("error", ({message}) => errors.push(message));
addEventListener("unhandledrejection", ({reason}) => errors.push(String(reason)));
document.addEventListener("reaction-change", ({detail}) => heard.push(detail));
</script>"""
SHOWN = """
const row = document.querySelectorAll("reader-reactions")[args[0]];
const shown = {};
let pressed = null;
const buttons = [...row.shadowRoot.querySelectorAll("button[aria-label]")];
for (const button of buttons) {
  const [name, count] = button.ariaLabel.split(", ");
  if (count !== "0") shown[name] = Number(count);
  if (button.ariaPressed === "true") pressed = name;
}
return buttons.length && {shown, pressed, said: row.shadowRoot.querySelector("[part=status]").textContent};
"""
PLACE = """
const row = document.querySelectorAll("reader-reactions")[args[0]];
const button = [...row.shadowRoot.querySelectorAll("button")].find((one) => one.ariaLabel.startsWith(args[1]));
button.scrollIntoView({block: "center"});
const {x, y, width, height} = button.getBoundingClientRect();
return [Math.round(x + width / 2), Math.round(y + height / 2)];
"""


@pytest.fixture(scope="module", params=["firefox", "webkit"])
def browser_(request: pytest.FixtureRequest) -> Iterator[Driver]:
    if drivers.found(request.param) is None:
        pytest.skip(f"{request.param} is not installed: make browser")
    with drivers.running(request.param) as driver:
        yield driver


@pytest.fixture
def driver(browser_: Driver) -> Iterator[Driver]:
    yield browser_
    assert browser_.js("return window.errors ?? []") == []


def shows(driver: Driver, at: int, shown: dict[str, int], pressed: str | None = None, said: str = "") -> None:
    """Wait until the row shows exactly this."""
    seen: list[Any] = []

    def does() -> bool:
        seen[:] = [driver.js(SHOWN, at)]
        return bool(seen == [{"shown": shown, "pressed": pressed, "said": said}])

    try:
        wait_until(does, "shown")
    except TimeoutError:
        raise AssertionError(f"row {at} shows {seen[0]}, not {shown}, {pressed} pressed, {said!r}") from None


def tap(driver: Driver, at: int, name: str) -> None:
    driver.tap(*driver.js(PLACE, at, name))


def open_page(driver: Driver, publisher: Publisher, body: str, **page: Any) -> None:
    driver.goto(publisher.page(body, head=WATCH + page.pop("head", "") + publisher.script, **page))


def test_a_reader_votes_changes_and_withdraws(driver: Driver, publisher: Publisher) -> None:
    key = publisher.key()
    publisher.vote(key, "like", reader=ADA)
    address = publisher.page(row(key), head=WATCH + publisher.script)
    driver.goto(address)
    shows(driver, 0, {"Like": 1})

    tap(driver, 0, "Like")
    shows(driver, 0, {"Like": 2}, "Like")
    publisher.expect_counts(key, {"like": 2})
    tap(driver, 0, "Wow")
    shows(driver, 0, {"Like": 1, "Wow": 1}, "Wow")
    publisher.expect_counts(key, {"like": 1, "wow": 1})
    driver.goto(address)
    shows(driver, 0, {"Like": 1, "Wow": 1}, "Wow")
    tap(driver, 0, "Wow")
    shows(driver, 0, {"Like": 1})
    publisher.expect_counts(key, {"like": 1})


def test_two_clicks_at_once_are_one_vote(driver: Driver, publisher: Publisher) -> None:
    key = publisher.key()
    open_page(driver, publisher, row(key))
    shows(driver, 0, {})
    at = driver.js(PLACE, 0, "Love")

    driver.tap(*at)
    driver.js("document.querySelector('reader-reactions').shadowRoot.querySelectorAll('button')[2].click()")

    shows(driver, 0, {"Love": 1}, "Love")
    publisher.expect_counts(key, {"love": 1})


def test_voting_that_has_closed_is_refused_in_words_for_readers(driver: Driver, publisher: Publisher) -> None:
    key = publisher.key()
    publisher.vote(key, "like", reader=ADA)
    open_page(driver, publisher, row(key))
    shows(driver, 0, {"Like": 1})
    publisher.close_voting(key)

    tap(driver, 0, "Love")

    shows(driver, 0, {"Like": 1}, said="Voting is closed")


def test_a_page_that_may_not_vote_says_so(driver: Driver, publisher: Publisher) -> None:
    elsewhere = Pages()
    driver.goto(
        elsewhere.put(f"<!doctype html><html lang=en><title>Copied</title>{WATCH}{publisher.script}{row(publisher.key())}")
    )
    shows(driver, 0, {})

    tap(driver, 0, "Like")

    shows(driver, 0, {}, said="Voting doesn’t work on this page")
    elsewhere.close()


def test_a_clock_two_days_ahead_and_an_id_that_is_not_ours_vote(driver: Driver, publisher: Publisher) -> None:
    key = publisher.key()
    clock = "<script>const now = Date.now; Date.now = () => now() + 172800000; localStorage['reader-reactions'] = 'x'</script>"
    open_page(driver, publisher, row(key), head=clock)
    shows(driver, 0, {})

    tap(driver, 0, "Sad")

    shows(driver, 0, {"Sad": 1}, "Sad")
    publisher.expect_counts(key, {"sad": 1})


def test_forty_rows_are_one_request_and_one_bad_key_spoils_none(driver: Driver, publisher: Publisher) -> None:
    keys = [publisher.key() for _ in range(40)]
    publisher.vote(keys[0], "like", reader=ADA)
    open_page(driver, publisher, row("x" * 201) + row("a\u0007b") + "".join(map(row, keys)) + number(keys[0]))

    shows(driver, 2, {"Like": 1})
    shows(driver, 41, {})
    assert driver.js("return document.querySelectorAll('reader-reactions')[1].offsetHeight") == 0
    asked = driver.js("return performance.getEntriesByType('resource').filter(({name}) => name.includes('/v1/')).length")
    assert asked == 1


def test_odd_pages_show_the_row(driver: Driver, publisher: Publisher) -> None:
    odd = """<script>
    Array.from = (list) => [list]; Array.prototype.entries = Array.prototype.toArray = function () { return this };
    Object.defineProperty(navigator, "language", {value: "C"});
    const asked = fetch;
    const added = {traceparent: "00-1-2-01", baggage: "a=b"};
    fetch = (url, options = {}) => asked(url, {...options, headers: {...options.headers, ...added}});
    </script>"""
    key = publisher.key()
    open_page(driver, publisher, "<form name=host></form>" + row(key), head=odd)
    shows(driver, 0, {})

    tap(driver, 0, "Funny")

    shows(driver, 0, {"Funny": 1}, "Funny")
    publisher.expect_counts(key, {"funny": 1})


def test_a_row_follows_the_address_and_a_page_that_comes_back_shows_the_newest_choice(
    driver: Driver, publisher: Publisher
) -> None:
    html = f'<!doctype html><html lang=en><title>x</title>{WATCH}{publisher.script}<reader-reactions site="daily">'
    first, second = f"/{publisher.key()}", f"/{publisher.key()}"
    publisher.pages.put(html, path=first)
    publisher.vote(second, "sad", reader=ADA)
    driver.goto(publisher.pages.origin + first)
    shows(driver, 0, {})

    driver.js("history.pushState({}, '', args[0])", second)
    shows(driver, 0, {"Sad": 1})
    tap(driver, 0, "Wow")
    shows(driver, 0, {"Sad": 1, "Wow": 1}, "Wow")
    publisher.expect_counts(first, {})

    open_page(driver, publisher, row(second))
    shows(driver, 0, {"Sad": 1, "Wow": 1}, "Wow")
    tap(driver, 0, "Love")
    shows(driver, 0, {"Sad": 1, "Love": 1}, "Love")
    publisher.expect_counts(second, {"sad": 1, "love": 1})
    driver.back()
    shows(driver, 0, {"Sad": 1, "Love": 1}, "Love")


def test_moved_into_a_frame_and_back_it_keeps_its_styles(driver: Driver, publisher: Publisher) -> None:
    open_page(driver, publisher, row(publisher.key()) + "<iframe title=x srcdoc='<!doctype html><body>'></iframe>")
    shows(driver, 0, {})

    heights = driver.js(
        """const row = document.querySelector("reader-reactions");
        const height = () => new Promise((r) => setTimeout(() => r(row.shadowRoot.querySelector("button").offsetHeight), 100));
        const before = await height();
        document.querySelector("iframe").contentDocument.body.append(row);
        const framed = await height();
        document.querySelector("main").append(row);
        return [before, framed, await height()];"""
    )

    assert min(heights) == 96
