"""What an export brings back into a site, as the ballot box takes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from reactions.votes.imported import Change
from reactions.votes.rules import Ballot


@dataclass(frozen=True, slots=True)
class Restored:
    """An article of an export: what is `said` of it, by the columns of its row, and what its votes and imports must add up to."""

    article_id: int
    key: str
    said: Mapping[str, Any]
    aliases: Sequence[str]
    merged_into: int | None
    counts: Mapping[str, int]
    imported: Mapping[str, int]
    place: str


class Restoration(Protocol):
    """A whole export, in chunks, as often as it is asked for."""

    def articles(self) -> Iterator[Sequence[Restored]]:
        """The articles."""

    def amounts(self) -> Iterator[Sequence[Change]]:
        """What other tools had brought, as one source's."""

    def ballots(self) -> Iterator[Sequence[Ballot]]:
        """The changes of votes, in their order, each by an invented voter."""
