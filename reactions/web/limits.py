"""Rate limits on votes: per reader, per network, per article. Reads have none, a cache absorbs them.

The limits are Flask-Limiter's, asked directly rather than through its decorators (docs/decisions/0005-limits.md has the cost of
each). If the store does not answer, the same limits count in this process, voting goes on, and the store is tried again later.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from typing import Any, cast

import structlog
from flask import Flask
from limits import RateLimitItem, parse_many
from limits.errors import ConfigurationError
from limits.storage.base import SlidingWindowCounterSupport
from limits.strategies import SlidingWindowCounterRateLimiter as Strategy

from reactions.settings import InvalidSettings, Settings
from reactions.votes import networks, readers
from reactions.web import extensions, metrics
from reactions.web.limit_store import WindowMemory

log = structlog.get_logger()


class TooMany(Exception):
    """A limit is spent. `policy` names it; further votes are possible after `retry_after_s`."""

    def __init__(self, policy: str, *, retry_after_s: int) -> None:
        super().__init__(policy)
        self.policy = policy
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Policy:
    """One limit under its name in the RateLimit fields; its key in the store is `before` + who + `after`."""

    name: str
    item: RateLimitItem
    before: str
    after: str
    amount: int
    window_s: int


def policies(name: str, notation: str) -> tuple[Policy, ...]:
    """The limits in Flask-Limiter's notation; a second one gets its window into its name."""
    items = parse_many(notation)
    return tuple(_policy(name if item is items[0] else f"{name}-{item.get_expiry()}s", item) for item in items)


def _policy(name: str, item: RateLimitItem) -> Policy:
    before, after = item.key_for(name, "\0").split("\0")
    return Policy(name, item, before, after, item.amount, item.get_expiry())


class VoteLimits:
    """The limits of the vote route, for one application."""

    def __init__(self, app: Flask, settings: Settings, *, key: bytes) -> None:
        self._key = key
        self._store = _Store(app, settings)
        self._per_reader = policies("reader", settings.votes_per_reader)
        self._per_network = policies("network", settings.votes_per_network)
        self._per_wide_network = policies("wide-network", settings.votes_per_wide_network)
        self._per_article = policies("article", settings.votes_per_article)
        told = (*self._per_reader, *self._per_network, *self._per_wide_network, *self._per_article)
        self.policy_field = ", ".join(f'"{p.name}";q={p.amount};w={p.window_s}' for p in told)

    def take(self, *, site: str, address: str, article_id: int, reader: bytes) -> None:
        """Count one vote against every limit it falls under. Raises TooMany, and then nothing more is counted."""
        network, wide = networks.prefixes_of(address)
        self._hit(self._per_reader, readers.limit_key(self._key, site, reader.hex()))
        self._hit(self._per_network, readers.limit_key(self._key, site, network))
        if wide is not None:
            self._hit(self._per_wide_network, readers.limit_key(self._key, site, wide))
        self._hit(self._per_article, str(article_id))

    def _hit(self, policies: tuple[Policy, ...], who: str) -> None:
        for policy in policies:
            wait_s = self._store.hit(policy, who)
            if wait_s is not None:
                metrics.limited.labels(policy.name).inc()
                raise TooMany(policy.name, retry_after_s=max(1, math.floor(wait_s) + 1))  # just after, not at


class _Store:
    """The configured limiter store, and memory beside it for while it does not answer.

    After a failure it is left alone for a while; then one request tries it, the others go on with memory meanwhile.
    """

    def __init__(self, app: Flask, settings: Settings) -> None:
        self._retry_s = settings.limiter_retry_s
        self._memory = Strategy(WindowMemory())
        self._strategy, self._failures = _configured(app, settings)
        self._lock = threading.Lock()
        self._away_until: float | None = None

    def hit(self, policy: Policy, who: str) -> float | None:
        """Count a hit; None if it is within the limit, else the seconds until another may be."""
        if self._away_until is not None and not self._may_try():
            return _hit(self._memory, policy, who)
        try:
            wait_s = _hit(self._strategy, policy, who)
        except self._failures as failure:
            self._leave(failure)
            return _hit(self._memory, policy, who)
        if self._away_until is not None:
            self._welcome_back()
        return wait_s

    def _may_try(self) -> bool:
        with self._lock:
            if self._away_until is None:
                return True
            if time.monotonic() < self._away_until:
                return False
            self._away_until = time.monotonic() + self._retry_s
            return True

    def _leave(self, failure: Exception) -> None:
        with self._lock:
            first = self._away_until is None
            self._away_until = time.monotonic() + self._retry_s
        metrics.limiter_away.set(1)
        if first:
            log.error("limiter store away", failure=type(failure).__name__, effect="limits count per process until it is back")

    def _welcome_back(self) -> None:
        with self._lock:
            self._away_until = None
        metrics.limiter_away.set(0)
        log.warning("limiter store back")


def _hit(strategy: Strategy, policy: Policy, who: str) -> float | None:
    """The strategy's own `hit`, less the building of the key, which takes longer than the counting."""
    store = cast("SlidingWindowCounterSupport", strategy.storage)
    if store.acquire_sliding_window_entry(f"{policy.before}{who}{policy.after}", policy.amount, policy.window_s):
        return None
    return strategy.get_window_stats(policy.item, policy.name, who).reset_time - time.time()


def _configured(app: Flask, settings: Settings) -> tuple[Strategy, tuple[type[Exception], ...]]:
    """The strategy over the configured store, and the exceptions that mean it is away. Raises InvalidSettings."""
    try:
        extensions.bind_limiter(app, *_storage(settings))
    except (ConfigurationError, ImportError, ValueError) as error:
        raise InvalidSettings(f"limiter_url: {error}") from None
    storage = extensions.limiter.storage
    failures = storage.base_exceptions
    return Strategy(storage), (OSError, *(failures if isinstance(failures, tuple) else (failures,)))


def _storage(settings: Settings) -> tuple[str, dict[str, Any]]:
    if settings.limiter_url.startswith("memory"):
        return "windows://", {}
    try:
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError:
        raise InvalidSettings("limiter_url: install reader-reactions[redis] to use Redis.") from None
    timeout_s = settings.limiter_timeout_s
    options = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s, "retry": Retry(NoBackoff(), 0)}
    return settings.limiter_url, options
