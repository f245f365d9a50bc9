"""Numbers and comparisons in words."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from reactions.reports import words

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(("value", "said"), [(0, "0"), (1234, "1,234"), (-5, "−5"), (1.5, "1.5"), (2.0, "2")])
def test_a_count_has_its_thousands_and_a_median_its_half(value: float, said: str) -> None:
    assert words.number(value) == said


@pytest.mark.parametrize(("value", "said"), [(0.424, "+0.42"), (-0.3, "−0.30"), (0.001, "0.00"), (-0.001, "0.00"), (1, "+1.00")])
def test_a_mood_has_its_sign(value: float, said: str) -> None:
    assert words.signed(value) == said


@pytest.mark.parametrize(("value", "said"), [(3.14, "3.1"), (9.96, "10"), (23.6, "24"), (1234, "1,234"), (0.4, "0.4")])
def test_times_are_no_more_exact_than_they_can_be(value: float, said: str) -> None:
    assert words.ratio(value) == said


@pytest.mark.parametrize(("part", "said"), [(0, "0%"), (0.004, "<1%"), (0.425, "42%"), (1, "100%")])
def test_a_share_that_is_little_is_not_nothing(part: float, said: str) -> None:
    assert words.percent(part) == said


@pytest.mark.parametrize(
    ("hours", "said"), [(0.001, "1 min"), (0.75, "45 min"), (1, "1 h"), (47.9, "47 h"), (48, "2 days"), (169, "7 days")]
)
def test_an_age_is_told_in_the_unit_that_fits(hours: float, said: str) -> None:
    assert words.age(hours) == said.replace(" ", words.FIRM)


@pytest.mark.parametrize(
    ("part", "said"),
    [(None, "none before"), (0.001, "as many"), (-0.2, "20% fewer"), (1.34, "134% more"), (2.4, "3.4 × as many")],
)
def test_a_change_is_told_in_words(part: float | None, said: str) -> None:
    assert words.change(part) == said


@pytest.mark.parametrize(
    ("trending", "said"),
    [(2.1, "2.1\u202f× the usual rate at 3 h"), (1.0, "At the usual rate for 3 h"), (0.3, "Slower than usual at 3 h")],
)
def test_a_trend_near_the_usual_is_not_made_into_news(trending: float, said: str) -> None:
    assert words.trending(trending, 3) == said.replace("3 h", "3\u00a0h")


def test_the_hour_that_a_clock_change_repeats_is_told_as_it_was() -> None:
    before, after = (datetime(2025, 10, 26, 2, 0, tzinfo=BERLIN, fold=fold) for fold in (0, 1))

    assert words.bucket(before, "hour") == "Sun 26 Oct, 02:00–02:00"
    assert words.bucket(after, "hour") == "Sun 26 Oct, 02:00–03:00"
    assert words.bucket(before, "day") == "Sun 26 Oct"
    assert words.bucket(before, "week") == "Week from Sun 26 Oct"
