"""A ballot box over a test's database, with a site to vote on and words to vote with."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, create_engine, event

from reactions import times
from reactions.newsroom import sites
from reactions.newsroom.article_keys import article_key
from reactions.newsroom.sites import Site
from reactions.storage import engines
from reactions.storage.engines import snapshot
from reactions.votes import integrity, rules
from reactions.votes.ballot_box import BallotBox
from reactions.votes.rules import Ballot, Counts, Receipt
from tests import make

NOON_MS = 1_764_072_000_000  # 2025-11-25 12:00 UTC


@dataclass
class Booth:
    """Where tests vote: `cast` counts one ballot on the site "daily" and returns its receipt."""

    engine: Engine
    site: Site
    box: BallotBox
    choices: dict[str, Any] = field(default_factory=dict)

    def ballot(self, reader: str, reaction: str | None, *, seq: int, article: str = "hello", now_ms: int = NOON_MS) -> Ballot:
        return rules.ballot(self.site, article=article, reaction=reaction, reader=bytes.fromhex(reader), seq=seq, now_ms=now_ms)

    def cast(self, reader: str, reaction: str | None, *, seq: int, article: str = "hello", now_ms: int = NOON_MS) -> Receipt:
        return self.box.cast(self.ballot(reader, reaction, seq=seq, article=article, now_ms=now_ms))

    def cast_many(self, seq: int, reaction: str | None = "like", readers: int = 9) -> None:
        """Count a batch of readers' ballots, in turn on three articles, at the present time."""
        ballots = [
            self.ballot(make.reader(n), reaction, seq=seq, article=f"{n % 3}", now_ms=times.now_ms()) for n in range(readers)
        ]
        assert [answer for answer in self.box.count(ballots) if isinstance(answer, Exception)] == []

    def counts(self, *articles: str) -> list[Counts]:
        with self.engine.connect() as connection:
            keys = [article_key(self.site.key, article) for article in articles]
            return rules.counts_of(connection, self.site, keys, now_ms=NOON_MS)

    def shown(self, article: str = "hello") -> dict[str, int]:
        """What is shown of an article, zeros left out."""
        (counts,) = self.counts(article)
        return {key: n for key, n in counts.by_reaction.items() if n}

    def differences(self) -> list[Any]:
        """What the recount of votes, and that of readers, finds."""
        with snapshot(self.engine) as connection:
            return [*integrity.differences(connection), *integrity.readers_differences(connection)]


_OPEN: list[BallotBox] = []


def close_all() -> None:
    """End the committers of a test, before its engine is disposed of."""
    while _OPEN:
        _OPEN.pop().close()


@contextmanager
def prepared(url: str) -> Iterator[Engine]:
    """An engine on a migrated database, prepared as the product prepares that of its ballot box, until the block ends."""
    engine = create_engine(url, connect_args={} if url.startswith("sqlite") else {"prepare_threshold": None})
    engines.prepare(engine)
    try:
        yield engine
    finally:
        close_all()
        engine.dispose()


def booth(engine: Engine, site: str = "daily", **choices: Any) -> Booth:
    """A booth on a site that is there already."""
    with engine.connect() as connection:
        found = sites.get(connection, site)
    given = {"batch_size": 256, "queue_size": 2000, "answer_within_s": 10, **choices}
    _OPEN.append(BallotBox(engine, pseudonym_key=b"k" * 32, **given))
    return Booth(engine, found, _OPEN[-1])


def hanging(engine: Engine) -> tuple[threading.Event, threading.Event]:
    """Let the statements of an engine hang from now on: an event that tells when one does, and one that lets them go on."""
    entered, leave = threading.Event(), threading.Event()

    def hang(*_: object) -> None:
        entered.set()
        leave.wait(10)

    event.listen(engine, "before_cursor_execute", hang)
    return entered, leave
