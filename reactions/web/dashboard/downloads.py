"""The lists of the pages as CSV, for spreadsheets. `reactions.exports` has the exports for analysts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flask import Response, stream_with_context

from reactions.exports import formats
from reactions.newsroom.sites import Site
from reactions.reports import words
from reactions.reports.listings import Row
from reactions.reports.metrics import Measure
from reactions.reports.norms import Surprise

Cell = str | float | None


def articles(rows: Iterable[Row], site: Site) -> Response:
    """A list of articles with the columns of the page."""
    reactions = [entry.key for entry in site.reactions.entries]
    header = [
        "article", "title", "url", "section", "authors", "tags", "published_at", "closed", "hidden", "reactions_in_period",
        "reactions_total", *reactions, "mood", "mood_low", "mood_high", "split", "split_low", "split_high", "few",
        "readers_in_period", "trending_readers", "trending_usual", "surprise_reaction", "surprise_count", "surprise_usual",
        "surprise_against", "surprise_at_hours",
    ]  # fmt: skip
    return _download(header, (_article(row, reactions) for row in rows), f"{site.key}-articles.csv")


def _article(row: Row, reactions: list[str]) -> list[Cell]:
    return [
        row.article, row.title, row.url, row.section, "; ".join(row.authors), "; ".join(row.tags),
        row.published_at.isoformat(timespec="seconds") if row.published_at else "", row.closed, row.hidden, row.net, row.total,
        *(row.counts.get(key, 0) for key in reactions), *_measure(row.mood), *_measure(row.split), row.mood.few,
        row.readers, row.trending.gained, round(row.trending.expected, 1), *_surprise(row.surprise),
    ]  # fmt: skip


def _measure(measure: Measure) -> list[Cell]:
    return [round(measure.value, 3), round(measure.low, 3), round(measure.high, 3)]


def _surprise(surprise: Surprise | None) -> list[Cell]:
    if surprise is None:
        return [None] * 5
    return [surprise.reaction, surprise.count, surprise.median, words.others(surprise.against), surprise.age_hours]


def _download(header: list[str], rows: Iterator[list[Cell]], name: str) -> Response:
    response = Response(stream_with_context(formats.csv_table(header, rows)), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
