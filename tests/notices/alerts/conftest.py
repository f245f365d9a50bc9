"""A site, its editors' webhooks, and a sender whose clock tests set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from reactions.newsroom import sites
from reactions.newsroom.sites import Site
from reactions.notices import alerts, outbox, webhooks
from reactions.notices.alerts import Alert, Finding
from reactions.notices.outbox import Attempt, Sender
from reactions.notices.webhooks import Webhook
from reactions.storage import tables
from reactions.storage.engines import writing
from reactions.web import current
from tests import make
from tests.boxes import NOON_MS
from tests.web.terminal import Terminal

KEY = b"k" * 32
HOUR_MS = 3_600_000


@dataclass
class Newsroom:
    """A newsroom with a database. `now_ms` is the time everywhere."""

    engine: Engine
    site: Site
    now_ms: int = NOON_MS
    jitter: float = 0.5

    def sender(self, **choices: Any) -> Sender:
        usual: dict[str, Any] = {"timeout_s": 2.0, "attempts": 9, "private_allowed": True}
        return Sender(self.engine, KEY, clock=lambda: self.now_ms, jitter=lambda: self.jitter, **usual | choices)

    def webhook(self, url: str, *, kind: str = "") -> Webhook:
        with writing(self.engine) as connection:
            return webhooks.add(connection, self.site, url, kind=kind, private_allowed=True, now_ms=self.now_ms)

    def raise_(self, *findings: Finding) -> list[Alert]:
        return alerts.raise_all(self.engine, self.site, findings, now_ms=self.now_ms)

    def deliver(self, **choices: Any) -> list[Attempt]:
        return outbox.deliver(self.sender(**choices), [self.site.id])

    def later(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)

    def deliveries(self) -> list[dict[str, Any]]:
        d = tables.delivery.c
        asked = select(d.state, d.attempts, d.next_at, d.problem).order_by(d.id)
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(asked).mappings()]

    def alerts(self) -> list[Alert]:
        with self.engine.connect() as connection:
            return alerts.latest(connection, self.site, limit=50)


def finding(rule: str = "surging", article_id: int = 7, **others: Any) -> Finding:
    usual = Finding(
        rule=rule,
        article_id=article_id,
        article={"key": "goat", "title": "Goat takes the 7:42", "url": "https://daily.example/goat", "section": "Local"},
        headline="Surging: Goat takes the 7:42",
        detail="312 approving reactions within 3 hours; 40 would be usual.",
        figures={"gained": 312, "expected": 40.25},
        cooling_off_ms=12 * HOUR_MS,
    )
    return replace(usual, **others)


@pytest.fixture
def newsroom(engine: Engine, database_url: str) -> Newsroom:
    make.site(database_url, time_zone="Europe/Berlin")
    with engine.connect() as connection:
        return Newsroom(engine, sites.get(connection, "daily"))


@pytest.fixture
def make_newsroom(engine: Engine, database_url: str) -> Callable[[str], Newsroom]:
    def other(key: str) -> Newsroom:
        make.site(database_url, key, name=key.title(), origins=[f"https://{key}.example"])
        with engine.connect() as connection:
            return Newsroom(engine, sites.get(connection, key))

    return other


@pytest.fixture
def terminal(tmp_path: Path, database_url: str, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """A terminal at the newsroom's database, at the newsroom's time."""
    monkeypatch.setattr(current, "now_ms", lambda: newsroom.now_ms)
    with Terminal(tmp_path, database_url) as opened:
        yield opened
