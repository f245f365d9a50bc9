"""SQLite's files are removed or replaced under a running service: noticed before the next vote is acknowledged."""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DatabaseError

from reactions.refusals import Unavailable
from reactions.storage import engines, outages
from reactions.storage.engines import writing
from reactions.storage.sqlite_files import Files, State
from reactions.votes import readers
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


def stored(file: Path) -> int:
    """How many votes somebody finds who opens the database now."""
    with closing(sqlite3.connect(file)) as found:
        return int(found.execute("SELECT count(*) FROM vote").fetchone()[0])


@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_a_vote_into_a_file_that_is_removed_meanwhile_is_not_acknowledged(daily: Booth, file: Path, suffix: str) -> None:
    assert vote(daily, 1)

    with pytest.raises(Unavailable):
        daily.box.transact(lambda _: Path(f"{file}{suffix}").unlink())


def test_a_vote_after_a_removal_is_refused_or_found(daily: Booth, file: Path) -> None:
    assert vote(daily, 1)
    Path(f"{file}-wal").unlink()

    assert vote(daily, 2)
    assert stored(file) >= 1

    file.unlink()
    assert not vote(daily, 3)


def test_a_backup_that_is_put_in_place_is_read_and_gets_the_next_votes(daily: Booth, file: Path) -> None:
    assert vote(daily, 1)
    copy = backup(daily, file)
    assert vote(daily, 2)
    with prepared(f"sqlite:///{file}") as another:
        reports = booth(another)
        assert reports.shown() == {"like": 2}

        for suffix in ("-wal", "-shm"):
            Path(f"{file}{suffix}").unlink()
        shutil.move(copy, file)

        assert reports.shown() == {"like": 1}
        assert vote(daily, 3)
        assert daily.shown() == reports.shown() == {"like": 2}
    assert stored(file) == 2


def truncate(file: Path, _copy: Path) -> None:
    os.truncate(file, 0)


def truncate_the_log(file: Path, _copy: Path) -> None:
    os.truncate(f"{file}-wal", 0)


def shorten_the_log(file: Path, _copy: Path) -> None:
    os.truncate(f"{file}-wal", 5000)


def copy_the_backup_over(file: Path, copy: Path) -> None:
    shutil.copyfile(copy, file)


def copy_another_log_over(file: Path, _copy: Path) -> None:
    log = Path(f"{file}-wal")
    log.write_bytes(os.urandom(log.stat().st_size))


@pytest.mark.parametrize(
    "deed", [truncate, truncate_the_log, shorten_the_log, copy_the_backup_over, copy_another_log_over], ids=lambda f: f.__name__
)
def test_a_file_that_is_written_over_gets_no_vote(daily: Booth, file: Path, deed: Callable[[Path, Path], None]) -> None:
    """The file is the same one, and SQLite went on: it has a log of what is not in the file any more."""
    assert vote(daily, 1)
    copy = backup(daily, file)
    assert vote(daily, 2)

    deed(file, copy)

    assert not vote(daily, 3)


def test_a_file_that_was_written_over_is_refused_until_it_is_replaced(daily: Booth, file: Path) -> None:
    assert vote(daily, 1)
    copy = backup(daily, file)
    assert vote(daily, 2)

    shutil.copyfile(copy, file)

    assert [vote(daily, number) for number in (3, 4, 5)] == [False] * 3
    with daily.engine.connect() as connection, pytest.raises(Unavailable):
        engines.check_files(connection)

    for suffix in ("-wal", "-shm"):
        Path(f"{file}{suffix}").unlink()
    shutil.move(copy, file)

    wait_until(lambda: vote(daily, 3), why="votes are counted again")
    assert daily.shown() == {"like": 2}
    with daily.engine.connect() as connection:
        engines.check_files(connection)


