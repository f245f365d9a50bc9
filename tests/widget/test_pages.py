"""Pages as they are found: with keys that cannot be used, globals that were replaced, odd clocks, storages and languages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, Request, Route, expect

from tests.make import ADA
from tests.widget.publisher import Pages, Publisher, number, row
from tests.widget.steps import (
    ballots,
    button,
    expect_said,
    expect_shown,
    gets,
    hear_changes,
    heard,
    open_row,
    ready,
    stored,
    until,
)

OPEN_TO_ALL = {"Access-Control-Allow-Origin": "*"}
LONG = "x" * 201
DAY_MS = 86_400_000


def test_one_unusable_key_among_numbers_leaves_the_others_alone(page: Page, publisher: Publisher, asked: list[Request]) -> None:
    keys = [publisher.key() for _ in range(3)]
    for key in keys:
        publisher.vote(key, "like", reader=ADA)

    page.goto(publisher.page(number(keys[0]) + number(LONG) + number(keys[1]) + number("a\u0007b") + number(keys[2])))

    for i, shown in enumerate(["1", "", "1", "", "1"]):
        expect(page.locator("reaction-count").nth(i)).to_have_text(shown)
    assert len(gets(asked)) == 1


def test_one_unusable_key_among_rows_leaves_the_others_alone(page: Page, publisher: Publisher) -> None:
    page.goto(publisher.page(row("a\u0007b") + row(publisher.key()) + row(LONG) + row(publisher.key())))

    ready(page.locator("reader-reactions").nth(1))
    ready(page.locator("reader-reactions").nth(3))
    for i in (0, 2):
        expect(page.locator("reader-reactions").nth(i)).to_be_hidden()


def test_a_row_alone_whose_key_cannot_be_used_leaves_no_gap(failing_page: Page, publisher: Publisher) -> None:
    for key in (LONG, "a\u0007b"):
        failing_page.goto(publisher.article(key, css="reader-reactions { display: block; margin: 2rem }"))

        expect(failing_page.locator("reader-reactions")).to_be_hidden()


def test_where_a_batch_is_refused_each_half_is_asked_apart(failing_page: Page, publisher: Publisher) -> None:
    """A service behind an older proxy, or an older service: a whole batch is answered 400."""
    keys = [publisher.key() for _ in range(7)]
    refused: list[str] = []

    def refuse(route: Route) -> None:
        if keys[4].rpartition("/")[2] in route.request.url and route.request.url.count("article=") > 1:
            refused.append(route.request.url)
            route.fulfill(status=400, headers=OPEN_TO_ALL, content_type="application/problem+json", body="{}")
        else:
            route.continue_()

    failing_page.route("**/v1/**", refuse)

    failing_page.goto(publisher.page("".join(map(row, keys)), css="reader-reactions { zoom: .2 }"))

    for i in range(7):
        ready(failing_page.locator("reader-reactions").nth(i))
    assert len(refused) == 3


def test_outer_spaces_of_a_key_are_stripped(page: Page, publisher: Publisher, asked: list[Request]) -> None:
    key, other = publisher.key(), publisher.key()

    page.goto(publisher.page(row(f"\n {key}  ") + row(other)))
    reactions = ready(page.locator("reader-reactions").first)
    ready(page.locator("reader-reactions").last)
    button(reactions, "like").click()
    publisher.expect_counts(key, {"like": 1})


def test_a_path_that_is_no_utf_8_shows_nothing(page: Page, publisher: Publisher, asked: list[Request]) -> None:
    html = f'<!doctype html><title>x</title>{publisher.script}<reader-reactions site="daily"></reader-reactions>{number("a")}'
    publisher.pages.put(html, path="/any/%E0%A4%A")

    page.goto(f"{publisher.pages.origin}/any/%E0%A4%A")

    expect(page.locator("reaction-count")).to_have_text("0")
    expect(page.locator("reader-reactions")).to_be_hidden()
    assert len(gets(asked)) == 1


def test_a_key_cut_inside_an_emoji_is_quiet(page: Page, publisher: Publisher) -> None:
    page.goto(publisher.page(row(publisher.key()) + "<div id=new></div>"))
    ready(page.locator("reader-reactions").first)

    page.evaluate(
        """() => {
          const row = document.createElement("reader-reactions");
          row.setAttribute("site", "daily");
          row.setAttribute("article", "a story 🎉".slice(0, 9));
          document.querySelector("#new").append(row);
        }"""
    )

    expect(page.locator("#new reader-reactions")).to_be_hidden()


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
      for (const type of [Array, Object, String, Function]) type.prototype.shout = function () { return "!" };""",
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


