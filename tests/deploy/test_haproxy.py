"""The shipped HAProxy configuration before two hosts on one PostgreSQL and one Redis: a host that is killed loses no vote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests import make, oracles
from tests.databases import PostgresDatabases
from tests.deploy.proxies import HaProxy, binary
from tests.engines import Redis, wait_until
from tests.faults.client import Load, first_vote, next_seq
from tests.faults.crashes import more_acknowledged
from tests.faults.stage import UNLIMITED, served_counts
from tests.service import Service, running_service

PROGRAM = binary("haproxy")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="HAProxy is not installed (Debian: apt-get install haproxy)")
SITE = "/v1/sites/daily"


@pytest.fixture(scope="module")
def database_url(postgres_databases: PostgresDatabases) -> Iterator[str]:
    name = postgres_databases.own()
    url = postgres_databases.server.url(name)
    make.site(url)
    yield url
    postgres_databases.server.drop_database(name)


@pytest.fixture(scope="module")
def hosts(database_url: str, redis_server: Redis) -> Iterator[tuple[Service, Service]]:
    """Two hosts for all tests here: who stops one starts it again. The first test judges all votes there are."""
    redis_server.empty()
    chosen = {**UNLIMITED, "limiter_url": redis_server.url, "trusted_proxies": "127.0.0.1/32", "counts_memory_s": 0}
    with ExitStack() as stack:
        one, other = (stack.enter_context(running_service(database_url, settings=chosen)) for _ in range(2))
        yield one, other


@pytest.fixture(scope="module")
def haproxy(hosts: tuple[Service, Service]) -> Iterator[HaProxy]:
    assert PROGRAM
    proxy = HaProxy(PROGRAM, (hosts[0].port, hosts[1].port))
    try:
        proxy.start()
        wait_until(lambda: proxy.ask("/readyz").status == 200, why="HAProxy reaches a host")
        yield proxy
    finally:
        proxy.close()


def test_a_host_is_killed_under_load_and_comes_back_and_no_acknowledged_vote_is_lost(
    haproxy: HaProxy, hosts: tuple[Service, Service], database_url: str
) -> None:
    with Load([haproxy], first_vote, clients=8, seed=11) as load:
        more_acknowledged(load, 200)
        hosts[0].kill_all()
        more_acknowledged(load, 300)
        hosts[0].start()
        more_acknowledged(load, 200)
        hosts[1].kill_all()
        more_acknowledged(load, 200)
        hosts[1].start()

    held = oracles.stored(database_url)
    answers = [found for host in hosts for found in served_counts(host, {attempt.article for attempt in load.log})]
    findings = [
        *oracles.judge(load.log, held),
        oracles.served(answers, held),
        oracles.shapes(load.log, allowed=(502, 503), resets=True),
    ]
    assert [finding for finding in findings if finding.figure] == []
    assert sum(not attempt.acknowledged for attempt in load.log) <= 8  # each client has one request on its way, at most


def test_hosts_agree_on_counts_and_closes_through_the_proxy(haproxy: HaProxy, hosts: tuple[Service, Service]) -> None:
    body = {"article": "hello", "reaction": "like", "reader": make.ADA, "seq": next_seq()}
    assert haproxy.ask(f"{SITE}/vote", method="PUT", body=body, headers={"Origin": make.ORIGIN}).status == 200

    for host in hosts:
        assert json.loads(host.get(f"{SITE}/reactions?article=hello")[1])["total"] == 1


def test_nobody_pretends_to_be_another_network(database_url: str) -> None:
    assert PROGRAM
    with running_service(database_url, settings={"trusted_proxies": "127.0.0.1/32", "votes_per_network": "5/hour"}) as service:
        proxy = HaProxy(PROGRAM, (service.port, service.port))
        try:
            proxy.start()
            wait_until(lambda: proxy.ask("/readyz").status == 200, why="HAProxy reaches the service")
            answers = [vote(proxy, reader=make.reader(n), forged=f"203.0.113.{n}") for n in range(8)]
        finally:
            proxy.close()

    assert answers == [200] * 5 + [429] * 3


def vote(proxy: HaProxy, *, reader: str, forged: str) -> int:
    """The status of a vote from 127.0.0.2 that says it came from elsewhere."""
    body = {"article": "hello", "reaction": "like", "reader": reader, "seq": next_seq()}
    headers = {"Origin": make.ORIGIN, "X-Forwarded-For": forged, "Forwarded": f"for={forged}"}
    return proxy.ask(f"{SITE}/vote", method="PUT", body=body, headers=headers, come_from="127.0.0.2").status


def test_while_no_host_lives_votes_are_told_to_come_back(haproxy: HaProxy, hosts: tuple[Service, Service]) -> None:
    for host in hosts:
        host.kill_all()
    try:
        answer = haproxy.ask(f"{SITE}/vote", method="PUT", body={})
    finally:
        for host in hosts:
            host.start()

    assert (answer.status, answer.json()["status"], answer.json()["type"]) == (503, 503, "/problems#unavailable")
    assert (answer.headers["Content-Type"], answer.headers["Retry-After"]) == ("application/problem+json", "2")
    assert (answer.headers["Cache-Control"], answer.headers["Access-Control-Allow-Origin"]) == ("no-store", "*")
