"""The limiter's own memory: it counts as the library's does, forgets in time, and stays small; and Redis counts as it does.

The file is longer than others because both are held against one another.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass
from types import SimpleNamespace
from typing import cast

import limits.storage.memory
import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st
from limits.storage import MemoryStorage

from reactions.newsroom.sites import Site
from reactions.settings import load
from reactions.votes.rules import Ballot
from reactions.web.limit_redis import RedisWindows
from reactions.web.limit_store import Policy, WindowMemory, counted
from reactions.web.limits import TooMany, VoteLimits
from tests.engines import Redis, wait_until
from tests.make import SECRET


@dataclass
class Clock:
    """A clock that is set by hand."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


SITE = cast("Site", SimpleNamespace(id=1, key="daily"))


def hit(memory: WindowMemory, who: str, amount: int, window_s: int) -> bool:
    """Count one hit of a limit."""
    return memory.hit_all([1], [[(Policy(f"{window_s} s", amount, window_s), who)]]) == [None]


def keys_in(memory: WindowMemory) -> int:
    return sum(len(windows.present) + len(windows.previous) for windows in memory._of.values())


def memory_at(clock: Clock) -> WindowMemory:
    memory = WindowMemory()
    memory.clock = clock
    return memory


# Sixty-fourths of a second and windows of 1, 2, 4 and 64 seconds are exact in binary, so that both must round alike.
TICKS = st.integers(min_value=0, max_value=40).map(lambda ticks: ticks / 64) | st.integers(min_value=0, max_value=200).map(float)
HITS = st.tuples(TICKS, st.sampled_from("ab"), st.sampled_from([1, 2, 4, 64]))


@settings(max_examples=150, deadline=None)
@given(st.lists(HITS, max_size=60), st.integers(1, 9))
def test_it_lets_through_and_refuses_exactly_what_the_librarys_memory_does(
    hits: list[tuple[float, str, int]], limit: int
) -> None:
    clock = Clock(1_000_000.0)
    ours = memory_at(clock)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits.storage.memory, "time", SimpleNamespace(time=clock))
        theirs = MemoryStorage()
        for passed, key, window_s in hits:
            clock.now += passed

            let_through = hit(ours, key, limit, window_s)

            assert let_through == theirs.acquire_sliding_window_entry(key, limit, window_s)
            seen = ours.look((Policy(f"{window_s} s", limit, window_s), key))
            assert seen == pytest.approx(theirs.get_sliding_window(key, window_s))


def test_it_holds_only_the_present_window_and_the_one_before() -> None:
    clock = Clock(600.0)
    memory = memory_at(clock)
    for minute in range(10):
        clock.now = 600.0 + 60 * minute
        for reader in range(1000):
            hit(memory, f"{minute}/{reader}", 30, 60)

    assert keys_in(memory) == 2000


def test_a_window_that_nobody_came_in_leaves_nothing_behind() -> None:
    clock = Clock(600.0)
    memory = memory_at(clock)
    hit(memory, "a", 1, 60)
    clock.now += 120

    assert hit(memory, "a", 1, 60)
    assert keys_in(memory) == 1


def test_it_holds_no_more_keys_than_it_may_however_many_readers_are_made_up() -> None:
    memory = memory_at(Clock(600.0))
    memory.most_keys = 100

    let_through = [hit(memory, f"made up {number}", 30, 86_400) for number in range(10_000)]

    assert all(let_through)
    assert keys_in(memory) <= 200


def test_a_window_that_fills_early_remembers_its_newest_hits() -> None:
    memory = memory_at(Clock(86_400.0))
    memory.most_keys = 2
    spent = [hit(memory, "ada", 1, 86_400) for _ in range(2)]
    hit(memory, "ben", 1, 86_400)
    hit(memory, "cia", 1, 86_400)

    assert spent == [True, False]
    assert not hit(memory, "ada", 1, 86_400)


