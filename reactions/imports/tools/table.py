"""Any table as CSV, with a mapping in TOML that says what its columns mean."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reactions.imports import tables
from reactions.imports.choices import Choices, names_of
from reactions.imports.found import Fault, Found
from reactions.imports.opening import Source
from reactions.refusals import UnreadableImport

NAME = "csv"
_EXAMPLE = 'key = "{slug}" and a table [reactions] with lines such as thumbs_up = "like"'


@dataclass(frozen=True, slots=True)
class Mapped:
    """A mapping. With `reaction` and `total`, columns, every row is about one reaction; else each reaction has a column.

    `url` is a column with addresses, which name an article by their path and slug too. `reactions` are by the file's own names.
    """

    key: str
    reactions: Mapping[str, str | None]
    reaction: str | None = None
    total: str | None = None
    url: str | None = None


def mapping(text: str) -> Mapped:
    """Read a mapping. Raises UnreadableImport."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UnreadableImport(f"The mapping is not TOML: {error}.") from None
    reactions = document.pop("reactions", None)
    if unknown := sorted(set(document) - {"key", "reaction", "total", "url"}):
        raise UnreadableImport(f"The mapping has {unknown[0]!r}. It may have key, reaction, total, url and [reactions].")
    if not _is_mapping(reactions) or not isinstance(document.get("key"), str):
        raise UnreadableImport(f"The mapping needs {_EXAMPLE}. The empty text leaves a reaction out.")
    if not all(isinstance(value, str) for value in document.values()) or ("reaction" in document) != ("total" in document):
        raise UnreadableImport("In the mapping, reaction and total go together: the columns that name a reaction and count it.")
    columns = {name: document[name].lower() for name in ("reaction", "total", "url") if name in document}
    return Mapped(document["key"], {theirs: ours or None for theirs, ours in reactions.items()}, **columns)


def read(source: Source, _choices: Choices, mapped: Mapped) -> Iterator[Found | Fault]:
    """Yield what each row says."""
    for row in tables.read(source, lambda columns: _check(columns, mapped)):
        yield row if isinstance(row, Fault) else _found(row, mapped)


def _is_mapping(reactions: Any) -> bool:
    return isinstance(reactions, dict) and bool(reactions) and all(isinstance(ours, str) for ours in reactions.values())


def _check(columns: Sequence[str], mapped: Mapped) -> None:
    wanted = [mapped.reaction, mapped.total] if mapped.reaction else [name.lower() for name in mapped.reactions]
    missing = [name for name in [*wanted, mapped.url] if name is not None and name not in columns]
    if missing:
        raise UnreadableImport(
            f"Line 1: there is no column {missing[0]!r}, which the mapping names. There is: {', '.join(columns)[:300]}."
        )


def _found(row: tables.Row, mapped: Mapped) -> Found | Fault:
    names = {name: cell for name, cell in row.cells.items() if cell is not None}
    if mapped.url is not None:
        if not names.get(mapped.url):
            return Fault(row.place, f"has no {mapped.url}.")
        names |= names_of(names[mapped.url])
    if mapped.reaction is None or mapped.total is None:
        return Found(row.place, names, {theirs: row.cells[theirs.lower()] for theirs in mapped.reactions})
    reaction = names.get(mapped.reaction)
    return Found(row.place, names, {reaction: row.cells[mapped.total]}) if reaction else Fault(row.place, "names no reaction.")
