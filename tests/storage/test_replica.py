"""Reports and exports read a streaming replica: they are as late as its data, never half late, and go on without it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from reactions import settings
from reactions.app import create_app
from reactions.commands import doctor
from reactions.newsroom import api_keys, sites
from reactions.settings import InvalidSettings
from reactions.storage import connecting
from reactions.storage.engines import writing
from reactions.storage.replica import Source
from reactions.times import now_ms
from reactions.web import current, extensions
from tests import make
from tests.databases import PostgresDatabases
from tests.engines import Postgres, free_port, wait_until
from tests.storage.streaming import Replica

NOTHING_HERE = f"postgresql+psycopg://postgres@127.0.0.1:{free_port()}/daily?connect_timeout=1"


@pytest.fixture(scope="module")
def replica(postgres: Postgres) -> Iterator[Replica]:
    found = Replica(postgres)
    try:
        found.start()
        yield found
    finally:
        found.close()


@pytest.fixture
def name(postgres_databases: PostgresDatabases) -> Iterator[str]:
    name = postgres_databases.own()
    make.site(postgres_databases.server.url(name))
    yield name
    postgres_databases.server.drop_database(name)


@contextmanager
def application(url: str, reports: str, folder: Path) -> Iterator[Flask]:
    """The application on a database and the one that reports read."""
    given = {"database_url": url, "reports_database_url": reports, "data_dir": str(folder), "secret": make.SECRET}
    app = create_app(settings.load({}, **given, answer_within_s=5, detector_every_s=0, verify_articles_per_minute=0))
    with app.app_context():
        yield app
        current.parts().ballot_box.close()
        for engine in extensions.db.engines.values():
            engine.dispose()


@pytest.fixture
def app(name: str, postgres: Postgres, replica: Replica, tmp_path: Path) -> Iterator[Flask]:
    wait_until(lambda: replica.execute("select pg_is_wal_replay_paused()") == [(False,)], why="it replays")
    wait_until(lambda: has(replica, name), why="the replica has the database")
    with application(postgres.url(name), replica.url(name), tmp_path) as app:
        yield app


def has(replica: Replica, name: str) -> bool:
    if not replica.execute(f"select 1 from pg_database where datname = '{name}'"):
        return False
    return replica.execute("select to_regclass('site') is not null", database=name) == [(True,)]


def caught_up(primary: Postgres, replica: Replica) -> bool:
    ((at,),) = primary.execute("select pg_current_wal_lsn()::text")
    return replica.execute(f"select pg_last_wal_replay_lsn() >= '{at}'::pg_lsn") == [(True,)]


def read_key() -> str:
    with writing(extensions.db.engine) as connection:
        site = sites.get(connection, "daily")
        return api_keys.create(connection, site, scopes=["read"], label="tests", now_ms=now_ms())[1]


def vote(client: FlaskClient, number: int) -> None:
    body = {"article": "a-story", "reaction": "like", "reader": make.reader(number), "seq": now_ms()}
    answer = client.put("/v1/sites/daily/vote", json=body, headers={"Origin": make.ORIGIN})
    assert answer.status_code == 200, answer.get_data(as_text=True)


def dashboard(client: FlaskClient, key: str) -> dict[str, object]:
    answer = client.get("/v1/sites/daily/dashboard?period=24h", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200, answer.get_data(as_text=True)
    found: dict[str, object] = answer.get_json()
    return found


def votes_read() -> int:
    with current.source().engine.connect() as connection:
        return int(connection.execute(text("select count(*) from vote")).scalar_one())


def test_reports_read_the_replica_and_tell_how_late_it_is(app: Flask, postgres: Postgres, replica: Replica) -> None:
    client, key = app.test_client(), read_key()
    vote(client, 1)
    wait_until(lambda: caught_up(postgres, replica), why="the first vote is on the replica")
    replica.execute("select pg_wal_replay_pause()")
    try:
        vote(client, 2)
        wait_until(lambda: current.source().behind_s() > 1.5, why="it falls behind")
        told = datetime.fromisoformat(str(dashboard(client, key)["generated_at"]))

        assert votes_read() == 1
        assert datetime.now(UTC) - told > timedelta(seconds=1)
    finally:
        replica.execute("select pg_wal_replay_resume()")
    wait_until(lambda: votes_read() == 2, why="it has caught up")
    wait_until(lambda: current.source().behind_s() == 0, why="it is on time again")


def test_an_export_ends_where_the_replica_does(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain of exports that ended with the primary's hour would miss what the replica lacks of it."""
    key, late_by_s = read_key(), 7 * 3600
    late_ms = late_by_s * 1000
    monkeypatch.setattr(Source, "complete_until", lambda *_: now_ms() - late_ms)  # of this connection, whatever others say

    answer = app.test_client().get(
        "/v1/sites/daily/export/datapackage.json?since=beginning", headers={"Authorization": f"Bearer {key}"}
    )

    assert answer.status_code == 200, answer.get_data(as_text=True)
    ends = now_ms() // 3_600_000 - late_by_s // 3600
    following = json.loads(answer.get_data())["reactions"]["next"]
    assert int(following.split("-")[0]) in {ends - 1, ends}


