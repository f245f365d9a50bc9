"""What things are called on the pages, in the language in use: periods, filters, marks, and whom an article is compared with."""

from __future__ import annotations

from datetime import datetime

from reactions.languages import gettext, ngettext
from reactions.reports import words
from reactions.reports.article import Comparison
from reactions.reports.periods import Period


def mark_names() -> dict[str, str]:
    """What was done to an article, in words."""
    return {
        "published": gettext("published"), "closed": gettext("closed"), "reopened": gettext("reopened"),
        "hidden": gettext("hidden"), "shown": gettext("shown"), "moved": gettext("moved"), "described": gettext("described"),
        "merged in": gettext("another merged in"), "merged away": gettext("merged away"), "reset": gettext("reset"),
        "restored": gettext("restored"), "recounted": gettext("recounted"), "imported": gettext("imported"),
        "signed": gettext("registered"), "votes dropped": gettext("votes dropped"),
    }  # fmt: skip


def filter_names() -> dict[str, str]:
    """What the filters are called where one is in use."""
    return {
        "section": gettext("Section"), "author": gettext("Author"), "tag": gettext("Tag"), "q": gettext("Title"),
        "reaction": gettext("Reaction"),
    }  # fmt: skip


def period_names() -> dict[str, str]:
    """What the presets are called where one is chosen."""
    return {
        "today": gettext("Today"), "yesterday": gettext("Yesterday"), "24h": gettext("24 h"), "7d": gettext("7 days"),
        "28d": gettext("28 days"), "90d": gettext("90 days"), "last_week": gettext("Last week"),
        "this_month": gettext("This month"), "life": gettext("Since publication"),
    }  # fmt: skip


def heading(period: Period) -> str:
    """What a period is called over its figures."""
    headings = {
        "today": gettext("Today"), "yesterday": gettext("Yesterday"), "24h": gettext("Last 24 hours"),
        "7d": gettext("Last 7 days"), "28d": gettext("Last 28 days"), "90d": gettext("Last 90 days"),
        "last_week": gettext("Last week"), "this_month": gettext("This month"), "life": gettext("Since publication"),
    }  # fmt: skip
    return headings.get(period.name) or gettext("The chosen days")


def before(period: Period) -> str:
    """The period before, as one names it."""
    if period.name == "today":
        return gettext("yesterday")
    if period.days <= 1:
        return gettext("the day before")
    return ngettext("in the %(n)s day before", "in the %(n)s days before", period.days)


def covers(period: Period) -> str:
    """The days of a period: Mon 23 Nov to Sun 29 Nov."""
    first, last = period.start, datetime.fromtimestamp(period.end.timestamp() - 1, period.end.tzinfo)
    if not period.days:
        begin, end = (gettext("%(day)s, %(time)s", day=words.day(at), time=words.clock(at)) for at in (first, period.end))
        return gettext("%(first)s to %(last)s", first=begin, last=end)
    if first.date() == last.date():
        return words.day(first)
    return gettext("%(first)s to %(last)s", first=words.day(first), last=words.day(last))


def peers(peers: Comparison) -> str:
    """Whom an article is compared with."""
    if peers.kind == "section":
        return gettext("other articles in %(section)s", section=peers.group)
    return (
        gettext("other articles by %(author)s", author=peers.group)
        if peers.kind == "author"
        else gettext("this site’s other articles")
    )
