"""DELETE …/vote/reader, as a page of the site sends it."""

from __future__ import annotations

from flask.testing import FlaskClient

from tests.make import ADA, ORIGIN

ADDRESS = "/v1/sites/daily/vote/reader"


def test_a_page_of_the_site_can_have_its_reader_forgotten(client: FlaskClient) -> None:
    ballot = {"article": "a", "reaction": "like", "reader": ADA, "seq": 1}
    assert client.put("/v1/sites/daily/vote", json=ballot).status_code == 200

    answer = client.delete(ADDRESS, json={"reader": ADA}, headers={"Origin": ORIGIN})

    assert (answer.status_code, answer.json) == (200, {"votes": 1})
    assert (answer.headers["Access-Control-Allow-Origin"], answer.headers["Cache-Control"]) == (ORIGIN, "no-store")
    assert client.delete(ADDRESS, json={"reader": ADA}).json == {"votes": 0}


def test_a_browser_may_ask_first_and_a_foreign_page_may_not(client: FlaskClient) -> None:
    asked = {"Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": "content-type"}

    allowed = client.options(ADDRESS, headers={"Origin": ORIGIN, **asked})
    foreign = client.delete(ADDRESS, json={"reader": ADA}, headers={"Origin": "https://evil.example"})

    assert (allowed.status_code, allowed.headers["Access-Control-Allow-Methods"]) == (204, "DELETE")
    assert foreign.status_code == 403


def test_forgetting_is_limited_for_each_network_and_refuses_bad_ids(client: FlaskClient) -> None:
    assert client.delete(ADDRESS, json={"reader": "ADA"}).status_code == 400
    assert client.delete(ADDRESS, json={"reader": ADA, "article": "a"}).status_code == 400

    answers = [client.delete(ADDRESS, json={"reader": ADA}).status_code for _ in range(21)]

    assert answers == [200] * 20 + [429]