def test_hits_from_many_threads_are_each_counted_once() -> None:
    memory = memory_at(Clock(600.0))
    let_through: list[bool] = []

    def click() -> None:
        let_through.extend(hit(memory, "ada", 700, 60) for _ in range(100))

    threads = [threading.Thread(target=click) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert let_through.count(True) == 700


def test_a_wall_clock_set_back_by_hours_locks_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    wall, set_back_by = time.time, Clock(0.0)
    monkeypatch.setattr(time, "time", lambda: wall() - set_back_by.now)
    memory = WindowMemory()
    assert hit(memory, "ada", 1, 1)
    set_back_by.now = 7200.0

    wait_until(lambda: hit(memory, "ada", 1, 1), timeout_s=5, why="the second has passed")


def limits_at(clock: Clock, **notations: str) -> VoteLimits:
    """Limits that no other limit stands in the way of."""
    wide = dict.fromkeys(
        (
            "votes_per_reader",
            "votes_per_network",
            "votes_per_wide_network",
            "votes_per_network_everywhere",
            "votes_per_wide_network_everywhere",
            "votes_per_article",
        ),
        "9999999/second",
    )
    made = VoteLimits(load({}, secret=SECRET, **wide | notations), key=b"k")
    made.store.memory.clock = clock
    return made


def refusal_of(made: VoteLimits, reader: bytes) -> TooMany | None:
    """Ask for one vote of a reader on article 1, from one address."""
    ballot = Ballot(SITE, "a", 1, "like", reader, 1, 0, "vote")
    (answer,), _ = made.admit([ballot], [made.voter(site="daily", address="192.0.2.1", reader=reader)], [])
    return answer if isinstance(answer, TooMany) else None


def wait_of(made: VoteLimits) -> int | None:
    """The seconds until another vote may come; None if this one was let through."""
    refused = refusal_of(made, b"ada")
    return None if refused is None else refused.retry_after_s


NOTATIONS = st.sampled_from(["1/second", "3/10 second", "7/minute", "30/minute"])
SEVENTHS = st.integers(0, 140).map(lambda ticks: ticks / 7) | st.just(0.0)


@settings(max_examples=80, deadline=None)
@given(NOTATIONS, SEVENTHS, st.lists(SEVENTHS, min_size=1, max_size=40))
def test_retry_after_is_true_whenever_it_is_told(notation: str, begin: float, pauses: list[float]) -> None:
    clock = Clock(3_600_000.003 + begin)  # never at the very instant at which a window begins, where the library errs
    made = limits_at(clock, votes_per_reader=notation)
    for pause in pauses:
        clock.now += pause
        wait_s = wait_of(made)
        if wait_s is not None:
            told_at = clock.now
            clock.now = told_at + wait_s - 1.001
            too_early = wait_s > 1 and wait_of(made) is None
            clock.now = told_at + wait_s

            assert not too_early
            assert wait_of(made) is None


def test_an_office_of_a_thousand_readers_is_never_refused() -> None:
    clock = Clock(3_600_000.0)
    made = limits_at(clock, votes_per_reader="30/minute", votes_per_network="1500/minute", votes_per_article="2000/second")

    for vote in range(12_000):
        clock.now += 0.05
        assert refusal_of(made, (vote % 1000).to_bytes(16)) is None


BATCHES = st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=6), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(BATCHES, st.integers(1, 4), st.integers(1, 6))
def test_redis_and_memory_let_the_same_hits_of_a_batch_through(
    redis_server: Redis, batches: list[list[str]], amount: int, of_all: int
) -> None:
    """Two limits each: whoever one of them refuses counts against neither. Within one window, so that no clock plays a part."""
    redis_server.empty()
    memory, each, every = WindowMemory(), Policy("each", amount, 3600), Policy("all", of_all, 3600)
    memory.clock = Clock(3_600_000.0)
    with redis.Redis.from_url(redis_server.url) as client:
        shared = RedisWindows(lambda: client)
        for batch in batches:
            asks = [[(every, "x"), (each, who)] for who in batch]

            spent = [memory.hit_all([1] * len(batch), asks), shared.hit_all([1] * len(batch), asks)]

            assert [s and s[0].name for s in spent[0]] == [s and s[0].name for s in spent[1]]
            waits = [[s[1] for s in by if s] for by in spent]
            assert waits[1] == pytest.approx(waits[0], abs=60)  # their windows did not begin at the same time
    kept = {who for who in "abc" if memory._of["each"].present.get(hash(who))}
    assert sum(memory._of["each"].present.values()) == memory._of["all"].present.get(hash("x"), 0)
    assert len(kept) <= of_all


