"""The memory of one process: what the last reports were made of, for a while and up to a size."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterable, Sized
from typing import Any, TypeVar

T = TypeVar("T")
MOVED_KEPT = 12  # times as long as others are values kept that can be moved on: from one closed hour to the next


class Memory:
    """Values by key. `items` bounds what is kept: the sum of the values' lengths, 1 for a value that has none."""

    def __init__(self, *, keep_s: float, items: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._keep_s = keep_s
        self._most = items
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[Hashable, tuple[float, int, Any]] = {}
        self._making: dict[Hashable, threading.Lock] = {}

    def recall(
        self,
        key: Hashable,
        make: Callable[[], T],
        *,
        moved: Callable[[range, T], T] | None = None,
        find: Callable[[], tuple[range, T] | None] = lambda: None,
    ) -> T:
        """The value for a key, made anew when its time is over. Who asks for it meanwhile waits instead of making it twice.

        With `moved` the key is a tuple that ends in hours, and the value of neighbouring hours may be moved to these instead.
        Such a key says all that the value depends on: it is kept twelve times as long. Before a value is made, `find` is asked
        for one of neighbouring hours that somebody else has kept.
        """
        if self._keep_s <= 0:
            return make()
        with self._lock:
            kept = self._fresh(key)
            making = self._making.setdefault(key, threading.Lock()) if kept is None else None
        if making is None:
            return kept[0]  # type: ignore[index,no-any-return]
        with making:
            return self._made(key, make, moved, find)

    def _made(
        self,
        key: Hashable,
        make: Callable[[], T],
        moved: Callable[[range, T], T] | None,
        find: Callable[[], tuple[range, T] | None],
    ) -> T:
        with self._lock:
            kept = self._fresh(key)
            near = self._neighbour(key) if moved is not None and isinstance(key, tuple) else None
        if kept is not None:
            return kept[0]  # type: ignore[no-any-return]
        try:
            if near is None or moved is None:
                found = find() if moved is not None else None
                value = make() if found is None or moved is None else moved(*found)
                self._keep(key, value, self._clock() + self._keep_s * (1 if moved is None else MOVED_KEPT))
            else:  # no longer than what it was made of, so that a whole reading comes again
                until, hours, known = near
                value = moved(hours, known)
                self._keep(key, value, until)
            return value
        finally:
            with self._lock:
                self._making.pop(key, None)

    def _neighbour(self, key: tuple[Any, ...]) -> tuple[float, range, Any] | None:
        """The value for the hours nearest to those of a key, if moving on is less work than a quarter of making it.

        With it, until when it is kept and which hours it is of.
        """
        known = {k[-1]: k for k in self._kept if isinstance(k, tuple) and k[:-1] == key[:-1] and self._fresh(k)}
        near = nearest(known, key[-1])
        if near is None:
            return None
        until, _, value = self._kept[known[near]]
        return until, near, value

    def _fresh(self, key: Hashable) -> tuple[Any] | None:
        """The value in a tuple of its own, because a value may be None."""
        until, _, value = self._kept.get(key, (0.0, 0, None))
        return (value,) if key in self._kept and self._clock() < until else None

    def _keep(self, key: Hashable, value: Any, until: float) -> None:
        size = max(len(value), 1) if isinstance(value, Sized) else 1
        now = self._clock()
        with self._lock:
            kept = {k: entry for k, entry in self._kept.items() if k != key and now < entry[0]}
            kept[key] = (until, size, value)
            total = sum(size for _, size, _ in kept.values())
            for oldest in list(kept):
                if total <= self._most:
                    break
                total -= kept.pop(oldest)[1]
            self._kept = kept


def nearest(known: Iterable[range], hours: range) -> range | None:
    """Those of the known hours from which moving on to these is least work, if it is less than a quarter of making them."""
    near = min(known, key=lambda other: _distance(hours, other), default=None)
    return None if near is None or 4 * _distance(hours, near) > len(hours) else near


def _distance(hours: range, other: range) -> int:
    """By how many hours two ranges differ that overlap."""
    return abs(hours.start - other.start) + abs(hours.stop - other.stop)
