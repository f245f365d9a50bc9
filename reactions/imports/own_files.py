"""Our own exports: a folder with `datapackage.json`, and in it the articles and the votes as CSV, packed or not."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from reactions.exports.columns import VERSION
from reactions.imports.opening import Source
from reactions.refusals import UnreadableImport

DESCRIPTION = "datapackage.json"
_NEEDED = ("articles", "votes")


class Line(NamedTuple):
    """A row as it is written, by the names of its columns; `place` says where it stands."""

    place: str
    cells: Mapping[str, str]


class Folder:
    """An export that is whole: every file read from it has as many rows and the checksum that its description says.

    Raises UnreadableImport for everything else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            package = json.loads((path / DESCRIPTION).read_bytes())
            self._resources = {resource["name"]: resource for resource in package["resources"]}
            _check_scope(package["version"], package["reactions"]["scope"])
        except FileNotFoundError:
            raise UnreadableImport(f"{path} has no {DESCRIPTION}: this is no export, or one that was not finished.") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UnreadableImport(f"{path / DESCRIPTION} does not describe an export of this service.") from None
        if missing := [name for name in _NEEDED if name not in self._resources]:
            raise UnreadableImport(f"The export has no {missing[0]}. Export all: `reactions export SITE all --output FOLDER`.")
        if any(self._resources[name].get("format") != "csv" for name in _NEEDED):
            raise UnreadableImport("Parquet and Arrow are not imported. Export CSV.")

    @property
    def hash(self) -> str:
        """What tells this export's articles and votes from others."""
        hashes = [str(self._resources[name].get("hash")) for name in _NEEDED]
        return hashlib.sha256(" ".join(hashes).encode()).hexdigest()

    def columns(self, table: str) -> list[str]:
        """The names of a table's columns."""
        return [field["name"] for field in self._resources[table]["schema"]["fields"]]

    def lines(self, table: str) -> Iterator[Line]:
        """The rows of a table, in order."""
        resource, count = self._resources[table], 0
        name = Path(str(resource["path"])).name
        with (self.path / name).open("rb") as file:
            source = Source(file)
            for count, line in enumerate(_rows(source, name, self.columns(table)), start=1):  # noqa: B007
                yield line
            found = f"sha256:{source.hash()}"
        if (count, found) != (resource.get("rows"), resource.get("hash")):
            raise UnreadableImport(f"{name} is not the file that {DESCRIPTION} describes: its rows or its checksum differ.")


def _check_scope(version: str, scope: Mapping[str, Any]) -> None:
    if version.partition(".")[0] != VERSION.partition(".")[0]:
        raise UnreadableImport(f"The export has version {version[:20]}; this service reads {VERSION}.")
    part = scope["filters"] or scope["since"] or scope["columns"] or scope["min_group"] > 1
    if part:
        raise UnreadableImport(
            "The export is of a part of its site. Export everything: no filter, period, columns or smallest group."
        )


def _rows(source: Source, name: str, columns: Sequence[str]) -> Iterator[Line]:
    rows = csv.reader(source.lines(), strict=True)
    try:
        if next(rows, None) != list(columns):
            raise UnreadableImport(f"{name}, line 1: the header is not the one that {DESCRIPTION} describes.")
        line = rows.line_num + 1
        for row in rows:
            if len(row) != len(columns):
                raise UnreadableImport(f"{name}, line {line:,}: has {len(row)} cells, but the header has {len(columns)}.")
            yield Line(f"{name}, line {line:,}", dict(zip(columns, row, strict=True)))
            line = rows.line_num + 1
    except csv.Error as error:
        raise UnreadableImport(f"{name}, line {rows.line_num:,}: not CSV: {error}.") from None
