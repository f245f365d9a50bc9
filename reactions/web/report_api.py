"""What editors and their tools ask: the dashboard, lists of articles, one article, series. Every number is in docs/metrics.md."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response
from marshmallow import ValidationError

from reactions.newsroom import article_keys
from reactions.reports import listing, periods, ranking
from reactions.reports.periods import Period
from reactions.web import current, editors, headers, questions, report_schemas, requests
from reactions.web.openapi import ApiBlueprint, query

_PROBLEMS = ("malformed-period", "malformed-filter")
USUAL_LIMIT = 50

blueprint = ApiBlueprint("reports", description="What moves the readers. Needs a key of the site with the scope read.")

_UNIT = query("unit", f"{', '.join(periods.UNITS)}; hours for at most 31 days", required=False)
_LISTED = [
    query("sort", f"{', '.join(ranking.SORTS)}, the highest first; with - before it, the lowest", required=False),
    query("limit", f"1 to {listing.MOST}, usually {USUAL_LIMIT}", required=False),
    query("cursor", "`next` of the page before, everything else unchanged", required=False),
]


@blueprint.get(
    "/v1/sites/<site_key>/dashboard",
    "getDashboard",
    parameters=[*questions.ABOUT, _UNIT],
    response=report_schemas.DashboardResponse,
    problems=_PROBLEMS,
    scope="read",
)
def dashboard(site_key: str) -> Response:
    """What is hot now, what the period brought beside the one before, and the articles worth a look. At most 5 seconds old."""
    site = editors.require(site_key, "read")
    report = current.newsroom().dashboard(site, questions.asked(questions.given([*questions.ABOUT, _UNIT])))
    return _answer(
        {
            "site": {"key": report.site.key, "name": report.site.name, "time_zone": report.site.time_zone},
            "generated_at": report.generated_at,
            "period": _period(report.period),
            "previous": {"from": report.previous.start, "to": report.previous.end},
            "live": report.live,
            "totals": report.totals,
            "reactions": report.reactions,
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
    parameters=[*questions.ABOUT, *_LISTED],
    response=report_schemas.ListingResponse,
    problems=[*_PROBLEMS, "unknown-sort", "malformed-cursor"],
    scope="read",
)
def articles(site_key: str) -> Response:
    """The articles that readers reacted to in the period, or that were published in it, page by page."""
    site = editors.require(site_key, "read")
    given = questions.given([*questions.ABOUT, *_LISTED])
    page = current.newsroom().articles(
        site, questions.asked(given), sort=given["sort"], limit=_limit(given["limit"]), cursor=given["cursor"]
    )
    return _answer({"articles": page.articles, "next": page.next, "period": _period(page.period)})


@blueprint.get(
    "/v1/sites/<site_key>/articles/one",
    "getArticle",
    parameters=[query("article", "The article's key, or one it had before", example="sport/cup-final"), _UNIT, questions.ZONE],
    response=report_schemas.ArticleResponse,
    problems=["malformed-key", "malformed-period", "unknown-article"],
    scope="read",
)
def article(site_key: str) -> Response:
    """All about one article: its numbers, its series since publication, what was done to it, and how it rose beside its peers."""
    site = editors.require(site_key, "read")
    given = questions.given([{"name": "article"}, _UNIT, questions.ZONE])
    life = current.newsroom().article(site, given["article"], unit=given["unit"], time_zone=given["time_zone"])
    found = {"article": life.article, "mixed_words": article_keys.mixed_words(life.article.article)}
    return _answer({**found, "unit": life.unit, "series": life.series, "marks": life.marks, "peers": life.peers})


@blueprint.get(
    "/v1/sites/<site_key>/series",
    "getSeries",
    parameters=[*questions.ABOUT, _UNIT],
    response=report_schemas.SeriesResponse,
    problems=_PROBLEMS,
    scope="read",
)
def series(site_key: str) -> Response:
    """Reactions given and taken back by hour, day or week of the time zone, changes of the clock included."""
    site = editors.require(site_key, "read")
    report = current.newsroom().series(site, questions.asked(questions.given([*questions.ABOUT, _UNIT])))
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
    if limit is None or not 1 <= limit <= listing.MOST:
        raise ValidationError(f"Ask for 1 to {listing.MOST} articles at a time.", "limit")
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
