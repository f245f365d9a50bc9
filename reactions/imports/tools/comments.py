"""Comment systems with reactions of their own: Waline."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reactions.imports import sources
from reactions.imports.sources import Fault, Source
from reactions.imports.tools.tool import names_of, refuse_dump
from reactions.imports.totals import RawTotal, TheirTotals, TotalsOptions
from reactions.newsroom.reaction_sets import ReactionSet
from reactions.refusals import UnreadableImport

_REACTION = re.compile(r"reaction([0-8])")


def none_known(_reactions: ReactionSet) -> Mapping[str, str]:
    """No name is known: Waline's reactions have places, and a place means what the site's own list of emoji says."""
    return {}


def read_waline(source: Source, options: TotalsOptions) -> Iterator[TheirTotals | Fault]:
    """The table `wl_Counter` as CSV, Waline's JSON export, or LeanCloud's."""
    refuse_dump(source)
    if source.start().removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"{", b"[", b"#filetype:")):
        for number, counter in enumerate(_counters(sources.read_json(source)), start=1):
            yield _counter(f"Counter {number:,}", counter, options)
        return
    for row in sources.read_table(source, _check_waline):
        yield row if isinstance(row, Fault) else _counter(row.place, row.cells, options)


def _check_waline(columns: Sequence[str]) -> None:
    if "url" not in columns or not any(map(_REACTION.fullmatch, columns)):
        raise UnreadableImport(f"The columns are {', '.join(columns)[:200]}. Waline's have url and reaction0 to reaction8.")


def _counters(document: Any) -> Sequence[Any]:
    for path in (("data", "Counter"), ("data", "data", "Counter"), ("results",), ()):
        part = document
        for name in path:
            part = part.get(name) if isinstance(part, dict) else None
        if isinstance(part, list):
            return part
    raise UnreadableImport('The file has no counters: neither data.Counter of a Waline export, nor "results" of LeanCloud.')


def _counter(place: str, counter: Any, options: TotalsOptions) -> TheirTotals | Fault:
    if not isinstance(counter, Mapping) or not isinstance(counter.get("url"), str) or not counter["url"]:
        return Fault(place, "has no url.")
    totals: dict[str, RawTotal] = {}
    for name, total in counter.items():
        if known := _REACTION.fullmatch(name):
            totals[name if name in options.reactions else known[1]] = total  # either may be written
    return TheirTotals(place, names_of(counter["url"]), totals)
