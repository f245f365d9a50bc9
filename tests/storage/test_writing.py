"""SQLite's write lock: who waits for it takes it when it is free, and gives up in time."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import OperationalError

from reactions.storage import engines
from reactions.storage.engines import writing
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
