"""From a view to what its page shows: the reports it needs, and the headings, comparisons and sentences beside them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from flask import g

from reactions import languages
from reactions.languages import gettext
from reactions.newsroom import article_keys
from reactions.newsroom import articles as newsroom_articles
from reactions.newsroom.reaction_sets import Reaction
from reactions.newsroom.sites import Site
from reactions.reports import metrics, words
from reactions.reports.article import Life
from reactions.reports.dashboard import Dashboard, Group
from reactions.reports.figures import Bucket
from reactions.reports.listings import Listing, Row
from reactions.reports.metrics import Measure
from reactions.reports.norms import Surprise
from reactions.reports.periods import Period
from reactions.reports.query import ReportQuery
from reactions.times import HOUR_MS
from reactions.web import current
from reactions.web.dashboard import charts, naming
from reactions.web.report_params import View

PAGE_LENGTH = 30  # a phone shows so many in five screens
MOST_NAMES = 200  # that a page suggests for a filter at once
_AT_ONCE = 100
_DAYS_BY_HOUR = 10


class Step(NamedTuple):
    """A row of the chart's table: a bucket (None while it is still to come), and the readers of its like a period before.

    `before` counts those whose first reaction was not negative, and those whose was; None where nothing is compared.
    """

    start: datetime
    bucket: Bucket | None
    before: tuple[int, int] | None


def front_report(site: Site, view: View) -> Dashboard:
    """The report of the overview."""
    return current.reports().dashboard(site, view.query)


def page_of_articles(site: Site, view: View, *, cursor: str, limit: int = PAGE_LENGTH) -> Listing:
    """A page of the articles of a view."""
    return current.reports().articles(site, view.query, sort=view["sort"], limit=limit, cursor=cursor)


def every_article(site: Site, view: View) -> Iterator[Row]:
    """All articles of a view, in the order in which the pages show them. A bad view is refused at once."""
    return _following(site, view, page_of_articles(site, view, cursor="", limit=_AT_ONCE))


def article_report(site: Site, key: str) -> Life:
    """The report of one article, by hours while most of its reactions would fall into one or two days."""
    report = current.reports().article(site, key)
    young = report.unit == "day" and report.period.days <= _DAYS_BY_HOUR
    return current.reports().article(site, key, unit="hour") if young else report


def key_by_id(site: Site, text: str) -> str:
    """The key of the article whose id an address has. Raises UnknownArticle."""
    with current.reading() as connection:
        return newsroom_articles.key_by_id(connection, site, article_keys.id_shown(text))


def is_silent(site: Site, report: Dashboard) -> bool:
    """True if no reader has reacted to anything of the site within a year."""
    a_year_ago = report.generated_at.date() - timedelta(days=365)
    page = current.reports().articles(site, ReportQuery(first=a_year_ago.isoformat()), limit=1)
    return not any(row.total or row.added for row in page.articles)


def front(report: Dashboard, view: View, site: Site) -> dict[str, Any]:
    """What the overview shows beside its report."""
    steps = _steps(report, view, site)
    return {
        "heading": _heading(view) or site.name,
        "quiet": not report.live.this_hour and not report.live.last_hour,
        "hour_began": report.generated_at.replace(minute=0, second=0, microsecond=0),
        "runs": report.period.runs,
        "empty": not report.totals.added and not (report.period.runs and report.live.articles),
        "known": current.reports().names(site),
        "entries": _entries(site, [item.key for item in report.reactions]),
        "steps": steps,
        "compared": any(step.before for step in steps),
        "comparable": report.since is None,
        "before_name": naming.before(report.period),
        "end": _end_of_chart(report.period),
        "period_name": naming.heading(report.period),
        "covers": naming.covers(report.period),
        "comparison": _comparison(report),
    }


def _heading(view: View) -> str:
    """What the overview is of, if not of the whole site."""
    shown = {"q": lambda text: f"“{text}”", "reaction": _name_of}
    return ", ".join(shown.get(name, str)(text) for name, text in view.filters.items())


def articles(page: Listing) -> dict[str, Any]:
    """What the list of articles shows beside its rows."""
    rows, known = page.articles, current.reports().names(g.site)
    used = {key for row in rows for key, n in row.counts.items() if n}
    return {"covers": naming.covers(page.period), "known": known, "entries": _entries(g.site, used)}


def article(report: Life, site: Site) -> dict[str, Any]:
    """What the page of one article shows beside its report."""
    counts = report.article.counts
    moved = {key for bucket in report.series for key, change in bucket.reactions.items() if change.added}
    return {
        "address": _web_address(report.article.url),
        "entries": _entries(site, moved | counts.keys()),
        "end": _end_of_chart(report.period),
        "steps": [Step(bucket.start, bucket, None) for bucket in report.series],
        "compared": False,
        "comparable": False,
        "before_name": "",
        "mark_names": naming.mark_names(),
        "marks": [
            {"at": int(mark.at.timestamp()), "what": naming.mark_names().get(mark.what, mark.what)} for mark in report.marks
        ],
        "most": max([*counts.values(), 1]),
        "peers_name": naming.peers(report.peers),
    }


def no_names() -> dict[str, list[str]]:
    """No names to suggest in the filters."""
    return {"sections": [], "authors": [], "tags": []}


def names_with(site: Site, kind: str, text: str) -> list[str]:
    """The sections, authors or tags of a site with a text in their name, in any case; at most as many as a page has."""
    wanted = text.casefold()
    return [name for name in current.reports().names(site)[kind] if wanted in name.casefold()][:MOST_NAMES]


def snippet(site: Site) -> str:
    """The tag that a publisher pastes to get the row of reactions."""
    source = f'<script async src="{current.parts().settings.address}/widget/v1.js"'
    return f'{source}\n        data-site="{site.key}" data-article="KEY-OF-THE-ARTICLE"></script>'


def local_now(site: Site) -> datetime:
    """The present time, as the site's clock shows it."""
    return datetime.fromtimestamp(current.now_ms() / 1000, ZoneInfo(site.time_zone))


