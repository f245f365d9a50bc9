"""Tools whose totals are a table: Varient, WP ULike, and any CSV with a mapping in TOML that says what its columns mean."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reactions.imports import sources
from reactions.imports.sources import Fault, Row, Source
from reactions.imports.tools.tool import Tool, names_of, refuse_dump
from reactions.imports.totals import TheirTotals, TotalsOptions
from reactions.newsroom.reaction_sets import ReactionSet
from reactions.refusals import UnreadableImport

_PREFIX = "re_"
_VARIENT_ROWS = {"post_id": ("post_id", "post"), "reaction": ("reaction", "reaction_type"), "total": ("total", "count")}
_ULIKE_WITHDRAWN = ("unlike", "undislike")
_EXAMPLE = 'key = "{slug}" and a table [reactions] with lines such as thumbs_up = "like"'


def same_keys(reactions: ReactionSet) -> dict[str, str]:
    """Reactions that a tool names as we do."""
    return {entry.key: entry.key for entry in reactions.entries}


def read_varient(source: Source, _options: TotalsOptions) -> Iterator[TheirTotals | Fault]:
    """The table `reactions`: a column for each reaction (`re_like` …), or rows of post, reaction, total."""
    refuse_dump(source)
    for row in sources.read_table(source, _check_varient):
        yield row if isinstance(row, Fault) else _varient(row)


def _check_varient(columns: Sequence[str]) -> None:
    wide = any(name.startswith(_PREFIX) for name in columns) and any(name in columns for name in _VARIENT_ROWS["post_id"])
    if not wide and not all(any(name in columns for name in names) for names in _VARIENT_ROWS.values()):
        raise UnreadableImport(
            f"The columns are {', '.join(columns)[:200]}. Varient's reactions have post_id and re_like, re_dislike …, "
            f"or post_id, reaction, total."
        )


def _varient(row: Row) -> TheirTotals | Fault:
    post_id = _cell(row, "post_id")
    if not post_id:
        return Fault(row.place, "has no post_id.")
    wide = {name.removeprefix(_PREFIX): cell for name, cell in row.cells.items() if name.startswith(_PREFIX)}
    reaction = _cell(row, "reaction")
    if not wide and not reaction:
        return Fault(row.place, "names no reaction.")
    names = {name: cell or "" for name, cell in row.cells.items()}
    totals = wide or {str(reaction).removeprefix(_PREFIX): _cell(row, "total")}
    return TheirTotals(row.place, names | {"post_id": post_id}, totals)


def _cell(row: Row, name: str) -> str | None:
    return next((row.cells[column] for column in _VARIENT_ROWS[name] if column in row.cells), None)


def read_ulike(source: Source, _options: TotalsOptions) -> Iterator[TheirTotals | Fault]:
    """WP ULike's table `wp_ulike`: a row for each reader and post. Of a reader it says only what the status is now."""
    refuse_dump(source)
    for row in sources.read_table(source, _check_ulike):
        if isinstance(row, Fault):
            yield row
        elif not (post_id := row.cells["post_id"]) or not (status := row.cells["status"]):
            yield Fault(row.place, "has no post_id or no status.")
        else:
            yield TheirTotals(row.place, {"post_id": post_id}, {} if status in _ULIKE_WITHDRAWN else {status: 1})


def _check_ulike(columns: Sequence[str]) -> None:
    if not {"post_id", "status"} <= set(columns):
        raise UnreadableImport(f"The columns are {', '.join(columns)[:200]}. The table wp_ulike has post_id and status.")


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


def mapping(content: bytes) -> Mapped:
    """Read a mapping. Raises UnreadableImport."""
    try:
        document = tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise UnreadableImport("The mapping is not UTF-8.") from None
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


def mapped_tool(mapped: Mapped) -> Tool:
    """The tool that a mapping makes of any CSV."""

    def read(source: Source, _options: TotalsOptions) -> Iterator[TheirTotals | Fault]:
        refuse_dump(source)
        for row in sources.read_table(source, lambda columns: _check_mapped(columns, mapped)):
            yield row if isinstance(row, Fault) else _mapped(row, mapped)

    return Tool("csv", mapped.key, "", read, lambda _: mapped.reactions)


def _is_mapping(reactions: Any) -> bool:
    return isinstance(reactions, dict) and bool(reactions) and all(isinstance(ours, str) for ours in reactions.values())


def _check_mapped(columns: Sequence[str], mapped: Mapped) -> None:
    wanted = [mapped.reaction, mapped.total] if mapped.reaction else [name.lower() for name in mapped.reactions]
    missing = [name for name in [*wanted, mapped.url] if name is not None and name not in columns]
    if missing:
        raise UnreadableImport(
            f"There is no column {missing[0]!r}, which the mapping names. The columns are {', '.join(columns)[:300]}."
        )


def _mapped(row: Row, mapped: Mapped) -> TheirTotals | Fault:
    names = {name: cell or "" for name, cell in row.cells.items()}
    if mapped.url is not None:
        if not names.get(mapped.url):
            return Fault(row.place, f"has no {mapped.url}.")
        names |= names_of(names[mapped.url])
    if mapped.reaction is None or mapped.total is None:
        return TheirTotals(row.place, names, {theirs: row.cells[theirs.lower()] for theirs in mapped.reactions})
    reaction = names.get(mapped.reaction)
    if not reaction:
        return Fault(row.place, "names no reaction.")
    return TheirTotals(row.place, names, {reaction: row.cells[mapped.total]})
