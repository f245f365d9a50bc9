"""Conditional requests as RFC 9110 says: the rule, what it is asked of, and both doors alike."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from reactions.newsroom import api_keys
from reactions.web import conditional
from tests import make
from tests.databases import SqliteFiles
from tests.engines import free_port
from tests.lengths import only_sqlite
from tests.service import Service, running_service
from tests.web.asking import NOTHING, VOTE, ballot, row, rows_stored, vote
from tests.web.conftest import MakeApp
from tests.web.test_newsroom_api import key_of

ROW = "/v1/sites/daily/reactions?article=a"

# What is sent with "tag" as the tag of what is here: whether If-None-Match knows it, and whether If-Match is met.
SENT = [
    ('"tag"', True, True), ("tag", True, True), ('W/"tag"', True, False), ("W/tag", True, False), ("*", True, True),
    (' "tag" ', True, True), ('"other", "tag"', True, True), ('"other","tag"', True, True), ("other,tag", True, True),
    ('W/"other",W/"tag"', True, False), (', ,"tag",', True, True), ('"tag', True, True),
    ('"tag-gzip"', True, True), ('"tag--gzip"', True, True), ('"tag-br"', True, True), ('"tag-zstd"', True, True),
    ('"tag;gzip"', True, True), ("tag-gzip", True, True), ('W/"tag-gzip"', True, False), ('"x", "tag;br"', True, True),
    ("", False, False), ('""', False, False), (",", False, False), ('"other"', False, False), ('"ta"', False, False),
    ('"tag2"', False, False), ("**", False, False), ('"*"', False, False), ('"tag-evil"', False, False),
    ('"tag-gzip-gzip"', False, False), ('"-gzip"', False, False), ('"gzip"', False, False), ('"Tag"', False, False),
    ('"a,tag"', False, False), ('"a, tag ,b"', False, False), ("W/", False, False), ('w/"tag"', True, True),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "known", "met"), SENT)
def test_a_tag_is_compared_as_the_rfc_says_and_as_proxies_mark_it(sent: str, known: bool, met: bool) -> None:
    assert (conditional.is_known('"tag"', sent), conditional.is_met('"tag"', sent)) == (known, met)


def test_a_weak_tag_of_ours_would_be_known_and_match_nothing() -> None:
    assert conditional.is_known('W/"tag"', '"tag"')
    assert not conditional.is_met('W/"tag"', 'W/"tag"')


def test_a_list_of_many_tags_is_read_in_the_time_that_it_is_long() -> None:
    """No backtracking: eight thousand quotes, commas or half tags are one pass."""
    for text in ('"' * 8191, "W/" * 4000, '"a' * 4000, ",;-" * 2700):
        assert not conditional.is_known('"tag"', text)


CACHED = [
    ROW,
    "/v1/sites/daily/counts?article=a",
    "/widget/v1.js",
    "/widget/v1.json",
    "/widget/1.0.0.js",
    "/static/dashboard/page.css",
]


@only_sqlite
@pytest.mark.parametrize("memory_s", [0, 60], ids=["past the memory", "from the memory"])
@pytest.mark.parametrize("path", CACHED)
@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*", "bare", "gzip", ";gzip"])
def test_everything_that_caches_keep_is_answered_304_to_who_has_it(
    make_app: MakeApp, memory_s: int, path: str, form: str
) -> None:
    client = make_app(counts_memory_s=memory_s).test_client()
    first = client.get(path, buffered=True)
    etag = first.headers["ETag"]
    sent = {"bare": etag.strip('"'), "gzip": f'"{etag[1:-1]}-gzip"', ";gzip": f'"{etag[1:-1]};gzip"'}.get(form, form.format(etag))

    again = client.get(path, buffered=True, headers={"If-None-Match": sent})
    other = client.get(path, buffered=True, headers={"If-None-Match": '"other"'})

    assert (again.status_code, again.data) == (304, b"")
    assert "Content-Type" not in again.headers
    for name in ("ETag", "Cache-Control", "X-Content-Type-Options"):
        assert again.headers[name] == first.headers[name]
    assert (other.status_code, other.data) == (200, first.data)


@only_sqlite
@pytest.mark.parametrize("path", CACHED)
def test_a_read_under_the_condition_of_another_tag_is_refused(client: FlaskClient, path: str) -> None:
    etag = client.get(path, buffered=True).headers["ETag"]

    answers = [client.get(path, buffered=True, headers={"If-Match": sent}) for sent in ('"other"', f"W/{etag}", etag, "*")]

    assert [answer.status_code for answer in answers] == [412, 412, 200, 200]
    assert answers[0].get_json()["type"] == "/problems#precondition-failed"


def test_a_change_under_the_condition_of_a_tag_is_refused_and_changes_nothing(make_app: MakeApp, engine: Engine) -> None:
    """No resource that is changed has an ETag, so none can match: ignoring the condition would change what it protects."""
    app = make_app()
    client = app.test_client()
    key = key_of(app, "daily", *api_keys.SCOPES)
    with_key = {"Authorization": f"Bearer {key}"}
    key_id = key.split("_")[1]
    changes = [
        ("PUT", VOTE, ballot(), {"Origin": make.ORIGIN}),
        ("DELETE", f"{VOTE}/reader", {"reader": make.ADA}, {"Origin": make.ORIGIN}),
        ("PUT", "/v1/sites/daily/articles", {"articles": [{"key": "a", "title": "A"}]}, with_key),
        ("DELETE", "/v1/sites/daily/articles", {"article": "a"}, with_key),
        ("POST", "/v1/sites/daily/articles/close", {"article": "a"}, with_key),
        ("DELETE", f"/v1/sites/daily/keys/{key_id}", None, with_key),
    ]  # fmt: skip

    for method, path, body, headers in changes:
        answer = client.open(path, method=method, json=body, headers={**headers, "If-Match": '"x"'})
        assert (answer.status_code, answer.get_json()["type"]) == (412, "/problems#precondition-failed"), path
    assert rows_stored(engine) == NOTHING
    assert client.get("/v1/sites/daily/keys", headers=with_key).get_json()["keys"][0]["revoked_at"] is None


@only_sqlite
def test_a_condition_that_any_state_meets_stops_no_change(client: FlaskClient) -> None:
    assert vote(client, headers={"If-Match": "*"}).status_code == 200
    assert vote(client, headers={"If-None-Match": '"x"'}, reader=make.BEN).status_code == 200
    assert row(client, "a").get_json()["total"] == 2


@only_sqlite
def test_a_condition_tells_nothing_to_who_may_not_ask(client: FlaskClient) -> None:
    """What would be refused anyway is refused for its own reason (RFC 9110, section 13.2.1)."""
    foreign = vote(client, origin="https://evil.example", headers={"If-Match": '"x"'})
    keyless = client.put("/v1/sites/daily/articles", json={"articles": []}, headers={"If-Match": '"x"'})

    assert (foreign.status_code, keyless.status_code) == (403, 401)


@pytest.fixture(scope="module", params=["gthread", "uvicorn"])
def service(
    request: pytest.FixtureRequest, sqlite_files: SqliteFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    url = sqlite_files.copy_to(tmp_path_factory.mktemp("conditional"))
    make.site(url)
    with running_service(url, port=free_port(), server=request.param, settings={"counts_memory_s": 60}) as running:
        yield running


def ask(
    service: Service, method: str, path: str, *fields: tuple[str, str], body: bytes | None = None
) -> tuple[int, bytes, str | None]:
    """Ask with fields that may be given twice; the status, the body and the ETag."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=5)
    try:
        connection.putrequest(method, path)
        for name, value in fields:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers["ETag"]
    finally:
        connection.close()


