"""Numbers and comparisons in an editor's words and language, for pages and mails."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta

from reactions import languages
from reactions.languages import gettext, ngettext
from reactions.reports import metrics
from reactions.reports.dashboard import Live
from reactions.reports.metrics import Rate
from reactions.reports.norms import Group, Surprise
from reactions.reports.ranking import Trend

NARROW = "\u202f"  # a no-break space that keeps a number and its sign together
FIRM = "\u00a0"  # a space at which no line ends
_STEPS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
_FAST = 1.5  # times the usual, from where a rate is worth a word


def number(value: float) -> str:
    """A count: 12,345; a median that lies between two counts keeps its half."""
    return languages.decimal(value)


def signed(value: float) -> str:
    """A mood: +0.42, −0.31, 0.00."""
    return languages.decimal(0 if abs(value) < 0.005 else value, "0.00" if abs(value) < 0.005 else "+0.00;-0.00")


def decimals(value: float) -> str:
    """A split: 0.83."""
    return languages.decimal(value, "0.00")


def ratio(value: float) -> str:
    """How many times: 3.1, and no more exact than 24 from ten on."""
    return languages.decimal(value, "0.0" if value < 9.95 else "#,##0")


def percent(share: float) -> str:
    """A share: 42%, and <1% for anything smaller than that but not zero."""
    return f"<{languages.percent(0.01)}" if 0 < share < 0.01 else languages.percent(share)


def counted(value: int, one: str, many: str = "") -> str:
    """A count with its noun, for texts that are in English only: 1 article, 2 articles."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def age(hours: float) -> str:
    """How old: 45 min, 5 h, 3 days."""
    if hours < 1:
        return gettext("%(n)s\N{NO-BREAK SPACE}min", n=max(1, int(hours * 60)))
    if hours < 48:
        return gettext("%(n)s\N{NO-BREAK SPACE}h", n=int(hours))
    return ngettext("%(n)s\N{NO-BREAK SPACE}day", "%(n)s\N{NO-BREAK SPACE}days", int(hours // 24))


def change(part: float) -> str:
    """A change against before: 6% more, 12% fewer, as many."""
    if abs(part) < 0.005:
        return gettext("as many")
    if part >= 2:
        return gettext("%(times)s × as many", times=ratio(1 + part))
    percents = languages.percent(abs(part))
    return gettext("%(percent)s more", percent=percents) if part > 0 else gettext("%(percent)s fewer", percent=percents)


def usually(value: float) -> str:
    """What is usual, as a count: none, 3, 12."""
    return number(math.floor(value + 0.5)) if value >= 0.5 else gettext("none")


def times_usual(trend: Trend) -> str:
    """How many times the usual an article's rate is, where that is worth a word: "1.8 × the usual rate"."""
    times = metrics.times_usual(trend.gained, trend.expected)
    return gettext("%(times)s\N{NARROW NO-BREAK SPACE}× the usual rate", times=ratio(times)) if times and times >= _FAST else ""


def trend(found: Trend) -> str:
    """An article's readers of the last three hours, and the usual number at its age: "18 readers in three hours, usually 10"."""
    usual = usually(found.expected)
    return ngettext(
        "%(n)s reader in three hours, usually %(usual)s",
        "%(n)s readers in three hours, usually %(usual)s",
        found.gained,
        usual=usual,
    )


def reaction_rate(found: Rate) -> str:
    """How many reacted, with the interval: "12.4 of 1,000 who saw the row reacted (10.4 to 14.8)"."""
    rate, low, high = (languages.decimal(value, "#,##0.0") for value in (found.per_1000, found.low, found.high))
    thousand = number(1000)
    return gettext(
        "%(rate)s of %(thousand)s who saw the row reacted (%(low)s to %(high)s)", rate=rate, thousand=thousand, low=low, high=high
    )


def lowest_rate(found: Rate) -> str:
    """What articles are ranked by: "≥ 10.4"."""
    return f"≥\N{NARROW NO-BREAK SPACE}{languages.decimal(found.low, '#,##0.0')}"


def others(group: Group) -> str:
    """Which articles an article is compared with."""
    if group.kind == "site":
        return gettext("this site’s articles")
    if group.kind == "section":
        return gettext("articles in %(section)s", section=group.name)
    return gettext("articles by %(author)s", author=group.name)


def surprise(found: Surprise, label: str) -> tuple[str, str]:
    """What is unusual about an article, in two parts of which the first is the news.

    "3.1 × the usual Angry", ": 31 in its first 2 h; articles in Politics usually have 10". Where the usual is below five no
    proportion is told: "149 Angry", " in its first 3 h; this site’s articles usually have none".
    """
    usual = {"age": age(found.age_hours), "others": others(found.against), "usual": usually(found.median)}
    if found.ratio is None:
        news = gettext("%(n)s %(reaction)s", n=number(found.count), reaction=label)
        return news, gettext(" in its first %(age)s; %(others)s usually have %(usual)s", **usual)
    news = gettext("%(times)s\N{NARROW NO-BREAK SPACE}× the usual %(reaction)s", times=ratio(found.ratio), reaction=label)
    rest = gettext(": %(n)s in its first %(age)s; %(others)s usually have %(usual)s", n=number(found.count), **usual)
    return news, rest


def live(found: Live) -> str:
    """Whether this hour is usual so far: "That is as usual: 36 by 17:20, usually 31 in this hour of the week".

    Where nobody can say what is usual, the same minutes of the hour before are told instead.
    """
    if found.until is None:
        return gettext("%(n)s in the whole hour before.", n=number(found.last_hour))
    values = {"n": number(found.so_far or 0), "time": clock(found.until)}
    if found.usual is None:
        before = {"before": number(found.last_hour_so_far or 0), "earlier": clock(found.until - timedelta(hours=1))}
        return gettext("%(n)s by %(time)s; %(before)s by %(earlier)s, an hour before.", **values, **before)
    values["usual"] = usually(found.usual)
    side = metrics.beside_usual(found.so_far or 0, found.usual)
    if side > 0:
        return gettext("That is more than usual: %(n)s by %(time)s, usually %(usual)s in this hour of the week.", **values)
    if side < 0:
        return gettext("That is less than usual: %(n)s by %(time)s, usually %(usual)s in this hour of the week.", **values)
    if found.usual < 0.5:  # "usually none" beside a reader or two would read as a contradiction
        return gettext("This hour of the week is usually quiet: %(n)s by %(time)s.", **values)
    return gettext("That is as usual: %(n)s by %(time)s, usually %(usual)s in this hour of the week.", **values)


def divided(split: float) -> str:
    """How divided the readers are."""
    if split >= 0.9:
        return gettext("half for, half against")
    if split >= 0.6:
        return gettext("divided")
    return gettext("leaning one way") if split >= 0.3 else gettext("in agreement")


def clock(at: datetime) -> str:
    """The time of day: 14:05."""
    return languages.shown(at, "Hm")


def day(at: datetime) -> str:
    """A day: Tue 24 Nov."""
    return languages.shown(at, "MMMEd")


def date(at: datetime) -> str:
    """A date: 3 November."""
    return languages.shown(at, "MMMMd")


def moment(at: datetime) -> str:
    """A day with its year and the time: Tue 24 Nov 2026, 14:05."""
    return gettext("%(day)s, %(time)s", day=languages.shown(at, "yMMMEd"), time=clock(at))


def bucket(start: datetime, unit: str) -> str:
    """What a bucket of a series covers: Tue 24 Nov, 14:00–15:00; Tue 24 Nov; the week from Mon 23 Nov."""
    if unit == "hour":
        end = datetime.fromtimestamp(start.timestamp() + _STEPS[unit].total_seconds(), start.tzinfo)
        hour = f"{clock(start)}–{clock(end)}"
        return gettext("%(day)s, %(time)s", day=day(start), time=hour)
    return day(start) if unit == "day" else gettext("Week from %(day)s", day=day(start))


FILTERS: Mapping[str, object] = {
    "number": number, "counted": counted, "signed": signed, "decimals": decimals, "ratio": ratio, "percent": percent, "age": age,
    "change": change, "usually": usually, "times_usual": times_usual, "trend": trend, "live": live, "divided": divided,
    "reaction_rate": reaction_rate, "lowest_rate": lowest_rate,
    "clock": clock, "day": day, "moment": moment, "bucket": bucket,
}  # fmt: skip
