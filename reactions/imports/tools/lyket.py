"""Lyket: answers of its API about like and clap buttons, one or many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reactions.imports import documents
from reactions.imports.choices import Choices, clapping
from reactions.imports.found import Fault, Found
from reactions.imports.opening import Source
from reactions.newsroom.reaction_sets import ReactionSet

NAME, KEY = "lyket", "{id}"
_TOTALS = {"total_likes": "likes", "total_claps": "claps"}


def read(source: Source, _choices: Choices) -> Iterator[Found | Fault]:
    """Yield the total of each button."""
    for number, button in enumerate(_buttons(documents.read(source)), start=1):
        yield _found(f"Button {number:,}", button)


def reactions(ours: ReactionSet) -> Mapping[str, str]:
    """Likes are `like`; claps the reaction that shows clapping hands, if there is one."""
    claps, likes = clapping(ours), next((entry.key for entry in ours.entries if entry.key == "like"), None)
    return {theirs: key for theirs, key in (("claps", claps), ("likes", likes)) if key}


def _buttons(document: Any) -> list[Any]:
    """The buttons of an answer, of a list of answers, or of an answer about many."""
    if isinstance(document, list):
        return [button for part in document for button in _buttons(part)]
    if isinstance(document, dict) and isinstance(document.get("data"), (list, dict)):
        return _buttons(document["data"])
    return [document]


def _found(place: str, button: Any) -> Found | Fault:
    attributes = button.get("attributes") if isinstance(button, dict) else None
    if not isinstance(attributes, dict) or not isinstance(button.get("id"), str):
        return Fault(place, "has no id and attributes, as an answer of Lyket's API has.")
    totals = {ours: attributes[theirs] for theirs, ours in _TOTALS.items() if theirs in attributes}
    if not totals:
        return Fault(
            place, "has neither total_likes nor total_claps. Of up/down buttons Lyket tells no votes, only their balance."
        )
    return Found(place, {"id": button["id"], "namespace": str(attributes.get("namespace") or "")}, totals)
