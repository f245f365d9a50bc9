"""Moments and lengths of time, as every part of the service counts them: UTC milliseconds since 1970, in integers."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

TEN_MINUTES_MS = 600_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
LATEST_MS = 253_402_300_799_999  # the last moment of the year 9999, where calendars end
_MACHINES_OWN = {"localtime", "posixrules", "Factory"}
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  hours since then are UTC's already


def now_ms() -> int:
    """The time, UTC milliseconds."""
    return time.time_ns() // 1_000_000


def zone(name: str) -> ZoneInfo | None:
    """The time zone of a name; None if there is none, or if the name means another one on another machine."""
    if name in _MACHINES_OWN or name.startswith(("posix/", "right/")):
        return None
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return None


def rfc3339(at_ms: int, *, unit_ms: int = 1000) -> str:
    """A moment as RFC 3339 has it, in UTC: to the second, or to the millisecond where `unit_ms` is less than 1000."""
    hour, rest_ms = divmod(at_ms, HOUR_MS)
    begun = _hour(hour) + _SECONDS[rest_ms // 1000]
    return begun + (_MILLISECONDS[rest_ms % 1000] if unit_ms < 1000 else "Z")


def moments(of: Iterable[int | None], *, unit_ms: int = 1000) -> list[str]:
    """Many moments, each as `rfc3339` has it; an empty text for none."""
    if unit_ms >= 1000:
        return ["" if at_ms is None else f"{_hour(at_ms // HOUR_MS)}{_SECONDS[at_ms // 1000 % 3600]}Z" for at_ms in of]
    return [
        "" if at_ms is None else f"{_hour(at_ms // HOUR_MS)}{_SECONDS[at_ms // 1000 % 3600]}{_MILLISECONDS[at_ms % 1000]}"
        for at_ms in of
    ]


@lru_cache(maxsize=4096)
def _hour(hour: int) -> str:
    """An hour since 1970 as RFC 3339 begins: moments that are written together often share theirs."""
    return (_EPOCH + timedelta(hours=hour)).isoformat()[:14]


_SECONDS = [f"{minute:02}:{second:02}" for minute in range(60) for second in range(60)]  # of an hour
_MILLISECONDS = [f".{number:03}Z" for number in range(1000)]
