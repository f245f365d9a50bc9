"""From a view to the reports that it needs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from reactions.newsroom.sites import Site
from reactions.reports.article import Life
from reactions.reports.dashboard import Dashboard
from reactions.reports.listings import Listing, Row
from reactions.reports.query import ReportQuery
from reactions.web import current
from reactions.web.dashboard.view import DEFAULT_PERIOD, View

PAGE_LENGTH = 50
_AT_ONCE = 100
_DAYS_BY_HOUR = 10
_BY_HOUR = {"7d"}  # periods that say more by hours than by the days that are the API's usual


def front(site: Site, view: View) -> Dashboard:
    """What the overview shows."""
    return current.reports().dashboard(site, _asked(view))


def articles(site: Site, view: View, *, cursor: str) -> Listing:
    """A page of the stories of a view."""
    return current.reports().articles(site, _asked(view), sort=view["sort"], limit=PAGE_LENGTH, cursor=cursor)


def every_article(site: Site, view: View) -> Iterator[Row]:
    """All stories of a view, in the order in which the pages show them. What is refused is refused at once."""
    return _from(site, view, _page(site, view, ""))


def article(site: Site, key: str) -> Life:
    """One story, by hours while most of its reactions would fall into one or two days."""
    report = current.reports().article(site, key)
    young = report.unit == "day" and report.period.days <= _DAYS_BY_HOUR
    return current.reports().article(site, key, unit="hour") if young else report


def is_silent(site: Site, report: Dashboard) -> bool:
    """True if no reader has reacted to anything of the site within a year."""
    a_year_ago = report.generated_at.date() - timedelta(days=365)
    found = current.reports().articles(site, ReportQuery(first=a_year_ago.isoformat()), limit=1)
    return not any(row.total or row.added for row in found.articles)


def _from(site: Site, view: View, page: Listing) -> Iterator[Row]:
    yield from page.articles
    while page.next:
        page = _page(site, view, page.next)
        yield from page.articles


def _page(site: Site, view: View, cursor: str) -> Listing:
    return current.reports().articles(site, _asked(view), sort=view["sort"], limit=_AT_ONCE, cursor=cursor)


def _asked(view: View) -> ReportQuery:
    dated = view["from"] or view["to"]
    period = view["period"] or ("" if dated else DEFAULT_PERIOD)
    return ReportQuery(
        period=period,
        first=view["from"],
        last=view["to"],
        unit="hour" if period in _BY_HOUR else "",
        section=view["section"],
        author=view["author"],
        tag=view["tag"],
        text=view["q"],
    )
