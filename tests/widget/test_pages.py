"""Pages that replace what JavaScript has, add headers, speak odd languages or load the script in odd ways; and old browsers."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from tests.widget.publisher import Publisher, row
from tests.widget.steps import (
    button,
    expect_said,
    expect_shown,
    hear_changes,
    open_row,
    ready,
    until,
)

REPLACED = {
    "Prototype 1.7": """
      Array.from = (list) => !list ? [] : "toArray" in Object(list) ? list.toArray() : Array.prototype.slice.call(list);
      Array.prototype.toArray = Array.prototype.entries = function () { return this.slice() };
      Array.prototype.find = Array.prototype.detect = function (test) { for (const one of this) if (test(one)) return one };
      Array.prototype.map = function (make = (x) => x) {
        const made = []; this.forEach((one, i) => made.push(make(one, i))); return made };
      Array.prototype.reduce = function () { return this.length > 1 ? this : this[0] };
      Array.prototype.each = Array.prototype.forEach;
      Array.prototype.toJSON = function () { return "[" + this.join(", ") + "]" };
      String.prototype.toJSON = function () { return '"' + this + '"' };
      Element.prototype.remove = function () { this.parentNode.removeChild(this); return this };
      Element.prototype.replace = Element.prototype.update = Element.prototype.hide = function () { return this };""",
    "MooTools 1.4": """
      Array.from = (item) => item == null ? [] : typeof item == "object" && "length" in item ? [].slice.call(item) : [item];
      Event = function DOMEvent() {};
      Function.from = (item) => typeof item == "function" ? item : () => item;
      Object.values = (object) => {
        const found = []; for (const key in object) if (Object.hasOwn(object, key)) found.push(object[key]); return found };
      Array.prototype.append = function (list) { return this.push(...list) };
      String.prototype.contains = function (part) { return this.indexOf(part) > -1 };
      Element.prototype.set = Element.prototype.get = function () { throw new Error("not for this") };""",
    "enumerable additions": """
      for (const type of [Array, Object, String, Function])
        type.prototype.shout = type.prototype.$ = function () { return "!" };""",
    "a console that says nothing": "console = { log() {} };",
    "a clock of fractions": "const now = Date.now; Date.now = () => now() + .25;",
    "an interval of its own": "setInterval = () => 0;",
    "frozen prototypes": """
      for (const type of [Object, Array, String, Promise, Map, Set, HTMLElement, Node]) Object.freeze(type.prototype);""",
}


@pytest.mark.parametrize("library", REPLACED)
def test_pages_that_replace_what_javascript_has_show_the_row(page: Page, publisher: Publisher, library: str) -> None:
    key = publisher.key()
    hear_changes(page)
    reactions = open_row(page, publisher.article(key, head=f"<script>{REPLACED[library]}</script>{publisher.script}"))
    expect_shown(reactions, {}, pressed=None)

    button(reactions, "love").click()

    page.wait_for_function("heard.length == 1")
    expect_shown(reactions, {"love": 1}, pressed="love")
    publisher.expect_counts(key, {"love": 1})


def test_pages_that_add_headers_to_what_they_fetch_show_the_row_and_vote(page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    page.add_init_script(
        """const asked = fetch;
        fetch = (url, options = {}) => asked(url, {...options, headers: {
          ...options.headers, traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", baggage: "a=b" }});"""
    )
    reactions = open_row(page, publisher.article(key))

    button(reactions, "like").click()

    publisher.expect_counts(key, {"like": 1})


@pytest.mark.parametrize("replaced", ["crypto", "Date"])
def test_a_tap_for_which_something_is_missing_is_quiet(page: Page, publisher: Publisher, replaced: str) -> None:
    key = publisher.key()
    reactions = open_row(page, publisher.article(key))
    page.evaluate(f"Object.defineProperty(window, '{replaced}', {{value: undefined}})")

    button(reactions, "love").click()

    expect_shown(reactions, {}, pressed=None)
    publisher.expect_counts(key, {})


@pytest.mark.parametrize("named", ["<form name=host></form>", "<img name=host alt>", "<iframe name=host title=x></iframe>"])
def test_an_element_of_the_page_that_is_named_host_is_not_taken_for_one(page: Page, publisher: Publisher, named: str) -> None:
    """Such an element is a property of its document, which has no host. The page stood still, or an error was thrown into it."""
    key = publisher.key()
    reactions = open_row(page, publisher.page(named + row(key), lang="de"))

    button(reactions, "love").click()

    expect(reactions.get_by_role("group")).to_have_accessible_name("Wie reagieren Sie darauf?")
    publisher.expect_counts(key, {"love": 1})


@pytest.mark.parametrize("replaced", ["CustomEvent = function ()", "EventTarget.prototype.dispatchEvent = function ()"])
def test_a_vote_is_saved_though_its_event_cannot_be_told(page: Page, publisher: Publisher, replaced: str) -> None:
    key = publisher.key()
    head = f"<script>{replaced} {{ throw new Error() }}</script>"
    reactions = open_row(page, publisher.article(key, head=head + publisher.script))

    button(reactions, "love").click()

    publisher.expect_counts(key, {"love": 1})
    expect_shown(reactions, {"love": 1}, pressed="love")
    expect_said(reactions, "")


def test_a_page_with_a_set_of_its_own_stays_as_it_is(page: Page, publisher: Publisher) -> None:
    page.goto(publisher.article(publisher.key(), head=f"<script>Set = function () {{}}</script>{publisher.script}"))
    until(page, lambda: page.evaluate("customElements.get('reader-reactions') !== undefined"))

    page.evaluate("document.querySelector('reader-reactions').article = 'b'; document.querySelector('reader-reactions').remove()")


@pytest.mark.parametrize("kind", ["srcdoc", "blob"])
def test_a_frame_without_an_address_has_no_path_for_a_key(page: Page, publisher: Publisher, kind: str) -> None:
    html = f"{publisher.script}{row(publisher.key())}<reader-reactions site=daily id=keyless></reader-reactions>"
    page.goto(publisher.page("<iframe title=x></iframe>", head=""))

    page.evaluate(
        """([kind, html]) => {
          const frame = document.querySelector("iframe");
          if (kind === "srcdoc") frame.srcdoc = html;
          else frame.src = URL.createObjectURL(new Blob([html], {type: "text/html"}));
        }""",
        [kind, html],
    )

    frame = page.frame_locator("iframe")
    ready(frame.locator("reader-reactions").first)
    expect(frame.locator("#keyless")).to_be_hidden()


@pytest.mark.parametrize("spoken", ["C", "en-US@posix", "", None, "x"])
def test_an_odd_language_of_the_browser_is_not_used(page: Page, publisher: Publisher, spoken: str | None) -> None:
    page.add_init_script(f"Object.defineProperty(navigator, 'language', {{value: {json.dumps(spoken)}}})")
    page.goto(publisher.page(row(publisher.key()) + f'<div lang="de">{row(publisher.key())}</div>', lang=""))

    for reactions, heading in (("first", "What’s your reaction?"), ("last", "Wie reagieren Sie darauf?")):
        found = ready(getattr(page.locator("reader-reactions"), reactions))
        expect(found.get_by_role("group")).to_have_accessible_name(heading)


@pytest.mark.parametrize("twice", [False, True], ids=["once", "a path with /widget/ twice"])
def test_as_a_module_it_finds_the_service(page: Page, publisher: Publisher, twice: bool) -> None:
    key, own = publisher.key(), f"{publisher.pages.origin}/widget/our"
    page.route(f"{own}/**", lambda route: route.continue_(url=route.request.url.replace(own, publisher.service.url)))
    source = f"{own if twice else publisher.service.url}/widget/v1.js"
    for head in (f'<script type="module" src="{source}"></script>', f'<script type="module">import "{source}"</script>'):
        reactions = open_row(page, publisher.article(key, head=head))
        expect(reactions.get_by_role("button", name="Like, 0", exact=True)).to_be_visible()


def test_the_single_tag_may_be_a_module(page: Page, publisher: Publisher) -> None:
    tag = f'<script type="module" src="{publisher.service.url}/widget/v1.js" data-site="daily" data-article="a"></script>'

    ready(open_row(page, publisher.page(tag, head="")))


def test_without_an_address_of_the_service_nothing_is_asked_and_the_publisher_told(
    failing_page: Page, publisher: Publisher
) -> None:
    script = publisher.service.get("/widget/v1.js")[1].decode()
    told: list[str] = []
    asked: list[str] = []
    failing_page.on("console", lambda message: told.append(message.text))
    failing_page.on("request", lambda request: asked.append(request.url))

    failing_page.goto(publisher.page(row("a") + row("b"), head=f"<script>{script}</script>"))

    until(failing_page, lambda: told)
    expect(failing_page.locator("reader-reactions").first).to_be_hidden()
    assert not [url for url in asked if "/v1/" in url]
    assert told == ["reader-reactions: site or server is missing"]


@pytest.mark.parametrize(
    "lacking",
    [
        "customElements",
        "IntersectionObserver",
        "CSSStyleSheet.prototype.replaceSync",
        "AbortSignal.timeout",
        "AbortSignal",
        "CSSStyleSheet",
    ],
)
def test_a_browser_that_lacks_what_it_needs_gets_nothing_and_no_error(page: Page, publisher: Publisher, lacking: str) -> None:
    page.add_init_script(f"delete globalThis.{lacking}")

    page.goto(publisher.page(row(publisher.key(), ">In old browsers this stays.</reader-reactions><i")))

    expect(page.get_by_text("In old browsers this stays.")).to_be_visible()
    assert page.locator("reader-reactions").evaluate("(row) => row.shadowRoot") is None
