"""Moments and lengths of time, as every part of the service counts them: UTC milliseconds since 1970, in integers."""

from __future__ import annotations

import time

TEN_MINUTES_MS = 600_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000


def now_ms() -> int:
    """The time, UTC milliseconds."""
    return time.time_ns() // 1_000_000
