"""Readers in the hourly series: a reader counts once on an article, in the hour of the first vote. Both engines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select

from reactions.storage import migrations, tables
from reactions.votes import ledger, removing, review, revising
from reactions.votes.holds import HELD, REJECTED, RELEASED, SOFT_CAP, Hold
from reactions.votes.review import Choice
from reactions.votes.revising import Editor
from reactions.votes.tallies import READERS_OF_HOUR
from tests.boxes import NOON_MS, Booth
from tests.make import ADA, BEN, CIA

HOUR_MS = 3_600_000
_h, _a = tables.hourly.c, tables.article.c


def readers(daily: Booth, article: str = "hello") -> dict[tuple[int, str], int]:
    """The readers of an article by hours since noon and reaction, zeros left out."""
    asked = select(_h.hour_utc - NOON_MS // HOUR_MS, _h.reaction, READERS_OF_HOUR).join(
        tables.article, _a.article_id == _h.article_id
    )
    with daily.engine.connect() as connection:
        rows = connection.execute(asked.where(_a.key == article, READERS_OF_HOUR != 0))
        return {(hour, reaction): n for hour, reaction, n in rows}


def test_a_reader_who_taps_five_hundred_times_is_one_reader(daily: Booth) -> None:
    wishes = ["like", None, "love", "angry", None] * 100

    daily.box.count([daily.ballot(ADA, wish, seq=seq) for seq, wish in enumerate(wishes, start=1)])
    for seq in range(501, 511):
        daily.cast(ADA, "like" if seq % 2 else None, seq=seq, now_ms=NOON_MS + HOUR_MS)

    assert readers(daily) == {(0, "like"): 1}
    assert daily.differences() == []


def test_every_reader_and_every_article_counts_once(daily: Booth) -> None:
    for reader in (ADA, BEN, CIA):
        daily.cast(reader, "like", seq=1, now_ms=NOON_MS)
    daily.cast(ADA, "sad", seq=1, article="rain", now_ms=NOON_MS + HOUR_MS)

    assert readers(daily) == {(0, "like"): 3}
    assert readers(daily, "rain") == {(1, "sad"): 1}


def test_readers_are_kept_by_ten_minutes_of_the_hour(daily: Booth) -> None:
    for reader, minute in ((ADA, 0), (BEN, 19.999), (CIA, 59.999)):
        daily.cast(reader, "like", seq=1, now_ms=NOON_MS + round(minute * 60_000))

    with daily.engine.connect() as connection:
        (row,) = connection.execute(select(*(_h[name] for name in tables.READERS))).all()
    assert row == (1, 1, 0, 0, 0, 1)


def test_withdrawals_and_votes_after_them_bring_no_reader(daily: Booth) -> None:
    for seq, wish in enumerate(["like", None, None, "love", None, "wow"], start=1):
        daily.cast(ADA, wish, seq=seq, now_ms=NOON_MS + seq * HOUR_MS)

    assert readers(daily) == {(1, "like"): 1}
    assert daily.differences() == []


def test_a_reader_whose_withdrawal_came_first_counts_with_the_vote(daily: Booth) -> None:
    daily.cast(ADA, None, seq=1)
    daily.cast(ADA, None, seq=2)
    daily.cast(ADA, "wow", seq=3, now_ms=NOON_MS + HOUR_MS)

    assert readers(daily) == {(1, "wow"): 1}
    assert daily.differences() == []


def test_what_editors_do_brings_no_reader(daily: Booth) -> None:
    for reader, article in ((ADA, "rain"), (BEN, "rain"), (ADA, "hello")):
        daily.cast(reader, "like", seq=1, article=article)
    editor = Editor(daily.engine, daily.box, daily.site, by="test", now_ms=NOON_MS + HOUR_MS)

    revising.reset(editor, "hello")
    daily.cast(ADA, "love", seq=9, now_ms=NOON_MS + 2 * HOUR_MS)
    revising.merge(editor, "rain", into="hello")
    daily.cast(BEN, "love", seq=9, article="rain", now_ms=NOON_MS + 3 * HOUR_MS)

    assert readers(daily) == {(0, "like"): 1}
    assert readers(daily, "rain") == {(0, "like"): 2}
    assert daily.differences() == []


def test_the_migration_fills_in_the_readers_of_the_ledger(daily: Booth) -> None:
    for seq, wish in enumerate(["like", None, None], start=1):
        daily.cast(ADA, wish, seq=seq, now_ms=NOON_MS + seq * HOUR_MS)
    daily.cast(BEN, "wow", seq=1)
    before = readers(daily)

    migrations.downgrade(daily.engine, "0004")
    migrations.upgrade(daily.engine)
    daily.cast(ADA, "love", seq=4)

    assert readers(daily) == before == {(1, "like"): 1, (0, "wow"): 1}
    assert daily.differences() == []


@pytest.fixture
def hold_next(daily: Booth) -> Callable[[str, str | None, int], None]:
    """Cast a vote that is held if it is new."""

    def hold(reader: str, reaction: str | None, seq: int) -> None:
        held = Hold(SOFT_CAP, NOON_MS + HOUR_MS, "a")
        daily.box.cast(replace(daily.ballot(reader, reaction, seq=seq), held=held))

    return hold


def decide(daily: Booth, decision: Callable[..., int], hours: int, *states: str) -> None:
    decision(daily.box, Choice(states=states), by="a test", now_ms=NOON_MS + hours * HOUR_MS)


Casting = Callable[[str, str | None, int], None]


def test_a_reader_whose_first_vote_was_held_counts_in_the_hour_of_its_release(daily: Booth, hold_next: Casting) -> None:
    hold_next(ADA, "like", 1)
    hold_next(BEN, "sad", 1)
    daily.cast(BEN, "wow", seq=2)
    assert readers(daily) == {}
    assert daily.differences() == []

    decide(daily, review.release, 2, HELD)

    assert readers(daily) == {(2, "like"): 1, (2, "wow"): 1}
    assert daily.differences() == []


def test_a_release_that_is_repeated_or_taken_back_brings_no_second_reader(daily: Booth, hold_next: Casting) -> None:
    hold_next(ADA, "like", 1)
    for hours, decision, state in ((1, review.release, HELD), (2, review.reject, RELEASED), (3, review.release, REJECTED)):
        decide(daily, decision, hours, state)
        decide(daily, decision, hours, state)
    daily.cast(ADA, "love", seq=99)

    assert readers(daily) == {(1, "like"): 1}
    assert daily.differences() == []


def test_a_reader_who_was_rejected_first_counts_when_that_is_taken_back(daily: Booth, hold_next: Casting) -> None:
    hold_next(ADA, "like", 1)
    decide(daily, review.reject, 1, HELD)
    assert readers(daily) == {}

    decide(daily, review.release, 2, REJECTED)

    assert readers(daily) == {(2, "like"): 1}
    assert daily.differences() == []


def test_a_reader_who_took_a_held_vote_back_counts_with_the_next_vote(daily: Booth, hold_next: Casting) -> None:
    hold_next(ADA, "like", 1)
    daily.cast(ADA, None, seq=2)
    decide(daily, review.release, 1, HELD)
    assert readers(daily) == {}

    for seq, wish in ((10, "love"), (11, None), (12, "sad")):
        daily.cast(ADA, wish, seq=seq, now_ms=NOON_MS + 2 * HOUR_MS)

    assert readers(daily) == {(2, "love"): 1}
    assert daily.differences() == []


def test_a_counted_reader_who_comes_back_held_is_no_new_one(daily: Booth, hold_next: Casting) -> None:
    daily.cast(ADA, "like", seq=1)
    daily.cast(ADA, None, seq=2)
    hold_next(ADA, "love", 3)
    decide(daily, review.release, 2, HELD)

    assert readers(daily) == {(0, "like"): 1}
    assert daily.differences() == []


def test_an_article_that_is_deleted_takes_its_released_readers_along(daily: Booth, hold_next: Casting) -> None:
    hold_next(ADA, "like", 1)
    daily.cast(BEN, "sad", seq=1)
    decide(daily, review.release, 2, HELD)

    removing.delete_article(Editor(daily.engine, daily.box, daily.site, by="test", now_ms=NOON_MS), "hello")

    assert daily.differences() == []


def test_verify_reports_a_release_that_brought_no_reader(
    daily: Booth, hold_next: Casting, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold_next(ADA, "like", 1)
    monkeypatch.setattr(ledger, "counted_before", lambda _, voters: set(voters))
    decide(daily, review.release, 2, HELD)

    assert [(found.reaction, found.hourly, found.folded) for found in daily.differences()] == [("like", 0, 1)]