def test_nothing_can_be_written_there_with_or_without_the_replica(
    app: Flask, name: str, postgres: Postgres, tmp_path: Path
) -> None:
    with (
        application(postgres.url(name), NOTHING_HERE, tmp_path),
        pytest.raises(DBAPIError, match="read-only"),
        current.source().engine.begin() as connection,
    ):
        connection.execute(text("delete from site"))


def test_without_the_replica_reports_read_the_primary(
    name: str, postgres: Postgres, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with application(postgres.url(name), NOTHING_HERE, tmp_path) as app:
        key = read_key()
        vote(app.test_client(), 1)

        assert dashboard(app.test_client(), key)
        assert votes_read() == 1
        assert current.source().reads_primary()
        assert current.source().behind_s() == 0
    assert "replica away" in caplog.text


def test_a_replica_that_dies_is_left_and_taken_again(app: Flask, name: str, postgres: Postgres, replica: Replica) -> None:
    client, key, source = app.test_client(), read_key(), current.source()
    vote(client, 1)
    wait_until(lambda: caught_up(postgres, replica), why="the vote is on the replica")
    assert not source.reads_primary()

    replica.kill()
    try:
        assert dashboard(client, key)
        assert source.reads_primary()
    finally:
        replica.start()
    source.engine.dispose()  # as the pool does with each connection after a minute
    wait_until(lambda: not source.reads_primary() or source.engine.dispose(), timeout_s=30, why="it reads the replica again")  # type: ignore[func-returns-value]


def test_the_doctor_tells_how_late_it_is(
    app: Flask, name: str, postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said() -> list[tuple[str, str]]:
        findings = doctor.findings(current.parts().settings)
        return [(each.state, each.said) for each in findings if each.about == "replica"]

    assert [state for state, _ in said()] == ["ok"]
    monkeypatch.setattr(Source, "behind_s", lambda _: 600.0)
    assert said() == [("look", "It is 600 s behind, and so are reports and exports.")]
    with application(postgres.url(name), NOTHING_HERE, tmp_path):
        assert [(state, "reports read a primary" in text) for state, text in said()] == [("look", True)]


@pytest.mark.parametrize(
    ("own", "reports", "said"),
    [
        ("", "postgresql://db2/reactions", "an SQLite file has no replica"),
        ("postgresql://db1/reactions", "sqlite:////tmp/x.db", "reports_database_url: write postgresql://"),
        ("postgresql://db1/reactions", "mysql://db2/reactions", "reports_database_url: write"),
        ("postgresql://db1/reactions", "postgresql://db2:x/reactions", "reports_database_url: a port is not a number"),
        ("postgresql://db1/reactions", "postgresql://db2/reactions?sslmode=yes", "reports_database_url: sslmode is one of"),
    ],
)
def test_a_wrong_address_is_refused_in_one_line(own: str, reports: str, said: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        connecting.options_of_reports(settings.load({}, database_url=own, reports_database_url=reports, secret=make.SECRET))

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
