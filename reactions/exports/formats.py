"""How CSV is written, and text that is safe in a cell.

CSV is as RFC 4180 has it: CRLF, UTF-8, a header, quotes where they are needed. This is the only place that writes it: exports
column by column, because that is quick, the dashboard's tables row by row.

Most text stands as it is. Text that a spreadsheet would take for a formula, or that programs read differently, is marked: an
apostrophe goes before it, and within it a backslash becomes two, and controls and line ends but LF are escaped as in JSON.
`text_of` undoes that. A list of names is a JSON array and needs no mark. A spreadsheet that splits a line at other signs than
the comma must not find a formula there either: a semicolon, tab or line end before one is escaped too.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from io import StringIO
from itertools import groupby
from typing import Any

import orjson

from reactions.exports.columns import Column
from reactions.times import moments, rfc3339

MARK = "'"
_SIGNS = "=+\\-@\uff0b\uff0d\uff1d\uff20"
_FORMULA = f"[{_SIGNS}]"
_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff"
_UNSAFE = f"[{_CONTROLS}]"
_HIDDEN_FORMULA = f"[;\t\n](?=[\\s\"']*{_FORMULA})"
_TO_MARK = re.compile(f"\\A(?:\\s*{_FORMULA}|['\t\r\n])|{_UNSAFE}|{_HIDDEN_FORMULA}")
_PLAIN = re.compile(f"[^\\s';{_SIGNS}{_CONTROLS}][^;\t\n{_CONTROLS}]*")  # most text: it is seen at a glance that no mark is due
_MARKED_FIRST = re.compile(f"[\\s'{_SIGNS}]")
_TO_ESCAPE = re.compile(f"\\\\|{_UNSAFE}|{_HIDDEN_FORMULA}")
_UNSAFE_IN_JSON = re.compile(f"{_UNSAFE}|{_HIDDEN_FORMULA}")
_NUMBERS = ("integer", "number")
_TINY = "0.0000"  # from here on Python writes an exponent
_EMPTY_LINE = '""'  # a line that is empty would be none
_ESCAPED = re.compile(r"\\(?:\\|u([0-9a-f]{4}))")
BOM = b"\xef\xbb\xbf"  # without it Excel takes UTF-8 for the code page of its own country
Batch = Sequence[Sequence[Any]]  # some rows, column by column; times are UTC milliseconds, lists are tuples
_as_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # once: `json.dumps` makes one for each call
_MOST_REMEMBERED = 4096
_PIECE_BYTES = 100_000  # of CSV, at least: to send a piece costs as much as to write hundreds of rows


def cell_of(text: str) -> str:
    """The text as it stands in a cell."""
    return MARK + _TO_ESCAPE.sub(_escape, text) if _TO_MARK.search(text) else text


def text_of(cell: str) -> str:
    """The text that a cell stands for."""
    return _ESCAPED.sub(_unescape, cell[1:]) if cell.startswith(MARK) else cell


def cell_of_names(names: Sequence[str]) -> str:
    """Names as a JSON array on one line."""
    return _UNSAFE_IN_JSON.sub(_escape, _as_json(names))


def _escape(found: re.Match[str]) -> str:
    return "\\\\" if found[0] == "\\" else f"\\u{ord(found[0]):04x}"


def _unescape(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else "\\"


def csv_lines(columns: Sequence[Column], batches: Iterable[Batch], *, bom: bool = False) -> Iterator[bytes]:
    """The file in pieces, the header alone first."""
    yield (BOM if bom else b"") + _rows([[column.name for column in columns]])
    runs, waiting, size = _runs(columns), list[bytes](), 0
    for batch in batches:
        cells = [write(batch[first:end]) for first, end, write in runs]
        lines = map(",".join, zip(*cells, strict=True)) if len(cells) > 1 else cells[0]
        if len(columns) == 1:
            lines = (cell or _EMPTY_LINE for cell in lines)
        waiting.append(("\r\n".join(lines) + "\r\n").encode())
        size += len(waiting[-1])
        if size >= _PIECE_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


def _runs(columns: Sequence[Column]) -> list[tuple[int, int, Callable[[Batch], Iterable[str]]]]:
    """The columns that are written together: their places, and how their cells come about, joined by commas."""
    runs: list[tuple[int, int, Callable[[Batch], Iterable[str]]]] = []
    for are_numbers, places in groupby(range(len(columns)), key=lambda place: columns[place].type in _NUMBERS):
        run = list(places)
        if are_numbers:
            runs.append((run[0], run[-1] + 1, _numbers))
        else:
            runs += [(place, place + 1, _written(columns[place])) for place in run]
    return runs


def _written(column: Column) -> Callable[[Batch], Iterable[str]]:
    """How the cells of a column are written that is no number."""
    if column.own and column.free:
        return _texts
    return partial(_moments, unit_ms=column.precision_ms) if column.own else partial(_each, _form(column))


def _each(form: Callable[[Any], str], columns: Batch) -> Iterable[str]:
    return map(form, columns[0])


def _texts(columns: Batch) -> Iterable[str]:
    """Cells of texts that hardly repeat. That none is to be marked, and often none to be quoted, is seen of all at once."""
    texts = [text or "" for text in columns[0]]
    whole = "".join(texts)
    if ";" in whole or not whole.isprintable() or _MARKED_FIRST.search("".join([text[:1] for text in texts])):
        return map(_text, texts)
    if '"' in whole:
        return map(_quoted, texts)
    return [f'"{text}"' if "," in text else text for text in texts]


def _moments(columns: Batch, *, unit_ms: int) -> list[str]:
    return moments(columns[0], unit_ms=unit_ms)


def _numbers(columns: Batch) -> list[str]:
    """Rows of numbers, written all at once: JSON writes them as Python does, unless they are very small or very large."""
    rows = list(zip(*columns, strict=True))
    text = orjson.dumps(rows).decode()[2:-2].replace("null", "")
    lines = text.split("],[")
    if _TINY in text or "e" in text:
        lines = [_number_cells(row) if _TINY in line or "e" in line else line for line, row in zip(lines, rows, strict=True)]
    return lines


def _number_cells(row: Sequence[float | None]) -> str:
    return ",".join("" if number is None else repr(number) for number in row)


def csv_table(header: Sequence[str], rows: Iterable[Sequence[str | float | None]]) -> Iterator[bytes]:
    """A table with a header, for Excel: text is made safe, yes and no stand for true and false."""
    yield BOM + _rows([header])
    for row in rows:
        yield _rows([[_plain(cell) for cell in row]])


def _rows(rows: Iterable[Iterable[Any]]) -> bytes:
    text = StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _plain(cell: str | float | None) -> str | float | None:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return cell_of(cell) if isinstance(cell, str) else cell


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


def _form(column: Column) -> Callable[[Any], str]:
    """How the values of a column are written, quotes included."""
    if column.free:
        return _Remembered(_text).__getitem__
    if column.type == "datetime":
        return _Remembered(partial(rfc3339, unit_ms=column.precision_ms)).__getitem__
    if column.type == "array":
        return _Remembered(lambda names: _quoted(cell_of_names(names))).__getitem__
    if column.type == "boolean":
        return {True: "true", False: "false"}.__getitem__
    return _Remembered(lambda value: _quoted(str(value))).__getitem__


def _text(text: str) -> str:
    return _quoted(text if _PLAIN.fullmatch(text) else cell_of(text))


def _quoted(cell: str) -> str:
    """The cell in quotes, where RFC 4180 wants them."""
    if '"' in cell or "," in cell or "\n" in cell or "\r" in cell:
        return '"' + cell.replace('"', '""') + '"'
    return cell


class Sink:
    """A file that is only written to, and knows how much has gone through it."""

    closed = False

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._size = 0

    def taken(self) -> bytes:
        """What was written since the last time."""
        content = b"".join(self._waiting)
        self._waiting.clear()
        return content

    def write(self, content: bytes) -> int:
        """Take some bytes."""
        self._waiting.append(bytes(content))
        self._size += len(content)
        return len(content)

    def tell(self) -> int:
        """How many bytes came so far."""
        return self._size

    def flush(self) -> None:
        """Keep what waits: it is taken, not sent."""

    def close(self) -> None:
        """Take no more."""
        self.closed = True

    def writable(self) -> bool:
        """True: it is written to."""
        return True

    def readable(self) -> bool:
        """False: it is never read."""
        return False

    def seekable(self) -> bool:
        """False: it only goes on."""
        return False
