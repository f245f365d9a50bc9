"""Answers about counts, kept in memory for about a second and given out ahead of Flask.

Within one process they are never stale: a committed batch outdates every answer about its articles. What another process
committed is seen when the answer's time is over.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from reactions.web import metrics

Address = tuple[str, str]  # path and query, as they came
Stamp = tuple[tuple[int, int], ...]  # article id and version

_MOST_BYTES = 64 * 2**20  # answers about 100 articles each would fill a machine before they are too many


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer: `headers` are for 200 and 304 alike and hold the ETag."""

    body: bytes
    etag: str
    headers: list[tuple[str, str]]


class CountsMemory:
    """Answers by address. `versions` rise with every batch that touches an article."""

    def __init__(self, *, keep_s: float, entries: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._keep_s = keep_s
        self._most = entries
        self._clock = clock
        self._lock = threading.Lock()
        self._answers: dict[Address, tuple[float, Stamp, Answer]] = {}
        self._bytes = 0
        self._versions: tuple[int, dict[int, int]] = (0, {})  # an epoch that every version starts from, and what came since

    def stamp(self, article_ids: Iterable[int]) -> Stamp:
        """The versions of articles. Take it before reading their counts."""
        return tuple((article_id, self._version(article_id)) for article_id in article_ids)

    def outdate(self, article_ids: Collection[int]) -> None:
        """Forget what is known of articles whose counts have changed."""
        with self._lock:
            epoch, since = self._versions
            if len(since) > self._most:
                epoch, since = epoch + 1 + max(since.values()), {}
            for article_id in article_ids:
                since[article_id] = since.get(article_id, 0) + 1
            self._versions = epoch, since  # at once: a reader that saw half of the change could take old for new

    def keep(self, address: Address, answer: Answer, stamp: Stamp) -> None:
        """Keep an answer for its time."""
        if self._keep_s <= 0:
            return
        size = len(answer.body) + len(address[1])
        with self._lock:
            if len(self._answers) >= self._most or self._bytes + size > _MOST_BYTES:
                self._answers.clear()
                self._bytes = 0
            self._bytes += size
            self._answers[address] = (self._clock() + self._keep_s, stamp, answer)

    def find(self, address: Address) -> Answer | None:
        """The answer for an address, if it is still good."""
        kept = self._answers.get(address)
        if kept is None:
            return None
        until, stamp, answer = kept
        if self._clock() < until and all(self._version(article_id) == version for article_id, version in stamp):
            return answer
        return None

    def _version(self, article_id: int) -> int:
        epoch, since = self._versions
        return epoch + since.get(article_id, 0)


class FromMemory:
    """WSGI middleware that answers GET requests from memory and passes on what it does not know."""

    def __init__(self, app: Any, memory: CountsMemory) -> None:
        self._app = app
        self._memory = memory

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer, or let the application answer."""
        if environ["REQUEST_METHOD"] == "GET":
            answer = self._memory.find((environ["PATH_INFO"], environ["QUERY_STRING"]))
            if answer is not None:
                metrics.reads.inc()
                known = environ.get("HTTP_IF_NONE_MATCH", "")
                if answer.etag in known or known == "*":
                    start_response("304 NOT MODIFIED", answer.headers)
                    return ()
                length = ("Content-Length", str(len(answer.body)))
                start_response("200 OK", [*answer.headers, ("Content-Type", "application/json"), length])
                return (answer.body,)
        return self._app(environ, start_response)  # type: ignore[no-any-return]
