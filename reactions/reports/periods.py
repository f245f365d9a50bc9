"""Periods: what a report is about, as days and hours of a time zone, and the buckets of its series.

Votes are stored by UTC hours. Where a zone is half an hour off, a local day begins inside one of them. Such an hour belongs to
the bucket in which it begins: no vote is counted twice or left out, and a day's figures start up to 45 minutes after midnight.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from reactions import times
from reactions.languages import gettext
from reactions.refusals import MalformedPeriod
from reactions.times import DAY_MS, HOUR_MS

DEFAULT = "7d"
UNITS = ("hour", "day", "week")
MOST_DAYS = 366
MOST_DAYS_BY_HOUR = 31
_DAYS = {"today": 1, "7d": 7, "28d": 28, "90d": 90}  # days, today among them
NAMES = ("today", "yesterday", "24h", "7d", "28d", "90d", "last_week", "this_month")
LIFE = "life"  # since the first vote; only reports have it: an export without a period is of everything
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FIRST = date(1970, 1, 2)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Slot:
    """One bucket of a series: its local beginning, and the UTC hours that are counted in it."""

    start: datetime
    hours: range


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open stretch of local time in buckets of `unit`. One that `runs` ends now, and counts the hour that runs.

    `name` is the preset's, or "custom". `days` is how many local days it touches; 0 for a preset counted in hours.
    """

    name: str
    start: datetime
    end: datetime
    unit: str
    days: int = 0
    runs: bool = False

    @property
    def time_zone(self) -> str:
        """The zone its days are days of."""
        return _zone_of(self.start).key

    @property
    def hours(self) -> range:
        """The UTC hours (since 1970) that are counted in it."""
        return range(first_hour(self.start), self._present_hour + 1 if self.runs else first_hour(self.end))

    @property
    def full_hours(self) -> range:
        """Those of its UTC hours that are over: what can be compared with an earlier period."""
        return range(self.hours.start, self._present_hour) if self.runs else self.hours

    @property
    def span_ms(self) -> range:
        """Its moments, UTC ms."""
        return range(to_ms(self.start), to_ms(self.end) + self.runs)

    @property
    def _present_hour(self) -> int:
        return to_ms(self.end) // HOUR_MS

    def previous(self) -> Period:
        """The full hours of as many days (or hours) before: a morning until ten is compared with a morning until ten."""
        stop = _local(self._present_hour * HOUR_MS, _zone_of(self.end)) if self.runs else self.end
        start = self._earlier(self.start)
        # Clocks that changed by half an hour meanwhile let the same time of day fall into the period's own first hour.
        end = max(min(self._earlier(stop), self.start, key=to_ms), start, key=to_ms)
        return Period(self.name, start, end, self.unit, self.days)

    def earlier(self) -> Period:
        """The whole of as many days (or hours) before, up to where this one starts or, of a day that runs, up to midnight."""
        end = min(self._earlier(_midnight(self.end.date() + _DAY, self.end)), self.start, key=to_ms) if self.days else self.start
        return Period(self.name, self._earlier(self.start), end, self.unit, self.days)

    def _earlier(self, moment: datetime) -> datetime:
        zone = _zone_of(moment)
        if not self.days:
            return (moment.astimezone(UTC) - timedelta(hours=len(self.hours))).astimezone(zone)
        return _existing(moment.replace(fold=0) - self.days * _DAY)

    def slots(self) -> list[Slot]:
        """The buckets in order; the first and the last may be cut short by the period."""
        if self.unit == "hour":
            zone = _zone_of(self.start)
            return [Slot(_local(hour * HOUR_MS, zone), range(hour, hour + 1)) for hour in self.hours]
        begins = [self.start, *_begins_within(self)]
        stops = [*map(first_hour, begins[1:]), self.hours.stop]
        slots = [Slot(begin, range(first_hour(begin), stop)) for begin, stop in zip(begins, stops, strict=True)]
        return [slot for slot in slots if slot.hours]


def read(*, zone: str, now_ms: int, name: str = "", first: str = "", last: str = "", unit: str = "") -> Period:
    """The period that a preset's name, or a first and a last local day, stand for. Raises MalformedPeriod.

    Without either it is the last 7 days. `last` may be left out: until today.
    """
    if name and (first or last):
        raise MalformedPeriod(gettext("Give a period, or from and to, but not both."), pointer="#/period")
    if last and not first:
        raise MalformedPeriod(gettext("With to, give from as well."), pointer="#/from")
    _check_unit(unit)
    local_zone = zone_named(zone)
    now = _local(now_ms, local_zone)
    period = _between(first, last, now) if first else _preset(name or DEFAULT, now)
    return _by_unit(unit, period)


def zone_named(name: str) -> ZoneInfo:
    """The time zone `name`. Raises MalformedPeriod."""
    if (zone := times.zone(name)) is None:
        raise MalformedPeriod(
            f"{name[:64]!r} is not a time zone. Write Europe/Berlin, America/New_York or UTC.", pointer="#/time_zone"
        )
    return zone


