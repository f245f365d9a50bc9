"""Downloads: names and forms, filters, a limit for each key, and connections that end as the export did."""

from __future__ import annotations

import csv
import gzip
import hashlib
import http.client
import io
import json
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flask import Flask
from sqlalchemy import create_engine, text
from werkzeug.test import TestResponse

from reactions.exports import files
from reactions.newsroom import api_keys, sites
from reactions.storage import engines
from reactions.storage.engines import writing
from tests import make
from tests.deploy import proxies
from tests.lengths import only_sqlite
from tests.service import running_service
from tests.web.asking import vote
from tests.web.conftest import MakeApp
from tests.web.test_newsroom_api import key_of

pytestmark = only_sqlite


class Analyst:
    """Somebody with a key that may read."""

    def __init__(self, app: Flask, *scopes: str) -> None:
        self.client = app.test_client(use_cookies=False)
        self.key = key_of(app, "daily", *(scopes or ("read",)))

    def get(self, name: str, *, site: str = "daily", headers: dict[str, str] | None = None, **said: str) -> TestResponse:
        """Download a file."""
        return self._open(name, site, headers, said, buffered=True)

    def start(self, name: str, **said: str) -> TestResponse:
        """Ask for a file and read nothing of it yet; it is to be closed."""
        return self._open(name, "daily", None, said, buffered=False)

    def _open(self, name: str, site: str, headers: Mapping[str, str] | None, said: Any, *, buffered: bool) -> TestResponse:
        sent = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        return self.client.get(f"/v1/sites/{site}/export/{name}", query_string=said, headers=sent, buffered=buffered)


@pytest.fixture
def analyst(app: Flask) -> Analyst:
    client = app.test_client()
    for number, (article, reaction) in enumerate([("a", "like"), ("a", "sad"), ("b", "wow")]):
        assert vote(client, article=article, reaction=reaction, reader=make.reader(number)).status_code == 200
    return Analyst(app)


def table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def test_the_three_files_are_downloaded_as_csv(analyst: Analyst) -> None:
    answers = {name: analyst.get(f"{name}.csv") for name in ("articles", "series", "votes")}

    assert {name: len(table(answer.data)) for name, answer in answers.items()} == {"articles": 2, "series": 3, "votes": 3}
    answer = answers["votes"]
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="daily-votes.csv"'
    assert [answer.headers[name] for name in ("Cache-Control", "X-Content-Type-Options", "Export-Version", "Vary")] == [
        "private, no-store", "nosniff", "1.2", "Accept-Encoding",
    ]  # fmt: skip
    assert "Content-Length" not in answer.headers
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.data.count(b"\r\n") == 4
    assert {row["at"][13:] for row in table(answer.data)} == {":00:00Z"}


def test_gzip_comes_when_it_is_named_or_accepted(analyst: Analyst) -> None:
    plain = analyst.get("votes.csv").data
    named, accepted = analyst.get("votes.csv.gz"), analyst.get("votes.csv", headers={"Accept-Encoding": "gzip, br"})

    assert gzip.decompress(named.data) == gzip.decompress(accepted.data) == plain
    assert (named.content_type, named.headers.get("Content-Encoding")) == ("application/gzip", None)
    assert (accepted.content_type, accepted.headers["Content-Encoding"]) == ("text/csv; charset=utf-8", "gzip")
    for refused in ("identity", "gzip;q=0", ""):
        assert analyst.get("votes.csv", headers={"Accept-Encoding": refused}).data == plain


def test_all_files_come_as_one_archive_that_describes_itself(analyst: Analyst) -> None:
    answer = analyst.get("all.zip")

    archive = zipfile.ZipFile(io.BytesIO(answer.data))
    assert archive.namelist() == ["articles.csv", "series.csv", "votes.csv", "datapackage.json"]
    for resource in json.loads(archive.read("datapackage.json"))["resources"]:
        content = archive.read(resource["path"])
        assert (len(content), f"sha256:{hashlib.sha256(content).hexdigest()}") == (resource["bytes"], resource["hash"])
        assert len(table(content)) == resource["rows"]
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(answer.data[:-100]))


def test_the_description_can_be_had_alone(analyst: Analyst) -> None:
    package = analyst.get("datapackage.json").json

    assert package is not None
    assert [resource["path"] for resource in package["resources"]] == ["articles.csv", "series.csv", "votes.csv"]
    assert package["version"] == "1.2"
    assert [entry["key"] for entry in package["reactions"]["site"]["reaction_set"]] == list(make.SEVEN)


@pytest.mark.parametrize("name", ["votes.parquet", "votes.arrow"])
def test_parquet_and_arrow_hold_the_same_rows(analyst: Analyst, name: str) -> None:
    content = io.BytesIO(analyst.get(name).data)

    rows = pq.read_table(content) if name.endswith("parquet") else pa.ipc.open_file(content).read_all()
    assert rows.column("to").to_pylist() == [row["to"] for row in table(analyst.get("votes.csv").data)]


