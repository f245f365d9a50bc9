"""Rate-limit windows in the memory of one process, for Flask-Limiter's sliding window counter.

The storage that comes with `limits` looks at every key it holds on each timer tick, a third of a vote's time in our trials.
Here a window's counts are one dictionary that is dropped whole when its time is over, so a hit costs the same however many
readers came.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from limits.storage import Storage
from limits.storage.base import SlidingWindowCounterSupport


@dataclass(slots=True)
class _Windows:
    """The counts of the present window and of the one before, for all limits of one length."""

    number: int = 0
    present: dict[str, int] = field(default_factory=dict)
    previous: dict[str, int] = field(default_factory=dict)

    def turn_to(self, number: int) -> None:
        """Move on to window `number`; one that was skipped leaves nothing behind."""
        if number > self.number:
            self.previous = self.present if number == self.number + 1 else {}
            self.present = {}
            self.number = number


class WindowMemory(Storage, SlidingWindowCounterSupport):
    """Sliding-window counters in memory. The weighting is that of `limits`: previous window × the part of it still in view.

    A window holds at most `most_keys`. A full one ends early: then the oldest hits are forgotten, not the newest.
    """

    STORAGE_SCHEME = ["windows"]  # noqa: RUF012  declared so by Storage

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **_: object) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._lock = threading.Lock()
        self._of_length: dict[int, _Windows] = {}
        self.clock: Callable[[], float] = time.monotonic  # a wall clock set back would keep spent limits spent for hours
        self.most_keys = 500_000

    @property
    def base_exceptions(self) -> type[Exception]:
        """Memory does not fail."""
        return MemoryError

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count a hit of `amount` unless the window would then hold more than `limit`."""
        with self._lock:
            windows, passed = self._windows(expiry)
            weighted = windows.previous.get(key, 0) * (1 - passed) + windows.present.get(key, 0)
            if int(weighted) + amount > limit:
                return False
            if len(windows.present) >= self.most_keys and key not in windows.present:
                windows.previous, windows.present = windows.present, {}
            windows.present[key] = windows.present.get(key, 0) + amount
            return True

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """The counts of both windows and the seconds each stays in view: previous, seconds, present, seconds."""
        with self._lock:
            windows, passed = self._windows(expiry)
            previous, present = windows.previous.get(key, 0), windows.present.get(key, 0)
        left = (1 - passed) * expiry
        return previous, left if previous else 0.0, present, left + expiry

    def clear_sliding_window(self, key: str, expiry: int) -> None:
        """Forget one key."""
        with self._lock:
            windows, _ = self._windows(expiry)
            windows.previous.pop(key, None)
            windows.present.pop(key, None)

    def reset(self) -> int | None:
        """Forget everything; return how many keys that were."""
        with self._lock:
            held = sum(len(w.present) + len(w.previous) for w in self._of_length.values())
            self._of_length.clear()
        return held

    def check(self) -> bool:
        """Memory is always there."""
        return True

    def _windows(self, expiry: int) -> tuple[_Windows, float]:
        """The windows of a length, turned to now, and the part of the present one that has passed (0 to 1)."""
        windows = self._of_length.setdefault(expiry, _Windows())
        at = self.clock() / expiry
        windows.turn_to(int(at))
        return windows, min(max(at - windows.number, 0.0), 1.0)

    # The fixed-window half of the interface: Storage declares it abstract, the sliding-window strategy never calls it.

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:  # noqa: D102
        raise NotImplementedError("WindowMemory serves the sliding-window-counter strategy only.")

    def get(self, key: str) -> int:  # noqa: D102
        raise NotImplementedError("WindowMemory serves the sliding-window-counter strategy only.")

    def get_expiry(self, key: str) -> float:  # noqa: D102
        raise NotImplementedError("WindowMemory serves the sliding-window-counter strategy only.")

    def clear(self, key: str) -> None:  # noqa: D102
        raise NotImplementedError("WindowMemory serves the sliding-window-counter strategy only.")
