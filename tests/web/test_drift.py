"""Drift is told to operators: in the metrics, and in a line that says what to run. On both engines."""

from __future__ import annotations

import asyncio
import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, update

from reactions.app import asgi_app
from reactions.storage import tables
from reactions.votes import drift
from tests.web.asking import vote
from tests.web.conftest import MakeApp

TOKEN = "a token of the operator, for tests"


def test_a_tally_that_was_changed_behind_our_back_shows_in_metrics_and_log(
    make_app: MakeApp, engine: Engine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift.Rounds, "start", lambda _: None)  # they are walked here, and no thread outlives the test
    app = make_app(metrics_token=TOKEN, verify_articles_per_minute=10)
    client = app.test_client()
    vote(client, article="sport/the cup's final")
    with app.app_context():
        rounds = app.extensions["reader-reactions"].rounds

    def metric(name: str) -> float:
        exposed = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
        found = re.search(rf"^{name} ([\d.]+)$", exposed, re.MULTILINE)
        assert found
        return float(found[1])

    rounds.look()
    checked = metric("reactions_verified_articles_total")
    assert metric("reactions_drift") == 0

    with engine.begin() as connection:
        connection.execute(update(tables.tally).values(n=7))
    capsys.readouterr()
    rounds.look()

    assert (metric("reactions_drift"), metric("reactions_verified_articles_total")) == (1, checked + 1)
    (entry,) = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (entry["event"], entry["level"], entry["article"]) == ("drift", "error", "sport/the cup's final")
    assert entry["run"] == """reactions recount --site daily --article 'sport/the cup'"'"'s final'"""
    assert "served=7, recounted=1" in entry["differences"][0]


def test_the_rounds_begin_with_the_server_before_the_first_vote(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[drift.Rounds] = []
    monkeypatch.setattr(drift.Rounds, "start", lambda rounds: begun.append(rounds))
    door = asgi_app(make_app())
    messages, sent = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]), list[str]()

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    with ThreadPoolExecutor(1) as pool:  # in the main thread Playwright's loop runs, once a test of this process had a browser
        pool.submit(lambda: asyncio.run(door({"type": "lifespan"}, receive, send))).result()

    assert len(begun) == 1
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
