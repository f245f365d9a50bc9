"""The shipped nginx configuration in front of the running service: what the cache may do, and what a client may not."""

from __future__ import annotations

import gzip
import itertools
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import make
from tests.databases import SqliteFiles
from tests.deploy.proxies import DEPLOY, Answer, Nginx, binary
from tests.engines import wait_until
from tests.service import Service, running_service
from tests.widget.test_package import MOST_BYTES

PROGRAM = binary()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="nginx is not installed (Debian: apt-get install nginx-light)")
SITE = "/v1/sites/daily"
NETWORK_LIMIT = 40
_seqs = itertools.count(1)


@pytest.fixture(scope="module")
def service(sqlite_files: SqliteFiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that believes this machine's proxy; its counts stay good for a second, and stale ones only if it is away."""
    url = sqlite_files.copy_to(tmp_path_factory.mktemp("behind-nginx"))
    make.site(url)
    settings = {
        "trusted_proxies": "127.0.0.1/32, 127.0.0.2/32",  # the second is the liar's: nginx alone stands in his way
        "counts_max_age_s": 1,
        "counts_shared_max_age_s": 1,
        "counts_stale_while_revalidate_s": 0,
        "votes_per_network": f"{NETWORK_LIMIT}/hour",
    }
    with running_service(url, settings=settings) as running:
        yield running


@contextmanager
def in_front_of(service: Service) -> Iterator[Nginx]:
    assert PROGRAM
    proxy = Nginx(PROGRAM, service.port)
    try:
        proxy.start()
        yield proxy
    finally:
        proxy.close()


@pytest.fixture(scope="module")
def nginx(service: Service) -> Iterator[Nginx]:
    with in_front_of(service) as proxy:
        yield proxy


def vote(nginx: Nginx, article: str, reaction: str | None = "like", *, reader: str = make.ADA, **how: object) -> Answer:
    body = {"article": article, "reaction": reaction, "reader": reader, "seq": next(_seqs)}
    headers = {"Origin": make.ORIGIN} | dict(how.pop("headers", {}))  # type: ignore[call-overload]
    return nginx.ask(f"{SITE}/vote", method="PUT", body=body, headers=headers, **how)  # type: ignore[arg-type]


def row(nginx: Nginx, article: str, **headers: str) -> Answer:
    return nginx.ask(f"{SITE}/reactions?article={article}", headers=headers)


def test_a_second_reader_is_served_by_the_cache(nginx: Nginx) -> None:
    first, second = row(nginx, "cached"), row(nginx, "cached")

    assert (first.status, first.cache) == (200, "MISS")
    assert (second.status, second.cache) == (200, "HIT")
    assert second.body == first.body
    assert second.headers["ETag"] == first.headers["ETag"]


def test_the_cache_itself_answers_304(nginx: Nginx) -> None:
    known = row(nginx, "known").headers["ETag"]

    again = row(nginx, "known", **{"If-None-Match": known})

    assert (again.status, again.cache, again.body) == (304, "HIT", b"")


def test_a_vote_passes_and_shows_once_the_cached_time_is_over(nginx: Nginx) -> None:
    assert row(nginx, "voted").json()["total"] == 0

    first = vote(nginx, "voted")
    second = vote(nginx, "voted", "love", reader=make.BEN)

    assert (first.status, first.cache, first.json()["total"]) == (200, None, 1)
    assert second.json()["total"] == 2
    assert first.headers["Access-Control-Allow-Origin"] == make.ORIGIN
    wait_until(lambda: row(nginx, "voted").json()["total"] == 2, timeout_s=5, why="the cache shows both votes")


@pytest.mark.parametrize(
    "header", ["Origin", "Cookie", "Authorization", "Accept", "Accept-Language", "X-Forwarded-Host", "X-Forwarded-For"]
)
def test_nothing_a_reader_sends_varies_the_cache(nginx: Nginx, header: str) -> None:
    plain = row(nginx, f"same-{header}")

    coloured = row(nginx, f"same-{header}", **{header: "https://elsewhere.example"})

    assert coloured.cache == "HIT"
    assert (coloured.status, coloured.body, coloured.headers["Vary"]) == (200, plain.body, plain.headers["Vary"])
    assert coloured.headers["Access-Control-Allow-Origin"] == "*"


def test_the_host_header_does_not_vary_the_cache(nginx: Nginx) -> None:
    plain = row(nginx, "host")

    other = row(nginx, "host", Host="elsewhere.example")

    assert (other.cache, other.body) == ("HIT", plain.body)


def test_the_widget_is_cached_and_packed_and_stays_itself(nginx: Nginx, service: Service) -> None:
    path, packing = "/widget/v1.js", {"Accept-Encoding": "gzip"}
    nginx.ask(path, headers=packing)

    packed = nginx.ask(path, headers=packing)

    assert (packed.cache, packed.headers["Content-Encoding"]) == ("HIT", "gzip")
    assert gzip.decompress(packed.body) == service.get(path)[1]
    assert len(packed.body) <= MOST_BYTES


def test_refusals_of_the_service_pass_untouched_and_are_not_cached(nginx: Nginx) -> None:
    for _ in range(2):
        answer = nginx.ask(f"{SITE}/reactions?article=")
        assert (answer.status, answer.cache) == (400, "MISS")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["type"] == "/problems#malformed-key"


@pytest.mark.parametrize("query", ["article=a&utm=1", "utm=1", "article=a&article", "Article=a", "article=a&=b"])
def test_a_query_with_unknown_names_never_reaches_the_service(nginx: Nginx, query: str) -> None:
    """Or everybody could fill the cache with copies of one answer."""
    for read in ("reactions", "counts"):
        answer = nginx.ask(f"{SITE}/{read}?{query}")
        assert_problem(answer, 400, "/problems#invalid-request")
        assert answer.cache is None


@pytest.mark.parametrize("query", ["article=a&article=b", "lang=de&article=a", "article=a%26b&", ""])
def test_a_query_with_known_names_passes(nginx: Nginx, query: str) -> None:
    assert nginx.ask(f"{SITE}/reactions?{query}").cache == "MISS"


def test_a_preflight_passes(nginx: Nginx) -> None:
    headers = {"Origin": make.ORIGIN, "Access-Control-Request-Method": "PUT"}

    answer = nginx.ask(f"{SITE}/vote", method="OPTIONS", headers=headers)

    assert (answer.status, answer.headers["Access-Control-Max-Age"]) == (204, "7200")


def assert_problem(answer: Answer, status: int, name: str) -> None:
    body = answer.json()
    assert (answer.status, body["status"]) == (status, status)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert sorted(body) == ["detail", "status", "title", "type"]
    assert body["type"] == name


def test_a_body_that_is_too_large_is_a_problem_and_never_reaches_the_service(nginx: Nginx) -> None:
    answer = nginx.ask(f"{SITE}/vote", method="PUT", body=b"x" * 9000)

    assert_problem(answer, 413, "/problems#too-large")
    assert b"nginx" not in answer.body


def test_an_address_that_is_too_long_is_a_problem(nginx: Nginx) -> None:
    assert_problem(nginx.ask(f"{SITE}/counts?article={'x' * 9000}"), 414, "about:blank")


def test_headers_that_are_too_large_are_a_problem(nginx: Nginx) -> None:
    assert_problem(nginx.ask("/healthz", headers={"X-Long": "x" * 9000}), 400, "/problems#invalid-request")


def test_what_is_not_http_is_a_problem(nginx: Nginx) -> None:
    with socket.create_connection(("127.0.0.1", nginx.port), timeout=5) as connection:
        connection.sendall(b"GET / nonsense\r\nHost: x\r\n\r\n")
        answer = connection.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"Content-Type: application/problem+json" in answer
    assert b'"type":"/problems#invalid-request"' in answer


def test_only_the_real_peer_counts_as_the_client(nginx: Nginx) -> None:
    """The network's limit is spent by one peer however it lies; another peer has its own."""
    forged = ({"X-Forwarded-For": f"203.0.113.{n}", "Forwarded": f"for=203.0.113.{n}"} for n in itertools.count())
    liar = {"come_from": "127.0.0.2"}

    statuses = [vote(nginx, "peer", reader=make.reader(n), headers=next(forged), **liar).status for n in range(NETWORK_LIMIT + 3)]

    assert statuses == [200] * NETWORK_LIMIT + [429] * 3
    assert vote(nginx, "peer", reader=make.CIA, come_from="127.0.0.3").status == 200


def test_the_log_names_no_client_and_no_article(nginx: Nginx) -> None:
    row(nginx, "a-secret-article", **{"User-Agent": "A Browser/1.0", "Referer": "https://daily.example/page"})
    wait_until(lambda: f"GET {SITE}/reactions 200" in nginx.access_log(), why="the request is logged")

    assert not re.search(r"127\.0\.0\.|a-secret-article|A Browser|daily\.example", nginx.access_log())


def test_stale_counts_are_served_while_the_service_is_down_and_votes_are_told_to_come_back(
    nginx: Nginx, service: Service
) -> None:
    assert row(nginx, "stale").cache == "MISS"
    service.stop()
    try:
        wait_until(lambda: row(nginx, "stale").cache != "HIT", why="the cached time is over")
        stale = row(nginx, "stale")
        never_read = row(nginx, "never-read")
        refused = vote(nginx, "stale")
    finally:
        service.start()

    assert (stale.status, stale.cache, stale.json()["article"]) == (200, "STALE", "stale")
    for answer in (never_read, refused):
        assert_problem(answer, 502, "/problems#unavailable")
        assert answer.headers["Retry-After"] == "2"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
    wait_until(lambda: vote(nginx, "stale").status == 200, why="votes are counted again")


def test_old_counts_are_served_at_once_while_the_cache_renews_them(sqlite_files: SqliteFiles, tmp_path: Path) -> None:
    url = sqlite_files.copy_to(tmp_path)
    make.site(url)
    with (
        running_service(url, settings={"counts_max_age_s": 1, "counts_shared_max_age_s": 1}) as service,
        in_front_of(service) as nginx,
    ):
        row(nginx, "renewed")
        vote(nginx, "renewed")

        wait_until(lambda: row(nginx, "renewed").cache != "HIT", why="the cached time is over")
        wait_until(lambda: row(nginx, "renewed").json()["total"] == 1, timeout_s=5, why="the background request is done")
        logged = nginx.access_log()

    assert "STALE" in logged  # answered with what there was
    assert "EXPIRED" not in logged  # nobody waited


def test_beacons_pass_and_leave_no_line_in_the_log(nginx: Nginx) -> None:
    headers = {"Content-Type": "text/plain;charset=UTF-8", "Origin": make.ORIGIN}
    beacon = b'{"articles":["seen"]}'

    answer = nginx.ask(f"{SITE}/views", method="POST", body=beacon, headers=headers)
    foreign = nginx.ask(f"{SITE}/views", method="POST", body=beacon, headers={**headers, "Origin": "https://evil.example"})
    nginx.ask(f"{SITE}/reactions?article=after-beacons")

    assert (answer.status, foreign.status) == (409, 403)  # the site counts none, and says so itself
    assert nginx.ask(f"{SITE}/views", method="POST", body=b"x" * 33_000, headers=headers).status == 413
    wait_until(lambda: f"GET {SITE}/reactions 200" in nginx.access_log(), why="the request is logged")
    assert "/views" not in nginx.access_log()


def test_the_configuration_with_tls_is_accepted_by_nginx(tmp_path: Path) -> None:
    """As an operator installs it: the site file in conf.d, the shared files beside nginx.conf."""
    assert PROGRAM
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    certificate(tmp_path)
    shutil.copytree(DEPLOY / "reactions-nginx", tmp_path / "reactions-nginx")
    site = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    for shipped in ("/etc/letsencrypt/live/reactions.example.org", "/var/cache/nginx", "/var/log/nginx"):
        assert shipped in site
        site = site.replace(shipped, str(tmp_path))
    (tmp_path / "site.conf").write_text(site, encoding="utf-8")
    main = f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ include site.conf; }}"
    (tmp_path / "nginx.conf").write_text(main, encoding="utf-8")

    said = subprocess.run(
        [str(PROGRAM), "-t", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")], capture_output=True, text=True
    )

    assert said.returncode == 0, said.stderr


def certificate(folder: Path) -> None:
    """A key and a certificate that nobody trusts."""
    names = ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=reactions.example.org", *names],
        check=True, capture_output=True,
    )  # fmt: skip
