"""Rate-limit windows in a Redis that several processes share, counted as `limit_store` counts them in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, cached_property
from itertools import chain
from typing import Any, cast

import orjson
from limits.errors import ConfigurationError
from limits.storage import Storage, storage_from_string

from reactions.settings import InvalidSettings, Settings, without_password
from reactions.web.limit_store import Ask, Policy, Sight, Spent, Windows, following

_EVERYWHERE = 0  # stands for all sites; their own ids begin at 1
_TRIAL = Policy("trial", 1_000_000_000, 60)
_Placed = tuple[int, Policy, str]  # an ask, and the site it counts on


class RedisWindows:
    """Sliding-window counters in Redis: one script call a batch.

    On a cluster a call has the keys of one slot: one for each site, then one for what counts everywhere, of the hits that are let
    through so far, and then those that follow. There, a hit that is refused everywhere has been counted for its site.
    """

    def __init__(self, connect: Callable[[], Any], *, prefix: str = "reactions", cluster: bool = False) -> None:
        self._connect = connect
        self._prefix = prefix
        self._cluster = cluster

    @cached_property
    def _script(self) -> Any:
        return self._connect().register_script(_SCRIPT)

    def hit_all(
        self, sites: Sequence[int], asks: Sequence[Sequence[Ask]], then: Sequence[Sequence[Ask]] = ()
    ) -> list[Spent | None]:
        """Count a batch of hits."""
        placed, later = _placed(sites, asks), _placed(sites, then) if then else []
        if not self._cluster:
            return self._hit(placed, later)
        spent = self._hit_by_slot(placed)
        return spent + self._hit_by_slot(following(spent, later))

    def look(self, ask: Ask) -> Sight:
        """The counts of the windows of an ask, whose limit counts everywhere."""
        policy, who = ask
        name = self._name(_EVERYWHERE, policy, who)
        with self._connect().pipeline(transaction=False) as asked:
            for key in (f"{name}/-1", name):
                asked.get(key)
                asked.pttl(key)
            previous, previous_left_ms, present, left_ms = asked.execute()
        return int(previous or 0), max(0, previous_left_ms) / 1000, int(present or 0), max(0, left_ms) / 1000

    def _name(self, slot: int, policy: Policy, who: str) -> str:
        return f"{self._prefix}:{{{slot}}}:{policy.name}:{who}"

    def _hit_by_slot(self, placed: Sequence[Sequence[_Placed]]) -> list[Spent | None]:
        outcome: list[Spent | None] = [None] * len(placed)
        for slot in sorted({slot for ask in placed for slot, _, _ in ask}, reverse=True):  # everywhere comes last
            own = [(at, [each for each in ask if each[0] == slot]) for at, ask in enumerate(placed) if outcome[at] is None]
            own = [(at, ask) for at, ask in own if ask]
            for (at, _), spent in zip(own, self._hit([ask for _, ask in own]), strict=True):
                outcome[at] = spent
        return outcome

    def _hit(self, asks: Sequence[Sequence[_Placed]], later: Sequence[Sequence[_Placed]] = ()) -> list[Spent | None]:
        entries = [*asks, *later]
        if not any(entries):
            return [None] * len(entries)
        numbers = {each: number for number, each in enumerate(dict.fromkeys(chain.from_iterable(entries)), start=1)}
        names = [self._name(*each) for each in numbers]
        limits = [(policy.amount, policy.window_s * 1000) for _, policy, _ in numbers]
        hits = [[numbers[each] for each in ask] for ask in entries]
        keys = [key for name in names for key in (f"{name}/-1", name)]
        spent = list(numbers)
        outcome: list[Spent | None] = [None] * len(entries)
        for at, number, wait_ms in self._script(keys=keys, args=[orjson.dumps([limits, hits, len(asks)])]):
            outcome[at - 1] = spent[number - 1][1], wait_ms / 1000
        return outcome


def _placed(sites: Sequence[int], asks: Sequence[Sequence[Ask]]) -> list[list[_Placed]]:
    return [
        [(_EVERYWHERE if policy.everywhere else site, policy, who) for policy, who in ask]
        for site, ask in zip(sites, asks, strict=True)
    ]


# Times are milliseconds. A window's key is the present one's, with /-1 the previous one's; both live as long as they are in view.
# Most keys of a batch are readers' first, of which nothing but that they are missing is asked.
# Hits after the `first` so many follow those before them. A window that would be in view for longer than it can be is none: the
# clock of Redis was set back, or a replica with a late one has become the primary, and it would refuse until that has caught up.
_SCRIPT = """
local function left_in_view(key, longest)
    local left = redis.call('pttl', key)
    if left >= 0 and left <= longest then return left end
    redis.call('del', key)
