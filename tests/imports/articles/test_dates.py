"""Dates as feeds and tables write them: an offset or a zone is honoured or named, and never the site's silently."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactions.imports import dates
from reactions.imports.dates import UnreadableDate

SITE = ZoneInfo("America/New_York")


def read(text: str, zone: ZoneInfo = SITE) -> str | None:
    at_ms = dates.read(text, zone)
    return None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-26T10:00:00+02:00", "2026-11-26T08:00:00Z"),
        ("2026-11-26T10:00:00+0200", "2026-11-26T08:00:00Z"),
        ("2026-11-26T10:00-08", "2026-11-26T18:00:00Z"),
        ("2026-11-26 10:00:00 Z", "2026-11-26T10:00:00Z"),
        ("20261126T100000Z", "2026-11-26T10:00:00Z"),
        ("2026-11-26T10:00:00.1234567Z", "2026-11-26T10:00:00.123000Z"),
        ("2026-11-26T24:00:00Z", "2026-11-27T00:00:00Z"),
        ("2026-06-30T23:59:60Z", "2026-06-30T23:59:59Z"),
        ("2026-11-26+01:00", "2026-11-25T23:00:00Z"),
        ("Thu, 26 Nov 2026 10:00:00 +02:00", "2026-11-26T08:00:00Z"),
        ("Thu, 26 Nov 2026 10:00:00 -0530", "2026-11-26T15:30:00Z"),
        ("Thu, 26 Nov 2026 10:00:00 GMT+1", "2026-11-26T09:00:00Z"),
        ("2026-11-26 10:00:00 America/Sao_Paulo", "2026-11-26T13:00:00Z"),
        ("2026-11-26 10:00 am America/Sao_Paulo", "2026-11-26T13:00:00Z"),
        ("2026-11-26T10:00:00+09:00[Europe/Berlin]", "2026-11-26T01:00:00Z"),
        ("2026-11-26T10:00:00Z[Europe/Berlin]", "2026-11-26T10:00:00Z"),
        ("2026-11-26T10:00:00[Europe/Berlin]", "2026-11-26T09:00:00Z"),
        ("Thu, 26 Nov 2026 10:00:00 UTC+0200", "2026-11-26T08:00:00Z"),
        ("Thu, 26 Nov 2026 10:00:00 GMT-03:30", "2026-11-26T13:30:00Z"),
        ("Thu, 26 Nov 2026 10:00:00 +0100 (CET)", "2026-11-26T09:00:00Z"),
        ("Thursday, 26-Nov-26 10:00:00 GMT", "2026-11-26T10:00:00Z"),
        ("Thu Nov 26 10:00:00 UTC 2026", "2026-11-26T10:00:00Z"),
        ("26 Nov 2026 10:00 JST", "2026-11-26T01:00:00Z"),
        ("26 Nov 2026 10:00 AEST", "2026-11-26T00:00:00Z"),
        ("26 Nov 2026 10:00 AEDT", "2026-11-25T23:00:00Z"),
        ("26 Nov 2026 10:00 MSK", "2026-11-26T07:00:00Z"),
        ("26 Nov 2026 10:00 CEST", "2026-11-26T08:00:00Z"),
        ("26 Nov 2026 10:00 NPT", "2026-11-26T04:15:00Z"),
        ("26 Nov 2026 10:00 EST", "2026-11-26T15:00:00Z"),
        ("November 26, 2026 10:00 PM PST", "2026-11-27T06:00:00Z"),
        ("2026-11-26 10:00 Asia/Tokyo", "2026-11-26T01:00:00Z"),
    ],
)
def test_offsets_and_zones_are_honoured(text: str, moment: str) -> None:
    assert read(text) == moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-26T10:00", "2026-11-26T15:00:00Z"),
        ("Thu, 26 Nov 2026 10:00:00", "2026-11-26T15:00:00Z"),
        ("Thu Jul  2 10:00:00 2026", "2026-07-02T14:00:00Z"),
        ("2 July 2026", "2026-07-02T04:00:00Z"),
        ("2026-07-02", "2026-07-02T04:00:00Z"),
        ("2026/07/02 10:00", "2026-07-02T14:00:00Z"),
        ("25/12/2026", "2026-12-25T05:00:00Z"),
        ("2026-07", "2026-07-01T04:00:00Z"),
        ("2026", "2026-01-01T05:00:00Z"),
    ],
)
def test_a_time_without_a_zone_is_the_sites(text: str, moment: str) -> None:
    assert read(text) == moment


@pytest.mark.parametrize(
    ("zone", "moment"),
    [
        ("Asia/Kolkata", "2026-07-02T04:30:00Z"),
        ("Asia/Jerusalem", "2026-07-02T08:00:00Z"),
        ("Europe/Dublin", "2026-07-02T09:00:00Z"),
    ],
)
def test_a_name_with_several_meanings_means_the_sites_own_or_is_refused(zone: str, moment: str) -> None:
    assert read("2 Jul 2026 10:00 IST", ZoneInfo(zone)) == moment
    with pytest.raises(UnreadableDate, match="the time zone 'IST', which is not known or means several; write an offset"):
        read("2 Jul 2026 10:00 IST")


def test_a_name_of_rfc_5322_means_the_sites_own_first() -> None:
    assert read("2 Jul 2026 10:00 CST", ZoneInfo("Asia/Shanghai")) == "2026-07-02T02:00:00Z"
    assert read("2 Jul 2026 10:00 CST") == "2026-07-02T16:00:00Z"


@pytest.mark.parametrize(
    "text",
    ["", "0", "0001-01-01", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "Mon, 01 Jan 0001 00:00:00 +0000",
     "-0001-11-30T00:00:00+00:00", "Wed, 30 Nov -0001 00:00:00 +0000", "0000-00-00 00:00:00", "1970-01-01T00:00:00Z",
     "1970-01-01 00:00:00", "Thu, 01 Jan 1970 00:00:00 +0000", "1970-01-01T01:00:00+01:00"],
)  # fmt: skip
def test_what_programs_write_for_nothing_is_no_date(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("yesterday", "is not a time such as"),
        ("1709283600", "is not a time such as"),
        ("2026-02-30", "is not a time such as"),
        ("10:30", "can be read in several ways"),
        ("Tuesday", "can be read in several ways"),
        ("March 2026", "can be read in several ways"),
        ("01/02/2026", "can be read in several ways"),
        ("1.3.2026 10:00", "can be read in several ways"),
        ("2026-11-26 07.30", "can be read in several ways"),
        ("26 Nov 2026 7.30", "can be read in several ways"),
        ("26 Nov 2026 10:00 XYZ", "has the time zone 'XYZ', which is not known"),
        ("1:11" * 50_000, "is not a time"),
        ("10:00 XYZ 26 Nov 2026", "can be read in several ways"),
        ("26 Nov 2026 10:00 A", "has the time zone 'A', which is not known"),
        ("2026-11-26 10:00 Mars/Olympus", "has the time zone 'Mars/Olympus', which is not known"),
        ("2026-11-26T10:00:00+25:00", "has the offset 25:00, and none is more than 14 hours"),
        ("9999-12-31T23:59:59-14:00", "is out of the calendar"),
    ],
)
def test_what_cannot_be_understood_for_certain_is_refused(text: str, why: str) -> None:
    with pytest.raises(UnreadableDate, match=why):
        read(text)


@given(st.text(st.sampled_from("0123456789:-+/., TZAPMJanFebGMUTC")) | st.text())
def test_no_text_breaks_it(text: str) -> None:
    with suppress(UnreadableDate):
        assert isinstance(dates.read(text, SITE), int | None)


@given(st.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(9999, 12, 30)), st.integers(-14 * 60, 14 * 60))
def test_what_other_programs_write_is_read_exactly(clock: datetime, minutes: int) -> None:
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    clock = clock.replace(microsecond=0)
    wanted = (clock - datetime(1970, 1, 1)).total_seconds() * 1000 - minutes * 60_000

    for text in (
        f"{clock.isoformat()}{sign}{hours:02}:{rest:02}",
        f"{clock:%d %b} {clock.year:04} {clock:%H:%M:%S} {sign}{hours:02}{rest:02}",
    ):
        assert dates.read(text, SITE) == (wanted if wanted and clock != datetime(1970, 1, 1) else None)
