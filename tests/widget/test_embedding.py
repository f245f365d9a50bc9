"""How a publisher embeds the elements: tags, attributes, a module, a pinned file, a path of the own domain."""

from __future__ import annotations

import base64
import hashlib

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.make import ADA
from tests.widget.publisher import Publisher, row
from tests.widget.steps import (
    ballots,
    button,
    expect_said,
    expect_shown,
    hear_changes,
    heard,
    open_row,
    ready,
    settle,
)


def test_one_tag_puts_the_row_after_itself(page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    source = f"{publisher.service.url}/widget/v1.js"
    tag = f'<script async src="{source}" data-site="daily" data-article="{key}" data-lang="fr" data-cms="7"></script>'

    reactions = open_row(page, publisher.page(f"<p>Text</p>{tag}<p>More</p>", head=""))

    assert reactions.evaluate("(row) => row.previousElementSibling.localName") == "script"
    expect(reactions.get_by_role("button", name="J’adore, 0", exact=True)).to_be_visible()
    button(reactions, "love").click()
    publisher.expect_counts(key, {"love": 1})


def test_two_single_tags_make_two_rows(page: Page, publisher: Publisher) -> None:
    keys = publisher.key(), publisher.key()
    source = f"{publisher.service.url}/widget/v1.js"
    tags = "".join(f'<script async src="{source}" data-site="daily" data-article="{key}"></script>' for key in keys)

    page.goto(publisher.page(tags, head=""))

    expect(page.locator("reader-reactions")).to_have_count(2)
    for i in range(2):
        ready(page.locator("reader-reactions").nth(i))


def test_the_script_may_stand_twice(page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    hear_changes(page)
    reactions = open_row(page, publisher.article(key, head=publisher.script * 2))

    button(reactions, "like").click()

    page.wait_for_function("heard.length == 1")
    expect_shown(reactions, {"like": 1}, pressed="like")


def test_without_an_article_the_path_of_the_page_is_the_key(page: Page, publisher: Publisher) -> None:
    html = f'<!doctype html><title>x</title>{publisher.script}<reader-reactions site="daily"></reader-reactions>'
    publisher.pages.put(html, path="/2024/br%C3%BCcke")
    hear_changes(page)

    reactions = open_row(page, f"{publisher.pages.origin}/2024/brücke?utm_source=letter#comments")
    button(reactions, "like").click()

    page.wait_for_function("heard.length == 1")
    assert heard(page)[0]["article"] == "/2024/brücke"


def test_a_closed_article_shows_its_counts_and_takes_no_vote(page: Page, publisher: Publisher, asked: list[Request]) -> None:
    key = publisher.key()
    publisher.vote(key, "like", reader=ADA)
    publisher.close_voting(key)

    reactions = open_row(page, publisher.article(key))

    expect_shown(reactions, {"like": 1}, pressed=None)
    expect_said(reactions, "Voting is closed")
    for i in range(7):
        expect(reactions.locator("button").nth(i)).to_be_disabled()
    button(reactions, "like").click(force=True)
    assert ballots(asked) == []


def test_it_can_be_imported_as_a_module(page: Page, publisher: Publisher) -> None:
    url = publisher.service.url
    head = f'<script type="module">import "{url}/widget/v1.js"</script>'

    reactions = open_row(page, publisher.page(row(publisher.key(), f'server="{url}"'), head=head))

    button(reactions, "like").click()
    expect_shown(reactions, {"like": 1}, pressed="like")


def test_it_works_behind_a_path_of_the_publishers_own_domain(page: Page, publisher: Publisher, asked: list[Request]) -> None:
    key, own = publisher.key(), f"{publisher.pages.origin}/reactions"
    cookies: list[str | None] = []

    def hand_on(route: Route) -> None:
        if "/v1/" in route.request.url:
            cookies.append(route.request.all_headers().get("cookie"))
        route.continue_(url=route.request.url.replace(own, publisher.service.url))

    page.route(f"{own}/**", hand_on)
    page.context.add_cookies([{"name": "session", "value": "the publisher's", "url": publisher.pages.origin}])
    reactions = open_row(page, publisher.article(key, head=f'<script async src="{own}/widget/v1.js"></script>'))

    with page.expect_response(lambda answer: answer.url.endswith("/vote") and answer.ok):
        button(reactions, "like").click()

    publisher.expect_counts(key, {"like": 1})
    expect_shown(reactions, {"like": 1}, pressed="like")
    assert asked == []  # not at the service's own address
    assert cookies == [None, None]


@pytest.mark.parametrize("release", ["1.0.0", "1.1.0", "1.2.0"])
def test_a_page_may_pin_the_script(page: Page, publisher: Publisher, release: str) -> None:
    digest = hashlib.sha384(publisher.service.get(f"/widget/{release}.js")[1]).digest()
    integrity = f"sha384-{base64.b64encode(digest).decode()}"
    source = f"{publisher.service.url}/widget/{release}.js"
    head = f'<script async src="{source}" integrity="{integrity}" crossorigin="anonymous"></script>'

    reactions = open_row(page, publisher.article(publisher.key(), head=head))

    button(reactions, "like").click()
    expect_shown(reactions, {"like": 1}, pressed="like")


def test_a_hidden_row_is_hidden(page: Page, publisher: Publisher) -> None:
    page.goto(publisher.page(row(publisher.key(), "hidden")))
    settle(page)

    expect(page.locator("reader-reactions")).to_be_hidden()


def test_odd_attributes_do_no_harm(failing_page: Page, publisher: Publisher) -> None:
    odd = [
        "",
        " ",
        "..",
        "../..",
        "a" * 5000,
        "&lt;script&gt;",
        "%00",
        "%E0%A4",
        "\u202e",
        "null",
        "?x=1&amp;y#z",
        "javascript:1",
    ]
    elements = [row(publisher.key(), f'{name}="{value}"') for name in ("lang", "server", "heading") for value in odd]
    elements += [f'<reader-reactions site="{value}" article="{value}"></reader-reactions>' for value in odd]

    failing_page.goto(publisher.page("".join(elements)))

    settle(failing_page)
    assert failing_page.locator("#after").inner_text() == "More on this article."
