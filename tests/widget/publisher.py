"""A publisher for the browser: pages on an origin of their own, with the widget from the real service on another."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import quote

from sqlalchemy import create_engine

from reactions.newsroom import interventions, sites
from reactions.storage import engines
from tests.engines import wait_until
from tests.service import Service

MOST_WIDE = "main { max-width: 40rem; margin: auto; padding: 0 1rem }"
PAGE = """<!doctype html>
<html lang="{lang}" dir="{direction}">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Harbour bridge to close</title>
<style>body {{ margin: 0; font: 18px/1.5 Arial, "Liberation Sans", sans-serif; background: #fff; color: #121212 }} {css}</style>
{head}
</head>
<body><main>
<h1>Harbour bridge to close</h1>
{body}
<p id="after">More on this article.</p>
</main></body>
</html>"""


class Pages(ThreadingHTTPServer):
    """The publisher's web server: it serves what was put, and forgets nothing."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Page)
        self.bodies: dict[str, tuple[bytes, dict[str, str]]] = {}
        self.origin = f"http://localhost:{self.server_port}"
        self._numbers = itertools.count(1)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def put(self, html: str, *, path: str = "", headers: Mapping[str, str] | None = None) -> str:
        """Serve a document; return its address."""
        path = path or f"/news/{next(self._numbers)}"
        self.bodies[path] = (html.encode(), dict(headers or {}))
        return self.origin + path

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.wfile.write(self._head())

    def do_HEAD(self) -> None:
        self._head()

    def _head(self) -> bytes:
        """Answer with all but the body, and return that."""
        found = cast("Pages", self.server).bodies.get(self.path.partition("?")[0])
        body, headers = found or (b"", {})
        self.send_response(200 if found else 204)  # 204 for the browser's own question about an icon
        for name, value in {"Content-Type": "text/html; charset=utf-8", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        return body

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        pass


class Publisher:
    """The site "daily": its pages, its service and what the service says of its articles."""

    def __init__(self, service: Service, database_url: str, pages: Pages) -> None:
        self.service = service
        self.pages = pages
        self._database_url = database_url
        self._numbers = itertools.count(1)

    @property
    def script(self) -> str:
        return f'<script async src="{self.service.url}/widget/v1.js"></script>'

    def key(self) -> str:
        """The key of an article that nobody has voted on."""
        return f"politics/bridge-{next(self._numbers)}"

    def page(
        self, body: str, *, lang: str = "en", direction: str = "ltr", css: str = MOST_WIDE, head: str | None = None, **put: Any
    ) -> str:
        """Serve a page with this in its body and the script in its head; return its address."""
        head = self.script if head is None else head
        return self.pages.put(PAGE.format(body=body, lang=lang, direction=direction, css=css, head=head), **put)

    def article(self, key: str, **page: Any) -> str:
        """Serve a page with the row of one article; return its address."""
        return self.page(row(key), **page)

    def counts(self, key: str) -> dict[str, int]:
        """The reactions with votes, as the service answers them."""
        status, body = self.service.get(f"/v1/sites/daily/counts?article={quote(key)}")
        assert status == 200
        return {name: n for name, n in json.loads(body)["articles"][0]["counts"].items() if n}

    def expect_counts(self, key: str, counts: dict[str, int]) -> None:
        """Wait until the service counts exactly this."""
        wait_until(lambda: self.counts(key) == counts, timeout_s=10, why=f"{key} counts {counts}")

    def vote(self, key: str, reaction: str | None, *, reader: str) -> int:
        """Another device of a reader votes; return the status."""
        body = json.dumps({"article": key, "reaction": reaction, "reader": reader, "seq": time.time_ns() // 1_000_000})
        connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=5)
        try:
            connection.request("PUT", "/v1/sites/daily/vote", body, {"Content-Type": "application/json"})
            return connection.getresponse().status
        finally:
            connection.close()

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Let the service take requests in but answer none until the block ends."""
        workers = self.service.pids()
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in workers:
                os.kill(pid, signal.SIGCONT)

    def close_voting(self, key: str) -> None:
        """End voting on an article that has votes."""
        self._intervene(interventions.close, key)

    def hide_numbers(self, key: str) -> None:
        """Hide the numbers of an article that has votes."""
        self._intervene(interventions.hide, key)

    def _intervene(self, act: Callable[..., None], key: str) -> None:
        engine = create_engine(self._database_url)
        engines.prepare(engine)
        with engines.writing(engine) as connection:
            act(connection, sites.get(connection, "daily"), key, at_ms=1, by="a test")
        engine.dispose()


def row(key: str, attributes: str = "") -> str:
    """The element, as a publisher writes it."""
    return f'<reader-reactions site="daily" article="{key}" {attributes}></reader-reactions>'


def number(key: str) -> str:
    """The element that shows a total, as a publisher writes it."""
    return f'<reaction-count site="daily" article="{key}"></reaction-count>'
