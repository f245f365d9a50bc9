"""The query parameters of reports and exports: which days, and which articles. They are read only here.

The API is strict: an unknown parameter, or one given twice, is refused. A page of the dashboard ignores what it does not know, so
that an address with a mail's tracking parameters still opens.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request, url_for

from reactions.reports import periods
from reactions.reports.query import ReportQuery
from reactions.web import requests
from reactions.web.openapi import query

ZONE = query("time_zone", "Another time zone than the site's", required=False, example="America/New_York")
UNIT = query("unit", f"{', '.join(periods.UNITS)}; hours for at most 31 days", required=False)
DAYS = [
    query("from", "The first day, at most 366 before the last", required=False, example="2026-03-01"),
    query("to", "The last day, included; today if left out", required=False, example="2026-03-31"),
    ZONE,
]
ARTICLES = [
    query("section", "Articles of this section, capitals ignored as in all filters", required=False),
    query("author", "Articles by this author", required=False),
    query("tag", "Articles with this tag", required=False),
    query("q", "Articles with all these words in the title or the key", required=False),
]
_PERIODS = (*periods.NAMES, periods.LIFE)
REPORT = [
    query(
        "period",
        f"{', '.join((*periods.NAMES, periods.LIFE))}; {periods.DEFAULT} if neither it nor from is given",
        required=False,
    ),
    *DAYS,
    *ARTICLES,
    query("reaction", "Articles to which the period brought this reaction, such as angry", required=False),
]
FILTERS = {"section": "section", "author": "author", "tag": "tag", "q": "text", "reaction": "reaction"}
_VIEW = ("period", "from", "to", *FILTERS, "sort", "compare")
_SIGNS = re.compile(r"[*?%_]")  # that other programs take for "anything"
_DEFAULT_PERIOD = "24h"  # of pages
_BY_HOUR = {"7d"}  # periods that pages show by hours, and the API by days


def strict(known: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The request's query parameters, empty where not given. Raises ValidationError for an unknown one and one given twice."""
    return requests.query_values([parameter["name"] for parameter in known])


def report_query(params: Mapping[str, str]) -> ReportQuery:
    """The query that parameters stand for."""
    return ReportQuery(
        period=params.get("period", ""),
        first=params.get("from", ""),
        last=params.get("to", ""),
        unit=params.get("unit", ""),
        time_zone=params.get("time_zone", ""),
        section=params.get("section", ""),
        author=params.get("author", ""),
        tag=params.get("tag", ""),
        text=params.get("q", ""),
        reaction=params.get("reaction", ""),
    )


@dataclass(frozen=True)
class View:
    """What a page shows, as its address says it, empty choices left out. Every editor of the site sees the same behind it."""

    params: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.params.get(name, "")

    @property
    def filters(self) -> dict[str, str]:
        """What narrows the articles, by the name of the parameter."""
        return {name: self.params[name] for name in FILTERS if name in self.params}

    @property
    def query(self) -> ReportQuery:
        """The query of the page's report."""
        dated = self["from"] or self["to"]
        period = self["period"] or ("" if dated else _DEFAULT_PERIOD)
        return report_query({**self.params, "period": period, "unit": "hour" if period in _BY_HOUR else ""})

    @property
    def has_signs(self) -> bool:
        """True if a filter has a sign that stands for anything elsewhere; here it stands for itself."""
        return any(_SIGNS.search(text) for text in self.filters.values())

    def without_filters(self, page: str, **changes: str | None) -> str:
        """The address of a page without the filters in use, or with these instead."""
        return self.to(page, **{**dict.fromkeys(self.filters), **changes})

    def to(self, page: str, **changes: str | None) -> str:
        """The address of a page of the dashboard with this view, some choices changed; None leaves one out."""
        if "period" in changes:
            changes = {"from": None, "to": None, **changes}
        if not page.startswith("articles"):
            changes = {"sort": None, **changes}
        if page not in ("front", "list_csv"):
            changes = {"compare": None, **changes}
        kept = {**self.params, **changes}
        if not kept.get("reaction") and (kept.get("sort") or "").removeprefix("-") in ("reaction", "share"):
            kept["sort"] = None
        return url_for(f"dashboard.{page}", **{name: value for name, value in kept.items() if value})  # type: ignore[arg-type]


def has_empty() -> bool:
    """True if the request's address has choices without a value, as a form sends those that were left alone."""
    return any(not request.args[name].strip() for name in _VIEW if name in request.args)


def view() -> View:
    """The view that the request's address asks for."""
    params = {name: text for name in _VIEW if (text := request.args.get(name, "").strip())}
    if "from" in params or "to" in params:
        params.pop("period", None)  # the form sends both: days chosen by hand count more
    return View(params)
