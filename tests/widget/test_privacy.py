"""What the widget leaves on a device, what it tells whom, and that a strict page needs no exception for it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, Request, expect

from tests.engines import wait_until
from tests.make import BEN
from tests.widget.publisher import Publisher, number, row
from tests.widget.steps import ballots, button, expect_said, expect_shown, hear_changes, heard, open_row, ready, stored

ON_THE_DEVICE = """async () => ({
  cookies: document.cookie,
  local: Object.keys(localStorage),
  session: Object.keys(sessionStorage),
  databases: (await indexedDB.databases()).map((database) => database.name),
  caches: await caches.keys(),
  workers: (await navigator.serviceWorker.getRegistrations()).length,
})"""
NOTHING: dict[str, Any] = {"cookies": "", "local": [], "session": [], "databases": [], "caches": [], "workers": 0}


def test_nothing_is_on_the_device_before_the_first_vote(page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    reactions = open_row(page, publisher.page(row(key) + number(key)))
    button(reactions, "like").hover()
    button(reactions, "like").focus()
    page.reload()
    ready(reactions)

    assert page.evaluate(ON_THE_DEVICE) == NOTHING
    assert page.context.cookies() == []


def test_after_the_first_vote_there_are_a_random_id_the_own_choice_and_what_the_service_signed(
    page: Page, publisher: Publisher
) -> None:
    key, other = publisher.key(), publisher.key()
    hear_changes(page)
    reactions = open_row(page, publisher.page(row(key) + row(other)))

    button(reactions, "like").click()

    page.wait_for_function("heard.length == 1")
    kept = stored(page)
    assert re.fullmatch(r"[0-9a-f]{32}", kept.pop("reader-reactions"))
    assert re.fullmatch(r"\d{13} like", kept.pop(f"reader-reactions daily {key}"))
    assert re.fullmatch(r"[\w-]{9,200}", kept.pop(token_at(publisher)))
    assert kept == {}
    assert page.context.cookies() == []


def test_the_next_vote_brings_what_the_service_signed_and_the_page_is_not_told(
    page: Page, publisher: Publisher, asked: list[Request]
) -> None:
    key, other = publisher.key(), publisher.key()
    hear_changes(page)
    open_row(page, publisher.page(row(key) + row(other)))

    for votes in (1, 2):
        button(page.locator("reader-reactions").nth(votes - 1), "like").click()
        page.wait_for_function(f"heard.length == {votes}")

    first, second = ballots(asked)
    assert "token" not in first
    assert re.fullmatch(r"[\w-]{9,200}", second["token"])
    assert all("token" not in detail for detail in heard(page))


def test_a_stored_token_that_is_none_is_not_sent(page: Page, publisher: Publisher, asked: list[Request]) -> None:
    hear_changes(page)
    reactions = open_row(page, publisher.article(publisher.key()))
    page.evaluate("name => localStorage[name] = '<b>no token</b>'", token_at(publisher))

    button(reactions, "like").click()

    page.wait_for_function("heard.length == 1")
    assert "token" not in ballots(asked)[0]
    assert re.fullmatch(r"[\w-]{9,200}", stored(page)[token_at(publisher)])


def test_the_signature_of_the_article_goes_with_the_vote(page: Page, publisher: Publisher, asked: list[Request]) -> None:
    key, signature = publisher.key(), "0" * 64
    hear_changes(page)
    reactions = open_row(
        page, publisher.page(f'<reader-reactions site="daily" article="{key}" sig="{signature}"></reader-reactions>')
    )

    button(reactions, "like").click()

    page.wait_for_function("heard.length == 1")
    assert ballots(asked)[0]["sig"] == signature


def test_a_reader_has_everything_forgotten(page: Page, publisher: Publisher) -> None:
    key, other = publisher.key(), publisher.key()
    publisher.vote(key, "like", reader=BEN)
    hear_changes(page)
    with_menu = row(key).replace("<reader-reactions", "<reader-reactions menu")
    reactions = open_row_with_menu(page, publisher.page(with_menu + row(other)))
    forget = reactions.locator("[part=forget]")
    expect(forget).to_be_hidden()
    button(reactions, "like").click()
    button(page.locator("reader-reactions").last, "sad").click()
    page.wait_for_function("heard.length == 2")
    reader = stored(page)["reader-reactions"]
    page.evaluate("localStorage['of the page'] = 'stays'")

    forget.click()

    expect_said(reactions, "Your reactions are forgotten")
    assert stored(page) == {"of the page": "stays"}
    expect(button(reactions, "like")).to_have_attribute("aria-pressed", "false")
    expect(button(page.locator("reader-reactions").last, "sad")).to_have_attribute("aria-pressed", "false")
    expect(button(reactions, "like")).to_have_accessible_name("Like, 2")  # as nobody's
    expect(forget).to_be_hidden()
    button(reactions, "wow").click()
    publisher.expect_counts(key, {"like": 2, "wow": 1})
    assert stored(page)["reader-reactions"] != reader


def test_a_reader_who_cannot_be_forgotten_now_is_told_so_and_nothing_is_lost(failing_page: Page, publisher: Publisher) -> None:
    page = failing_page
    hear_changes(page)
    with_menu = row(publisher.key()).replace("<reader-reactions", "<reader-reactions menu")
    reactions = open_row_with_menu(page, publisher.page(with_menu))
    button(reactions, "like").click()
    page.wait_for_function("heard.length == 1")
    before = stored(page)
    page.route(
        "**/vote/reader", lambda route: route.fulfill(status=429, json={"type": "/problems#too-many-votes", "status": 429})
    )

    reactions.locator("[part=forget]").click()

    expect_said(reactions, "Please try again in 60 seconds")
    assert stored(page) == before
    expect(button(reactions, "like")).to_have_attribute("aria-pressed", "true")


def token_at(publisher: Publisher) -> str:
    """Where the widget keeps what the service signed."""
    return f"reader-reactions {publisher.service.url}/v1/sites/daily/"


def open_row_with_menu(page: Page, address: str) -> Locator:
    """Open a page whose first row has a menu, and wait until it shows counts."""
    page.goto(address)
    reactions = page.locator("reader-reactions").first
    expect(button(reactions, "wow")).to_be_visible()
    return reactions


def test_two_readers_have_two_ids(page: Page, publisher: Publisher) -> None:
    ids = set()
    for _ in range(2):
        reactions = open_row(page, publisher.article(publisher.key()))
        button(reactions, "like").click()
        ids.add(stored(page)["reader-reactions"])
        page.evaluate("localStorage.clear()")

    assert len(ids) == 2


def test_a_browser_that_refuses_storage_votes_with_one_id_for_as_long_as_the_page_is_open(
    page: Page, publisher: Publisher, asked: list[Request]
) -> None:
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('denied', 'SecurityError') }})"
    )
    key, other = publisher.key(), publisher.key()
    hear_changes(page)
    reactions = open_row(page, publisher.page(row(key) + row(other)))

    button(reactions, "like").click()
    page.wait_for_function("heard.length == 1")
    button(page.locator("reader-reactions").last, "sad").click()
    page.wait_for_function("heard.length == 2")

    expect_shown(reactions, {"like": 1}, pressed="like")
    first, second = ballots(asked)
    assert first["reader"] == second["reader"]
    assert re.fullmatch(r"[0-9a-f]{32}", first["reader"])


def test_a_browser_without_storage_votes(page: Page, publisher: Publisher) -> None:
    """Some in-app browsers switch it off: localStorage is null there."""
    page.add_init_script("Object.defineProperty(window, 'localStorage', {value: null})")
    reactions = open_row(page, publisher.article(publisher.key()))

    button(reactions, "like").click()

    expect_shown(reactions, {"like": 1}, pressed="like")


def test_where_the_storage_is_full_it_still_votes_with_one_id(page: Page, publisher: Publisher, asked: list[Request]) -> None:
    hear_changes(page)
    reactions = open_row(page, publisher.article(publisher.key()))
    page.evaluate(
        """() => {
          for (let size = 1 << 22; size; size >>= 1)
            try { for (let n = 0; ; n++) localStorage[`${size}-${n}`] = "x".repeat(size) } catch {}
        }"""
    )

    for votes, reaction in enumerate(["like", "wow"], start=1):
        button(reactions, reaction).click()
        page.wait_for_function(f"heard.length == {votes}")

    first, second = ballots(asked)
    assert first["reader"] == second["reader"]
    assert "reader-reactions" not in stored(page)


def test_only_the_service_is_asked_and_no_cookie_goes_with_it(page: Page, publisher: Publisher) -> None:
    service = urlsplit(publisher.service.url)
    page.context.add_cookies([{"name": "canary", "value": "1", "url": publisher.service.url}])
    seen: list[Request] = []
    page.on("request", lambda request: seen.append(request))
    hear_changes(page)
    reactions = open_row(page, publisher.article(publisher.key()) + "?private=path")
    button(reactions, "like").click()
    page.wait_for_function("heard.length == 1")

    asked = [request for request in seen if "/v1/" in urlsplit(request.url).path]

    assert {urlsplit(request.url).netloc for request in seen} == {service.netloc, urlsplit(publisher.pages.origin).netloc}
    assert len(asked) == 2
    for request in asked:
        headers = request.all_headers()
        assert "cookie" not in headers
        assert "private" not in headers.get("referer", "")


def test_a_page_with_the_strictest_policy_runs_it_without_a_violation(page: Page, publisher: Publisher) -> None:
    service = publisher.service.url
    policy = (
        f"default-src 'none'; script-src {service}/widget/v1.js; connect-src {service}; "
        "require-trusted-types-for 'script'; trusted-types 'none'; base-uri 'none'; form-action 'none'"
    )
    key = publisher.key()
    page.add_init_script(
        "violations = []; document.addEventListener('securitypolicyviolation', (e) => violations.push(e.effectiveDirective))"
    )
    hear_changes(page)
    html = (
        "<!doctype html><html lang=en><title>x</title><body>"
        f'<script async src="{service}/widget/v1.js" data-site="daily" data-article="{key}"></script>{number(key)}'
    )
    address = publisher.pages.put(
        html,
        headers={
            "Content-Security-Policy": policy,
            "Cross-Origin-Embedder-Policy": "require-corp",
            "Cross-Origin-Opener-Policy": "same-origin",
        },
    )

    reactions = open_row(page, address)
    button(reactions, "like").click()
    # Not page.wait_for_function: it evaluates text inside the page, which is just what the policy forbids.
    wait_until(lambda: page.evaluate("heard.length") == 1, why="the page hears of the vote")

    expect_shown(reactions, {"like": 1}, pressed="like")
    expect(page.locator("reaction-count")).to_have_text("1")
    assert button(reactions, "like").evaluate("(button) => getComputedStyle(button).display") == "grid"  # styled, though strict
    assert page.evaluate("violations") == []
