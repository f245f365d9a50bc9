"""SQLite's write lock: who waits for it takes it when it is free, and gives up in time."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import IntegrityError, OperationalError

from reactions.storage import engines
from reactions.storage.engines import writing
from tests import make
from tests.boxes import booth
from tests.databases import SqliteFiles
from tests.engines import wait_until


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


@pytest.fixture
def engine(file: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{file}", connect_args={"timeout": 0.3})
    engines.prepare(engine)
    with writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE t (n INT)")
    yield engine
    engine.dispose()


@pytest.fixture
def other(file: Path, engine: Engine) -> Iterator[sqlite3.Connection]:
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    yield other
    other.close()


def write(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")


def in_background(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_a_writer_that_waits_takes_each_free_moment(engine: Engine, other: sqlite3.Connection) -> None:
    """SQLite's own waiting asks 100 ms apart in the end, and would miss nearly all of these."""
    patient = create_engine(engine.url, connect_args={"timeout": 10})
    engines.prepare(patient)
    free = 0
    for _ in range(5):
        other.execute("BEGIN IMMEDIATE")
        waiting = in_background(lambda: write(patient))
        while waiting.is_alive():
            time.sleep(0.09)
            other.execute("COMMIT")
            free += 1
            time.sleep(0.005)
            other.execute("BEGIN IMMEDIATE")
        other.execute("COMMIT")
    patient.dispose()

    assert free < 20


def test_a_writer_gives_up_after_the_wait_of_its_connection_and_the_next_is_served(
    engine: Engine, other: sqlite3.Connection
) -> None:
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(OperationalError, match="database is locked"):
        write(engine)
    other.execute("COMMIT")
    write(engine)

    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM t").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 300


def test_a_fault_that_is_no_lock_is_told_at_once(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        with pytest.raises(OperationalError, match="within a transaction"):
            engines._take_turn(connection)


def test_a_long_writer_keeps_no_reader_waiting(engine: Engine, other: sqlite3.Connection) -> None:
    read: list[object] = []
    other.execute("BEGIN IMMEDIATE")
    with engine.connect() as connection:
        in_background(lambda: read.append(connection.exec_driver_sql("SELECT 1").scalar()))
        wait_until(lambda: read == [1], why="the read is done")
    other.execute("COMMIT")


def test_long_work_in_steps_leaves_others_their_turn(engine: Engine, other: sqlite3.Connection) -> None:
    """Votes fell to a thirtieth while a flood of them was held: who asks each millisecond missed the gaps between two steps."""
    other.execute("PRAGMA busy_timeout=10000")
    waited: list[int] = []
    begun = ended = 0

    def ask(at: int) -> None:
        other.execute("BEGIN IMMEDIATE")
        other.execute("COMMIT")
        waited.append(ended - at)

    for _ in range(10):
        with writing(engine) as connection:
            begun += 1
            connection.exec_driver_sql("INSERT INTO t VALUES (1)")
            if begun == 3:
                asking = in_background(lambda: ask(2))
            time.sleep(0.2)
        ended += 1
    asking.join()

    assert waited[0] <= 3, f"it waited for {waited[0]} of 7 steps"


def test_a_batch_of_votes_rests_for_nobody(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    rested: list[float] = []
    with writing(engine):
        time.sleep(0.1)
    monkeypatch.setattr(time, "sleep", rested.append)

    with writing(engine, rests=False):
        pass
    assert rested == []

    write(engine)
    assert rested[0] > 0


def statement_journals() -> int:
    """How many of SQLite's temporary files this process holds open; it removes their names at once."""
    open_files = (str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink())
    return sum("etilqs_" in name for name in open_files)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="looks at what Linux tells of open files")
@pytest.mark.parametrize(("in_memory", "files"), [(True, 0), (False, 1)])
def test_a_statement_of_a_batch_needs_no_file_to_be_undone(engine: Engine, in_memory: bool, files: int) -> None:
    """A folder for temporary files that is full or read-only would stop votes, and the file costs a seventh of a vote."""
    with writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE wide (n INT PRIMARY KEY NOT NULL, text TEXT NOT NULL)")
        connection.exec_driver_sql("WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM r WHERE i < 100) "
                                   "INSERT INTO wide SELECT i, hex(zeroblob(1500)) FROM r")  # fmt: skip
    with writing(engine, undo_in_memory=in_memory) as connection:
        connection.exec_driver_sql("UPDATE wide SET n = n + 1000")
        assert statement_journals() == files
        assert connection.exec_driver_sql("PRAGMA temp_store").scalar() == 0, "what sorts and lists goes on using files"
    with writing(engine, undo_in_memory=True) as connection, pytest.raises(IntegrityError):
        connection.exec_driver_sql("UPDATE wide SET n = CASE WHEN n > 1090 THEN 1090 ELSE -n END")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT min(n), count(*) FROM wide").one() == (1001, 100)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="looks at what Linux tells of open files")
def test_a_batch_of_votes_opens_no_file(sqlite_files: SqliteFiles, tmp_path: Path) -> None:
    url = sqlite_files.copy_to(tmp_path)
    make.site(url)
    engine = create_engine(url)
    engines.prepare(engine)
    daily = booth(engine)
    opened: list[int] = []
    event.listen(engine, "commit", lambda _: opened.append(statement_journals()))

    for first in range(0, 2000, 250):  # the last ones change many pages that are there already
        daily.box.count([daily.ballot(make.reader(number), "like", seq=1) for number in range(first, first + 250)])

    assert opened == [0] * 8
    assert daily.shown() == {"like": 2000}
    engine.dispose()
