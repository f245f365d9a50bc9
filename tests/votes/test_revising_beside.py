"""Revisions beside other revisions, reviews and votes of the same articles: no vote is lost, doubled or left behind."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from threading import Event
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from reactions.newsroom import article_keys, articles, interventions
from reactions.refusals import ChangedMeanwhile, UnknownArticle
from reactions.storage import tables
from reactions.storage.engines import snapshot, writing
from reactions.votes import integrity, revising
from reactions.votes.holds import SOFT_CAP, Hold
from reactions.votes.revising import Editor
from tests import make
from tests.boxes import NOON_MS, Booth, booth
from tests.engines import wait_until
from tests.lengths import only_postgresql
from tests.make import ADA, BEN, CIA


def editor(booth: Booth) -> Editor:
    return Editor(booth.engine, booth.box, booth.site, by="a test", now_ms=NOON_MS + 10)


def before_it_ends(daily: Booth, monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> None:
    """Do something once, when the votes of a merge have moved and its keys have not."""
    transact = daily.box.transact

    def later(handing_over: Callable[[Connection], Any]) -> Any:
        monkeypatch.setattr(daily.box, "transact", transact)
        work()
        return transact(handing_over)

    monkeypatch.setattr(daily.box, "transact", later)


def left_behind(daily: Booth) -> list[Any]:
    with snapshot(daily.engine) as connection:
        return integrity.left_behind(connection)


def test_votes_on_an_article_that_is_opened_again_while_it_is_merged_go_with_the_others(
    daily: Booth, monkeypatch: pytest.MonkeyPatch
) -> None:
    daily.cast(ADA, "like", seq=1, article="a")
    daily.cast(BEN, "like", seq=1, article="b")

    def open_and_vote() -> None:
        with writing(daily.engine) as connection:
            interventions.reopen(connection, daily.site, "a", at_ms=NOON_MS + 20, by="a test")
        daily.cast(CIA, "sad", seq=1, article="a")

    before_it_ends(daily, monkeypatch, open_and_vote)

    assert revising.merge(editor(daily), "a", into="b") == 2

    assert daily.shown("a") == daily.shown("b") == {"like": 2, "sad": 1}
    assert (daily.differences(), left_behind(daily)) == ([], [])


def test_an_article_that_is_merged_while_another_is_merged_into_it_takes_its_votes_along(
    daily: Booth, monkeypatch: pytest.MonkeyPatch
) -> None:
    for reader, article in ((ADA, "a"), (BEN, "b"), (CIA, "c")):
        daily.cast(reader, "like", seq=1, article=article)
    before_it_ends(daily, monkeypatch, lambda: revising.merge(editor(daily), "a", into="b"))

    assert revising.merge(editor(daily), "b", into="c") == 2

    assert [daily.shown(key) for key in "abc"] == [{"like": 3}] * 3
    assert (daily.differences(), left_behind(daily)) == ([], [])


def test_a_merge_into_an_article_that_is_merged_meanwhile_goes_on_to_where_that_went(
    daily: Booth, monkeypatch: pytest.MonkeyPatch
) -> None:
    for reader, article in ((ADA, "a"), (BEN, "b"), (CIA, "c")):
        daily.cast(reader, "like", seq=1, article=article)
    before_it_ends(daily, monkeypatch, lambda: revising.merge(editor(daily), "b", into="c"))

    assert revising.merge(editor(daily), "a", into="b") == 1

    assert [daily.shown(key) for key in "abc"] == [{"like": 3}] * 3
    assert (daily.differences(), left_behind(daily)) == ([], [])


@pytest.mark.parametrize("way", ["ba", "bca"])
def test_articles_that_are_being_merged_are_not_merged_the_other_way(
    daily: Booth, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Each would lead to the other, and the votes of both to nowhere."""
    for reader, article in ((ADA, "a"), (BEN, "b"), (CIA, "c")):
        daily.cast(reader, "like", seq=1, article=article)

    def the_other_way() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(revising, "_hand_over", lambda *_: True)  # as if cut short
            for key, into in pairwise(way[:-1]):
                revising.merge(editor(daily), key, into=into)
        with pytest.raises(ChangedMeanwhile, match="is being merged"):
            revising.merge(editor(daily), way[-2], into=way[-1])

    before_it_ends(daily, monkeypatch, the_other_way)

    assert revising.merge(editor(daily), "a", into="b") == 1

    revising.merge(editor(daily), "b", into="c")
    assert [daily.shown(key) for key in "abc"] == [{"like": 3}] * 3
    assert (daily.differences(), left_behind(daily)) == ([], [])