def test_what_sqlite_itself_writes_to_its_file_is_no_fault(daily: Booth, file: Path) -> None:
    """A checkpoint, by us or another, a log that starts anew or ends, and VACUUM, which makes the file shorter."""
    others = sqlite3.connect(file, isolation_level=None)
    for number, statement in enumerate(
        ["PRAGMA wal_checkpoint(PASSIVE)", "PRAGMA wal_checkpoint(RESTART)", "PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM"] * 3
    ):
        assert vote(daily, number)
        with daily.engine.connect() as connection:  # what it writes is there in the log alone, and then in the file
            connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS filling (text)")
            connection.exec_driver_sql("INSERT INTO filling VALUES (zeroblob(100000))")
        others.execute("DELETE FROM filling")
        others.execute(statement)
    others.close()

    assert vote(daily, 100)
    assert stored(file) == 13


def test_what_sqlite_writes_while_somebody_looks_is_no_fault(daily: Booth, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint needs no write lock: it may begin and end after the file was looked at and before its log is."""
    others = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    look, stat, looks, moved = Files.look, os.stat, 0, 0

    def stat_and_wait(path: object, **given: object) -> os.stat_result:
        nonlocal moved
        found = stat(path, **given)  # type: ignore[call-overload]
        if path == str(file) and looks % 2:
            moved += others.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[2] > 0
        return found  # type: ignore[no-any-return]

    def look_slowly(files: Files, opened: tuple[object, ...]) -> State:
        nonlocal looks
        looks += 1
        with monkeypatch.context() as patched:
            patched.setattr(os, "stat", stat_and_wait)
            return look(files, opened)

    monkeypatch.setattr(Files, "look", look_slowly)
    assert all(vote(daily, number) for number in range(10))
    others.close()

    assert moved >= 4
    assert stored(file) == 10


def test_a_damaged_file_is_an_outage(daily: Booth, file: Path) -> None:
    file.write_bytes(b"no database" * 1000)

    with prepared(f"sqlite:///{file}") as another, pytest.raises(DatabaseError) as met, another.connect() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM vote")

    assert isinstance(outages.refusal_for(met.value), Unavailable)


def test_the_votes_of_another_installation_are_left_alone(sqlite_files: SqliteFiles, tmp_path: Path) -> None:
    """Its database is put in place of ours, whose secret the service has: each of its readers could vote again."""
    asked: list[str] = []

    def guard(connection: Connection) -> None:
        asked.append("")
        readers.agree_on_key(connection, "ours", now_ms=0)

    files: dict[str, Path] = {}
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        files[name] = file = Path(sqlite_files.copy_to(tmp_path / name).removeprefix("sqlite:///"))
        make.site(f"sqlite:///{file}")
        with prepared(f"sqlite:///{file}") as engine, writing(engine) as connection:
            readers.agree_on_key(connection, {"a": "ours", "b": "theirs"}[name], now_ms=0)
    with prepared(f"sqlite:///{files['a']}") as engine:
        ours = booth(engine, guard=guard)
        assert vote(ours, 1)
        assert vote(ours, 2)
        assert asked == [""]

        for suffix in ("-wal", "-shm"):
            Path(f"{files['a']}{suffix}").unlink()
        shutil.move(files["b"], files["a"])

        assert [vote(ours, number) for number in (3, 4)] == [False, False]
    assert stored(files["a"]) == 0


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


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="looks at what Linux tells of open files")
def test_what_was_opened_to_look_at_files_is_closed_when_nobody_uses_them(sqlite_files: SqliteFiles, tmp_path: Path) -> None:
    """Not before: to close a file ends the locks that SQLite has on it in this process."""
    for number in range(4):
        folder = tmp_path / str(number)
        folder.mkdir()
        engine = create_engine(sqlite_files.copy_to(folder))
        engines.prepare(engine)
        for _ in range(2):
            with writing(engine) as connection:
                connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS filling (text)")
        engine.dispose()
        del engine, connection
        gc.collect()

    files = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert {Path(file).parent.name for file in files if file.startswith(str(tmp_path))} == {"3"}


@pytest.mark.skipif(not Path("/var/tmp").is_dir(), reason="needs a folder on a disk")
def test_a_log_that_its_last_connection_took_away_and_the_next_has_anew_is_no_fault(sqlite_files: SqliteFiles) -> None:
    """On a disk the new one has the old one's number among the files; in memory, where tests keep theirs, it has not."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        url = sqlite_files.copy_to(Path(folder))
        for number in range(6):
            make.site(url, f"site-{number}")
