"""SQLite's files are removed or replaced under a running service: noticed before the next vote is acknowledged."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from reactions.refusals import Unavailable
from tests import make
from tests.boxes import Booth, booth, prepared
from tests.databases import SqliteFiles
from tests.engines import wait_until
from tests.storage.test_unsafe import accepted


@pytest.fixture
def file(sqlite_files: SqliteFiles, tmp_path: Path) -> Path:
    return Path(sqlite_files.copy_to(tmp_path).removeprefix("sqlite:///"))


@pytest.fixture
def daily(file: Path) -> Iterator[Booth]:
    make.site(f"sqlite:///{file}")
    with prepared(f"sqlite:///{file}") as engine:
        yield booth(engine)


def vote(daily: Booth, number: int) -> bool:
    return accepted(lambda: daily.cast(make.reader(number), "like", seq=1))


def backup(daily: Booth, file: Path) -> Path:
    copy = file.with_name("backup.db")
    with daily.engine.connect() as connection:
        connection.exec_driver_sql(f"VACUUM INTO '{copy}'")
    return copy


@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_a_vote_into_a_removed_file_is_not_acknowledged(daily: Booth, file: Path, suffix: str) -> None:
    assert vote(daily, 1)
    Path(f"{file}{suffix}").unlink()

    with pytest.raises(Unavailable):
        daily.cast(make.reader(2), "like", seq=1)


def test_a_backup_that_is_put_in_place_gets_the_next_votes(daily: Booth, file: Path) -> None:
    assert vote(daily, 1)
    copy = backup(daily, file)
    assert vote(daily, 2)

    for suffix in ("-wal", "-shm"):
        Path(f"{file}{suffix}").unlink()
    shutil.move(copy, file)

    assert not vote(daily, 3)
    wait_until(lambda: vote(daily, 3), why="votes are counted again")
    assert daily.shown() == {"like": 2}


def test_without_its_tables_a_database_is_an_outage_until_it_is_restored(daily: Booth, file: Path) -> None:
    assert vote(daily, 1)
    copy = backup(daily, file)
    for suffix in ("", "-wal", "-shm"):
        Path(f"{file}{suffix}").unlink()

    assert not vote(daily, 2)
    assert not vote(daily, 2)  # a new connection makes a new file, which is empty

    for suffix in ("-wal", "-shm"):
        Path(f"{file}{suffix}").unlink(missing_ok=True)
    shutil.move(copy, file)
    wait_until(lambda: vote(daily, 2), why="votes are counted again")
    assert daily.shown() == {"like": 2}
