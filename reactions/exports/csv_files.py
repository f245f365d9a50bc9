"""CSV as RFC 4180 has it: CRLF, UTF-8, a header, quotes where they are needed. Text is safe (`cells`), numbers stay numbers.

The only place that writes CSV: exports column by column, because that is quick, the dashboard's tables row by row.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

from reactions.exports import cells
from reactions.exports.columns import Column

BOM = b"\xef\xbb\xbf"  # without it Excel takes UTF-8 for the code page of its own country
Batch = Sequence[Sequence[Any]]  # some rows, column by column; times are UTC milliseconds
_MOST_REMEMBERED = 4096
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def lines(columns: Sequence[Column], batches: Iterable[Batch], *, bom: bool = False) -> Iterator[bytes]:
    """The file in pieces, the header alone first."""
    yield (BOM if bom else b"") + _text([[column.name for column in columns]])
    form_of = [_form(column) for column in columns]
    for batch in batches:
        written = [map(form, column) if form else column for form, column in zip(form_of, batch, strict=True)]
        yield _text(zip(*written, strict=True))


def table(header: Sequence[str], rows: Iterable[Sequence[str | float | None]]) -> Iterator[bytes]:
    """A table with a header, for Excel: text is made safe, yes and no stand for true and false."""
    yield BOM + _text([header])
    for row in rows:
        yield _text([[_plain(cell) for cell in row]])


def moment(at_ms: int, *, unit_ms: int = 1000) -> str:
    """A time as RFC 3339 has it, UTC: to the second, or to the millisecond."""
    then = _EPOCH + timedelta(milliseconds=at_ms)
    return then.isoformat(timespec="milliseconds" if unit_ms < 1000 else "seconds").replace("+00:00", "Z")


def _text(rows: Iterable[Iterable[Any]]) -> bytes:
    text = StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _plain(cell: str | float | None) -> str | float | None:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return cells.written(cell) if isinstance(cell, str) else cell


class _Remembered(dict[Any, str]):
    """The written forms of values; most columns hold the same few over and over."""

    def __init__(self, form: Callable[[Any], str]) -> None:
        self._form = form
        self[None] = ""

    def __missing__(self, value: Any) -> str:
        if len(self) >= _MOST_REMEMBERED:
            self.clear()
            self[None] = ""
        self[value] = written = self._form(value)
        return written


def _form(column: Column) -> Callable[[Any], str] | None:
    """How a column is written; None for what the writer can do by itself."""
    if column.free:
        return _Remembered(cells.written).__getitem__
    if column.type == "datetime":
        unit_ms = column.precision_ms
        return _Remembered(lambda at_ms: moment(at_ms, unit_ms=unit_ms)).__getitem__
    if column.type == "array":
        return cells.listed
    if column.type == "boolean":
        return {True: "true", False: "false"}.__getitem__
    return None
