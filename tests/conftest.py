"""What tests are given: databases of both engines, fresh and migrated; a Redis; a running service."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import psutil
import pytest
from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import Engine
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule
from xdist.scheduler import LoadScopeScheduling

from tests import boxes, make, preloaded
from tests.boxes import Booth
from tests.browsers import browser, complaints  # noqa: F401 - fixtures
from tests.databases import GivenDatabase, PostgresDatabases, SqliteFiles
from tests.engines import Postgres, Redis, free_port
from tests.service import Service, running_service

_ROOM = 6 * 2**30  # bytes; three processes take two of them at most
_LONG = {"faults", "widget", "dashboard", "integrations", "test_slow_clients.py"}


def _keep_files_in_memory() -> None:
    """Put what tests write where no disk is waited for, if there is room: a quarter of a database's tests was that.

    What outlives `kill -9` does so in memory too; a crash of the machine nobody plays. `make faults` and `make bench` use the
    disk, and so do tests where TMPDIR names one.
    """
    memory = "/dev/shm"
    if "TMPDIR" in os.environ or not Path(memory).is_dir():
        return
    given = os.statvfs(memory)
    room = min(given.f_bavail * given.f_frsize, psutil.virtual_memory().available)
    if room >= _ROOM and not given.f_flag & os.ST_NOEXEC:
        tempfile.tempdir = os.environ["TMPDIR"] = memory


def _compile_each_address_once() -> None:
    """Compile each address of werkzeug's once. Half of making an application goes there, and thousands are made."""
    compiled: dict[object, Any] = {}
    compile_rule = Rule.compile

    def remembered(rule: Rule) -> None:
        key = (
            rule.rule, rule.subdomain, rule.host, rule.merge_slashes, rule.map.host_matching, repr(rule.defaults),
            *rule.map.converters.values(),
        )  # fmt: skip
        if key not in compiled:
            compile_rule(rule)
            builders = rule._build.__func__, rule._build_unknown.__func__
            compiled[key] = rule._parts, rule._trace, rule._converters, rule.arguments, builders
            return
        rule._parts, rule._trace, rule._converters, rule.arguments, builders = compiled[key]
        rule._build, rule._build_unknown = (builder.__get__(rule, None) for builder in builders)

    Rule.compile = remembered  # type: ignore[method-assign]


class _OfAllEngines(LRUCache[Any, Any]):
    """Statements as SQL, whichever engine of a kind compiled them. They are the same on all servers of a test run."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(self._without_engine(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__(self._without_engine(key), compiled)

    @staticmethod
    def _without_engine(key: Any) -> Any:
        dialect, *statement = key
        return type(dialect), dialect.server_version_info, dialect.paramstyle, *statement


def _compile_each_statement_once() -> None:
    """Let all engines share what they compiled. Each test has engines of its own, and a tenth of its time went there."""
    shared = _OfAllEngines(5000)
    Engine._compiled_cache = property(lambda _: shared, lambda *_: None)  # type: ignore[assignment]


class _OfAllApplications(BytecodeCache):
    """Templates as Python, whichever application compiled them."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._codes[bucket.key, bucket.checksum] = bucket.code


def _compile_each_template_once() -> None:
    """Let all applications share their templates. Half the time of a test of the dashboard went there."""
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": _OfAllApplications()}


_keep_files_in_memory()
_compile_each_address_once()
_compile_each_statement_once()
_compile_each_template_once()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files come first: at the end no process then waits for another one's."""
    items.sort(key=lambda item: _LONG.isdisjoint(item.path.parts))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep what is imported and collected out of garbage collection: it all stays. A twentieth of the tests' time went there."""
    gc.disable()
    found = yield
    gc.freeze()
    gc.enable()
    return found


