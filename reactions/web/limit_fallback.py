"""The store of the limits, and the memory of this process beside it for while that store is away.

Votes and requests with a key share both. So an outage is met once, by whoever comes first, and told once. From then on nobody
waits for the store, however it fails, until a thread has counted a hit there.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import structlog
from limits.storage import Storage
from limits.storage.base import SlidingWindowCounterSupport

from reactions.settings import Settings
from reactions.web import limit_redis, limit_store, metrics
from reactions.web.limit_store import Ask, Policy, Sight, Spent, WindowMemory, Windows

log = structlog.get_logger()


class Store:
    """The configured store, and `memory` beside it.

    Memory notes what the store let through, so that one late answer gives nobody a second allowance.
    """

    def __init__(self, settings: Settings) -> None:
        self.memory = WindowMemory()
        self._retry_s = settings.limiter_retry_s
        self._shared = None if settings.limiter_url.startswith("memory") else limit_redis.connecting(settings)
        self._windows: Windows = self.memory if self._shared is None else limit_redis.windows(settings, self._shared)
        self._failures = limit_redis.failures() if self._shared else ()
        self._lock = threading.Lock()
        self._away = False
        self._waiting: threading.Thread | None = None
        self._closed = threading.Event()

    @property
    def client(self) -> Any:
        """The client of Redis, where that is the store and is not known to be away. Raises what redis-py raises."""
        return None if self._shared is None or self._away else self._shared().storage

    def hit(self, sites: Sequence[int], asks: Sequence[Sequence[Ask]], then: Sequence[Sequence[Ask]] = ()) -> list[Spent | None]:
        """Count hits, as `Windows` does: for each None, or the limit that is spent and the seconds until another hit may be."""
        if self._shared and not self._away:
            try:
                spent = self._windows.hit_all(sites, asks, then)
            except self._failures as failure:
                self._leave(failure, sites)
            else:
                self.memory.note(limit_store.counted(spent, asks, then))
                return spent
        return self.memory.hit_all(sites, asks, then)

    def look(self, ask: Ask) -> Sight:
        """The counts of an ask's windows, as `Windows` gives them."""
        if self._shared and not self._away:
            try:
                return self._windows.look(ask)
            except self._failures as failure:
                self._leave(failure, ())
        return self.memory.look(ask)

    def close(self) -> None:
        """Wait no longer for a store that is away."""
        self._closed.set()
        if self._waiting:
            self._waiting.join()

    def _leave(self, failure: Exception, sites: Sequence[int]) -> None:
        with self._lock:
            if self._away:
                return
            self._away = True
        metrics.limiter_away.set(1)
        log.error("limiter store away", failure=type(failure).__name__, effect="limits count per process until it is back")
        self._waiting = threading.Thread(target=self._wait, args=(sites,), name="limiter store", daemon=True)
        self._waiting.start()

    def _wait(self, sites: Sequence[int]) -> None:
        """Try until hits of these sites count. No vote does: a store that hangs, or whose name nobody finds, takes its time."""
        while not self._closed.wait(self._retry_s):
            if self._counts(sites):
                self._away = False
                log.warning("limiter store back")
                metrics.limiter_away.set(0)
                return

    def _counts(self, sites: Sequence[int]) -> bool:
        try:
            limit_redis.try_out(self._windows, sites)
        except Exception:  # noqa: BLE001  whatever it was, no hit counted, and nobody else tries again
            return False
        return True


class FallbackStorage(Storage, SlidingWindowCounterSupport):
    """The store as a storage of `limits`, for Flask-Limiter and its strategy of the sliding window counter.

    It never fails. By Flask-Limiter's own fallback, whoever is second to meet an outage is answered 500.
    """

    STORAGE_SCHEME = ["fallback"]  # noqa: RUF012  declared so by Storage

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, *, store: Store, **_: object) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self.store = store

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count a hit of `amount` unless the window would then hold more than `limit`."""
        return self.store.hit([0], [[_ask_in(key, limit, expiry)] * amount]) == [None]

    def get_sliding_window(self, key: str, expiry: int) -> Sight:
        """The counts of both windows and the seconds each stays in view."""
        return self.store.look(_ask_in(key, 0, expiry))

    @property
    def base_exceptions(self) -> type[Exception]:
        """It does not fail."""
        return MemoryError

    def check(self) -> bool:
        """It is always there."""
        return True

    # The rest of the interface: Storage declares it abstract, the strategy never calls it.

    def clear_sliding_window(self, key: str, expiry: int) -> None:  # noqa: D102
        raise NotImplementedError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:  # noqa: D102
        raise NotImplementedError

    def get(self, key: str) -> int:  # noqa: D102
        raise NotImplementedError

    def get_expiry(self, key: str) -> float:  # noqa: D102
        raise NotImplementedError

    def clear(self, key: str) -> None:  # noqa: D102
        raise NotImplementedError

    def reset(self) -> int | None:  # noqa: D102
        raise NotImplementedError


def _ask_in(key: str, limit: int, expiry: int) -> Ask:
    """The limit and whose hit it is, in a key of Flask-Limiter's, which ends `/whose/scope/amount/n/unit`."""
    who, *scope = key.rsplit("/", 4)
    return Policy("/".join(scope), limit, expiry, everywhere=True), who
