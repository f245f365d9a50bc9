"""Moments as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reactions.times import HOUR_MS, LATEST_MS, moments, rfc3339, zone


@given(st.integers(-(2**45), LATEST_MS))
@example(-1)
@example(0)
@example(HOUR_MS - 1)
@example(LATEST_MS)
def test_a_moment_is_written_as_the_calendar_has_it(at_ms: int) -> None:
    then = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).replace(tzinfo=None)

    assert rfc3339(at_ms, unit_ms=1) == then.isoformat(timespec="milliseconds") + "Z"
    assert rfc3339(at_ms) == then.isoformat(timespec="seconds") + "Z"


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/Argentina/Buenos_Aires", "UTC", "CET"])
def test_a_time_zone_is_found_by_its_name(name: str) -> None:
    found = zone(name)

    assert found is not None
    assert found.key == name


@pytest.mark.parametrize(
    "name",
    [
        "", "Berlin", "CEST", "UTC+2", "Europe", "europe/berlín", "../UTC", "/UTC", "UTC\0", "x" * 5000,
        "localtime", "posixrules", "Factory", "posix/Europe/Berlin", "right/Europe/Berlin",
    ],
)  # fmt: skip
def test_what_is_no_time_zone_or_another_on_each_machine_is_not_found(name: str) -> None:
    assert zone(name) is None


@given(st.lists(st.none() | st.integers(-(2**45), LATEST_MS)))
@example([-1, None, 0, HOUR_MS - 1, LATEST_MS])
def test_many_moments_are_written_as_each_is(of: list[int | None]) -> None:
    for unit_ms in (1, 1000):
        each = ["" if at_ms is None else rfc3339(at_ms, unit_ms=unit_ms) for at_ms in of]

        assert moments(of, unit_ms=unit_ms) == each
