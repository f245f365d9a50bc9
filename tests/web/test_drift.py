"""Drift is told to operators: in the metrics, and in a line that says what to run. On both engines."""

from __future__ import annotations

import asyncio
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, update

from reactions.app import asgi_app
from reactions.storage import tables
from reactions.votes import drift, watching
from tests import make
from tests.boxes import booth
from tests.make import ADA
from tests.web.asking import vote
from tests.web.conftest import MakeApp
from tests.web.terminal import Terminal

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


def test_a_command_that_counts_votes_begins_nothing_in_the_background(
    database_url: str, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[object] = []
    monkeypatch.setattr(drift.Rounds, "start", begun.append)
    monkeypatch.setattr(watching.Watch, "note", lambda *given: begun.append(given))
    make.site(database_url)
    daily = booth(engine)
    for article in ("a", "b"):
        daily.cast(ADA, "like", seq=1, article=article)
    terminal = Terminal(tmp_path, database_url)

    terminal.do("article", "merge", "daily", "a", "b")
    terminal.close()

    assert begun == []
