"""What is logged of a fault: enough to find it, and nothing of the reader who met it."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from reactions.newsroom import sites
from reactions.storage.engines import writing
from reactions.votes import rules
from reactions.web import current
from tests import make
from tests.lengths import only_postgresql, only_sqlite
from tests.web.asking import VOTE, ballot, problem, row
from tests.web.conftest import MakeApp

READER = "ca4a" * 8
CANARIES = (READER, READER[:16], "canary-article", "canary-browser", "198.51.100.77", "203.0.113.88", make.SECRET, "\\xca")
FAULT = problem("internal", 500, "Something went wrong on our side", "The fault was logged. Try again later.")


def vote_of_the_canary(client: FlaskClient) -> tuple[int, Any]:
    headers = {"User-Agent": "canary-browser", "X-Forwarded-For": "203.0.113.88", "Origin": make.ORIGIN}
    body = ballot("canary-article", reader=READER)
    answer = client.put(VOTE, json=body, headers=headers, environ_base={"REMOTE_ADDR": "198.51.100.77"})
    return answer.status_code, answer.json


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@only_sqlite
def test_a_bug_is_logged_with_its_place_and_without_what_the_reader_sent(
    make_app: MakeApp, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, reader: bytes, **_more: object) -> NoReturn:
        raise RuntimeError(f"a bug that met {len(reader)} bytes")

    monkeypatch.setattr(rules, "ballot", broken)

    answer = vote_of_the_canary(make_app().test_client())

    (entry,) = logged(capsys)
    assert answer == (500, FAULT)
    assert (entry["event"], entry["level"], entry["route"]) == ("unhandled fault", "error", "/v1/sites/<site_key>/vote")
    assert entry["exception"][0]["exc_type"] == "RuntimeError"
    assert entry["exception"][0]["frames"][-1]["name"] == "broken"
    assert [canary for canary in CANARIES if canary in json.dumps(entry)] == []


@only_sqlite
def test_a_statement_that_fails_is_logged_without_its_values(
    make_app: MakeApp, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("alter table vote rename column seq to was_seq")

    answer = vote_of_the_canary(make_app().test_client())

    (entry,) = logged(capsys)
    assert answer == (500, FAULT)
    assert "INSERT INTO vote" in entry["exception"][0]["exc_value"]
    assert "[parameters:" not in json.dumps(entry)
    assert [canary for canary in CANARIES if canary in json.dumps(entry)] == []


@only_postgresql
def test_a_row_that_the_database_refuses_is_logged_without_its_values(
    make_app: MakeApp, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("alter table vote add constraint too_late check (seq < 0)")

    answer = vote_of_the_canary(make_app().test_client())

    with engine.begin() as connection:
        connection.exec_driver_sql("alter table vote drop constraint too_late")
    (entry,) = logged(capsys)
    assert answer == (500, FAULT)
    assert "too_late" in entry["exception"][0]["exc_value"]
    assert [told for told in (*CANARIES, "Failing row") if told in json.dumps(entry)] == []


def test_what_fails_beside_requests_is_a_line_like_any_other(
    make_app: MakeApp, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    app = make_app()
    with writing(engine) as connection:
        sites.change(connection, "daily", count_views=1)
    beacon = {"articles": ["canary-article"]}
    assert app.test_client().post("/v1/sites/daily/views", data=json.dumps(beacon), content_type="text/plain").json == {
        "taken": 1
    }
    with engine.begin() as connection:
        connection.exec_driver_sql("alter table article rename column hidden_at to was_hidden_at")

    with app.app_context():
        current.parts().hot_path.views.write()

    with engine.begin() as connection:
        connection.exec_driver_sql("alter table article rename column was_hidden_at to hidden_at")
    entries = logged(capsys)
    assert {(entry["event"], entry["level"]) for entry in entries} == {("views could not be written", "error")}
    assert {"timestamp", "exception"} <= set(entries[0])
    assert [canary for canary in CANARIES if canary in json.dumps(entries)] == []


@only_sqlite
def test_a_page_can_read_that_something_went_wrong(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "counts_of", lambda *_: 1 / 0)

    answer = row(client, "a")

    assert (answer.status_code, answer.json) == (500, FAULT)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"] == "no-store"


@only_sqlite
def test_what_went_well_and_what_was_refused_is_not_logged(make_app: MakeApp, capsys: pytest.CaptureFixture[str]) -> None:
    client = make_app(log_level="debug").test_client()
    vote_of_the_canary(client)
    row(client, "canary-article")
    row(client, "\0")
    client.get("/nothing/canary-article")

    assert logged(capsys) == []


@only_sqlite
def test_the_log_level_is_a_setting(
    make_app: MakeApp, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "counts_of", lambda *_: 1 / 0)

    row(make_app(log_level="error").test_client(), "a")

    assert [entry["level"] for entry in logged(capsys)] == ["error"]
