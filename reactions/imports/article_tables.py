"""Tables of articles: CSV in UTF-8, one article a row, the columns named in the first line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from reactions.imports.article_entries import Entry, Fault
from reactions.refusals import UnreadableImport

TEXTS = ("key", "title", "url", "section", "published_at")
LISTS = ("authors", "tags")  # their entries are separated by semicolons
_EXAMPLE = "key,title,url,section,authors,tags,published_at"


def read(content: bytes) -> Iterator[Entry | Fault]:
    """Yield the rows. An empty cell says that there is none; a column that is absent says nothing. Raises UnreadableImport."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnreadableImport(f"Line {line}: not UTF-8. Save the table as CSV UTF-8.") from None
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = _columns(next(rows, []))
        line = rows.line_num + 1
        for row in rows:
            if row:
                yield _entry(line, columns, row)
            line = rows.line_num + 1
    except csv.Error as error:
        raise UnreadableImport(f"Line {rows.line_num}: not CSV: {error}.") from None


def _columns(header: Sequence[str]) -> list[str]:
    columns = [name.strip().lower() for name in header]
    if unknown := [name for name in columns if name not in (*TEXTS, *LISTS)]:
        raise UnreadableImport(f"Line 1: the header has {unknown[0][:60]!r}. A header reads {_EXAMPLE}, or a part of that.")
    if twice := [name for name in columns if columns.count(name) > 1]:
        raise UnreadableImport(f"Line 1: the header has {twice[0]} more than once.")
    if "title" not in columns or not {"key", "url"} & set(columns):
        raise UnreadableImport(f"Line 1: the header needs title, and key or url. A whole one reads {_EXAMPLE}.")
    return columns


def _entry(line: int, columns: Sequence[str], row: Sequence[str]) -> Entry | Fault:
    if len(row) != len(columns):
        return Fault(line, f"has {len(row)} cells, but the header has {len(columns)}.")
    cells = {name: cell.strip() for name, cell in zip(columns, row, strict=True)}
    texts = {name: cell for name, cell in cells.items() if name in TEXTS}
    lists = {name: [part for part in map(str.strip, cells[name].split(";")) if part] for name in LISTS if name in cells}
    return Entry(line, texts, lists)
