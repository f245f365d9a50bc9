"""Trust: who sent a vote, how far the sender is trusted, and which votes are held rather than counted at once.

Soft caps bound how many fresh readers' votes one network brings to one article, and to all articles of all sites together; votes
beyond are held, never refused. They are counted where the limits are, once for a batch, and read nothing else. Readers whose
token proves a past are exempt.
"""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from reactions.newsroom.sites import Site
from reactions.settings import Settings
from reactions.times import DAY_MS, MINUTE_MS
from reactions.votes import networks, readers
from reactions.votes.holds import SOFT_CAP, Hold, Sender
from reactions.votes.rules import Ballot
from reactions.votes.tokens import PROVEN, Proof, Tokens
from reactions.web import limits, metrics
from reactions.web.limit_store import Ask, Policy

_REMEMBERED = 4096
_KEY_BYTES = 32

Limit = Callable[
    [Sequence[Ballot], Sequence[object], Sequence[Sequence[Ask]]], tuple[Sequence[Ballot | Exception], Sequence[bool]]
]
Watched = Callable[[Ballot], Hold | None]


class DailyKey:
    """A random key for the hashes of networks, another each UTC day. It is kept in memory, and in Redis where there is one."""

    def __init__(self, shared: Callable[[], Any] = lambda: None) -> None:
        self._shared = shared  # gives a Redis client, so that all processes hash alike, or None
        self._day, self._key = -1, b""
        self._lock = threading.Lock()

    def of(self, now_ms: int) -> bytes:
        """The key of the day; the one of the day before is gone."""
        day = now_ms // DAY_MS
        if day != self._day:
            with self._lock:
                if day != self._day:
                    self._key, self._day = self._agreed(secrets.token_bytes(_KEY_BYTES), now_ms), day
        return self._key

    def agree(self, now_ms: int) -> None:
        """Take the key that other processes have, or give them this one's.

        They may not know each other's: Redis was away when the day began, or has lost its keys before another process started.
        """
        with self._lock:
            if self._day == now_ms // DAY_MS:
                self._key = self._agreed(self._key, now_ms)

    def _agreed(self, own: bytes, now_ms: int) -> bytes:
        """The key of the day in Redis, which is now this one if there was none."""
        day = now_ms // DAY_MS
        name, left_ms = f"reactions:network-key:{day}", (day + 1) * DAY_MS - now_ms
        try:
            client = self._shared()
            if client is None:
                return own
            client.set(name, own, nx=True, px=left_ms)
            found = bytes(client.get(name) or b"")
        except Exception:  # noqa: BLE001  without Redis this process hashes on its own
            return own
        return found if found != own and len(found) == _KEY_BYTES else own


class Trust:
    """What one application believes of the votes it gets. `sender` and `renew` are for routes, `admit` for the ballot box."""

    def __init__(self, settings: Settings, *, token_keys: Sequence[bytes], key: DailyKey, limit: Limit) -> None:
        self.tokens = Tokens(token_keys, Proof(settings.proven_after_hours, settings.proven_articles))
        self.watched: Watched = lambda _: None
        self._key = key
        self._hashed: dict[str, tuple[str, ...]] = {}
        self._hashed_with = b""
        self._limit = limit
        self._held_for_ms = settings.held_for_minutes * MINUTE_MS
        self._caps = {4: _caps(settings, "network", "ipv4_24"), 6: _caps(settings, "network", "ipv6_56", "ipv6_48", "ipv6_32")}
        self._everywhere = limits.policies("fresh-everywhere", settings.fresh_votes_everywhere, everywhere=True)
        self._read = {standing: metrics.tokens.labels(standing) for standing in metrics.TOKEN_STANDINGS}

    def sender(self, site: Site, *, address: str, reader: bytes, token: str | None, now_ms: int) -> Sender:
        """Who a vote comes from."""
        standing, past = self.tokens.read(token, site_id=site.id, reader=reader, now_ms=now_ms)
        return Sender(self._hashes(address, now_ms), standing == PROVEN, past, standing)

    def renew(self, ballot: Ballot) -> str:
        """The token for after a vote."""
        past = ballot.sender.past if ballot.sender else None
        return self.tokens.renew(
            past, site_id=ballot.site.id, reader=ballot.reader, article_id=ballot.article_id, now_ms=ballot.at_ms
        )

    def _hashes(self, address: str, now_ms: int) -> tuple[str, ...]:
        key = self._key.of(now_ms)
        if key is not self._hashed_with or len(self._hashed) >= _REMEMBERED:
            self._hashed, self._hashed_with = {}, key
        found = self._hashed.get(address)
        if found is None:
            found = tuple(readers.limit_key(key, prefix) for prefix in networks.widths_of(address))
            self._hashed[address] = found
        return found

    def admit(self, ballots: Sequence[Ballot], facts: Sequence[object]) -> Sequence[Ballot | Exception]:
        """Count a batch against limits and soft caps: each ballot, as a held one where a cap is spent, or why it is refused."""
        fresh = [_adds_a_fresh_vote(ballot) for ballot in ballots]
        caps = [self._asks(ballot) if is_fresh else [] for ballot, is_fresh in zip(ballots, fresh, strict=True)]
        answers, beyond = self._limit(ballots, facts, caps)
        for standing, n in Counter(ballot.sender.standing for ballot in ballots if ballot.sender).items():
            self._read[standing].inc(n)
        admitted = list(answers)
        for at, ballot in enumerate(answers):
            if (
                fresh[at]
                and isinstance(ballot, Ballot)
                and (hold := self.watched(ballot) or (self._beyond(ballot) if beyond[at] else None))
            ):
                metrics.held.labels(hold.cause).inc()
                admitted[at] = replace(ballot, held=hold)
        return admitted

    def _asks(self, ballot: Ballot) -> list[Ask]:
        sender = ballot.sender
        assert sender is not None
        caps = self._caps[4 if len(sender.networks) < len(self._caps[6]) else 6]
        article = str(ballot.article_id)
        asks = [(cap, article + network) for each, network in zip(caps, sender.networks, strict=False) for cap in each]
        return asks + [(cap, sender.networks[0]) for cap in self._everywhere]

    def _beyond(self, ballot: Ballot) -> Hold:
        assert ballot.sender is not None
        return Hold(SOFT_CAP, ballot.at_ms + self._held_for_ms, ballot.sender.networks[0])


def _caps(settings: Settings, *widths: str) -> list[tuple[Policy, ...]]:
    return [limits.policies(f"fresh-{width}", getattr(settings, f"fresh_votes_per_{width}"), everywhere=True) for width in widths]


def _adds_a_fresh_vote(ballot: Ballot) -> bool:
    return ballot.sender is not None and not ballot.sender.proven and ballot.reaction is not None
