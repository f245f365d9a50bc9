"""The files of an export: each with its checksum, in a folder or in one archive, and their description, `datapackage.json`.

The description is Data Package 2.0 with Table Schema. It is written last, when rows, bytes and checksums are known: an export
whose files it describes is whole. Into a folder, files are written beside their places and moved there when all are complete;
a process that is killed on the way leaves files that end in `.part`. A ZIP archive has its table of contents last: no program
finds a file in one that was cut off.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from reactions import __version__
from reactions.exports import articles, changes, columnar, formats, scope
from reactions.exports.columns import VERSION, Column, Table
from reactions.exports.formats import Batch, Sink
from reactions.exports.scope import Scope
from reactions.newsroom import reaction_sets
from reactions.newsroom.sites import Site
from reactions.times import HOUR_MS, rfc3339

DESCRIPTION = "datapackage.json"
PART = ".part"
_MEDIA = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.file",
}
_GZIP = 31  # zlib's way to say: with gzip's header and its checksum at the end
_BATCHES: Mapping[str, Callable[[Scope], Iterator[Batch]]] = {
    "articles": articles.batches,
    "series": changes.series_batches,
    "votes": changes.vote_batches,
}


@dataclass(frozen=True, slots=True)
class Form:
    """How files are written. `bom` and `gzip` are for CSV."""

    format: str = "csv"
    bom: bool = False
    gzip: bool = False

    @property
    def media(self) -> str:
        """The media type of a file that is not compressed."""
        return _MEDIA[self.format]

    @property
    def suffix(self) -> str:
        """The end of a file's name."""
        return f".{self.format}.gz" if self.gzip else f".{self.format}"


