"""What a batch of votes and a read of counts say to PostgreSQL, and in how few trips."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.exc import DBAPIError

from reactions import settings
from reactions.newsroom import article_keys, articles
from reactions.storage import connecting, engines, statements, tables
from reactions.storage.engines import writing
from reactions.storage.statements import ManyRows
from reactions.storage.trips import Trip
from reactions.times import HOUR_MS, now_ms
from reactions.votes import revising, rules, tallies
from reactions.votes.revising import Editor
from tests import make
from tests.boxes import NOON_MS, Booth
from tests.engines import Postgres
from tests.lengths import only_postgresql
from tests.make import ADA, BEN, CIA

pytestmark = [only_postgresql, pytest.mark.usefixtures("engine_kind")]
PLAIN = ManyRows(tables.tally, ["article_id", "reaction", "n"])


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bool]]:
    """How many statements each trip took along from now on, and whether it ended with COMMIT."""
    taken: list[tuple[int, bool]] = []
    go = Trip.go

    def note(trip: Trip) -> None:
        taken.append((len(trip._statements), trip._commits))
        go(trip)

    monkeypatch.setattr(Trip, "go", note)
    return taken


def cursors(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The statements that psycopg is given outside of trips, from now on."""
    seen: list[object] = []
    execute = psycopg.Cursor.execute
    monkeypatch.setattr(
        psycopg.Cursor, "execute", lambda self, said, *rest, **how: seen.append(said) or execute(self, said, *rest, **how)
    )
    return seen


