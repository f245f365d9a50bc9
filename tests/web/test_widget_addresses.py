"""Where the widget is fetched from: an address that follows version 1, and one that never changes."""

from __future__ import annotations

import hashlib
from base64 import b64encode

from flask.testing import FlaskClient

from reactions.web import widget
from tests.databases import PROJECT
from tests.web.asking import only_sqlite

pytestmark = only_sqlite
FILE = (PROJECT / "reactions" / "widget" / "v1.js").read_bytes()
SHARED = {
    "Content-Type": "text/javascript; charset=utf-8",
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}
FOLLOWING = "public, max-age=3600, stale-while-revalidate=86400"
PINNED = "public, max-age=31536000, immutable"


def test_the_widget_on_the_wire_is_the_file_in_the_tree(client: FlaskClient) -> None:
    for path, cache_control in (("/widget/v1.js", FOLLOWING), (f"/widget/{widget.version()}.js", PINNED)):
        answer = client.get(path)

        assert (answer.status_code, answer.data) == (200, FILE)
        headers = {name: value for name, value in answer.headers if name not in ("ETag", "Date", "Content-Length")}
        assert headers == {**SHARED, "Cache-Control": cache_control}


def test_a_browser_that_has_the_widget_is_not_sent_it_again(client: FlaskClient) -> None:
    for path in ("/widget/v1.js", f"/widget/{widget.version()}.js"):
        first = client.get(path)

        again = client.get(path, headers={"If-None-Match": first.headers["ETag"], "Origin": "https://daily.example"})

        assert (again.status_code, again.data) == (304, b"")
        for name in ("ETag", "Cache-Control", "Access-Control-Allow-Origin"):
            assert again.headers[name] == first.headers[name]


def test_a_release_that_is_not_here_is_not_answered_with_another(client: FlaskClient) -> None:
    major, minor, patch = widget.version().split(".")
    others = (
        f"{major}.{minor}.{int(patch) + 1}",
        f"{major}.{minor}",
        f"v{widget.version()}",
        f"{widget.version()}.min",
        "v2",
        "latest",
    )

    answers = [client.get(f"/widget/{other}.js") for other in others]

    assert [answer.status_code for answer in answers] == [404] * len(others)
    assert {answer.content_type for answer in answers} == {"application/problem+json"}


def test_the_integrity_that_is_printed_is_that_of_the_bytes_served(client: FlaskClient) -> None:
    pinned = client.get(f"/widget/{widget.version()}.js").data

    assert widget.integrity() == "sha384-" + b64encode(hashlib.sha384(pinned).digest()).decode()


def test_pages_of_every_origin_get_the_same_bytes_and_headers(client: FlaskClient) -> None:
    answers = [
        client.get("/widget/v1.js", headers={"Origin": origin})
        for origin in ("https://daily.example", "null", "https://evil.example")
    ]

    told = [sorted((n, v) for n, v in answer.headers if n != "Date") for answer in answers]
    assert told == [told[0]] * 3
    assert "Vary" not in answers[0].headers
