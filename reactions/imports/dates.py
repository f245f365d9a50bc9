"""Dates as feeds and tables write them. An offset or a zone's name is honoured or refused, never replaced by the site's zone.

python-dateutil reads the day and the time; the zone is taken off first and read here, because names mean different offsets in
different places, and because "UTC+0200" means two hours ahead, not behind. What dateutil would fill in or guess (a missing day,
which of 01/02 is the month) is refused.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import parsedate
from zoneinfo import ZoneInfo

from dateutil import parser
from dateutil.parser import ParserError

from reactions import times
from reactions.times import LATEST_MS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXAMPLE = "such as 2026-03-01T07:30:00+01:00"
_NONE = re.compile(
    r"[-+]?000[01]\b.*|0+|0{4}[-/.]0{2}[-/.]0{2}\b.*|.*\b[A-Za-z]{3,9}\.?[ -]{1,2}000[01]\b.*|-\d{4}\b.*", re.DOTALL
)  # years 1, 0 and before: how programs write that there is no date
_COMMENT = re.compile(r"\s*\([^()]*\)\s*$")  # as in "+0100 (CET)"
_OFFSET = re.compile(r"(?P<when>.*\d(?::\d\d)+(?:[.,]\d+)?(?:\s*[AaPp]\.?[Mm]\.?)?|\d{4}-?\d\d-?\d\d)\s*"
                     r"(?:UTC|GMT|UT|Z)?\s*(?P<sign>[-+−])(?P<hours>\d{1,2}?):?(?P<minutes>[0-5]\d)?", re.IGNORECASE)  # fmt: skip
_NAMED = re.compile(
    r"(?P<when>.*\d(?:\s*[AP]\.?M\.?(?![A-Z]))?)\s*(?P<name>[A-Z]{1,5}|[A-Z]+/[A-Z0-9_/+-]+)", re.IGNORECASE
)  # am and pm are words of their own: America/New_York begins with one
_BRACKETS = re.compile(r"(?P<when>.*?\d)(?P<offset>Z|[-+]\d\d:?\d\d)?\[!?(?P<name>[A-Za-z0-9_/+-]+)\]", re.IGNORECASE)  # RFC 9557
_DOTTED = re.compile(r".*[T\s]\d{1,2}\.\d+", re.DOTALL)  # 07.30, which is taken for a fraction
_UNIX = re.compile(r"(?P<when>.*\d:\d\d)\s+(?P<name>[A-Z]{2,5})\s+(?P<year>\d{4})")  # as the command `date` writes it
_MAIL = re.compile(r"(?:[A-Za-z]{3}, +)?\d{1,2} +[A-Za-z]{3} +\d{4} +\d\d:\d\d(?::\d\d)?")
_MOST = 100  # characters: what is longer is no date, and takes long to find that out
_AMBIGUOUS = re.compile(r"(?<!\d)\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}\b")
_HOURS_OF = {
    "UTC": 0, "GMT": 0, "UT": 0, "Z": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "MET": 1, "MEST": 2, "EET": 2, "EEST": 3,
    "MSK": 3, "MSD": 4, "TRT": 3, "SAST": 2, "CAT": 2, "EAT": 3, "WAT": 1, "PKT": 5, "NPT": 5.75, "WIB": 7, "WITA": 8, "WIT": 9,
    "ICT": 7, "HKT": 8, "SGT": 8, "PHT": 8, "JST": 9, "KST": 9, "AWST": 8, "ACST": 9.5, "ACDT": 10.5, "AEST": 10, "AEDT": 11,
    "NZST": 12, "NZDT": 13, "BRT": -3, "ART": -3, "NST": -3.5, "NDT": -2.5, "ADT": -3, "AKST": -9, "AKDT": -8, "HST": -10,
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,  # these eight as RFC 5322 has them
}  # fmt: skip


class UnreadableDate(ValueError):
    """The text is no date that can be understood; the message says why and completes "published_at 'TEXT' …"."""


def read(text: str, zone: ZoneInfo) -> int | None:
    """The moment in UTC milliseconds; a time without a zone is the site's. None for what means that there is no date.

    Raises UnreadableDate.
    """
    if len(text) > _MOST:
        raise UnreadableDate(f"is not a time {_EXAMPLE}")
    text = _COMMENT.sub("", text.strip())
    if named := _BRACKETS.fullmatch(text):  # an offset says more than a name
        text = f"{named['when']}{named['offset'] or ' ' + named['name']}"
    if not text or _NONE.fullmatch(text):
        return None
    bare, offset = _without_zone(text, zone)
    if bare in (datetime(1970, 1, 1), datetime(1, 1, 1)):  # noqa: DTZ001  a clock's face
        return None
    moment = (bare - _EPOCH.replace(tzinfo=None)) - offset
    at_ms = moment // timedelta(milliseconds=1)
    if at_ms == 0:
        return None
    if not -62_135_596_800_000 <= at_ms <= LATEST_MS:
        raise UnreadableDate("is out of the calendar, which ends with the year 9999")
    return at_ms


def _without_zone(text: str, zone: ZoneInfo) -> tuple[datetime, timedelta]:
    """The clock's face, and how far it is ahead of UTC."""
    if found := _OFFSET.fullmatch(text):
        hours, minutes = int(found["hours"]), int(found["minutes"] or 0)
        if hours > 14 + (hours == 14 and minutes > 0):
            raise UnreadableDate(f"has the offset {hours}:{minutes:02}, and none is more than 14 hours")
        ahead = timedelta(hours=hours, minutes=minutes)
        return _clock(found["when"]), ahead if found["sign"] == "+" else -ahead
    text = _UNIX.sub(r"\g<when> \g<year> \g<name>", text)
    if (found := _NAMED.fullmatch(text)) and not _is_word(found["name"]):
        clock = _clock(found["when"])
        return clock, _offset_of(found["name"], clock, zone)
    clock = _clock(text)
    return clock, _utc_offset(clock, zone)