def since(first_ms: int, *, zone: ZoneInfo, now_ms: int, unit: str = "") -> Period:
    """From an article's first hour until now, by hours for four days, by days for four months, then by weeks.

    Raises MalformedPeriod for a unit that does not fit.
    """
    _check_unit(unit)
    now = _local(now_ms, zone)
    start = _local(min(first_ms, now_ms) // HOUR_MS * HOUR_MS, zone)
    days = (now.date() - start.date()).days + 1
    usual = "hour" if days <= 4 else "day" if days <= 120 else "week"
    return _by_unit(unit, Period(LIFE, start, now, usual, days, runs=True))


def same_hour_of_earlier_weeks(hour: int, zone: ZoneInfo, *, weeks: int) -> list[int]:
    """The UTC hours that had the same local time of the same day of the week, the latest first."""
    now = _local(hour * HOUR_MS, zone)
    return [to_ms(_existing(now.replace(fold=0) - 7 * back * _DAY)) // HOUR_MS for back in range(1, weeks + 1)]


def first_hour(moment: datetime) -> int:
    """The first UTC hour that begins at or after a moment."""
    return -(-to_ms(moment) // HOUR_MS)


def to_ms(moment: datetime) -> int:
    """A moment in UTC milliseconds."""
    return round(moment.timestamp() * 1000)


def _preset(name: str, now: datetime) -> Period:
    today = now.date()
    if name == "24h":
        start = _local((to_ms(now) // HOUR_MS - 23) * HOUR_MS, _zone_of(now))
        return Period(name, start, now, "hour", runs=True)
    if name == "yesterday":
        return Period(name, _midnight(today - _DAY, now), _midnight(today, now), "hour", days=1)
    if name == "last_week":
        monday = today - today.weekday() * _DAY
        return Period(name, _midnight(monday - 7 * _DAY, now), _midnight(monday, now), "day", days=7)
    if name == "this_month":
        first = today.replace(day=1)
        return Period(name, _midnight(first, now), now, "day" if today.day > 2 else "hour", today.day, runs=True)
    if name not in _DAYS:
        raise MalformedPeriod(
            gettext("A period is one of %(names)s; not %(name)s.", names=", ".join((*NAMES, LIFE)), name=repr(name[:64])),
            pointer="#/period",
        )
    days = _DAYS[name]
    return Period(name, _midnight(today - (days - 1) * _DAY, now), now, "day" if days > 2 else "hour", days, runs=True)


def _between(first: str, last: str, now: datetime) -> Period:
    today = now.date()
    begin = _day(first, "from")
    end = _day(last, "to") if last else max(today, begin)
    if begin > end:
        raise MalformedPeriod(
            gettext("from is %(first)s and to is %(last)s: from must not be after to.", first=begin, last=end), pointer="#/from"
        )
    if begin > today:
        raise MalformedPeriod(gettext("from is %(first)s: that day is still to come.", first=begin), pointer="#/from")
    days = (end - begin).days + 1
    if days > MOST_DAYS:
        said = gettext("A period has at most %(most)s days; this one has %(days)s.", most=MOST_DAYS, days=days)
        raise MalformedPeriod(said, pointer="#/to")
    stop = min(_midnight(end + _DAY, now), now, key=to_ms)
    unit = "hour" if days <= 2 else "day" if days <= 120 else "week"
    period = Period("custom", _midnight(begin, now), stop, unit, days, runs=stop is now)
    if not period.hours:
        said = gettext("There was no %(day)s in %(zone)s: the calendar left it out.", day=begin, zone=period.time_zone)
        raise MalformedPeriod(said, pointer="#/from")
    return period


def _check_unit(unit: str) -> None:
    if unit and unit not in UNITS:
        said = gettext("A unit is one of %(units)s; not %(unit)s.", units=", ".join(UNITS), unit=repr(unit[:64]))
        raise MalformedPeriod(said, pointer="#/unit")


def _by_unit(unit: str, period: Period) -> Period:
    unit = unit or period.unit
    if unit == "hour" and to_ms(period.end) - to_ms(period.start) > (MOST_DAYS_BY_HOUR * DAY_MS) + 2 * HOUR_MS:
        raise MalformedPeriod(
            f"By hours a period has at most {MOST_DAYS_BY_HOUR} days. Take days or weeks, or ask for less.", pointer="#/unit"
        )
    return replace(period, unit=unit)


def _day(text: str, pointer: str) -> date:
    try:
        found = date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        found = None
    if found is None or found < _FIRST:
        said = gettext("%(text)s is not a day. Write it as 2025-11-25.", text=repr(text[:64]))
        raise MalformedPeriod(said, pointer=f"#/{pointer}")
    return found


def _begins_within(period: Period) -> Iterator[datetime]:
    day = period.start.date()
    next_day: Callable[[date], date] = _monday_after if period.unit == "week" else lambda day: day + _DAY
    while to_ms(begin := _midnight(day := next_day(day), period.start)) < to_ms(period.end):
        yield begin


def _monday_after(day: date) -> date:
    return day + (7 - day.weekday()) * _DAY


def _midnight(day: date, beside: datetime) -> datetime:
    """The beginning of a local day; where the clocks skip midnight, the moment they skip to."""
    return _existing(datetime.combine(day, time(), _zone_of(beside)))


def _existing(moment: datetime) -> datetime:
    """The same moment as the clock shows it: a local time that was skipped becomes the one it was skipped to."""
    return moment.astimezone(UTC).astimezone(_zone_of(moment))


def _local(at_ms: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone)


def _zone_of(moment: datetime) -> ZoneInfo:
    zone = moment.tzinfo
    assert isinstance(zone, ZoneInfo)
    return zone