def test_a_batch_is_counted_in_three_trips_and_commits_on_the_last(
    daily: Booth, trips: list[tuple[int, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    daily.cast_many(1)
    trips.clear()
    others = cursors(monkeypatch)

    daily.cast_many(2, "love")

    # The lock and the articles; votes; events, hours, tallies, counts, and the likes that fall.
    assert trips == [(2, False), (1, False), (4 + 3, True)]
    assert others == []
    assert daily.counts("0")[0].by_reaction["love"] == 3


def test_an_articles_first_vote_takes_four_trips_more(
    daily: Booth, trips: list[tuple[int, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through SQLAlchemy's statements, of which it took six besides, it cost seven times what another vote does."""
    daily.cast(ADA, "like", seq=1, article="old", now_ms=now_ms())
    trips.clear()
    others = cursors(monkeypatch)

    daily.cast(BEN, "like", seq=1, article="new", now_ms=now_ms())

    # The lock and the articles; aliases; what the quota has left; the quota, and whether the article is there by now;
    # the article; votes; all that follows.
    assert trips == [(2, False), (1, False), (1, False), (2, False), (1, False), (1, False), (5, True)]
    assert others == []
    assert daily.counts("new")[0].by_reaction["like"] == 1


def test_counts_are_read_in_one_trip_which_is_a_transaction(
    daily: Booth, trips: list[tuple[int, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    daily.cast_many(1)
    trips.clear()
    others = cursors(monkeypatch)

    assert [sum(counts.by_reaction.values()) for counts in daily.counts("0", "1", "2")] == [3, 3, 3]

    assert trips == [(2, True)]
    assert others == []
    with daily.engine.connect() as connection:
        assert connection.connection.driver_connection.info.transaction_status == TransactionStatus.IDLE


def test_counts_of_articles_under_other_keys_are_read_too(daily: Booth) -> None:
    daily.cast_many(1)
    with writing(daily.engine) as connection:
        articles.add_aliases(connection, daily.site, {"other": article_keys.id_of("daily", "0")})
    revising.merge(Editor(daily.engine, daily.box, daily.site, by="a test", now_ms=now_ms()), "1", into="2")

    for asked, likes in {"other": 3, "0": 3, "1": 6, "2": 6}.items():
        assert [(counts.article, counts.by_reaction["like"]) for counts in daily.counts(asked)] == [(asked, likes)]
    assert [counts.by_reaction["like"] for counts in daily.counts("other", "0", "1", "2")] == [3, 3, 6, 6]


def test_behind_a_pooler_counts_are_read_after_the_time_outs_are_said(
    daily: Booth, database_url: str, trips: list[tuple[int, bool]]
) -> None:
    """A transaction that PostgreSQL makes of a trip by itself has no beginning at which to say them."""
    said: list[str] = []
    engine = create_engine(database_url, execution_options={connecting.AT_BEGIN: "SET LOCAL statement_timeout = 7777"})
    engines.prepare(engine)
    with engine.connect() as connection:
        rules.counts_of(connection, daily.site, [article_keys.article_key("daily", "0")], now_ms=NOON_MS)
        said += connection.exec_driver_sql("SHOW statement_timeout").scalars()
    engine.dispose()

    assert said == ["7777ms"]
    assert not any(commits for _, commits in trips)


def test_counts_that_are_read_within_a_transaction_do_not_end_it(daily: Booth) -> None:
    with daily.engine.connect() as connection:
        with connection.begin() as transaction:
            PLAIN.execute(connection, [(1, "like", 5)])
            rules.counts_of(connection, daily.site, [article_keys.article_key("daily", "0")], now_ms=NOON_MS)
            transaction.rollback()
        assert connection.execute(select(tables.tally.c.n)).all() == []


def test_a_batch_that_fails_on_its_way_to_commit_leaves_nothing(daily: Booth, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour that the table cannot hold is refused after the votes and events were taken."""
    daily.cast_many(1)
    row = (article_keys.id_of("daily", "0"), 2**40, "like", *[1] * (len(tables.hourly.columns) - 3))
    with monkeypatch.context() as patched:
        patched.setattr(tallies, "hourly_rows", lambda _: [row])
        answers = daily.box.count([daily.ballot(make.reader(n), "like", seq=9, article="0", now_ms=now_ms()) for n in (50, 51)])

    assert [type(answer).__name__ for answer in answers] == ["DataError"] * 2
    assert daily.shown("0") == {"like": 3}
    assert daily.differences() == []


def test_what_has_to_be_noted_is_noted_before_the_vote_is_durable(daily: Booth, trips: list[tuple[int, bool]]) -> None:
    """Others would go on with sums of closed hours, and without a new article, if the process ended between COMMIT and note."""
    daily.cast_many(1)
    trips.clear()

    daily.cast(ADA, "like", seq=2, article="0", now_ms=NOON_MS + HOUR_MS)  # long past
    daily.cast(BEN, "like", seq=2, article="new", now_ms=now_ms())

    assert [commits for _, commits in trips] == [False] * 3 + [False] * 6 + [True]
    assert trips[-1] == (4 + 1, True)  # the note goes with COMMIT
    daily.cast(CIA, "like", seq=2, article="new", now_ms=now_ms())
    assert trips[10:] == [(2, False), (1, False), (4, True)]


def test_texts_are_the_same_in_a_database_of_another_encoding(postgres: Postgres) -> None:
    postgres.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    chosen = settings.load({}, database_url=postgres.url("latin"), secret=make.SECRET)
    engine = create_engine(chosen.engine_url, **connecting.options_of_the_ballot_box(chosen))
    engines.prepare(engine)
    with writing(engine) as connection:
        with statements.in_one_trip(connection):
            answer = statements.begin(connection, "SELECT %s::text, octet_length(%s::text)", ["ü", "ü"])
        rows = answer()
    engine.dispose()
    postgres.drop_database("latin")

    assert rows == [("ü", 1)]  # one letter there, and the same one back


def test_a_failure_is_told_even_if_the_connection_is_lost_after_it(engine: Engine) -> None:
    """As with a full disk, which ends the server: the reader is told of the disk and not of the connection."""

    def fill() -> None:
        with writing(engine) as connection, statements.in_one_trip(connection):
            statements.begin(connection, "SELECT 1 / 0")
            connection.info["trip"]._receive = lost_after(3, connection.info["trip"]._receive)

    with pytest.raises(DBAPIError, match="division by zero") as caught:
        fill()

    assert caught.value.connection_invalidated


def test_a_connection_that_ends_in_place_of_the_last_answer_is_given_up(engine: Engine) -> None:
    """As when a server is stopped at that moment. A batch runs again then, on another connection."""

    def end() -> None:
        with writing(engine) as connection, statements.in_one_trip(connection):
            statements.begin(connection, "SELECT 1")
            connection.info["trip"]._receive = unread_after(3, connection.info["trip"]._receive)

    with pytest.raises(DBAPIError) as caught:
        end()

    assert caught.value.connection_invalidated


def unread_after(answers: int, receive: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Receive so many answers, and leave the next where it is."""
    left = iter(range(answers))
    return lambda pgconn: None if next(left, None) is None else receive(pgconn)


def lost_after(answers: int, receive: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Receive so many answers, then no more."""
    left = iter(range(answers))

    def receive_some(pgconn: Any) -> Any:
        if next(left, None) is None:
            raise psycopg.OperationalError("the connection is lost")
        return receive(pgconn)

    return receive_some


def test_rows_that_are_asked_for_before_their_trip_are_a_fault(engine: Engine) -> None:
    with writing(engine) as connection, statements.in_one_trip(connection):
        answer = statements.begin(connection, "SELECT 1")
        with pytest.raises(AssertionError, match="before the trip"):
            answer()


def test_a_trip_without_statements_is_none(engine: Engine) -> None:
    with writing(engine) as connection:
        with statements.in_one_trip(connection):
            pass
        assert connection.execute(select(1)).scalar_one() == 1
