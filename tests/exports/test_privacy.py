"""What an export does not tell: who voted, and exactly when."""

from __future__ import annotations

from itertools import chain

import pytest
from sqlalchemy import Engine, text

from reactions.exports.columns import TABLES
from reactions.exports.scope import Choice, check
from reactions.refusals import MalformedExport
from tests.exports.asking import content, exported
from tests.reports.stage import NOON, stage


@pytest.mark.parametrize("choice", [Choice(min_group=5), Choice(readers=True), Choice(precision="minute"), Choice(columns=["x"])])
def test_what_would_tell_too_much_is_refused(engine: Engine, choice: Choice) -> None:
    here = stage(engine)

    with pytest.raises(MalformedExport):
        check(choice, here.site, [TABLES["votes"]], finest="hour")


@pytest.mark.parametrize(
    ("precision", "told"),
    [
        ("day", "2025-11-25T00:00:00Z"),
        ("hour", "2025-11-25T11:00:00Z"),
        ("minute", "2025-11-25T11:58:00Z"),
        ("millisecond", "2025-11-25T11:58:59.876Z"),
    ],
)
def test_times_are_rounded_down_to_the_precision(engine: Engine, precision: str, told: str) -> None:
    here = stage(engine)
    here.vote((1, "a", "like", NOON - 60_124))

    assert [row["at"] for row in exported(here.engine, here.site, "votes", Choice(precision=precision), now_ms=NOON)] == [told]


def test_nothing_of_a_reader_is_in_any_file(engine: Engine) -> None:
    here = stage(engine, reader_scope="site")
    here.vote((1, "a", "like", NOON - 60_123))
    with engine.connect() as connection:
        voters = [bytes(voter) for voter in connection.execute(text("select voter from vote")).scalars()]

    written = b"".join(content(engine, here.site, table, now_ms=NOON) for table in TABLES)

    for voter in voters:
        assert voter not in written
        assert voter.hex().encode() not in written
    assert str(NOON - 60_123).encode() not in written


def test_readers_get_a_name_of_the_export_which_only_the_operator_can_fix(engine: Engine) -> None:
    here = stage(engine, reader_scope="site")
    here.vote((1, "a", "like", NOON - 3), (2, "a", "like", NOON - 2), (1, "b", "sad", NOON - 1))
    choice = Choice(readers=True)

    one, other = ([row["reader"] for row in exported(engine, here.site, "votes", choice, now_ms=NOON)] for _ in range(2))
    fixed = [content(engine, here.site, "votes", choice, now_ms=NOON, key=b"k" * 32) for _ in range(2)]

    for names in (one, other):
        by_article = sorted(names, key=names.count, reverse=True)
        assert by_article[0] == by_article[1] != by_article[2]
    assert set(one).isdisjoint(other)
    assert fixed[0] == fixed[1]


def test_votes_of_a_reader_do_not_stand_together(engine: Engine) -> None:
    here = stage(engine, reader_scope="site")
    readers = list(range(40))
    here.vote(
        *chain.from_iterable(
            ((reader, "a", "like", NOON - 1000 + reader), (reader, "a", "sad", NOON - 500 + reader)) for reader in readers
        )
    )

    rows = exported(engine, here.site, "votes", now_ms=NOON)

    assert [row["to"] for row in rows] == ["like"] * 40 + ["sad"] * 40


def test_held_votes_are_marked_and_counted_apart(engine: Engine) -> None:
    here = stage(engine)
    here.vote((1, "a", "like", NOON - 3))
    here.hold((2, "a", "sad", NOON - 2))

    votes, articles = (exported(engine, here.site, table, now_ms=NOON) for table in ("votes", "articles"))

    assert [(row["to"], row["held"]) for row in votes] == [("like", False), ("sad", True)]
    assert articles[0]["held"] == 1
