"""A primary is killed under load and its synchronous replica takes over: the service finds it, and loses no acknowledged vote."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests import make, oracles
from tests.databases import PostgresDatabases
from tests.engines import Postgres, wait_until
from tests.faults.client import Load, first_vote
from tests.faults.crashes import more_acknowledged
from tests.faults.stage import UNLIMITED, served_counts
from tests.service import running_service
from tests.storage.streaming import Replica


@pytest.fixture
def pair() -> Iterator[tuple[Postgres, Replica, str]]:
    """A primary that acknowledges what its replica has on the disk, that replica, and a migrated database with a site."""
    primary = Postgres()
    try:
        primary.start()
        name = PostgresDatabases(primary).own()
        make.site(primary.url(name))
        replica = Replica(primary)
        try:
            replica.start()
            primary.execute("alter system set synchronous_standby_names = '*'")
            primary.execute("select pg_reload_conf()")
            asked = "select count(*) from pg_stat_replication where sync_state = 'sync'"
            wait_until(lambda: primary.execute(asked) == [(1,)], why="the replica is synchronous")
            yield primary, replica, name
        finally:
            replica.close()
    finally:
        primary.close()


def test_the_service_goes_on_with_the_new_primary(
    pair: tuple[Postgres, Replica, str], record_property: Callable[[str, object], None]
) -> None:
    primary, replica, name = pair
    both = f"host={primary.folder}:{primary.port}&host={replica.folder}:{replica.port}&target_session_attrs=read-write"
    url = f"postgresql+psycopg://postgres@/{name}?{both}"
    with running_service(url, settings={**UNLIMITED, "counts_memory_s": 0}) as service:
        with Load([service], first_vote, clients=8, seed=13) as load:
            more_acknowledged(load, 200)
            primary.kill()
            replica.execute("select pg_promote()")
            promoted = time.monotonic()
            more_acknowledged(load, 1)
            record_property("seconds from the promotion to the next vote", round(time.monotonic() - promoted, 2))
            more_acknowledged(load, 300)
        held = oracles.stored(replica.url(name))
        answers = served_counts(service, {attempt.article for attempt in load.log})

    errors = oracles.shapes(load.log, allowed=(503,))
    findings = [*oracles.judge(load.log, held), oracles.served(answers, held), errors]
    assert [finding for finding in findings if finding.figure] == []
