"""The description of the API against the service: what it must hold, its examples, and whatever schemathesis derives from it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.described import check, document
from tests.lengths import only_sqlite
from tests.service import running_service
from tests.web import seeded
from tests.web.conftest import MakeApp

METHODS = ("get", "put", "post", "patch", "delete")


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every described operation with its path and method."""
    for path, described in document()["paths"].items():
        yield from ((path, method, described[method]) for method in METHODS if method in described)


OPERATIONS = {operation["operationId"]: (path, method, operation) for path, method, operation in operations()}


@pytest.fixture
def seeded_app(make_app: MakeApp) -> Flask:
    return make_app(**seeded.SETTINGS)


@only_sqlite
def test_the_description_is_openapi_3_1(seeded_app: Flask) -> None:
    from schemathesis import openapi  # seconds, which every process that collects this file would spend

    described = openapi.from_wsgi("/openapi.json", seeded_app)

    described.validate()

    assert described.raw_schema["openapi"] == "3.1.0"
    assert described.raw_schema["info"]["title"] == "Reader Reactions"
    assert [server["url"] for server in described.raw_schema["servers"]] == ["./"]


def test_every_operation_has_an_id_of_its_own_and_no_two_paths_are_one() -> None:
    assert len(OPERATIONS) == sum(1 for _ in operations())
    assert [name for name in OPERATIONS if not re.fullmatch("[a-z]+[A-Z][A-Za-z]+", name)] == []
    shapes = [re.sub(r"{\w+}", "{}", path) for path in document()["paths"]]
    assert len(set(shapes)) == len(shapes)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_has_an_example_of_all_that_is_sent_and_received(name: str) -> None:
    path, _, operation = OPERATIONS[name]
    shared = document()["paths"][path].get("parameters", [])
    sent = {(p["in"], p["name"]): p for p in [*shared, *operation.get("parameters", [])]}

    assert [key for key, parameter in sent.items() if parameter["required"] and "example" not in parameter] == []
    if "requestBody" in operation:
        assert operation["requestBody"]["content"]["application/json"]["example"]
    content = operation["responses"]["200"]["content"]
    assert any("example" in media for media in content.values())
    assert operation["summary"].endswith(".")


def test_only_bodies_are_closed_to_new_members() -> None:
    schemas = document()["components"]["schemas"]

    closed = {name for name, schema in schemas.items() if schema.get("additionalProperties") is False}

    assert closed == {name for name in schemas if name.endswith("Body")} | {"ArticleNamed"}


def test_a_route_describes_its_own_problems_and_no_others() -> None:
    def titles(name: str, status: int) -> str:
        reference = OPERATIONS[name][2]["responses"][str(status)]["$ref"]
        return str(document()["components"]["responses"][reference.rpartition("/")[2]]["description"])

    assert titles("castVote", 404) == "No such article. No such site."
    assert titles("castVote", 429) == "Too many new articles today. Too many votes."
    assert titles("moveArticle", 409) == "This key belongs to another article."
    assert titles("getCounts", 414) == "The address is too long."
    assert titles("resetArticle", 409) == titles("reopenArticle", 409) == "The votes of this article are gone."
    assert titles("mergeArticle", 409) == "Somebody else has changed this. The votes of this article are gone."
    assert "409" not in OPERATIONS["closeArticle"][2]["responses"]


@only_sqlite
def test_every_example_is_sent_and_answered_as_the_description_shows(seeded_app: Flask) -> None:
    keys = seeded.seed(seeded_app)

    fresh = seeded.examples(seeded_app, keys)

    assert set(fresh) == set(OPERATIONS)
    for name, (path, method, operation) in OPERATIONS.items():
        response = operation["responses"]["200"]["content"]
        media, shown = next((media, described["example"]) for media, described in response.items() if "example" in described)
        assert seeded.alike(shown, fresh[name]["response"]), f"`python -m tests.web.seeded` writes the examples anew: {name}"
        headers = {"Content-Type": media, **dict.fromkeys(operation["responses"]["200"]["headers"], "1")}
        check(method.upper(), path, 200, headers, json.dumps(shown).encode() if media == "application/json" else None)


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the examples are written; at first as they are shipped."""
    path = tmp_path / "examples.json"
    path.write_bytes(seeded.EXAMPLES.read_bytes())
    monkeypatch.setattr(seeded, "EXAMPLES", path)
    return path


def test_examples_that_are_written_anew_stay_as_they_are_where_only_values_differ(written: Path) -> None:
    shipped = written.read_bytes()

    assert seeded.main([]) == 0

    assert written.read_bytes() == shipped


@pytest.mark.parametrize("words", [["--help"], ["fuz"]])
def test_words_that_seeded_does_not_know_write_no_examples(
    written: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = written.read_bytes()

    assert seeded.main(words) == 2

    assert written.read_bytes() == shipped
    assert "python -m tests.web.seeded fuzz" in capsys.readouterr().err


@only_sqlite
def test_schemathesis_finds_nothing_at_a_site_with_something_in_every_state(seeded_app: Flask, database_url: str) -> None:
    keys = seeded.seed(seeded_app)

    with running_service(database_url, settings=seeded.SETTINGS) as service:
        run = seeded.fuzz(service.url, keys, "--max-examples", "2")

    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(rf"Tested: +{len(OPERATIONS)}\b", run.stdout), run.stdout
    assert int(re.findall(r"([\d,]+) generated", run.stdout)[0].replace(",", "")) > 500
