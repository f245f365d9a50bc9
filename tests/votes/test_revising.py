"""Reset, restore and merge: every changed vote is an event, and the numbers stay exact. On both engines."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier, Event
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, func, select

from reactions.newsroom import article_keys, interventions
from reactions.refusals import KeyTaken, UnknownArticle
from reactions.storage import tables
from reactions.storage.engines import snapshot, writing
from reactions.votes import counting, integrity, removing, revising, views
from reactions.votes.revising import Editor
from reactions.votes.rules import Ballot
from reactions.votes.views import Views
from tests import make
from tests.boxes import NOON_MS, Booth, booth
from tests.make import ADA, BEN, CIA


def editor(booth: Booth) -> Editor:
    return Editor(booth.engine, booth.box, booth.site, by="a test", now_ms=NOON_MS + 10)


def causes(booth: Booth) -> dict[str, int]:
    by_cause = select(tables.event.c.cause, func.count()).group_by(tables.event.c.cause)
    with booth.engine.connect() as connection:
        return {row.cause: row[1] for row in connection.execute(by_cause)}


def test_a_reset_withdraws_every_vote_and_restore_brings_them_back_exactly(daily: Booth) -> None:
    for number in range(30):
        daily.cast(make.reader(number), make.SEVEN[number % 7], seq=number)
    before = daily.shown()

    assert revising.reset(editor(daily), "hello") == 30
    assert daily.shown() == {}
    assert revising.undo_reset(editor(daily), "hello") == 30

    assert daily.shown() == before
    assert causes(daily) == {"vote": 30, "reset": 30, "restore": 30}
    assert daily.differences() == []


def test_a_vote_cast_after_the_reset_outlives_the_restore(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1)
    daily.cast(BEN, "like", seq=1)
    revising.reset(editor(daily), "hello")
    daily.cast(ADA, "sad", seq=9)

    assert revising.undo_reset(editor(daily), "hello") == 1
    assert daily.shown() == {"like": 1, "sad": 1}
    assert revising.undo_reset(editor(daily), "hello") == 0


def test_a_reset_reaches_the_votes_of_a_closed_article(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1)
    revising.reset(editor(daily), "hello")

    assert daily.shown() == {}


def test_a_merge_adds_the_counts_up_and_both_keys_lead_to_them(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1, article="a")
    daily.cast(BEN, "love", seq=1, article="a")
    daily.cast(CIA, "like", seq=1, article="b")

    assert revising.merge(editor(daily), "a", into="b") == 2

    assert daily.shown("a") == daily.shown("b") == {"like": 2, "love": 1}
    assert causes(daily) == {"vote": 3, "merge": 4}
    assert daily.differences() == []


@pytest.mark.parametrize("key", ["a", "b"])
def test_after_a_merge_a_readers_vote_that_moved_is_changed_and_not_doubled(daily: Booth, key: str) -> None:
    daily.cast(ADA, "like", seq=1, article="a")
    daily.cast(BEN, "sad", seq=1, article="b")
    revising.merge(editor(daily), "a", into="b")

    receipt = daily.cast(ADA, "love", seq=2, article=key)

    assert receipt.reaction == "love"
    assert daily.shown("b") == {"love": 1, "sad": 1}
    assert daily.differences() == []


def test_so_is_one_that_has_moved_by_a_merge_that_is_under_way(daily: Booth, monkeypatch: pytest.MonkeyPatch) -> None:
    daily.cast(ADA, "like", seq=1, article="a")
    daily.cast(BEN, "like", seq=1, article="b")
    with monkeypatch.context() as patch:
        patch.setattr(revising, "_hand_over", lambda *_: True)
        revising.merge(editor(daily), "a", into="b")

    daily.cast(ADA, "love", seq=9, article="b")

    assert daily.shown("b") == {"like": 1, "love": 1}
    revising.merge(editor(daily), "a", into="b")
    assert daily.shown("a") == daily.shown("b") == {"like": 1, "love": 1}
    assert daily.differences() == []


def test_with_reader_scope_site_a_reader_of_both_is_counted_once_by_the_vote_on_the_second(
    engine: Engine, database_url: str
) -> None:
    make.site(database_url, reader_scope="site")
    daily = booth(engine)
    daily.cast(ADA, "like", seq=1, article="a")
    daily.cast(ADA, "sad", seq=1, article="b")
    daily.cast(BEN, "wow", seq=1, article="a")

    assert revising.merge(editor(daily), "a", into="b") == 1

    assert daily.shown("a") == {"sad": 1, "wow": 1}
    assert daily.differences() == []


def test_merging_three_articles_leads_all_keys_to_the_last(daily: Booth) -> None:
    for reader, article in ((ADA, "a"), (BEN, "b"), (CIA, "c")):
        daily.cast(reader, "like", seq=1, article=article)
    revising.merge(editor(daily), "a", into="b")
    revising.merge(editor(daily), "b", into="c")

    daily.cast(ADA, "love", seq=2, article="b")

    assert [daily.shown(key) for key in "abc"] == [{"like": 2, "love": 1}] * 3
    assert daily.differences() == []


def test_a_merge_can_be_run_again_after_it_was_cut_short(daily: Booth, monkeypatch: pytest.MonkeyPatch) -> None:
    daily.cast(ADA, "like", seq=1, article="a")
    daily.cast(BEN, "like", seq=1, article="b")
    with monkeypatch.context() as patch:
        patch.setattr("reactions.newsroom.interventions.forward", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            revising.merge(editor(daily), "a", into="b")

    revising.merge(editor(daily), "a", into="b")

    assert daily.shown("a") == daily.shown("b") == {"like": 2}
    assert daily.differences() == []


def test_an_article_may_take_the_votes_of_others_whose_own_were_moving_to_one_that_was_deleted(
    daily: Booth, monkeypatch: pytest.MonkeyPatch
) -> None:
    for reader, article in ((ADA, "a"), (BEN, "b"), (CIA, "c")):
        daily.cast(reader, "like", seq=1, article=article)
    with monkeypatch.context() as patch:
        patch.setattr(revising, "_move_votes", lambda *_: 0)
        patch.setattr(revising, "_hand_over", lambda *_: True)
        revising.merge(editor(daily), "b", into="c")
    removing.delete_article(editor(daily), "c")

    assert revising.merge(editor(daily), "a", into="b") == 1

    assert daily.shown("a") == daily.shown("b") == {"like": 2}
    assert daily.differences() == []


def test_an_article_cannot_take_the_key_of_one_that_was_merged_into_it(daily: Booth) -> None:
    """Two rows would have one key, and an export of them could not be restored."""
    for key in ("a", "b"):
        daily.cast(ADA, "like", seq=1, article=key)
    revising.merge(editor(daily), "a", into="b")

    with pytest.raises(KeyTaken, match="was merged into"), writing(daily.engine) as connection:
        interventions.move(connection, daily.site, "b", to="a", at_ms=NOON_MS, by="a test")

    assert daily.shown("a") == daily.shown("b") == {"like": 2}
    with snapshot(daily.engine) as connection:
        assert sorted(connection.execute(select(tables.article.c.key)).scalars()) == ["a", "b"]


def test_merging_an_article_into_itself_or_from_nowhere_changes_nothing(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1, article="a")

    assert revising.merge(editor(daily), "a", into="a") == 0
    with pytest.raises(UnknownArticle):
        revising.merge(editor(daily), "a", into="nowhere")
    assert daily.cast(BEN, "like", seq=1, article="a").counts.total == 2


def test_a_vote_that_is_being_counted_while_its_article_is_merged_goes_with_the_others(
    daily: Booth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch has read that article `a` is open; then `a` is closed and merged; then the batch commits."""
    daily.cast(ADA, "like", seq=1, article="a")
    daily.cast(BEN, "like", seq=1, article="b")
    other_process, placed, merging = booth(daily.engine), Event(), Event()
    place = counting._placed

    def place_and_wait(connection: Connection, ballots: Sequence[Ballot], *rest: Any) -> list[Any]:
        found = place(connection, ballots, *rest)
        if ballots[0].cause == "vote":
            placed.set()
            merging.wait(0.4)
        return found

    monkeypatch.setattr(counting, "_placed", place_and_wait)
    with ThreadPoolExecutor(2) as pool:
        vote = pool.submit(other_process.cast, CIA, "sad", seq=1, article="a")
        assert placed.wait(5)
        merge = pool.submit(revising.merge, editor(daily), "a", into="b")

        assert vote.result(10).reaction == "sad"
        merge.result(10)

    assert daily.shown("b") == {"like": 2, "sad": 1}
    assert daily.differences() == []


