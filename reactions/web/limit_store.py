"""Where rate-limit windows are counted: in the memory of one process, or in a Redis that several share.

Both count as the sliding-window counter of `limits` does: the window before, weighted by the part of it that is still in view,
and the present one. Both take the hits of a whole batch at once.

The storage that comes with `limits` looks at every key it holds on each timer tick, a third of a vote's time in our trials.
Here a window's counts are one dictionary that is dropped whole when its time is over, so a hit costs the same however many
readers came. The file is longer than others because memory and Redis must count alike.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple, Protocol

import orjson
from limits.errors import ConfigurationError
from limits.storage import Storage, storage_from_string
from limits.storage.base import SlidingWindowCounterSupport

from reactions.settings import InvalidSettings, Settings, without_password


class Policy(NamedTuple):
    """One limit: at most `amount` hits in any `window_s` seconds. Its name stands in the RateLimit fields.

    One that counts `everywhere` counts the hits of all sites together.
    """

    name: str
    amount: int
    window_s: int
    everywhere: bool = False


_EVERYWHERE = 0  # stands for all sites; their own ids begin at 1

Ask = tuple[Policy, str]  # a limit, and whose hit it is
Spent = tuple[Policy, float]  # a limit that is spent, and the seconds until another hit may be


class Windows(Protocol):
    """Counts hits. `sites` are the ids of the asks' sites, in their order."""

    def hit_all(self, sites: Sequence[int], asks: Sequence[Sequence[Ask]]) -> Sequence[Spent | None]:
        """Count each entry's hits unless one of its limits is spent; then none of them is counted."""


def wait_s(previous: int, previous_left_s: float, left_s: float, window_s: int) -> float:
    """Seconds until the weighted count falls: when the previous window has lost one hit, or the present one becomes it."""
    return min(previous_left_s % (window_s / previous), left_s) if previous else left_s


@dataclass(slots=True)
class _Windows:
    """The counts of the present window and of the one before, for all keys of one limit."""

    number: int = 0
    present: dict[str, int] = field(default_factory=dict)
    previous: dict[str, int] = field(default_factory=dict)

    def turn_to(self, number: int) -> None:
        """Move on to window `number`; one that was skipped leaves nothing behind."""
        if number > self.number:
            self.previous = self.present if number == self.number + 1 else {}
            self.present = {}
            self.number = number


_Turned = tuple[_Windows, float]  # the windows of a limit, and the part of the present one that has passed (0 to 1)


class WindowMemory(Storage, SlidingWindowCounterSupport):
    """Sliding-window counters in memory, for batches of votes and, as a storage of `limits`, for Flask-Limiter.

    Each limit holds at most `most_keys` in a window, apart from every other limit. A full window ends early: then the oldest hits
    are forgotten, not the newest.
    """

    STORAGE_SCHEME = ["windows"]  # noqa: RUF012  declared so by Storage

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **_: object) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._lock = threading.Lock()
        self._of: dict[str, _Windows] = {}  # by the name of a policy
        self.clock: Callable[[], float] = time.monotonic  # a wall clock set back would keep spent limits spent for hours
        self.most_keys = 500_000

    def hit_all(self, _sites: Sequence[int], asks: Sequence[Sequence[Ask]]) -> Sequence[Spent | None]:
        """Count a batch of hits."""
        hits = Counter(chain.from_iterable(asks))
        with self._lock:
            turned = self._turned(hits)
            if not self._add_if_all_may(hits, turned):
                return [self._hit(ask, turned) for ask in asks]  # some are refused: each depends on those before it
        return [None] * len(asks)

    def note(self, asks: Sequence[Sequence[Ask]]) -> None:
        """Add hits that another store has let through."""
        hits = Counter(chain.from_iterable(asks))
        with self._lock:
            self._add_all(hits, self._turned(hits))

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
        windows, passed = turned
        return int(windows.previous.get(who, 0) * (1 - passed)) + windows.present.get(who, 0)

    def _hit(self, ask: Sequence[Ask], turned: Mapping[str, _Turned]) -> Spent | None:
        for policy, who in ask:
            if self._weighted(turned[policy.name], who) >= policy.amount:
                windows, passed = turned[policy.name]
                left_s = (1 - passed) * policy.window_s
                return policy, wait_s(windows.previous.get(who, 0), left_s, left_s, policy.window_s)
        for policy, who in ask:
            self._add(turned[policy.name][0], who, 1)
        return None

    def _add_if_all_may(self, hits: Mapping[Ask, int], turned: Mapping[str, _Turned]) -> bool:
        """Add hits unless a limit would then be exceeded: `_weighted` and `_add` in one, as most hits come this way."""
        sums = []
        for (policy, who), n in hits.items():
            windows, passed = turned[policy.name]
            n += windows.present.get(who, 0)
            if n + int(windows.previous.get(who, 0) * (1 - passed)) > policy.amount:
                return False
            sums.append((windows, who, n))
        if any(len(windows.present) + len(hits) > self.most_keys for windows, _ in turned.values()):
            self._add_all(hits, turned)
        else:
            for windows, who, n in sums:
                windows.present[who] = n
        return True

    def _add_all(self, hits: Mapping[Ask, int], turned: Mapping[str, _Turned]) -> None:
        for (policy, who), n in hits.items():
            self._add(turned[policy.name][0], who, n)

    def _add(self, windows: _Windows, key: str, amount: int) -> None:
        if len(windows.present) >= self.most_keys and key not in windows.present:
            windows.previous, windows.present = windows.present, {}
        windows.present[key] = windows.present.get(key, 0) + amount

    @property
    def base_exceptions(self) -> type[Exception]:
        """Memory does not fail."""
        return MemoryError

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count a hit of `amount` unless the window would then hold more than `limit`."""
        with self._lock:
            turned = self._windows_at(self.clock(), _policy_in(key, expiry), expiry)
            if self._weighted(turned, key) + amount > limit:
                return False
            self._add(turned[0], key, amount)
            return True

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """The counts of both windows and the seconds each stays in view: previous, seconds, present, seconds."""
        with self._lock:
            windows, passed = self._windows(_policy_in(key, expiry), expiry)
            previous, present = windows.previous.get(key, 0), windows.present.get(key, 0)
        left = (1 - passed) * expiry
        return previous, left if previous else 0.0, present, left + expiry

    def clear_sliding_window(self, key: str, expiry: int) -> None:
        """Forget one key."""
        with self._lock:
            windows, _ = self._windows(_policy_in(key, expiry), expiry)
            windows.previous.pop(key, None)
            windows.present.pop(key, None)

    def reset(self) -> int | None:
        """Forget everything; return how many keys that were."""
        with self._lock:
            held = sum(len(w.present) + len(w.previous) for w in self._of.values())
            self._of.clear()
        return held

    def check(self) -> bool:
        """Memory is always there."""
        return True

    def _windows(self, name: str, expiry: int) -> tuple[_Windows, float]:
        return self._windows_at(self.clock(), name, expiry)

    def _windows_at(self, now_s: float, name: str, expiry: int) -> _Turned:
        """The windows of a limit, turned to now, and the part of the present one that has passed (0 to 1)."""
        windows = self._of.get(name)
        if windows is None:
            windows = self._of[name] = _Windows()
        at = now_s / expiry
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


def _policy_in(key: str, expiry: int) -> str:
    """The limit in a key of Flask-Limiter's, which ends `/whose/scope/amount/n/unit`: so each has windows of its own."""
    parts = key.rsplit("/", 4)
    return "/".join([*(parts[1:] if len(parts) == 5 else ()), f"{expiry}s"])


