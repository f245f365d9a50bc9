"""The shipped Varnish configuration in front of the running service: one answer for all, old ones while the service is away."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from reactions.newsroom import api_keys, sites
from reactions.storage import engines
from tests import make
from tests.databases import PROJECT, SqliteFiles, product_environment
from tests.deploy.proxies import Answer, Varnish, binary
from tests.engines import free_port, wait_until
from tests.service import Service, running_service

PROGRAM = binary("varnishd")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="Varnish is not installed (Debian: apt-get install varnish)")
SITE = "/v1/sites/daily"
_seqs = itertools.count(1)


@pytest.fixture(scope="module")
def service(sqlite_files: SqliteFiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose counts stay good for a second."""
    url = sqlite_files.copy_to(tmp_path_factory.mktemp("behind-varnish"))
    make.site(url)
    seconds = {"counts_max_age_s": 1, "counts_shared_max_age_s": 1, "counts_stale_while_revalidate_s": 0}
    with running_service(url, settings={"trusted_proxies": "127.0.0.1/32", "votes_per_network": "20/hour", **seconds}) as running:
        yield running


@pytest.fixture(scope="module")
def varnish(service: Service) -> Iterator[Varnish]:
    assert PROGRAM
    proxy = Varnish(PROGRAM, service.port)
    try:
        proxy.start()
        wait_until(lambda: proxy.ask("/healthz").status == 200, why="Varnish reaches the service")
        yield proxy
    finally:
        proxy.close()


def row(varnish: Varnish, article: str, **headers: str) -> Answer:
    return varnish.ask(f"{SITE}/reactions?article={article}", headers=headers)


def vote(varnish: Varnish, article: str, reader: str = make.ADA, **how: object) -> Answer:
    body = {"article": article, "reaction": "like", "reader": reader, "seq": next(_seqs)}
    headers = {"Origin": make.ORIGIN} | dict(how.pop("headers", {}))  # type: ignore[call-overload]
    return varnish.ask(f"{SITE}/vote", method="PUT", body=body, headers=headers, **how)  # type: ignore[arg-type]


def assert_problem(answer: Answer, status: int, name: str) -> None:
    assert (answer.status, answer.json()["status"], answer.json()["type"]) == (status, status, name)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("header", ["Origin", "Cookie", "Authorization", "Accept-Language", "X-Forwarded-For", "Host"])
def test_a_second_reader_is_served_by_the_cache_whatever_he_sends(varnish: Varnish, header: str) -> None:
    first, second = row(varnish, f"one-{header}"), row(varnish, f"one-{header}", **{header: "elsewhere.example"})

    assert (first.cache, second.cache, second.body) == ("MISS", "HIT", first.body)
    assert second.headers["Access-Control-Allow-Origin"] == "*"
    assert int(second.headers["Age"]) <= 1


def test_the_cache_itself_answers_304(varnish: Varnish) -> None:
    known = row(varnish, "known").headers["ETag"]

    again = row(varnish, "known", **{"If-None-Match": known})

    assert (again.status, again.cache, again.body) == (304, "HIT", b"")


def test_a_vote_passes_and_shows_once_the_cached_time_is_over(varnish: Varnish) -> None:
    assert row(varnish, "voted").json()["total"] == 0

    counted = vote(varnish, "voted")

    assert (counted.status, counted.cache, counted.json()["total"]) == (200, None, 1)
    wait_until(lambda: row(varnish, "voted").json()["total"] == 1, why="the cache shows the vote")


def test_a_purge_shows_the_new_counts_at_once_and_only_from_here(varnish: Varnish) -> None:
    row(varnish, "purged")
    vote(varnish, "purged", make.BEN)

    assert varnish.ask(f"{SITE}/reactions?article=purged", method="PURGE").status == 204

    assert (row(varnish, "purged").cache, row(varnish, "purged").json()["total"]) == ("MISS", 1)


@pytest.mark.parametrize("address", ["reactions?article=a.b", "counts?article=a.b"])
def test_a_purge_of_one_article_forgets_each_answer_that_names_it_and_no_other(varnish: Varnish, address: str) -> None:
    paths = ["reactions?article=a.b&lang=fr", "reactions?lang=fr&article=a.b", "counts?article=x&article=a.b&article=y"]
    others = ["reactions?article=a.bc", "reactions?article=axb", "counts?article=xa.b"]
    for path in (*paths, *others):
        varnish.ask(f"{SITE}/{path}")

    assert varnish.ask(f"{SITE}/{address}", method="PURGE").status == 204

    assert [varnish.ask(f"{SITE}/{path}").cache for path in paths] == ["MISS"] * 3
    assert "MISS" not in [varnish.ask(f"{SITE}/{path}").cache for path in others]


