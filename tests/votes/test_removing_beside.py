"""Deletions beside whoever works on the same articles: nothing of them is left, and nobody waits. On both engines."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from reactions.newsroom import article_keys, articles, interventions
from reactions.newsroom.articles import Description
from reactions.refusals import ArticleClosed, UnknownArticle
from reactions.storage import locks, tables
from reactions.storage.engines import writing
from reactions.times import DAY_MS, HOUR_MS
from reactions.votes import imported, recounting, removing, revising, sealing, verdicts, views
from reactions.votes.detector import MIX, Pattern
from reactions.votes.verdicts import Verdict
from tests.boxes import NOON_MS, Booth, booth
from tests.engines import wait_until
from tests.lengths import only_postgresql
from tests.make import ADA, BEN, CIA
from tests.votes.test_removing import editor, faults, junk, keys, meanwhile, naming

ADVISORY = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'"
ROW = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"


def waits(daily: Booth, kind: str) -> Callable[[], bool]:
    """Whether somebody waits for a lock."""

    def somebody() -> bool:
        with daily.engine.connect() as looks:
            return bool(looks.exec_driver_sql(kind).scalar_one())

    return somebody


def before_the_last_step(monkeypatch: pytest.MonkeyPatch, work: Callable[[Collection[int]], object]) -> None:
    erase_rest = removing._Removal._erase_rest

    def later(removal: Any, connection: Connection, ids: Collection[int]) -> bool:
        work(ids)
        return erase_rest(removal, connection, ids)  # type: ignore[arg-type]

    monkeypatch.setattr(removing._Removal, "_erase_rest", later)


def test_what_takes_long_goes_in_steps_before_the_last_one(daily: Booth, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can vote during that one: it has a few thousand rows at most, and the views of years are gone before."""
    monkeypatch.setattr(removing, "_ROWS_AT_ONCE", 4)
    ids = sorted(daily.cast(ADA, "like", seq=1, article=f"junk/{n}").article_id for n in range(5))
    hour = NOON_MS // HOUR_MS
    with writing(daily.engine) as connection:
        for article_id in ids:
            views.add_sums(connection, [{"article_id": article_id, "hour_utc": hour + n, "n": 1} for n in range(9)])
            rows = [
                {"article_id": article_id, "hour_utc": hour - n, "reaction": "sad", "added": 1, "removed": 1} for n in range(2)
            ]
            connection.execute(tables.hourly.insert(), rows)  # as of votes that were dropped
    steps: list[int] = []

    def look(part: Collection[int]) -> None:
        steps.append(len(part))
        with daily.engine.connect() as connection:
            assert connection.execute(select(func.count()).select_from(tables.views)).scalar_one() == 0

    before_the_last_step(monkeypatch, look)

    assert removing.delete_matching(editor(daily), "junk/*") == 5

    assert steps == [2, 2, 1]
    assert [naming(daily, article_id) for article_id in ids] == [set()] * 5


@contextmanager
def held(daily: Booth, what: str, article_id: int) -> Iterator[None]:
    """Somebody works on the ledger, imports more of a source, or describes articles, for long."""
    with writing(daily.engine) as connection:
        if what == "the ledger":
            sealing.take_turn(connection)
        elif what == "the article":
            articles.lock(connection, [article_id])
        elif what == "a source":
            imported.revise(connection, daily.site.id, ["waline"])
        else:
            locks.rely_on_keys(connection)
        yield


