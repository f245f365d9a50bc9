"""How answers about counts are cached: by browsers and CDNs, with ETags, and the same for everybody."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests import make
from tests.lengths import only_sqlite
from tests.web.asking import counts, row, vote
from tests.web.conftest import MakeApp

pytestmark = only_sqlite
CACHED = "public, max-age=4, s-maxage=2, stale-while-revalidate=4, stale-if-error=600"


def test_answers_about_counts_may_be_cached_and_read_by_every_page(client: FlaskClient) -> None:
    for path in ("reactions?article=a", "counts?article=a"):
        cold = client.get(f"/v1/sites/daily/{path}")
        warm = client.get(f"/v1/sites/daily/{path}")

        for answer in (cold, warm):
            headers = {name: value for name, value in answer.headers if name not in ("Date", "ETag", "Content-Length")}
            assert headers == {
                "Content-Type": "application/json",
                "Cache-Control": CACHED,
                "Access-Control-Allow-Origin": "*",
                "Cross-Origin-Resource-Policy": "cross-origin",
                "Timing-Allow-Origin": "*",
                "X-Content-Type-Options": "nosniff",
            }
        assert cold.headers["ETag"] == warm.headers["ETag"]
        assert cold.data == warm.data


def test_cache_times_are_settings(make_app: MakeApp) -> None:
    app = make_app(counts_max_age_s=3, counts_shared_max_age_s=2, counts_stale_while_revalidate_s=4, counts_stale_if_error_s=5)

    answer = row(app.test_client(), "a")

    assert answer.headers["Cache-Control"] == "public, max-age=3, s-maxage=2, stale-while-revalidate=4, stale-if-error=5"


@pytest.mark.parametrize("memory_s", [0, 60], ids=["past the memory", "from the memory"])
@pytest.mark.parametrize("known", ["{}", 'W/{}, "other"', '"other", {}', "*"])
def test_what_the_client_knows_already_is_answered_304(make_app: MakeApp, memory_s: int, known: str) -> None:
    client = make_app(counts_memory_s=memory_s).test_client()
    first = row(client, "a")

    again = client.get("/v1/sites/daily/reactions?article=a", headers={"If-None-Match": known.format(first.headers["ETag"])})

    assert (again.status_code, again.data) == (304, b"")
    for name in ("ETag", "Cache-Control", "Access-Control-Allow-Origin", "Cross-Origin-Resource-Policy"):
        assert again.headers[name] == first.headers[name]


@pytest.mark.parametrize("memory_s", [0, 60], ids=["past the memory", "from the memory"])
def test_a_vote_changes_the_etag_and_its_withdrawal_brings_it_back(make_app: MakeApp, memory_s: int) -> None:
    client = make_app(counts_memory_s=memory_s).test_client()
    before = row(client, "a").headers["ETag"]

    vote(client, reaction="like")
    after = row(client, "a")
    vote(client, reaction=None)

    assert after.headers["ETag"] != before
    assert after.get_json()["total"] == 1
    assert row(client, "a").headers["ETag"] == before


def test_etags_of_different_answers_differ(client: FlaskClient) -> None:
    answers = [row(client, "a"), row(client, "b"), row(client, "a", lang="de"), counts(client, ["a"]), counts(client, ["a", "a"])]

    assert len({answer.headers["ETag"] for answer in answers}) == len(answers)


def test_head_is_answered_like_get_without_the_body(client: FlaskClient) -> None:
    row(client, "a")

    head = client.head("/v1/sites/daily/reactions?article=a")

    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["ETag"] == row(client, "a").headers["ETag"]


def test_reads_are_the_same_bytes_for_every_origin_host_and_forwarded_header(client: FlaskClient) -> None:
    tried = [
        {}, {"Origin": make.ORIGIN}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"},
        {"X-Forwarded-Host": "evil.example"}, {"X-Forwarded-Proto": "https"}, {"Forwarded": "host=evil.example"},
        {"X-Original-URL": "/evil"}, {"Accept-Language": "de"}, {"Accept": "text/html"}, {"Cookie": "a=b"},
    ]  # fmt: skip

    def told(path: str, headers: dict[str, str], *, fresh: int) -> tuple[bytes, list[tuple[str, str]]]:
        answer = client.get(f"/v1/sites/daily/{path}{fresh if fresh else ''}", headers=headers)
        assert "Vary" not in answer.headers
        assert "Set-Cookie" not in answer.headers
        return answer.data, sorted((n, v) for n, v in answer.headers if n not in ("Date", "ETag", "Content-Length"))

    for path in ("reactions?article=a", "counts?article=a"):
        warm = [told(path, headers, fresh=0) for headers in tried]
        cold = [told(path, headers, fresh=number)[1] for number, headers in enumerate(tried, start=100)]

        assert warm == [warm[0]] * len(tried)
        assert cold == [warm[0][1]] * len(tried)