@pytest.mark.parametrize("spoken", ["C", "en-US@posix", "", None, "x"])
def test_an_odd_language_of_the_browser_is_not_used(page: Page, publisher: Publisher, spoken: str | None) -> None:
    page.add_init_script(f"Object.defineProperty(navigator, 'language', {{value: {json.dumps(spoken)}}})")
    page.goto(publisher.page(row(publisher.key()) + f'<div lang="de">{row(publisher.key())}</div>', lang=""))

    for reactions, heading in (("first", "What’s your reaction?"), ("last", "Wie reagieren Sie darauf?")):
        found = ready(getattr(page.locator("reader-reactions"), reactions))
        expect(found.get_by_role("group")).to_have_accessible_name(heading)


def test_where_the_storage_throws_on_each_access_readers_vote(page: Page, publisher: Publisher) -> None:
    page.add_init_script(
        """Object.defineProperty(window, "localStorage", {value: new Proxy({}, {
          get() { throw new DOMException("denied") }, set() { throw new DOMException("denied") } })})"""
    )
    key = publisher.key()
    reactions = open_row(page, publisher.article(key))

    button(reactions, "like").click()

    expect_shown(reactions, {"like": 1}, pressed="like")
    publisher.expect_counts(key, {"like": 1})


@pytest.mark.parametrize("readable", [True, False], ids=["the time is told", "the time is not told"])
def test_a_clock_two_days_ahead_votes(failing_page: Page, publisher: Publisher, asked: list[Request], readable: bool) -> None:
    key, other = publisher.key(), publisher.key()
    failing_page.add_init_script(f"const now = Date.now; Date.now = () => now() + {2 * DAY_MS}")
    if not readable:
        failing_page.add_init_script(
            "const get = Headers.prototype.get;"
            "Headers.prototype.get = function (name) { return name === 'Date' ? null : get.call(this, name) }"
        )
    hear_changes(failing_page)
    reactions = open_row(failing_page, publisher.page(row(key) + row(other)))

    for votes, reaction in enumerate(["like", "love", "wow"], start=1):
        button(reactions, reaction).click()
        failing_page.wait_for_function(f"heard.length == {votes}")
    button(failing_page.locator("reader-reactions").last, "sad").click()

    publisher.expect_counts(key, {"wow": 1})
    publisher.expect_counts(other, {"sad": 1})
    expect_shown(reactions, {"wow": 1}, pressed="wow")
    expect_said(reactions, "")
    assert len(ballots(asked)) == 5  # the first is refused once; then the page knows
    failing_page.reload()
    button(ready(reactions), "angry").click()
    publisher.expect_counts(key, {"angry": 1})


@pytest.mark.parametrize("kept", ["not ours", "ABCDEF0123456789ABCDEF0123456789", "", "0" * 31])
def test_a_stored_id_that_is_not_ours_is_made_anew(page: Page, publisher: Publisher, kept: str) -> None:
    key = publisher.key()
    address = publisher.article(key)
    page.goto(address)
    page.evaluate("(kept) => localStorage['reader-reactions'] = kept", kept)

    button(open_row(page, address), "like").click()

    publisher.expect_counts(key, {"like": 1})
    assert re.fullmatch("[0-9a-f]{32}", stored(page)["reader-reactions"])