@only_postgresql
@pytest.mark.parametrize("what", ["the ledger", "a source", "the article", "keys"])
def test_votes_elsewhere_go_on_while_the_last_step_of_a_deletion_waits(
    daily: Booth, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    article_id = daily.cast(ADA, "like", seq=1, article="goes").article_id
    with writing(daily.engine) as connection:
        imported.change(connection, "waline", [imported.Change(article_id, "like", 0, 5)])
        connection.execute(tables.imported_source.insert().values(_source(daily)))
    quick = booth(daily.engine, answer_within_s=3)
    with ThreadPoolExecutor(1) as pool:

        def vote_meanwhile(_: Collection[int]) -> None:
            pool.submit(vote)
            begun.wait(10)

        def vote() -> None:
            with held(daily, what, article_id):
                begun.set()
                wait_until(waits(daily, ROW if what in ("a source", "the article") else ADVISORY), why="the deletion waits")
                quick.cast(BEN, "love", seq=1, article="stays")
            voted.set()

        begun, voted = Event(), Event()
        before_the_last_step(monkeypatch, vote_meanwhile)
        removing.delete_article(editor(daily), "goes")
        assert voted.wait(10)

    assert (keys(daily), faults(daily), naming(daily, article_id)) == (["stays"], [], set())


def _source(daily: Booth) -> dict[str, Any]:
    return {
        "site_id": daily.site.id, "source": "waline", "format": "csv", "file_name": "f", "file_hash": "h", "by": "a test",
        "at": NOON_MS, "revision": 0, "votes": 0,
    }  # fmt: skip


def test_what_was_merged_into_an_article_goes_with_it_whatever_deletes_it(daily: Booth) -> None:
    """A key would lead nowhere otherwise, and whoever asks by it be answered with a fault."""
    daily.cast(ADA, "like", seq=1, article="old")
    daily.cast(BEN, "like", seq=1, article="junk/1")
    revising.merge(editor(daily), "old", into="junk/1")

    assert removing.delete_matching(editor(daily), "junk/*") == 2

    assert (keys(daily), faults(daily), daily.shown("old")) == ([], [], {})
    assert daily.cast(CIA, "wow", seq=1, article="old").counts.total == 1


def test_so_does_what_is_merged_into_it_meanwhile(daily: Booth, monkeypatch: pytest.MonkeyPatch) -> None:
    daily.cast(ADA, "like", seq=1, article="late")
    daily.cast(BEN, "like", seq=1, article="goes")
    parts = removing._parts

    def merged_before(*args: Any) -> Any:
        monkeypatch.setattr(removing, "_parts", parts)
        revising.merge(editor(daily), "late", into="goes")
        return parts(*args)

    monkeypatch.setattr(removing, "_parts", merged_before)

    assert removing.delete_article(editor(daily), "goes") == 2

    assert (keys(daily), faults(daily), daily.shown("late")) == ([], [], {})
    assert [naming(daily, article_keys.id_of("daily", key)) for key in ("late", "goes")] == [set(), set()]


@pytest.mark.parametrize("led", ["by another key", "by a merge"])
def test_an_article_that_is_deleted_between_two_questions_about_a_key_is_not_there(
    daily: Booth, monkeypatch: pytest.MonkeyPatch, led: str
) -> None:
    daily.cast(ADA, "like", seq=1, article="old")
    daily.cast(BEN, "like", seq=1, article="b")
    if led == "by a merge":
        revising.merge(editor(daily), "old", into="b")
    else:
        with writing(daily.engine) as connection:
            interventions.move(connection, daily.site, "old", to="new", at_ms=NOON_MS, by="a test")
    ask, asked = articles.ask, []

    def deleted_before_the_second(connection: Connection, ids: Collection[int]) -> Any:
        asked.append(ids)
        if len(asked) == 2:
            removing.delete_article(editor(daily), "b" if led == "by a merge" else "new")
        return ask(connection, ids)

    monkeypatch.setattr(articles, "ask", deleted_before_the_second)

    assert daily.shown("old" if led == "by a merge" else "new") == {}


@only_postgresql
@pytest.mark.parametrize("what", ["close", "describe", "record"])
def test_what_an_editor_does_to_an_article_that_is_just_being_deleted_leaves_nothing(daily: Booth, what: str) -> None:
    article_id = daily.cast(ADA, "like", seq=1, article="goes").article_id

    def work() -> None:
        with writing(daily.engine) as connection:
            if what == "close":
                interventions.close(connection, daily.site, "goes", at_ms=NOON_MS, by="a test")
            elif what == "describe":
                interventions.describe(connection, daily.site, Description("goes", "A title"), at_ms=NOON_MS, by="a test")
            else:
                interventions.record_revision(connection, daily.site, "goes", "reset", at_ms=NOON_MS, by="a test")

    with ThreadPoolExecutor(1) as pool:
        with writing(daily.engine) as connection:
            removing._Removal(editor(daily), "delete")._erase_rest(connection, [article_id])
            done = pool.submit(work)
            wait_until(waits(daily, ADVISORY if what == "describe" else ROW), why="the editor waits")
        with pytest.raises(UnknownArticle):
            done.result(20)

    assert naming(daily, article_id) == set()


@only_postgresql
def test_a_deletion_waits_for_what_an_editor_is_just_doing(daily: Booth) -> None:
    article_id = daily.cast(ADA, "like", seq=1, article="goes").article_id

    def erase() -> None:
        daily.box.transact(lambda connection: removing._Removal(editor(daily), "delete")._erase_rest(connection, [article_id]))

    with ThreadPoolExecutor(1) as pool:
        with writing(daily.engine) as connection:
            interventions.hide(connection, daily.site, "goes", at_ms=NOON_MS, by="a test")
            erased = pool.submit(erase)
            wait_until(waits(daily, ROW), why="the deletion waits")
        erased.result(20)

    assert naming(daily, article_id) == set()


@only_postgresql
def test_a_move_of_an_article_that_is_just_being_deleted_is_refused(daily: Booth) -> None:
    article_id = daily.cast(ADA, "like", seq=1, article="goes").article_id

    def move() -> None:
        with writing(daily.engine) as connection:
            interventions.move(connection, daily.site, "goes", to="new", at_ms=NOON_MS, by="a test")

    with ThreadPoolExecutor(1) as pool:
        with writing(daily.engine) as connection:
            removing._Removal(editor(daily), "delete")._erase_rest(connection, [article_id])
            moved = pool.submit(move)
            wait_until(waits(daily, ADVISORY), why="the move waits")
        with pytest.raises(UnknownArticle):
            moved.result(20)

    assert naming(daily, article_id) == set()


def test_a_recount_and_a_verdict_leave_nothing_of_an_article_that_was_deleted_meanwhile(daily: Booth) -> None:
    article_id = daily.cast(ADA, "like", seq=1, article="goes").article_id
    removing.delete_article(editor(daily), "goes")
    found = Verdict("f" * 16, daily.site.id, article_id, *[NOON_MS] * 4, MIX, "", Pattern("like"), {}, False)

    left = recounting.correct(
        daily.box, recounting.Article(daily.site.id, article_id, "goes", False), by="a test", now_ms=NOON_MS
    )
    daily.box.transact(lambda connection: verdicts.write(connection, found))

    assert (left, naming(daily, article_id)) == ([], set())


def test_junk_that_an_editor_closes_meanwhile_stays_closed(daily: Booth, monkeypatch: pytest.MonkeyPatch) -> None:
    for reader in (ADA, BEN):
        daily.cast(reader, "like", seq=1, article="a")
    removal = removing._Removal(editor(daily), "junk")

    def close() -> None:
        with writing(daily.engine) as connection:
            interventions.close(connection, daily.site, "a", at_ms=NOON_MS + DAY_MS, by="a test")

    meanwhile(monkeypatch, close)

    assert removal.remove([article_keys.id_of("daily", "a")], most_votes=1) == 0
    assert junk(daily) == 0
    with pytest.raises(ArticleClosed):
        daily.cast(CIA, "like", seq=1, article="a")
