"""What so few did that they could be known is hidden, and no other number gives it away."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from reactions.exports import small_groups
from reactions.exports.scope import Choice
from tests import make
from tests.exports.asking import exported
from tests.reports.stage import DAY_MS, HOUR_MS, NOON, Stage, asked, stage

LEAST = 5


@given(st.lists(st.integers(0, 12), max_size=10))
def test_what_is_hidden_cannot_be_told_from_the_total(counts: list[int]) -> None:
    hidden = small_groups.among(counts, LEAST)

    together = sum(counts[place] for place in hidden.places)
    assert all(place in hidden.places for place, n in enumerate(counts) if 0 < n < LEAST)
    assert not any(counts[place] == 0 for place in hidden.places)
    if hidden.places and not hidden.total:
        assert len(hidden.places) >= 2
        assert together >= LEAST


def crowd(engine: Engine, **choices: object) -> Stage:
    """Articles with groups of one to ten readers, over some hours."""
    rnd, here = Random(3), stage(engine, **choices)
    here.give_all(
        *(
            (f"story-{number}", reaction, 1, NOON - rnd.randrange(3) * HOUR_MS - rnd.randrange(HOUR_MS))
            for number in range(12)
            for reaction in make.SEVEN
            for _ in range(rnd.choice([0, 0, *range(1, 11)]))
        )
    )
    return here


def test_small_groups_are_hidden_and_no_total_gives_them_away(engine: Engine) -> None:
    here = crowd(engine)
    whole = {row["article"]: row for row in exported(here.engine, here.site, "articles", now_ms=NOON)}

    rows = exported(here.engine, here.site, "articles", Choice(min_group=LEAST), now_ms=NOON)

    for row in rows:
        counts = {key: row[f"count_{key}"] for key in make.SEVEN}
        hidden = [key for key, n in counts.items() if n is None]
        assert [n for n in counts.values() if n is not None and 0 < n < LEAST] == []
        assert {key: n for key, n in counts.items() if n is not None} == {
            key: whole[row["article"]][f"count_{key}"] for key in make.SEVEN if key not in hidden
        }
        if hidden:
            assert row["mood"] is row["split"] is None
            assert [row[f"share_{key}"] for key in hidden] == [None] * len(hidden)
            rest = None if row["total"] is None else row["total"] - sum(n for n in counts.values() if n is not None)
            assert rest is None or (len(hidden) >= 2 and rest >= LEAST)
    assert any(row["total"] is not None and row["mood"] is None for row in rows)


def test_small_groups_of_an_hour_are_hidden(engine: Engine) -> None:
    here = crowd(engine)

    rows = exported(here.engine, here.site, "series", Choice(min_group=LEAST), now_ms=NOON)

    assert {row["added"] for row in rows} - {None} != set()
    assert [row for row in rows if row["added"] is not None and 0 < row["added"] < LEAST] == []
    assert all(row["net"] is None for row in rows if row["added"] is None)


def series_of(*rows: tuple[str, int, int]) -> list[list[object]]:
    """An article's series, column by column: reaction, added and removed of one hour after the other."""
    return [
        [hour * HOUR_MS for hour in range(len(rows))], ["day"] * len(rows), ["a"] * len(rows),
        [reaction for reaction, *_ in rows], [added for _, added, _ in rows], [removed for *_, removed in rows],
        [added - removed for _, added, removed in rows],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "added"),
    [
        ([("like", 10, 0), ("like", 9, 0)], [10, 9]),
        ([("like", 10, 2), ("like", 9, 0), ("like", 20, 0)], [None, None, 20]),  # two readers withdrew
        ([("like", 3, 9), ("like", 9, 0), ("like", 20, 0)], [None, None, 20]),
        ([("like", 1, 4), ("like", 3, 0), ("like", 9, 0), ("like", 20, 0)], [None, None, None, 20]),  # 1 + 3 are too few
        ([("like", 4, 4), ("like", 3, 0), ("like", 9, 0)], [None, None, 9]),
        ([("like", 3, 0), ("sad", 9, 0), ("like", 9, 0), ("like", 8, 0)], [None, 9, 9, None]),  # the lowest of its reaction
        ([("like", 3, 0), ("sad", 9, 0)], [None, 9]),
        ([("like", 5, 5), ("like", 0, 6)], [5, 0]),
        ([("like", 5, 6), ("like", 9, 0)], [5, 9]),
        ([("like", 3, 0), ("like", 5, 7), ("like", 9, 0)], [None, 5, None]),  # 5 and 7 are many, and 12 together
    ],
)
def test_hours_in_which_few_added_or_removed_are_hidden_with_enough_others(
    rows: list[tuple[str, int, int]], added: list[int | None]
) -> None:
    columns = series_of(*rows)

    *others, found, removed, net = small_groups.of_series(columns, LEAST)

    assert others == columns[:4]
    assert found == added
    assert [n is None for n in removed] == [n is None for n in net] == [n is None for n in added]
    assert [n for n in removed if n is not None] == [n for n, shown in zip(columns[5], added, strict=True) if shown is not None]


