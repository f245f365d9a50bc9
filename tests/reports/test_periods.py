"""Periods and their buckets, above all where clocks change: Berlin, New York, and Lord Howe's half hour."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reactions.refusals import MalformedPeriod
from reactions.reports import periods
from reactions.reports.periods import Period
from tests.reports.stage import HOUR_MS, at

NOW = at("2025-11-25 12:34")


def read(zone: str = "UTC", now_ms: int = NOW, **about: str) -> Period:
    return periods.read(zone=zone, now_ms=now_ms, **about)


def ends(period: Period) -> tuple[str, str]:
    return period.start.isoformat(), period.end.isoformat()


@pytest.mark.parametrize(
    ("name", "start", "end", "unit"),
    [
        ("today", "2025-11-25T00:00:00+01:00", "2025-11-25T13:34:00+01:00", "hour"),
        ("yesterday", "2025-11-24T00:00:00+01:00", "2025-11-25T00:00:00+01:00", "hour"),
        ("24h", "2025-11-24T14:00:00+01:00", "2025-11-25T13:34:00+01:00", "hour"),
        ("7d", "2025-11-19T00:00:00+01:00", "2025-11-25T13:34:00+01:00", "day"),
        ("28d", "2025-10-29T00:00:00+01:00", "2025-11-25T13:34:00+01:00", "day"),
        ("90d", "2025-08-28T00:00:00+02:00", "2025-11-25T13:34:00+01:00", "day"),
    ],
)
def test_presets_are_of_the_sites_days_and_end_now(name: str, start: str, end: str, unit: str) -> None:
    period = read("Europe/Berlin", name=name)

    assert (*ends(period), period.unit, period.name) == (start, end, unit, name)


def test_without_a_choice_it_is_the_last_seven_days() -> None:
    assert read() == read(name="7d")


def test_two_days_are_both_included() -> None:
    assert ends(read(first="2025-11-03", last="2025-11-04")) == ("2025-11-03T00:00:00+00:00", "2025-11-05T00:00:00+00:00")
    assert read(first="2025-11-03", last="2025-11-03").days == 1


def test_without_a_last_day_a_period_goes_on_until_now() -> None:
    assert ends(read(first="2025-11-24")) == ("2025-11-24T00:00:00+00:00", "2025-11-25T12:34:00+00:00")


def test_a_last_day_to_come_is_cut_now() -> None:
    assert ends(read(first="2025-11-24", last="2025-12-31"))[1] == "2025-11-25T12:34:00+00:00"


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("today", "2025-11-24T00:00:00+01:00", "2025-11-24T13:00:00+01:00"),
        ("yesterday", "2025-11-23T00:00:00+01:00", "2025-11-24T00:00:00+01:00"),
        ("24h", "2025-11-23T14:00:00+01:00", "2025-11-24T13:00:00+01:00"),
        ("7d", "2025-11-12T00:00:00+01:00", "2025-11-18T13:00:00+01:00"),
        ("28d", "2025-10-01T00:00:00+02:00", "2025-10-28T13:00:00+01:00"),
    ],
)
def test_the_full_hours_of_a_period_are_compared_with_the_same_hours_before(name: str, start: str, end: str) -> None:
    assert ends(read("Europe/Berlin", name=name).previous()) == (start, end)


def test_the_units_of_days_follow_from_their_number() -> None:
    units = [read(first="2025-01-01", last=last).unit for last in ("2025-01-02", "2025-01-03", "2025-04-30", "2025-05-01")]
    assert units == ["hour", "day", "day", "week"]


# Clocks. Hours are counted by UTC, so an hour that exists twice is two buckets, and one that is skipped is none.


def test_a_day_in_berlin_has_25_hours_in_autumn() -> None:
    slots = read("Europe/Berlin", first="2025-10-26", last="2025-10-26").slots()

    assert len(slots) == 25
    assert [slot.start.isoformat() for slot in slots[1:5]] == [
        "2025-10-26T01:00:00+02:00",
        "2025-10-26T02:00:00+02:00",
        "2025-10-26T02:00:00+01:00",
        "2025-10-26T03:00:00+01:00",
    ]


def test_a_day_in_berlin_has_23_hours_in_spring() -> None:
    slots = read("Europe/Berlin", first="2025-03-30", last="2025-03-30").slots()

    assert [slot.start.hour for slot in slots] == [0, 1, *range(3, 24)]


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2025-03-30", 23), ("Europe/Berlin", "2025-10-26", 25),
        ("America/New_York", "2025-03-09", 23), ("America/New_York", "2025-11-02", 25),
        # UTC+10:30 in winter, +11 in summer: half an hour is added or left out, and goes to the day in which it begins.
        ("Australia/Lord_Howe", "2025-04-06", 25), ("Australia/Lord_Howe", "2025-10-05", 23),
        ("Australia/Lord_Howe", "2025-07-01", 24), ("Asia/Kathmandu", "2025-07-01", 24),
        ("Africa/Cairo", "2025-04-25", 23),  # the clocks skip from midnight to one
        ("America/Havana", "2025-11-02", 25),  # midnight comes twice
    ],
)  # fmt: skip
def test_a_bucket_of_a_day_has_the_hours_that_begin_in_it(zone: str, day: str, hours: int) -> None:
    (slot,) = read(zone, first=day, last=day, unit="day").slots()

    local = [datetime.fromtimestamp(hour * 3600, ZoneInfo(zone)) for hour in slot.hours]
    assert len(local) == hours
    assert {moment.date().isoformat() for moment in local} == {day}


def test_lord_howes_days_begin_half_past_or_on_the_hour() -> None:
    winter = read("Australia/Lord_Howe", first="2025-07-01", last="2025-07-01", unit="day")
    summer = read("Australia/Lord_Howe", first="2025-11-01", last="2025-11-01", unit="day")

    assert winter.start.isoformat() == "2025-07-01T00:00:00+10:30"  # 13:30 UTC
    assert winter.hours.start * HOUR_MS == at("2025-06-30 14:00")
    assert summer.start.isoformat() == "2025-11-01T00:00:00+11:00"
    assert summer.hours.start * HOUR_MS == at("2025-10-31 13:00")


def test_a_day_that_begins_at_one_begins_at_one() -> None:
    assert read("Africa/Cairo", first="2025-04-25", last="2025-04-25").start.isoformat() == "2025-04-25T01:00:00+03:00"


def test_a_day_that_the_calendar_left_out_cannot_be_reported_on() -> None:
    with pytest.raises(MalformedPeriod, match="calendar left it out"):
        read("Pacific/Apia", first="2011-12-30", last="2011-12-30")

    days = read("Pacific/Apia", first="2011-12-29", last="2011-12-31", unit="day").slots()
    assert [slot.start.date().day for slot in days] == [29, 31]


def test_weeks_begin_on_monday_and_the_first_may_be_cut() -> None:
    slots = read("Europe/Berlin", first="2025-10-22", last="2025-11-05", unit="week").slots()

    assert [slot.start.date() for slot in slots] == [date(2025, 10, 22), date(2025, 10, 27), date(2025, 11, 3)]
    assert [len(slot.hours) for slot in slots] == [5 * 24 + 1, 7 * 24, 3 * 24]


def test_the_morning_after_the_clocks_went_back_is_compared_with_the_morning_before() -> None:
    period = read("Europe/Berlin", now_ms=at("2025-10-26 09:30", "Europe/Berlin"), name="today")

    assert len(period.hours) == 11  # one of them twice by the clock
    assert ends(period.previous()) == ("2025-10-25T00:00:00+02:00", "2025-10-25T09:00:00+02:00")


ZONES = st.sampled_from([
    "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo", "Africa/Cairo",
    "Pacific/Apia", "America/Havana", "Pacific/Chatham", "Asia/Tehran", "Africa/Casablanca",
])  # fmt: skip
DAYS = st.dates(date(2009, 1, 1), date(2025, 11, 24))


@given(zone=ZONES, first=DAYS, length=st.integers(0, 365), unit=st.sampled_from(["hour", "day", "week"]))
@settings(max_examples=300, deadline=None)
def test_every_hour_is_in_one_bucket_of_the_day_in_which_it_begins(zone: str, first: date, length: int, unit: str) -> None:
    last = min(first + timedelta(days=length if unit != "hour" else length % 31), date(2025, 11, 24))
    try:
        period = read(zone, first=first.isoformat(), last=last.isoformat(), unit=unit)
    except MalformedPeriod:
        assert zone == "Pacific/Apia"  # the one of these zones that lost a day
        return
    slots = period.slots()

    assert [hour for slot in slots for hour in slot.hours] == list(period.hours)
    for slot, following in pairwise(slots):
        for hour in (slot.hours[0], slot.hours[-1]):
            begins = datetime.fromtimestamp(hour * 3600, ZoneInfo(zone))
            assert slot.start.timestamp() <= begins.timestamp() < following.start.timestamp()
            assert unit != "day" or begins.date() == slot.start.date()


@given(zone=ZONES, now=st.integers(at("2009-01-05"), NOW), name=st.sampled_from(periods.NAMES))
@example(zone="Australia/Lord_Howe", now=at("2021-04-07 13:30"), name="7d")  # the clocks went back by half an hour on the 4th
@settings(max_examples=300, deadline=None)
def test_the_period_before_is_as_long_but_for_the_clocks(zone: str, now: int, name: str) -> None:
    period = read(zone, now_ms=now, name=name)

    previous = period.previous()
    assert previous.hours.stop <= period.hours.start
    allowed = 25 if zone == "Pacific/Apia" else 4  # a whole day was left out there; in others clocks change up to 4 times
    assert abs(len(previous.hours) - len(period.full_hours)) <= allowed
    assert periods.to_ms(period.end) <= now


@pytest.mark.parametrize(
    ("about", "pointer"),
    [
        ({"name": "fortnight"}, "#/period"),
        ({"name": "7d", "first": "2025-11-01"}, "#/period"),
        ({"last": "2025-11-01"}, "#/from"),
        ({"first": "2025-11-02", "last": "2025-11-01"}, "#/from"),
        ({"first": "2025-11-26"}, "#/from"),
        ({"first": "2015-11-25", "last": "2025-11-25"}, "#/to"),
        ({"first": "2024-11-24", "last": "2025-11-25"}, "#/to"),
        ({"first": "0000-01-01"}, "#/from"),
        ({"first": "0001-01-01", "last": "0001-01-02"}, "#/from"),
        ({"first": "2025-02-30"}, "#/from"),
        ({"first": "2025-11-01T00:00"}, "#/from"),
        ({"first": "20251101"}, "#/from"),
        ({"first": "२०२५-११-०१"}, "#/from"),
        ({"first": "2025-11-01", "last": "soon"}, "#/to"),
        ({"first": "2025-11-01", "last": "9999-12-31"}, "#/to"),
        ({"first": "9999-12-31", "last": "9999-12-31"}, "#/from"),
        ({"unit": "minute"}, "#/unit"),
        ({"name": "90d", "unit": "hour"}, "#/unit"),
        ({"first": "2025-10-01", "last": "2025-11-01", "unit": "hour"}, "#/unit"),
    ],
)
def test_a_period_that_makes_no_sense_is_refused_where_it_is_wrong(about: dict[str, str], pointer: str) -> None:
    with pytest.raises(MalformedPeriod) as refused:
        read(**about)

    assert refused.value.pointer == pointer


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../../etc/passwd", "/etc/localtime", "Europe/Berlin\0", "Europe"])
def test_an_unknown_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(MalformedPeriod) as refused:
        read(zone)

    assert refused.value.pointer == "#/time_zone"


def test_31_days_may_be_told_by_hours_even_when_the_clocks_go_back() -> None:
    assert len(read("Europe/Berlin", first="2025-10-01", last="2025-10-31", unit="hour").slots()) == 31 * 24 + 1


def test_366_days_are_the_most() -> None:
    assert read(first="2024-11-25", last="2025-11-25").days == 366