class File:
    """A table of a scope. `rows`, `size` (bytes) and `sha256` are those of the pieces that were taken so far."""

    def __init__(self, opened: Scope, table: Table, form: Form) -> None:
        opened.refuse_dropped(table)
        self.table = table
        self.form = form
        self.columns = scope.columns_of(opened.choice, opened.site, table)
        self.rows = self.size = 0
        self._scope = opened
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
        made = self._written(self._chosen(_BATCHES[self.table.name](self._scope)))
        for piece in compressed(made) if self.form.gzip else made:
            self._hash.update(piece)
            self.size += len(piece)
            yield piece

    def _written(self, batches: Iterable[Batch]) -> Iterator[bytes]:
        if self.form.format == "csv":
            return formats.csv_lines(self.columns, batches, bom=self.form.bom)
        return columnar.arrow_pieces(self.table, self.columns, batches, parquet=self.form.format == "parquet")

    def _chosen(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        places = _places(self.table.columns_of(self._scope.site.reactions), self.columns)

        def chosen(batch: Batch) -> Batch:
            self.rows += len(batch[0])
            return [batch[place] for place in places]

        return map(chosen, batches)


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


def write_folder(opened: Scope, tables: Sequence[Table], form: Form, folder: Path) -> list[File]:
    """Write the tables and their description, over what is there; return what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [File(opened, table, form) for table in tables]
    paths = [folder / name for name in (*(file.name for file in files), DESCRIPTION)]
    try:
        for file in files:
            _write_part(file, folder)
        _part(paths[-1]).write_text(describe_files(opened, files), encoding="utf-8")
    except BaseException:
        for path in paths:
            _part(path).unlink(missing_ok=True)
        raise
    paths[-1].unlink(missing_ok=True)  # it must not describe files that change under it
    for path in paths:
        _part(path).replace(path)
    return files


def _write_part(file: File, folder: Path) -> None:
    with _part(folder / file.name).open("wb") as part:
        for piece in file.pieces():
            part.write(piece)
        part.flush()
        os.fsync(part.fileno())


def _part(path: Path) -> Path:
    return path.with_name(path.name + PART)


def archive_pieces(opened: Scope, tables: Sequence[Table], form: Form) -> Iterator[bytes]:
    """The archive, to be taken once."""
    sink, files = Sink(), [File(opened, table, form) for table in tables]
    with ZipFile(sink, "w", ZIP_DEFLATED, compresslevel=1) as archive:
        for file in files:
            with archive.open(_entry(opened, file.name), "w", force_zip64=True) as entry:
                for piece in file.pieces():
                    entry.write(piece)
                    yield sink.taken()
        archive.writestr(_entry(opened, DESCRIPTION), describe_files(opened, files))
    yield sink.taken()


def _entry(opened: Scope, name: str) -> ZipInfo:
    entry = ZipInfo(name, datetime.fromtimestamp(opened.now_ms / 1000, UTC).timetuple()[:6])
    entry.compress_type = ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    return entry


def describe_files(opened: Scope, files: Sequence[File]) -> str:
    """The description of files that are complete."""
    resources = [
        {
            **_resource(file.table, file.columns, file.form),
            "bytes": file.size,
            "hash": f"sha256:{file.sha256}",
            "rows": file.rows,
        }
        for file in files
    ]
    return _package(opened, resources)


def describe_columns(opened: Scope, tables: Sequence[tuple[Table, Sequence[Column]]]) -> str:
    """The description of files that are not made yet."""
    return _package(opened, [_resource(table, columns, Form()) for table, columns in tables])


def _package(opened: Scope, resources: Sequence[dict[str, Any]]) -> str:
    since = opened.votes_from_ms
    package = {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": f"{opened.site.key}-reactions",
        "title": f"Readers' reactions of {opened.site.name}",
        "version": VERSION,
        "created": rfc3339(opened.now_ms),
        "resources": list(resources),
        "reactions": {
            "software": f"reader-reactions {__version__}",
            "site": _site(opened.site),
            "scope": _scope(opened),
            "next": opened.next.text(opened.site) if opened.next else None,
            **({} if since is None else {"votes_from_utc": rfc3339(since)}),
        },
    }
    return json.dumps(package, indent=2, ensure_ascii=False) + "\n"


def _resource(table: Table, columns: Sequence[Column], form: Form) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "name": table.name,
        "path": table.name + form.suffix,
        "type": "table",
        "format": form.format,
        "mediatype": form.media,
        "description": table.meaning,
    }
    if form.format == "csv":
        resource |= {"encoding": "utf-8", "dialect": {"lineTerminator": "\r\n"}}
    if form.gzip:
        resource["compression"] = "gz"
    return resource | {"schema": _schema(table, columns)}


def _schema(table: Table, columns: Sequence[Column]) -> dict[str, Any]:
    names = {column.name for column in columns}
    schema: dict[str, Any] = {"fields": list(map(_field, columns)), "missingValues": [""]}
    return schema | ({"primaryKey": list(table.key)} if table.key and names.issuperset(table.key) else {})


def _field(column: Column) -> dict[str, Any]:
    described: dict[str, Any] = {"name": column.name, "type": column.type, "description": column.meaning}
    if column.unit:
        described["unit"] = column.unit
    if column.always:
        described["constraints"] = {"required": True}
    return described


def _site(site: Site) -> dict[str, Any]:
    return {
        "key": site.key,
        "name": site.name,
        "time_zone": site.time_zone,
        "reader_scope": site.reader_scope,
        "reaction_set": reaction_sets.stored(site.reactions),
    }


def _scope(opened: Scope) -> dict[str, Any]:
    """What the export was asked for, so that it can be repeated."""
    hours, choice = opened.hours, opened.choice
    return {
        "filters": {name: value for name, value in asdict(choice.about).items() if value},
        "since": choice.since,
        "columns": list(choice.columns),
        "precision": choice.precision,
        "min_group": choice.min_group,
        "readers": choice.readers,
        "time_zone": opened.zone.key,
        "from_utc": rfc3339(hours.start * HOUR_MS) if hours is not None else None,
        "until_utc": rfc3339(hours.stop * HOUR_MS) if hours is not None else None,
    }
