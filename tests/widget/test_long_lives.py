"""Pages that live long: other tabs, the cache, new addresses, kept copies; and elements that are moved and set by scripts."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, Page, Request, expect

from tests.make import ADA
from tests.widget.publisher import Publisher, row
from tests.widget.steps import (
    ballots,
    button,
    expect_shown,
    hear_changes,
    heard,
    open_row,
    ready,
    stored,
)


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


def test_another_tab_does_not_send_a_vote_that_is_under_way(
    page: Page, context: BrowserContext, publisher: Publisher, asked: list[Request]
) -> None:
    key = publisher.key()
    address = publisher.article(key)
    first = open_row(page, address)
    tab = context.new_page()
    second = open_row(tab, address)

    button(first, "wow").click()

    expect_shown(second, {"wow": 1}, pressed="wow")
    tab.wait_for_timeout(2_500)  # it reads the counts again meanwhile
    assert len(ballots(asked)) == 1


def test_a_tap_in_a_younger_document_counts(page: Page, publisher: Publisher) -> None:
    """Each document counts the time of its events from its own start."""
    key = publisher.key()
    hear_changes(page)
    reactions = open_row(page, publisher.page(row(key) + "<iframe title=x></iframe>"))
    page.wait_for_timeout(1_500)
    button(reactions, "like").click()
    page.wait_for_function("heard.length == 1")

    page.evaluate(
        """() => new Promise((done) => {
          const frame = document.querySelector("iframe");
          frame.onload = () => done(frame.contentDocument.body.append(document.querySelector("reader-reactions")));
          frame.srcdoc = "<!doctype html><p>younger";
        })"""
    )
    button(page.frame_locator("iframe").locator("reader-reactions"), "like").click()

    publisher.expect_counts(key, {})


def test_forgotten_in_another_tab_the_reader_is_not_remembered_in_this_one(
    page: Page, context: BrowserContext, publisher: Publisher
) -> None:
    key = publisher.key()
    hear_changes(page)
    address = publisher.article(key)
    reactions = open_row(page, address)
    button(reactions, "love").click()
    page.wait_for_function("heard.length == 1")
    reader = stored(page)["reader-reactions"]
    tab = context.new_page()
    open_row(tab, address)

    tab.evaluate("document.querySelector('reader-reactions').forgetReader()")

    expect_shown(reactions, {"love": 1}, pressed=None)
    button(reactions, "wow").click()
    publisher.expect_counts(key, {"love": 1, "wow": 1})
    assert stored(page)["reader-reactions"] != reader


def test_a_kept_row_that_the_page_has_changed_is_not_doubled(page: Page, publisher: Publisher) -> None:
    tag = f'<script async src="{publisher.service.url}/widget/v1.js" data-site="daily" data-article="{publisher.key()}"></script>'
    page.goto(publisher.page(tag, head=""))
    ready(page.locator("reader-reactions"))

    page.evaluate(
        """() => new Promise((done) => {
          document.querySelector("reader-reactions").classList.add("revealed");
          const old = document.querySelector("main script");
          const script = document.createElement("script");
          for (const {name, value} of old.attributes) script.setAttribute(name, value);
          script.onload = done;
          old.replaceWith(script);
        })"""
    )

    expect(page.locator("reader-reactions")).to_have_count(1)


def test_a_property_that_is_false_is_no_attribute(page: Page, publisher: Publisher) -> None:
    """React and Vue set properties, where there are any."""
    page.goto(publisher.article(publisher.key()))
    ready(page.locator("reader-reactions"))

    menu = page.evaluate(
        """() => {
          const row = document.querySelector("reader-reactions");
          row.menu = true;
          row.menu = false;
          return row.menu ?? null;
        }"""
    )

    assert menu is None


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
