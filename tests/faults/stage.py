"""Where a scenario plays: a database of its own, services on it, and a report of promises with their figures."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from tests import make, oracles
from tests.databases import PostgresDatabases, SqliteFiles
from tests.engines import Postgres, Redis
from tests.faults import planted, plants
from tests.oracles import Attempt, Finding, Stored
from tests.service import Service, running_service

# The scenarios are about counting; what the limits refuse is tested elsewhere.
WIDE = "10000000/second"
LIMITS = ("per_reader", "per_network", "per_wide_network", "per_network_everywhere", "per_wide_network_everywhere", "per_article")
CAPS = ("per_network", "per_ipv4_24", "per_ipv6_56", "per_ipv6_48", "per_ipv6_32", "everywhere")
UNLIMITED = {
    **{f"votes_{whom}": WIDE for whom in LIMITS}, **{f"fresh_votes_{whom}": WIDE for whom in CAPS},
    "new_articles_per_network": WIDE, "detector_every_s": 0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Promise:
    """A figure and the most, or the least, that it may be."""

    text: str
    figure: float
    kept: bool
    pass_line: str
    details: tuple[object, ...] = ()

    def __str__(self) -> str:
        shown = f"{'ok  ' if self.kept else 'FAIL'} {self.text}: {self.figure:g} ({self.pass_line})"
        return shown if self.kept or not self.details else f"{shown} {self.details}"


@dataclass
class Report:
    """What a scenario measured, and what it promised."""

    scenario: str
    store: str
    figures: dict[str, float] = field(default_factory=dict)
    promises: list[Promise] = field(default_factory=list)

    def at_most(self, limit: float, text: str, figure: float, *details: object) -> None:
        self.promises.append(Promise(text, round(figure, 4), figure <= limit, f"at most {limit:g}", details))

    def at_least(self, limit: float, text: str, figure: float, *details: object) -> None:
        self.promises.append(Promise(text, round(figure, 4), figure >= limit, f"at least {limit:g}", details))

    def findings(self, findings: Sequence[Finding]) -> None:
        for finding in findings:
            self.at_most(0, finding.oracle, finding.figure, *finding.details)

    @property
    def broken(self) -> list[Promise]:
        return [promise for promise in self.promises if not promise.kept]

    def __str__(self) -> str:
        figures = ", ".join(f"{name} {value:g}" for name, value in self.figures.items())
        return "\n  ".join([f"{self.scenario} on {self.store}: {figures}", *map(str, self.promises)])


class Stage:
    """One scenario's database, and how to run services on it. `plant` names a bug to load into them (see plants.py).

    `server` is what they run on.
    """

    def __init__(
        self, store: str, folder: Path, *, sqlite: SqliteFiles, postgres: PostgresDatabases | None, redis: Redis,
        plant: str | None = None,
    ) -> None:  # fmt: skip
        self.store = store
        self.folder = folder
        self.redis = redis
        self.plant = plant
        self.server = "uvicorn"
        self._postgres = postgres
        self.database: str | None = None
        self._others: list[str] = []
        if store == "postgresql":
            self.database = self._databases.own()
            self.url = self.postgres.url(self.database)
        else:
            self.url = sqlite.copy_to(folder)
        make.site(self.url)
        if plant == plants.check_then_act.__name__:
            plants.without_vote_key(self.url)

    @property
    def _databases(self) -> PostgresDatabases:
        if self._postgres is None:
            raise RuntimeError("this stage has no PostgreSQL")
        return self._postgres

    @property
    def postgres(self) -> Postgres:
        return self._databases.server

    def bare_database(self) -> str:
        """The name of another database, without tables, on the stage's PostgreSQL; it goes with the stage."""
        self._others.append(self._databases.bare())
        return self._others[-1]

    def close(self) -> None:
        for name in (self.database, *self._others):
            if name is not None:
                self.postgres.drop_database(name)

    @contextmanager
    def service(
        self, *, workers: int = 2, settings: Mapping[str, object] | None = None, shipped_limits: bool = False
    ) -> Iterator[Service]:
        """Run one host of the service, with limits that nobody reaches unless those it ships with are wanted."""
        limits = {} if shipped_limits else UNLIMITED
        chosen = {**limits, "limiter_url": self.redis.url, "counts_memory_s": 0, **(settings or {})}
        command, environ = (planted.COMMAND, {"PLANT": self.plant}) if self.plant else (None, {})
        with running_service(
            self.url, workers=workers, server=self.server, settings=chosen, command=command, environ=environ
        ) as service:
            yield service

    @contextmanager
    def services(self) -> Iterator[list[Service]]:
        """Two hosts on the one database: clients that take them in turn meet in two processes for certain.

        They wait long for a COMMIT: what is played here is the order of ballots, and a disk that stalls is another play.
        """
        patient = {"answer_within_s": 10}
        with ExitStack() as stack:
            with ThreadPoolExecutor(2) as pool:  # both start at once: starting is most of a short play
                hosts = [self.service(workers=1, settings=patient) for _ in range(2)]
                started = list(pool.map(stack.enter_context, hosts))
            yield started

    def stored(self) -> Stored:
        return oracles.stored(self.url)

    def judge(self, report: Report, log: Sequence[Attempt], services: Sequence[Service] = ()) -> Stored:
        """Let every oracle look at the finished run."""
        held = self.stored()
        report.figures |= {
            "attempts": len(log),
            "acknowledged": sum(1 for attempt in log if attempt.acknowledged),
            "recovered": oracles.recovered(log, held),
        }
        report.findings(oracles.judge(log, held))
        for service in services:
            try:
                answers = served_counts(service, {attempt.article for attempt in log})
            except OSError as error:
                raise RuntimeError(f"the service is gone; its log ends:\n{service.log()[-3000:]}") from error
            report.findings([oracles.served(answers, held)])
        return held


class NotServed(Exception):
    """Counts were asked for and not given."""


def served_counts(service: Service, articles: Collection[str]) -> list[dict[str, object]]:
    """The counts of these articles as a reader is told them."""
    answers: list[dict[str, object]] = []
    keys = sorted(articles)
    for first in range(0, len(keys), 100):
        asked = urlencode([("article", key) for key in keys[first : first + 100]])
        status, body = service.get(f"/v1/sites/daily/counts?{asked}")
        if status != 200:
            raise NotServed(f"counts are not served: {status} {body[:300]!r}")
        answers += json.loads(body)["articles"]
    return answers
