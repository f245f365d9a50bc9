"""Exports as a test asks for them: the rows of a file, read back by the standard library alone."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine

from reactions.exports import formats, scope
from reactions.exports.columns import TABLES
from reactions.exports.files import File, Form
from reactions.exports.scope import Choice
from reactions.newsroom.sites import Site

Row = dict[str, Any]


def exported(engine: Engine, site: Site, table: str, choice: Choice | None = None, *, now_ms: int) -> list[Row]:
    """The rows of an export as CSV."""
    return rows_of(content(engine, site, table, choice, now_ms=now_ms), table, site)


def content(
    engine: Engine,
    site: Site,
    table: str,
    choice: Choice | None = None,
    *,
    now_ms: int,
    form: Form | None = None,
    key: bytes = b"",
) -> bytes:
    """The bytes of an export."""
    with scope.opened(engine, site, choice or Choice(), now_ms=now_ms, reader_key=key) as found:
        return b"".join(File(found, TABLES[table], form or Form()).pieces())


def rows_of(written: bytes, table: str, site: Site) -> list[Row]:
    """The rows in the bytes of a CSV, as values."""
    read_as = {column.name: _reader(column.type) for column in TABLES[table].columns_of(site.reactions)}
    lines = csv.DictReader(io.StringIO(written.decode(), newline=""), strict=True)
    return [{name: read_as[name](cell) if cell or name == "title" else None for name, cell in line.items()} for line in lines]


def _reader(kind: str) -> Callable[[str], Any]:
    readers: dict[str, Callable[[str], Any]] = {
        "integer": int, "number": float, "boolean": lambda cell: {"true": True, "false": False}[cell], "array": json.loads,
    }  # fmt: skip
    return readers.get(kind, formats.text_of)
