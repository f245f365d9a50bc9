"""What was read and will not change soon, kept for a while in one process: sums over hours that are past, and whole answers.

Values are shared between threads: nobody may change what comes out of a memory.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Sized
from typing import Any, TypeVar

T = TypeVar("T")


class Memory:
    """Values by key. `items` bounds what is kept: the sum of the values' lengths, 1 for a value that has none."""

    def __init__(self, *, keep_s: float, items: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._keep_s = keep_s
        self._most = items
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[Hashable, tuple[float, int, Any]] = {}
        self._making: dict[Hashable, threading.Lock] = {}

    def recall(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value for a key, made anew when its time is over. Who asks for it meanwhile waits instead of making it twice."""
        if self._keep_s <= 0:
            return make()
        with self._lock:
            kept = self._fresh(key)
            making = self._making.setdefault(key, threading.Lock()) if kept is None else None
        if making is None:
            return kept[0]  # type: ignore[index,no-any-return]
        with making:
            return self._made(key, make)

    def _made(self, key: Hashable, make: Callable[[], T]) -> T:
        with self._lock:
            kept = self._fresh(key)
        if kept is not None:
            return kept[0]  # type: ignore[no-any-return]
        try:
            value = make()
            self._keep(key, value)
            return value
        finally:
            with self._lock:
                self._making.pop(key, None)

    def _fresh(self, key: Hashable) -> tuple[Any] | None:
        """The value in a tuple of its own, because a value may be None."""
        until, _, value = self._kept.get(key, (0.0, 0, None))
        return (value,) if key in self._kept and self._clock() < until else None

    def _keep(self, key: Hashable, value: Any) -> None:
        size = max(len(value), 1) if isinstance(value, Sized) else 1
        now = self._clock()
        with self._lock:
            kept = {k: entry for k, entry in self._kept.items() if k != key and now < entry[0]}
            kept[key] = (now + self._keep_s, size, value)
            total = sum(size for _, size, _ in kept.values())
            for oldest in list(kept):
                if total <= self._most:
                    break
                total -= kept.pop(oldest)[1]
            self._kept = kept
