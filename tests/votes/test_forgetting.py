"""A reader who wants to be forgotten is, and every number still agrees. On both engines."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, select

from reactions.newsroom import article_keys, interventions
from reactions.refusals import Unavailable
from reactions.storage import tables
from reactions.storage.engines import snapshot, writing
from reactions.times import DAY_MS
from reactions.votes import counting, forgetting, holds, integrity, readers, removing, revising, sealing
from reactions.votes.holds import Hold
from reactions.votes.revising import Editor
from tests import make
from tests.boxes import NOON_MS, Booth, booth
from tests.engines import wait_until
from tests.make import ADA, BEN

KEY = b"k" * 32  # of tests/boxes.py


@pytest.fixture(params=[("article", "kept"), ("site", "kept"), ("article", "withdrawn"), ("site", "withdrawn")], ids="-".join)
def daily(engine: Engine, database_url: str, request: pytest.FixtureRequest) -> Booth:
    scope, forgotten = request.param
    make.site(database_url, reader_scope=scope, forgotten_votes=forgotten)
    return booth(engine)


def forget(daily: Booth, reader: str) -> int:
    chosen = {"reader": bytes.fromhex(reader), "key": KEY, "now_ms": NOON_MS + 3 * DAY_MS}
    return forgetting.forget(daily.engine, daily.box, daily.site, **chosen)


def names(daily: Booth, *, reader: str) -> int:
    """How many rows bear a pseudonym of the reader."""
    with daily.engine.connect() as connection:
        ids = [article_keys.id_of("daily", key) for key in ("a", "b", "c", "hello")]
        known = {readers.pseudonym(KEY, site="daily", article_id=each, reader=bytes.fromhex(reader)) for each in (None, *ids)}
        columns = (tables.vote.c.voter, tables.event.c.voter, tables.hold.c.voter)
        return sum(bytes(voter) in known for column in columns for voter in connection.execute(select(column)).scalars())


def _away(*_: object) -> Any:
    raise Unavailable("The database is away.")


def test_a_forgotten_reader_is_in_no_row_and_every_number_agrees(daily: Booth) -> None:
    for key in ("a", "b"):
        daily.cast(ADA, "like", seq=1, article=key)
        daily.cast(ADA, "love", seq=2, article=key)
        daily.cast(BEN, "wow", seq=1, article=key)
    daily.cast(ADA, "sad", seq=1, article="c")
    editor = Editor(daily.engine, daily.box, daily.site, by="a test", now_ms=NOON_MS)
    revising.merge(editor, "c", into="a")
    sealing.seal(daily.engine, now_ms=NOON_MS + 2 * DAY_MS)
    before = names(daily, reader=BEN)
    shown = daily.shown("a")

    assert forget(daily, ADA) > 0

    assert (names(daily, reader=ADA), names(daily, reader=BEN)) == (0, before)
    assert daily.shown("a") == (shown if daily.site.forgotten_votes == "kept" else {"wow": 1})
    with snapshot(daily.engine) as connection:
        assert [*integrity.differences(connection), *sealing.differences(connection)] == []
    assert forget(daily, ADA) == 0


def test_a_forgotten_reader_may_vote_again_as_somebody_new(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=5)
    forget(daily, ADA)

    daily.cast(ADA, "love", seq=1)

    assert daily.shown() == ({"like": 1, "love": 1} if daily.site.forgotten_votes == "kept" else {"love": 1})
    assert daily.differences() == []


def test_a_held_vote_is_forgotten_with_its_hold(daily: Booth) -> None:
    ballot = replace(daily.ballot(ADA, "like", seq=1), held=Hold("soft cap", NOON_MS + 1, "a network"))
    voter = daily.box.cast(ballot).voter

    assert forget(daily, ADA) == 1

    with daily.engine.connect() as connection:
        h, v = tables.hold.c, tables.vote.c
        kept = connection.execute(select(h.article_id, h.voter, h.id)).one()
        assert bytes(kept.voter) == bytes(connection.execute(select(v.voter)).scalar_one()) != voter
        assert kept.id == holds.id_of(kept.article_id, bytes(kept.voter))


def test_a_vote_that_is_just_being_changed_is_forgotten_with_all_its_events(daily: Booth) -> None:
    if daily.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer")
    daily.cast(ADA, "like", seq=1, article="a")
    daily.cast(BEN, "wow", seq=1, article="a")
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
    with ThreadPoolExecutor(1) as pool, daily.engine.connect() as looks:
        with writing(daily.engine) as connection:
            counting.count(connection, [daily.ballot(ADA, "love", seq=2, article="a")], pseudonym_key=KEY)
            forgotten = pool.submit(forget, daily, ADA)
            wait_until(lambda: looks.exec_driver_sql(waiting).scalar_one() == 1, why="forgetting waits for the vote")
        assert forgotten.result(20) > 0

    assert names(daily, reader=ADA) == 0
    with snapshot(daily.engine) as connection:
        assert [*integrity.differences(connection), *integrity.left_behind(connection)] == []


def test_a_reader_whose_article_is_deleted_meanwhile_is_forgotten_too(daily: Booth, monkeypatch: pytest.MonkeyPatch) -> None:
    daily.cast(ADA, "like", seq=1, article="a")
    daily.cast(ADA, "love", seq=1, article="b")
    editor, forget_votes = Editor(daily.engine, daily.box, daily.site, by="a test", now_ms=NOON_MS), forgetting._forget_votes

    def deleted_first(*args: Any) -> None:
        monkeypatch.setattr(forgetting, "_forget_votes", forget_votes)
        removing.delete_article(editor, "a")
        forget_votes(*args)

    monkeypatch.setattr(forgetting, "_forget_votes", deleted_first)

    assert forget(daily, ADA) > 0

    assert names(daily, reader=ADA) == 0
    with snapshot(daily.engine) as connection:
        assert [*integrity.differences(connection), *integrity.left_behind(connection)] == []


def test_a_reader_whose_article_is_half_deleted_is_forgotten_with_the_hold(daily: Booth, monkeypatch: pytest.MonkeyPatch) -> None:
    """The votes are gone when the deletion is cut short, and nobody finds a hold but by its vote."""
    daily.box.cast(replace(daily.ballot(ADA, "like", seq=1, article="a"), held=Hold("soft cap", NOON_MS + 1)))
    editor = Editor(daily.engine, daily.box, daily.site, by="a test", now_ms=NOON_MS)
    monkeypatch.setattr(removing, "_parts", _away)
    with pytest.raises(Unavailable):
        removing.delete_article(editor, "a")

    forget(daily, ADA)

    assert names(daily, reader=ADA) == 0


def test_a_forgetting_that_another_has_overtaken_brings_nothing_back_where_it_is_cut_short(
    daily: Booth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page asked twice. The second was answered; the first had looked for the votes before, and ends half way."""
    daily.cast(ADA, "like", seq=1, article="a")
    forget_votes = forgetting._forget_votes

    def overtaken(*args: Any) -> None:
        monkeypatch.setattr(forgetting, "_forget_votes", forget_votes)
        assert forget(daily, ADA) == 1
        monkeypatch.setattr(daily.box, "transact", _away)
        forget_votes(*args)

    monkeypatch.setattr(forgetting, "_forget_votes", overtaken)
    with pytest.raises(Unavailable):
        forget(daily, ADA)

    assert names(daily, reader=ADA) == 0


