"""Bad input, on both engines: a problem that says how to put it right, and nothing is stored."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from tests import make
from tests.faults.stage import UNLIMITED
from tests.web.asking import NOTHING, VOTE, counted, receipt, rows_stored
from tests.web.conftest import MakeApp
from tests.web.corpus import JSON, Case, Expected, accepted, filled, refused

SAYS_HOW = re.compile(
    r"\b(Send|Give|Write|Ask for|Use|must|has 1 to 200 characters|It offers|There is no such member|at most a day)\b"
)
INTERNALS = re.compile(r"Traceback|sqlalchemy|psycopg|sqlite|marshmallow|werkzeug|\.py\b|SELECT |INSERT |0x[0-9a-f]{6}", re.I)
MOST_ECHOED = 64


def send(client: FlaskClient, case: Case) -> TestResponse:
    return client.open(case.path, method=case.method, data=case.body or None, headers=dict(case.headers))


def summary(answer: TestResponse) -> Expected:
    """A response in the terms of the corpus."""
    document = json.loads(answer.data)
    pointers = tuple(error["pointer"] for error in document.get("errors", ()))
    return Expected(answer.status_code, document["type"].removeprefix("/problems#"), pointers)


def faults_of_form(case: Case, answer: TestResponse) -> list[str]:
    """How an answer breaks the rules that every problem keeps."""
    document: dict[str, Any] = json.loads(answer.data)
    text = json.dumps(document, ensure_ascii=False)
    details = [document["detail"], *(error["detail"] for error in document.get("errors", ()))]
    broken = {
        "is no problem": answer.content_type != "application/problem+json",
        "has other members": set(document) - {"type", "title", "status", "detail", "errors"} != set(),
        "has another status in its body": document["status"] != answer.status_code,
        "may be cached": answer.headers["Cache-Control"] != "no-store",
        "may be sniffed": answer.headers["X-Content-Type-Options"] != "nosniff",
        "does not say how to put it right": not all(SAYS_HOW.search(detail) for detail in details),
        "tells internals": INTERNALS.search(text) is not None,
        "is as long as what was sent": len(answer.data) > 3000,
        "echoes": echoes(case, text),
    }
    return [fault for fault, found in broken.items() if found]


def echoes(case: Case, answer: str) -> bool:
    """True if more than `MOST_ECHOED` characters of the input, in their quotes, stand in the answer."""
    sent = (case.body or case.path.encode())[:8000].decode("utf-8", "replace")
    length = MOST_ECHOED + 2
    return any(sent[at : at + length] in answer for at in range(len(sent) - length + 1))


@pytest.fixture
def unlimited(make_app: MakeApp) -> FlaskClient:
    """A client that no rate limit stands in the way of."""
    return make_app(**UNLIMITED).test_client(use_cookies=False)


def test_every_bad_request_is_refused_as_the_corpus_says_and_nothing_is_stored(unlimited: FlaskClient, engine: Engine) -> None:
    cases = list(refused())

    answers = [(case, send(unlimited, case)) for case in cases]

    wrong = [
        f"{case.name}: {summary(answer)}, not {case.expected}" for case, answer in answers if summary(answer) != case.expected
    ]
    assert not wrong, "\n".join(wrong)
    misshapen = [f"{case.name}: {fault}" for case, answer in answers for fault in faults_of_form(case, answer)]
    assert not misshapen, "\n".join(misshapen)
    assert Counter(answer.status_code // 100 for _, answer in answers) == {4: len(cases)}
    assert rows_stored(engine) == NOTHING


def test_the_corpus_names_each_case_once_and_does_not_shrink() -> None:
    names = Counter(case.name for case in refused())

    assert [name for name, times in names.items() if times > 1] == []
    assert len(names) >= 400


def test_unusual_but_right_bodies_are_counted(unlimited: FlaskClient, engine: Engine) -> None:
    cases = accepted()

    for number, case in enumerate(cases):
        body = filled(case["text"], reader=make.reader(number)).encode()
        body = body.ljust(case.get("pad_to", 0))
        answer = unlimited.put(VOTE, data=body, content_type=case.get("content_type", "application/json"))

        assert (case["name"], answer.status_code) == (case["name"], 200)
        assert answer.get_json()["article"] == case["article"]
        assert answer.get_json()["counts"]["like"] >= 1
    assert rows_stored(engine)["vote"] == len(cases)


def test_a_refused_vote_between_good_ones_changes_nothing(unlimited: FlaskClient) -> None:
    good = filled('{"article":"a","reaction":"like","reader":"$reader","seq":1}')
    unlimited.put(VOTE, data=good, headers=JSON)

    for case in refused():
        if case.method == "PUT" and case.expected.status != 413:
            send(unlimited, case)
    again = unlimited.put(VOTE, data=good, headers=JSON)

    assert receipt(again) == {"article": "a", "reaction": "like", "total": 1, "counts": counted(like=1)}


def test_a_body_without_a_length_is_no_vote(unlimited: FlaskClient, engine: Engine) -> None:
    body = filled('{"article":"a","reaction":"like","reader":"$reader","seq":$now}').encode()

    answer = unlimited.put(VOTE, data=body, headers=JSON, environ_overrides={"CONTENT_LENGTH": ""})

    assert summary(answer) == Expected(400, "invalid-request", ("#",))
    assert rows_stored(engine) == NOTHING


def test_the_same_wrong_request_always_gets_the_same_answer(unlimited: FlaskClient) -> None:
    for case in list(refused())[::7]:
        assert send(unlimited, case).data == send(unlimited, case).data


def test_no_refused_request_is_counted_against_the_readers_limit(make_app: MakeApp) -> None:
    client = make_app(votes_per_reader="1/minute").test_client()
    for case in refused():
        send(client, case)

    good = client.put(VOTE, data=filled('{"article":"a","reaction":"like","reader":"$reader","seq":$now}'), headers=JSON)

    assert good.status_code == 200
