"""The servers that are measured: each one worker with the product's own configuration, on the server's core."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import psutil

from bench import machine
from bench.load import SITE
from tests import make
from tests.databases import PostgresDatabases, SqliteFiles
from tests.deploy.proxies import Nginx, binary
from tests.engines import Engine, Postgres, Redis
from tests.service import COMMAND, GRANIAN, Service, running_service

THREADS = 32
_Engine = TypeVar("_Engine", bound=Engine)
# On, so that every vote is counted against each of them, and wide, because all votes come from one address.
_WIDE_LIMITS = {
    "new_articles_per_network": "100000000/hour",
    "votes_per_reader": "30/minute",
    "votes_per_network": "100000000/minute",
    "votes_per_wide_network": "100000000/minute",
    "votes_per_network_everywhere": "100000000/minute",
    "votes_per_wide_network_everywhere": "100000000/minute",
    "votes_per_article": "100000000/second",
    "fresh_votes_per_network": "100000000/10 minutes",
    "fresh_votes_per_ipv4_24": "100000000/10 minutes",
    "fresh_votes_everywhere": "100000000/10 minutes",
}


@dataclass(frozen=True)
class Server:
    """A running server. `engine` is the database server beside it, None for SQLite, which runs inside; `front` its proxy.

    `counts` says that it stores the votes it acknowledges, `serves_counts` that it has the product's API to read them.
    `start_s` is how long it took to be ready, on the server's core.
    """

    name: str
    service: Service
    database_url: str
    engine: Engine | None
    counts: bool
    serves_counts: bool
    front: Nginx | None = None
    start_s: float = 0.0

    @property
    def url(self) -> str:
        """Its address."""
        return self.front.url if self.front else self.service.url

    def processes(self) -> list[psutil.Process]:
        """Those of the server itself and of its proxy."""
        return [*map(psutil.Process, self.service.pids()), *_processes_of(self.front)]

    def engine_processes(self) -> list[psutil.Process]:
        """Those of its database server."""
        return _processes_of(self.engine)

    def acknowledged(self) -> int:
        """How many ballots the server says it has acknowledged."""
        told = re.search(r'^reactions_ballots_total\{outcome="acknowledged"\} (\S+)$', self.service.metrics(), re.MULTILINE)
        return int(float(told[1])) if told else 0


def _processes_of(engine: Engine | None) -> list[psutil.Process]:
    return machine.family(engine.process.pid) if engine and engine.process else []


class Stand:
    """Where servers are started, and ended with the block. Databases and Redis share the load generator's core.

    In production they have machines of their own; the load generator leaves most of its core free.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        self._sqlite = SqliteFiles(self._folder)
        self._postgres: PostgresDatabases | None = None
        self._redis: Redis | None = None

    def __enter__(self) -> Stand:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def comparison(self) -> Iterator[Servers]:
        """A block whose servers end with it; the databases' servers stay for the next."""
        with ExitStack() as stack:
            yield Servers(self, stack)

    def database(self, kind: str) -> tuple[str, Engine | None]:
        """A fresh, migrated database with the site: its address, and its server."""
        if kind == "sqlite":
            folder = Path(tempfile.mkdtemp(dir=self._folder))
            url, engine = self._sqlite.copy_to(folder), None
        else:
            self._postgres = self._postgres or PostgresDatabases(self._started(Postgres()))
            url, engine = self._postgres.server.url(self._postgres.own()), self._postgres.server
        make.site(url, SITE)
        return url, engine

    def redis_url(self) -> str:
        """The address of an empty Redis."""
        self._redis = self._redis or self._started(Redis())
        self._redis.empty()
        return self._redis.url

    def _started(self, engine: _Engine) -> _Engine:
        self._stack.callback(engine.close)
        with machine.on_core(machine.LOAD_CORE):
            engine.start()
        return engine


class Servers:
    """Starts the servers of one comparison."""

    def __init__(self, stand: Stand, stack: ExitStack) -> None:
        self._stand = stand
        self._stack = stack

    def ours(self, kind: str, *, limiter: str = "memory", part: str = "", runs_on: str = "uvicorn", **settings: object) -> Server:
        """The product, on one of gunicorn's worker classes or on granian.

        `part` names the function of `bench.peers.partial` that switches layers off.
        """
        chosen = {**_WIDE_LIMITS, **settings}
        if limiter == "redis":
            chosen["limiter_url"] = self._stand.redis_url()
        name = ", ".join(["ours", runs_on, kind, f"limits in {limiter}", *(f"{of} {value}" for of, value in settings.items())])
        application = f"bench.peers.partial:{part}()" if part else ""
        counts = "counting" not in part
        return self._served(
            f"{name} {part}".strip().replace("_", " "),
            application,
            kind,
            chosen,
            runs_on=runs_on,
            counts=counts,
            serves_counts=counts,
        )

    def orm(self, kind: str) -> Server:
        """The customary way."""
        return self._served(f"ORM {kind}", "bench.peers.orm:app", kind, {}, runs_on="gthread", counts=True)

    def ceiling(self, name: str = "app", *, workers: int = 1) -> Server:
        """Flask that always answers the same; `bare` is gunicorn without Flask."""
        several = {"workers": workers, "limiter_url": self._stand.redis_url()} if workers > 1 else {}
        return self._served("ceiling", f"bench.peers.ceiling:{name}", "sqlite", several, runs_on="gthread")

    def empty(self, runs_on: str = "uvicorn") -> Server:
        """An ASGI application that does nothing, under one of the product's servers: the floor."""
        return self._served(f"empty, {runs_on}", "bench.peers.ceiling:empty", "sqlite", {}, runs_on=runs_on)

    def behind_nginx(self, server: Server) -> Server | None:
        """The server with the shipped cache configuration before it; None where there is no nginx."""
        program = binary()
        if program is None:
            return None
        proxy = Nginx(program, server.service.port)
        self._stack.callback(proxy.close)
        with machine.on_core(machine.SERVER_CORE):
            proxy.start()
        return replace(server, front=proxy)

    def _served(
        self,
        name: str,
        application: str,
        kind: str,
        settings: Mapping[str, object],
        *,
        runs_on: str,
        counts: bool = False,
        serves_counts: bool = False,
    ) -> Server:
        url, engine = self._stand.database(kind)
        command = (*(GRANIAN if runs_on == "granian" else COMMAND), *([application] if application else []))
        started = time.monotonic()
        with machine.on_core(machine.SERVER_CORE):
            service = self._stack.enter_context(
                running_service(url, threads=THREADS, server=runs_on, settings=settings, command=command)
            )
        return Server(name, service, url, engine, counts, serves_counts, start_s=time.monotonic() - started)
