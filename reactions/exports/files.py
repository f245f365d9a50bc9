"""One file of an export: its bytes as they are made, and what tells a whole one."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

from reactions.exports import arrow_files, articles, choosing, csv_files, series, votes
from reactions.exports.columns import Column, Table
from reactions.exports.csv_files import Batch
from reactions.exports.scope import Scope

_GZIP = 31  # zlib's way to say: with gzip's header and its checksum at the end
_SOURCE: Mapping[str, ModuleType] = {"articles": articles, "series": series, "votes": votes}


@dataclass(frozen=True, slots=True)
class Form:
    """How files are written. `bom` and `gzip` are for CSV."""

    format: str = "csv"
    bom: bool = False
    gzip: bool = False

    @property
    def suffix(self) -> str:
        """The end of a file's name."""
        return f".{self.format}.gz" if self.gzip else f".{self.format}"


class File:
    """A table of a scope. `rows`, `size` (bytes) and `sha256` are those of the pieces that were taken so far."""

    def __init__(self, scope: Scope, table: Table, form: Form) -> None:
        self.table = table
        self.form = form
        self.columns = choosing.columns_of(scope.choice, scope.site, table)
        self.rows = self.size = 0
        self._scope = scope
        self._hash = hashlib.sha256()

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.table.name + self.form.suffix

    @property
    def sha256(self) -> str:
        """The checksum in hexadecimal digits."""
        return self._hash.hexdigest()

    def pieces(self) -> Iterator[bytes]:
        """The bytes, to be taken once."""
        made = self._written(self._chosen(_SOURCE[self.table.name].batches(self._scope)))
        for piece in compressed(made) if self.form.gzip else made:
            self._hash.update(piece)
            self.size += len(piece)
            yield piece

    def _written(self, batches: Iterable[Batch]) -> Iterator[bytes]:
        if self.form.format == "csv":
            return csv_files.lines(self.columns, batches, bom=self.form.bom)
        return arrow_files.pieces(self.table, self.columns, batches, parquet=self.form.format == "parquet")

    def _chosen(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        places = _places(self.table.columns_of(self._scope.site.reactions), self.columns)
        for batch in batches:
            self.rows += len(batch[0])
            yield [batch[place] for place in places]


def compressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces as gzip. The first goes out at once: a client should see that something comes."""
    packer = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
    first = True
    for piece in pieces:
        packed = packer.compress(piece) + (packer.flush(zlib.Z_SYNC_FLUSH) if first else b"")
        first = False
        if packed:
            yield packed
    yield packer.flush()


def _places(all_columns: Sequence[Column], chosen: Sequence[Column]) -> list[int]:
    names = [column.name for column in all_columns]
    return [names.index(column.name) for column in chosen]