@pytest.mark.parametrize("afterwards", ["reopened", "deleted", "reopened on the way to a third"])
def test_a_reader_whose_vote_a_merge_has_moved_that_never_ends_is_forgotten_where_it_went(
    daily: Booth, monkeypatch: pytest.MonkeyPatch, afterwards: str
) -> None:
    daily.cast(ADA, "like", seq=1, article="a")
    daily.cast(BEN, "wow", seq=1, article="b")
    daily.cast(BEN, "wow", seq=1, article="c")
    editor = Editor(daily.engine, daily.box, daily.site, by="a test", now_ms=NOON_MS)

    def cut_short(key: str, into: str) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(revising, "_hand_over", lambda *_: True)
            revising.merge(editor, key, into=into)

    def reopen(key: str) -> None:
        with writing(daily.engine) as connection:
            interventions.reopen(connection, daily.site, key, at_ms=NOON_MS + 1, by="a test")

    if afterwards == "reopened on the way to a third":
        with monkeypatch.context() as patch:  # before any vote has moved
            patch.setattr(revising, "_move_votes", lambda *_: 0)
            cut_short("b", "c")
        cut_short("a", "b")
        cut_short("b", "c")
        reopen("b")
    else:
        cut_short("a", "b")
    if afterwards == "deleted":
        removing.delete_article(editor, "a")
    else:
        reopen("a")

    assert forget(daily, ADA) > 0

    assert names(daily, reader=ADA) == 0
    assert daily.differences() == []


