"""The detector: it judges whether the votes of a window look like an attack, and says why. Pure functions; `watching` feeds them.

Rate alone never convicts: honest articles are linked from elsewhere every day. A window is suspect if its fresh votes come from
few networks, if the same networks send many of them each, or if votes come much faster than age and hour predict and choose
otherwise than the article's readers did before, or come far oftener for each time that the row was seen than is usual. Only the
votes that fit the cause are suspect, never a proven reader's.

Anybody can send views, so they excuse nothing: they are looked at last, when nothing else makes a window suspect.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import Self

from reactions.intervals import wilson

NETWORKS, REPEATS, MIX, UNSEEN = "networks", "repeats", "mix", "unseen"

LEAST = 20  # fresh votes below which a window proves nothing
LEAST_CONCENTRATED = 40
MOST = 0.8  # the part of the fresh votes that few networks, or busy ones, must have sent
FEW = 3  # networks
BUSY = 5  # fresh votes of one network on one article within the window
USUAL_SHARE = 0.4  # a network that sends so much of the site's votes anyway proves nothing
OFTENER = 3.0  # times its usual share
FASTER = 2.0  # times what age and hour predict
SHIFT = 0.25  # more of the votes than before choose one reaction
SURE = 5.0  # standard deviations, of votes that scatter twice as wide as chance
_SPREAD = 2.0
WARM = 30  # votes before the window that make a mix to compare with
COLD_SHARE = 0.95  # of the votes choose one reaction, where there is none
OFTENER_THAN_SEEN = 5.0  # times as many votes for a view as are usual: readers' blockers alone make it two or three
USUAL_VOTES_PER_VIEW = 0.02  # the least that counts as usual: whoever forges views must not make honest votes stand out

_HEAD = Struct("<q3B")  # of a packed vote: its time, whether it is fresh, whether it is held, how long the voter's pseudonym is
_FRESH, _HELD, _LENGTH = 8, 9, 10  # where these stand; the pseudonym, the reaction and the networks come after them
_BETWEEN = "\0"  # two texts


class Seen(bytes):
    """A vote as the detector remembers it; the networks are keyed hashes, narrowest first.

    Hundreds of thousands are remembered: packed into one piece, a vote takes a third of the memory that its parts would take.
    """

    __slots__ = ()

    def __new__(cls, at_ms: int, voter: bytes, reaction: str, networks: Sequence[str], fresh: bool, held: bool) -> Self:
        """Pack a vote."""
        text = _BETWEEN.join((reaction, *networks)).encode()
        return super().__new__(cls, _HEAD.pack(at_ms, fresh, held, len(voter)) + voter + text)

    @property
    def at_ms(self) -> int:
        """UTC."""
        at_ms: int = _HEAD.unpack_from(self)[0]
        return at_ms

    @property
    def fresh(self) -> bool:
        """Whether it is no proven reader's."""
        return self[_FRESH] == 1

    @property
    def held(self) -> bool:
        """Whether it does not count yet."""
        return self[_HELD] == 1

    @property
    def voter(self) -> bytes:
        """The reader's pseudonym."""
        return self[_HEAD.size : _HEAD.size + self[_LENGTH]]

    @property
    def reaction(self) -> str:
        """What the reader chose."""
        return self._texts()[0]

    @property
    def networks(self) -> Sequence[str]:
        """Where it came from."""
        return self._texts()[1:]

    def _texts(self) -> list[str]:
        return str(self[_HEAD.size + self[_LENGTH] :], "utf-8").split(_BETWEEN)


@dataclass(frozen=True, slots=True)
class Sight:
    """How often an article's row was seen, where that is counted.

    `views` are those of all the hours that a window touches, one page view in `sampling` told. `usual` is how many votes come
    for a view: the most of what this article, the site and its other articles at the same time are used to.
    """

    views: int
    sampling: int
    usual: float


@dataclass(frozen=True, slots=True)
class Usual:
    """What to compare a window with.

    `mix` is how the readers before it chose, or the site's where they were few; `before` is how many they were. `expected` is
    how many votes age and hour predict for the window, `fresh` the site's share of fresh votes, `shares` those of its networks.
    `sight` is None where nobody counts who saw the row, or where there is nothing to compare with.
    """

    mix: Mapping[str, float]
    before: int
    expected: float
    fresh: float
    shares: Mapping[str, float] = field(default_factory=dict)
    sight: Sight | None = None


