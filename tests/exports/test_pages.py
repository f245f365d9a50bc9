"""What belongs to articles, read for a page of them."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, bindparam, insert

from reactions.exports.pages import RowsOfArticles
from reactions.storage import tables
from reactions.storage.engines import writing

_t = tables.tally.c
ROWS_OF = {5: 7, 3: 0, 9: 1, 4: 2, 8: 4, 2: 1}  # by article: they are asked for in this order, which is not that of their ids


@pytest.mark.parametrize("at_once", [2, 4, 5, 100])
def test_rows_come_in_the_order_of_their_articles_however_many_at_once(engine: Engine, at_once: int) -> None:
    stored = [{"article_id": id_, "reaction": f"r{n}", "n": n} for id_, rows in ROWS_OF.items() for n in range(rows)]
    rows = RowsOfArticles(engine.dialect.name, _t.article_id, (_t.n, _t.reaction), (_t.n.desc(),), _t.n != bindparam("but"))
    with writing(engine) as connection:
        connection.execute(insert(tables.tally), [*stored, {"article_id": 1, "reaction": "like", "n": 1}])

        parts = list(rows.parts(connection, list(ROWS_OF), rows=at_once, but=3))
        nothing = list(rows.parts(connection, [], rows=at_once, but=3))

    assert nothing == []
    assert all(len(part[0]) <= at_once for part in parts)
    assert [row for part in parts for row in zip(*part, strict=True)] == [
        (place, n, f"r{n}") for place, count in enumerate(ROWS_OF.values()) for n in reversed(range(count)) if n != 3
    ]
