"""A file as lines of text, read once from end to end: unpacked if it is gzip, checked to be UTF-8, hashed on the way."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from reactions.refusals import UnreadableImport

MOST_IN_LINE = 67_108_864  # bytes; MySQL's dumps hold an INSERT of some megabytes in one line
MOST_WHOLE = 134_217_728  # bytes of a JSON document, which is read as a whole
_GZIP, _BOM, _BLOCK = b"\x1f\x8b", "\ufeff", 1 << 16


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
    """A file to import. Raises UnreadableImport, with the line, for what is no text."""

    def __init__(self, file: BinaryIO) -> None:
        self._hashed = _Hashed(file)
        self._bytes = io.BufferedReader(self._hashed, _BLOCK)
        self._line = 0
        packed = self._bytes.peek(2)[:2] == _GZIP
        self._content: Any = gzip.GzipFile(fileobj=self._bytes) if packed else self._bytes

    def lines(self) -> Iterator[str]:
        """The lines, ends included."""
        while line := self._next_line():
            yield line

    def start(self) -> str:
        """The first characters, without reading them away; "" of an empty file."""
        try:
            start = self._content.peek(4096)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise self._torn(error) from None
        return bytes(start[:4096]).decode(errors="ignore").removeprefix(_BOM)

    def text(self) -> str:
        """All of it at once."""
        pieces, size = [], 0
        for line in self.lines():
            pieces.append(line)
            size += len(line)
            if size > MOST_WHOLE:
                raise UnreadableImport(f"The file holds more than {MOST_WHOLE:,} characters of JSON. Import it in parts.")
        return "".join(pieces)

    def hash(self) -> str:
        """The SHA-256 of the file as it lies on the disk; reads it to its end."""
        while self._bytes.read(_BLOCK):
            pass
        return self._hashed.sha256.hexdigest()

    def _next_line(self) -> str:
        self._line += 1
        try:
            line = self._content.readline(MOST_IN_LINE + 1)
            text: str = line.decode()
        except UnicodeDecodeError:
            raise UnreadableImport(f"Line {self._line}: not UTF-8. Save or export the file as UTF-8.") from None
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise self._torn(error) from None
        if len(line) > MOST_IN_LINE:
            raise UnreadableImport(f"Line {self._line}: longer than {MOST_IN_LINE:,} bytes.")
        return text.removeprefix(_BOM) if self._line == 1 else text

    def _torn(self, error: Exception) -> UnreadableImport:
        what = "it ends too early" if isinstance(error, EOFError) else "it is damaged"
        return UnreadableImport(f"Line {max(self._line, 1)}: the gzip file cannot be unpacked further: {what}. Copy it again.")
