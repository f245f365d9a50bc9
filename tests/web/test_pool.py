"""Connections to PostgreSQL are few: a request waits for one in use, and is refused only when none comes back in time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from reactions.web.extensions import db
from tests.lengths import only_postgresql
from tests.web.asking import counted, row, vote
from tests.web.conftest import MakeApp

pytestmark = only_postgresql


def test_a_request_waits_for_a_connection_that_is_in_use(make_app: MakeApp) -> None:
    app = make_app(database_pool_size=1, counts_memory_s=0)
    client = app.test_client()
    vote(client)

    with ThreadPoolExecutor(1) as pool:
        with app.app_context(), ExitStack() as in_use:
            for _ in range(5):
                in_use.enter_context(db.engine.connect())
            answer = pool.submit(row, client, "a")
            with pytest.raises(TimeoutError):
                answer.result(timeout=0.3)
        told = answer.result(timeout=10)

    assert (told.status_code, told.get_json()["total"]) == (200, 1)


def test_a_request_that_gets_no_connection_in_time_is_told_when_to_ask_again(make_app: MakeApp) -> None:
    app = make_app(database_pool_size=1, counts_memory_s=0, answer_within_s=0.1)
    client = app.test_client()

    with app.app_context(), ExitStack() as in_use:
        for _ in range(5):
            in_use.enter_context(db.engine.connect())
        unread = row(client, "a")

    assert (unread.status_code, unread.headers["Retry-After"]) == (503, "2")
    assert row(client, "a").status_code == 200


def test_votes_do_not_wait_for_the_connections_that_reports_hold(make_app: MakeApp) -> None:
    app = make_app(database_pool_size=1, answer_within_s=0.9)
    client = app.test_client()
    vote(client)

    with app.app_context(), ExitStack() as in_use:
        for _ in range(5):
            in_use.enter_context(db.engine.connect())
        changed = vote(client, reaction="love")

    assert changed.get_json()["counts"] == counted(love=1)
