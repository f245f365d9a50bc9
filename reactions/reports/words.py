"""Numbers and comparisons in an editor's words, for pages and mails."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta

from reactions.reports import metrics
from reactions.reports.dashboard import Live
from reactions.reports.listings import Trend
from reactions.reports.norms import Group, Surprise

MINUS = "\u2212"
TIMES = "\u00d7"
NARROW = "\u202f"  # a no-break space that keeps a number and its sign together
FIRM = "\u00a0"  # a space at which no line ends
_STEPS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
_FAST = 1.5  # times the usual, from where a rate is worth a word


def number(value: float) -> str:
    """A count: 12,345; a median that lies between two counts keeps its half."""
    return f"{value:,.1f}".removesuffix(".0").replace("-", MINUS)


def signed(value: float) -> str:
    """A mood: +0.42, −0.31, 0.00."""
    text = f"{value:+.2f}"
    return "0.00" if text in ("+0.00", "-0.00") else text.replace("-", MINUS)


def decimals(value: float) -> str:
    """A split: 0.83."""
    return f"{value:.2f}"


def ratio(value: float) -> str:
    """How many times: 3.1, and no more exact than 24 from ten on."""
    return f"{value:.1f}" if value < 9.95 else f"{value:,.0f}"


def percent(share: float) -> str:
    """A share: 42%, and <1% for anything smaller than that but not zero."""
    return "<1%" if 0 < share < 0.01 else f"{share * 100:.0f}%".replace("-", MINUS)


def counted(value: int, one: str, many: str = "") -> str:
    """A count with its noun: 1 article, 2 articles."""
    return f"{number(value)} {one if value == 1 else many or one + 's'}"


def age(hours: float) -> str:
    """How old: 45 min, 5 h, 3 days."""
    if hours < 1:
        return f"{max(1, int(hours * 60))}{FIRM}min"
    return f"{int(hours)}{FIRM}h" if hours < 48 else f"{int(hours // 24)}{FIRM}days"


def change(part: float) -> str:
    """A change against before: 6% more, 12% fewer, as many."""
    if abs(part) < 0.005:
        return "as many"
    if part >= 2:
        return f"{ratio(1 + part)} {TIMES} as many"
    return f"{abs(part) * 100:.0f}% {'more' if part > 0 else 'fewer'}"


def usually(value: float) -> str:
    """What is usual, as a count: none, 3, 12."""
    return number(math.floor(value + 0.5)) if value >= 0.5 else "none"


def times_usual(trend: Trend) -> str:
    """How many times the usual an article's rate is, where that is worth a word: "1.8 × the usual rate"."""
    times = metrics.times_usual(trend.gained, trend.expected)
    return f"{ratio(times)}{NARROW}{TIMES} the usual rate" if times and times >= _FAST else ""


def trend(found: Trend) -> str:
    """An article's readers of the last three hours, and the usual number at its age: "18 readers in three hours, usually 10"."""
    return f"{counted(found.gained, 'reader')} in three hours, usually {usually(found.expected)}"


def others(group: Group) -> str:
    """Which articles an article is compared with."""
    if group.kind == "site":
        return "this site’s articles"
    return f"articles in {group.name}" if group.kind == "section" else f"articles by {group.name}"


def surprise(found: Surprise, label: str) -> tuple[str, str]:
    """What is unusual about an article, in two parts of which the first is the news.

    "3.1 × the usual Angry", ": 31 in its first 2 h; articles in Politics usually have 10". Where the usual is below five no
    proportion is told: "149 Angry", " in its first 3 h; this site’s articles usually have none".
    """
    rest = f" in its first {age(found.age_hours)}; {others(found.against)} usually have {usually(found.median)}"
    if found.ratio is None:
        return f"{number(found.count)} {label}", rest
    return f"{ratio(found.ratio)}{NARROW}{TIMES} the usual {label}", f": {number(found.count)}{rest}"


def live(found: Live) -> str:
    """An hour so far, the same minutes an hour ago, and what is usual: "36 by 17:20; 30 by 16:20, usually 31"."""
    if found.until is None:
        return f"{number(found.last_hour)} in the whole hour before."
    before = found.until - timedelta(hours=1)
    said = f"{number(found.so_far or 0)} by {clock(found.until)}; {number(found.last_hour_so_far or 0)} by {clock(before)}"
    return f"{said}, usually {usually(found.usual)} in this hour of the week." if found.usual is not None else f"{said}."


def divided(split: float) -> str:
    """How divided the readers are."""
    if split >= 0.9:
        return "half for, half against"
    if split >= 0.6:
        return "divided"
    return "leaning one way" if split >= 0.3 else "in agreement"


def clock(at: datetime) -> str:
    """The time of day: 14:05."""
    return f"{at:%H:%M}"


def day(at: datetime) -> str:
    """A day: Tue 24 Nov."""
    return f"{at:%a} {at.day} {at:%b}"


def date(at: datetime) -> str:
    """A date: 3 November."""
    return f"{at.day} {at:%B}"


def moment(at: datetime) -> str:
    """A day with its year and the time: Tue 24 Nov 2026, 14:05."""
    return f"{day(at)} {at.year}, {clock(at)}"


def bucket(start: datetime, unit: str) -> str:
    """What a bucket of a series covers: Tue 24 Nov, 14:00–15:00; Tue 24 Nov; the week from Mon 23 Nov."""
    if unit == "hour":
        end = start.timestamp() + _STEPS[unit].total_seconds()
        return f"{day(start)}, {clock(start)}–{clock(datetime.fromtimestamp(end, start.tzinfo))}"
    return day(start) if unit == "day" else f"Week from {day(start)}"


FILTERS: Mapping[str, object] = {
    "number": number, "signed": signed, "decimals": decimals, "ratio": ratio, "percent": percent, "counted": counted, "age": age,
    "change": change, "usually": usually, "times_usual": times_usual, "trend": trend, "live": live, "divided": divided,
    "clock": clock, "day": day, "moment": moment, "bucket": bucket,
}  # fmt: skip
