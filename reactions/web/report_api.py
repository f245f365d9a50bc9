"""The reports as JSON: the dashboard, lists of articles, one article, series. docs/metrics.md defines every number."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response
from marshmallow import ValidationError

from reactions.newsroom import article_keys
from reactions.reports import listings, ranking
from reactions.reports.periods import Period
from reactions.web import current, editors, headers, report_params, report_schemas, requests
from reactions.web.openapi import ApiBlueprint, query

_PROBLEMS = ("malformed-period", "malformed-filter")
USUAL_LIMIT = 50

blueprint = ApiBlueprint("reports", description="What readers react to. Needs a key of the site with the scope read.")

_REPORT = [*report_params.REPORT, report_params.UNIT]
_LIST = [
    *report_params.REPORT,
    query("sort", f"{', '.join(ranking.SORTS)}, the highest first; with - before it, the lowest", required=False),
    query("limit", f"1 to {listings.MOST}, usually {USUAL_LIMIT}", required=False),
    query("cursor", "`next` of the page before, everything else unchanged", required=False),
]
_ARTICLE = [
    query("article", "The article's key, or one it had before", example="sport/cup-final"),
    report_params.UNIT,
    report_params.ZONE,
]


@blueprint.get(
    "/v1/sites/<site_key>/dashboard",
    "getDashboard",
    parameters=_REPORT,
    response=report_schemas.DashboardResponse,
    problems=_PROBLEMS,
    scope="read",
)
def dashboard(site_key: str) -> Response:
    """What is hot now, the period compared with the one before, and the articles worth a look. At most 5 seconds old."""
    site = editors.require(site_key, "read")
    report = current.reports().dashboard(site, report_params.report_query(report_params.strict(_REPORT)))
    return _answer(
        {
            "site": {"key": report.site.key, "name": report.site.name, "time_zone": report.site.time_zone},
            "generated_at": report.generated_at,
            "period": _period(report.period),
            "previous": {"from": report.previous.start, "to": report.previous.end},
            "since": report.since,
            "live": report.live,
            "totals": report.totals,
            "reactions": report.reactions,
            "retired": report.retired,
            "mood": report.mood,
            "split": report.split,
            "series": report.series,
            "lists": report.lists,
            "sections": report.sections,
            "authors": report.authors,
        }
    )


@blueprint.get(
    "/v1/sites/<site_key>/articles",
    "listArticles",
    parameters=_LIST,
    response=report_schemas.ListingResponse,
    problems=[*_PROBLEMS, "unknown-sort", "malformed-cursor"],
    scope="read",
)
def articles(site_key: str) -> Response:
    """The articles that readers reacted to in the period, or that were published in it, page by page."""
    site = editors.require(site_key, "read")
    params = report_params.strict(_LIST)
    page = current.reports().articles(
        site,
        report_params.report_query(params),
        sort=params["sort"],
        limit=_limit(params["limit"]),
        cursor=params["cursor"],
    )
    return _answer({"articles": page.articles, "next": page.next, "period": _period(page.period)})


@blueprint.get(
    "/v1/sites/<site_key>/articles/one",
    "getArticle",
    parameters=_ARTICLE,
    response=report_schemas.ArticleResponse,
    problems=["malformed-key", "malformed-period", "unknown-article"],
    scope="read",
)
def article(site_key: str) -> Response:
    """One article: its numbers, its series since publication, what was done to it, and its growth compared with its peers'."""
    site = editors.require(site_key, "read")
    params = report_params.strict(_ARTICLE)
    life = current.reports().article(site, params["article"], unit=params["unit"], time_zone=params["time_zone"])
    found = {"article": life.article, "mixed_words": article_keys.mixed_words(life.article.article)}
    return _answer({**found, "unit": life.unit, "series": life.series, "marks": life.marks, "peers": life.peers})


@blueprint.get(
    "/v1/sites/<site_key>/series",
    "getSeries",
    parameters=_REPORT,
    response=report_schemas.SeriesResponse,
    problems=_PROBLEMS,
    scope="read",
)
def series(site_key: str) -> Response:
    """Reactions added and removed by hour, day or week of the time zone, changes of the clock included."""
    site = editors.require(site_key, "read")
    report = current.reports().series(site, report_params.report_query(report_params.strict(_REPORT)))
    return _answer(
        {
            "time_zone": report.period.time_zone,
            "unit": report.period.unit,
            "period": _period(report.period),
            "series": report.series,
        }
    )


def _limit(text: str) -> int:
    limit = requests.whole_number(text) if text else USUAL_LIMIT
    if limit is None or not 1 <= limit <= listings.MOST:
        raise ValidationError(f"Ask for 1 to {listings.MOST} articles at a time.", "limit")
    return limit


def _period(period: Period) -> dict[str, Any]:
    return {
        "name": period.name,
        "from": period.start,
        "to": period.end,
        "unit": period.unit,
        "time_zone": period.time_zone,
    }


def _answer(body: Any) -> Response:
    """A private answer: no cache may keep it, no other page may read it."""
    text = orjson.dumps(body, option=orjson.OPT_OMIT_MICROSECONDS | orjson.OPT_UTC_Z)
    return Response(text, content_type="application/json", headers=headers.PRIVATE)
