"""A Redis that Sentinel fails over: votes go on meanwhile, and the replica that became the primary goes on counting."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from reactions import settings
from reactions.settings import InvalidSettings
from tests import make
from tests.engines import Redis, free_port, wait_until
from tests.lengths import only_sqlite
from tests.web.conftest import MakeApp
from tests.web.test_limits_in_redis import away, clicks


class Replica(Redis):
    """A Redis that follows another."""

    def __init__(self, primary: Redis) -> None:
        super().__init__()
        self._primary = primary

    def command(self) -> list[str]:
        return [*super().command(), "--replicaof", "127.0.0.1", str(self._primary.port)]

    def follows(self) -> bool:
        with redis.Redis(port=self.port) as client:
            return client.info("replication").get("master_link_status") == "up"  # type: ignore[union-attr]


class Sentinel(Redis):
    """The one watcher over a primary; by itself it decides that the primary is gone."""

    def __init__(self, primary: Redis) -> None:
        super().__init__()
        self._primary = primary
        self.url = f"redis+sentinel://127.0.0.1:{self.port}/limits"

    def command(self) -> list[str]:
        lines = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"sentinel monitor limits 127.0.0.1 {self._primary.port} 1",
            "sentinel down-after-milliseconds limits 500",
            "sentinel failover-timeout limits 3000",
        ]
        file = self.folder / "sentinel.conf"
        file.write_text("\n".join(lines) + "\n")
        file.chmod(0o666)
        return [*super().command()[:1], str(file), "--sentinel"]

    def knows_the_replica(self) -> bool:
        with redis.Redis(port=self.port) as client:
            return len(client.sentinel_slaves("limits")) == 1


@pytest.fixture
def watched() -> Iterator[tuple[Redis, Sentinel]]:
    """A primary with a replica, and the address of their Sentinel."""
    primary = Redis()
    replica, sentinel = Replica(primary), Sentinel(primary)
    try:
        for each in (primary, replica, sentinel):
            each.start()
        wait_until(replica.follows, why="the replica follows")
        wait_until(sentinel.knows_the_replica, why="Sentinel knows the replica")
        yield primary, sentinel
    finally:
        for each in (sentinel, replica, primary):
            each.close()


@only_sqlite
def test_limits_go_on_where_sentinel_says_the_primary_is(make_app: MakeApp, watched: tuple[Redis, Sentinel]) -> None:
    primary, sentinel = watched
    client, other = (
        make_app(limiter_url=sentinel.url, limiter_retry_s=0.1, limiter_timeout_s=0.5, votes_per_reader="1000/hour").test_client()
        for _ in range(2)
    )
    assert clicks(client, 2) == [200, 200]
    assert away() == 0

    primary.kill()
    assert clicks(client, 3) == [200] * 3
    assert away() == 1

    def back() -> bool:
        return clicks(client, 1) == [200] and away() == 0

    wait_until(back, timeout_s=30, why="the replica has become the primary")

    def other_follows() -> bool:
        return clicks(other, 1) == [200] and away() == 0

    wait_until(other_follows, why="another process has found the new primary, too")


@only_sqlite
def test_votes_go_on_while_every_sentinel_is_away(make_app: MakeApp) -> None:
    """Its client tried each of them four times, with pauses of seconds between."""
    hosts = ",".join(f"127.0.0.1:{free_port()}" for _ in range(3))
    client = make_app(limiter_url=f"redis+sentinel://{hosts}/limits", limiter_retry_s=0.1, answer_within_s=0.9).test_client()

    assert clicks(client, 20) == [200] * 20
    assert away() == 1


@pytest.mark.parametrize(
    "address", ["redis+sentinel://127.0.0.1:26379", "redis+sentinel://127.0.0.1:26379/", "redis+sentinel:///limits"]
)
def test_an_address_of_sentinel_names_the_primary_and_the_hosts(address: str) -> None:
    with pytest.raises(InvalidSettings, match="redis\\+sentinel://host1:26379,host2:26379/name-of-the-primary"):
        settings.load({}, limiter_url=address, secret=make.SECRET)


@pytest.mark.parametrize("address", ["redis://", "rediss://", "redis", "memory", "valkey://a"])
def test_an_address_that_leads_nowhere_is_refused(address: str) -> None:
    with pytest.raises(InvalidSettings, match='limiter_url: Write it as "memory://" or "redis://host:6379/0"'):
        settings.load({}, limiter_url=address, secret=make.SECRET)
