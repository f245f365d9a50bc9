"""Tables as CSV: the columns named in the first line, separated by commas, semicolons or tabs."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from reactions.imports.found import Fault
from reactions.imports.opening import Source
from reactions.refusals import UnreadableImport

_NONE = {"NULL", "\\N"}  # how databases write that there is nothing


class Row(NamedTuple):
    """A row by the names of its columns, in lower case; what is not there is None."""

    place: str
    cells: Mapping[str, str | None]


def read(source: Source, check: Callable[[Sequence[str]], None]) -> Iterator[Row | Fault]:
    """Yield the rows; `check` may refuse the columns. Raises UnreadableImport."""
    lines = source.lines()
    header = next(lines, "")
    separator = max(",;\t", key=header.count)
    rows = csv.reader(_again(header, lines), delimiter=separator, strict=True)
    try:
        columns = [name.strip().lower() for name in next(rows, [])]
        _check_once(columns)
        check(columns)
        line = rows.line_num + 1
        for row in rows:
            if row:
                yield _row(line, columns, row)
            line = rows.line_num + 1
    except csv.Error as error:
        raise UnreadableImport(f"Line {rows.line_num}: not CSV: {error}.") from None


def _again(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines


def _check_once(columns: Sequence[str]) -> None:
    if not any(columns):
        raise UnreadableImport("Line 1: the file is empty, or its first line does not name the columns.")
    if twice := [name for name in columns if columns.count(name) > 1]:
        raise UnreadableImport(f"Line 1: the header has {twice[0][:60]!r} more than once.")


def _row(line: int, columns: Sequence[str], row: Sequence[str]) -> Row | Fault:
    place = f"Line {line:,}"
    if len(row) != len(columns):
        return Fault(place, f"has {len(row)} cells, but the header has {len(columns)}.")
    cells = [None if cell in _NONE else cell.strip() for cell in row]
    return Row(place, dict(zip(columns, cells, strict=True)))
