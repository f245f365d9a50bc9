"""The formulas behind the numbers; docs/metrics.md explains them in words. Nothing here knows where numbers come from."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from reactions.intervals import Z_95, wilson

PSEUDO_VOTES = 10  # votes at the site's average that every article is lent
FEW = 10  # votes below which a measure says little
TREND_HOURS = 3  # the present one among them
TREND_PRIOR = 3  # readers that gain and expectation are lent, so that one vote at night is no trend
SURPRISE_LEAST = 5  # votes a reaction needs to be compared, and to be more than usual by
SURPRISE_TIMES = 2  # times the usual, from where a reaction is a surprise
USUAL_TIMES, USUAL_WITHIN = 1.5, 5  # times more or less, and readers more or less, from where an hour is not as usual
RATIO_LEAST = 5  # the least that a number is put in proportion to
VIEWS_LEAST = 100  # views from where a rate says something


class Votes(NamedTuple):
    """How many votes there are, and how many of them are of reactions with mood +1 and with mood -1."""

    positive: int
    negative: int
    total: int

    def plus(self, other: Votes) -> Votes:
        """The votes of both."""
        return Votes(self.positive + other.positive, self.negative + other.negative, self.total + other.total)

    def less(self, other: Votes) -> Votes:
        """The votes without those of the other."""
        return Votes(self.positive - other.positive, self.negative - other.negative, self.total - other.total)

    @property
    def at_least_none(self) -> Votes:
        """The same without counts below zero, which a period has in which more was removed than added."""
        neutral = max(self.total - self.positive - self.negative, 0)
        positive, negative = max(self.positive, 0), max(self.negative, 0)
        return Votes(positive, negative, positive + negative + neutral)


NO_VOTES = Votes(0, 0, 0)


class Shares(NamedTuple):
    """The parts of a site's votes that are positive and negative: what articles with few votes are drawn towards."""

    positive: float
    negative: float


@dataclass(frozen=True, slots=True)
class Measure:
    """A value with its 95 % interval; `few` where fewer than 10 votes are behind it."""

    value: float
    low: float
    high: float
    few: bool


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of 1,000 who saw a row reacted, with its 95 % interval."""

    per_1000: float
    low: float
    high: float


def shares_of(votes: Votes) -> Shares:
    """The shares in a site's votes; a site without votes is taken to be neutral."""
    return Shares(votes.positive / votes.total, votes.negative / votes.total) if votes.total > 0 else Shares(0.0, 0.0)


def mood(votes: Votes, usual: Shares) -> Measure | None:
    """The mean mood of votes, -1 to +1, drawn towards the usual; None of no votes: the usual alone would be nobody's mood."""
    return Measure(*bounds_beside(usual)(*votes)[:3], votes.total < FEW) if votes.total > 0 else None


def split(votes: Votes, usual: Shares) -> Measure | None:
    """How divided votes are: 1 is half for and half against, 0 is of one mind; None of no votes.

    Drawn towards the usual split, and not made of shrunk shares: a few angry readers beside usual votes that nobody cast would
    look like two camps. The interval is the delta method's of second order: that of first order is empty at half against half.
    """
    return Measure(*bounds_beside(usual)(*votes)[3:], votes.total < FEW) if votes.total > 0 else None


def bounds_beside(usual: Shares) -> Callable[[int, int, int], tuple[float, float, float, float, float, float]]:
    """What gives the values of `mood` and `split`, each with its bounds, of positive, negative and all votes, one or more.

    One function for all articles of a site: what they are lent is the same for each of them.
    """
    lent_positive, lent_negative = PSEUDO_VOTES * usual.positive, PSEUDO_VOTES * usual.negative
    lent_mood, lent_split = _lent_mood(usual), _lent_split(usual)

    def bounds(positive: int, negative: int, total: int) -> tuple[float, float, float, float, float, float]:
        weight = total + PSEUDO_VOTES
        p, q = (positive + lent_positive) / weight, (negative + lent_negative) / weight
        of_both, product = p + q, p * q
        mean = (positive - negative + lent_mood) / weight
        spread = of_both - mean * mean
        error = Z_95 * math.sqrt(spread / weight) if spread > 0 else 0.0
        low, high = mean - error, mean + error
        divided = 4 * (positive * negative / total + lent_split) / weight
        # Variances and covariance of p and q put into 16 (q² var p + p² var q + 2 p q cov), and into 16 (var p var q + cov²).
        first, second = of_both - 4 * product, (1 - of_both + 2 * product) / weight
        spread = product * (first + second)
        error = 4 * Z_95 * math.sqrt(spread / weight) if spread > 0 else 0.0
        split_low, split_high = divided - error, divided + error
        return (
            mean, low if low > -1 else -1.0, high if high < 1 else 1.0,
            divided, split_low if split_low > 0 else 0.0, split_high if split_high < 1 else 1.0,
        )  # fmt: skip

    return bounds


