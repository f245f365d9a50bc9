"""Statements written once: any number of rows, any number of ids, on both engines."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select

from reactions.storage import statements, tables
from reactions.storage.engines import writing
from reactions.storage.statements import ManyRows

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


def test_columns_in_another_order_than_the_tables_are_refused(engine: Engine) -> None:
    with writing(engine) as connection, pytest.raises(AssertionError, match="another order"):
        ManyRows(tables.tally, ["reaction", "article_id", "n"]).execute(connection, [("like", 1, 2)])


@pytest.mark.parametrize("asked", [[], [2], [-(2**63), 2**63 - 1, 3], list(range(3000))])
def test_any_number_of_ids_is_one_parameter(engine: Engine, asked: list[int]) -> None:
    there = [-(2**63), -1, 2, 3, 2**63 - 1]
    dialect = engine.dialect.name
    with writing(engine) as connection:
        TALLIES.execute(connection, [(article_id, "like", 1) for article_id in there])
        found = connection.execute(
            select(_t.article_id).where(statements.among(dialect, _t.article_id)), statements.ids(dialect, asked)
        )

        assert sorted(found.scalars()) == [article_id for article_id in there if article_id in asked]
