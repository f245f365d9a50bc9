"""Article keys as pages give them: one that cannot be used spoils nothing else, and leaves no gap."""

from __future__ import annotations

from playwright.sync_api import Page, Request, Route, expect

from tests.make import ADA
from tests.widget.publisher import Publisher, number, row
from tests.widget.steps import (
    button,
    expect_shown,
    gets,
    ready,
)

OPEN_TO_ALL = {"Access-Control-Allow-Origin": "*"}
LONG = "x" * 201


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


def test_a_hundred_rows_of_a_site_are_one_request(page: Page, publisher: Publisher, asked: list[Request]) -> None:
    keys = [publisher.key() for _ in range(100)]
    publisher.vote(keys[99], "like", reader=ADA)

    page.goto(publisher.page("".join(map(row, keys))))

    ready(page.locator("reader-reactions").first)
    expect_shown(ready(page.locator("reader-reactions").last), {"like": 1}, pressed=None)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    ready(page.locator("reader-reactions").nth(50))
    assert len(gets(asked)) == 1