FOLLOWED = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["", "x", "y"])), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(st.lists(FOLLOWED, min_size=1, max_size=5), st.integers(1, 4), st.integers(1, 4))
def test_what_follows_a_hit_is_counted_only_if_that_was(
    redis_server: Redis, batches: list[list[tuple[str, str]]], amount: int, of_all: int
) -> None:
    """In memory, in Redis and on a cluster, as if all hits of a batch came first and then, one by one, what follows them."""
    redis_server.empty()
    each, cap = Policy("reader", amount, 3600), Policy("fresh", of_all, 3600, everywhere=True)
    memory, seen = WindowMemory(), Counter[tuple[Policy, str]]()
    memory.clock = Clock(3_600_000.0)

    def may(ask: tuple[Policy, str]) -> bool:
        seen[ask] += 1
        return seen[ask] <= ask[0].amount

    with redis.Redis.from_url(redis_server.url) as client:
        every = memory, RedisWindows(lambda: client), RedisWindows(lambda: client, prefix="cluster", cluster=True)
        for batch in batches:
            asks = [[(each, who)] for who, _ in batch]
            then = [[(cap, cap_of)] if cap_of else [] for _, cap_of in batch]
            expected = [may(ask) for (ask,) in asks]
            expected += [not (is_counted and ask) or may(*ask) for is_counted, ask in zip(expected, then, strict=True)]

            for windows in every:
                spent = windows.hit_all([1] * len(batch), asks, then)

                assert [one is None for one in spent] == expected


def test_memory_notes_what_another_store_has_counted_and_nothing_else() -> None:
    each, cap = Policy("reader", 1, 3600), Policy("fresh", 1, 3600, everywhere=True)
    asks, then = [[(each, who)] for who in "aabc"], [[(cap, who)] for who in "xyxz"]
    spent = [None, (each, 1.0), None, None, None, None, (cap, 1.0), None]  # a second hit of a's, and one of x's beyond the cap

    noted = [entry for entry in counted(spent, asks, then) if entry]

    assert noted == [[(each, "a")], [(each, "b")], [(each, "c")], [(cap, "x")], [(cap, "z")]]


def test_half_a_window_later_half_of_its_hits_still_count(redis_server: Redis) -> None:
    """Redis has no clock that can be turned: the time that a key has left is."""
    redis_server.empty()
    policy = Policy("reader", 10, 3600)
    with redis.Redis.from_url(redis_server.url) as client:
        windows = RedisWindows(lambda: client)

        def let_through(times: int) -> int:
            return windows.hit_all([1] * times, [[(policy, "ada")]] * times).count(None)

        assert let_through(8) == 8
        client.pexpire("reactions:{1}:reader:ada", 1_799_000)  # of a window of an hour, and as long as it is seen after it

        assert [let_through(3), let_through(6), let_through(1)] == [3, 4, 0]  # beside half of eight, rounded down
        assert (
            client.pttl("reactions:{1}:reader:ada") > 3_600_000
        )  # of the window that has begun, or the next hit would begin another


@pytest.mark.parametrize("left", ["an hour more than there is", "for ever"])
def test_a_clock_of_redis_that_was_set_back_locks_nobody_out(redis_server: Redis, left: str) -> None:
    """What it kept is then in view for so much longer, as under a replica with a late clock that has become the primary."""
    redis_server.empty()
    policy = Policy("reader", 2, 60)
    with redis.Redis.from_url(redis_server.url) as client:
        windows = RedisWindows(lambda: client)
        assert windows.hit_all([1] * 3, [[(policy, "ada")]] * 3).count(None) == 2
        for key in ("reactions:{1}:reader:ada", "reactions:{1}:reader:ada/-1"):
            client.set(key, 2)
            if left != "for ever":
                client.expire(key, 3600 + 60)

        assert windows.hit_all([1] * 3, [[(policy, "ada")]] * 3).count(None) == 2
        assert all(0 < client.pttl(key) <= 120_000 for key in client.scan_iter())


def test_a_batch_of_more_readers_than_redis_is_asked_for_at_once_is_limited(redis_server: Redis) -> None:
    redis_server.empty()
    policy, asks = Policy("reader", 1, 3600), 700
    with redis.Redis.from_url(redis_server.url) as client:
        windows = RedisWindows(lambda: client)
        batch = [[(policy, str(number))] for number in range(asks)]

        assert windows.hit_all([1] * asks, batch).count(None) == asks
        assert windows.hit_all([1] * asks, batch).count(None) == 0


EVERYWHERE = Policy("network-everywhere", 2, 60, everywhere=True)