def test_the_doors_answer_alike_from_memory_and_through_flask(service: Service) -> None:
    """A GET from memory is the hot path; a HEAD is Flask's. Two fields of one name are one list."""
    etag = ask(service, "GET", ROW)[2]
    assert etag is not None
    for sent, _, _ in SENT:
        fields = [("If-None-Match", sent.replace("tag", etag.strip('"')))]
        hot, flask = ask(service, "GET", ROW, *fields), ask(service, "HEAD", ROW, *fields)
        assert (hot[0], hot[2]) == (flask[0], flask[2]), sent
    twice = [("If-None-Match", '"other"'), ("If-None-Match", etag)]
    assert [ask(service, method, ROW, *twice)[0] for method in ("GET", "HEAD")] == [304, 304]
    for met, status in ((etag, 200), ('"other"', 412), (f"W/{etag}", 412)):
        assert [ask(service, method, ROW, ("If-Match", met))[0] for method in ("GET", "HEAD")] == [status, status]


def test_a_vote_under_a_condition_is_refused_at_both_doors(service: Service) -> None:
    body = b'{"article":"a","reaction":"like","reader":"%s","seq":1}' % make.ADA.encode()
    fields = [("Content-Type", "application/json"), ("Origin", make.ORIGIN)]

    refused = ask(service, "PUT", VOTE, *fields, ("If-Match", '"x"'), body=body)
    chosen = ask(service, "PUT", VOTE, *fields, ("If-Match", "*"), body=body)

    assert (refused[0], chosen[0]) == (412, 200)
    assert b"precondition-failed" in refused[1]
