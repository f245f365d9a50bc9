"""The lists of the pages as CSV, for spreadsheets. `reactions.exports` has the exports for analysts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from flask import Response, stream_with_context

from reactions.exports import formats
from reactions.newsroom.sites import Site
from reactions.reports import words
from reactions.reports.dashboard import Dashboard
from reactions.reports.listings import Row
from reactions.reports.metrics import Measure
from reactions.reports.norms import Surprise

Cell = str | float | None
Table = tuple[list[str], Iterator[list[Cell]]]


def articles(rows: Iterable[Row], site: Site) -> Response:
    """A list of articles with the columns of the page."""
    return _articles(rows, site, f"{site.key}-articles.csv")


def _articles(rows: Iterable[Row], site: Site, name: str) -> Response:
    reactions = [entry.key for entry in site.reactions.entries]
    header = [
        "article", "title", "url", "section", "authors", "tags", "published_at", "closed", "hidden", "reactions_in_period",
        "reactions_total", *reactions, "mood", "mood_low", "mood_high", "split", "split_low", "split_high", "few",
        "readers_in_period", "readers_now", "trending_readers", "trending_usual", "trending",
        "surprise_reaction", "surprise_count", "surprise_usual",
        "surprise_against", "surprise_at_hours",
    ]  # fmt: skip
    return _download(header, (_article(row, reactions) for row in rows), name)


def of_overview(name: str, report: Dashboard, site: Site) -> Response:
    """One of the lists of the overview."""
    if name in _OF_ARTICLES:
        return _articles(_OF_ARTICLES[name](report), site, f"{site.key}-{name}.csv")
    header, rows = {"sections": _groups, "authors": _groups, "reactions": _reactions, "series": _series}[name](name, report)
    return _download(header, rows, f"{site.key}-{name}.csv")


_OF_ARTICLES: Mapping[str, Callable[[Dashboard], Sequence[Row]]] = {
    "now": lambda report: report.live.articles,
    "top": lambda report: report.lists.top,
    "trending": lambda report: report.lists.trending,
    "divided": lambda report: report.lists.divided,
    "surprising": lambda report: report.lists.surprising,
}


def _groups(name: str, report: Dashboard) -> Table:
    header = [name.removesuffix("s"), "articles", "reactions", "readers", "mood", "mood_low", "mood_high", "few"]
    groups = report.sections if name == "sections" else report.authors
    return header, ([each.name, each.articles, each.net, each.readers, *_measure(each.mood), _few(each.mood)] for each in groups)


def _reactions(_: str, report: Dashboard) -> Table:
    header = ["reaction", "label", "given", "taken_back", "net", "readers", "share", "net_before"]
    return header, (
        [
            each.key,
            each.label,
            each.added,
            each.removed,
            each.net,
            each.readers,
            None if each.share is None else round(each.share, 4),
            each.previous_net,
        ]
        for each in report.reactions
    )


def _series(_: str, report: Dashboard) -> Table:
    keys = [entry.key for entry in report.reactions]
    header = ["start", "unit", "readers", "given", "taken_back", "net", *(f"readers_{key}" for key in keys)]
    return header, (
        [
            bucket.start.isoformat(timespec="seconds"), report.period.unit, bucket.readers, bucket.added,
            bucket.removed, bucket.net,
            *(bucket.reactions[key].readers if key in bucket.reactions else 0 for key in keys),
        ]
        for bucket in report.series
    )  # fmt: skip


def _article(row: Row, reactions: list[str]) -> list[Cell]:
    return [
        row.article, row.title, row.url, row.section, "; ".join(row.authors), "; ".join(row.tags),
        row.published_at.isoformat(timespec="seconds") if row.published_at else "", row.closed, row.hidden, row.net, row.total,
        *(row.counts.get(key, 0) for key in reactions), *_measure(row.mood), *_measure(row.split), _few(row.mood),
        row.readers, row.readers_now, row.trending.gained, round(row.trending.expected, 1),
        None if row.trending.is_quiet else round(row.trending.ratio, 3),
        *_surprise(row.surprise),
    ]  # fmt: skip


def _measure(measure: Measure | None) -> list[Cell]:
    """A value and its bounds, in empty cells where nobody voted."""
    if measure is None:
        return [None] * 3
    return [round(measure.value, 3), round(measure.low, 3), round(measure.high, 3)]


def _few(measure: Measure | None) -> Cell:
    return None if measure is None else measure.few


def _surprise(surprise: Surprise | None) -> list[Cell]:
    if surprise is None:
        return [None] * 5
    return [surprise.reaction, surprise.count, surprise.median, words.others(surprise.against), surprise.age_hours]


def _download(header: list[str], rows: Iterator[list[Cell]], name: str) -> Response:
    response = Response(stream_with_context(formats.csv_table(header, rows)), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
