"""The rolling check: it visits every article in turn, beside votes, and reports drift until it is gone. On both engines."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from sqlalchemy import Engine, Update, delete, update

from reactions.newsroom import article_keys
from reactions.refusals import Unavailable
from reactions.storage import engines, locks, tables
from reactions.storage.engines import writing
from reactions.votes.drift import Drift, Rounds
from tests import make
from tests.boxes import Booth, booth
from tests.make import ADA

ARTICLES = ("a", "b", "c", "d", "e")


@pytest.fixture
def daily(engine: Engine, database_url: str) -> Booth:
    make.site(database_url)
    made = booth(engine)
    for article in ARTICLES:
        made.cast(ADA, "like", seq=1, article=article)
    return made


class Seen:
    """What the rounds have told, look by look."""

    def __init__(self, engine: Engine, articles: int) -> None:
        self.visited: list[int] = []
        self.named: list[str] = []
        self.differing: list[int] = []
        self.rounds = Rounds(engine, articles=articles, on_look=self._note)

    def _note(self, visited: int, new: Sequence[Drift], differing: int) -> None:
        self.visited.append(visited)
        self.named += [drift.article for drift in new]
        self.differing.append(differing)

    def look(self, times: int) -> None:
        for _ in range(times):
            self.rounds.look()


def id_of(article: str) -> int:
    return article_keys.id_of("daily", article)


def tamper(daily: Booth, article: str, n: int) -> None:
    with writing(daily.engine) as connection:
        connection.execute(update(tables.tally).where(tables.tally.c.article_id == id_of(article)).values(n=n))


def test_all_articles_are_visited_in_turn_and_then_anew(daily: Booth) -> None:
    seen = Seen(daily.engine, articles=2)

    seen.look(6)

    assert seen.visited == [2, 2, 1, 2, 2, 1]
    assert (seen.named, set(seen.differing)) == ([], {0})


def test_drift_is_told_once_and_counted_until_it_is_gone(daily: Booth) -> None:
    seen = Seen(daily.engine, articles=2)
    seen.look(1)
    for article in ARTICLES:
        tamper(daily, article, 7)
    seen.look(6)

    assert sorted(seen.named) == list(ARTICLES)
    assert max(seen.differing) == seen.differing[-1] == len(ARTICLES)

    tamper(daily, "a", 1)
    with writing(daily.engine) as connection:  # an article that is deleted drifts no longer
        for table in (tables.article, tables.tally, tables.vote, tables.hourly):
            connection.execute(delete(table).where(table.c.article_id == id_of("b")))
    seen.look(6)

    assert (len(seen.named), seen.differing[-1]) == (5, 3)


@pytest.mark.parametrize(
    "fault",
    [
        update(tables.tally).values(n=7),
        update(tables.tally).values(imported=7),
        update(tables.hourly).values(added=7),
        update(tables.hourly).values(readers_00=7),
    ],
    ids=["votes", "imported", "series", "readers"],
)
def test_every_number_that_reports_are_made_of_is_checked(daily: Booth, fault: Update) -> None:
    with writing(daily.engine) as connection:
        connection.execute(fault)
    seen = Seen(daily.engine, articles=10)

    seen.look(1)

    assert sorted(seen.named) == list(ARTICLES)


def test_drift_that_is_corrected_is_forgotten_wherever_a_round_was_cut(daily: Booth) -> None:
    seen = Seen(daily.engine, articles=2)
    for article in ARTICLES:
        tamper(daily, article, 7)
    seen.look(3)
    for article in ARTICLES:
        tamper(daily, article, 1)
    seen.look(3)

    assert seen.differing == [2, 4, 5, 3, 1, 0]


def test_votes_that_arrive_meanwhile_are_no_drift(daily: Booth) -> None:
    seen, done = Seen(daily.engine, articles=10), threading.Event()

    def vote() -> None:
        for seq in range(2, 60):
            daily.cast(ADA, ("like", "sad")[seq % 2], seq=seq, article="a")
        done.set()

    voting = threading.Thread(target=vote)
    voting.start()
    while not done.is_set():
        seen.look(1)
    voting.join()

    assert (seen.named, set(seen.differing)) == ([], {0})


def test_processes_check_one_at_a_time_on_postgresql(daily: Booth) -> None:
    seen = Seen(daily.engine, articles=10)
    with engines.snapshot(daily.engine) as other:
        assert locks.alone(other, locks.CHECKING)
        seen.look(1)

    seen.look(1)

    assert seen.visited == ([5] if daily.engine.dialect.name == "postgresql" else [5, 5])


@pytest.mark.parametrize(("error", "said"), [(Unavailable("away"), "database away"), (ValueError("a bug"), "failed")])
def test_the_rounds_go_on_when_a_task_fails_and_only_a_bug_is_told_with_its_trace(
    engine: Engine, caplog: pytest.LogCaptureFixture, error: Exception, said: str
) -> None:
    def fails() -> None:
        raise error

    Rounds(engine, articles=1, on_look=lambda *_: None)._try(fails)

    (entry,) = caplog.records
    assert said in entry.getMessage()
    assert bool(entry.exc_info) == isinstance(error, ValueError)
