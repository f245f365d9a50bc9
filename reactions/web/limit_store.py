"""How rate-limit windows are counted, and the memory of one process that counts them; `limit_redis` is what several share.

Both count as the sliding-window counter of `limits` does: the window before, weighted by the part of it that is still in view,
and the present one. Both take the hits of a whole batch at once.

The storage that comes with `limits` looks at every key it holds on each timer tick, a third of a vote's time in our trials.
Here a window's counts are one dictionary that is dropped whole when its time is over, so a hit costs the same however many
readers came.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple, Protocol, TypeVar


class Policy(NamedTuple):
    """One limit: at most `amount` hits in any `window_s` seconds. Its name stands in the RateLimit fields.

    One that counts `everywhere` counts the hits of all sites together.
    """

    name: str
    amount: int
    window_s: int
    everywhere: bool = False


Ask = tuple[Policy, str]  # a limit, and whose hit it is
Spent = tuple[Policy, float]  # a limit that is spent, and the seconds until another hit may be
Sight = tuple[int, float, int, float]  # the count of the window before, the seconds it stays in view, and the present one's


class Windows(Protocol):
    """Counts hits. `sites` are the ids of the asks' sites, in their order."""

    def hit_all(
        self, sites: Sequence[int], asks: Sequence[Sequence[Ask]], then: Sequence[Sequence[Ask]] = ()
    ) -> list[Spent | None]:
        """Count each entry's hits unless one of its limits is spent; then none of them is counted.

        `then` are further entries, one for each of `asks`, which are looked at only where that was counted; their
        outcomes follow.
        """

    def look(self, ask: Ask) -> Sight:
        """The counts of the windows of an ask, whose limit counts everywhere."""


def wait_s(previous: int, previous_left_s: float, left_s: float, window_s: int) -> float:
    """Seconds until the weighted count falls: when the previous window has lost one hit, or the present one becomes it."""
    return min(previous_left_s % (window_s / previous), left_s) if previous else left_s


@dataclass(slots=True)
class _Windows:
    """The counts of the present window and of the one before, for all keys of one limit, by `_short` of the key."""

    number: int = 0
    present: dict[int, int] = field(default_factory=dict)
    previous: dict[int, int] = field(default_factory=dict)

    def turn_to(self, number: int) -> None:
        """Move on to window `number`; one that was skipped leaves nothing behind."""
        if number > self.number:
            self.previous = self.present if number == self.number + 1 else {}
            self.present = {}
            self.number = number


# A number in place of a key takes half the memory. Python makes it by SipHash, of 64 bits and with a key of the process's own, so
# that nobody can choose two that are alike, and none are by chance.
_short: Callable[[str], int] = hash

_Each = TypeVar("_Each")
_Turned = tuple[_Windows, float]  # the windows of a limit, and the part of the present one that has passed (0 to 1)


def following(spent: Sequence[Spent | None], then: Sequence[Sequence[_Each]]) -> list[Sequence[_Each]]:
    """Entries that follow others, those left empty that follow a refused one."""
    return [() if before else ask for before, ask in zip(spent, then, strict=True)] if then else []


def counted(spent: Sequence[Spent | None], asks: Sequence[Sequence[Ask]], then: Sequence[Sequence[Ask]]) -> list[Sequence[Ask]]:
    """The entries that were counted, of those that `hit_all` was given and the outcomes it told."""
    entries = [*asks, *following(spent[: len(asks)], then)]
    return [ask for ask, beyond in zip(entries, spent, strict=True) if beyond is None]