def test_an_article_is_merged_into_one_other_alone(daily: Booth, monkeypatch: pytest.MonkeyPatch) -> None:
    for reader, article in ((ADA, "a"), (BEN, "b"), (CIA, "c")):
        daily.cast(reader, "like", seq=1, article=article)
    before_it_ends(daily, monkeypatch, lambda: revising.merge(editor(daily), "a", into="c"))

    with pytest.raises(ChangedMeanwhile):
        revising.merge(editor(daily), "a", into="b")

    assert daily.shown("a") == daily.shown("c")
    assert (daily.differences(), left_behind(daily)) == ([], [])


def test_what_a_reset_withdrew_is_not_restored_on_an_article_that_was_merged_meanwhile(
    daily: Booth, monkeypatch: pytest.MonkeyPatch
) -> None:
    daily.cast(ADA, "like", seq=1, article="a")
    daily.cast(BEN, "like", seq=1, article="b")
    revising.reset(editor(daily), "a")
    count_found = daily.box.count_found

    def merged_first(*args: Any, **named: Any) -> Any:
        monkeypatch.setattr(daily.box, "count_found", count_found)
        revising.merge(editor(daily), "a", into="b")
        return count_found(*args, **named)

    monkeypatch.setattr(daily.box, "count_found", merged_first)
    with pytest.raises(UnknownArticle):
        revising.undo_reset(editor(daily), "a")

    assert daily.shown("a") == {"like": 1}
    assert (daily.differences(), left_behind(daily)) == ([], [])


@only_postgresql  # SQLite has one writer
@pytest.mark.parametrize("revision", ["reset", "merge"])
def test_a_vote_that_is_just_being_held_is_revised_afterwards(daily: Booth, revision: str) -> None:
    """Its row has another number then; who went by the one that was read before would leave it as it is."""
    daily.cast(ADA, "like", seq=1, article="a")
    daily.cast(BEN, "like", seq=1, article="b")
    mine = tables.vote.c.article_id == article_keys.id_of("daily", "a")
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
    with ThreadPoolExecutor(1) as pool, daily.engine.connect() as looks:
        with writing(daily.engine) as connection:
            connection.execute(tables.vote.update().where(mine).values(seq=2))
            work = {
                "reset": lambda: revising.reset(editor(daily), "a"),
                "merge": lambda: revising.merge(editor(daily), "a", into="b"),
            }
            revised = pool.submit(work[revision])
            wait_until(lambda: looks.exec_driver_sql(waiting).scalar_one() == 1, why="the revision waits for the vote")
        assert revised.result(20) == 1

    assert daily.shown("a") == ({} if revision == "reset" else {"like": 2})
    assert (daily.differences(), left_behind(daily)) == ([], [])


@only_postgresql  # SQLite has one writer
def test_votes_elsewhere_go_on_while_the_last_step_of_a_merge_waits_for_an_import(
    daily: Booth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who imports totals for an article locks it for as long as that takes."""
    article_id = daily.cast(ADA, "like", seq=1, article="a").article_id
    daily.cast(BEN, "like", seq=1, article="b")
    quick, begun = booth(daily.engine, answer_within_s=3), Event()
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"

    def import_meanwhile() -> None:
        with daily.engine.connect() as looks, writing(daily.engine) as connection:
            articles.lock(connection, [article_id])
            begun.set()
            wait_until(lambda: looks.exec_driver_sql(waiting).scalar_one() == 1, why="the merge waits")
            quick.cast(CIA, "love", seq=1, article="c")

    with ThreadPoolExecutor(1) as pool:
        importing: list[Future[None]] = []

        def begin() -> None:
            importing.append(pool.submit(import_meanwhile))
            assert begun.wait(10)

        before_it_ends(daily, monkeypatch, begin)
        revising.merge(editor(daily), "a", into="b")
        importing[0].result(20)

    assert [daily.shown(key) for key in "abc"] == [{"like": 2}, {"like": 2}, {"love": 1}]


@pytest.mark.parametrize("reaction", [None, "wow"])
def test_a_hold_stays_where_it_is_if_its_reader_has_voted_later_on_the_other_article(
    engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch, reaction: str | None
) -> None:
    """A vote that was taken back there, or is cast there at that moment, is not held."""
    make.site(database_url, reader_scope="site")
    daily = booth(engine)
    daily.box.cast(replace(daily.ballot(ADA, "like", seq=1, article="a"), held=Hold(SOFT_CAP, NOON_MS)))
    daily.cast(BEN, "like", seq=1, article="b")
    if reaction is None:
        daily.cast(ADA, "sad", seq=8, article="b")
        daily.cast(ADA, None, seq=9, article="b")
    else:  # after the merge has looked for those who have
        daily.cast(ADA, reaction, seq=9, article="b")
        monkeypatch.setattr(revising, "_voters_among", lambda *_: frozenset())

    revising.merge(editor(daily), "a", into="b")

    assert daily.shown("b") == {"like": 1} | ({} if reaction is None else {reaction: 1})
    with snapshot(engine) as connection:
        assert integrity.all_differences(connection) == []
