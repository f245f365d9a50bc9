"""Numbers and comparisons in words."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from reactions import languages
from reactions.reports import words
from reactions.reports.dashboard import Live
from reactions.reports.metrics import Rate
from reactions.reports.norms import Group, Surprise
from reactions.reports.ranking import Trend

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(("value", "said"), [(0, "0"), (1234, "1,234"), (-5, "−5"), (1.5, "1.5"), (2.0, "2")])
def test_a_count_has_its_thousands_and_a_median_its_half(value: float, said: str) -> None:
    assert words.number(value) == said


@pytest.mark.parametrize(
    ("value", "said"), [(0, "0 changes of votes"), (1, "1 change of votes"), (1234, "1,234 changes of votes")]
)
def test_a_count_stands_before_its_noun(value: int, said: str) -> None:
    assert words.counted(value, "change of votes", "changes of votes") == said
    assert words.counted(value, "vote") == said.replace("changes of ", "").replace("change of votes", "vote")


@pytest.mark.parametrize(("value", "said"), [(0.424, "+0.42"), (-0.3, "−0.30"), (0.001, "0.00"), (-0.001, "0.00"), (1, "+1.00")])
def test_a_mood_has_its_sign(value: float, said: str) -> None:
    assert words.signed(value) == said


@pytest.mark.parametrize(("value", "said"), [(3.14, "3.1"), (9.96, "10"), (23.6, "24"), (1234, "1,234"), (0.4, "0.4")])
def test_times_are_no_more_exact_than_they_can_be(value: float, said: str) -> None:
    assert words.ratio(value) == said


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "12.4 of 1,000 who saw the row reacted (10.4 to 14.8)"),
        ("de", "12,4 von 1.000, die die Leiste sahen, haben reagiert (10,4 bis 14,8)"),
        ("es", "12,4 de cada 1.000 que vieron la fila reaccionaron (de 10,4 a 14,8)"),
        ("fr", "12,4 sur 1\u202f000 qui ont vu la rangée ont réagi (de 10,4 à 14,8)"),
    ],
)
def test_a_rate_is_told_in_a_sentence(language: str, said: str) -> None:
    with languages.speaking(language):
        assert words.reaction_rate(Rate(12.4, 10.41, 14.76)) == said


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
    [(0.001, "as many"), (-0.2, "20% fewer"), (1.34, "134% more"), (2.4, "3.4 × as many")],
)
def test_a_change_is_told_in_words(part: float, said: str) -> None:
    assert words.change(part) == said


@pytest.mark.parametrize(
    ("gained", "expected", "said", "times"),
    [
        (18, 10.0, "18 readers in three hours, usually 10", "1.8\u202f× the usual rate"),
        (11, 10.0, "11 readers in three hours, usually 10", ""),
        (1, 0.2, "1 reader in three hours, usually none", ""),
        (9, 1.2, "9 readers in three hours, usually 1", ""),  # fewer than five are put in no proportion
    ],
)
def test_a_rate_is_told_in_numbers_that_can_be_repeated(gained: int, expected: float, said: str, times: str) -> None:
    trend = Trend(1.0, gained, expected)

    assert (words.trend(trend), words.times_usual(trend)) == (said, times)


@pytest.mark.parametrize(
    ("surprise", "said"),
    [
        (
            Surprise("angry", None, 149, 0, Group("site", None), 3),
            "149 Angry in its first 3 h; this site’s articles usually have none",
        ),
        (Surprise("angry", None, 12, 3, Group("author", "Ada"), 3), "12 Angry in its first 3 h; articles by Ada usually have 3"),
        (
            Surprise("angry", 3.1, 31, 10, Group("section", "Politics"), 72),
            "3.1 × the usual Angry: 31 in its first 3 days; articles in Politics usually have 10",
        ),
    ],
)
def test_a_surprise_says_how_many_and_what_is_usual_for_whom(surprise: Surprise, said: str) -> None:
    plain = "".join(words.surprise(surprise, "Angry")).replace(words.FIRM, " ").replace(words.NARROW, " ")

    assert plain == said


def test_this_hour_is_told_beside_the_same_minutes_of_another() -> None:
    until = datetime(2025, 11, 25, 17, 20, tzinfo=BERLIN)

    assert (
        words.live(Live(41, 90, until, 36, 30, 31.0, [])) == "That is as usual: 36 by 17:20, usually 31 in this hour of the week."
    )
    assert words.live(Live(41, 90, until, 36, 30, None, [])) == "36 by 17:20; 30 by 16:20, an hour before."
    assert words.live(Live(1, 2, until, 1, 1, 0.0, [])) == "This hour of the week is usually quiet: 1 by 17:20."
    assert words.live(Live(3, 90, None, None, None, None, [])) == "90 in the whole hour before."


@pytest.mark.parametrize(
    ("so_far", "usual", "said"),
    [(46, 31.0, "as usual"), (47, 31.0, "more than usual"), (20, 31.0, "less than usual"), (5, 0.0, "more than usual")],
)
def test_an_hour_is_unusual_by_half_as_much_again_and_five(so_far: int, usual: float, said: str) -> None:
    until = datetime(2025, 11, 25, 17, 20, tzinfo=BERLIN)

    assert words.live(Live(so_far, 90, until, so_far, 30, usual, [])).startswith(f"That is {said}: {so_far} by 17:20, usually ")


def test_the_hour_that_a_clock_change_repeats_is_told_as_it_was() -> None:
    before, after = (datetime(2025, 10, 26, 2, 0, tzinfo=BERLIN, fold=fold) for fold in (0, 1))

    assert words.bucket(before, "hour") == "Sun 26 Oct, 02:00–02:00"
    assert words.bucket(after, "hour") == "Sun 26 Oct, 02:00–03:00"
    assert words.bucket(before, "day") == "Sun 26 Oct"
    assert words.bucket(before, "week") == "Week from Sun 26 Oct"
