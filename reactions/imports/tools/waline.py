"""Waline: the table `wl_Counter` (SQL or CSV), its JSON export, or LeanCloud's. Its reactions have places, not names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reactions.imports import documents, sql_dumps, tables
from reactions.imports.choices import Choices, names_of
from reactions.imports.found import Fault, Found, Raw
from reactions.imports.opening import Source
from reactions.newsroom.reaction_sets import ReactionSet
from reactions.refusals import UnreadableImport

NAME, KEY = "waline", "{path}"
_REACTION = re.compile(r"reaction([0-8])")


def read(source: Source, choices: Choices) -> Iterator[Found | Fault]:
    """Yield what the counters say."""
    start = source.start()
    if start.lstrip().startswith(("{", "[")):
        for number, counter in enumerate(_counters(documents.read(source)), start=1):
            yield _found(f"Counter {number:,}", counter, choices)
        return
    if sql_dumps.is_dump(start):
        rows = sql_dumps.read(source, lambda name: name.endswith("_counter") or name == "counter", "wl_Counter")
    else:
        rows = tables.read(source, _check)
    for row in rows:
        yield row if isinstance(row, Fault) else _found(row.place, row.cells, choices)


def reactions(_ours: ReactionSet) -> Mapping[str, str]:
    """None is known: a place means what the site's own list of emoji says."""
    return {}


def _check(columns: Sequence[str]) -> None:
    if "url" not in columns or not any(map(_REACTION.fullmatch, columns)):
        raise UnreadableImport(
            f"Line 1: the columns are {', '.join(columns)[:200]}. Waline's have url and reaction0 to reaction8."
        )


def _counters(document: Any) -> Sequence[Any]:
    for path in (("data", "Counter"), ("data", "data", "Counter"), ("results",), ()):
        part = document
        for name in path:
            part = part.get(name) if isinstance(part, dict) else None
        if isinstance(part, list):
            return part
    raise UnreadableImport('The file has no counters: neither data.Counter of a Waline export, nor "results" of LeanCloud.')


def _found(place: str, counter: Any, choices: Choices) -> Found | Fault:
    if not isinstance(counter, Mapping) or not isinstance(counter.get("url"), str) or not counter["url"]:
        return Fault(place, "has no url.")
    totals: dict[str, Raw] = {}
    for name, total in counter.items():
        if known := _REACTION.fullmatch(name):
            totals[name if name in choices.reactions else known[1]] = total  # either may be written
    return Found(place, names_of(counter["url"]), totals)
