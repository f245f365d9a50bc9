"""Purges: what an editor changes is asked of the caches anew, once, whatever else they do."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from reactions.newsroom.outdated import Outdated
from reactions.notices import purging, webhooks
from reactions.notices.purging import Purger
from tests.engines import wait_until

HELLO = {f"/v1/sites/daily/{what}?article=hello" for what in ("reactions", "counts")}


class Cache:
    """A cache that remembers what it was asked to forget."""

    def __init__(self, status: int = 200) -> None:
        asked = self.asked = []  # type: list[tuple[str, str]]

        class Answering(BaseHTTPRequestHandler):
            def do_PURGE(self) -> None:
                asked.append((self.command, self.path))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def paths(self) -> set[str]:
        return {path for _, path in self.asked}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def cache() -> Iterator[Cache]:
    opened = Cache()
    yield opened
    opened.close()


def purger(*urls: str, outcomes: Counter[str] | None = None) -> Purger:
    count = Counter() if outcomes is None else outcomes
    return Purger(urls, counts_memory_s=0, site_memory_s=0, on_outcome=lambda outcome, _: count.update([outcome]))


def test_a_cache_is_asked_once_for_each_address_of_an_article(cache: Cache) -> None:
    sender = purger(cache.url)

    sender.tell({Outdated("daily", "hello"), Outdated("daily", "it's 100% a/b?c&d")})
    sender.close()

    rest = "it%27s%20100%25%20a%2Fb%3Fc%26d"
    assert cache.paths() == HELLO | {f"/v1/sites/daily/{what}?article={rest}" for what in ("reactions", "counts")}
    assert len(cache.asked) == 4


@pytest.mark.parametrize("keys", [[""], ["", "a"], ["é"], ["a", "❤️"], [str(n) for n in range(21)]])
def test_a_site_or_many_of_its_articles_are_one_purge(cache: Cache, keys: list[str]) -> None:
    sender = purger(cache.url)

    sender.tell({Outdated("daily", key) for key in keys})
    sender.close()

    assert cache.asked == [("PURGE", "/v1/sites/daily/")]


def test_a_cache_that_is_gone_hangs_or_refuses_keeps_no_other_waiting_and_is_not_asked_again(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "TIMEOUT_S", 0.3)
    outcomes: Counter[str] = Counter()
    refusing = Cache(status=405)
    with socket.create_server(("127.0.0.1", 0)) as hanging, socket.create_server(("127.0.0.1", 0)) as gone:
        nowhere = f"http://127.0.0.1:{gone.getsockname()[1]}"
        gone.close()
        sender = purger(nowhere, f"http://127.0.0.1:{hanging.getsockname()[1]}", refusing.url, cache.url, outcomes=outcomes)

        sender.tell([Outdated("daily", "hello")])
        wait_until(lambda: cache.paths() == HELLO, why="the good cache has heard")
        sender.close()

    assert outcomes == {"sent": 2, "failed": 6}
    assert len(refusing.asked) == 2
    refusing.close()


def test_a_cache_that_did_not_have_it_is_content(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes: Counter[str] = Counter()
    empty = Cache(status=404)
    sender = purger(empty.url, outcomes=outcomes)

    sender.tell([Outdated("daily", "hello")])
    sender.close()

    assert outcomes == {"sent": 2}
    empty.close()


def test_what_is_changed_again_and_again_is_purged_all_the_same(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purging, "_LONGEST_WAIT_S", 0.5)
    sender = Purger([cache.url], counts_memory_s=0.4, site_memory_s=0, on_outcome=lambda *_: None)

    def again() -> bool:
        sender.tell([Outdated("daily", "hello")])
        return cache.paths() == HELLO

    wait_until(again, why="it is purged while it changes")
    sender.close()


def test_a_purge_that_could_not_be_put_off_any_longer_is_made_once_more_for_the_last_change(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "_LONGEST_WAIT_S", 0.2)
    waiting = purging._Cache(webhooks.target(cache.url, private_allowed=True), lambda *_: None)
    waiting._sender = threading.current_thread()  # this test takes what is due
    began = time.monotonic()

    waiting.add(["/a"], began)
    waiting.add(["/a"], began + 0.5)

    assert [waiting._next(), waiting._next()] == ["/a", "/a"]
    assert time.monotonic() - began >= 0.5
    assert waiting._next() is None


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch, cache: Cache) -> None:
    monkeypatch.setattr(purging, "MOST_WAITING", 3)
    outcomes: Counter[str] = Counter()
    sender = Purger([cache.url], counts_memory_s=0.5, site_memory_s=0, on_outcome=lambda outcome, _: outcomes.update([outcome]))

    for n in range(10):
        sender.tell([Outdated("daily", str(n))])
    sender.close()

    assert outcomes == {"dropped": 17, "sent": 3}


def test_a_purge_waits_until_no_process_answers_from_its_memory(cache: Cache) -> None:
    sender = Purger([cache.url], counts_memory_s=0.3, site_memory_s=0.3, on_outcome=lambda *_: None)
    began = time.monotonic()

    sender.tell([Outdated("daily", "hello")])
    sender.tell([Outdated("other")])
    wait_until(lambda: cache.paths() >= HELLO, why="the article is purged")
    assert time.monotonic() - began >= 0.3
    wait_until(lambda: "/v1/sites/other/" in cache.paths(), why="the site is purged")
    assert time.monotonic() - began >= 0.6
    sender.close()
