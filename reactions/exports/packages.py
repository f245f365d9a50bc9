"""`datapackage.json`: what an export's files are and hold, as Data Package 2.0 and Table Schema have it.

Written last, when rows, bytes and checksums are known: an export whose files it describes is whole.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from reactions import __version__
from reactions.exports import csv_files
from reactions.exports.columns import VERSION, Column, Table
from reactions.exports.files import File, Form
from reactions.exports.scope import Scope
from reactions.newsroom import reaction_sets
from reactions.newsroom.sites import Site
from reactions.times import HOUR_MS

NAME = "datapackage.json"
_MEDIA = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.file",
}


def media_of(form: Form) -> str:
    """The media type of a file that is not compressed."""
    return _MEDIA[form.format]


def of_files(scope: Scope, files: Sequence[File]) -> str:
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
    return _package(scope, resources)


def of_columns(scope: Scope, tables: Sequence[tuple[Table, Sequence[Column]]]) -> str:
    """The description of files that are not made yet."""
    return _package(scope, [_resource(table, columns, Form()) for table, columns in tables])


def _package(scope: Scope, resources: Sequence[dict[str, Any]]) -> str:
    package = {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": f"{scope.site.key}-reactions",
        "title": f"Readers' reactions of {scope.site.name}",
        "version": VERSION,
        "created": csv_files.moment(scope.now_ms),
        "resources": list(resources),
        "reactions": {
            "software": f"reader-reactions {__version__}",
            "site": _site(scope.site),
            "scope": _scope(scope),
            "next": scope.next.told(scope.site) if scope.next else None,
        },
    }
    return json.dumps(package, indent=2, ensure_ascii=False) + "\n"


def _resource(table: Table, columns: Sequence[Column], form: Form) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "name": table.name,
        "path": table.name + form.suffix,
        "type": "table",
        "format": form.format,
        "mediatype": media_of(form),
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


def _scope(scope: Scope) -> dict[str, Any]:
    """What the export was asked for, so that it can be had again."""
    hours, choice = scope.hours, scope.choice
    return {
        "filters": {name: value for name, value in asdict(choice.about).items() if value},
        "since": choice.since,
        "columns": list(choice.columns),
        "precision": choice.precision,
        "min_group": choice.min_group,
        "readers": choice.readers,
        "time_zone": scope.zone.key,
        "from_utc": csv_files.moment(hours.start * HOUR_MS) if hours is not None else None,
        "until_utc": csv_files.moment(hours.stop * HOUR_MS) if hours is not None else None,
    }
