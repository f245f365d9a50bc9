"""Statements written once: any number of rows, any number of ids, on both engines."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, bindparam, event, func, literal, literal_column, select, update
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError

from reactions.storage import engines, lists, statements, tables
from reactions.storage.engines import writing
from reactions.storage.parameters import texts_in_text
from reactions.storage.statements import Finished, Listing, ManyRows, Question

_t = tables.tally.c
TALLIES = ManyRows(tables.tally, ["article_id", "reaction", "n"], lambda insert: insert.returning(_t.article_id, _t.n))


@pytest.mark.parametrize("rows", [0, 1, 499, 500, 501, 1200])
def test_any_number_of_rows_is_written_and_returned(engine: Engine, rows: int) -> None:
    given = [(number - 600, "like", number) for number in range(rows)]

    with writing(engine) as connection:
        returned = TALLIES.execute(connection, given)
        stored = connection.execute(select(_t.article_id, _t.reaction, _t.n).order_by(_t.article_id)).all()

    assert sorted(map(tuple, returned)) == [(article_id, n) for article_id, _, n in given]
    assert [tuple(row) for row in stored] == given


def test_the_driver_looks_through_no_text_for_parameters(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """psycopg keeps what it found in short texts alone; a batch's are long, and took it as long as all else."""

    def looked(*_: object) -> None:
        raise AssertionError("a text was looked through")

    if engine.dialect.name == "postgresql":
        monkeypatch.setattr("psycopg._queries._split_query", looked)
    with writing(engine) as connection:
        TALLIES.execute(connection, [(number, "like", number) for number in range(200)])


@pytest.mark.parametrize("text", ["100 %", "%s", "$1", "a_b%", "''"])
def test_signs_of_parameters_in_a_text_and_in_a_value_are_left_alone(engine: Engine, text: str) -> None:
    likes = func.count().filter(_t.reaction.like("li%")).label("likes")
    asked = Question(
        lambda dialect: select(literal_column("100 % 7"), literal(text), likes).where(lists.among(dialect, _t.article_id))
    )
    with writing(engine) as connection:
        TALLIES.execute(connection, [(1, "like", 5), (2, text, 6)])

        assert asked.ask(connection, [1, 2]) == [(2, text, 1)]


@pytest.mark.parametrize("text", ["", "NULL", '"', "a\\b", "{}", "a,b", " ", "ü 👍", "'", "$1 %s"])
def test_every_value_is_written_as_it_is(engine: Engine, text: str) -> None:
    v = tables.vote.c
    columns = ["article_id", "voter", "reaction", "seq", "held", "cast_at", "changed_at"]
    rows = [(-1, bytes(range(16)), text, 2**62, True, 0, 3), (2, b"\\" * 8 + b'\xff\x00"{},NU', None, -5, False, 1, 4)]
    votes = ManyRows(tables.vote, columns, lambda insert: insert.returning(*(v[name] for name in columns)))
    with writing(engine) as connection:
        returned = votes.execute(connection, rows)
        with statements.in_one_trip(connection):
            answer = votes.begin(connection, [(row[0] + 10, *row[1:]) for row in rows])
        again = answer()
        stored = connection.execute(select(*(v[name] for name in columns)).order_by(v.article_id)).all()

    assert [tuple(row) for row in stored] == [*rows, *((row[0] + 10, *row[1:]) for row in rows)]
    assert [tuple(row) for row in returned] == rows
    assert [row[1:] for row in map(tuple, again)] == [row[1:] for row in rows]


ODD = ["", "NULL", "null", '"', "a\\b", "{}", "[]", "a,b", " ", "ü 👍", "'", "$1 %s", "%"]


def test_texts_are_found_as_they_are(engine: Engine) -> None:
    found = Finished(lambda dialect: select(_t.reaction).where(lists.among_texts(dialect, _t.reaction)))
    texts = partial(texts_in_text, engine.dialect.name)
    with writing(engine) as connection:
        TALLIES.execute(connection, [(1, text, 5) for text in ODD])

        assert {row[0] for row in found.ask(connection, {"texts": texts(ODD)})} == set(ODD)
        assert found.ask(connection, {"texts": texts(["A,B", "a\\\\b", "\\'"])}) == []
        assert found.ask(connection, {"texts": texts([])}) == []
        for text in ODD:
            assert found.ask(connection, {"texts": texts([text])}) == [(text,)]


def test_a_finished_statement_has_values_of_its_own_beside_those_given(engine: Engine) -> None:
    def raised(_: str) -> Any:
        row = _t.reaction == bindparam("reaction")
        return update(tables.tally).where(row, _t.article_id == 1).values(n=_t.n + bindparam("by")).returning(_t.n, literal(7))

    raise_by = Finished(raised)
    with writing(engine) as connection:
        TALLIES.execute(connection, [(1, "like", 5), (2, "like", 6), (1, "love", 8)])

        assert raise_by.ask(connection, {"reaction": "like", "by": 3}) == [(8, 7)]
        assert raise_by.ask(connection, {"reaction": "love", "by": -1}) == [(7, 7)]
        with statements.in_one_trip(connection):
            answers = [raise_by.begin(connection, {"reaction": name, "by": 1}) for name in ("love", "like", "sad")]
        assert [answer() for answer in answers] == [[(8, 7)], [(9, 7)], []]


