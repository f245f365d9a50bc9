"""Opening a file to import: unpacked if it is gzip, decoded, hashed, and read as lines, as a CSV table or as JSON.

There is one reader of CSV for every importer. It takes what spreadsheets and databases write: any separator, UTF-8 or UTF-16.

The file is longer than 300 lines because what is wrong with a file is told with its line, which only the reader knows.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO, NamedTuple, Protocol, TypeVar

from reactions import strict_json
from reactions.refusals import UnreadableImport
from reactions.reports.words import counted

MOST_IN_LINE = 67_108_864  # characters
MOST_WHOLE = 134_217_728  # bytes of a document that is read as a whole
_GZIP, _BLOCK = b"\x1f\x8b", 1 << 16
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # xlsx and ods, which are zip archives; xls
_ENCODINGS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_NULL = {"NULL", "\\N"}  # how databases write that there is no value
_SEPARATOR_LINE = re.compile(r"(\"?)sep=([,;\t|])?\1\s*", re.IGNORECASE)
_SHORTENED = re.compile(r"\d(?:[.,]\d+)?E\+\d\d+")  # 123456789012345 in a narrow column
_QUOTED = re.compile(r'"[^"]*"')
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)  # as `mysql --batch` writes text; it never quotes
_ESCAPED = {"n": "\n", "t": "\t", "0": "\0", "\\": "\\"}
_SAVE = "Save or export the file as UTF-8."
_TWICE = 'Within quotation marks, write each quotation mark twice ("").'
_NEVER_CLOSED = f"the quotation mark of a cell is never closed. {_TWICE}"
_FOLLOWED = f"text follows the quotation mark that ends a cell. {_TWICE}"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why what stands at `place` ("Line 3") cannot be imported."""

    place: str
    detail: str

    def __str__(self) -> str:
        return f"{self.place}: {self.detail}"


class Row(NamedTuple):
    """A row of a table, its cells by the names of their columns in lower case. None: the database had no value there."""

    line: int
    cells: Mapping[str, str | None]

    @property
    def place(self) -> str:
        """Where it begins, in words."""
        return f"Line {self.line:,}"


class Lines(Protocol):
    """What has lines, each with a line feed at its end: a source, or what is left of one."""

    def lines(self) -> Iterator[str]: ...  # noqa: D102


