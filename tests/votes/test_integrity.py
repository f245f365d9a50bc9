"""The recount sees each kind of wrong number, and no right one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine, delete, select, update

from reactions.storage import tables
from reactions.storage.engines import snapshot, writing
from reactions.times import HOUR_MS
from reactions.votes import integrity
from reactions.votes.holds import RELEASED, SOFT_CAP, Hold
from tests import make
from tests.boxes import NOON_MS, Booth, booth
from tests.make import ADA, BEN, CIA
from tests.tampering import open_ledger


@pytest.fixture
def voted(engine: Engine, database_url: str) -> Booth:
    make.site(database_url)
    daily = booth(engine)
    daily.cast(ADA, "like", seq=1)
    daily.cast(BEN, "like", seq=1)
    daily.cast(BEN, "sad", seq=2)
    return daily


def test_true_numbers_show_no_difference(voted: Booth) -> None:
    assert voted.differences() == []


@pytest.mark.parametrize(
    ("fault", "numbers"),
    [
        (update(tables.tally).where(tables.tally.c.reaction == "like").values(n=2), (2, 1, 1, 1)),
        (update(tables.vote).where(tables.vote.c.reaction == "like").values(reaction=None), (1, 0, 1, 1)),
        (update(tables.event).where(tables.event.c.to_reaction == "sad").values(from_reaction=None), (1, 1, 2, 1)),
        (update(tables.hourly).where(tables.hourly.c.reaction == "like").values(removed=0), (1, 1, 1, 2)),
    ],
    ids=["a tally", "a vote", "an event", "the series"],
)
def test_a_number_that_was_tampered_with_is_found(voted: Booth, fault: object, numbers: tuple[int, int, int, int]) -> None:
    with writing(voted.engine) as connection:
        open_ledger(connection)
        connection.execute(fault)  # type: ignore[call-overload]

    (found,) = voted.differences()

    assert (found.reaction, found.served, found.recounted, found.folded, found.hourly) == ("like", *numbers)


def test_a_wrong_number_of_readers_is_found(voted: Booth) -> None:
    with writing(voted.engine) as connection:
        connection.execute(update(tables.hourly).where(tables.hourly.c.reaction == "sad").values(readers_20=1))

    (found,) = voted.differences()

    assert (found.reaction, found.hourly, found.folded) == ("sad", 1, 0)


def test_a_recount_of_some_articles_sees_these_and_no_others(voted: Booth) -> None:
    other = voted.cast(ADA, "wow", seq=1, article="other").article_id
    with writing(voted.engine) as connection:
        mine = connection.execute(select(tables.article.c.article_id).where(tables.article.c.key == "hello")).scalar_one()
        connection.execute(update(tables.tally).where(tables.tally.c.reaction == "wow").values(n=5))
        connection.execute(update(tables.hourly).where(tables.hourly.c.reaction == "wow").values(readers_20=1))

    with snapshot(voted.engine) as connection:
        for check in (integrity.differences, integrity.readers_differences):
            assert [found.article_id for found in check(connection, [other, 1])] == [other]
            assert check(connection, [mine]) == check(connection, []) == []


def disagreeing(booth: Booth) -> list[object]:
    with snapshot(booth.engine) as connection:
        return [*integrity.differences(connection), *integrity.hold_differences(connection)]


@pytest.mark.parametrize(
    "fault",
    [
        update(tables.vote).where(tables.vote.c.held).values(held=False),
        update(tables.hold).values(state=RELEASED),
        update(tables.event).where(tables.event.c.held).values(held=False),
        delete(tables.vote).where(tables.vote.c.held),
    ],
    ids=["a hold that counts", "a hold that is forgotten", "an event that counts", "a hold without its vote"],
)
def test_what_is_held_and_what_counts_are_compared(voted: Booth, fault: object) -> None:
    voted.box.cast(replace(voted.ballot(CIA, "like", seq=1), held=Hold(SOFT_CAP, NOON_MS + HOUR_MS)))
    assert disagreeing(voted) == []

    with writing(voted.engine) as connection:
        open_ledger(connection)
        connection.execute(fault)  # type: ignore[call-overload]

    assert disagreeing(voted) != []
