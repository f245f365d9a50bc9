"""A newsroom to look at: articles of known ages, readers who reacted at known times, and keys."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import count

from flask import Flask
from sqlalchemy import Engine

from reactions.newsroom import api_keys, articles, sites
from reactions.newsroom.articles import Description
from reactions.storage.engines import writing
from reactions.votes import rules
from reactions.votes.ballot_box import BallotBox
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

    def votes(self, key: str, hours_ago: float = 0, **reactions: int) -> None:
        """Let new readers vote, so many for each reaction."""
        at_ms = self._ago(hours_ago)
        given = [reaction for reaction, n in reactions.items() for _ in range(n)]
        self._box.count([
            rules.ballot(self.site, article=key, reaction=reaction, reader=next(_readers).to_bytes(16), seq=at_ms, now_ms=at_ms)
            for reaction in given
        ])  # fmt: skip

    def _ago(self, hours: float) -> int:
        return self._now_ms - round(hours * HOUR_MS)
