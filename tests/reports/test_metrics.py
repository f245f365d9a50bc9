"""Each formula against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reactions.reports import metrics
from reactions.reports.metrics import Measure, Shares, Votes

EVEN = Shares(0.5, 0.5)
FRIENDLY = Shares(0.6, 0.2)  # the site's average mood is 0.4


@pytest.mark.parametrize("usual", [FRIENDLY, Shares(1.0, 0.0), Shares(0.0, 0.0)])
def test_without_votes_there_is_no_mood_no_split_and_no_share(usual: Shares) -> None:
    assert metrics.mood(Votes(0, 0, 0), usual) is None
    assert metrics.split(Votes(0, 0, 0), usual) is None
    assert metrics.share(0, 0) is None
    assert not metrics.divides(Votes(0, 0, 0), usual)
    assert metrics.mood(Votes(0, 0, 1), usual) is not None  # a neutral vote is a vote


def test_a_mood_is_the_mean_of_the_votes_and_of_ten_of_the_usual_kind() -> None:
    # 30 positive, 10 negative, 10 neutral: the sum is 20, ten usual votes add 4: 24 of 60.
    measure = metrics.mood(Votes(30, 10, 50), FRIENDLY)

    # Shrunk shares: 36/60 and 12/60, so the variance is 0.8 - 0.16 = 0.64, over 60 votes.
    error = 1.959964 * math.sqrt(0.64 / 60)
    assert measure == Measure(pytest.approx(0.4), pytest.approx(0.4 - error), pytest.approx(0.4 + error), False)


def test_votes_of_one_kind_draw_the_mood_to_one_end_and_the_interval_stays_on_the_scale() -> None:
    measure = metrics.mood(Votes(0, 40, 40), EVEN)

    # (0 - 40 + 0) / 50 = -0.8; shrunk shares 0.1 and 0.9: variance 1 - 0.64 = 0.36 over 50.
    assert measure.value == pytest.approx(-0.8)
    assert measure.low == pytest.approx(-0.8 - 1.959964 * math.sqrt(0.36 / 50))
    assert metrics.mood(Votes(0, 2, 2), Shares(0, 1)).low == -1.0


@pytest.mark.parametrize(("total", "few"), [(9, True), (10, False)])
def test_nine_votes_are_few_and_ten_are_not(total: int, few: bool) -> None:
    votes = Votes(total, 0, total)

    assert metrics.mood(votes, EVEN).few is few
    assert metrics.split(votes, EVEN).few is few


def test_half_against_half_is_fully_divided_and_its_interval_is_not_empty() -> None:
    measure = metrics.split(Votes(50, 50, 100), EVEN)

    # p = q = 1/2 over 110 votes: the first order vanishes; the second is 16 * 2 * (1/4/110)² = 2/110².
    error = 1.959964 * math.sqrt(2) / 110
    assert measure == Measure(pytest.approx(1.0), pytest.approx(1 - error), 1.0, False)


def test_a_split_is_that_of_its_votes_and_of_ten_with_the_usual_split() -> None:
    # Own: 4 * 0.6 * 0.2 = 0.48, by chance the usual one too; it stays 0.48.
    measure = metrics.split(Votes(30, 10, 50), FRIENDLY)

    # The interval is that of the shrunk shares, (30 + 6) / 60 and (10 + 2) / 60.
    first = 16 * 0.12 * (0.8 - 0.48) / 60
    second = 16 * ((0.24 / 60) * (0.16 / 60) + (0.12 / 60) ** 2)
    error = 1.959964 * math.sqrt(first + second)
    assert measure == Measure(pytest.approx(0.48), pytest.approx(0.48 - error), pytest.approx(0.48 + error), False)
    # Own: 4 * 20 * 10 / 30² = 8/9 of 30 votes: (30 * 8/9 + 10 * 0.48) / 40.
    assert metrics.split(Votes(20, 10, 30), FRIENDLY).value == pytest.approx((30 * 8 / 9 + 4.8) / 40)


@pytest.mark.parametrize("usual", [EVEN, FRIENDLY, Shares(0.9, 0.1)])
def test_votes_of_one_kind_alone_never_raise_a_split(usual: Shares) -> None:
    angry = [metrics.split(Votes(0, n, n), usual).value for n in range(1, 40)]
    glad = [metrics.split(Votes(n, 0, n), usual).value for n in range(1, 40)]

    assert angry[9] == pytest.approx(2 * usual.positive * usual.negative)  # half of the usual split, 4pq
    assert angry == glad == sorted(angry, reverse=True)


def test_neutral_votes_unite() -> None:
    divided, diluted = Votes(10, 10, 20), Votes(10, 10, 200)

    assert metrics.split(diluted, EVEN).value < metrics.split(divided, EVEN).value / 4


COUNTS = st.integers(0, 10**6)


@given(COUNTS, COUNTS, COUNTS, st.floats(0, 1), st.floats(0, 1))
def test_the_values_for_ranking_are_those_of_the_measures(
    positive: int, negative: int, neutral: int, glad: float, sad: float
) -> None:
    votes, usual = Votes(positive, negative, positive + negative + neutral), Shares(glad, (1 - glad) * sad)
    assume(votes.total)

    assert metrics.mood_of(votes, usual) == metrics.mood(votes, usual).value
    assert metrics.split_of(votes, usual) == metrics.split(votes, usual).value


@given(COUNTS, COUNTS, COUNTS, st.floats(0, 1), st.floats(0, 1))
def test_the_interval_of_a_split_is_the_delta_methods_of_second_order(
    positive: int, negative: int, neutral: int, glad: float, sad: float
) -> None:
    votes, usual = Votes(positive, negative, positive + negative + neutral), Shares(glad, (1 - glad) * sad)
    assume(votes.total)
    weight = votes.total + metrics.PSEUDO_VOTES
    p, q = ((n + metrics.PSEUDO_VOTES * of) / weight for n, of in ((positive, usual.positive), (negative, usual.negative)))
    of_p, of_q, of_both = p * (1 - p) / weight, q * (1 - q) / weight, -p * q / weight
    first = q * q * of_p + p * p * of_q + 2 * p * q * of_both
    variance = 16 * (first + of_p * of_q + of_both * of_both)

    measure = metrics.split(votes, usual)

    error = metrics.Z_95 * math.sqrt(max(variance, 0))
    assert measure.low == pytest.approx(max(measure.value - error, 0), abs=1e-8)
    assert measure.high == pytest.approx(min(measure.value + error, 1), abs=1e-8)


def test_the_shares_of_a_site() -> None:
    assert metrics.shares_of(Votes(6, 2, 10)) == Shares(0.6, 0.2)
    assert metrics.shares_of(Votes(0, 0, 0)) == Shares(0.0, 0.0)


def test_a_period_that_took_back_more_than_it_gave_leaves_no_votes() -> None:
    assert Votes(-3, 4, 6).at_least_none == Votes(0, 4, 9)  # 5 neutral ones
    assert Votes(-3, -4, -9).at_least_none == Votes(0, 0, 0)


def test_a_trend_lends_three_reactions_to_both_sides() -> None:
    assert metrics.trend(0, 0) == 1
    assert metrics.trend(9, 3) == 2
    assert metrics.trend(0, 3) == 0.5


def test_a_surprise_lends_one_to_both_sides() -> None:
    assert metrics.surprise(30, 9) == pytest.approx(3.1)
    assert metrics.surprise(5, 0) == 6


def test_change_and_share() -> None:
    assert metrics.change(15, 10) == 0.5
    assert metrics.change(0, 10) == -1
    assert metrics.change(5, 0) is None
    assert metrics.change(5, -2) is None
    assert metrics.share(1, 4) == 0.25
    assert metrics.share(0, 0) is None


def test_quarters() -> None:
    assert metrics.quarters([1, 2, 3, 4, 5]) == (2, 3, 4)
    assert metrics.quarters([0, 0, 4, 8]) == (0, 2, 5)


def test_a_rate_is_told_of_a_thousand_with_wilsons_interval() -> None:
    rate = metrics.reaction_rate(10, 1000)

    assert rate is not None
    assert (rate.per_1000, round(rate.low, 2), round(rate.high, 2)) == (10, 5.44, 18.31)
    # Newcombe (1998), table I, has 81 of 263: 0.2553 to 0.3662.
    published = metrics.reaction_rate(81, 263)
    assert published is not None
    assert (round(published.low, 1), round(published.high, 1)) == (255.3, 366.2)


@pytest.mark.parametrize(("readers", "low", "high"), [(0, 0.0, 36.99), (100, 963.01, 1000.0)])
def test_a_rate_at_either_end_stays_on_the_scale_and_its_interval_is_not_empty(readers: int, low: float, high: float) -> None:
    rate = metrics.reaction_rate(readers, 100)

    assert rate is not None
    assert (rate.low, rate.high) == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.01))


@pytest.mark.parametrize(("readers", "views"), [(0, 0), (5, 99), (101, 100), (500, 10)])
def test_few_views_and_more_readers_than_views_have_no_rate(readers: int, views: int) -> None:
    assert metrics.reaction_rate(readers, views) is None
