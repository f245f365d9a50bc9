"""A newsroom to look at: articles of known ages, readers who reacted at known times, and keys."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from flask import Flask
from sqlalchemy import Engine

from reactions.newsroom import api_keys, articles, sites
from reactions.newsroom.article_keys import id_of
from reactions.newsroom.articles import Description
from reactions.storage.engines import writing
from reactions.votes import rules, verdicts, views
from reactions.votes.ballot_box import BallotBox
from reactions.votes.detector import Pattern
from reactions.votes.holds import SOFT_CAP, VERDICT, Held, Hold
from reactions.votes.rules import Receipt
from reactions.votes.verdicts import Verdict
from reactions.web.extensions import db

HOUR_MS = 3_600_000
_readers = count(1)


def key_of(app: Flask, site: str = "daily", *, scopes: Sequence[str] = ("read",)) -> str:
    """A new key of a site."""
    with app.app_context(), writing(db.engine) as connection:
        _, text = api_keys.create(connection, sites.get(connection, site), scopes=scopes, label="a test", now_ms=1)
    return text


class Newsroom:
    """Puts articles and votes into a site as they would have come, some hours ago."""

    def __init__(self, engine: Engine, box: BallotBox, site: str = "daily") -> None:
        self._engine, self._box = engine, box
        with engine.connect() as connection:
            self.site = sites.get(connection, site)
        self._now_ms = time.time_ns() // 1_000_000

    def article(self, key: str, *, hours_ago: float = 5, title: str = "", section: str = "Politics", **said: object) -> None:
        """Describe an article."""
        at_ms = self._ago(hours_ago)
        article = Description(key=key, title=title or key, section=section, published_at=at_ms, **said)  # type: ignore[arg-type]
        with writing(self._engine) as connection:
            articles.describe(connection, self.site, [article], at_ms=at_ms)

    def seen(self, key: str, times: int, hours_ago: float = 0) -> None:
        """Let the row of an article come into sight so often."""
        row = {"article_id": id_of(self.site.key, key), "hour_utc": self._ago(hours_ago) // HOUR_MS, "n": times}
        with writing(self._engine) as connection:
            views.add_sums(connection, [row])

    def register(self, key: str) -> None:
        """Register an article of which nobody knows more than the key."""
        at_ms = self._ago(0)
        with writing(self._engine) as connection:
            articles.register(connection, self.site, {id_of(self.site.key, key): key}, at_ms=at_ms, by="a test")

    def votes(self, key: str, hours_ago: float = 0, **reactions: int) -> list[Receipt]:
        """Let new readers vote, so many for each reaction."""
        at_ms = self._ago(hours_ago)
        given = [reaction for reaction, n in reactions.items() for _ in range(n)]
        outcomes = self._box.count([
            rules.ballot(self.site, article=key, reaction=reaction, reader=next(_readers).to_bytes(16), seq=at_ms, now_ms=at_ms)
            for reaction in given
        ])  # fmt: skip
        return [each for each in outcomes if isinstance(each, Receipt)]

    def held(self, key: str, hours_ago: float = 0, *, network: str = "a" * 16, **reactions: int) -> list[Receipt]:
        """Let new readers vote, so many for each reaction, whose votes are held."""
        at_ms = self._ago(hours_ago)
        why = Hold(SOFT_CAP, self._now_ms + HOUR_MS, network)
        given = [reaction for reaction, n in reactions.items() for _ in range(n)]
        ballots = [
            rules.ballot(self.site, article=key, reaction=reaction, reader=next(_readers).to_bytes(16), seq=at_ms, now_ms=at_ms)
            for reaction in given
        ]
        outcomes = self._box.count([replace(ballot, held=why) for ballot in ballots])
        return [each for each in outcomes if isinstance(each, Receipt)]

    def verdict(self, votes: Sequence[Receipt], text: str, hours_ago: float = 0, *, network: str = "a" * 16) -> str:
        """Let the detector say something of votes; return the verdict's id."""
        at_ms, article_id = self._ago(hours_ago), votes[0].article_id
        times = {"at_ms": at_ms, "from_ms": at_ms, "to_ms": at_ms, "until_ms": at_ms + HOUR_MS}
        found: dict[str, Any] = {
            "cause": "networks",
            "text": text,
            "pattern": Pattern(networks=frozenset([network])),
            "figures": {},
        }
        verdict = Verdict(id=verdicts.new_id(), site_id=self.site.id, article_id=article_id, enforced=True, **times, **found)
        why = Hold(VERDICT, at_ms + 23 * HOUR_MS, network, verdict.id)
        with writing(self._engine) as connection:
            verdicts.write(connection, verdict)
            named = [Held(article_id, vote.voter, self.site.id, at_ms, why) for vote in votes]
            verdicts.name_votes(connection, named)
        return verdict.id

    def _ago(self, hours: float) -> int:
        return self._now_ms - round(hours * HOUR_MS)
