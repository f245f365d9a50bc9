"""Any history of votes, in any order, on both engines: the database must equal a dictionary after every step."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine

from reactions.newsroom import interventions
from reactions.refusals import ArticleClosed
from reactions.storage import tables
from reactions.storage.engines import snapshot, writing
from reactions.votes import integrity, review
from reactions.votes.holds import HELD, REJECTED, SOFT_CAP, Hold
from reactions.votes.review import Choice
from tests import boxes, make
from tests.boxes import Booth
from tests.lengths import amount, each_on_one_engine, only_sqlite
from tests.tampering import open_ledger

READERS = [make.ADA, make.BEN, make.CIA, make.DEE]
ARTICLES = ["morning", "noon", "night"]

Reader = st.sampled_from(READERS)
Article = st.sampled_from(ARTICLES)
Wish = st.sampled_from([None, *make.SEVEN])


class Polling(RuleBasedStateMachine):
    """Several readers against dictionaries: votes, retries, late ballots, whole batches, holds, reviews, closing and opening."""

    booth: Booth

    def __init__(self) -> None:
        super().__init__()
        self.votes: dict[tuple[str, str], tuple[int, str | None]] = {}
        self.holds: dict[tuple[str, str], str] = {}
        self.closed: set[str] = set()
        self.seqs = itertools.count(1000)

    @initialize()
    def empty(self) -> None:
        with writing(self.booth.engine) as connection:
            open_ledger(connection)
            for table in tables.metadata.sorted_tables:
                if table.name != "site":
                    connection.execute(table.delete())

    def expect(self, reader: str, article: str, wish: str | None, seq: int) -> str | None:
        """Move the model as the ballot should move the vote; return the reader's reaction after it."""
        known, present = self.votes.get((reader, article), (-1, None))
        if seq > known:
            self.votes[reader, article] = seq, wish
            return wish
        return present

    @rule(reader=Reader, article=Article, wish=Wish)
    def vote(self, reader: str, article: str, wish: str | None) -> None:
        self.cast(reader, article, wish, next(self.seqs))

    @rule(reader=Reader, article=Article, wish=Wish, back=st.integers(0, 50))
    def deliver_late_or_again(self, reader: str, article: str, wish: str | None, back: int) -> None:
        self.cast(reader, article, wish, next(self.seqs) - back)

    def cast(self, reader: str, article: str, wish: str | None, seq: int) -> None:
        if article in self.closed:
            with pytest.raises(ArticleClosed):
                self.booth.cast(reader, wish, seq=seq, article=article)
            return
        expected = self.expect(reader, article, wish, seq)
        receipt = self.booth.cast(reader, wish, seq=seq, article=article)
        assert receipt.reaction == expected
        own = expected if (reader, article) in self.holds else None
        assert {k: n for k, n in receipt.counts.by_reaction.items() if n} == self.tally(article, own)

    @rule(reader=Reader, article=Article, wish=Wish, back=st.integers(0, 50))
    def vote_beyond_the_cap(self, reader: str, article: str, wish: str | None, back: int) -> None:
        if article in self.closed:
            return
        seq = next(self.seqs) - back
        known, before = self.votes.get((reader, article), (-1, None))
        if seq > known and before is None:
            self.holds.setdefault((reader, article), HELD)
        self.expect(reader, article, wish, seq)
        ballot = self.booth.ballot(reader, wish, seq=seq, article=article)
        self.booth.box.cast(replace(ballot, held=Hold(SOFT_CAP, boxes.NOON_MS)))

    @rule(states=st.sampled_from([(HELD,), (REJECTED,), (HELD, REJECTED)]))
    def release(self, states: Collection[str]) -> None:
        released = {vote: state for vote, state in self.holds.items() if state in states}
        choice = Choice(states=tuple(states))
        assert review.release(self.booth.box, choice, by="a test", now_ms=boxes.NOON_MS) == len(released)
        self.decided(released)
        for vote in released:
            del self.holds[vote]

    @rule()
    def reject(self) -> None:
        rejected = [vote for vote, state in self.holds.items() if state == HELD]
        assert review.reject(self.booth.box, Choice(), by="a test", now_ms=boxes.NOON_MS) == len(rejected)
        self.decided(rejected)
        self.holds |= dict.fromkeys(rejected, REJECTED)

    def decided(self, votes: Collection[tuple[str, str]]) -> None:
        """A decision raises the seq of a vote by one."""
        for vote in votes:
            seq, reaction = self.votes[vote]
            self.votes[vote] = seq + 1, reaction

    @rule(ballots=st.lists(st.tuples(Reader, Article, Wish, st.integers(0, 3)), min_size=2, max_size=12))
    def count_a_batch(self, ballots: list[tuple[str, str, str | None, int]]) -> None:
        batch = [(reader, article, wish, next(self.seqs) - back) for reader, article, wish, back in ballots]
        for reader, article, wish, seq in batch:
            if article not in self.closed:
                self.expect(reader, article, wish, seq)
        self.booth.box.count([self.booth.ballot(r, wish, seq=seq, article=a) for r, a, wish, seq in batch])

    @rule(article=Article)
    def close_or_open(self, article: str) -> None:
        if not any(voted == article for _, voted in self.votes):
            return
        self.closed ^= {article}
        with writing(self.booth.engine) as connection:
            change = interventions.close if article in self.closed else interventions.reopen
            change(connection, self.booth.site, article, at_ms=boxes.NOON_MS, by="a test")

    def tally(self, article: str, own: str | None = None) -> dict[str, int]:
        counted = Counter(reaction for vote, (_, reaction) in self.votes.items() if vote[1] == article and vote not in self.holds)
        counted[own] += 1
        return {reaction: n for reaction, n in counted.items() if reaction is not None}

    @invariant()
    def what_is_shown_is_the_model(self) -> None:
        for article in ARTICLES:
            assert self.booth.shown(article) == self.tally(article)

    @invariant()
    def tally_recount_ledger_and_series_agree(self) -> None:
        assert self.booth.differences() == []
        with snapshot(self.booth.engine) as connection:
            assert integrity.hold_differences(connection) == []


@each_on_one_engine("batch_size", [256, 3], first="postgresql")
def test_the_database_equals_a_dictionary_after_every_step(engine: Engine, database_url: str, batch_size: int) -> None:
    make.site(database_url)

    class Here(Polling):
        booth = boxes.booth(engine, batch_size=batch_size)

    examples = amount(15, 25) if engine.dialect.name == "sqlite" else amount(8, 12)
    chosen: dict[str, Any] = {"max_examples": examples, "stateful_step_count": 30, "deadline": None}
    run_state_machine_as_test(Here, settings=settings(**chosen, suppress_health_check=list(HealthCheck)))


@only_sqlite
def test_the_machine_notices_a_lost_event(engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make.site(database_url)
    monkeypatch.setattr("reactions.votes.ledger.append", lambda *_: None)

    class Here(Polling):
        booth = boxes.booth(engine)

    with pytest.raises(AssertionError):
        run_state_machine_as_test(Here, settings=settings(max_examples=20, deadline=None, database=None, phases=[Phase.generate]))
