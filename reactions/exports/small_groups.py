"""Hiding the counts of few readers. A hidden count is an empty cell.

Counts of 1 to `least` - 1 are hidden, and then others of the same article, the lowest first, until at least two are hidden that
hold `least` votes together: no total that is shown gives one of them away. Where that cannot be reached the total is hidden too.
Numbers that are computed from hidden ones are hidden. It protects one export by itself; comparing exports of different
filters or days may still show a difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from reactions.exports.formats import Batch


class Hidden(NamedTuple):
    """The places of the counts to hide, and whether their total must be hidden too."""

    places: frozenset[int]
    total: bool


_NOTHING = Hidden(frozenset(), total=False)


def among(counts: Sequence[int], least: int) -> Hidden:
    """Which of some counts to hide."""
    if least <= 1:
        return _NOTHING
    hidden = {place for place, n in enumerate(counts) if 0 < n < least}
    if not hidden:
        return _NOTHING
    others = sorted((n, place) for place, n in enumerate(counts) if n >= least)
    while sum(counts[place] for place in hidden) < least and others:  # so there are two or more: one alone has fewer
        hidden.add(others.pop(0)[1])
    return Hidden(frozenset(hidden), total=sum(counts[place] for place in hidden) < least)


def of_series(columns: Batch, least: int) -> Batch:
    """The series of one article without the numbers of small groups, reaction by reaction."""
    *others, reactions, added, removed, net = columns
    rows_of: dict[str, list[int]] = {}
    for row, reaction in enumerate(reactions):
        rows_of.setdefault(reaction, []).append(row)
    hide: set[int] = set()
    for rows in rows_of.values():
        small = among([_size(added[row], removed[row], least) for row in rows], least)
        hide |= {rows[place] for place in small.places}
    return [*others, reactions, *(_emptied(column, hide) for column in (added, removed, net))]


def _size(added: int, removed: int, least: int) -> int:
    """The smallest group in a row: those who added or those who removed, whichever are few; else all of them."""
    small = [n for n in (added, removed) if 0 < n < least]
    return min(small) if small else added + removed


def _emptied(column: Sequence[Any], hide: set[int]) -> list[Any]:
    return [None if row in hide else value for row, value in enumerate(column)]