@pytest.mark.parametrize(("cluster", "calls"), [(False, 1), (True, 4)])
def test_a_batch_costs_redis_one_call_and_a_cluster_one_for_each_slot(redis_server: Redis, cluster: bool, calls: int) -> None:
    """A cluster refuses a script whose keys lie in several slots; the braces in a key name its slot."""
    redis_server.empty()
    with redis.Redis.from_url(redis_server.url) as client:
        shared, policy = RedisWindows(lambda: client, cluster=cluster), Policy("reader", 3, 60)
        cap = Policy("fresh", 9, 60, everywhere=True)
        shared.hit_all([1], [[(policy, "first")]])  # the script is loaded with its first call
        keys_of: list[list[str]] = []
        script = shared._script
        shared._script = lambda keys, args: keys_of.append(keys) or script(keys=keys, args=args)
        before = client.info("commandstats")["cmdstat_evalsha"]["calls"]

        asks = [[(policy, who), (EVERYWHERE, "x")] for who in "abcab"]
        shared.hit_all([1, 2, 1, 1, 2], asks, [[(cap, "n")]] * 5)

        assert client.info("commandstats")["cmdstat_evalsha"]["calls"] - before == calls
    slots = [{key[key.index("{") : key.index("}")] for key in keys} for keys in keys_of]
    assert [len(each) for each in slots] == ([1] * 4 if cluster else [3])


SITES = st.lists(st.tuples(st.integers(1, 3), st.sampled_from("ab")), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(st.lists(SITES, min_size=1, max_size=4), st.integers(1, 4), st.integers(1, 6))
def test_a_network_is_counted_on_its_site_and_on_all_of_them_alike_in_memory_and_in_redis(
    redis_server: Redis, batches: list[list[tuple[int, str]]], amount: int, of_all: int
) -> None:
    redis_server.empty()
    memory, each = WindowMemory(), Policy("network", amount, 3600)
    every = Policy("network-everywhere", of_all, 3600, everywhere=True)
    memory.clock = Clock(3_600_000.0)
    with redis.Redis.from_url(redis_server.url) as client:
        shared, cluster = RedisWindows(lambda: client), RedisWindows(lambda: client, prefix="cluster", cluster=True)
        let_through = 0
        for batch in batches:
            sites = [site for site, _ in batch]
            asks = [[(each, f"{site}{who}"), (every, who)] for site, who in batch]

            spent = [[s and s[0].name for s in windows.hit_all(sites, asks)] for windows in (memory, shared)]
            on_a_cluster = cluster.hit_all(sites, asks)

            assert spent[0] == spent[1]
            assert sum(s is None for s in on_a_cluster) <= sum(s is None for s in spent[0]) + let_through
            let_through += sum(s is None for s in spent[0])
        kept = [int(client.get(f"cluster:{{0}}:network-everywhere:{who}") or 0) for who in "ab"]
    assert max(memory._of["network-everywhere"].present.values()) <= of_all
    assert max(kept) <= of_all


@pytest.mark.parametrize("most_keys", [1, 2, 3, 4, 5, 100])
def test_a_batch_counts_what_its_hits_would_count_alone(most_keys: int) -> None:
    """In a window that it fills, too: what was pushed out on the way is not counted twice."""
    policy, other = Policy("network", 50, 86_400), Policy("reader", 50, 86_400)
    together, alone = WindowMemory(), WindowMemory()
    for memory in (together, alone):
        memory.clock, memory.most_keys = Clock(86_400.0 * 9), most_keys
        memory.note([[(policy, "a")], [(policy, "b")], [(other, "b")]])
    asks = [[(policy, who), (other, "x")] for who in "bcbdea"]

    assert together.hit_all([1] * len(asks), asks) == [None] * len(asks)
    for ask, n in [((policy, "b"), 2), ((other, "x"), 6), *(((policy, who), 1) for who in "cdea")]:
        for _ in range(n):  # in the order in which a batch adds its sums
            alone.note([[ask]])
    kept = [{name: (w.present, w.previous) for name, w in memory._of.items()} for memory in (together, alone)]
    assert kept[0] == kept[1]


def test_one_limits_keys_are_not_pushed_out_by_anothers() -> None:
    memory, network, reader = WindowMemory(), Policy("network", 2, 86_400), Policy("reader", 9, 86_400)
    memory.clock, memory.most_keys = Clock(86_400.0 * 9), 100
    memory.hit_all([1, 1], [[(network, "spent")]] * 2)

    for number in range(1000):
        memory.hit_all([1], [[(reader, str(number))]])

    assert memory.hit_all([1], [[(network, "spent")]])[0] is not None