@pytest.fixture
def purged(sqlite_files: SqliteFiles, tmp_path: Path) -> Iterator[tuple[Varnish, Service, dict[str, str]]]:
    """A cache that keeps counts for an hour, the service that purges it, and the environment of its commands."""
    assert PROGRAM
    url, port = sqlite_files.copy_to(tmp_path), free_port()
    make.site(url)
    cached = {"counts_max_age_s": 3600, "counts_shared_max_age_s": 3600, "purge_urls": f"http://127.0.0.1:{port}"}
    environment = product_environment(database_url=url, data_dir=tmp_path, secret=make.SECRET, **cached)
    with running_service(url, settings={"trusted_proxies": "127.0.0.1/32", **cached}) as service:
        proxy = Varnish(PROGRAM, service.port, port=port)
        try:
            proxy.start()
            wait_until(lambda: proxy.ask("/healthz").status == 200, why="Varnish reaches the service")
            yield proxy, service, environment
        finally:
            proxy.close()


def test_what_an_editor_changes_is_seen_through_a_cache_that_would_keep_it_for_an_hour(
    purged: tuple[Varnish, Service, dict[str, str]],
) -> None:
    varnish, service, environment = purged
    assert vote(varnish, "cup/final 1").status == 200
    addresses = [f"{SITE}/reactions?article=cup%2Ffinal%201", f"{SITE}/counts?article=other&article=cup%2Ffinal%201"]

    def shown() -> list[bool]:
        answers = [varnish.ask(address).json() for address in addresses]
        return [answers[0]["open"], answers[1]["articles"][1]["open"]]

    assert shown() == [True, True]
    key = editors_key(environment["REACTIONS_DATABASE_URL"])
    closing = service_request(service, "POST", f"{SITE}/articles/close", {"article": "cup/final 1"}, key)
    assert closing == 200
    wait_until(lambda: shown() == [False, False], why="the close is seen")

    reopen = [sys.executable, "-m", "reactions", "article", "reopen", "daily", "cup/final 1"]
    subprocess.run(reopen, cwd=PROJECT, env=environment, check=True, capture_output=True)
    assert shown() == [True, True]  # the command ends when the purge was sent
    assert 'reactions_purges_total{outcome="sent"} 2.0' in service.metrics()


def editors_key(url: str) -> str:
    """A key that may close articles."""
    engine = create_engine(url)
    engines.prepare(engine)
    with engines.writing(engine) as connection:
        found = sites.get(connection, "daily")
        key = api_keys.create(connection, found, scopes=["review"], label="test", now_ms=1)[1]
    engine.dispose()
    return key


def service_request(service: Service, method: str, path: str, body: object, key: str) -> int:
    """The status that the service itself answers."""
    connection = HTTPConnection("127.0.0.1", service.port, timeout=10)
    try:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        connection.request(method, path, json.dumps(body), headers)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded"])
def test_nobody_purges_through_a_proxy_on_the_same_machine(varnish: Varnish, header: str) -> None:
    row(varnish, "kept")

    answer = varnish.ask(f"{SITE}/reactions?article=kept", method="PURGE", headers={header: "203.0.113.7"})

    assert_problem(answer, 405, "/problems#method-not-allowed")
    assert row(varnish, "kept").headers["X-Cache"] in ("HIT", "STALE")


@pytest.mark.parametrize("query", ["article=a&utm=1", "utm=1", "Article=a", "article=a&=b"])
def test_a_query_with_unknown_names_never_reaches_the_service(varnish: Varnish, query: str) -> None:
    assert_problem(varnish.ask(f"{SITE}/reactions?{query}"), 400, "/problems#invalid-request")


def test_refusals_of_the_service_pass_untouched_and_are_not_cached(varnish: Varnish) -> None:
    for _ in range(2):
        answer = varnish.ask(f"{SITE}/reactions?article=")
        assert (answer.status, answer.json()["type"]) == (400, "/problems#malformed-key")


def test_nobody_can_pretend_to_be_another_network(varnish: Varnish) -> None:
    forged = ({"X-Forwarded-For": f"203.0.113.{n}", "Forwarded": f"for=203.0.113.{n}"} for n in itertools.count())

    answers = [vote(varnish, "peer", make.reader(n), headers=next(forged), come_from="127.0.0.2").status for n in range(23)]

    assert answers == [200] * 20 + [429] * 3


def test_old_counts_are_served_while_the_service_is_down_and_votes_are_told_to_come_back(
    varnish: Varnish, service: Service
) -> None:
    assert row(varnish, "stale").status == 200
    service.stop()
    try:
        wait_until(lambda: row(varnish, "stale").cache == "STALE", why="the cached time is over")
        for _ in range(20):  # until the probe has noticed, and after
            stale = row(varnish, "stale")
            assert (stale.status, stale.json()["article"]) == (200, "stale")
        assert_problem(row(varnish, "never-read"), 503, "/problems#unavailable")
        assert_problem(vote(varnish, "stale", come_from="127.0.0.3"), 503, "/problems#unavailable")
    finally:
        service.start()
    wait_until(lambda: vote(varnish, "stale", come_from="127.0.0.3").status == 200, why="votes are counted again")
