"""Votes without a reader id by Open Heart and applause-button, counted by the same rules as all. On both engines."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from reactions.newsroom import article_keys
from tests import make
from tests.web.asking import NOTHING, rows_stored

PAGE = {"Origin": make.ORIGIN, "Sec-Fetch-Mode": "cors"}
HEART, CLAP = "/open-heart/daily/politics/bridge", "/applause/daily"
SAY_WHICH = 'Say which page: ?url=https://example.org/its/path, which <applause-button url="…"> sends.'
ARTICLE = "https://news.example/2024/br%C3%BCcke"


def give(client: FlaskClient, body: str = "❤️", *, address: str = "198.51.100.1", **headers: str) -> TestResponse:
    sent = {**PAGE, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return client.post(HEART, data=body.encode(), headers=sent, environ_base={"REMOTE_ADDR": address})


def clap(
    client: FlaskClient, body: str = '"1,4.0.5"', *, url: str = "https://news.example/2024/br%C3%BCcke", **sent: Any
) -> TestResponse:
    return client.post(f"{CLAP}/update-claps?url={url}", data=body, headers={**PAGE, **sent}, content_type="text/plain")


def counts(client: FlaskClient, article: str) -> dict[str, int]:
    (found,) = client.get("/v1/sites/daily/counts", query_string={"article": article}).json["articles"]  # type: ignore[index]
    return {key: n for key, n in found["counts"].items() if n}


def test_an_emoji_is_a_vote_and_the_counts_come_by_emoji(client: FlaskClient) -> None:
    given = give(client)
    found = client.get(HEART)

    assert (given.status_code, given.json) == (200, {"❤️": 1})
    assert (found.status_code, found.json) == (200, {"❤️": 1})
    assert found.headers["Access-Control-Allow-Origin"] == "*"
    assert given.headers["Access-Control-Allow-Origin"] == make.ORIGIN
    assert counts(client, "politics/bridge") == {"love": 1}


@pytest.mark.parametrize("body", ["❤", "❤️", "❤️=", "❤️\n"])
def test_an_emoji_is_known_in_all_its_forms(client: FlaskClient, body: str) -> None:
    assert give(client, body).json == {"❤️": 1}


def test_a_reader_has_one_vote_the_newest(client: FlaskClient) -> None:
    give(client)
    give(client)
    assert give(client, "😮").json == {"😮": 1}
    assert give(client, address="198.51.100.2").json == {"❤️": 1, "😮": 1}
    assert give(client, User_Agent="another browser").json == {"❤️": 2, "😮": 1}


def test_articles_tell_nothing_of_each_others_readers(client: FlaskClient, engine: Engine) -> None:
    give(client)
    client.post("/open-heart/daily/other", data="❤️".encode(), headers=PAGE, environ_base={"REMOTE_ADDR": "198.51.100.1"})

    with engine.connect() as connection:
        voters = {bytes(voter) for (voter,) in connection.exec_driver_sql("select voter from vote")}
    assert len(voters) == 2


@pytest.mark.parametrize("body", ["", "like", "❤️❤️", "🦄", "x" * 256])
def test_what_is_no_emoji_of_the_set_is_refused_with_those_that_are(client: FlaskClient, engine: Engine, body: str) -> None:
    refused = give(client, body)

    assert refused.status_code == 422
    assert refused.json["detail"] == "Send one emoji of the site's set: 👍 👎 ❤️ 😂 😠 😢 😮."  # type: ignore[index]
    assert rows_stored(engine) == NOTHING


def test_a_long_body_and_one_that_is_no_text_are_refused(client: FlaskClient, engine: Engine) -> None:
    assert give(client, "❤️" * 100).status_code == 413
    assert client.post(HEART, data=b"\xff\xfe", headers=PAGE).status_code == 400
    assert rows_stored(engine) == NOTHING


@pytest.mark.parametrize("mode", ["cors", "no-cors", "navigate"])
def test_a_page_from_elsewhere_cannot_vote(client: FlaskClient, engine: Engine, mode: str) -> None:
    refused = give(client, Origin="https://evil.example", Sec_Fetch_Mode=mode)

    assert refused.status_code == 403
    assert "Access-Control-Allow-Origin" not in refused.headers
    assert rows_stored(engine) == NOTHING


def test_an_image_or_a_link_cannot_vote(client: FlaskClient, engine: Engine) -> None:
    refused = client.post(HEART, data="❤️".encode(), headers={"Sec-Fetch-Mode": "no-cors"})

    assert refused.status_code == 403
    assert rows_stored(engine) == NOTHING


def test_the_element_votes_without_reading_the_answer(client: FlaskClient) -> None:
    assert give(client, Sec_Fetch_Mode="no-cors").status_code == 200


def test_votes_by_other_formats_are_limited_like_all_others(client: FlaskClient) -> None:
    statuses = [give(client).status_code for _ in range(31)]

    assert statuses == [200] * 30 + [429]


def test_a_clap_is_one_vote_however_often(client: FlaskClient) -> None:
    assert clap(client).text == "1"
    assert clap(client, '"9,4.0.5"').text == "1"
    assert counts(client, "/2024/brücke") == {"like": 1}
    assert client.get(f"{CLAP}/get-claps?url={ARTICLE}?utm=x").text == "1"
    assert client.get(f"{CLAP}/get-claps?url=news.example/2024/br%C3%BCcke").text == "1"
    assert client.get(f"{CLAP}/get-claps", headers={"Referer": ARTICLE}).text == "1"
    assert client.get(f"{CLAP}/get-claps?url=https://news.example/other").text == "0"


@pytest.mark.parametrize(
    "path", ["/a%2Fb", "/a+b", "/a%20b", "/a%2Bb", "/%E0%A4", "/a//b", "/2024/br%C3%BCcke", "/a;b", "/a:b@c", "/100%25"]
)
@pytest.mark.parametrize("host", ["https://news.example", "news.example", "//news.example"])
def test_the_page_of_a_clap_has_the_key_that_the_widget_takes_there(client: FlaskClient, path: str, host: str) -> None:
    """applause-button writes an address as it is into its question; other programs encode it, as they should."""
    key = article_keys.path_key(f"https://news.example{path}")

    assert clap(client, url=f"{host}{path}?utm=x#top").text == "1"
    assert counts(client, key) == {"like": 1}
    assert client.get(f"{CLAP}/get-claps?url={quote(host + path, safe='')}").text == "1"


@pytest.mark.parametrize("url", ["http://[", "https://[::1/a", "//[x]/a", "https://news.example/a%07b", "%FF", "http://a:b:c/"])
def test_an_odd_address_of_a_page_is_no_fault_of_ours(client: FlaskClient, url: str) -> None:
    assert client.get(f"{CLAP}/get-claps?url={url}").status_code < 500
    assert clap(client, url=url).status_code < 500


def test_a_page_that_tells_its_origin_alone_is_not_taken_for_the_front_page(client: FlaskClient, engine: Engine) -> None:
    """Browsers tell services of other origins no path. All claps of a site were counted on its front page."""
    for path in ("", "/", "/?x=1"):
        sent = {**PAGE, "Referer": f"https://news.example{path}"}
        refused = client.post(f"{CLAP}/update-claps", data='"1,4.0.5"', headers=sent, content_type="text/plain")

        assert (refused.status_code, refused.json["errors"][0]["detail"]) == (400, SAY_WHICH)  # type: ignore[index]
        assert client.get(f"{CLAP}/get-claps", headers=sent).text == "0"
    assert rows_stored(engine) == NOTHING
    assert clap(client, url="https://news.example/").text == "1"
    assert counts(client, "/") == {"like": 1}


def test_no_claps_are_no_vote(client: FlaskClient, engine: Engine) -> None:
    assert clap(client, '"0,4.0.5"').text == "0"
    assert rows_stored(engine) == NOTHING


@pytest.mark.parametrize("body", ["", "many", '"-1,4.0.5"', "{}", '"1e3,4"'])
def test_what_is_no_number_of_claps_is_refused(client: FlaskClient, engine: Engine, body: str) -> None:
    refused = clap(client, body)

    assert (refused.status_code, refused.json["detail"]) == (400, 'Send the number of claps, as in "1,4.0.5".')  # type: ignore[index]
    assert rows_stored(engine) == NOTHING


def test_claps_for_no_page_are_refused(client: FlaskClient) -> None:
    refused = clap(client, url="")

    assert refused.status_code == 400
    assert refused.json["errors"][0]["detail"] == SAY_WHICH  # type: ignore[index]


def test_unknown_sites_are_told(client: FlaskClient) -> None:
    for path in ("/open-heart/nobody/a", "/applause/nobody/get-claps?url=https://a.example/a"):
        assert client.get(path).status_code == 404