@pytest.mark.parametrize("ends", [True, False])
def test_a_reader_whose_vote_a_merge_moves_meanwhile_is_forgotten_where_it_went(
    daily: Booth, monkeypatch: pytest.MonkeyPatch, ends: bool
) -> None:
    """The reader's votes were looked for; then the merge moves one, and may be cut short; then they are forgotten."""
    daily.cast(ADA, "like", seq=1, article="a")
    daily.cast(BEN, "wow", seq=1, article="b")
    editor, forget_votes = Editor(daily.engine, daily.box, daily.site, by="a test", now_ms=NOON_MS), forgetting._forget_votes

    def merged_first(*args: Any) -> None:
        monkeypatch.setattr(forgetting, "_forget_votes", forget_votes)
        with monkeypatch.context() as patch:
            if not ends:
                patch.setattr(revising, "_hand_over", lambda *_: True)
            revising.merge(editor, "a", into="b")
        forget_votes(*args)

    monkeypatch.setattr(forgetting, "_forget_votes", merged_first)

    assert forget(daily, ADA) == 1

    assert names(daily, reader=ADA) == 0
    revising.merge(editor, "a", into="b")
    assert daily.shown("b") == ({"like": 1, "wow": 1} if daily.site.forgotten_votes == "kept" else {"wow": 1})
    assert daily.differences() == []


@pytest.mark.parametrize("revision", ["reset", "restore", "merge"])
def test_a_forgotten_reader_does_not_come_back_by_a_revision_that_had_begun(
    daily: Booth, monkeypatch: pytest.MonkeyPatch, revision: str
) -> None:
    daily.cast(ADA, "like", seq=1, article="a")
    daily.cast(BEN, "wow", seq=1, article="b")
    editor = Editor(daily.engine, daily.box, daily.site, by="a test", now_ms=NOON_MS)
    work: dict[str, Callable[[], int]] = {
        "reset": lambda: revising.reset(editor, "a"),
        "restore": lambda: revising.undo_reset(editor, "a"),
        "merge": lambda: revising.merge(editor, "a", into="b"),
    }
    if revision == "restore":
        revising.reset(editor, "a")
    count_found = daily.box.count_found

    def forgotten_first(*args: Any, **named: Any) -> Any:
        monkeypatch.setattr(daily.box, "count_found", count_found)
        forget(daily, ADA)
        return count_found(*args, **named)

    monkeypatch.setattr(daily.box, "count_found", forgotten_first)

    assert work[revision]() == (1 if daily.site.forgotten_votes == "kept" or revision == "restore" else 0)

    assert names(daily, reader=ADA) == 0
    with snapshot(daily.engine) as connection:
        assert [*integrity.differences(connection), *integrity.left_behind(connection)] == []