@pytest.mark.parametrize("again", ["dblclick", "two clicks"])
def test_a_double_click_is_one_vote(page: Page, publisher: Publisher, asked: list[Request], again: str) -> None:
    key = publisher.key()
    hear_changes(page)
    reactions = open_row(page, publisher.article(key))

    if again == "dblclick":
        button(reactions, "like").dblclick()
    else:
        button(reactions, "like").evaluate("(b) => { b.click(); return new Promise((r) => setTimeout(() => r(b.click()), 120)) }")

    page.wait_for_function("heard.length == 1")
    publisher.expect_counts(key, {"like": 1})
    expect_shown(reactions, {"like": 1}, pressed="like")
    assert len(ballots(asked)) == 1


def test_answers_that_take_six_seconds_are_shown_and_votes_counted_as_saved(page: Page, publisher: Publisher) -> None:
    key = publisher.key()

    def slowly(route: Route) -> None:
        answer = route.fetch()
        page.wait_for_timeout(6_000)
        route.fulfill(response=answer)

    page.route("**/reactions?*", slowly, times=1)
    page.goto(publisher.article(key))
    reactions = page.locator("reader-reactions")
    expect(reactions.get_by_role("button")).to_have_count(7, timeout=15_000)
    page.route("**/vote", slowly, times=1)
    hear_changes(page)

    button(reactions, "like").click()

    expect(button(reactions, "like")).to_have_attribute("aria-pressed", "true")
    publisher.expect_counts(key, {"like": 1})
    page.wait_for_timeout(6_500)
    expect_shown(reactions, {"like": 1}, pressed="like")
    expect_said(reactions, "")


