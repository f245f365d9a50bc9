"""A new connection that fails while it is prepared is an outage like any other, not a bug."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import OperationalError

from reactions import settings
from reactions.app import create_app
from reactions.refusals import Unavailable
from reactions.settings import InvalidSettings
from reactions.storage import connecting, engines, outages
from reactions.web.extensions import db
from tests import make
from tests.boxes import booth
from tests.databases import PostgresDatabases
from tests.engines import Postgres
from tests.lengths import only_postgresql
from tests.web.terminal import Terminal


def test_a_connection_that_cannot_be_prepared_is_an_outage(tmp_path: Path) -> None:
    (tmp_path / "not-a.db").write_bytes(b"this is no database, but long enough to be taken for one" * 100)
    engine = create_engine(f"sqlite:///{tmp_path / 'not-a.db'}")
    engines.prepare(engine)

    with pytest.raises(OperationalError) as caught, engine.connect():
        pass

    assert outages.refusal_for(OperationalError("x", {}, FakeFull())) is not None
    assert getattr(caught.value.orig, "sqlite_errorname", "") == "SQLITE_NOTADB"
    engine.dispose()


class FakeFull(Exception):
    """What the driver raises when the shared-memory file cannot grow."""

    sqlite_errorname = "SQLITE_IOERR_SHMSIZE"


@only_postgresql
def test_a_vote_is_counted_though_the_server_ends_a_process_first_connection(engine: Engine, database_url: str) -> None:
    """While SQLAlchemy asks it who it is, which it tells as a connection that is closed, and as no error of the driver's."""
    make.site(database_url)
    ended: list[int] = []
    fresh = create_engine(database_url)

    @event.listens_for(fresh, "connect", insert=True)
    def end_the_first(connection: Any, _record: object) -> None:
        if not ended:
            ended.append(connection.info.backend_pid)
            with engine.connect() as other:
                other.exec_driver_sql(f"SELECT pg_terminate_backend({ended[0]}, 5000)")

    engines.prepare(fresh)
    daily = booth(engine)
    daily.box._engine = fresh

    assert daily.cast(make.ADA, "like", seq=1).counts.by_reaction["like"] == 1
    assert len(ended) == 1
    fresh.dispose()


def test_a_full_disk_met_while_connecting_is_told_to_come_again() -> None:
    assert isinstance(outages.refusal_for(OperationalError("x", {}, FakeFull())), Unavailable)


SHARED = "postgresql://reactions:a-password@"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (f"{SHARED}db1:5432,db2:5432/reactions", "postgresql://user:password@/database?host=db1:5432&host=db2:5432"),
        (f"{SHARED}db:port/reactions", "a port is not a number"),
        (f"{SHARED}db/reactions?sslmode=always", "sslmode is one of prefer, disable, allow, require, verify-ca, verify-full"),
        (f"{SHARED}db/reactions?target_session_attrs=master", "target_session_attrs is one of any, read-write"),
        (f"{SHARED}db/reactions?prepare_threshold=never", "prepare_threshold is a number"),
        (f"{SHARED}db/reactions?colour=blue", "colour"),
    ],
)
def test_an_address_with_a_fault_is_answered_in_one_line_without_its_password(address: str, said: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        connecting.options(settings.load({}, database_url=address, secret=make.SECRET))

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "a-password" not in str(refused.value)


def test_what_an_address_says_goes_before_what_we_say() -> None:
    asked = (
        "host=db1:5432&host=db2:5433&target_session_attrs=read-write&sslmode=verify-full&connect_timeout=7&prepare_threshold=9"
    )
    args = connecting.options(settings.load({}, database_url=f"{SHARED}/reactions?{asked}", secret=make.SECRET))["connect_args"]

    assert "connect_timeout" not in args
    assert args["prepare_threshold"] == 9
    assert args["tcp_user_timeout"] == 5_000


def test_of_several_hosts_the_one_that_takes_votes_is_found(postgres: Postgres) -> None:
    postgres.create_database("reached")
    away = f"postgresql://postgres@/reached?host={postgres.folder}/nowhere&host={postgres.folder}&target_session_attrs=read-write"
    engine = create_engine(away, **connecting.options(settings.load({}, database_url=away, secret=make.SECRET)))
    engines.prepare(engine)

    with engine.connect() as connection:
        assert connection.exec_driver_sql("show statement_timeout").scalar() == "30s"
    engine.dispose()


def test_a_commands_statements_may_take_their_time_and_a_pages_may_not(
    postgres_databases: PostgresDatabases, tmp_path: Path
) -> None:
    url = postgres_databases.server.url(postgres_databases.emptied())
    service = create_app(settings.load({}, database_url=url, data_dir=str(tmp_path), secret=make.SECRET))
    terminal = Terminal(tmp_path, url, made=[service])
    terminal.do("site", "list")

    shown = [timeouts(app, engine) for app in terminal.made for engine in ("main", "ballots")]
    terminal.close()

    assert shown == [("30s", "1s", "1min"), ("30s", "500ms", "1min"), ("0", "1s", "0"), ("0", "500ms", "0")]


def timeouts(app: Flask, engine: str) -> tuple[str, ...]:
    with app.app_context(), db.engines[None if engine == "main" else engine].connect() as connection:
        names = ("statement", "lock", "idle_in_transaction_session")
        return tuple(str(connection.exec_driver_sql(f"SHOW {name}_timeout").scalar()) for name in names)