class RedisWindows:
    """Sliding-window counters in Redis: one script call a batch.

    On a cluster a call has the keys of one slot: one for each site, then one for what counts everywhere, of the hits that are let
    through so far. There, a hit that is refused everywhere has been counted for its site.
    """

    def __init__(self, client: Any, *, prefix: str = "reactions", cluster: bool = False) -> None:
        self.client = client
        self._script = client.register_script(_SCRIPT)
        self._prefix = prefix
        self._cluster = cluster

    def hit_all(self, sites: Sequence[int], asks: Sequence[Sequence[Ask]]) -> Sequence[Spent | None]:
        """Count a batch of hits."""
        placed = [
            [(_EVERYWHERE if policy.everywhere else site, policy, who) for policy, who in ask]
            for site, ask in zip(sites, asks, strict=True)
        ]
        if not self._cluster:
            return self._hit(placed)
        outcome: list[Spent | None] = [None] * len(placed)
        for slot in sorted({slot for ask in placed for slot, _, _ in ask}, reverse=True):  # everywhere comes last
            own = [(at, [each for each in ask if each[0] == slot]) for at, ask in enumerate(placed) if outcome[at] is None]
            own = [(at, ask) for at, ask in own if ask]
            for (at, _), spent in zip(own, self._hit([ask for _, ask in own]), strict=True):
                outcome[at] = spent
        return outcome

    def _hit(self, asks: Sequence[Sequence[tuple[int, Policy, str]]]) -> list[Spent | None]:
        if not any(asks):
            return [None] * len(asks)
        numbers = {each: number for number, each in enumerate(dict.fromkeys(each for ask in asks for each in ask), start=1)}
        names = [f"{self._prefix}:{{{slot}}}:{policy.name}:{who}" for slot, policy, who in numbers]
        limits = [(policy.amount, policy.window_s * 1000) for _, policy, _ in numbers]
        hits = [[numbers[each] for each in ask] for ask in asks]
        keys = [key for name in names for key in (f"{name}/-1", name)]
        spent = list(numbers)
        outcome: list[Spent | None] = [None] * len(asks)
        for at, number, wait_ms in self._script(keys=keys, args=[orjson.dumps([limits, hits])]):
            outcome[at - 1] = spent[number - 1][1], wait_ms / 1000
        return outcome


