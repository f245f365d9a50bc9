"""Retention beside what editors and readers do to old articles: nothing is counted twice, nothing comes back. On both engines."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from reactions import commands
from reactions.newsroom import interventions, sites
from reactions.refusals import ImportConflict, VotesDropped
from reactions.storage import tables
from reactions.storage.engines import writing
from reactions.times import DAY_MS
from reactions.votes import forgetting, holds, ledger, retention, review, revising
from reactions.votes.holds import Hold
from reactions.votes.review import Choice
from reactions.votes.revising import Editor
from tests import make
from tests.boxes import NOON_MS, Booth
from tests.make import ADA, BEN, CIA
from tests.votes.test_retention import LATER_MS, cut_short, daily, drop, editor, faults, restless, rows

__all__ = ["daily"]
KEY = b"k" * 32  # of tests/boxes.py


def test_closed_moved_and_merged_articles_lose_their_votes_as_others_do(daily: Booth) -> None:
    for reader, article in ((ADA, "closed"), (BEN, "moved"), (CIA, "merged"), (ADA, "target")):
        daily.cast(reader, "like", seq=1, article=article)
    with writing(daily.engine) as connection:
        interventions.close(connection, daily.site, "closed", at_ms=NOON_MS, by="a test")
        interventions.move(connection, daily.site, "moved", to="there", at_ms=NOON_MS, by="a test")
    revising.merge(editor(daily), "merged", into="target")

    assert drop(daily) == 4

    assert (faults(daily), rows(daily, tables.vote, tables.event)) == ([], 0)
    assert [daily.shown(key) for key in ("closed", "moved", "there", "merged", "target")] == [
        {"like": 1}, {"like": 1}, {"like": 1}, {"like": 2}, {"like": 2},
    ]  # fmt: skip
    with daily.engine.connect() as connection:
        closed = select(tables.article.c.closed_at).where(tables.article.c.key == "closed")
        assert connection.execute(closed).scalar_one() == NOON_MS


@pytest.mark.parametrize(
    "revise",
    [
        lambda editor: revising.reset(editor, "old"),
        lambda editor: revising.undo_reset(editor, "old"),
        lambda editor: revising.merge(editor, "old", into="new"),
        lambda editor: revising.merge(editor, "new", into="old"),
    ],
    ids=["reset", "undo", "merge away", "merge into"],
)
def test_the_votes_that_are_gone_cannot_be_revised(daily: Booth, revise: Callable[[Editor], object]) -> None:
    daily.cast(ADA, "like", seq=1, article="old")
    drop(daily)
    daily.cast(BEN, "like", seq=1, article="new", now_ms=LATER_MS)

    with pytest.raises(VotesDropped):
        revise(editor(daily, now_ms=LATER_MS))

    assert (daily.shown("old"), daily.shown("new"), faults(daily)) == ({"like": 1}, {"like": 1}, [])


def test_a_reset_that_has_begun_is_refused_once_the_votes_are_dropped(daily: Booth, monkeypatch: pytest.MonkeyPatch) -> None:
    daily.cast(ADA, "like", seq=1)
    whole = daily.box.count_found

    def late(*args: Any, **named: Any) -> Any:
        monkeypatch.setattr(daily.box, "count_found", whole)
        drop(daily)
        return whole(*args, **named)

    monkeypatch.setattr(daily.box, "count_found", late)
    with pytest.raises(VotesDropped):
        revising.reset(editor(daily, now_ms=LATER_MS), "hello")

    assert (daily.shown(), faults(daily)) == ({"like": 1}, [])


def test_held_votes_are_settled_first_and_rejected_ones_go_uncounted(daily: Booth) -> None:
    held = Hold("soft cap", NOON_MS + DAY_MS, "network")
    daily.cast(ADA, "like", seq=1)
    for reader in (BEN, CIA):
        ballot = daily.ballot(reader, "like", seq=1)
        daily.box.cast(replace(ballot, held=held))

    assert drop(daily) == 0

    ids = [holds.id_of(vote.article_id, bytes(vote.voter)) for vote in held_votes(daily)]
    review.reject(daily.box, Choice(ids=ids[:1]), by="a test", now_ms=NOON_MS)
    review.release_due(daily.box, now_ms=NOON_MS + 2 * DAY_MS)
    assert drop(daily) == 1
    assert (daily.shown(), faults(daily)) == ({"like": 2}, [])
    assert rows(daily, tables.vote, tables.event, tables.hold) == 0


def held_votes(daily: Booth) -> list[Any]:
    with daily.engine.connect() as connection:
        return list(connection.execute(select(tables.vote).where(tables.vote.c.held)))


@pytest.mark.parametrize("forgotten", ["kept", "withdrawn"])
def test_whoever_wants_to_be_forgotten_is_found_while_anything_of_theirs_is_left(
    daily: Booth, monkeypatch: pytest.MonkeyPatch, forgotten: str
) -> None:
    restless(daily, "a", readers=150)
    daily.cast(ADA, "like", seq=9, article="b", now_ms=LATER_MS)
    with writing(daily.engine) as connection:
        sites.change(connection, "daily", forgotten_votes=forgotten)
        site = sites.get(connection, "daily")
    cut_short(daily, monkeypatch, after=1)
    before = daily.shown("a")

    for reader in (make.reader(59), make.reader(0), ADA):
        found = forgetting.forget(daily.engine, daily.box, site, reader=bytes.fromhex(reader), key=KEY, now_ms=LATER_MS)
        assert found == 1

    assert faults(daily) == []
    drop(daily)
    assert (daily.shown("a"), faults(daily)) == (before, [])
    assert daily.shown("b") == ({"like": 1} if forgotten == "kept" else {})


def test_nothing_comes_back_onto_an_article_whose_votes_were_dropped(daily: Booth) -> None:
    article_id = daily.cast(ADA, "like", seq=1).article_id
    drop(daily)

    with daily.engine.connect() as connection:
        with pytest.raises(ImportConflict):
            ledger.refuse_any_of(connection, "daily", {article_id: "hello"})
        with pytest.raises(ImportConflict):
            retention.refuse_take_back(connection, daily.site)


def test_what_dropped_votes_amount_to_cannot_be_changed_unnoticed(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1)
    drop(daily)
    with writing(daily.engine) as connection:
        for table, columns in ((tables.dropped, ("votes", "events")), (tables.tally, ("n",)), (tables.hourly, ("added",))):
            connection.execute(update(table).values(dict.fromkeys(columns, 7)))

    (found,) = faults(daily)

    assert str(found) == "What dropped votes amount to (the table `dropped`) was changed by other means than retention."


def test_what_a_command_is_made_of_is_kept_out_of_garbage_collection(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Or a full collection of 60 ms may fall into a step in which votes wait."""
    monkeypatch.setenv("REACTIONS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("REACTIONS_SECRET", make.SECRET)
    before = gc.get_freeze_count()

    commands._app_of_this_process()

    assert gc.get_freeze_count() > before
    assert gc.isenabled()


def test_another_run_does_not_drop_votes_while_the_first_waits_for_a_late_one(
    daily: Booth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The article is opened again then, and whoever had voted must be known still."""
    daily.cast(ADA, "like", seq=1)
    a, waited, second = tables.article.c, retention.locks.wait_for_counting, []

    def meanwhile(engine: Engine) -> None:
        monkeypatch.setattr(retention.locks, "wait_for_counting", waited)
        with writing(engine) as connection:  # a vote of a batch that had read the article as open
            marks = dict(connection.execute(select(a.closed_at, a.votes_dropped_at)).mappings().one())
            connection.execute(update(tables.article).values(closed_at=None, votes_dropped_at=None))
        daily.cast(BEN, "like", seq=1, now_ms=LATER_MS)
        with writing(engine) as connection:
            connection.execute(update(tables.article).values(marks))
        second.append(drop(daily))

    monkeypatch.setattr(retention.locks, "wait_for_counting", meanwhile)

    assert (drop(daily), second) == (0, [0])

    daily.cast(ADA, "sad", seq=2, now_ms=LATER_MS)
    assert (daily.shown(), faults(daily)) == ({"like": 1, "sad": 1}, [])
