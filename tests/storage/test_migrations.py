"""Migrations: up, down, up again, several at once, and the same tables as the code's. On both engines."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, func, inspect, select

from reactions.refusals import MigrationRefused
from reactions.storage import engines, migrations, tables
from reactions.storage.engines import snapshot
from tests import make
from tests.boxes import booth
from tests.databases import PROJECT


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


NEXT = '''"""The next release's."""
import sqlalchemy as sa
from alembic import op
from reactions.storage.migrations import create_index
revision = "9999"
down_revision = "{before}"
def upgrade() -> None:
    op.add_column("vote", sa.Column("trial", sa.Integer))
    op.add_column("article", sa.Column("trial", sa.Integer))
    create_index(op, "ix_event_at_trial", "event", ["at"])
def downgrade() -> None:
    op.drop_index("ix_event_at_trial", "event")
    op.drop_column("article", "trial")
    op.drop_column("vote", "trial")
'''


@pytest.fixture
def next_release(bare: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The migrations of a next release, which alter hot tables; the database is at this release's."""
    migrations.upgrade(bare)
    with bare.connect() as connection:
        before = migrations.revision(connection)
    folder = tmp_path / "migrations"
    shutil.copytree(PROJECT / "migrations", folder)
    (folder / "versions" / "9999_next.py").write_text(NEXT.replace("{before}", str(before)))
    monkeypatch.setattr(migrations, "shipped", lambda _: folder)
    return folder


def test_an_upgrade_beside_an_export_fails_no_vote(bare: Engine, next_release: Path) -> None:
    """A snapshot is open and two hundred votes arrive while a column is added to the hot tables and an index is built."""
    make.site(str(bare.url.render_as_string(hide_password=False)))
    daily = booth(bare, answer_within_s=0.9)
    daily.cast(make.reader(0), "like", seq=1)
    with ThreadPoolExecutor(9) as pool, snapshot(bare) as export:
        assert export.execute(select(func.count()).select_from(tables.vote)).scalar_one() == 1
        upgraded = pool.submit(migrations.upgrade, bare)
        votes = [pool.submit(daily.cast, make.reader(n), "like", seq=1) for n in range(1, 201)]

        receipts = [vote.result() for vote in votes]

        assert len(receipts) == 200
        assert bare.dialect.name == "sqlite" or not upgraded.done()
        export.rollback()
        assert upgraded.result(timeout=30) is True
    assert daily.shown() == {"like": 201}
    assert daily.differences() == []


def test_an_upgrade_that_never_gets_its_locks_says_what_to_do(bare: Engine, next_release: Path) -> None:
    if bare.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer: it waits for a turn, not for a lock on a table")
    with bare.connect() as reader:
        reader.execute(select(tables.vote.c.seq)).all()

        with pytest.raises(MigrationRefused, match="kept the tables locked"):
            migrations.upgrade(bare, give_up_s=0.5)

    assert migrations.upgrade(bare) is True


def test_a_version_that_is_older_than_the_tables_leaves_them_alone(
    bare: Engine, next_release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrations.upgrade(bare)
    monkeypatch.setattr(migrations, "shipped", lambda _: PROJECT / "migrations")

    with bare.connect() as connection:
        assert migrations.newer(connection)
        assert not migrations.behind(connection)
    with pytest.raises(MigrationRefused, match="revision 9999, which a newer version"):
        migrations.upgrade(bare)
    with pytest.raises(MigrationRefused, match="revision 9999"):
        migrations.downgrade(bare, "base")


def test_an_unknown_revision_is_refused_with_those_there_are(bare: Engine) -> None:
    migrations.upgrade(bare)

    with pytest.raises(MigrationRefused, match=r"no revision '0815'. There are: 0001, 0002"):
        migrations.downgrade(bare, "0815")


def test_articles_with_a_key_of_the_old_form_keep_their_votes_under_the_new_one(bare: Engine) -> None:
    migrations.upgrade(bare)
    migrations.downgrade(bare, "0004")
    with engines.writing(bare) as connection:
        connection.exec_driver_sql(
            "INSERT INTO article (article_id, site_id, key, first_seen_at) VALUES (7, 1, 'a\u2764\ufe0f', 1)"
        )

    migrations.upgrade(bare)

    with bare.connect() as connection:
        led = connection.execute(select(tables.article_alias.c.key, tables.article_alias.c.article_id)).all()
    assert [tuple(row) for row in led] == [("a\u2764", 7)]
