"""The other articles: what a site's votes of the last hour say about an article's, added up once for all articles of a look.

To go through all votes again for each article would let a script that votes on a thousand articles keep the service busy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reactions.votes.detector import Seen


@dataclass(slots=True)
class _Sums:
    votes: int = 0
    fresh: int = 0
    networks: Counter[str] = field(default_factory=Counter)  # how many proven readers' votes came from each


@dataclass(frozen=True, slots=True)
class Others:
    """The votes on all articles of a site but one: how many, and how many of them are fresh readers'."""

    votes: int
    fresh: int
    _all: _Sums
    _own: _Sums
    _lately: Mapping[int, int]
    _but: int

    @property
    def beside(self) -> Mapping[int, int]:
        """How many of them a window has, by article. Made only if asked for: a site has thousands, each of which has others."""
        return {article_id: n for article_id, n in self._lately.items() if article_id != self._but}

    @property
    def proven(self) -> int:
        """How many are proven readers'."""
        return self.votes - self.fresh

    def shares(self, networks: Iterable[str]) -> dict[str, float]:
        """The part of the proven readers' votes that came from each of these networks. `proven` must not be 0."""
        return {each: (self._all.networks[each] - self._own.networks[each]) / self.proven for each in networks}


class SiteVotes:
    """The votes on all articles of one site; suspect ones are to be left out by the caller, for they are no measure."""

    def __init__(self, windows: Sequence[int], *, now_ms: int) -> None:
        """`windows` are the lengths, in milliseconds, that `but` is asked for."""
        self._since = {window_ms: now_ms - window_ms for window_ms in windows}
        self._all = _Sums()
        self._of: dict[int, _Sums] = {}
        self._lately: dict[int, dict[int, int]] = {window_ms: {} for window_ms in windows}

    def take(self, article_id: int, votes: Sequence[Seen]) -> None:
        """Count the votes on an article, instead of those that were counted for it before."""
        self._add(self._of.pop(article_id, _Sums()), -1)
        networks = Counter(network for vote in votes if not vote.fresh for network in vote.networks)
        own = self._of[article_id] = _Sums(len(votes), sum(vote.fresh for vote in votes), networks)
        self._add(own, +1)
        for window_ms, since_ms in self._since.items():
            self._lately[window_ms][article_id] = sum(vote.at_ms >= since_ms for vote in votes)

    def but(self, article_id: int, window_ms: int) -> Others:
        """The votes on all but one article."""
        own = self._of.get(article_id, _Sums())
        votes, fresh = self._all.votes - own.votes, self._all.fresh - own.fresh
        return Others(votes, fresh, self._all, own, self._lately[window_ms], article_id)

    def _add(self, sums: _Sums, times: int) -> None:
        self._all.votes += times * sums.votes
        self._all.fresh += times * sums.fresh
        for network, n in sums.networks.items():
            self._all.networks[network] += times * n