def _is_word(name: str) -> bool:
    """True for what may end a date and names no zone: a month, a day, am or pm."""
    return "/" not in name and (name[:3].lower() in _WORDS or name.lower() in ("am", "pm"))


_WORDS = frozenset("jan feb mar apr may jun jul aug sep oct nov dec mon tue wed thu fri sat sun".split())  # noqa: SIM905


def _offset_of(name: str, clock: datetime, zone: ZoneInfo) -> timedelta:
    """The offset that a zone's name means: to the site itself first, then by the table."""
    if "/" in name:
        named = times.zone(name)
        if named is None:
            raise UnreadableDate(f"has the time zone {name[:40]!r}, which is not known")
        return _utc_offset(clock, named)
    for day in (clock, clock.replace(month=1, day=1), clock.replace(month=7, day=1)):
        if day.replace(tzinfo=zone).tzname() == name.upper():
            return _utc_offset(day, zone)
    hours = _HOURS_OF.get(name.upper())
    if hours is None:
        raise UnreadableDate(f"has the time zone {name[:40]!r}, which is not known or means several; write an offset, {_EXAMPLE}")
    return timedelta(hours=hours)


def _utc_offset(clock: datetime, zone: tzinfo) -> timedelta:
    return clock.replace(tzinfo=zone).utcoffset() or timedelta(0)


def _clock(text: str) -> datetime:
    """The clock's face of a text without a zone."""
    text = text.strip().removesuffix(",")
    if _DOTTED.fullmatch(text):
        raise UnreadableDate(f"can be read in several ways; write it {_EXAMPLE}")
    text, added = (
        re.sub(r"([T ])24:00(?::00)?$", r"\g<1>00:00", text),
        timedelta(days=bool(re.search(r"[T ]24:00(?::00)?$", text))),
    )
    text = re.sub(r"(:\d\d):60\b", r"\1:59", text)  # a leap second
    if month := re.fullmatch(r"(\d{4})(?:-(\d\d))?", text):
        text = f"{month[1]}-{month[2] or '01'}-01"
    if _MAIL.fullmatch(text) and (parts := parsedate(text)):  # what nearly all of RSS has, read ten times faster
        text = "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}".format(*parts[:6])
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None) + added
    except ValueError:
        return _guessed(text) + added
    except OverflowError:
        raise UnreadableDate("is out of the calendar, which ends with the year 9999") from None


def _guessed(text: str) -> datetime:
    """What dateutil reads, if it reads a whole day and the same one however it may be read."""
    zones: list[object] = []

    def note(name: str | None, offset: int | None) -> tzinfo:
        zones.extend(part for part in (name, offset) if part is not None)
        return UTC

    try:
        one, other = (
            parser.parse(text, default=default, dayfirst=dayfirst, tzinfos=note).replace(tzinfo=None)
            for default, dayfirst in ((datetime(2000, 1, 1), False), (datetime(2001, 2, 2), bool(_AMBIGUOUS.search(text))))  # noqa: DTZ001
        )
    except (ParserError, OverflowError):
        raise UnreadableDate(f"is not a time {_EXAMPLE}") from None
    if one != other or zones:
        raise UnreadableDate(f"can be read in several ways; write it {_EXAMPLE}")
    return datetime.combine(one.date(), one.time())