def test_a_vote_whose_answer_is_lost_is_not_called_unsaved(failing_page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    reactions = open_row(failing_page, publisher.article(key))

    def lose(route: Route) -> None:
        route.fetch()
        route.fulfill(status=504, headers=OPEN_TO_ALL, body="")

    failing_page.route("**/vote", lose)

    button(reactions, "like").click()

    expect_said(reactions, "Not confirmed. Please try again.")
    publisher.expect_counts(key, {"like": 1})
    failing_page.unroute("**/vote")
    button(reactions, "like").click()
    expect_said(reactions, "")
    publisher.expect_counts(key, {"like": 1})


def refusing(status: int, headers: dict[str, str] | None = None) -> Callable[[Route], None]:
    problem = {"type": "/problems#internal-words", "title": "Internal words", "status": status, "detail": "Internal words."}
    return lambda route: route.fulfill(
        status=status,
        headers={**OPEN_TO_ALL, **(headers or {})},
        content_type="application/problem+json",
        body=json.dumps(problem),
    )


EXPOSED = {"Access-Control-Expose-Headers": "Retry-After"}


@pytest.mark.parametrize(
    ("status", "headers", "lang", "said"),
    [
        (409, {}, "en", "Voting is closed"),
        (422, {}, "de", "Diese Reaktion gibt es nicht mehr"),
        (404, {}, "fr", "Le vote ne fonctionne pas sur cette page"),
        (429, {"Retry-After": "40", **EXPOSED}, "de", "Bitte in 40 Sekunden noch einmal versuchen"),
        (429, {"Retry-After": "3600", **EXPOSED}, "en", "Please try again in 60 minutes"),
        (429, {}, "es", "Inténtelo de nuevo dentro de 60 segundos"),
        (400, {}, "it", "Non salvato"),
        (507, {}, "nl", "Niet opgeslagen"),
        (503, {"Retry-After": "600", **EXPOSED}, "pt", "Não confirmado. Tente novamente."),
    ],
)
def test_refusals_speak_to_readers_in_their_language(
    failing_page: Page, publisher: Publisher, status: int, headers: dict[str, str], lang: str, said: str
) -> None:
    reactions = open_row(failing_page, publisher.article(publisher.key(), lang=lang))
    failing_page.route("**/vote", refusing(status, headers))

    button(reactions, "like").click()

    expect(reactions.get_by_role("status")).to_have_text(said, timeout=10_000)
    expect(button(reactions, "like")).to_have_attribute("aria-pressed", "false")


def test_an_origin_that_is_not_allowed_is_told_to_the_publisher_once(failing_page: Page, publisher: Publisher) -> None:
    told: list[str] = []
    failing_page.on("console", lambda message: told.append(message.text) if message.type == "warning" else None)
    elsewhere = Pages()
    address = elsewhere.put(
        f"<!doctype html><html lang=en><title>Copied</title>{publisher.script}{row(publisher.key())}{row('b')}"
    )
    reactions = open_row(failing_page, address)

    for i in range(2):
        reactions = failing_page.locator("reader-reactions").nth(i)
        button(reactions, "like").click()
        expect(reactions.get_by_role("status")).to_have_text("Voting doesn’t work on this page", timeout=15_000)

    assert told == [f"reader-reactions: no votes from {elsewhere.origin}. Is it an origin of the site daily?"]
    elsewhere.close()


def test_a_site_that_does_not_exist_is_told_to_the_publisher_and_leaves_no_gap(failing_page: Page, publisher: Publisher) -> None:
    told: list[str] = []
    failing_page.on("console", lambda message: told.append(message.text) if message.type == "warning" else None)

    failing_page.goto(publisher.page('<reader-reactions site="dayly" article="a"></reader-reactions>'))

    until(failing_page, lambda: told)
    assert told[0].startswith("reader-reactions: ")
    expect(failing_page.locator("reader-reactions")).to_be_hidden()


def test_a_second_tab_shows_the_newest_choice_before_a_tap(page: Page, context: BrowserContext, publisher: Publisher) -> None:
    key = publisher.key()
    address = publisher.article(key)
    hear_changes(page)
    first = open_row(page, address)
    tab = context.new_page()
    second = open_row(tab, address)

    button(first, "love").click()
    page.wait_for_function("heard.length == 1")

    expect_shown(second, {"love": 1}, pressed="love")
    button(second, "wow").click()
    expect_shown(first, {"wow": 1}, pressed="wow")
    publisher.expect_counts(key, {"wow": 1})


def test_a_page_from_the_back_forward_cache_shows_the_newest_choice(page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    hear_changes(page)
    reactions = open_row(page, publisher.article(key))
    button(reactions, "like").click()
    page.wait_for_function("heard.length == 1")

    reader = stored(page)["reader-reactions"]
    publisher.vote(key, "sad", reader=reader)
    # What a page that slept finds when it wakes: another page has stored a newer choice, and no event told of it.
    page.evaluate(
        """(key) => {
          localStorage[`reader-reactions daily ${key}`] = `${Date.now() + 5} sad`;
          dispatchEvent(new PageTransitionEvent("pageshow", {persisted: true}));
        }""",
        key,
    )

    expect_shown(reactions, {"sad": 1}, pressed="sad")


def test_a_row_without_a_key_follows_the_pages_address(page: Page, publisher: Publisher) -> None:
    html = f'<!doctype html><html lang=en><title>x</title>{publisher.script}<reader-reactions site="daily"></reader-reactions>'
    first, second, third = (f"/{publisher.key()}" for _ in range(3))
    publisher.pages.put(html, path=first)
    publisher.vote(second, "sad", reader=ADA)
    hear_changes(page)
    reactions = open_row(page, publisher.pages.origin + first)

    page.evaluate("(path) => history.pushState({}, '', path)", second)

    expect_shown(reactions, {"sad": 1}, pressed=None)
    reactions.evaluate(
        "(row, path) => { history.replaceState({}, '', path); row.shadowRoot.querySelector('button').click() }", third
    )
    page.wait_for_function("heard.length == 1")
    assert heard(page)[0]["article"] == third
    page.go_back()
    expect_shown(reactions, {}, pressed=None)
    publisher.expect_counts(first, {})
    publisher.expect_counts(third, {"like": 1})


def test_a_kept_copy_of_the_page_does_not_multiply_the_single_tag(page: Page, publisher: Publisher) -> None:
    """Turbo keeps the page as it was, rows and all, and runs its scripts anew when it comes back."""
    tag = f'<script async src="{publisher.service.url}/widget/v1.js" data-site="daily" data-article="{publisher.key()}"></script>'
    page.goto(publisher.page(tag, head=""))
    ready(page.locator("reader-reactions"))

    for _ in range(3):
        page.evaluate(
            """() => new Promise((done) => {
              const kept = document.body.cloneNode(true);
              document.body.replaceWith(kept);
              for (const old of kept.querySelectorAll("script[src]")) {
                const script = document.createElement("script");
                for (const {name, value} of old.attributes) script.setAttribute(name, value);
                script.onload = done;
                old.replaceWith(script);
              }
            })"""
        )
        ready(page.locator("reader-reactions"))

    expect(page.locator("reader-reactions")).to_have_count(1)


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
    assert told == ["reader-reactions: give site, and server if the script is not loaded from it"]


def test_a_row_in_a_shadow_root_speaks_the_language_around_it(page: Page, publisher: Publisher) -> None:
    page.goto(publisher.page("<div id=host></div>", lang="de"))
    page.evaluate(
        "(html) => document.querySelector('#host').attachShadow({mode: 'open'}).innerHTML = `<section>${html}</section>`",
        row(publisher.key()),
    )

    expect(ready(page.locator("reader-reactions")).get_by_role("group")).to_have_accessible_name("Wie reagieren Sie darauf?")


def test_moved_into_another_document_and_back_it_keeps_its_styles(page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    page.goto(publisher.page(row(key) + "<iframe title=x srcdoc='<!doctype html><body>'></iframe>"))
    reactions = ready(page.locator("reader-reactions"))
    style = """(button) => [
      button.ownerDocument.defaultView.getComputedStyle(button).display, button.getBoundingClientRect().height > 90 ]"""
    page.evaluate(
        "moved = document.querySelector('reader-reactions'); document.querySelector('iframe').contentDocument.body.append(moved)"
    )

    framed = page.frame_locator("iframe").locator("reader-reactions")
    expect(framed.get_by_role("button")).to_have_count(7)
    assert button(framed, "like").evaluate(style) == ["grid", True]
    button(framed, "love").click()
    publisher.expect_counts(key, {"love": 1})

    page.evaluate("document.querySelector('main').append(moved)")
    expect_shown(ready(reactions), {"love": 1}, pressed="love")
    assert button(reactions, "like").evaluate(style) == ["grid", True]


def test_properties_do_as_attributes_do_before_and_after_the_script(page: Page, publisher: Publisher) -> None:
    first, second = publisher.key(), publisher.key()
    publisher.vote(second, "sad", reader=ADA)
    early = """<script>
      early = document.createElement("reader-reactions"); early.site = "daily"; early.article = document.title;
    </script>"""
    html = publisher.page(
        f"<script>document.title = '{first}'</script>{early}<script>document.querySelector('main').append(early)</script>"
    )

    page.goto(html)

    reactions = ready(page.locator("reader-reactions"))
    assert page.evaluate("[early.article, early.getAttribute('article'), early.site]") == [first, first, "daily"]
    page.evaluate("(key) => { early.article = key; early.heading = 'How was it?' }", second)
    expect_shown(reactions, {"sad": 1}, pressed=None)
    expect(reactions.get_by_role("group")).to_have_accessible_name("How was it?")
    page.evaluate("early.heading = null")
    expect(reactions.get_by_role("group")).to_have_accessible_name("What’s your reaction?")


def test_a_hundred_rows_of_a_site_are_one_request(page: Page, publisher: Publisher, asked: list[Request]) -> None:
    keys = [publisher.key() for _ in range(100)]
    publisher.vote(keys[99], "like", reader=ADA)

    page.goto(publisher.page("".join(map(row, keys))))

    ready(page.locator("reader-reactions").first)
    expect_shown(ready(page.locator("reader-reactions").last), {"like": 1}, pressed=None)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    ready(page.locator("reader-reactions").nth(50))
    assert len(gets(asked)) == 1


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
