"""Two sites on one service are sealed from each other: on every route that the service describes, and on every page.

The routes are taken from the description and the route table, so that a new one is covered. A name of the other site's answers
the very bytes that a name answers which nobody ever used.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from reactions.newsroom import api_keys, articles, sites
from reactions.newsroom.articles import Description
from reactions.storage.engines import writing
from reactions.web import current
from tests import make
from tests.web import asking

SECRET_WORDS = ("secretstory", "Hush-hush", "Covert-desk", "Mole-Whisper", "undercover")
FOREIGN, MISSING = "secretstory", "nonesuch-00"  # of one length, so that an answer may quote them
OWN = "ours"


class Attempt(NamedTuple):
    """A request to one's own site that names something; `name` fills the gaps."""

    method: str
    path: str
    body: dict[str, str] | None
    query: dict[str, str]

    def named(self, name: str) -> dict[str, Any]:
        """What a client is to send, with the name in it."""
        body = None if self.body is None else _filled(self.body, name)
        return {
            "path": self.path.format(name=name),
            "method": self.method,
            "json": body,
            "query_string": _filled(self.query, name),
        }


def _filled(members: dict[str, str], name: str) -> dict[str, str]:
    return {key: value.format(name=name) for key, value in members.items()}


@pytest.fixture
def foreign_key_id(app: Flask, database_url: str) -> str:
    """Fill both sites; return the id of the other site's key."""
    make.site(database_url, "weekly", name="Undercover")
    with app.app_context(), writing(current.engine()) as connection:
        daily, weekly = (sites.get(connection, name) for name in ("daily", "weekly"))
        said = Description(FOREIGN, "Hush-hush", None, "Covert-desk", ["Mole-Whisper"], ["undercover"], current.now_ms() - 1)
        articles.describe(connection, weekly, [said], at_ms=current.now_ms())
        articles.describe(connection, daily, [Description(OWN, "Ours")], at_ms=current.now_ms())
        made, _ = api_keys.create(connection, weekly, scopes=["read"], label="Mole-Whisper", now_ms=1)
    vote(app.test_client(), "weekly", FOREIGN)
    vote(app.test_client(), "daily", OWN)
    return made.id


def vote(client: FlaskClient, site: str, article: str) -> None:
    assert (
        client.put(f"/v1/sites/{site}/vote", json=asking.ballot(article, "angry"), headers={"Origin": make.ORIGIN}).status_code
        == 200
    )


@pytest.fixture
def own_key(app: Flask) -> str:
    with app.app_context(), writing(current.engine()) as connection:
        daily = sites.get(connection, "daily")
        return api_keys.create(connection, daily, scopes=api_keys.SCOPES, label="ours", now_ms=current.now_ms())[1]


def attempts(app: Flask) -> Iterator[Attempt]:
    """Every request that an editor's route takes with an article or a key named in it, each place for a name in turn."""
    described = app.test_client().get("/openapi.json").json
    assert described
    for path, operations in described["paths"].items():
        shared = operations.get("parameters", [])
        for method, operation in operations.items():
            if method != "parameters" and operation.get("security"):
                yield from _attempts(described, path, method, [*shared, *operation.get("parameters", [])], operation)


def _attempts(described: Any, path: str, method: str, parameters: list[Any], operation: Any) -> Iterator[Attempt]:
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    members = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["properties"] if schema else {}
    places = [name for name in ("article", "into") if name in members]
    queried = any(parameter["in"] == "query" and parameter["name"] == "article" for parameter in parameters)
    for filled in _paths(path, parameters):
        for place in places:
            usual = {"article": OWN, "into": OWN, "to": "elsewhere"}
            yield Attempt(
                method.upper(), filled, {n: "{name}" if n == place else usual[n] for n in members if n == place or n in usual}, {}
            )
        if queried or "{name}" in filled:
            yield Attempt(method.upper(), filled, None, {"article": "{name}"} if queried else {})


def _paths(path: str, parameters: list[Any]) -> Iterator[str]:
    """The path on one's own site, with each of the words that a part of it may be; what is free takes the name."""
    places = [parameter for parameter in parameters if parameter["in"] == "path"]
    words = [["daily"] if p["name"] == "site_key" else p["schema"].get("enum", ["{name}"]) for p in places]
    for chosen in product(*words):
        yield path.format(**{place["name"]: word for place, word in zip(places, chosen, strict=True)})


def test_a_name_of_another_sites_answers_the_bytes_of_one_that_nobody_used(
    app: Flask, client: FlaskClient, foreign_key_id: str, own_key: str
) -> None:
    headers = {"Authorization": f"Bearer {own_key}"}
    tried = list(attempts(app))

    def answer(attempt: Attempt, name: str) -> TestResponse:
        return client.open(**attempt.named(name), headers=headers)

    for attempt in tried:
        foreign, missing = (foreign_key_id, "0" * 12) if "/keys/" in attempt.path else (FOREIGN, MISSING)
        theirs, nobodys = answer(attempt, foreign), answer(attempt, missing)
        assert (theirs.status_code, nobodys.status_code) == (404, 404), attempt
        assert theirs.data.replace(foreign.encode(), missing.encode()) == nobodys.data, attempt
    assert {attempt.path.rpartition("/")[2] for attempt in tried} >= {"close", "reset", "move", "merge", "one", "{name}"}


def test_another_sites_things_are_as_they_were_after_every_attempt(
    app: Flask, client: FlaskClient, foreign_key_id: str, own_key: str
) -> None:
    def shown() -> Any:
        return client.get(f"/v1/sites/weekly/reactions?article={FOREIGN}").json

    before = shown()
    for attempt in attempts(app):
        name = foreign_key_id if "/keys/" in attempt.path else FOREIGN
        client.open(**attempt.named(name), headers={"Authorization": f"Bearer {own_key}"})

    assert shown() == before
    with app.app_context(), current.reading() as connection:
        weekly = sites.get(connection, "weekly")
        assert [key.revoked_at for key in api_keys.all_of(connection, weekly)] == [None]


def test_no_page_and_no_answer_has_a_word_of_the_other_site(app: Flask, foreign_key_id: str, own_key: str) -> None:
    tab = app.test_client()
    assert tab.post("/dashboard/sign-in", data={"key": own_key}).status_code == 303
    paths = [rule.rule.replace("<site_key>", "daily") for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    asked = [path for path in paths if path.startswith(("/dashboard", "/v1/sites/daily")) and "<" not in path]
    asked += [f"/v1/sites/daily/export/{name}" for name in ("articles.csv", "series.csv", "votes.csv", "datapackage.json")]

    for path, query in product(asked, ("", "?period=28d", f"?article={FOREIGN}", f"?article={MISSING}", "?section=Covert-desk")):
        answer = tab.get(path + query, headers={"Authorization": f"Bearer {own_key}"}).text
        quoted = [word for word in SECRET_WORDS if word in query]
        assert [word for word in SECRET_WORDS if word in answer and word not in quoted] == [], path + query
    assert {"/dashboard", "/dashboard/articles.csv", "/v1/sites/daily/series"} <= set(asked)


def test_a_story_of_another_sites_is_a_page_that_is_not_there(app: Flask, foreign_key_id: str, own_key: str) -> None:
    tab = app.test_client()
    tab.post("/dashboard/sign-in", data={"key": own_key})

    theirs, nobodys = (tab.get(f"/dashboard/article?article={name}") for name in (FOREIGN, MISSING))

    assert (theirs.status_code, nobodys.status_code) == (404, 404)
    assert theirs.data.replace(FOREIGN.encode(), MISSING.encode()) == nobodys.data
