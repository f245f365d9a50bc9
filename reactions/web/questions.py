"""The parameters in which reports and exports are asked for: which days, and which articles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

from flask import request
from marshmallow import ValidationError

from reactions.reports import periods
from reactions.reports.query import ReportQuery
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
    try:
        unquote_to_bytes(request.query_string).decode()
    except UnicodeDecodeError:
        raise ValidationError("Write the address in UTF-8, percent-encoded.") from None
    names = [parameter["name"] for parameter in known]
    values_of = request.args.to_dict(flat=False)
    if unknown := [name for name in values_of if name not in names]:
        raise ValidationError(f"No such parameter. Use: {', '.join(names)}.", unknown[0][:64])
    if twice := [name for name, values in values_of.items() if len(values) > 1]:
        raise ValidationError("Give it once.", twice[0])
    return {name: values_of.get(name, [""])[0] for name in names}


def asked(said: Mapping[str, str]) -> ReportQuery:
    """What a report is asked about."""
    return ReportQuery(
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
