"""Hostile requests get the same refusal at every door; the long run is `make fuzz`, and here is that it would notice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.databases import SqliteFiles
from tests.web import doors
from tests.web.doors import Answer
from tests.web.hostile import KINDS

PROBLEM = {"content-type": "application/problem+json", "vary": "Origin"}
REFUSED = Answer(400, PROBLEM, {"title": "No"})
TAKEN = Answer(200, {"content-type": "application/json", "vary": "Origin"}, {"total": 1})
REQUEST = b"PUT / HTTP/1.1\r\n\r\n"


def test_every_door_refuses_alike_and_nothing_else_is_stored(tmp_path: Path, sqlite_files: SqliteFiles) -> None:
    with doors.running(tmp_path, sqlite_files) as services:
        outcome = doors.run(services, requests=10 * len(KINDS), seed=7)

    assert not outcome.faults, "\n".join(outcome.faults)
    assert outcome.statuses[200] > 50
    assert outcome.statuses[400] > 100


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        (Answer(500, PROBLEM), "b: 500"),
        (Answer(400, {"content-type": "text/plain"}), "b: 400 is no problem"),
        (Answer(400, PROBLEM, {"title": "Something else"}), "not alike"),
        (TAKEN, "not alike"),
        (Answer(409, PROBLEM, {"title": "No"}), "not alike"),
        (Answer(400, {**PROBLEM, "cache-control": "max-age=60"}, {"title": "No"}), "not alike"),
    ],
)
def test_a_door_that_answers_otherwise_is_noticed(planted: Answer, found: str) -> None:
    assert found in list(doors.faults(REQUEST, {"a": REFUSED, "b": planted}))


def test_what_one_server_refuses_no_other_takes() -> None:
    cut = Answer(400, {"content-type": "application/problem+json", "connection": "close"})

    assert list(doors.faults(REQUEST, {"a": cut, "b": REFUSED})) == []
    assert list(doors.faults(REQUEST, {"a": cut, "b": TAKEN})) == ["taken at one door, refused by another's server"]
