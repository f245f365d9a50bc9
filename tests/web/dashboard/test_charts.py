"""The geometry of the small charts."""

from __future__ import annotations

from reactions.newsroom.reaction_sets import Reaction, ReactionSet
from reactions.web.dashboard import charts
from reactions.web.dashboard.charts import Segment
from tests import make


def test_colours_follow_the_mood_and_come_round_again() -> None:
    many = ReactionSet(tuple(Reaction(f"r{n}", "🙂", 1, {"en": "R"}) for n in range(7)))

    four = make.reactions("like", "angry", "love", "sad")

    assert charts.paints(four) == {"like": "p1", "angry": "n1", "love": "p2", "sad": "n2"}
    assert list(charts.paints(many).values()) == ["p1", "p2", "p3", "p4", "p5", "p6", "p1"]


def test_a_bar_begins_with_what_pleased_and_fills_its_length() -> None:
    assert charts.bar({"angry": 1, "like": 3, "love": 0}, make.reactions("angry", "like", "love")) == [
        Segment(0, 75, "p1"),
        Segment(75, 25, "n1"),
    ]
    assert charts.bar({}, make.reactions()) == []


def test_a_measure_lies_on_its_axis() -> None:
    at = charts.scale(0, -0.5, 1, floor=-1)

    assert (at.low, at.value, at.high) == (18, 36, 72)


def test_a_sparkline_never_leaves_its_frame() -> None:
    assert charts.line([0, -3, 10], width=96, height=24) == "0.0,23.5 48.0,23.5 96.0,0.5"
    assert charts.line([], width=96, height=24) == "0.0,23.5 96.0,23.5"
