"""Conditions that a row is one of many: the same rows however the list is given. On both engines."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select

from reactions.storage import engines, lists, tables
from tests import make
from tests.boxes import booth

_v = tables.vote.c


@pytest.fixture
def voters(engine: Engine, database_url: str) -> list[tuple[int, bytes]]:
    """The votes of three readers, whose pseudonyms are those of the whole site, on each of three articles."""
    make.site(database_url, reader_scope="site")
    daily = booth(engine)
    cast = [daily.cast(make.reader(n), "like", seq=1, article=f"a{at}") for n in range(3) for at in range(3)]
    return [(receipt.article_id, receipt.voter) for receipt in cast]


@pytest.mark.parametrize("takes_arrays", [True, False], ids=["as it is", "as Citus takes it"])
def test_votes_are_listed_by_article_and_voter_together(
    engine: Engine, voters: list[tuple[int, bytes]], takes_arrays: bool
) -> None:
    assert len(set(voters)) == 9
    assert len({voter for _, voter in voters}) == 3
    with engine.connect() as connection:
        connection.info[engines.TAKES_ARRAYS] = takes_arrays and connection.info.get(engines.TAKES_ARRAYS, False)
        for some in (voters[:1], voters[:4] + voters[:1], voters, []):
            found = connection.execute(select(_v.article_id, _v.voter).where(lists.of_voters(connection, _v, some)))
            assert sorted((article_id, bytes(voter)) for article_id, voter in found) == sorted(set(some))
        connection.invalidate()  # what was noted of it is not so


def test_any_number_of_ids_is_one_parameter(engine: Engine, voters: list[tuple[int, bytes]]) -> None:
    mine = voters[0][0]
    with engine.connect() as connection:
        for ids in ([], [mine], [mine, *range(40_000)]):
            chosen = select(_v.article_id).where(lists.one_of(connection, _v.article_id, ids)).distinct()
            assert list(connection.execute(chosen).scalars()) == ([mine] if ids else [])
