"""The parameters in which reports and exports are asked for: which days, and which articles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reactions.reports import periods
from reactions.reports.newsroom import Asked
from reactions.web import requests
from reactions.web.openapi import query

ZONE = query("time_zone", "Another time zone than the site's", required=False, example="America/New_York")
DAYS = [
    query("from", "The first day, at most 366 before the last", required=False, example="2026-03-01"),
    query("to", "The last day, included; today if left out", required=False, example="2026-03-31"),
    ZONE,
]
ARTICLES = [
    query("section", "Articles of this section", required=False),
    query("author", "Articles by this author", required=False),
    query("tag", "Articles with this tag", required=False),
    query("q", "Articles with all these words in the title or the key", required=False),
]
ABOUT = [
    query("period", f"{', '.join(periods.NAMES)}; without from and to the usual is {periods.DEFAULT}", required=False),
    *DAYS,
    *ARTICLES,
]


def given(known: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The query's parameters, empty where not given. Raises ValidationError for an unknown one and for one given twice."""
    return requests.query_values([parameter["name"] for parameter in known])


def asked(said: Mapping[str, str]) -> Asked:
    """What a report is asked about."""
    return Asked(
        period=said["period"],
        first=said["from"],
        last=said["to"],
        unit=said.get("unit", ""),
        time_zone=said["time_zone"],
        section=said["section"],
        author=said["author"],
        tag=said["tag"],
        text=said["q"],
    )