class _ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """Keep the tests of a file in one process, where they share servers. Each fault starts its own, so it may run in any."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if nodeid.startswith("tests/faults/") else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """For --dist loadgroup, whose own groups are lost: pytest 9.2 does not see the names that xdist 3.8 gives to tests."""
    config.option.loadscopereorder = False  # the order is that above
    return _ByFile(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.fixture(scope="session", autouse=True)
def _services_begin_with_the_imports_done() -> Iterator[None]:
    """Fork services from a process that has imported the product: that takes a second, and more than a hundred start."""
    Service.from_nothing = False
    yield
    preloaded.end()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of this test process's own."""
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    """A Redis server of this test process's own. Tests that stop it start it again."""
    server = Redis()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def redis_url(redis_server: Redis) -> str:
    """The address of an empty Redis."""
    redis_server.empty()
    return redis_server.url


@pytest.fixture(scope="session")
def sqlite_files(tmp_path_factory: pytest.TempPathFactory) -> SqliteFiles:
    return SqliteFiles(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="session")
def postgres_databases(postgres: Postgres) -> PostgresDatabases:
    return PostgresDatabases(postgres)


@pytest.fixture(scope="session")
def given_database() -> Iterator[GivenDatabase | None]:
    """The database that TEST_DATABASE_URL names, if it names one."""
    given = GivenDatabase(os.environ["TEST_DATABASE_URL"]) if "TEST_DATABASE_URL" in os.environ else None
    yield given
    if given:
        given.close()


@pytest.fixture(params=["postgresql"] if "TEST_DATABASE_URL" in os.environ else ["sqlite", "postgresql"])
def engine_kind(request: pytest.FixtureRequest) -> str:
    """Both engines in turn."""
    return str(request.param)


@pytest.fixture
def database_url(engine_kind: str, request: pytest.FixtureRequest, tmp_path: Path, given_database: GivenDatabase | None) -> str:
    """A fresh, migrated database on each engine in turn. A test that alters the tables takes `bare_database_url`."""
    if engine_kind == "sqlite":
        files: SqliteFiles = request.getfixturevalue("sqlite_files")
        return files.copy_to(tmp_path)
    if given_database:
        return given_database.emptied()
    databases: PostgresDatabases = request.getfixturevalue("postgres_databases")
    return databases.server.url(databases.emptied())


@pytest.fixture
def bare_database_url(engine_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without any table, on each engine in turn."""
    if engine_kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'bare.db'}"
        return
    databases: PostgresDatabases = request.getfixturevalue("postgres_databases")
    name = databases.bare()
    yield databases.server.url(name)
    databases.server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql", "in months"])
def kind(request: pytest.FixtureRequest) -> str:
    """Both engines in turn, and PostgreSQL for a ledger that the test puts into months."""
    return str(request.param)


@pytest.fixture
def own_url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database of this test's own with the site "daily": its tables may be altered."""
    if kind == "sqlite":
        url = request.getfixturevalue("sqlite_files").copy_to(tmp_path)
        make.site(url)
        yield url
        return
    databases: PostgresDatabases = request.getfixturevalue("postgres_databases")
    name = databases.own()
    make.site(databases.server.url(name))
    yield databases.server.url(name)
    databases.server.drop_database(name)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on a fresh, migrated database."""
    with boxes.prepared(database_url) as engine:
        yield engine


@pytest.fixture
def daily(engine: Engine, database_url: str) -> Booth:
    """A booth on the site "daily", where nobody has voted yet."""
    make.site(database_url)
    return boxes.booth(engine)


@pytest.fixture(scope="session")
def live_service(sqlite_files: SqliteFiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service on SQLite with the site "daily", whose pages may be served from `live_service.page_origin`."""
    url = sqlite_files.copy_to(tmp_path_factory.mktemp("live"))
    page_origin, port = f"http://localhost:{free_port()}", free_port()
    own_pages = [f"http://localhost:{port}", f"http://127.0.0.1:{port}"]
    make.site(url, "daily", origins=[page_origin, *own_pages, make.ORIGIN])
    with running_service(url, port=port, settings={"counts_memory_s": 0}) as service:
        service.page_origin = page_origin
        yield service
