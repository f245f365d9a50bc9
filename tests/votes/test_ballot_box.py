"""The ballot box: what happens when many vote at once, and when the database fails in between."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, Engine, event, func, select
from sqlalchemy.exc import OperationalError

from reactions.refusals import Overloaded, Unavailable, UnknownArticle
from reactions.storage import tables
from reactions.storage.engines import writing
from reactions.votes import counting
from reactions.votes.ballot_box import BallotBox
from reactions.votes.rules import Receipt
from tests import make
from tests.boxes import Booth, booth, hanging
from tests.engines import wait_until
from tests.make import ADA, BEN, CIA


@contextmanager
def calls_counted(engine: Engine) -> Iterator[list[str]]:
    """The commits of an engine while the block runs."""
    seen: list[str] = []
    event.listen(engine, "commit", lambda _: seen.append("commit"))
    yield seen


def test_sixteen_clicks_at_once_of_one_reader_count_once(daily: Booth) -> None:
    barrier = threading.Barrier(16)

    def click(_: int) -> Receipt:
        barrier.wait()
        return daily.cast(ADA, "like", seq=7)

    with ThreadPoolExecutor(16) as pool:
        receipts = list(pool.map(click, range(16)))

    assert {receipt.reaction for receipt in receipts} == {"like"}
    assert daily.shown() == {"like": 1}
    assert daily.differences() == []


def test_ballots_of_one_voter_in_one_batch_are_applied_in_order_each_with_its_event(daily: Booth) -> None:
    wishes = [("like", 1), ("love", 2), ("angry", 1), ("love", 3), (None, 4), ("wow", 5)]

    answers = daily.box.count([daily.ballot(ADA, reaction, seq=seq) for reaction, seq in wishes])

    assert [answer.reaction for answer in answers if isinstance(answer, Receipt)] == ["wow"] * 6
    e = tables.event.c
    with daily.engine.connect() as connection:
        moves = connection.execute(select(e.seq, e.from_reaction, e.to_reaction).order_by(e.seq)).all()
    assert [tuple(move) for move in moves] == [(1, None, "like"), (2, "like", "love"), (4, "love", None), (5, None, "wow")]
    assert daily.differences() == []


def test_a_refused_ballot_does_not_fail_its_neighbours(engine: Engine, database_url: str) -> None:
    make.site(database_url, article_policy="known")
    daily = booth(engine)
    with writing(engine) as connection:
        row = {"article_id": daily.ballot(ADA, "like", seq=1).article_id, "site_id": daily.site.id, "key": "hello"}
        connection.execute(tables.article.insert().values(**row, first_seen_at=0))

    answers = daily.box.count([daily.ballot(ADA, "like", seq=1), daily.ballot(BEN, "like", seq=1, article="elsewhere")])

    assert isinstance(answers[0], Receipt)
    assert isinstance(answers[1], UnknownArticle)


def test_a_batch_the_database_rejects_is_counted_ballot_by_ballot(daily: Booth, monkeypatch: pytest.MonkeyPatch) -> None:
    real = counting.count
    poison = daily.ballot(BEN, "like", seq=1)

    def poisoned(connection: Connection, ballots: list[object], **key: bytes) -> object:
        outcome = real(connection, ballots, **key)  # type: ignore[arg-type]
        if poison in ballots:
            connection.exec_driver_sql("INSERT INTO tally (article_id) VALUES (1)")
        return outcome

    monkeypatch.setattr(counting, "count", poisoned)

    answers = daily.box.count([daily.ballot(ADA, "like", seq=1), poison, daily.ballot(CIA, "sad", seq=1)])

    assert isinstance(answers[1], Exception)
    assert not isinstance(answers[1], Unavailable)
    assert daily.shown() == {"like": 1, "sad": 1}
    assert daily.differences() == []


def test_a_bug_in_one_ballot_is_raised_in_its_request_and_the_committer_lives_on(
    daily: Booth, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(counting, "count", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            daily.cast(ADA, "like", seq=1)

    assert daily.cast(ADA, "like", seq=1).reaction == "like"


@pytest.mark.parametrize("call", range(1, 10))
def test_whichever_statement_fails_the_vote_is_counted_wholly_or_not_at_all(daily: Booth, call: int) -> None:
    daily.cast(ADA, "like", seq=1)
    made = 0

    def fail(*_: object) -> None:
        nonlocal made
        made += 1
        if made == call:
            raise OperationalError("statement", {}, Exception("the database went away"))

    event.listen(daily.engine, "before_cursor_execute", fail)
    try:
        daily.cast(ADA, "love", seq=2)
        counted = True
    except Unavailable:
        counted = False
    finally:
        event.remove(daily.engine, "before_cursor_execute", fail)

    assert daily.shown() == ({"love": 1} if counted else {"like": 1})
    assert daily.differences() == []
    assert daily.cast(ADA, "love", seq=2).counts.by_reaction["love"] == 1


def test_a_deadlock_is_repeated_and_not_shown(daily: Booth) -> None:
    made = 0

    class Deadlock(Exception):
        sqlstate = "40P01"

    def fail_once(*_: object) -> None:
        nonlocal made
        made += 1
        if made == 3:
            raise OperationalError("statement", {}, Deadlock())

    event.listen(daily.engine, "before_cursor_execute", fail_once)

    receipt = daily.cast(ADA, "like", seq=1)

    assert receipt.counts.total == 1
    assert made > 3


def test_a_ballot_that_is_not_answered_in_time_is_told_to_come_again(engine: Engine, database_url: str) -> None:
    make.site(database_url)
    daily = booth(engine, answer_within_s=0.1)
    entered, leave = hanging(engine)
    with pytest.raises(Unavailable) as caught:
        daily.cast(ADA, "like", seq=1)
    leave.set()

    assert caught.value.retry_after_s == 2
    assert entered.is_set()


def test_more_ballots_than_may_wait_are_told_to_come_again(engine: Engine, database_url: str) -> None:
    make.site(database_url)
    daily = booth(engine, queue_size=1)
    began, leave = hanging(engine)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(daily.cast, make.reader(1), "like", seq=1)
        began.wait(10)
        second = pool.submit(daily.cast, make.reader(2), "like", seq=1)
        wait_until(lambda: daily.box.waiting == 1, why="the second ballot waits")
        with pytest.raises(Overloaded):
            daily.cast(make.reader(3), "like", seq=1)
        leave.set()

    assert [future.result().reaction for future in (first, second)] == ["like", "like"]
    assert daily.shown() == {"like": 2}


def test_one_article_per_transaction_counts_the_same(engine: Engine, database_url: str) -> None:
    make.site(database_url)
    daily = booth(engine, one_article_per_transaction=True)
    ballots = [daily.ballot(make.reader(n), "like", seq=1, article=f"a{n % 3}") for n in range(9)]

    with calls_counted(engine) as commits:
        answers = daily.box.count(ballots)

    assert [answer.counts.article for answer in answers if isinstance(answer, Receipt)] == ["a0", "a1", "a2"] * 3
    assert [daily.shown(f"a{n}") for n in range(3)] == [{"like": 3}] * 3
    assert len(commits) == 3


def test_many_readers_changing_their_minds_at_once_end_exact(daily: Booth) -> None:
    choices = ["like", "love", None, "sad"]

    def change(number: int) -> None:
        for seq in range(1, 9):
            daily.cast(make.reader(number % 10), choices[(number + seq) % 4], seq=seq * 100 + number, article=f"a{seq % 2}")

    other = booth(daily.engine)  # a second process's box on the same database
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(change, range(20)))
        list(pool.map(lambda n: other.cast(make.reader(n % 10), "wow", seq=5000 + n, article="a1"), range(20)))

    assert daily.shown("a1") == {"wow": 10}
    assert daily.differences() == []
    with daily.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(tables.vote)).scalar_one() == 20


def test_a_listener_that_fails_costs_no_vote_and_no_committer(engine: Engine, database_url: str) -> None:
    make.site(database_url)
    daily = booth(engine, listener=lambda *_: 1 / 0)

    assert daily.cast(ADA, "like", seq=1).reaction == "like"
    assert daily.cast(BEN, "like", seq=1).counts.total == 2


def test_the_listener_hears_of_a_batch_before_its_ballots_are_answered(engine: Engine, database_url: str) -> None:
    make.site(database_url)
    heard: list[int] = []
    daily = booth(engine, listener=lambda ballots, _: heard.append(len(ballots)))

    daily.cast(ADA, "like", seq=1)

    assert heard == [1]
    assert isinstance(daily.box, BallotBox)


def test_the_listener_hears_nothing_of_votes_that_were_looked_for_in_vain(engine: Engine, database_url: str) -> None:
    """A merge, a reset and a forgetting look until they find none: batches and their sizes are measured."""
    make.site(database_url)
    heard: list[int] = []
    daily = booth(engine, listener=lambda ballots, _: heard.append(len(ballots)))

    assert daily.box.count_found(lambda _: []) == []
    assert len(daily.box.count_found(lambda _: [daily.ballot(ADA, "like", seq=1)])) == 1

    assert heard == [1]
