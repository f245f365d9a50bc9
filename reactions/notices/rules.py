"""The four rules: when something is worth an editor's attention. docs/digest-and-alerts.md tells them in words.

Each compares what is with what is usual, both drawn towards the site's average by the formulas of `reports.metrics`, so that a
handful of votes proves nothing. Reactions with a negative mood never make an article surge.
"""

from __future__ import annotations

from reactions.reports.listings import Trend
from reactions.reports.metrics import Measure

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

SURGING, TURNED_SOUR, MOST_LOVED, RECORD = "surging", "turned sour", "most loved", "record"
RULES = (SURGING, TURNED_SOUR, MOST_LOVED, RECORD)

SURGE_RATIO = 4.0  # times what its age predicts
SURGE_LEAST = 20  # reactions gained in three hours

SOUR_HOURS = 6  # how long "lately" is, the present hour included
SOUR_LEAST = 20  # votes that must lie on either side of the turn

LOVED_DAYS = 28  # how young an article must be to be the most loved
LOVED_LEAST = 50  # votes it needs

RECORD_LEAST = 100  # votes it needs
RECORD_OTHERS = 20  # articles with votes that a site needs before it has records
RECORD_DAYS = 28  # how young an article must be to set one

# How long a rule is silent about an article after it has spoken.
REST_MS = {SURGING: 12 * HOUR_MS, TURNED_SOUR: 3 * DAY_MS, MOST_LOVED: LOVED_DAYS * DAY_MS, RECORD: 365 * DAY_MS}


def surges(trend: Trend) -> bool:
    """An article gains four times what articles of its age do, and more than a few."""
    return trend.gained >= SURGE_LEAST and trend.ratio >= SURGE_RATIO


def turned_sour(before: Measure, before_votes: int, lately: Measure, lately_votes: int) -> bool:
    """Readers' mood was clearly good and is clearly bad of late: its 95 % intervals lie on either side of 0."""
    enough = before_votes >= SOUR_LEAST and lately_votes >= SOUR_LEAST
    return enough and before.low > 0 > lately.high


def may_be_loved(mood: Measure, votes: int) -> bool:
    """An article has the votes to be compared with others by the lower end of its mood, and that is above 0."""
    return votes >= LOVED_LEAST and mood.low > 0


def is_record(total: int, others: list[int]) -> bool:
    """An article has more votes than each of the site's others, which are enough for that to mean something."""
    return total >= RECORD_LEAST and len(others) >= RECORD_OTHERS and total > max(others)
