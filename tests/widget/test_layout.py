"""How the row lies on the page: no shift, no sideways scroll, room for fingers, numbers and long words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, FloatRect, Locator, Page, Route, expect

from tests.browsers import Complaints
from tests.widget.publisher import Publisher, number, row
from tests.widget.steps import button, expect_said, expect_shown, frames, hear_changes, open_row, ready

PHONE = 320
DESK = 900
# What docs/widget.md tells publishers to add where the row is in view at once.
RESERVED = """
reader-reactions:not(:defined) { display: block; min-height: 9.25rem }
@media (max-width: 33rem) { reader-reactions:not(:defined) { min-height: 15.5rem } }
"""
MARGINS = "main { max-width: 40rem; margin: auto; padding: 0 1rem }"
WATCH_SHIFTS = """shifts = [];
new PerformanceObserver((list) => { for (const entry of list.getEntries()) shifts.push(entry.value) })
  .observe({type: "layout-shift", buffered: true});"""
COUNTS = [0, 7, 1_234_567, 1_284, 97, 412, 38]
# As wide as Verdana and DejaVu Sans draw their letters: pages choose the fonts, and machines have different ones.
WIDE_LETTERS = "reader-reactions::part(label), reader-reactions::part(count) { letter-spacing: .14em }"


def with_counts(page: Page, numbers: list[int] | None = None, **members: Any) -> None:
    """Let the service's answers about rows carry these counts."""

    def answer(route: Route) -> None:
        real = route.fetch()
        seen = real.json()
        for reaction, count in zip(seen["reactions"], numbers or COUNTS, strict=True):
            reaction["count"] = count
        route.fulfill(response=real, json=seen | {"total": sum(numbers or COUNTS)} | members)

    page.route("**/reactions?*", answer)


def always(answer: dict[str, Any]) -> Callable[[Route], None]:
    return lambda route: route.fulfill(json=answer, headers={"Access-Control-Allow-Origin": "*"})


def box(of: Locator) -> FloatRect:
    found = of.bounding_box()
    assert found is not None
    return found


def boxes(of: Locator) -> list[dict[str, float]]:
    """Where each of these elements lies."""
    found: list[dict[str, float]] = of.evaluate_all("(all) => all.map((one) => one.getBoundingClientRect().toJSON())")
    return found


def clipped(row: Locator) -> list[str]:
    """Texts that are wider than the button they stand in."""
    found: list[str] = row.evaluate(
        """(row) => [...row.shadowRoot.querySelectorAll("button")].filter((button) => {
          const range = document.createRange();
          range.selectNodeContents(button);
          const text = range.getBoundingClientRect(), frame = button.getBoundingClientRect();
          return text.left < frame.left || text.right > frame.right || text.top < frame.top || text.bottom > frame.bottom;
        }).map((button) => button.innerText)"""
    )
    return found