@dataclass(frozen=True, slots=True)
class Pattern:
    """Which fresh votes are meant: those for a reaction, from networks, or both. None stands for any."""

    reaction: str | None = None
    networks: frozenset[str] | None = None

    def fits(self, reaction: str, networks: Collection[str]) -> bool:
        """Whether a fresh vote is meant."""
        return (self.reaction is None or reaction == self.reaction) and (
            self.networks is None or not self.networks.isdisjoint(networks)
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """A suspect window: why, which votes, and how many of how many."""

    cause: str
    pattern: Pattern
    votes: int
    suspects: int
    figures: Mapping[str, float]


def judge(seen: Sequence[Seen], usual: Usual) -> Finding | None:
    """The first cause that makes a window suspect, or None."""
    fresh = [vote for vote in seen if vote.fresh]
    if len(fresh) < LEAST:
        return None
    causes = (_few_networks, _busy_networks, _other_mix, _unseen)
    return next((finding for cause in causes if (finding := cause(seen, fresh, usual))), None)


def _few_networks(seen: Sequence[Seen], fresh: Sequence[Seen], usual: Usual) -> Finding | None:
    """Most fresh votes come from up to three narrow networks, or from one wide one, that are not the site's usual ones."""
    if len(fresh) < LEAST_CONCENTRATED:
        return None
    narrow = Counter(vote.networks[0] for vote in fresh)
    chosen: list[str] = []
    for network, _ in narrow.most_common(FEW):
        chosen.append(network)
        if sum(narrow[each] for each in chosen) >= MOST * len(fresh):
            return _from(chosen, seen, fresh, usual)
    wide = Counter(network for vote in fresh for network in vote.networks[1:])
    most = [network for network, n in wide.most_common(FEW) if n >= MOST * len(fresh)]
    return _from(most[:1], seen, fresh, usual) if most else None


def _from(networks: Collection[str], seen: Sequence[Seen], fresh: Sequence[Seen], usual: Usual) -> Finding | None:
    if sum(usual.shares.get(network, 0.0) for network in networks) >= USUAL_SHARE:
        return None
    pattern = Pattern(networks=frozenset(networks))
    return _finding(NETWORKS, pattern, seen, fresh, networks=len(networks))


def _busy_networks(seen: Sequence[Seen], fresh: Sequence[Seen], usual: Usual) -> Finding | None:
    """Most fresh votes come from networks each of which sent many, as a pool of addresses does that is used again and again.

    Carriers share an address among thousands; those that send much of the site's votes anyway are left out.
    """
    narrow = Counter(vote.networks[0] for vote in fresh)
    busy = [each for each, n in narrow.items() if n >= BUSY and n >= OFTENER * usual.shares.get(each, 0.0) * len(fresh)]
    if len(fresh) < LEAST_CONCENTRATED or sum(narrow[network] for network in busy) < MOST * len(fresh):
        return None
    return _finding(REPEATS, Pattern(networks=frozenset(busy)), seen, fresh, networks=len(busy))


def _other_mix(seen: Sequence[Seen], fresh: Sequence[Seen], usual: Usual) -> Finding | None:
    """Votes come much faster than predicted, and one reaction has a far larger part of them than before."""
    if len(seen) < FASTER * usual.expected:
        return None
    chosen = Counter(vote.reaction for vote in seen)
    reaction = max(chosen, key=lambda each: (chosen[each] / len(seen) - usual.mix.get(each, 0.0), each))
    share, before = chosen[reaction] / len(seen), usual.mix.get(reaction, 0.0)
    if usual.before >= WARM:
        shifted = share - before >= SHIFT and _sure(share, before, len(seen), usual.before)
    else:
        shifted = share >= COLD_SHARE and _sure(len(fresh) / len(seen), usual.fresh, len(seen), WARM)
    if not shifted:
        return None
    figures = {"share": share, "share_before": before, "times_expected": len(seen) / max(usual.expected, 1.0)}
    return _finding(MIX, Pattern(reaction=reaction), seen, fresh, **figures)


def _unseen(seen: Sequence[Seen], fresh: Sequence[Seen], usual: Usual) -> Finding | None:
    """Votes come much faster than predicted, and from far more networks for each view of the row than is usual.

    Networks are counted, not votes, because views are counted up to a bound for each network. How many votes come for a view is
    compared with what is usual and never with 1: blockers and sampling leave any honest number.
    """
    sight = usual.sight
    networks = len({vote.networks[0] for vote in fresh})
    if sight is None or networks < LEAST_CONCENTRATED or len(seen) < FASTER * usual.expected:
        return None
    told = sight.views / sight.sampling
    least, _ = wilson(networks, networks + told, z=SURE * _SPREAD)
    expected = max(sight.usual, USUAL_VOTES_PER_VIEW)
    if least / max(1 - least, 1e-9) < OFTENER_THAN_SEEN * expected * sight.sampling:
        return None
    figures = {"networks": networks, "views": sight.views, "usual_votes": expected * sight.views}
    return _finding(UNSEEN, Pattern(), seen, fresh, **figures)


def _sure(share: float, usual: float, votes: int, before: int) -> bool:
    """A share is so far above the usual one that chance does not explain it, even if votes scatter twice as wide."""
    likely = min(max(usual, 0.02), 0.98)
    deviation = _SPREAD * math.sqrt(likely * (1 - likely) * (1 / votes + 1 / before))
    return share - usual >= min(SURE * deviation, 1 - likely)


def _finding(cause: str, pattern: Pattern, seen: Sequence[Seen], fresh: Sequence[Seen], **figures: float) -> Finding:
    suspects = sum(pattern.fits(vote.reaction, vote.networks) for vote in fresh)
    return Finding(
        cause, pattern, len(seen), suspects, {"votes": len(seen), "suspects": suspects, "fresh": len(fresh), **figures}
    )
