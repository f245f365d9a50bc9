"""Purging: caches in front of the service are asked to forget counts that an editor has changed, so that readers see it at once.

Every cache has a thread and a queue of its own, so one that hangs keeps no other waiting. A request has a deadline and is made
once: what a cache did not hear of grows old there by itself. The addresses are the operator's own, from the settings, and mostly
private; nothing that a publisher or a reader writes chooses where a request goes.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Literal
from urllib.parse import quote

from reactions.newsroom.outdated import Outdated
from reactions.notices import outbox, webhooks
from reactions.notices.webhooks import Target, Unreachable

TIMEOUT_S = 2.0
MOST_WAITING = 1_000  # addresses, for each cache; further ones are dropped
_MOST_ARTICLES = 20  # of a site in one change; if there are more, the whole site is purged
_MARGIN_S = 0.2
_LAST_S = 5.0  # for sending when the process ends
_LONGEST_WAIT_S = 10.0  # of an address that is changed again and again
_UNESCAPED = "!()*"  # by encodeURIComponent in a query of a browser, which is how the widget writes keys

Outcome = Literal["sent", "failed", "dropped"]
OnOutcome = Callable[[Outcome, str], None]  # with what was wrong, where it failed


class Purger:
    """The caches of a service. A purge waits until no process answers from its memory any more: a cache would ask too early."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        counts_memory_s: float,
        site_memory_s: float,
        on_outcome: OnOutcome,
    ) -> None:
        targets = [webhooks.target(url, private_allowed=True) for url in urls]
        self._caches = [_Cache(target, on_outcome) for target in targets]
        self._article_s = counts_memory_s + _MARGIN_S
        self._site_s = site_memory_s + self._article_s
        atexit.register(self.close)

    def tell(self, changed: Collection[Outdated]) -> None:
        """Purge the addresses of what has changed. Returns at once."""
        now = time.monotonic()
        for site in sorted({each.site for each in changed}):
            keys = sorted(each.key for each in changed if each.site == site)
            whole = "" in keys
            many = len(keys) > _MOST_ARTICLES or not all(map(str.isascii, keys))  # pages write such a key in several ways
            paths = [f"/v1/sites/{site}/"] if whole or many else _paths(site, keys)
            for cache in self._caches:
                cache.add(paths, now + (self._site_s if whole else self._article_s))

    def close(self) -> None:
        """Send what waits, for some seconds longer than the last of it must wait."""
        until = time.monotonic() + self._site_s + _LAST_S
        for cache in self._caches:
            cache.finish(until)


def _paths(site: str, keys: Sequence[str]) -> list[str]:
    return [f"/v1/sites/{site}/{what}?article={quote(key, safe=_UNESCAPED)}" for key in keys for what in ("reactions", "counts")]


class _Cache:
    """One cache. Its thread starts with the first purge: gunicorn forks workers after the application is made."""

    def __init__(self, target: Target, on_outcome: OnOutcome) -> None:
        self._target = target
        self._on_outcome = on_outcome
        self._due: dict[str, tuple[float, float]] = {}  # when to purge an address, and when at the latest
        self._changed = threading.Lock()
        self._sender: threading.Thread | None = None

    def add(self, paths: Collection[str], due: float) -> None:
        with self._changed:
            for path in paths:
                if path in self._due or len(self._due) < MOST_WAITING:
                    _, latest = self._due.get(path, (due, due + _LONGEST_WAIT_S))
                    self._due[path] = due, latest
                else:
                    self._on_outcome("dropped", "")
            if self._sender is None or not self._sender.is_alive():
                self._sender = threading.Thread(target=self._send_all, name="purges", daemon=True)
                self._sender.start()

    def finish(self, until: float) -> None:
        """Wait for what is still to be sent; what is not by then is dropped."""
        sender = self._sender
        if sender is not None:
            sender.join(max(until - time.monotonic(), 0))
        with self._changed:
            for _ in self._due:
                self._on_outcome("dropped", "")
            self._due.clear()

    def _send_all(self) -> None:
        """Send until nothing waits."""
        while (path := self._next()) is not None:
            to = replace(self._target, path=path)
            try:
                outbox.post(to, b"", {}, timeout_s=TIMEOUT_S, private_allowed=True, method="PURGE")
                self._on_outcome("sent", "")
            except Unreachable as unreachable:
                if unreachable.status == HTTPStatus.NOT_FOUND:  # it did not have it
                    self._on_outcome("sent", "")
                else:
                    answered = f"{to.host} answered {unreachable.status}." if unreachable.status else str(unreachable)
                    self._on_outcome("failed", answered)
            except RuntimeError as error:  # no thread can be started any more: the process ends
                self._on_outcome("failed", str(error))

    def _next(self) -> str | None:
        """Wait for the next address that is due; None if there is none, and then the thread ends."""
        while True:
            with self._changed:
                if not self._due:
                    self._sender = None
                    return None
                path, (due, latest) = min(self._due.items(), key=lambda item: min(item[1]))
                now = time.monotonic()
                if due <= now:
                    del self._due[path]
                    return path
                if latest <= now:  # too early for the last change: once more for that
                    self._due[path] = due, due + _LONGEST_WAIT_S
                    return path
            time.sleep(min(due - now, latest - now, 0.2))