end
local limits, hits, first = unpack(cjson.decode(ARGV[1]))
local counts = {}
for begin = 1, #KEYS, 1000 do
    for _, count in ipairs(redis.call('mget', unpack(KEYS, begin, math.min(begin + 999, #KEYS)))) do
        counts[#counts + 1] = tonumber(count) or false
    end
end
local windows = {}
for n, limit in ipairs(limits) do
    local before, now, amount, length = KEYS[2 * n - 1], KEYS[2 * n], limit[1], limit[2]
    local previous, count, previous_left, left = counts[2 * n - 1], counts[2 * n], 0, 0
    if count then left = left_in_view(now, 2 * length) end
    if not left then count, left = false, 0 end
    if left > 0 and left < length then
        redis.call('rename', now, before)
        redis.call('set', now, 0, 'PX', left + length)
        previous, count, previous_left, left = count, 0, left, left + length
    elseif previous then
        previous_left = left_in_view(before, length)
        if not previous_left then previous, previous_left = 0, 0 end
    end
    windows[n] = {
        amount = amount, length = length, now = now, added = 0,
        previous = previous or 0, previous_left = previous_left, count = count or 0, left = left,
    }
end
local refused, spent_at = {}, {}
for at, hit in ipairs(hits) do
    if spent_at[at - first] then hit = {} end
    for _, n in ipairs(hit) do
        local w = windows[n]
        if math.floor(w.previous * w.previous_left / w.length) + w.count + 1 > w.amount then
            local wait = w.length
            if w.left > 0 then wait = (w.left - 1) % w.length + 1 end
            if w.previous > 0 then wait = math.min(wait, w.previous_left % (w.length / w.previous)) end
            refused[#refused + 1] = {at, n, math.floor(wait)}
            spent_at[at] = true
            break
        end
    end
    if not spent_at[at] then
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


def connecting(settings: Settings) -> Callable[[], Any]:
    """What gives the storage of `limits` for the Redis of the settings. Raises InvalidSettings.

    A cluster's is made when it is first asked for: its client connects at once, or fails. So a service starts while its cluster
    is away, as it does without any other Redis.
    """
    if _names_cluster(settings):
        options = _redis_options(settings)
        return cache(lambda: storage_from_string(settings.limiter_url, **options))
    storage = _redis_storage(settings)
    return lambda: storage


def windows(settings: Settings, shared: Callable[[], Any]) -> RedisWindows:
    """The windows in a storage of `connecting`."""
    return RedisWindows(lambda: shared().storage, cluster=_names_cluster(settings))


def failures() -> tuple[type[Exception], ...]:
    """What means that a Redis is away. Of a whole cluster redis-py says so with an exception that is none of Redis to it.

    The last three are raised where something else answers at the address, or what the script would not.
    """
    from redis.exceptions import RedisClusterException, RedisError

    return OSError, RedisError, RedisClusterException, TypeError, ValueError, LookupError


def try_out(counting: Windows, sites: Sequence[int] = ()) -> None:
    """Count a hit of no limit where those of the sites are counted. Raises what means that the store is away.

    An answer to a question would prove little: a Redis that is full, or a replica, answers, and counts nothing.
    """
    each = list(dict.fromkeys(sites)) or [_EVERYWHERE]
    counting.hit_all(each, [[(_TRIAL, ""), (_TRIAL._replace(everywhere=True), "")] for _ in each])


def _names_cluster(settings: Settings) -> bool:
    return settings.limiter_url.startswith("redis+cluster")


def refuse_node_of_cluster(settings: Settings) -> None:
    """Refuse a plain address of a cluster's node: most keys are elsewhere, so most hits would fail. Raises InvalidSettings.

    A Redis that does not answer is no fault of the address: voting goes on without it.
    """
    if not settings.limiter_url.startswith("memory") and not _names_cluster(settings):
        client = connecting(settings)().storage
        with suppress(*failures()):
            if client.info("cluster").get("cluster_enabled"):
                raise InvalidSettings(
                    "limiter_url: this is a node of a Redis Cluster. Write redis+cluster://host1:6379,host2:6379."
                )


def fault(settings: Settings) -> str | None:
    """Why the Redis of the settings counts nothing, if it does not. Raises InvalidSettings."""
    shared = connecting(settings)
    try:
        try_out(windows(settings, shared))
    except failures() as failure:
        return without_password(str(failure)).rstrip(".") or type(failure).__name__
    return None


def _redis_storage(settings: Settings) -> Storage:
    options = _redis_options(settings)
    from redis.exceptions import RedisError

    try:
        storage: Any = storage_from_string(settings.limiter_url, **options)
        if pool := getattr(storage.storage, "connection_pool", None):
            pool.make_connection()  # connects to nothing yet, and knows its options
    except (ConfigurationError, ImportError, ValueError, RedisError) as error:
        raise InvalidSettings(f"limiter_url: {without_password(str(error))}") from None
    except TypeError as error:
        raise InvalidSettings(f"limiter_url: an option that Redis does not have: {str(error).rpartition(' ')[2]}.") from None
    return cast("Storage", storage)


def _redis_options(settings: Settings) -> dict[str, Any]:
    """How redis-py connects: a hit waits `limiter_timeout_s` at most, and is not repeated."""
    try:
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError:
        raise InvalidSettings("limiter_url: install reader-reactions[redis] to use Redis.") from None
    timeout_s = settings.limiter_timeout_s
    once = Retry(NoBackoff(), 0)
    options: dict[str, Any] = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s, "retry": once}
    if settings.limiter_url.startswith("redis+sentinel"):
        options["sentinel_kwargs"] = options.copy()
    return options
