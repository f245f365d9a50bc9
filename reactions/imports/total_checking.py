"""From what a tool says of an article to amounts of our reactions, or to a fault that says how to mend it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from reactions.imports.choices import Choices, key_from
from reactions.imports.found import Fault, Found, Raw
from reactions.refusals import MalformedKey
from reactions.votes.imported import MOST

_WHOLE = re.compile(r"([-+]?)0*([0-9]+)")


@dataclass(frozen=True, slots=True)
class Amounts:
    """How often each of our reactions was given to the article `key`, as `place` says."""

    place: str
    key: str
    by_reaction: Mapping[str, int]


class _Unusable(Exception):
    """The total cannot be imported; the text says why."""


def check(found: Found, template: str, reactions: Mapping[str, str | None], choices: Choices) -> Amounts | Fault:
    """The amounts, or a fault. Raises UnreadableImport for a template that the file cannot fill."""
    try:
        key = key_from(template, found.names)
        amounts: dict[str, int] = {}
        for theirs, raw in found.totals.items():
            total = _total(theirs, raw)
            ours = _ours(theirs, total, reactions, choices)
            if ours is not None:
                amounts[ours] = amounts.get(ours, 0) + total
        _check_most(amounts)
        return Amounts(found.place, key, amounts)
    except _Unusable as unusable:
        return Fault(found.place, str(unusable))
    except MalformedKey as refusal:
        return Fault(found.place, refusal.detail)


def too_many(reaction: str, total: int) -> str:
    """The fault of an amount beyond `MOST`."""
    return f"{reaction} is {total:,}, more than {MOST:,}."


def _ours(theirs: str, total: int, reactions: Mapping[str, str | None], choices: Choices) -> str | None:
    """Our reaction for theirs; None for one that is left out, or that nobody gave."""
    if theirs in reactions:
        return reactions[theirs]
    if total == 0:
        return None
    ours = ", ".join(entry.key for entry in choices.site.reactions.entries)
    raise _Unusable(
        f"has {total:,} of {theirs[:60]!r}, and nothing says which reaction that is. Say --reaction '{theirs[:60]}=KEY' with one "
        f"of {ours}, or '{theirs[:60]}=' to leave it out."
    )


def _total(theirs: str, raw: Raw) -> int:
    if raw is None or raw == "":
        return 0
    text = (
        raw.strip()
        if isinstance(raw, str)
        else ""
        if isinstance(raw, (bool, float))
        else f"{raw:d}"
        if isinstance(raw, int)
        else ""
    )
    whole = _WHOLE.fullmatch(text)
    if not whole:
        raise _Unusable(f"{theirs[:60]} is {str(raw)[:60]!r}, no whole number.")
    sign, digits = whole.groups()
    if sign == "-" and digits.strip("0"):
        raise _Unusable(f"{theirs[:60]} is {text[:60]}, and no total is less than 0.")
    if len(digits) > len(str(MOST)) or int(digits) > MOST:
        raise _Unusable(f"{theirs[:60]} is {text[:60]}, more than {MOST:,}.")
    return int(digits)


def _check_most(amounts: Mapping[str, int]) -> None:
    for reaction, total in amounts.items():
        if total > MOST:
            raise _Unusable(too_many(reaction, total))