def chunks(rows: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """The rows in lists of at most `size`."""
    remaining = iter(rows)
    while chunk := list(islice(remaining, size)):
        yield chunk


class _Hashed(io.RawIOBase):
    """The bytes of a file, counted into its hash as they pass."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        piece = self._file.read(len(buffer))
        buffer[: len(piece)] = piece
        self.sha256.update(piece)
        return len(piece)


class Source:
    """A file to import, read once from end to end. Raises UnreadableImport, with the line, for what cannot be read."""

    def __init__(self, file: BinaryIO) -> None:
        self._hashed = _Hashed(file)
        self._bytes = io.BufferedReader(self._hashed, _BLOCK)
        packed = self._bytes.peek(2)[:2] == _GZIP
        self._content: Any = gzip.GzipFile(fileobj=self._bytes) if packed else self._bytes
        self._line = 1  # where the text that comes next begins

    def start(self) -> bytes:
        """The first bytes, unpacked, without reading them away; b"" of an empty file."""
        return bytes(self._unpacked(self._content.peek, 4096)[:4096])

    def lines(self) -> Iterator[str]:
        """The lines, each with a line feed at its end, whatever the file has there."""
        rest: list[str] = []
        size = 0
        for text in self._texts():
            *whole, last = text.split("\n")
            for line in whole:
                yield "".join([*rest, line, "\n"])
                self._line += 1
                rest, size = [], 0
            rest.append(last)
            size += len(last)
            if size > MOST_IN_LINE:
                raise UnreadableImport(f"Line {self._line}: longer than {MOST_IN_LINE:,} characters.")
        if size:
            yield "".join(rest)

    def content(self) -> bytes:
        """All of it at once, unpacked."""
        content: bytes = self._unpacked(self._content.read, MOST_WHOLE + 1)
        if len(content) > MOST_WHOLE:
            raise _too_large()
        return content

    def hash(self) -> str:
        """The SHA-256 of the file as it lies on the disk; reads it to its end."""
        while self._bytes.read(_BLOCK):
            pass
        return self._hashed.sha256.hexdigest()

    def _texts(self) -> Iterator[str]:
        """The text in blocks, with a line feed for every line end."""
        start = self.start()
        if start.startswith(_WORKBOOKS):
            raise UnreadableImport("The file is a workbook or an archive. Save its table as CSV (UTF-8), and import that.")
        mark = next((mark for mark in _ENCODINGS if start.startswith(mark)), b"")
        self._unpacked(self._content.read, len(mark))
        encoding = _ENCODINGS.get(mark, "utf-8")
        decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), translate=True)
        while block := self._unpacked(self._content.read, _BLOCK):
            yield self._decoded(decoder, block)
        yield self._decoded(decoder, b"", final=True)

    def _decoded(self, decoder: io.IncrementalNewlineDecoder, block: bytes, *, final: bool = False) -> str:
        try:
            return decoder.decode(block, final=final)
        except UnicodeDecodeError as error:
            good = error.object[: error.start].decode(error.encoding, errors="replace")
            line = self._line + len(re.findall(r"\r\n|\r|\n", good))
            raise UnreadableImport(f"Line {line}: not {error.encoding.upper()}. {_SAVE}") from None

    def _unpacked(self, read: Callable[[int], Any], size: int) -> Any:
        try:
            return read(size)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            what = "it ends too early" if isinstance(error, EOFError) else "it is damaged"
            raise UnreadableImport(f"Line {self._line}: the gzip file cannot be unpacked: {what}. Copy it again.") from None


@dataclass(frozen=True, slots=True)
class Whole:
    """A source that is kept in memory as a whole: its lines, up to a size. Raises UnreadableImport beyond it."""

    source: Source

    def lines(self) -> Iterator[str]:
        """The lines, as the source has them."""
        size = 0
        for line in self.source.lines():
            size += len(line.encode())
            if size > MOST_WHOLE:
                raise _too_large()
            yield line


def read_table(source: Lines, check: Callable[[Sequence[str]], None]) -> Iterator[Row | Fault]:
    """Yield the rows of a CSV whose first line names the columns; `check` may refuse them. Raises UnreadableImport.

    Columns without a name and rows without content are left out.
    """
    rows = _separated(source)
    line, header = next(rows, (1, []))
    columns = [(name or "").strip().lower() for name in header]
    _check_header(line, columns)
    try:
        check([name for name in columns if name])
    except UnreadableImport as refusal:
        raise UnreadableImport(f"Line {line}: {refusal.detail[:1].lower()}{refusal.detail[1:]}") from None
    for line, row in rows:
        cells = [None if cell is None else cell.strip() for cell in row]
        if any(cells):
            yield _row(line, columns, cells)


def shortened(name: str, text: str) -> str | None:
    """What is wrong with the key or name of an article that is a number which a spreadsheet has shortened."""
    if not _SHORTENED.fullmatch(text):
        return None
    return f"has the {name} {text}, a number that a spreadsheet has shortened. Format the column as text and export again."


def read_csv(lines: Iterable[str], *, place: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines on which the rows of a CSV begin, and their cells as RFC 4180 has them.

    Raises UnreadableImport, with the line after `place`.
    """
    return _numbered(csv.reader(lines, strict=True), place)


def read_json(source: Source) -> Any:
    """The value of a JSON document; of several values on lines of their own, their list. Raises UnreadableImport."""
    lines = list(Whole(source).lines())
    first = 1
    if lines and lines[0].startswith("#filetype:"):  # LeanCloud's own line above its values
        first, lines = 2, lines[1:]
    try:
        return strict_json.read("".join(lines))
    except strict_json.InvalidJson as error:
        if not error.trailing or sum(not line.isspace() for line in lines) < 2:
            raise _unreadable(error, (error.line or 0) + first - 1) from None
    return [_json_line(number, line) for number, line in enumerate(lines, start=first) if not line.isspace()]


def _too_large() -> UnreadableImport:
    return UnreadableImport(f"The file is larger than {MOST_WHOLE:,} bytes. Import it in parts.")


def _json_line(number: int, line: str) -> Any:
    try:
        return strict_json.read(line)
    except strict_json.InvalidJson as error:
        raise _unreadable(error, number) from None


def _unreadable(error: strict_json.InvalidJson, line: int) -> UnreadableImport:
    place = f"Line {line}: not JSON" if error.line else "The file is not strict JSON"
    return UnreadableImport(f"{place}: {error}.")


def _separated(source: Lines) -> Iterator[tuple[int, list[str | None]]]:
    """The rows, from the header on, with the lines on which they begin; None where a database had no value."""
    lines = source.lines()
    skipped, header, separator = 0, next(lines, ""), None
    if declared := _SEPARATOR_LINE.fullmatch(header):
        separator = declared[2] or "\t"
        skipped, header = 1, next(lines, "")
    while header.isspace():
        skipped, header = skipped + 1, next(lines, "")
    bare = _QUOTED.sub("", header)
    separator = separator or max(",;\t|", key=bare.count)
    rest = _put_back(header, lines)
    if separator == "\t":
        return _numbered(_TabbedRows(rest), "Line", skipped)
    rows = _numbered(csv.reader(rest, delimiter=separator, strict=True), "Line", skipped)
    return ((line, _without_nulls(row)) for line, row in rows)


def _numbered(rows: Any, place: str, skipped: int = 0) -> Iterator[tuple[int, Any]]:
    """The rows of a csv.reader, each with the line on which it begins."""
    line = 1 + skipped
    try:
        for row in rows:
            yield line, row
            line = rows.line_num + 1 + skipped
    except csv.Error as error:
        where, why = (rows.line_num + skipped, _FOLLOWED) if "expected after" in str(error) else (line, _NEVER_CLOSED)
        if "field limit" in str(error):
            why = f"a cell has more than {counted(csv.field_size_limit(), 'character')}. Is its quotation mark never closed?"
        raise UnreadableImport(f"{place} {where:,}: not CSV: {why}") from None


def _put_back(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines


class _TabbedRows(Iterator[list[str | None]]):
    """Rows with tabs: spreadsheets quote cells, `mysql --batch` escapes them. `line_num` is csv.reader's."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.line_num = 0

    def __next__(self) -> list[str | None]:
        line = self._next_line()
        if '"' not in line:
            return _unescaped(line)
        quoted = csv.reader(_put_back(line, iter(self._next_line, None)), delimiter="\t", strict=True)
        try:
            return _without_nulls(next(quoted))
        except csv.Error as error:
            if quoted.line_num > 1 or "end of data" in str(error):  # a quote that is opened and never closed
                raise
            return _unescaped(line)

    def _next_line(self) -> str:
        line = next(self._lines)
        self.line_num += 1
        return line


def _unescaped(line: str) -> list[str | None]:
    cells = line.removesuffix("\n").split("\t")
    return [None if cell in _NULL else _ESCAPE.sub(lambda m: _ESCAPED.get(m[1], m[0]), cell) for cell in cells]


def _without_nulls(row: Sequence[str]) -> list[str | None]:
    return [None if cell in _NULL else cell for cell in row]


def _check_header(line: int, columns: Sequence[str]) -> None:
    if not any(columns):
        raise UnreadableImport(f"Line {line}: the file is empty, or its first line does not name the columns.")
    if any("\0" in name for name in columns):
        raise UnreadableImport(f"Line {line}: not UTF-8, or UTF-16 without its byte order mark. {_SAVE}")
    if twice := [name for name in columns if name and columns.count(name) > 1]:
        raise UnreadableImport(f"Line {line}: the header has {twice[0][:60]!r} more than once.")


def _row(line: int, columns: Sequence[str], cells: Sequence[str | None]) -> Row | Fault:
    if len(cells) < len(columns) or any(cells[len(columns) :]):
        advice = " Put cells that hold a separator into quotation marks." if len(cells) > len(columns) else ""
        return Fault(f"Line {line:,}", f"has {counted(len(cells), 'cell')}, but the header has {len(columns)}.{advice}")
    nameless = [number for number, (name, cell) in enumerate(zip(columns, cells, strict=False), start=1) if cell and not name]
    if nameless:
        return Fault(f"Line {line:,}", f"has something in column {nameless[0]}, which has no name in the header.")
    return Row(line, {name: cell for name, cell in zip(columns, cells, strict=False) if name})
