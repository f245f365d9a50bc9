"""What a file says of one article, as its tool says it: not yet checked, and not yet in our words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Raw = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Found:
    """An entry. `place` says where it stands ("Line 3"), `names` name its article, `totals` are by the tool's own reactions."""

    place: str
    names: Mapping[str, str]
    totals: Mapping[str, Raw]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why what stands at `place` cannot be imported."""

    place: str
    detail: str

    def __str__(self) -> str:
        return f"{self.place}: {self.detail}"
