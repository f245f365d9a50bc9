"""Moments as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from reactions.times import HOUR_MS, LATEST_MS, rfc3339


@given(st.integers(-(2**45), LATEST_MS))
@example(-1)
@example(0)
@example(HOUR_MS - 1)
@example(LATEST_MS)
def test_a_moment_is_written_as_the_calendar_has_it(at_ms: int) -> None:
    then = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).replace(tzinfo=None)

    assert rfc3339(at_ms, unit_ms=1) == then.isoformat(timespec="milliseconds") + "Z"
    assert rfc3339(at_ms) == then.isoformat(timespec="seconds") + "Z"