def sideways(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    found: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return found


@pytest.mark.parametrize("width", [PHONE, 414, 600, DESK])
@pytest.mark.parametrize(("lang", "css"), [("en", ""), ("de", ""), ("en", WIDE_LETTERS)])
def test_nothing_on_the_page_moves(page: Page, publisher: Publisher, width: int, lang: str, css: str) -> None:
    """Neither when the script comes late, nor with the counts, nor with a vote and its answer."""
    key = publisher.key()
    page.set_viewport_size({"width": width, "height": 700})
    page.add_init_script(WATCH_SHIFTS)
    hear_changes(page)
    with_counts(page)
    scripts: list[Route] = []
    page.route("**/widget/v1.js", lambda route: scripts.append(route))
    page.goto(publisher.article(key, lang=lang, css=MARGINS + RESERVED + css), wait_until="commit")
    expect(page.locator("#after")).to_be_visible()
    frames(page)
    before = box(page.locator("#after"))["y"]

    scripts[0].continue_()
    reactions = ready(page.locator("reader-reactions"))
    button(reactions, "wow").click()
    page.wait_for_function("heard.length == 1")
    page.wait_for_timeout(700)  # past the half second in which shifts after a tap are forgiven

    assert page.evaluate("shifts") == []
    assert box(page.locator("#after"))["y"] == before


def test_the_reserve_of_the_documentation_is_the_height_of_the_row(page: Page, publisher: Publisher) -> None:
    for width, expected in ((DESK, 9.25 * 16), (PHONE, 15.5 * 16)):
        page.set_viewport_size({"width": width, "height": 700})
        reactions = open_row(page, publisher.article(publisher.key(), css=MARGINS))

        assert box(reactions)["height"] == expected


def test_a_number_in_a_list_moves_nothing_below_it(page: Page, publisher: Publisher) -> None:
    keys = [publisher.key() for _ in range(5)]
    page.add_init_script(WATCH_SHIFTS)
    items = "".join(f"<li>An article about something {number(key)}</li>" for key in keys)

    page.goto(publisher.page(f"<ul>{items}</ul>"))

    expect(page.locator("reaction-count").last).to_have_text("0")
    frames(page)
    assert page.evaluate("shifts") == []


@pytest.mark.parametrize(("lang", "direction"), [("en", "ltr"), ("de", "ltr"), ("fr", "ltr"), ("ar", "rtl")])
def test_it_fits_a_phone_of_320_pixels(page: Page, publisher: Publisher, lang: str, direction: str) -> None:
    page.set_viewport_size({"width": PHONE, "height": 700})
    with_counts(page)

    reactions = open_row(page, publisher.article(publisher.key(), lang=lang, direction=direction, css=MARGINS))

    assert sideways(page) == 0
    assert clipped(reactions) == []
    seven = boxes(reactions.locator("[part=button]"))
    assert min(min(one["width"], one["height"]) for one in seven) >= 44
    assert len({one["height"] for one in seven}) == 1
    assert [len([one for one in seven if one["y"] == y]) for y in sorted({one["y"] for one in seven})] == [4, 3]


@pytest.mark.parametrize("count", [1_234_567, 12_345_678, 1_234_567_890])
def test_a_long_count_fits_in_wide_letters_and_the_others_keep_their_size(page: Page, publisher: Publisher, count: int) -> None:
    page.set_viewport_size({"width": PHONE, "height": 700})
    with_counts(page, [0, 7, count, 1_284, 97, 412, 38])

    reactions = open_row(page, publisher.article(publisher.key(), css=MARGINS + WIDE_LETTERS))

    assert clipped(reactions) == []
    counts = reactions.locator("[part=count]")
    sizes = [counts.nth(at).evaluate("(one) => parseFloat(getComputedStyle(one).fontSize)") for at in range(7)]
    assert sizes[2] >= 6
    assert {size for at, size in enumerate(sizes) if at != 2} == {12.8}


@pytest.mark.parametrize(("width", "in_line"), [(160, 2), (240, 2), (280, 4)])
@pytest.mark.parametrize("style", ["", "white-space: nowrap"])
def test_it_fits_a_narrow_column(page: Page, publisher: Publisher, width: int, in_line: int, style: str) -> None:
    with_counts(page)
    column = f'<div style="width: {width}px; {style}">{row(publisher.key())}</div>'

    reactions = open_row(page, publisher.page(column, lang="de"))

    assert clipped(reactions) == []
    seven = boxes(reactions.locator("[part=button]"))
    assert len([one for one in seven if one["y"] == seven[0]["y"]]) == in_line
    assert min(one["width"] for one in seven) >= 44


def test_on_a_wide_page_the_seven_stand_in_one_line(page: Page, publisher: Publisher) -> None:
    with_counts(page)

    reactions = open_row(page, publisher.article(publisher.key(), lang="de"))

    assert len({one["y"] for one in boxes(reactions.locator("[part=button]"))}) == 1
    assert clipped(reactions) == []


def test_right_to_left_the_first_reaction_is_on_the_right(page: Page, publisher: Publisher) -> None:
    reactions = open_row(page, publisher.article(publisher.key(), lang="ar", direction="rtl"))

    lefts = [one["x"] for one in boxes(reactions.locator("[part=button]"))]

    assert lefts == sorted(lefts, reverse=True)


@pytest.mark.parametrize(
    "root", ["html { font-size: 62.5% }", "html { font-size: 200% }", "body { letter-spacing: .12em; word-spacing: .16em }"]
)
def test_it_bears_the_type_sizes_of_its_pages_and_readers(page: Page, publisher: Publisher, root: str) -> None:
    page.set_viewport_size({"width": PHONE, "height": 700})
    with_counts(page, [0, 7, 123, 4, 97, 412, 38])

    reactions = open_row(page, publisher.article(publisher.key(), css="main { padding: 0 16px }" + root))

    assert sideways(page) == 0
    assert clipped(reactions) == []
    assert min(one["width"] for one in boxes(reactions.locator("[part=button]"))) >= 44


def test_type_and_colour_come_from_the_page(page: Page, publisher: Publisher) -> None:
    css = "main { font-family: Georgia; color: rgb(10, 20, 30) }"
    reactions = open_row(page, publisher.article(publisher.key(), css=css))

    for part in ("heading", "button", "label", "count"):
        style = reactions.locator(f"[part={part}]").first.evaluate(
            "(e) => [getComputedStyle(e).color, getComputedStyle(e).fontFamily]"
        )
        assert style == ["rgb(10, 20, 30)", "Georgia"]


def test_parts_and_properties_can_be_themed(page: Page, publisher: Publisher) -> None:
    css = (
        ":root { --reactions-accent: rgb(200, 0, 0); --reactions-tint: rgb(0, 0, 200); --reactions-border: rgb(0, 200, 0);"
        " --reactions-radius: 9px; --reactions-gap: 11px; --reactions-emoji: 40px }"
        "reader-reactions::part(heading) { font-style: italic } reader-reactions::part(row) { max-width: none }"
        "reader-reactions::part(status) { color: rgb(200, 0, 0) } reader-reactions::part(label) { color: rgb(0, 100, 100) }"
    )
    reactions = open_row(page, publisher.article(publisher.key(), css=css))
    button(reactions, "like").click()
    expect_shown(reactions, {"like": 1}, pressed="like")
    page.mouse.move(0, 0)

    def style(selector: str, name: str) -> Any:
        return reactions.locator(selector).first.evaluate("(element, name) => getComputedStyle(element)[name]", name)

    assert style("[aria-pressed=true]", "backgroundColor") == "rgb(0, 0, 200)"
    assert style("[aria-pressed=false]", "borderTopColor") == "rgb(0, 200, 0)"
    assert style("button", "borderTopLeftRadius") == "9px"
    assert style("[part=row]", "columnGap") == "11px"
    assert style("[part=row]", "maxWidth") == "none"
    assert style("[part=emoji]", "fontSize") == "40px"
    assert style("[part=heading]", "fontStyle") == "italic"
    assert style("[part=label]", "color") == "rgb(0, 100, 100)"
    assert style("[part=status]", "color") == "rgb(200, 0, 0)"
    reactions.evaluate("(row) => row.shadowRoot.querySelector('button').blur()")
    assert style("[aria-pressed=true]", "outlineColor") == "rgb(200, 0, 0)"


def test_in_forced_colours_the_pressed_button_stands_out(browser: Browser, publisher: Publisher, complaints: Complaints) -> None:
    context = browser.new_context(forced_colors="active")
    page = context.new_page()
    complaints.watch(page)
    reactions = open_row(page, publisher.article(publisher.key()))
    button(reactions, "like").click()
    expect_shown(reactions, {"like": 1}, pressed="like")
    reactions.evaluate("(row) => row.shadowRoot.activeElement.blur()")

    outlines = reactions.locator("[part=button]").evaluate_all("(all) => all.map((one) => getComputedStyle(one).outlineStyle)")

    assert outlines == ["solid"] + ["none"] * 6
    context.close()


def test_emoji_are_asked_for_in_colour(page: Page, publisher: Publisher) -> None:
    reactions = open_row(page, publisher.page(row(publisher.key(), 'icons="emoji"')))

    emoji = reactions.locator("[part=emoji]").all_inner_texts()

    assert all(text.endswith("\ufe0f") for text in emoji)


def test_words_of_two_lines_in_the_status_do_not_break_the_page(failing_page: Page, publisher: Publisher) -> None:
    failing_page.set_viewport_size({"width": PHONE, "height": 700})
    reactions = open_row(failing_page, publisher.article(publisher.key(), css=MARGINS))
    failing_page.context.set_offline(True)

    button(reactions, "like").click()

    expect_said(reactions, "Not saved – offline")
    assert sideways(failing_page) == 0
    assert box(reactions)["height"] == 15.5 * 16


def test_other_sets_than_seven_are_laid_out(page: Page, publisher: Publisher) -> None:
    """Three, five, eight and twelve reactions: none is lost, none is too narrow."""
    for amount in (1, 3, 5, 8, 12):
        answer = {
            "article": "a", "open": True, "total": 0,
            "reactions": [{"key": f"r{n}", "label": "Reaction", "emoji": "🙂", "count": 0} for n in range(amount)],
        }  # fmt: skip

        page.route("**/reactions?*", always(answer))
        for width in (PHONE, DESK):
            page.set_viewport_size({"width": width, "height": 700})
            page.goto(publisher.page(row("a"), css=MARGINS))
            reactions = page.locator("reader-reactions")
            expect(reactions.get_by_role("button")).to_have_count(amount)
            assert sideways(page) == 0
            assert min(one["width"] for one in boxes(reactions.locator("[part=button]"))) >= 44
        page.unroute("**/reactions?*")
