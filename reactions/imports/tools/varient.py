"""Varient 2.x and 3.x: the table `reactions`, a column for each reaction (`re_like` …) or rows of post, reaction, total."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reactions.imports import sql_dumps, tables
from reactions.imports.choices import Choices, same_keys
from reactions.imports.found import Fault, Found
from reactions.imports.opening import Source
from reactions.newsroom.reaction_sets import ReactionSet
from reactions.refusals import UnreadableImport

NAME, KEY = "varient", "{post_id}"
_PREFIX = "re_"
_ROWS = {"post_id": ("post_id", "post"), "reaction": ("reaction", "reaction_type"), "total": ("total", "count")}


def read(source: Source, _choices: Choices) -> Iterator[Found | Fault]:
    """Yield what the table says, of a CSV or an SQL dump."""
    if sql_dumps.is_dump(source.start()):
        rows = sql_dumps.read(source, lambda name: name == "reactions", "`reactions`")
    else:
        rows = tables.read(source, _check)
    for row in rows:
        yield row if isinstance(row, Fault) else _found(row)


def reactions(ours: ReactionSet) -> Mapping[str, str]:
    """Its seven are our seven."""
    return same_keys(ours)


def _check(columns: Sequence[str]) -> None:
    wide = any(name.startswith(_PREFIX) for name in columns) and any(name in columns for name in _ROWS["post_id"])
    if not wide and not all(any(name in columns for name in names) for names in _ROWS.values()):
        raise UnreadableImport(
            f"Line 1: the columns are {', '.join(columns)[:200]}. Varient's reactions have post_id and re_like, re_dislike …, "
            f"or post_id, reaction, total."
        )


def _found(row: tables.Row) -> Found | Fault:
    post_id = _cell(row, "post_id")
    if not post_id:
        return Fault(row.place, "has no post_id.")
    wide = {name.removeprefix(_PREFIX): cell for name, cell in row.cells.items() if name.startswith(_PREFIX)}
    reaction = _cell(row, "reaction")
    if not wide and reaction is None:
        return Fault(row.place, "has no column re_like, re_dislike …, and none that names a reaction.")
    names = {name: cell for name, cell in row.cells.items() if cell is not None}
    return Found(row.place, names | {"post_id": post_id}, wide or {str(reaction).removeprefix(_PREFIX): _cell(row, "total")})


def _cell(row: tables.Row, name: str) -> str | None:
    return next((row.cells[column] for column in _ROWS[name] if column in row.cells), None)
