"""Where the widget is fetched from: an address that follows version 1, and one that never changes."""

from __future__ import annotations

import gzip
import hashlib
import json
from base64 import b64encode

import pytest
from flask.testing import FlaskClient

from reactions.web import widget
from tests.databases import PROJECT
from tests.lengths import only_sqlite

pytestmark = only_sqlite
WIDGET = PROJECT / "reactions" / "widget"
FILE = (WIDGET / "v1.js").read_bytes()
RELEASED = WIDGET / "released"
SHARED = {
    "Content-Type": "text/javascript; charset=utf-8",
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept-Encoding",
}
FOLLOWING = "public, max-age=3600, stale-while-revalidate=86400"
PINNED = "public, max-age=31536000, immutable"


def integrity_of(content: bytes) -> str:
    return "sha384-" + b64encode(hashlib.sha384(content).digest()).decode()


def test_the_widget_on_the_wire_is_the_file_in_the_tree(client: FlaskClient) -> None:
    pinned = f"{widget.version()}.js"
    released = (RELEASED / pinned).read_bytes()
    for path, cache_control, file in (("v1.js", FOLLOWING, FILE), (pinned, PINNED, released)):
        answer = client.get(f"/widget/{path}")

        assert (answer.status_code, answer.data) == (200, file)
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

    assert widget.integrity() == integrity_of(pinned)


def test_every_release_keeps_its_address_and_its_bytes(client: FlaskClient) -> None:
    """Pages pin them by their hash: a changed byte, or a file that is gone, and the row is gone from those pages."""
    releases = json.loads((RELEASED / "releases.json").read_bytes())

    assert releases["1.0.0.js"] == "sha384-fMLrS6LJgd+4p45HPQvsUTusQsqOAw/Mz0CZJjVCucKoRgABJ6iBSfBqhSUBMYMi"
    assert releases["1.1.0.js"] == "sha384-o7iagiMd9EuSeSG8k9DJbjKAX8QY4DIhRn5vzbeHDJLATwmPCDpp3GsXrQy/iPP9"
    assert releases["1.2.0.js"] == "sha384-d2LhzrFjUldJ/2q7+WRtfNqp6SiT5czfjJIvtr8slHPccLijAO2METiMynJK3hTR"
    kept = {path.name for path in RELEASED.iterdir() if path.suffix in (".js", ".json")}
    assert set(releases) == kept - {"releases.json"}
    for name, integrity in releases.items():
        answer = client.get(f"/widget/{name}")
        assert (answer.status_code, integrity_of(answer.data)) == (200, integrity), name
        assert answer.headers["Cache-Control"] == PINNED


@pytest.mark.parametrize("path", ["v1.js", "1.0.0.js", "1.1.0.js", "1.1.0.json", "1.2.0.js", "1.2.0.json"])
def test_browsers_are_sent_the_widget_packed(client: FlaskClient, path: str) -> None:
    plain = client.get(f"/widget/{path}")

    packed = client.get(f"/widget/{path}", headers={"Accept-Encoding": "gzip, deflate, zstd"})

    assert gzip.decompress(packed.data) == plain.data
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["ETag"] != plain.headers["ETag"]
    refusing = client.get(f"/widget/{path}", headers={"Accept-Encoding": "gzip;q=0, identity"})
    assert (refusing.data, refusing.headers.get("Content-Encoding")) == (plain.data, None)


def test_pages_of_every_origin_get_the_same_bytes_and_headers(client: FlaskClient) -> None:
    answers = [
        client.get("/widget/v1.js", headers={"Origin": origin})
        for origin in ("https://daily.example", "null", "https://evil.example")
    ]

    told = [sorted((n, v) for n, v in answer.headers if n != "Date") for answer in answers]
    assert told == [told[0]] * 3
    assert answers[0].headers["Vary"] == "Accept-Encoding"
