"""The geometry of the small charts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import reactions.web
from reactions.newsroom.reaction_sets import Reaction, ReactionSet
from reactions.web.dashboard import charts
from reactions.web.dashboard.charts import Segment
from tests import make


def test_a_colour_belongs_to_its_reaction_whatever_else_is_offered() -> None:
    seven, four = charts.paints(make.reactions()), charts.paints(make.reactions("sad", "angry", "love", "like"))
    one, more = (
        ReactionSet(tuple(Reaction(key, "🙂", 1, {"en": "R"}) for key in keys)) for keys in (["proud"], ["zeal", "proud"])
    )

    assert seven == {"like": "r1", "dislike": "r2", "love": "r3", "funny": "r4", "angry": "r5", "sad": "r6", "wow": "r7"}
    assert four == {key: seven[key] for key in four}
    assert charts.paints(more)["proud"] == charts.paints(one)["proud"]


def test_colours_are_all_different_while_there_are_enough() -> None:
    def paints(n: int) -> list[str]:
        return list(charts.paints(ReactionSet(tuple(Reaction(f"own-{k}", "🙂", 1, {"en": "R"}) for k in range(n)))).values())

    assert len(set(paints(9))) == 9
    assert set(paints(24)) == set(paints(9))


@pytest.mark.parametrize("colour", ["#ffffff", "#000000", "#ffff00", "#fcfcfa", "#11151a", "#1c6cb5", "#808080"])
def test_a_chosen_colour_can_be_seen_on_both_pages(colour: str) -> None:
    for scheme, paper in charts.PAPERS.items():
        seen = charts.seen_on(scheme, colour)

        assert re.fullmatch("#[0-9a-f]{6}", seen)
        assert charts.contrast(bytes.fromhex(seen[1:]), paper) >= charts.CONTRAST
    assert charts.seen_on("light", "#1c6cb5") == "#1c6cb5"


def test_the_pages_are_as_light_and_as_dark_as_the_style_sheet_says() -> None:
    style = (Path(reactions.web.__path__[0]) / "static/dashboard/page.css").read_text()

    papers = re.findall(r"--paper: #([0-9a-f]{6});", style)
    assert [tuple(bytes.fromhex(paper)) for paper in papers] == list(charts.PAPERS.values())


def test_a_site_without_colours_of_its_own_has_no_style_sheet_and_one_with_them_names_them() -> None:
    chosen = make.reactions("like", "love").changed("love", colour="#ffd400")

    assert charts.own_colours(make.reactions()) == ""
    assert charts.paints(chosen) == {"like": "r1", "love": "paint-love"}
    assert charts.own_colours(chosen).endswith("{ --c: var(--paint-love); }\n")
    assert "dark) { :root { --paint-love: #ffd400; } }" in charts.own_colours(chosen)


def test_a_bar_begins_with_what_pleased_and_fills_its_length() -> None:
    assert charts.bar({"angry": 1, "like": 3, "love": 0}, make.reactions("angry", "like", "love")) == [
        Segment(0, 75, "r1"),
        Segment(75, 25, "r5"),
    ]
    assert charts.bar({}, make.reactions()) == []


def test_a_measure_lies_on_its_axis() -> None:
    at = charts.scale(0, -0.5, 1, floor=-1)

    assert (at.low, at.value, at.high) == (18, 36, 72)


def test_a_sparkline_never_leaves_its_frame() -> None:
    assert charts.line([0, -3, 10], width=96, height=24) == "0.0,23.5 48.0,23.5 96.0,0.5"
    assert charts.line([], width=96, height=24) == "0.0,23.5 96.0,23.5"
