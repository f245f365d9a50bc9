"""The description of the API against the service: requests derived from it by schemathesis are answered as it says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from schemathesis import engine, openapi
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events
from schemathesis.specs.openapi.schemas import OpenApiSchema

from reactions.newsroom import api_keys
from tests.web.asking import only_sqlite
from tests.web.conftest import MakeApp
from tests.web.test_newsroom_api import key_of

pytestmark = [only_sqlite, pytest.mark.filterwarnings("ignore:Generating overly large repr")]
# What a JSON Schema cannot say of a good request, and the service must: no control character in a key, a reaction that the
# site offers, a seq near its clock. No 5xx is among them.
ANSWERS_TO_GOOD_REQUESTS = ["2xx", "304", "400", "404", "409", "422"]


@pytest.fixture
def unlimited(make_app: MakeApp) -> Flask:
    limits = ("votes_per_reader", "votes_per_network", "votes_per_article")
    return make_app(**dict.fromkeys(limits, "1000000/second"))


def description_of(app: Flask, *, examples: int, **chosen: Any) -> OpenApiSchema:
    """The served description, with what schemathesis needs to know beside it."""
    given = {
        "parameters": {"path.site_key": "daily"},
        "generation": {"max-examples": examples, "deterministic": True},
        # The check of ignored keys cannot ask a WSGI application again; tests/web/test_newsroom_api.py has its own.
        "checks": {
            "positive_data_acceptance": {"expected-statuses": ANSWERS_TO_GOOD_REQUESTS},
            "not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx"]},
            "ignored_auth": {"enabled": False},
        },
        "continue-on-failure": True,
        **chosen,
    }
    return openapi.from_wsgi("/openapi.json", app, config=SchemathesisConfig.from_dict(given))


def faults_of(described: OpenApiSchema) -> tuple[int, list[str]]:
    """Ask everything there is to ask: how many requests that were, and what was answered against the description."""
    asked, faults = 0, set()
    for event in engine.from_schema(described).execute():
        if isinstance(event, events.ScenarioFinished):
            asked += len(event.recorder.cases)
            faults.update(_failures(event))
        elif isinstance(event, events.NonFatalError | events.FatalError):
            faults.add(str(event))
    return asked, sorted(faults)


def _failures(event: events.ScenarioFinished) -> Iterator[str]:
    for checks in event.recorder.checks.values():
        for check in checks:
            if check.status == Status.FAILURE and check.failure_info:
                yield f"{event.recorder.label}: {check.failure_info.failure}\n{check.failure_info.code_sample}"


def test_the_description_is_openapi_3_1(unlimited: Flask) -> None:
    described = description_of(unlimited, examples=1)

    described.validate()

    assert described.raw_schema["openapi"] == "3.1.0"
    assert described.raw_schema["info"]["title"] == "Reader Reactions"


def test_whatever_can_be_derived_from_the_description_of_the_readers_routes_is_answered_as_it_says(unlimited: Flask) -> None:
    described = description_of(unlimited, examples=30).include(path_regex="/(reactions|counts|vote)$")

    asked, faults = faults_of(described)

    assert not faults, "\n\n".join(faults)
    assert asked > 100


def test_whatever_can_be_derived_from_the_description_of_the_newsrooms_routes_is_answered_as_it_says(unlimited: Flask) -> None:
    bearer = {"Authorization": f"Bearer {key_of(unlimited, 'daily', *api_keys.SCOPES)}"}
    described = description_of(unlimited, examples=10, headers=bearer).exclude(path_regex="/(reactions|counts|vote)$")

    asked, faults = faults_of(described)

    assert not faults, "\n\n".join(faults)
    assert asked > 100