def names(site: Site) -> dict[str, str]:
    """The reactions' labels by key."""
    return {entry.key: entry.label_in(languages.spoken()) for entry in site.reactions.entries}


def _following(site: Site, view: View, page: Listing) -> Iterator[Row]:
    yield from page.articles
    while page.next:
        page = page_of_articles(site, view, cursor=page.next, limit=_AT_ONCE)
        yield from page.articles


def _entries(site: Site, used: Collection[str]) -> list[Reaction]:
    """The reactions to show: all on offer, and the retired ones that readers chose."""
    return [entry for entry in site.reactions.entries if not entry.retired or entry.key in used]


def _steps(report: Dashboard, view: View, site: Site) -> list[Step]:
    """The chart's table: the buckets of the period beside those before; of today also the hours to come."""
    if report.since or view["compare"] == "off":
        return [Step(bucket.start, bucket, None) for bucket in report.series]
    earlier = current.reports().earlier(site, view.query).series
    negative = {entry.key for entry in site.reactions.entries if entry.mood < 0}
    before = [_by_side(bucket, negative) for bucket in earlier]
    if report.period.unit != "hour":
        before = before[: len(report.series)]
    known = [
        Step(bucket.start, bucket, before[place] if place < len(before) else None) for place, bucket in enumerate(report.series)
    ]
    rest = zip(earlier[len(known) : len(before)], before[len(known) :], strict=True) if report.period.days == 1 else ()
    return known + [Step(bucket.start + timedelta(days=1), None, sides) for bucket, sides in rest]


def _by_side(bucket: Bucket, negative: Collection[str]) -> tuple[int, int]:
    below = sum(change.readers for key, change in bucket.reactions.items() if key in negative)
    return bucket.readers - below, below


def _end_of_chart(period: Period) -> datetime:
    """The end of the chart's axis: that of the present hour, or for today midnight, so that its hours stay where they are."""
    if period.name == "today":
        return period.start + timedelta(days=1)
    return datetime.fromtimestamp(period.hours.stop * HOUR_MS / 1000, period.end.tzinfo) if period.runs else period.end


def _comparison(report: Dashboard) -> str:
    """How the period compares with the one before; with none from before the site's first vote."""
    if report.since:
        return gettext("since %(date)s", date=words.date(report.since))
    if not report.period.full_hours:
        return gettext("too early to compare")
    said = gettext("%(n)s %(before)s", n=words.number(report.totals.previous_net), before=naming.before(report.period))
    if report.period.runs:
        at = words.clock(report.previous.end)
        said = gettext("%(n)s by %(time)s, %(before)s by then", n=words.number(report.full_net), time=at, before=said)
    if report.totals.change is None:
        return said
    return gettext("%(change)s; %(before)s", change=words.change(report.totals.change), before=said)


def _web_address(url: str | None) -> str:
    """The article's address if it is on the web: a link of another scheme could run a script."""
    return url if url and url.startswith(("https://", "http://")) else ""


def _name_of(reaction: str) -> str:
    return names(g.site).get(reaction, reaction)


def _scale(measure: Measure, floor: float) -> charts.Scale:
    return charts.scale(measure.value, measure.low, measure.high, floor=floor)


def _shares(counts: Mapping[str, int]) -> str:
    """The bar of an article in words."""
    total = sum(counts.values())
    given = sorted(((n, key) for key, n in counts.items() if n), reverse=True)
    return ", ".join(f"{words.percent(n / total)} {_name_of(key)}" for n, key in given) or gettext("No reactions")


def _unusual(found: Surprise) -> float:
    """The number by which articles are ranked when sorted by how unusual they are."""
    return metrics.surprise(found.count, found.median)


def _part_of(n: int, groups: Sequence[Group]) -> float:
    return round(100 * max(0, n) / max([*(group.net for group in groups), 1]), 1)


FILTERS: Mapping[str, Any] = {
    "bar": lambda counts: charts.bar(counts, g.site.reactions),
    "line": lambda values, width, height: charts.line(values, width=width, height=height),
    "scale": _scale,
    "shares": _shares,
    "unusual": _unusual,
    "surprise": lambda found: words.surprise(found, _name_of(found.reaction)),
    "part_of": _part_of,
    "headline": newsroom_articles.headline,
}
