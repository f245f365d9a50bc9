"""What the pages say of a report: headings, comparisons, and the opening sentences."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import g
from markupsafe import Markup

from reactions.newsroom.reaction_sets import Reaction
from reactions.newsroom.sites import Site
from reactions.reports.article import Comparison, Life
from reactions.reports.dashboard import Dashboard, Group
from reactions.reports.listings import Listing, Row
from reactions.reports.metrics import Measure
from reactions.reports.norms import Surprise
from reactions.reports.periods import Period
from reactions.web import current
from reactions.web.dashboard import drawings, words
from reactions.web.dashboard.view import HEADINGS, View

_NOTABLE_PACE, _NOTABLE_SURPRISE = 1.5, 2.0  # times the usual, from where a story is worth a sentence at the top
_BEFORE = {
    "today": "yesterday by this time", "yesterday": "the day before", "24h": "the 24 hours before",
    "7d": "the 7 days before", "28d": "the 28 days before", "90d": "the 90 days before",
}  # fmt: skip


def front(report: Dashboard, view: View, site: Site) -> dict[str, Any]:
    """What the overview is given beside the report."""
    return {
        "heading": ", ".join(f"“{text}”" if name == "q" else text for name, text in view.filters.items()) or site.name,
        "quiet": not report.live.this_hour and not report.live.last_hour,
        "brief": list(_brief(report, view)),
        "hour_began": report.generated_at.replace(minute=0, second=0, microsecond=0),
        "runs": report.period.end > report.generated_at,
        "empty": not report.totals.added and not report.live.articles,
        "known": _known(report),
        "entries": _entries(site, [item.key for item in report.reactions]),
        "end": _end_of_chart(report.period),
        "period_name": HEADINGS.get(report.period.name, "The chosen days"),
        "covers": _covers(report.period),
        "comparison": _comparison(report),
    }


def articles(found: Listing) -> dict[str, Any]:
    """What the list of stories is given beside its rows."""
    rows = found.articles
    known = {
        "sections": sorted({row.section for row in rows if row.section}),
        "authors": sorted({name for row in rows for name in row.authors}),
        "tags": sorted({tag for row in rows for tag in row.tags}),
    }
    return {"covers": _covers(found.period), "known": known}


def article(report: Life, site: Site) -> dict[str, Any]:
    """What the page of one story is given beside the report."""
    counts = report.article.counts
    moved = {key for bucket in report.series for key, change in bucket.reactions.items() if change.added}
    return {
        "address": _web_address(report.article.url),
        "entries": _entries(site, moved | counts.keys()),
        "end": report.period.end,
        "marks": [{"at": int(mark.at.timestamp()), "what": mark.what} for mark in report.marks],
        "most": max([*counts.values(), 1]),
        "peers_name": _peers_name(report.peers),
    }


def snippet(site: Site) -> str:
    """What a publisher pastes to get the row of reactions."""
    source = f'<script async src="{current.parts().settings.address}/widget/v1.js"'
    return f'{source}\n        data-site="{site.key}" data-article="KEY-OF-THE-ARTICLE"></script>'


def local_now(site: Site) -> datetime:
    """The present time, as the site's clock shows it."""
    return datetime.fromtimestamp(current.now_ms() / 1000, ZoneInfo(site.time_zone))


def names(site: Site) -> dict[str, str]:
    """The reactions' labels by key."""
    return {entry.key: entry.label_in("en") for entry in site.reactions.entries}


def against(surprise: Surprise) -> str:
    """Whom a story is compared with."""
    group = surprise.against
    if group.kind == "author":
        return f"other stories by {group.name}"
    return group.name or "the site’s other stories"


def _entries(site: Site, used: Collection[str]) -> list[Reaction]:
    """The reactions to show: all on offer, and the retired ones that were given."""
    return [entry for entry in site.reactions.entries if not entry.retired or entry.key in used]


