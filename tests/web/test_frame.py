"""What a frame's address may say, and what is refused of it."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests import make
from tests.lengths import only_sqlite

pytestmark = only_sqlite


def test_a_frame_is_for_the_sites_pages_and_runs_nothing_of_others(client: FlaskClient) -> None:
    answer = client.get("/frame/daily?article=a")

    policy = answer.headers["Content-Security-Policy"]
    assert answer.status_code == 200
    assert f"frame-ancestors 'self' {make.ORIGIN}" in policy
    assert "script-src 'self'" in policy
    assert 'site="daily" article="a"></reader-reactions>' in answer.text
    assert "Set-Cookie" not in answer.headers


def test_what_an_address_says_stays_text(client: FlaskClient) -> None:
    answer = client.get('/frame/daily?article="><script>x</script>&language="><b>&results=share')

    assert "<script>x" not in answer.text
    assert "<b>" not in answer.text
    assert 'results="share"' in answer.text


@pytest.mark.parametrize(
    ("address", "status", "name"),
    [
        ("/frame/none?article=a", 404, "unknown-site"),
        ("/frame/daily", 400, "malformed-key"),
        ("/frame/daily?article=", 400, "malformed-key"),
        ("/frame/daily?article=" + "a" * 201, 400, "malformed-key"),
        ("/frame/daily?article=a&article=b", 400, "invalid-request"),
        ("/frame/daily?article=a&onload=x", 400, "invalid-request"),
        ("/frame/daily?article=a&server=https://evil.example", 400, "invalid-request"),
    ],
)
def test_an_address_that_cannot_be_is_refused(client: FlaskClient, address: str, status: int, name: str) -> None:
    answer = client.get(address)

    assert (answer.status_code, answer.get_json()["type"]) == (status, f"/problems#{name}")