def mood_of(votes: Votes, usual: Shares) -> float:
    """The value of `mood` alone, for ranking many: the difference of the shrunk shares."""
    return (votes.positive - votes.negative + _lent_mood(usual)) / (votes.total + PSEUDO_VOTES)


def split_of(votes: Votes, usual: Shares) -> float:
    """The value of `split` alone, for ranking many."""
    own = votes.positive * votes.negative / votes.total if votes.total > 0 else 0.0
    return 4 * (own + _lent_split(usual)) / (votes.total + PSEUDO_VOTES)


def _lent_mood(usual: Shares) -> float:
    return PSEUDO_VOTES * (usual.positive - usual.negative)


def _lent_split(usual: Shares) -> float:
    return PSEUDO_VOTES * usual.positive * usual.negative


def trend(gained: float, expected: float) -> float:
    """How many times what its age predicts an article gains."""
    return (gained + TREND_PRIOR) / (expected + TREND_PRIOR)


def surprise(count: int, median: float) -> float:
    """How unusual a count is beside the median of its peers, for ranking; `times_usual` is what to say."""
    return (count + 1) / (median + 1)


def is_surprise(count: int, median: float) -> bool:
    """True for twice the usual or more, and at least five votes more."""
    return count >= SURPRISE_TIMES * median and count - median >= SURPRISE_LEAST


def times_usual(number: float, usual: float) -> float | None:
    """How many times the usual a number is; None where the usual is too little to be put in proportion to."""
    return number / usual if usual >= RATIO_LEAST else None


def beside_usual(number: float, usual: float) -> int:
    """1 where a number is more than usual, -1 where it is less, 0 where it is as usual: by half as much again, and by five."""
    if abs(number - usual) < USUAL_WITHIN:
        return 0
    return (number >= USUAL_TIMES * usual) - (usual >= USUAL_TIMES * number)


def change(now: int, before: int) -> float | None:
    """By how much a number grew, as a part of what it was; None where that was too little to be put in proportion to."""
    return (now - before) / before if before >= RATIO_LEAST else None


def usual_split(usual: Shares) -> float:
    """The split of all the site's votes."""
    return 4 * usual.positive * usual.negative


def divides(votes: Votes, usual: Shares) -> bool:
    """True where the split is above the site's with all of its interval, and ten votes or more are behind it."""
    if votes.total < FEW or split_of(votes, usual) <= usual_split(usual):
        return False
    measure = split(votes, usual)
    return measure is not None and measure.low > usual_split(usual)


def reaction_rate(readers: int, views: int) -> Rate | None:
    """How many of 1,000 views led to a reader's first vote, with Wilson's interval.

    None for fewer than 100 views, and for more readers than views: then not everybody who reacted was counted as one who saw.
    """
    if views < VIEWS_LEAST or not 0 <= readers <= views:
        return None
    low, high = wilson(readers, views)
    return Rate(1000 * readers / views, 1000 * low, 1000 * high)


def share(part: int, of: int) -> float | None:
    """A part of a whole; None of nothing."""
    return part / of if of > 0 else None


def quarters(numbers: Sequence[int]) -> tuple[float, float, float]:
    """The lower quartile, the median and the upper quartile of two numbers or more."""
    low, middle, high = statistics.quantiles(numbers, n=4, method="inclusive")
    return low, middle, high
