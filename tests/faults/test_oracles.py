"""Each oracle by itself: silent about a right history, and loud about the fault it is there for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests import oracles
from tests.make import ADA, BEN, CIA
from tests.oracles import Attempt, Stored

A, B, C = b"pseudonym of ada", b"pseudonym of ben", b"pseudonym of cia"
PROBLEM = {"type": "/problems#unavailable", "title": "Away", "status": 503, "detail": "Try again."}


def attempt(reader: str, reaction: str | None, seq: int, status: int = 200) -> Attempt:
    return Attempt("news", reader, reaction, seq, status, at=0.0, took=0.0)


# Ada likes and then loves; Ben's like got no answer and was counted; Cia was turned away.
LOG = [attempt(ADA, "like", 10), attempt(ADA, "love", 20), attempt(BEN, "like", 30, 0), attempt(CIA, "sad", 40, 422)]
RIGHT = Stored(
    votes=[("news", 1, A, "love", 20), ("news", 1, B, "like", 30)],
    events=[(1, A, 10, None, "like"), (1, A, 20, "like", "love"), (1, B, 30, None, "like")],
    tally={(1, "like"): 1, (1, "love"): 1, (1, "sad"): 0},
    hourly={(1, "like"): 1, (1, "love"): 1},
)


def reported(log: list[Attempt], held: Stored) -> list[str]:
    return [finding.oracle for finding in oracles.judge(log, held) if finding.figure]


def test_a_right_history_is_not_reported() -> None:
    assert reported(LOG, RIGHT) == []
    assert oracles.recovered(LOG, RIGHT) == 1


@pytest.mark.parametrize(
    ("fault", "held"),
    [
        ("O1 lost", replace(RIGHT, votes=RIGHT.votes[1:])),
        ("O1 lost", replace(RIGHT, votes=[("news", 1, A, "like", 10), RIGHT.votes[1]])),
        ("O1 unexpected", replace(RIGHT, votes=[*RIGHT.votes, ("news", 1, C, "sad", 40)])),
        ("O1 unexpected", replace(RIGHT, votes=[("news", 1, A, "sad", 20), RIGHT.votes[1]])),
        ("O2 double", replace(RIGHT, votes=[*RIGHT.votes, ("news", 1, A, "like", 10)])),
        ("O2 double", replace(RIGHT, votes=[*RIGHT.votes, ("news", 1, b"another of ada's", "like", 10)])),
        ("O2 double", replace(RIGHT, tally={(1, "like"): 4})),
        ("O2 double", replace(RIGHT, events=[*RIGHT.events, RIGHT.events[0]])),
        ("O3 drift", replace(RIGHT, tally={**RIGHT.tally, (1, "like"): 0})),
        ("O3 drift", replace(RIGHT, hourly={**RIGHT.hourly, (1, "like"): 2})),
        ("O4 fold", replace(RIGHT, events=RIGHT.events[1:])),
        ("O4 fold", replace(RIGHT, events=RIGHT.events[:2])),
        ("O6 negative", replace(RIGHT, tally={**RIGHT.tally, (1, "sad"): -1})),
        ("O7 last wins", replace(RIGHT, votes=[("news", 1, A, "like", 10), RIGHT.votes[1]])),
    ],
)
def test_a_fault_is_reported_by_its_oracle(fault: str, held: Stored) -> None:
    assert fault in reported(LOG, held)


def test_counts_that_are_served_otherwise_than_stored_are_reported() -> None:
    assert oracles.served([{"article": "news", "counts": {"like": 1, "love": 1, "sad": 0}}], RIGHT).figure == 0
    assert oracles.served([{"article": "news", "counts": {"like": 2, "love": 1, "sad": 0}}], RIGHT).figure == 1


@pytest.mark.parametrize(
    "answer",
    [
        attempt(ADA, "like", 1, 0),
        replace(attempt(ADA, "like", 1, 500), content_type="application/problem+json", body={**PROBLEM, "status": 500}),
        replace(attempt(ADA, "like", 1, 503), content_type="text/html", retry_after="2", body=PROBLEM),
        replace(attempt(ADA, "like", 1, 503), content_type="application/problem+json", body=PROBLEM),
        replace(attempt(ADA, "like", 1, 503), content_type="application/problem+json", retry_after="2", body={"status": 503}),
    ],
    ids=["no answer", "status not allowed", "no problem", "no Retry-After", "no title"],
)
def test_an_answer_that_is_no_proper_refusal_is_reported(answer: Attempt) -> None:
    assert oracles.shapes([answer], allowed=(503,)).figure == 1


def test_a_proper_refusal_is_not_reported() -> None:
    answer = replace(
        attempt(ADA, "like", 1, 503), content_type="application/problem+json; charset=utf-8", retry_after="2", body=PROBLEM
    )

    assert oracles.shapes([answer], allowed=(503,)).figure == 0
    assert oracles.shapes([attempt(ADA, "like", 1, 0)], resets=True).figure == 0
