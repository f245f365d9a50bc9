"""Moments and lengths of time, as every part of the service counts them: UTC milliseconds since 1970, in integers."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

TEN_MINUTES_MS = 600_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
LATEST_MS = 253_402_300_799_999  # the last moment of the year 9999, where calendars end
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now_ms() -> int:
    """The time, UTC milliseconds."""
    return time.time_ns() // 1_000_000


def rfc3339(at_ms: int, *, unit_ms: int = 1000) -> str:
    """A moment as RFC 3339 has it, in UTC: to the second, or to the millisecond where `unit_ms` is less than 1000."""
    then = _EPOCH + timedelta(milliseconds=at_ms)
    return then.isoformat(timespec="milliseconds" if unit_ms < 1000 else "seconds").replace("+00:00", "Z")
