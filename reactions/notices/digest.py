"""What a digest tells: the dashboard of one local day, and what readers loved best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from reactions.reports import dashboard, listings, periods
from reactions.reports.dashboard import Dashboard
from reactions.reports.listings import ListRequest, Row
from reactions.reports.query import Filters, Reading

LIST = 5  # articles in each list
_TREND = 1.5  # times the usual, below which an article goes at its usual pace
_SPLIT = 0.5  # below, readers are more of one mind than not
_LOOKED_AT = 100  # of the best moods, those from few votes are passed over


@dataclass(frozen=True, slots=True)
class Digest:
    """A day of a site. `trending` is of the moment of reading, and empty unless the day was yesterday or is today.

    No article is both loved and divided.
    """

    day: date
    board: Dashboard
    trending: Sequence[Row]
    loved: Sequence[Row]
    divided: Sequence[Row]


def read(reading: Reading, day: date) -> Digest:
    """The digest of a local day. Raises MalformedPeriod for one that is still to come."""
    zone = reading.site.time_zone
    period = periods.read(zone=zone, now_ms=reading.now_ms, first=day.isoformat(), last=day.isoformat())
    board = dashboard.read(reading, period, Filters())
    fresh = day >= yesterday(zone, reading.now_ms)
    best = listings.read(reading, ListRequest(period, Filters(), sort="mood", limit=_LOOKED_AT), key=b"", bound_to=())
    return Digest(
        day,
        board,
        trending=[row for row in board.lists.trending if fresh and row.trending.ratio >= _TREND],
        loved=[row for row in best.articles if not row.mood.few and row.mood.low > 0 and row.split.value < _SPLIT],
        divided=[row for row in board.lists.divided if row.split.value >= _SPLIT],
    )


def yesterday(zone: str, now_ms: int) -> date:
    """The day before today, where the site is."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(ZoneInfo(zone)).date() - timedelta(days=1)