def test_votes_left_on_a_merged_article_are_reported(daily: Booth) -> None:
    """What no merge leaves behind any more, and the recount once passed over."""
    daily.cast(ADA, "like", seq=1, article="a")
    daily.cast(BEN, "like", seq=1, article="b")
    with writing(daily.engine) as connection:
        interventions.forward(connection, daily.site, "a", into="b", at_ms=NOON_MS, by="a test")
    a = article_keys.id_of("daily", "a")

    with snapshot(daily.engine) as connection:
        assert integrity.left_behind(connection) == [integrity.LeftBehind(a, "like", 1)]


def views_of(booth: Booth) -> dict[str, int]:
    """The views that stand under each article, merged ones too."""
    v, a = tables.views.c, tables.article.c
    asked = select(a.key, func.sum(v.n)).join(tables.article, a.article_id == v.article_id).group_by(a.key)
    with booth.engine.connect() as connection:
        return {key: int(n) for key, n in connection.execute(asked)}


def test_views_that_are_written_while_their_article_is_handed_over_go_with_the_others(
    daily: Booth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The merge has taken the views of `a` along; then another process writes views of `a`; then the merge commits."""
    daily.cast(ADA, "like", seq=1, article="a")
    daily.cast(BEN, "like", seq=1, article="b")
    other_process = Views(booth(daily.engine).box.transact)
    a = article_keys.article_key("daily", "a")
    other_process.add(replace(daily.site, count_views=1), [a], now_ms=NOON_MS)
    move, written = views.move, Event()

    def write() -> None:
        other_process.write()
        written.set()

    with ThreadPoolExecutor(1) as pool:

        def move_and_let_others_write(connection: Connection, article_id: int, *, into: int) -> None:
            move(connection, article_id, into=into)
            pool.submit(write)
            written.wait(0.4)

        monkeypatch.setattr(views, "move", move_and_let_others_write)
        revising.merge(editor(daily), "a", into="b")
        assert written.wait(10)

    assert views_of(daily) == {"b": 1}


def test_no_view_is_lost_or_doubled_while_articles_are_merged(daily: Booth) -> None:
    keys = [f"a-{number}" for number in range(8)]
    for key in (*keys, "b"):
        daily.cast(ADA, "like", seq=1, article=key)
    site, seen = replace(daily.site, count_views=1), [article_keys.article_key("daily", key) for key in keys]
    processes = [Views(booth(daily.engine).box.transact) for _ in range(3)]
    merged, start = Event(), Barrier(len(processes) + 1)

    def read(process: Views) -> int:
        told = 0
        start.wait(10)
        while not merged.is_set() or told == 0:
            told += process.add(site, seen, now_ms=NOON_MS)
            process.write()
        return told

    with ThreadPoolExecutor(len(processes)) as pool:
        readers = [pool.submit(read, process) for process in processes]
        start.wait(10)
        try:
            for key in keys:
                revising.merge(editor(daily), key, into="b")
        finally:
            merged.set()
        told = sum(reader.result(30) for reader in readers)
    for process in processes:
        process.close()

    assert views_of(daily) == {"b": told}
    assert daily.differences() == []