def _known(report: Dashboard) -> dict[str, list[str]]:
    """What to offer beside the filters."""
    rows = [*report.live.articles, *report.lists.top, *report.lists.divided, *report.lists.surprising]
    return {
        "sections": sorted(group.name for group in report.sections),
        "authors": sorted(group.name for group in report.authors),
        "tags": sorted({tag for row in rows for tag in row.tags}),
    }


def _brief(report: Dashboard, view: View) -> Iterator[Markup]:
    """The one or two things to know first; none on a quiet day."""
    told: set[str] = set()
    for row in report.lists.trending[:1]:
        if row.trending.ratio >= _NOTABLE_PACE:
            told.add(row.article)
            yield Markup("{} goes at {}\u202f× its usual pace.").format(_link(row, view), words.ratio(row.trending.ratio))
    for row in report.lists.surprising[:2]:
        if row.surprise and row.surprise.ratio >= _NOTABLE_SURPRISE and row.article not in told:
            yield Markup("{} {}.").format(_link(row, view), _drew(row.surprise))
            return


def _drew(surprise: Surprise) -> Markup:
    return Markup("drew {}\u202f× more {} than {} at {}").format(
        words.ratio(surprise.ratio), _name_of(surprise.reaction), against(surprise), words.age(surprise.age_hours)
    )


def _link(row: Row, view: View) -> Markup:
    return Markup('<a href="{}">{}</a>').format(view.to("article", article=row.article), row.title or row.article)


def _covers(period: Period) -> str:
    """The days of a period: Mon 23 Nov to Sun 29 Nov."""
    first, last = period.start, datetime.fromtimestamp(period.end.timestamp() - 1, period.end.tzinfo)
    if not period.days:
        return f"{words.day(first)}, {words.clock(first)} to {words.day(period.end)}, {words.clock(period.end)}"
    return words.day(first) if first.date() == last.date() else f"{words.day(first)} to {words.day(last)}"


def _end_of_chart(period: Period) -> datetime:
    """Where the chart's axis ends: today's goes on until midnight, so that its hours stay where they are."""
    return period.start + timedelta(days=1) if period.name == "today" else period.end


def _comparison(report: Dashboard) -> str:
    before = _BEFORE.get(report.period.name) or f"the {words.counted(report.period.days, 'day')} before"
    if report.totals.change is None:
        return f"none {before}"
    said = words.change(report.totals.change)
    return f"{said} as {before}" if said.endswith("as many") else f"{said} than {before}"


def _peers_name(peers: Comparison) -> str:
    if peers.kind == "section":
        return f"the other stories of {peers.group}"
    return f"the other stories by {peers.group}" if peers.kind == "author" else "the site’s other stories"


def _web_address(url: str | None) -> str:
    """The published address if it is one: a link of another scheme could run a script."""
    return url if url and url.startswith(("https://", "http://")) else ""


def _name_of(reaction: str) -> str:
    return names(g.site).get(reaction, reaction)


def _scale(measure: Measure, floor: float) -> drawings.Scale:
    return drawings.scale(measure.value, measure.low, measure.high, floor=floor)


def _shares(counts: Mapping[str, int]) -> str:
    """What the bar of an article shows, in words."""
    total = sum(counts.values())
    given = sorted(((n, key) for key, n in counts.items() if n), reverse=True)
    return ", ".join(f"{words.percent(n / total)} {_name_of(key)}" for n, key in given) or "No reactions"


def _part_of(n: int, groups: Sequence[Group]) -> float:
    return round(100 * max(0, n) / max([*(group.net for group in groups), 1]), 1)


FILTERS: Mapping[str, Any] = {
    "bar": lambda counts: drawings.bar(counts, g.site.reactions),
    "line": lambda values, width, height: drawings.line(values, width=width, height=height),
    "scale": _scale,
    "shares": _shares,
    "against": against,
    "part_of": _part_of,
}
