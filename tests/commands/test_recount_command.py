"""`reactions recount`: shows first, and changes on request. On both engines."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import Engine, update

from reactions.commands.database import verify
from reactions.commands.recount import recount
from reactions.storage import tables
from tests.web.asking import vote


def run(app: Flask, *arguments: str) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(recount, arguments)
    return result.exit_code, result.output


def test_drift_is_shown_then_set_and_then_gone(app: Flask, engine: Engine) -> None:
    vote(app.test_client(), article="a")
    vote(app.test_client(), article="b")
    assert run(app) == (0, "Every number agrees.\n")
    with engine.begin() as connection:
        connection.execute(update(tables.tally).where(tables.tally.c.n == 1).values(n=5))

    listed = "    like       served 5, votes 1, ledger 1, hourly series 1: to be set to 1\n"
    code, shown = run(app, "--site", "daily", "--article", "a")
    again = run(app, "--site", "daily", "--article", "a")

    assert (code, shown) == again == (1, f"daily a\n{listed}1 number disagrees. --apply sets what can be set.\n")
    assert run(app, "--site", "daily", "--article", "a", "--apply") == (0, f"daily a\n{listed}    set.\n")
    assert run(app, "--apply") == (0, f"daily b\n{listed}    set.\n")
    assert run(app) == (0, "Every number agrees.\n")
    assert app.test_cli_runner().invoke(verify).exit_code == 0


@pytest.mark.parametrize(
    "arguments", [("--article", "a"), ("--site", "nowhere"), ("--site", "daily", "--article", "nothing"), ("more",)]
)
def test_what_cannot_be_meant_is_refused(app: Flask, arguments: tuple[str, ...]) -> None:
    assert run(app, *arguments)[0] != 0
