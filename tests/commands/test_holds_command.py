"""`reactions holds`: listed, released, rejected, and released when due."""

from __future__ import annotations

import pytest
from flask import Flask

from reactions.commands.holds import holds
from tests import make
from tests.lengths import only_sqlite
from tests.web.asking import counts, vote
from tests.web.conftest import MakeApp

pytestmark = only_sqlite


@pytest.fixture
def held_app(make_app: MakeApp) -> Flask:
    """One vote counted, three held."""
    app = make_app(fresh_votes_per_network="1/10 minutes")
    client = app.test_client()
    for number in range(4):
        vote(client, reader=make.reader(number))
    return app


def run(app: Flask, *arguments: str) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(holds, arguments)
    return result.exit_code, result.output


def total(app: Flask) -> int:
    return int(counts(app.test_client(), ["a"]).json["articles"][0]["total"])


def test_held_votes_are_listed_released_and_rejected(held_app: Flask) -> None:
    _, listed = run(held_app, "list", "daily")
    ids = [line.split()[0] for line in listed.splitlines() if "soft cap" in line]

    assert len(ids) == 3
    assert run(held_app, "reject", "daily", "--vote", ids[0]) == (0, "1 vote rejected.\n")
    assert run(held_app, "release", "daily", "--vote", ids[1]) == (0, "1 vote released.\n")
    assert run(held_app, "release", "daily", "--all") == (0, "1 vote released.\n")
    assert run(held_app, "release", "daily", "--all", "--rejected") == (0, "1 vote released.\n")
    assert total(held_app) == 4
    assert run(held_app, "verdicts", "daily") == (0, "none yet\n")


def test_only_what_is_due_is_released_by_the_timer(held_app: Flask) -> None:
    assert run(held_app, "release", "--due") == (0, "0 votes released.\n")
    assert total(held_app) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("release",),
        ("release", "daily"),
        ("reject", "daily"),
        ("release", "daily", "--due"),
        ("release", "--due", "--all"),
        ("reject", "daily", "--from", "yesterday"),
        ("reject", "daily", "--until", "2026-03-01T07:30:00"),
    ],
)
def test_a_command_that_does_not_say_which_votes_changes_nothing(held_app: Flask, arguments: tuple[str, ...]) -> None:
    code, output = run(held_app, *arguments)

    assert code == 2
    assert output.splitlines()[-1].startswith("Error: ")
    assert total(held_app) == 1
