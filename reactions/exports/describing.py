"""docs/exports.md, written from the definitions of the columns: what cannot be looked up there stands here."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

from reactions.exports.columns import EACH, TABLES, VERSION, Column, Table

_TYPES = {
    "string": "text",
    "array": "list of texts (JSON)",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "date": "day",
    "datetime": "time",
}


def page() -> str:
    """The page, in Markdown."""
    told = (files("reactions.exports") / "exports.md").read_text(encoding="utf-8")
    return told.replace("{version}", VERSION).replace("{tables}", "\n".join(map(_section, TABLES.values())))


def _section(table: Table) -> str:
    return "\n".join([f"### {table.name}", "", table.meaning, "", *_rows(table), ""])


def _rows(table: Table) -> Iterator[str]:
    yield "| Column | Type | Unit | Meaning |"
    yield "|---|---|---|---|"
    for column in table.columns:
        yield f"| `{column.name}` | {_type(column)} | {column.unit} | {column.meaning} |"


def _type(column: Column) -> str:
    return _TYPES[column.type] + ("" if column.always or EACH in column.name else ", may be empty")
