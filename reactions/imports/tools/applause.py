"""applause-button: what its server answers to `/get-multiple`, or an export of its table from DynamoDB."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reactions.imports import documents
from reactions.imports.choices import Choices, clapping, names_of
from reactions.imports.found import Fault, Found
from reactions.imports.opening import Source
from reactions.newsroom.reaction_sets import ReactionSet

NAME, KEY = "applause", "{path}"
CLAPS = "claps"


def read(source: Source, _choices: Choices) -> Iterator[Found | Fault]:
    """Yield the claps of each address."""
    document = documents.read(source)
    for number, item in enumerate(document if isinstance(document, list) else [document], start=1):
        yield _found(f"Item {number:,}", item)


def reactions(ours: ReactionSet) -> Mapping[str, str]:
    """Claps are the reaction that shows clapping hands, if there is one."""
    claps = clapping(ours)
    return {CLAPS: claps} if claps else {}


def _found(place: str, item: Any) -> Found | Fault:
    item = item.get("Item", item) if isinstance(item, dict) else {}
    url, claps = _plain(item.get("url"), "S"), _plain(item.get(CLAPS), "N")
    if not isinstance(url, str) or not url or CLAPS not in item:
        return Fault(place, "has no url and claps.")
    return Found(place, names_of(url), {CLAPS: claps})


def _plain(value: Any, kind: str) -> Any:
    """A value of DynamoDB's own JSON, {"N": "12"}, without what tells its type."""
    return value.get(kind) if isinstance(value, dict) else value
