"""What the row looks like: its own faces, other pictures, forms and themes, lines without holes, totals and shares."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browsers import violations
from tests.databases import PROJECT
from tests.make import ADA, BEN
from tests.widget.publisher import Publisher, row
from tests.widget.steps import WORDS, button, expect_said, expect_shown, open_row, ready
from tests.widget.test_layout import MARGINS, always, box, boxes, clipped, sideways, with_counts

EXTRAS = json.loads((PROJECT / "reactions" / "widget" / "v1.json").read_text(encoding="utf-8"))
DOCUMENTED = (PROJECT / "docs" / "widget.md").read_text(encoding="utf-8")
THEMES = dict(re.findall(r"^\.(\w+) (\{ --reactions.*\})$", DOCUMENTED, re.MULTILINE))
FORMS = dict(
    zip(
        ("quiet", "compact"),
        re.findall(r"^reader-reactions (\{[^}]*--reactions[^}]*\})$", DOCUMENTED, re.MULTILINE),
        strict=True,
    )
)


def pictures(row: Locator) -> list[str]:
    """What stands in the place of each face."""
    found: list[str] = row.locator("[part=emoji] slot").evaluate_all(
        "(slots) => slots.map((slot) => slot.firstElementChild?.localName ?? slot.textContent)"
    )
    return found


def lines(row: Locator) -> list[int]:
    """How many buttons each line has."""
    return by_line(boxes(row.locator("[part=button]")))


def by_line(found: Sequence[Mapping[str, float]]) -> list[int]:
    tops = [each["y"] for each in found]
    return [tops.count(top) for top in sorted(set(tops))]


def test_the_seven_have_faces_of_our_own(page: Page, publisher: Publisher) -> None:
    reactions = open_row(page, publisher.article(publisher.key()))

    assert pictures(reactions) == ["svg"] * 7
    sizes = {(one["width"], one["height"]) for one in boxes(reactions.locator("svg"))}
    assert sizes == {(30, 30)}


def test_another_emoji_of_the_newsroom_is_shown_as_it_is(page: Page, publisher: Publisher) -> None:
    reaction = {"key": "like", "label": "Hot", "emoji": "🔥", "count": 0}
    page.route("**/reactions?*", always({"article": "a", "open": True, "total": 0, "reactions": [reaction]}))
    page.goto(publisher.article("a"))

    expect(page.get_by_role("button", name="Hot")).to_be_visible()
    assert pictures(page.locator("reader-reactions")) == ["🔥\ufe0f"]


def test_a_site_may_choose_the_emoji_for_one_reaction_and_the_page_for_all(page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    buttons = [{"key": k, "label": k, "emoji": e, "count": 0} for k, e in (("like", "👍"), ("love", "❤️"))]
    buttons[0]["icon"] = "emoji"
    page.route("**/reactions?*", always({"article": key, "open": True, "total": 0, "reactions": buttons}))

    for attribute, shown in (("", ["👍\ufe0f", "svg"]), ('icons="none"', ["", ""])):
        page.goto(publisher.page(row(key, attribute)))
        expect(page.get_by_role("button", name="love")).to_be_visible()
        assert pictures(page.locator("reader-reactions")) == shown


@pytest.mark.parametrize(("icons", "shown"), [("emoji", "👍\ufe0f"), ("none", "")])
def test_the_faces_may_be_left_out(page: Page, publisher: Publisher, icons: str, shown: str) -> None:
    reactions = open_row(page, publisher.page(row(publisher.key(), f'icons="{icons}"')))

    assert pictures(reactions)[0] == shown


def test_pictures_may_be_the_publishers_by_address_or_by_slot(failing_page: Page, publisher: Publisher) -> None:
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0h1v1z"/></svg>'
    for key in WORDS:
        if key != "wow":
            publisher.pages.put(svg, path=f"/faces/{key}.svg", headers={"Content-Type": "image/svg+xml"})
    given = row(publisher.key(), 'icons="/faces/{key}.svg"').replace("></", '><img slot="love" src="/faces/sad.svg" alt=""></')

    reactions = open_row(failing_page, publisher.page(given))

    assert [kind for kind in pictures(reactions)[:6] if kind != "img"] == []
    expect(reactions.locator("slot[name=wow]")).to_have_text("😮\ufe0f")  # there is no such picture
    assert (
        reactions.locator("slot[name=love]").evaluate("(slot) => slot.assignedElements()[0].getBoundingClientRect().width") == 30
    )


def test_without_the_second_file_it_speaks_english_and_shows_emoji(failing_page: Page, publisher: Publisher) -> None:
    failing_page.route("**/widget/v1.json", lambda route: route.abort("connectionreset"))
    key = publisher.key()

    reactions = open_row(failing_page, publisher.article(key, lang="de"))

    expect(reactions.get_by_role("group")).to_have_accessible_name("What’s your reaction?")
    assert pictures(reactions)[0] == "👍\ufe0f"
    button(reactions, "like").click()
    publisher.expect_counts(key, {"like": 1})


@pytest.mark.parametrize("content", ["null", "[]", '"x"', '{"words": 1, "faces": {"👍": 7, "👎": {"paths": 3}}}', "<html>"])
def test_a_hostile_second_file_does_no_harm(failing_page: Page, publisher: Publisher, content: str) -> None:
    failing_page.route(
        "**/widget/v1.json", lambda route: route.fulfill(body=content, headers={"Access-Control-Allow-Origin": "*"})
    )

    reactions = open_row(failing_page, publisher.article(publisher.key()))

    expect(reactions.get_by_role("group")).to_have_accessible_name("What’s your reaction?")


def test_the_words_of_every_language_are_whole_and_typographic() -> None:
    assert set(EXTRAS["words"]) == {"en", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "tr", "uk", "ar"}
    for language, words in EXTRAS["words"].items():
        assert len(words) == 11, language
        assert "'" not in "".join(words)
        assert [i for i, word in enumerate(words) if "{}" in word] == [5, 8], language


def test_no_line_has_a_hole_at_any_width(page: Page, publisher: Publisher) -> None:
    with_counts(page)
    reactions = open_row(page, publisher.page(row(publisher.key()), css="main { padding: 0 10px } h1 { display: none }"))

    for width in range(200, 1000, 37):
        page.set_viewport_size({"width": width, "height": 600})
        (room,), found = boxes(reactions.locator("[part=row]")), boxes(reactions.locator("[part=button]"))
        assert by_line(found) in ([7], [4, 3] if width > 300 else [2, 2, 2, 1]), width
        for at in {1: (0,), 2: (0, 4), 4: (0, 2, 4, 6)}[len(by_line(found))]:
            assert found[at]["x"] == room["x"]
        assert abs(found[-1]["x"] + found[-1]["width"] - room["x"] - room["width"]) < 1.5


@pytest.mark.parametrize(
    ("amount", "narrow", "wide"), [(5, [3, 2], [5]), (6, [3, 3], [6]), (8, [4, 4], [8]), (12, [4, 4, 4], [6, 6])]
)
def test_other_sets_have_no_orphans_either(
    page: Page, publisher: Publisher, amount: int, narrow: list[int], wide: list[int]
) -> None:
    offered = [{"key": f"r{n}", "label": "Word", "emoji": "🙂", "count": 0} for n in range(amount)]
    page.route("**/reactions?*", always({"article": "a", "open": True, "total": 0, "reactions": offered}))
    page.goto(publisher.page(row("a"), css=MARGINS))
    reactions = page.locator("reader-reactions")
    expect(reactions.get_by_role("button")).to_have_count(amount)

    assert lines(reactions) == wide
    page.set_viewport_size({"width": 320, "height": 600})
    assert lines(reactions) == narrow


@pytest.mark.parametrize("form", FORMS)
def test_forms_are_made_by_properties_alone(page: Page, publisher: Publisher, form: str) -> None:
    for width in (320, 900):
        page.set_viewport_size({"width": width, "height": 600})
        key = publisher.key()
        reactions = open_row(page, publisher.article(key, css=f"{MARGINS} reader-reactions {FORMS[form]}"))
        button(reactions, "love").click()
        expect_shown(reactions, {"love": 1}, pressed="love")

        assert sideways(page) == 0
        assert clipped(reactions) == []
        found = boxes(reactions.locator("[part=button]"))
        assert min(min(one["width"], one["height"]) for one in found) >= 44
        assert (max(one["height"] for one in found) < 60) == (form == "compact")
        assert violations(page) == []


def test_there_are_two_more_forms_and_five_themes() -> None:
    assert set(FORMS) == {"quiet", "compact"}
    assert len(THEMES) == 5


@pytest.mark.parametrize("theme", THEMES)
def test_themes_are_made_by_properties_alone_and_can_be_read(page: Page, publisher: Publisher, theme: str) -> None:
    css = "body { background: #121417; color: #e8eaed }" if theme == "night" else ""
    reactions = open_row(page, publisher.article(publisher.key(), css=f"{MARGINS} {css} reader-reactions {THEMES[theme]}"))
    button(reactions, "love").click()
    expect_shown(reactions, {"love": 1}, pressed="love")

    assert violations(page) == []


def test_results_may_wait_for_the_own_vote_and_come_as_shares_and_a_total(page: Page, publisher: Publisher) -> None:
    key = publisher.key()
    publisher.vote(key, "like", reader=ADA)
    publisher.vote(key, "sad", reader=BEN)
    reactions = open_row(page, publisher.page(row(key, 'results="after share total"')))
    assert reactions.locator("[part=count]").all_inner_texts() == [""] * 7
    expect(button(reactions, "like")).to_have_accessible_name("Like")
    height = box(reactions)["height"]

    button(reactions, "like").click()

    expect(reactions.locator("[part=count]")).to_have_text(["67%", "0%", "0%", "0%", "0%", "33%", "0%"])
    expect(button(reactions, "like")).to_have_accessible_name("Like, 67%")
    expect_said(reactions, "Reactions: 3")
    assert box(reactions)["height"] == height
    page.reload()
    expect_said(ready(reactions), "Reactions: 3")


def test_a_face_asks_nobody_but_the_service(page: Page, publisher: Publisher) -> None:
    asked: list[Route] = []
    page.route(re.compile("^(?!http://(127.0.0.1|localhost))"), lambda route: asked.append(route))

    open_row(page, publisher.article(publisher.key()))

    assert asked == []
