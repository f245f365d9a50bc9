"""Limits in a Redis Cluster, in a Redis with TLS and in Valkey: they hold there as in a plain Redis, and votes go on."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from tests import certificates, make, oracles
from tests.databases import PostgresDatabases
from tests.engines import Redis, free_port, redis_sources, wait_until
from tests.faults.client import Load, first_vote
from tests.faults.crashes import more_acknowledged
from tests.faults.stage import UNLIMITED
from tests.lengths import only_sqlite
from tests.service import running_service
from tests.web.conftest import MakeApp
from tests.web.test_limits_in_redis import away, clicks
from tests.web.test_newsroom_api import key_of


def shares_one_limit(make_app: MakeApp, url: str) -> None:
    """Two processes share five votes."""
    one, other = (
        make_app(limiter_url=url, limiter_retry_s=0.1, limiter_timeout_s=1, votes_per_reader="5/hour").test_client()
        for _ in range(2)
    )
    assert clicks(one, 3) == [200] * 3
    assert clicks(other, 3) == [200, 200, 429]
    assert away() == 0


class Node(Redis):
    """A node of a cluster."""

    def command(self) -> list[str]:
        cluster = ["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-node-timeout", "1500"]
        return [*super().command(), *cluster]

    def sees_all(self) -> bool:
        with redis.Redis(port=self.port) as client:
            told = client.execute_command("CLUSTER INFO")
            return (told["cluster_state"], told["cluster_known_nodes"]) == ("ok", "6")


class Cluster:
    """Three masters and three replicas."""

    def __init__(self) -> None:
        self.nodes = [Node() for _ in range(6)]
        self.url = "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def start(self) -> None:
        for node in self.nodes:
            node.start()
        hosts = [f"127.0.0.1:{node.port}" for node in self.nodes]
        tool = next(source / "redis-cli" for source in redis_sources() if (source / "redis-cli").exists())
        made = ["--cluster", "create", *hosts, "--cluster-replicas", "1", "--cluster-yes"]
        subprocess.run([str(tool), *made], check=True, capture_output=True)
        wait_until(lambda: all(node.sees_all() for node in self.nodes), why="the cluster is whole")
        wait_until(lambda: len(self.masters()) == 3, why="it has three masters")

    def masters(self) -> list[Node]:
        """The masters that live."""
        return [node for node in self.nodes if node.process and self._role(node) == "master"]

    def _role(self, node: Node) -> str:
        with redis.Redis(port=node.port) as client:
            return str(client.info("replication")["role"])  # type: ignore[index]

    def close(self) -> None:
        for node in self.nodes:
            node.close()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()


@only_sqlite
def test_processes_share_their_limits_in_a_cluster(make_app: MakeApp, cluster: Cluster) -> None:
    shares_one_limit(make_app, cluster.url)


@only_sqlite
def test_limits_of_editors_count_in_a_cluster_and_tell_the_wait(make_app: MakeApp, cluster: Cluster) -> None:
    client = make_app(limiter_url=cluster.url, limiter_timeout_s=1, sign_ins_per_network="2/hour").test_client()
    attempts = [client.post("/dashboard/sign-in", data={"key": "wrong"}) for _ in range(3)]

    assert [attempt.status_code for attempt in attempts] == [401, 401, 429]
    assert 1 <= int(attempts[-1].headers["Retry-After"]) <= 3601
    assert away() == 0


def test_a_master_is_killed_under_the_votes_of_two_hosts_and_none_of_them_fails(
    cluster: Cluster, postgres_databases: PostgresDatabases
) -> None:
    url = postgres_databases.server.url(postgres_databases.own())
    make.site(url)
    chosen = {**UNLIMITED, "limiter_url": cluster.url, "limiter_retry_s": 0.5, "limiter_timeout_s": 0.2, "answer_within_s": 5}
    with ExitStack() as stack:
        hosts = [stack.enter_context(running_service(url, settings=chosen)) for _ in range(2)]
        with Load(hosts, first_vote, clients=8, seed=3) as load:
            more_acknowledged(load, 200)
            gone = cluster.masters()[0]
            gone.kill()
            more_acknowledged(load, 400)
            wait_until(lambda: len(cluster.masters()) == 3, timeout_s=60, why="a replica has taken over")
            more_acknowledged(load, 200)

    assert [attempt for attempt in load.log if not attempt.acknowledged] == []
    assert [finding for finding in oracles.judge(load.log, oracles.stored(url)) if finding.figure] == []


def test_votes_go_on_while_a_whole_cluster_is_away_and_a_service_starts_meanwhile(
    postgres_databases: PostgresDatabases,
) -> None:
    """What redis-py raises then is no error of Redis to it, and its client connects when it is made."""
    url = postgres_databases.server.url(postgres_databases.own())
    make.site(url)
    cluster = Cluster()
    chosen = {**UNLIMITED, "limiter_url": cluster.url, "limiter_retry_s": 0.5, "limiter_timeout_s": 0.2, "answer_within_s": 5}
    with ExitStack() as stack:
        stack.callback(cluster.close)
        cluster.start()
        hosts = [stack.enter_context(running_service(url, settings=chosen))]
        with Load(hosts, first_vote, clients=4, seed=3) as load:
            more_acknowledged(load, 100)
            for node in cluster.nodes:
                node.kill()
            more_acknowledged(load, 200)
        hosts.append(stack.enter_context(running_service(url, settings=chosen)))
        with Load(hosts, first_vote, clients=4, seed=4) as later:
            more_acknowledged(later, 200)
            for node in cluster.nodes:
                node.start()
            wait_until(lambda: all(node.sees_all() for node in cluster.nodes), timeout_s=60, why="the cluster is whole again")
            shared = "reactions_limiter_store_away 0.0"
            wait_until(lambda: all(shared in host.metrics() for host in hosts), timeout_s=30, why="limits are shared again")
            more_acknowledged(later, 100)

    assert [attempt for attempt in load.log + later.log if not attempt.acknowledged] == []
    assert [finding for finding in oracles.judge(load.log + later.log, oracles.stored(url)) if finding.figure] == []


@only_sqlite
def test_requests_with_a_key_are_served_where_a_cluster_was_never_there(make_app: MakeApp) -> None:
    app = make_app(limiter_url=f"redis+cluster://127.0.0.1:{free_port()}", limiter_retry_s=60)
    headers = {"Authorization": f"Bearer {key_of(app, 'daily', 'read')}"}

    assert [app.test_client().get("/v1/sites/daily/series", headers=headers).status_code for _ in range(3)] == [200] * 3
    assert away() == 1


class SecureRedis(Redis):
    """A Redis that speaks TLS only."""

    def __init__(self, binaries: Path) -> None:
        super().__init__(binaries)
        self.certificate, key = certificates.for_localhost(self.folder)
        self._tls = ["--port", "0", "--tls-port", str(self.port), "--tls-cert-file", self.certificate, "--tls-key-file", key]
        self._tls += ["--tls-ca-cert-file", self.certificate, "--tls-auth-clients", "no"]
        for file in (self.certificate, key):
            if self.account:
                os.chown(file, self.account["user"], self.account["group"])
        self.url = f"rediss://localhost:{self.port}/0?ssl_ca_certs={self.certificate}"

    def command(self) -> list[str]:
        return [*super().command(), *self._tls]

    def answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False


@pytest.fixture(scope="module")
def secure_redis() -> Iterator[SecureRedis]:
    for binaries in redis_sources():
        server = SecureRedis(binaries)
        try:
            server.start()
            yield server
        except RuntimeError:  # it was built without TLS
            continue
        finally:
            server.close()
        return
    pytest.skip("no Redis here was built with TLS (Debian: apt-get install redis-server)")


@only_sqlite
def test_processes_share_their_limits_over_tls(make_app: MakeApp, secure_redis: SecureRedis) -> None:
    shares_one_limit(make_app, secure_redis.url)


@only_sqlite
def test_a_redis_with_another_certificate_is_not_believed_and_votes_go_on(
    make_app: MakeApp, secure_redis: SecureRedis, tmp_path: Path
) -> None:
    other, _ = certificates.for_localhost(tmp_path)
    address = f"rediss://localhost:{secure_redis.port}/0?ssl_ca_certs={other}"
    client = make_app(limiter_url=address, limiter_retry_s=60, votes_per_reader="2/hour").test_client()

    assert clicks(client, 3) == [200, 200, 429]  # by what the process itself counts
    assert away() == 1


class Valkey(Redis):
    """A Valkey of this machine."""

    def __init__(self, program: str) -> None:
        super().__init__(Path(program).parent)
        self._program = program

    def _within_reach(self, binaries: Path, program: str) -> Path:
        return binaries

    def command(self) -> list[str]:
        return [self._program, *super().command()[1:]]


@only_sqlite
def test_processes_share_their_limits_in_valkey(make_app: MakeApp) -> None:
    program = shutil.which("valkey-server")
    if program is None:
        pytest.skip("Valkey is not installed (Debian 13: apt-get install valkey-server)")
    server = Valkey(program)
    try:
        server.start()
        shares_one_limit(make_app, server.url)
    finally:
        server.close()