@pytest.mark.parametrize(
    ("counts", "places", "total"),
    [
        ([0, 0, 9], set(), False),
        ([5, 6], set(), False),
        ([4, 9, 7], {0, 2}, False),
        ([1, 3, 9, 8], {0, 1, 3}, False),
        ([2, 3, 9], {0, 1}, False),
        ([4, 0, 0], {0}, True),
        ([1, 3, 0], {0, 1}, True),
        ([1, 5], {0, 1}, False),
    ],
)
def test_small_counts_are_hidden_with_the_lowest_others(counts: list[int], places: set[int], total: bool) -> None:
    assert small_groups.among(counts, LEAST) == (places, total)


def test_withdrawals_of_few_are_hidden_in_the_file(engine: Engine) -> None:
    here = stage(engine)
    here.vote(*((reader, "a", "like", NOON - 3 * HOUR_MS + reader) for reader in range(20)))
    here.vote(*((reader, "a", None, NOON - 2 * HOUR_MS + reader) for reader in range(2)))
    here.vote(*((reader, "a", None, NOON - HOUR_MS + reader) for reader in range(2, 8)))

    rows = exported(here.engine, here.site, "series", Choice(min_group=LEAST), now_ms=NOON)

    assert [(row["added"], row["removed"], row["net"]) for row in rows] == [(20, 0, 20), (None,) * 3, (None,) * 3]


PERIOD = ("added", "removed", "net")
HIDDEN = (None,) * 3
DERIVED = ("mood", "mood_low", "mood_high", "split", "split_low", "split_high")


def article_of(here: Stage, **about: str) -> dict[str, object]:
    """The row of the only article, small groups hidden."""
    (row,) = exported(here.engine, here.site, "articles", Choice(about=asked(**about), min_group=LEAST), now_ms=NOON)
    return row


def empty(row: dict[str, object], names: Iterable[str]) -> list[bool]:
    return [row[name] is None for name in names]


def test_an_article_of_few_tells_neither_its_total_nor_its_hours(engine: Engine) -> None:
    here = stage(engine)
    here.give("a", "like", 4, NOON - 2 * HOUR_MS)

    row = article_of(here)

    assert all(empty(row, ["count_like", "share_like", "total", "first_vote_hour", "last_vote_hour", *PERIOD, *DERIVED]))
    assert all(empty(row, [f"share_{key}" for key in make.SEVEN]))
    assert [row[f"count_{key}"] for key in make.SEVEN if key != "like"] == [0] * 6


def test_what_many_added_and_removed_does_not_tell_that_few_are_left(engine: Engine) -> None:
    here = stage(engine)
    here.vote(*((reader, "a", "like", NOON - 2 * HOUR_MS + reader) for reader in range(20)))
    here.vote(*((reader, "a", None, NOON - HOUR_MS + reader) for reader in range(17)))

    assert all(empty(article_of(here), ["count_like", "total", *PERIOD]))


def test_an_article_of_many_shows_its_total_and_hours_beside_hidden_counts(engine: Engine) -> None:
    here = stage(engine)
    here.give("a", "like", 20, NOON - 3 * HOUR_MS)
    here.give("a", "love", 10, NOON - 3 * HOUR_MS)
    here.give("a", "sad", 2, NOON - 2 * HOUR_MS)

    row = article_of(here)

    assert [row[f"count_{key}"] for key in ("like", "love", "sad", "wow")] == [20, None, None, 0]
    assert [row[f"share_{key}"] for key in ("like", "love", "sad", "wow")] == [0.625, None, None, 0]
    assert [row["total"], row["first_vote_hour"], row["last_vote_hour"]] == [32, "2025-11-25T09:00:00Z", "2025-11-25T10:00:00Z"]
    assert [row[name] for name in PERIOD] == [32, 0, 32]
    assert all(empty(row, DERIVED))


@pytest.mark.parametrize(
    ("added", "removed", "shown"),
    [
        (2, 0, (None,) * 3),
        (0, 2, (None,) * 3),
        (12, 2, (None,) * 3),
        (2, 12, (None,) * 3),
        (12, 6, (12, 6, 6)),
        (0, 0, (0, 0, 0)),
    ],
)
def test_the_numbers_of_a_period_are_hidden_where_few_added_or_removed(
    engine: Engine, added: int, removed: int, shown: tuple[int | None, ...]
) -> None:
    here = stage(engine)
    here.publish("a")
    here.vote(*((reader, "a", "like", NOON - 9 * DAY_MS + reader) for reader in range(40)))
    here.vote(*((reader, "a", None, NOON - HOUR_MS + reader) for reader in range(removed)))
    here.give("a", "like", added, NOON - HOUR_MS)

    row = article_of(here, period="7d")

    assert tuple(row[name] for name in PERIOD) == shown
    assert row["total"] == row["count_like"] == 40 + added - removed


@pytest.mark.parametrize(("held", "shown"), [(0, 0), (4, None), (5, 5)])
def test_few_held_votes_are_hidden(engine: Engine, held: int, shown: int | None) -> None:
    here = stage(engine)
    here.give("a", "like", 20, NOON - HOUR_MS)
    here.hold(*((reader, "a", "sad", NOON - HOUR_MS) for reader in range(held)))

    assert article_of(here)["held"] == shown
