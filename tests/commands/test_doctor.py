"""The doctor names what is wrong, with the way out, and changes nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from flask import Flask
from sqlalchemy import Engine

from reactions.storage.engines import writing
from tests import make
from tests.databases import PROJECT, product_environment
from tests.engines import Redis, free_port, redis_sources
from tests.lengths import only_sqlite
from tests.web.conftest import MakeApp
from tests.web.terminal import Terminal


@pytest.fixture
def terminal(make_app: MakeApp, database_url: str, tmp_path: Path) -> Iterator[Terminal]:
    with Terminal(tmp_path, database_url) as opened:
        yield opened


def found(terminal: Terminal, **settings: object) -> dict[str, list[str]]:
    """What the doctor says, by what it is about and how that is."""
    said = json.loads(terminal.type("doctor", "--json", **settings).out)
    by: dict[str, list[str]] = {}
    for each in said["findings"]:
        by.setdefault(f"{each['about']} {each['state']}", []).append(each["said"])
    return by


def test_a_fresh_installation_is_not_called_broken(bare_database_url: str, tmp_path: Path) -> None:
    bare = Terminal(tmp_path, bare_database_url)
    said, strict = bare.type("doctor"), bare.type("doctor", upgrade_on_start="false")
    bare.close()

    assert (said.code, strict.code) == (0, 1)
    assert "it has no tables yet. `reactions serve` makes them when it starts" in said.out
    assert "wrong" not in said.out
    assert "no such table" not in said.out
    assert strict.out.count("wrong") == 1
    assert "Run: reactions db upgrade" in strict.out


def test_a_sound_installation_is_told_so(terminal: Terminal) -> None:
    said = terminal.type("doctor")

    assert said.code == 0, said
    assert "the tables are those of this version" in said.out
    assert "wrong" not in said.out
    assert "daily" in said.out


def test_what_may_not_be_meant_is_named_and_fails_nothing(terminal: Terminal, engine: Engine) -> None:
    with writing(engine) as connection:
        connection.exec_driver_sql("update site set time_zone = 'Mars/Olympus'")

    said = found(terminal)

    assert any("public_url is empty" in each for each in said["settings look"])
    assert said["sites look"] == ["daily: this machine no longer knows Mars/Olympus; its days are those of UTC."]


def test_proxies_that_are_everybody_are_named(terminal: Terminal) -> None:
    for everybody in ("0.0.0.0/0", "::/0"):
        assert any("trusts every address" in each for each in found(terminal, trusted_proxies=everybody)["settings look"])
    assert not any("trusts" in each for each in found(terminal, trusted_proxies="10.0.0.0/8")["settings look"])


def test_an_address_where_nothing_answers_is_wrong(terminal: Terminal) -> None:
    port = free_port()

    said = terminal.type("doctor", public_url=f"http://127.0.0.1:{port}")

    assert said.code == 1
    assert f"http://127.0.0.1:{port}/healthz does not answer as the service does: " in said.out


def test_another_secret_than_that_of_the_votes_is_wrong(app: Flask, terminal: Terminal, engine: Engine) -> None:
    with writing(engine) as connection:
        connection.exec_driver_sql("insert into key_in_use (purpose, key_id, since) values ('pseudonym', 'another', 0)")

    assert "must set pseudonym_secret" in found(terminal)["secret wrong"][0]


def test_redis_away_there_or_a_node_of_a_cluster(terminal: Terminal, redis_url: str) -> None:
    gone = f"redis://127.0.0.1:{free_port()}/0"

    assert found(terminal, limiter_url=redis_url)["limits ok"] == ["Redis counts."]
    assert "Connection refused. Each process counts by itself" in found(terminal, limiter_url=gone)["limits wrong"][0]


@only_sqlite
def test_a_redis_that_answers_and_cannot_count_is_wrong(terminal: Terminal, redis_url: str) -> None:
    """A replica, one that is full, or one without the database of the address."""
    with redis.Redis.from_url(redis_url) as client:
        client.replicaof("127.0.0.1", free_port())
        try:
            (replica,) = found(terminal, limiter_url=redis_url)["limits wrong"]
        finally:
            client.replicaof("NO", "ONE")
    (nowhere,) = found(terminal, limiter_url=redis_url.replace("/0", "/99"))["limits wrong"]

    assert "read only replica" in replica
    assert nowhere == (
        "Redis counts nothing: DB index is out of range. "
        "Each process counts by itself, and voting goes on. Repair it, or correct limiter_url."
    )


class ClusterNode(Redis):
    """A Redis that is a node of a cluster, alone."""

    def command(self) -> list[str]:
        return [*super().command(), "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"]


@only_sqlite
def test_a_plain_address_of_a_clusters_node_is_refused(terminal: Terminal, tmp_path: Path) -> None:
    node = ClusterNode(next(redis_sources()))
    try:
        node.start()
        said = found(terminal, limiter_url=node.url)
        chosen = {"database_url": terminal.database_url, "data_dir": tmp_path, "secret": make.SECRET}
        environ = product_environment(**chosen, limiter_url=node.url, bind=f"127.0.0.1:{free_port()}")
        command = [sys.executable, "-m", "reactions", "serve"]
        started = subprocess.run(command, cwd=PROJECT, env=environ, capture_output=True, text=True, timeout=60)
    finally:
        node.close()

    assert said["limits wrong"] == [
        "limiter_url: this is a node of a Redis Cluster. Write redis+cluster://host1:6379,host2:6379."
    ]
    assert started.returncode == 1
    assert started.stderr == f"Error: {said['limits wrong'][0]}\n"
