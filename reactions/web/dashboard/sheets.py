"""Tables to download. Text that a spreadsheet would run as a formula is marked as text."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from io import StringIO

from flask import Response, stream_with_context

from reactions.reports.metrics import Measure
from reactions.reports.peers import Surprise
from reactions.reports.rows import Row
from reactions.sites import Site
from reactions.web.dashboard import telling

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_BOM = "\ufeff"  # without it Excel takes UTF-8 for the code page of its own country

Cell = str | float | None


def articles(rows: Iterable[Row], site: Site) -> Response:
    """The list of stories with the columns of the page."""
    reactions = [entry.key for entry in site.reactions.entries]
    header = [
        "article", "title", "url", "section", "authors", "tags", "published_at", "closed", "hidden", "reactions_in_period",
        "reactions_total", *reactions, "mood", "mood_low", "mood_high", "split", "split_low", "split_high", "few",
        "pace", "surprise_reaction", "surprise_times", "surprise_against", "surprise_at_hours",
    ]  # fmt: skip
    return _download(header, (_article(row, reactions) for row in rows), f"{site.key}-stories.csv")


def _article(row: Row, reactions: list[str]) -> list[Cell]:
    return [
        row.article, row.title, row.url, row.section, "; ".join(row.authors), "; ".join(row.tags),
        row.published_at.isoformat(timespec="seconds") if row.published_at else "", row.closed, row.hidden, row.net, row.total,
        *(row.counts.get(key, 0) for key in reactions), *_measure(row.mood), *_measure(row.split), row.mood.few,
        round(row.trending.ratio, 2), *_surprise(row.surprise),
    ]  # fmt: skip


def _measure(measure: Measure) -> list[Cell]:
    return [round(measure.value, 3), round(measure.low, 3), round(measure.high, 3)]


def _surprise(surprise: Surprise | None) -> list[Cell]:
    if surprise is None:
        return [None] * 4
    return [surprise.reaction, round(surprise.ratio, 2), telling.against(surprise), surprise.age_hours]


def _download(header: list[str], rows: Iterator[list[Cell]], name: str) -> Response:
    response = Response(stream_with_context(_lines(header, rows)), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _lines(header: list[str], rows: Iterator[list[Cell]]) -> Iterator[str]:
    yield _BOM + _line(header)
    for row in rows:
        yield _line([_safe(cell) for cell in row])


def _line(cells: list[Cell] | list[str]) -> str:
    text = StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue()


def _safe(cell: Cell) -> Cell:
    """A number as it is; a text that begins like a formula behind an apostrophe."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