# Times are milliseconds. A window's key is the present one's, with /-1 the previous one's; both live as long as they are in view.
_SCRIPT = """
local limits, hits = unpack(cjson.decode(ARGV[1]))
local windows = {}
for n, limit in ipairs(limits) do
    local before, now, amount, length = KEYS[2 * n - 1], KEYS[2 * n], limit[1], limit[2]
    local left = redis.call('pttl', now)
    if left > 0 and left < length then
        redis.call('rename', now, before)
        redis.call('set', now, 0, 'PX', left + length)
    end
    windows[n] = {
        amount = amount, length = length, now = now, added = 0,
        previous = tonumber(redis.call('get', before)) or 0, previous_left = math.max(redis.call('pttl', before), 0),
        count = tonumber(redis.call('get', now)) or 0, left = math.max(redis.call('pttl', now), 0),
    }
end
local refused = {}
for at, hit in ipairs(hits) do
    local spent = false
    for _, n in ipairs(hit) do
        local w = windows[n]
        if math.floor(w.previous * w.previous_left / w.length) + w.count + 1 > w.amount then
            local wait = w.length
            if w.left > 0 then wait = (w.left - 1) % w.length + 1 end
            if w.previous > 0 then wait = math.min(wait, w.previous_left % (w.length / w.previous)) end
            refused[#refused + 1] = {at, n, math.floor(wait)}
            spent = true
            break
        end
    end
    if not spent then
        for _, n in ipairs(hit) do
            windows[n].count = windows[n].count + 1
            windows[n].added = windows[n].added + 1
        end
    end
end
for _, w in ipairs(windows) do
    if w.added > 0 then
        if w.left > 0 then redis.call('incrby', w.now, w.added)
        else redis.call('set', w.now, w.added, 'PX', w.length * 2) end
    end
end
return refused
"""


def configured(settings: Settings, memory: WindowMemory) -> tuple[Windows, tuple[type[Exception], ...]]:
    """The store that the settings name, and the exceptions that mean it is away. Raises InvalidSettings."""
    if settings.limiter_url.startswith("memory"):
        return memory, ()
    storage = _redis_storage(settings)
    failures = storage.base_exceptions
    client = storage.storage  # type: ignore[attr-defined]
    cluster = settings.limiter_url.startswith("redis+cluster")
    return RedisWindows(client, cluster=cluster), (OSError, *(failures if isinstance(failures, tuple) else (failures,)))


def refuse_node_of_cluster(settings: Settings) -> None:
    """Refuse a plain address of a cluster's node: most keys are elsewhere, so most hits would fail. Raises InvalidSettings.

    A Redis that does not answer is no fault of the address: voting goes on without it.
    """
    if not settings.limiter_url.startswith(("memory", "redis+cluster")):
        told = _asked(settings, lambda client: client.info("cluster")) or {}
        if told.get("cluster_enabled"):
            raise InvalidSettings("limiter_url: this is a node of a Redis Cluster. Write redis+cluster://host1:6379,host2:6379.")


def answers(settings: Settings) -> bool:
    """True if the Redis of the settings answers within `limiter_timeout_s`. Raises InvalidSettings."""
    return bool(_asked(settings, lambda client: client.ping()))


def _asked(settings: Settings, question: Callable[[Any], Any]) -> Any:
    """What Redis says; None if it says nothing."""
    storage = _redis_storage(settings)
    base = storage.base_exceptions
    failures: tuple[type[Exception], ...] = (OSError, *(base if isinstance(base, tuple) else (base,)))
    try:
        return question(storage.storage)  # type: ignore[attr-defined]
    except failures:
        return None


def address(settings: Settings) -> tuple[str, dict[str, Any]]:
    """The address of the store and its options, as `limits` and Flask-Limiter take them. Raises InvalidSettings."""
    if settings.limiter_url.startswith("memory"):
        return "windows://", {}
    _redis_storage(settings)  # Flask-Limiter would end the start with whatever redis-py says
    return settings.limiter_url, _redis_options(settings)


def _redis_storage(settings: Settings) -> Storage:
    options = _redis_options(settings)
    from redis.exceptions import RedisClusterException, RedisError

    try:
        storage = storage_from_string(settings.limiter_url, **options)
        if pool := getattr(storage.storage, "connection_pool", None):  # type: ignore[union-attr]
            pool.make_connection()  # connects to nothing yet, and knows its options
    except (ConfigurationError, ImportError, ValueError, RedisError, RedisClusterException) as error:
        raise InvalidSettings(f"limiter_url: {without_password(str(error))}") from None
    except TypeError as error:
        raise InvalidSettings(f"limiter_url: an option that Redis does not have: {str(error).rpartition(' ')[2]}.") from None
    return storage  # type: ignore[return-value]


def _redis_options(settings: Settings) -> dict[str, Any]:
    """How redis-py connects: a hit waits `limiter_timeout_s` at most, and is not repeated."""
    try:
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError:
        raise InvalidSettings("limiter_url: install reader-reactions[redis] to use Redis.") from None
    timeout_s = settings.limiter_timeout_s
    options: dict[str, Any] = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s}
    if settings.limiter_url.startswith("redis+sentinel"):
        options |= {"sentinel_kwargs": options.copy(), "use_replicas": False}  # a replica may not know the last hits
    return {**options, "retry": Retry(NoBackoff(), 0)}
