"""The words over the marks of a chart never lie on each other, however close together things were done, at any width."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

from playwright.sync_api import Page

from tests.web.dashboard.conftest import Paper

MINUTE_S = 60
LAID = """async ({marks, width, zone}) => {
  const {labelled, roomFor, writtenIn} = await import("/static/dashboard/marks.js")
  const labels = labelled(marks, {width, wide: (text) => 7 * text.length, written: writtenIn("en-GB", zone)})
  return {labels, room: roomFor(labels)}
}"""
NOON = 1_795_780_800  # Friday 27 November 2026, 12:00 UTC
WHAT = ("closed", "reopened", "hidden", "shown", "described", "another merged in")


def laid(page: Page, marks: list[tuple[float, int, str]], width: int = 700) -> dict[str, Any]:
    given = [{"x": x, "at": at, "what": what} for x, at, what in marks]
    found: dict[str, Any] = page.evaluate(LAID, {"marks": given, "width": width, "zone": "Europe/Berlin"})
    return found


def texts(found: dict[str, Any]) -> list[str]:
    return [label["text"] for label in found["labels"]]


def test_what_was_done_within_minutes_shares_its_words_and_says_when(page: Page) -> None:
    found = laid(page, [(400, NOON, "closed"), (402, NOON + 8 * MINUTE_S, "reopened"), (600, NOON + 9000, "hidden")])

    assert texts(found) == ["Closed, reopened 13:00–13:08", "Hidden"]


def test_what_was_done_again_and_again_is_told_by_its_ends_and_that_in_one_minute_by_one_time(page: Page) -> None:
    again = [(400 + n, NOON + 30 * n, ("closed", "reopened")[n % 2]) for n in range(8)]

    assert texts(laid(page, again)) == ["Closed … reopened 13:00–13:03"]
    assert texts(laid(page, [(10, NOON, "closed"), (10, NOON + 20, "reopened")])) == ["Closed, reopened 13:00"]
    assert texts(laid(page, [(10, NOON, "closed"), (12, NOON + 200_000, "reopened")])) == ["Closed, reopened 27 Nov–29 Nov"]


def test_words_that_would_lie_on_their_own_mark_are_shortened(page: Page) -> None:
    marks = [(140, NOON, "closed"), (142, NOON + 8 * MINUTE_S, "reopened"), (143, NOON + 9 * MINUTE_S, "hidden")]

    (label,) = laid(page, marks, 290)["labels"]

    assert label["text"] == "13:00–13:09"
    assert label["left"] > 140


def test_no_words_lie_on_others_or_leave_the_chart_and_no_mark_goes_without(page: Page) -> None:
    rnd = Random(5)
    for width in (230, 290, 700, 1300):
        for n in (1, 2, 5, 12, 40):
            places = sorted(rnd.uniform(0, width) * rnd.choice([1, 1, 0.98, 0]) for _ in range(n))
            marks = [(x, NOON + round(40_000 * x / width), rnd.choice(WHAT)) for x in places]

            found = laid(page, marks, width)

            rows: dict[int, list[tuple[float, float]]] = {}
            for label in found["labels"]:
                rows.setdefault(label["row"], []).append((label["left"], label["left"] + label["width"]))
            for spans in rows.values():
                spans.sort()
                assert all(end <= start for (_, end), (start, _) in pairwise(spans))
                assert spans[0][0] >= 0
                assert spans[-1][1] <= width
            assert max(rows) <= 2
            assert sum(len(label["marks"]) for label in found["labels"]) == n
            assert "" not in texts(found)


def test_a_chart_without_marks_takes_no_room_for_them(page: Page) -> None:
    assert laid(page, []) == {"labels": [], "room": 10}


def test_marks_are_read_out_below_the_chart_each_with_its_time(page: Page, paper: Paper) -> None:
    page.goto(paper.at("/dashboard/article?article=politics/pay-rise-withdrawn"))

    listed = page.get_by_role("list", name="Marked in the chart")

    assert "Published" in listed.inner_text()
    assert listed.locator("time").count() == listed.get_by_role("listitem").count() > 0