def test_a_text_that_is_too_long_is_refused_and_not_cut(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite keeps texts of any length")
    with pytest.raises(DataError, match="too long"), writing(engine) as connection:
        TALLIES.execute(connection, [(1, "l" * 33, 5)])


def test_a_text_with_a_nul_is_refused_and_not_cut(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite keeps it")
    with pytest.raises(ValueError, match="NUL"), writing(engine) as connection, statements.in_one_trip(connection):
        TALLIES.begin(connection, [(1, "li\0ke", 5)])


def test_where_the_database_is_a_citus_it_is_sent_rows(engine: Engine) -> None:
    """Citus would bring an array's rows to one node first, and prepare a plan for each number of rows."""
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            assert connection.info[engines.TAKES_ARRAYS]
            assert connection.info[engines.MAY_PREPARE]
        connection.info.update({engines.TAKES_ARRAYS: False, engines.MAY_PREPARE: False})
        with statements.in_one_trip(connection):
            answer = TALLIES.begin(connection, [(number, "like", number) for number in range(3)])
        written = answer()
        TALLIES.execute(connection, [(5, "like", 5)])
        stored = connection.execute(select(_t.article_id).order_by(_t.article_id)).scalars().all()

    assert stored == [0, 1, 2, 5]
    assert [tuple(row) for row in written] == [(0, 0), (1, 1), (2, 2)]


def test_columns_in_another_order_than_the_tables_are_refused(engine: Engine) -> None:
    with writing(engine) as connection, pytest.raises(AssertionError, match="another order"):
        ManyRows(tables.tally, ["reaction", "article_id", "n"]).execute(connection, [("like", 1, 2)])


@pytest.mark.parametrize("asked", [[], [2], [-(2**63), 2**63 - 1, 3], list(range(3000))])
def test_any_number_of_ids_is_one_parameter(engine: Engine, asked: list[int]) -> None:
    there = [-(2**63), -1, 2, 3, 2**63 - 1]
    dialect = engine.dialect.name
    with writing(engine) as connection:
        TALLIES.execute(connection, [(article_id, "like", 1) for article_id in there])
        found = connection.execute(select(_t.article_id).where(lists.among(dialect, _t.article_id)), lists.ids(dialect, asked))

        assert sorted(found.scalars()) == [article_id for article_id in there if article_id in asked]


def test_a_listing_is_read_some_rows_at_a_time(engine: Engine) -> None:
    query = select(_t.n).where(_t.article_id < bindparam("before")).order_by(_t.n)
    listing = Listing(query, engine.dialect.name)
    with writing(engine) as connection:
        TALLIES.execute(connection, [(number, "like", number) for number in range(9)])
        parts = listing.parts(connection, {"before": 7}, rows=3)
        others = listing.parts(connection, {"before": 2}, rows=3)  # two at once
        found = [[tuple(row) for row in next(parts)], *([tuple(row) for row in part] for part in others)]
        found += [[tuple(row) for row in part] for part in parts]

    assert found == [[(0,), (1,), (2,)], [(0,), (1,)], [(3,), (4,), (5,)], [(6,)]]


def test_a_listing_that_fails_is_told_in_sqlalchemys_words(engine: Engine) -> None:
    listing = Listing(select(func.no_such_function(literal(1))), engine.dialect.name)

    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
        parts = listing.parts(connection, {}, rows=3)
        with pytest.raises(DBAPIError):
            next(parts)


def test_whoever_traces_statements_sees_a_listing(engine: Engine) -> None:
    seen = []
    event.listen(engine, "before_cursor_execute", lambda *told: seen.append(told[2]))
    with engine.begin() as connection:
        rows = [row for part in Listing(select(_t.n), engine.dialect.name).parts(connection, {}, rows=3) for row in part]

    assert rows == []
    assert any("tally" in text for text in seen)


def test_statements_in_one_trip_are_answered_at_its_end(engine: Engine) -> None:
    plain = ManyRows(tables.tally, ["article_id", "reaction", "n"])
    sums = Question(lambda dialect: select(_t.article_id, _t.n).where(lists.among(dialect, _t.article_id)).order_by(_t.n))
    with writing(engine) as connection:
        with statements.in_one_trip(connection):
            plain.execute(connection, [(1, "like", 5)])
            answer = sums.begin(connection, [1, 2])  # sees what was written before it, not what comes after
            plain.execute(connection, [(2, "like", 6)])
        first = answer()

        assert [tuple(row) for row in first] == [(1, 5)]
        assert [tuple(row) for row in sums.ask(connection, [1, 2])] == [(1, 5), (2, 6)]


def test_a_failure_in_one_trip_is_told_in_sqlalchemys_words_and_undoes_all(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    plain = ManyRows(tables.tally, ["article_id", "reaction", "n"])

    def write() -> None:
        with writing(engine) as connection:
            plain.execute(connection, [(1, "like", 5)])
            with statements.in_one_trip(connection):
                plain.execute(connection, [(1, "like", 5)])
                plain.execute(connection, [(2, "like", 5)])

    with pytest.raises(IntegrityError):
        write()

    assert caplog.records == []
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(tables.tally)).scalar() == 0


def test_a_connection_that_is_lost_in_one_trip_is_left(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no connection to lose")
    plain = ManyRows(tables.tally, ["article_id", "reaction", "n"])

    def write(*, lost: bool) -> None:
        with writing(engine) as connection:
            process = connection.execute(select(func.pg_backend_pid())).scalar_one()
            with engine.connect() as other:
                other.execute(select(func.pg_terminate_backend(process, 1000)).where(literal(lost)))
            with statements.in_one_trip(connection):
                plain.execute(connection, [(1, "like", 5)])

    with pytest.raises(OperationalError) as caught:
        write(lost=True)

    assert caught.value.connection_invalidated
    assert [record for record in caplog.records if record.name == "psycopg"] == []
    write(lost=False)