class WindowMemory:
    """Sliding-window counters in memory.

    Each limit holds at most `most_keys` in a window, apart from every other limit. A full window ends early: then the oldest hits
    are forgotten, not the newest.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: dict[str, _Windows] = {}  # by the name of a policy
        self.clock: Callable[[], float] = time.monotonic  # a wall clock set back would keep spent limits spent for hours
        self.most_keys = 500_000

    def hit_all(
        self, _sites: Sequence[int], asks: Sequence[Sequence[Ask]], then: Sequence[Sequence[Ask]] = ()
    ) -> list[Spent | None]:
        """Count a batch of hits."""
        with self._lock:
            spent = self._hit_each(asks)
            return spent + self._hit_each(following(spent, then))

    def look(self, ask: Ask) -> Sight:
        """The counts of an ask's windows."""
        policy, who = ask
        with self._lock:
            windows, passed = self._windows_at(self.clock(), policy.name, policy.window_s)
            previous, present = windows.previous.get(_short(who), 0), windows.present.get(_short(who), 0)
        left_s = (1 - passed) * policy.window_s
        return previous, left_s if previous else 0.0, present, left_s + policy.window_s

    def note(self, asks: Sequence[Sequence[Ask]]) -> None:
        """Add hits that another store has let through."""
        hits = Counter(chain.from_iterable(asks))
        with self._lock:
            self._add_all(hits, self._turned(hits))

    def _hit_each(self, asks: Sequence[Sequence[Ask]]) -> list[Spent | None]:
        hits = Counter(chain.from_iterable(asks))
        turned = self._turned(hits)
        if self._add_if_all_may(hits, turned):
            return [None] * len(asks)
        return [self._hit(ask, turned) for ask in asks]  # some are refused: each depends on those before it

    def _turned(self, asks: Iterable[Ask]) -> dict[str, _Turned]:
        """The windows of each limit that is asked, turned once for a whole batch. A name is hashed sooner than a Policy."""
        turned: dict[str, _Turned] = {}
        now_s = self.clock()
        for (name, _, window_s, _), _ in asks:
            if name not in turned:
                turned[name] = self._windows_at(now_s, name, window_s)
        return turned

    @staticmethod
    def _weighted(turned: _Turned, who: str) -> int:
        (windows, passed), key = turned, _short(who)
        return int(windows.previous.get(key, 0) * (1 - passed)) + windows.present.get(key, 0)

    def _hit(self, ask: Sequence[Ask], turned: Mapping[str, _Turned]) -> Spent | None:
        for policy, who in ask:
            if self._weighted(turned[policy.name], who) >= policy.amount:
                windows, passed = turned[policy.name]
                left_s = (1 - passed) * policy.window_s
                return policy, wait_s(windows.previous.get(_short(who), 0), left_s, left_s, policy.window_s)
        for policy, who in ask:
            self._add(turned[policy.name][0], who, 1)
        return None

    def _add_if_all_may(self, hits: Mapping[Ask, int], turned: Mapping[str, _Turned]) -> bool:
        """Add hits unless a limit would then be exceeded: `_weighted` and `_add` in one, as most hits come this way."""
        sums = []
        for (policy, who), n in hits.items():
            windows, passed = turned[policy.name]
            key = _short(who)
            n += windows.present.get(key, 0)
            if n + int(windows.previous.get(key, 0) * (1 - passed)) > policy.amount:
                return False
            sums.append((windows, key, n))
        if self._may_fill_one(hits, turned):
            self._add_all(hits, turned)
        else:
            for windows, key, n in sums:
                windows.present[key] = n
        return True

    def _may_fill_one(self, hits: Mapping[Ask, int], turned: Mapping[str, _Turned]) -> bool:
        return any(len(windows.present) + len(hits) > self.most_keys for windows, _ in turned.values())

    def _add_all(self, hits: Mapping[Ask, int], turned: Mapping[str, _Turned]) -> None:
        if self._may_fill_one(hits, turned):
            for (policy, who), n in hits.items():
                self._add(turned[policy.name][0], who, n)
            return
        for (policy, who), n in hits.items():
            present, key = turned[policy.name][0].present, _short(who)
            present[key] = present.get(key, 0) + n

    def _add(self, windows: _Windows, who: str, amount: int) -> None:
        key = _short(who)
        if len(windows.present) >= self.most_keys and key not in windows.present:
            windows.previous, windows.present = windows.present, {}
        windows.present[key] = windows.present.get(key, 0) + amount

    def _windows_at(self, now_s: float, name: str, expiry: int) -> _Turned:
        """The windows of a limit, turned to now, and the part of the present one that has passed (0 to 1)."""
        windows = self._of.get(name)
        if windows is None:
            windows = self._of[name] = _Windows()
        at = now_s / expiry
        windows.turn_to(int(at))
        return windows, min(max(at - windows.number, 0.0), 1.0)