@pytest.mark.parametrize(
    ("name", "said", "pointer"),
    [
        ("votes.xlsx", {}, None),
        ("votes", {}, None),
        ("readers.csv", {}, None),
        ("votes.csv", {"columns": "at,voter"}, "#/columns"),
        ("votes.csv", {"precision": "second"}, "#/precision"),
        ("votes.csv", {"precision": "eon"}, "#/precision"),
        ("votes.csv", {"min_group": "5"}, "#/min_group"),
        ("articles.csv", {"min_group": "-1"}, "#/min_group"),
        ("articles.csv", {"min_group": "x"}, "#/min_group"),
        ("votes.csv", {"readers": "yes"}, "#/readers"),
        ("votes.csv", {"bom": "1"}, "#/bom"),
        ("votes.csv", {"since": "yesterday"}, "#/since"),
        ("votes.csv", {"since": "beginning", "period": "7d"}, "#/since"),
        ("votes.csv", {"period": "1d"}, "#/period"),
        ("votes.csv", {"section": "x" * 201}, "#/section"),
        ("votes.csv", {"colour": "red"}, "#/colour"),
    ],
)
def test_what_cannot_be_exported_is_a_problem(analyst: Analyst, name: str, said: dict[str, str], pointer: str | None) -> None:
    answer = analyst.get(name, **said)

    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")
    assert [error["pointer"] for error in answer.json.get("errors", [])] == ([pointer] if pointer else [])  # type: ignore[union-attr]


def test_columns_are_chosen_and_ordered(analyst: Analyst) -> None:
    assert analyst.get("articles.csv", columns="total,article").data == b"total,article\r\n2,a\r\n1,b\r\n"
    assert analyst.get("articles.csv", columns="article", bom="yes").data.startswith(b"\xef\xbb\xbfarticle\r\n")


def test_a_key_may_run_so_many_exports_at_once(make_app: MakeApp) -> None:
    analyst = Analyst(make_app(exports_per_key=1))
    running = analyst.start("votes.csv")

    refused = analyst.get("votes.csv")
    another = Analyst(analyst.client.application).get("votes.csv")

    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "30")
    assert refused.json["type"] == "/problems#too-many-exports"  # type: ignore[index]
    assert another.status_code == 200
    running.close()
    assert analyst.get("votes.csv").status_code == 200


def test_a_refused_export_takes_no_slot(make_app: MakeApp) -> None:
    analyst = Analyst(make_app(exports_per_key=1))

    assert [analyst.get("votes.csv", since="x").status_code for _ in range(3)] == [400] * 3
    assert analyst.get("votes.csv").status_code == 200


def test_the_next_export_goes_on_where_this_one_ended(analyst: Analyst) -> None:
    first = analyst.get("votes.csv", since="beginning")

    assert table(first.data) == []  # the hour that runs is not closed
    again = analyst.get("votes.csv", since=first.headers["Export-Next"])
    assert (again.status_code, again.headers["Export-Next"]) == (200, first.headers["Export-Next"])


def test_another_sites_export_is_not_told_of(analyst: Analyst, database_url: str) -> None:
    make.site(database_url, "weekly")

    assert {analyst.get("votes.csv", site=site).status_code for site in ("weekly", "nowhere")} == {404}


def test_a_service_without_the_extra_says_so(analyst: Analyst, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    answer = analyst.get("votes.parquet")

    assert answer.status_code == 400
    assert "reader-reactions[analysis]" in answer.json["detail"]  # type: ignore[index]


@pytest.fixture
def broken(database_url: str) -> Iterator[tuple[int, str]]:
    """A service with an event that cannot be read, so that exports break off after their header: its port, and a key."""
    make.site(database_url)
    engine = create_engine(database_url)
    engines.prepare(engine)
    with writing(engine) as connection:
        connection.execute(text("insert into article (article_id, site_id, key, first_seen_at) values (1, 1, 'a', 1)"))
        connection.execute(
            text(
                "insert into event (article_id, voter, seq, from_reaction, to_reaction, cause, at) "
                "values (1, x'00', 1, null, 'like', 'vote', 'no time')"
            )
        )
        _, key = api_keys.create(connection, sites.get(connection, "daily"), scopes=["read"], label="test", now_ms=1)
    engine.dispose()
    with running_service(database_url) as service:
        yield service.port, key


@contextmanager
def answered(port: int, name: str, key: str) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", f"/v1/sites/daily/export/{name}", headers={"Authorization": f"Bearer {key}"})
    with closing(connection), connection.getresponse() as answer:
        yield answer


def test_an_export_that_breaks_does_not_end_like_a_whole_one(broken: tuple[int, str]) -> None:
    port, key = broken

    for name in ("votes.csv", "votes.csv.gz", "all.zip"):
        with answered(port, name, key) as answer:
            assert (answer.status, answer.headers["Transfer-Encoding"]) == (200, "chunked")
            with pytest.raises(http.client.IncompleteRead):
                answer.read()
    with answered(port, "series.csv", key) as answer:
        assert answer.read() == b"hour_utc,local_day,article,reaction,added,removed,net\r\n"


@pytest.mark.skipif(proxies.binary() is None, reason="nginx is not installed (Debian: apt-get install nginx-light)")
def test_the_shipped_proxy_passes_on_that_it_broke(broken: tuple[int, str]) -> None:
    port, key = broken
    program = proxies.binary()
    assert program
    with closing(proxies.Nginx(program, port)) as proxy:
        proxy.start()

        with answered(proxy.port, "votes.csv", key) as answer, pytest.raises(http.client.IncompleteRead):
            answer.read()
        with answered(proxy.port, "series.csv", key) as answer:
            assert answer.read().count(b"\r\n") == 1


def test_the_first_byte_does_not_wait_for_the_rows(analyst: Analyst, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> Iterator[object]:
        raise AssertionError("rows were read")
        yield

    monkeypatch.setitem(files._BATCHES, "votes", never)  # type: ignore[arg-type]

    answer = analyst.start("votes.csv")

    assert next(iter(answer.response)) == b"at,article,section,from,to,cause,held\r\n"
    answer.close()
