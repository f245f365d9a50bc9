"""Migrations: up, down, up again, several at once, and the same tables as the code's. On both engines."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, create_engine, inspect

from reactions.storage import engines, migrations, tables


@pytest.fixture
def bare(bare_database_url: str) -> Iterator[Engine]:
    engine = create_engine(bare_database_url)
    engines.prepare(engine)
    yield engine
    engine.dispose()


def tables_in(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names())


def test_an_empty_database_is_behind_and_an_upgraded_one_is_not(bare: Engine) -> None:
    with bare.connect() as connection:
        assert migrations.behind(connection)

    assert migrations.upgrade(bare) is True

    with bare.connect() as connection:
        assert not migrations.behind(connection)
    assert migrations.upgrade(bare) is False


def test_the_migrations_make_the_tables_that_the_code_expects(bare: Engine) -> None:
    migrations.upgrade(bare)

    with bare.connect() as connection:
        assert migrations.differences(connection) == []
    assert tables_in(bare) == {*tables.metadata.tables, "alembic_version"}


def test_down_removes_every_table_and_up_brings_them_back(bare: Engine) -> None:
    migrations.upgrade(bare)

    migrations.downgrade(bare, "base")
    assert tables_in(bare) <= {"alembic_version"}

    migrations.upgrade(bare)
    assert tables_in(bare) == {*tables.metadata.tables, "alembic_version"}


def test_of_several_processes_that_upgrade_at_once_one_works_and_the_others_wait(bare: Engine) -> None:
    others = [create_engine(bare.url) for _ in range(4)]
    for engine in others:
        engines.prepare(engine)

    with ThreadPoolExecutor(4) as pool:
        worked = list(pool.map(migrations.upgrade, others))

    assert sorted(worked) == [False, False, False, True]
    for engine in others:
        engine.dispose()
