"""Hostile requests get the same refusal at every door; the long run is `make fuzz`, and here is that it would notice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from random import Random

import pytest

from reactions.settings import Settings
from tests import make
from tests.databases import SqliteFiles
from tests.faults.stage import WIDE
from tests.service import Service
from tests.web import doors
from tests.web.doors import Answer
from tests.web.hostile import KINDS, SEQ, vote

PROBLEM = {"content-type": "application/problem+json", "vary": "Origin"}
REFUSED = Answer(400, PROBLEM, {"title": "No"})
TAKEN = Answer(200, {"content-type": "application/json", "vary": "Origin"}, {"total": 1})
REQUEST = b"PUT / HTTP/1.1\r\n\r\n"


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory, sqlite_files: SqliteFiles) -> Iterator[dict[str, Service]]:
    with doors.running(tmp_path_factory.mktemp("doors"), sqlite_files) as running:
        yield running


def test_every_door_refuses_alike_and_nothing_else_is_stored(services: dict[str, Service]) -> None:
    outcome = doors.run(services, requests=10 * len(KINDS), seed=7)

    assert not outcome.faults, "\n".join(outcome.faults)
    assert outcome.statuses[200] > 50
    assert outcome.statuses[400] > 100


def test_what_one_server_takes_and_another_may_refuse_leaves_all_doors_alike(
    services: dict[str, Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    def two_spaces(_chance: Random, _number: int) -> bytes:
        body = f'{{"article":"spaced","reaction":"love","reader":"{make.reader(77)}","seq":{SEQ}}}'
        return vote(body.encode()).replace(b"PUT ", b"PUT  ", 1)

    monkeypatch.setattr(doors, "KINDS", [two_spaces])

    outcome = doors.run(services, requests=1, seed=7)

    assert {200, 400} <= outcome.statuses.keys()
    assert not outcome.faults, "\n".join(outcome.faults)


def test_a_run_reaches_no_limit_on_votes() -> None:
    """The doors are asked some milliseconds apart: near a limit one would count a vote that another holds or refuses."""
    limits = [each.name for each in fields(Settings) if each.name.startswith(("votes_per_", "fresh_votes_", "new_articles_"))]

    assert {name: doors.SETTINGS.get(name) for name in limits} == dict.fromkeys(limits, WIDE)


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
