"""What the newsroom says of articles and does to them. On both engines."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, event, select

from reactions.newsroom import article_keys, articles, interventions
from reactions.newsroom.articles import Description
from reactions.refusals import ArticleClosed, KeyTaken, MalformedKey, UnknownArticle, UnknownReaction
from reactions.storage import locks, tables
from reactions.storage.engines import writing
from reactions.times import DAY_MS
from reactions.votes import counting
from tests import make
from tests.boxes import NOON_MS, Booth, booth
from tests.engines import wait_until
from tests.lengths import only_postgresql
from tests.make import ADA, BEN, CIA

CUP = Description("sport/cup", "Cup final", "https://daily.example/cup", "Sport", ["Ada Berg"], ["football"], NOON_MS)


def described(daily: Booth, *descriptions: Description, at_ms: int = NOON_MS) -> None:
    with writing(daily.engine) as connection:
        articles.describe(connection, daily.site, descriptions, at_ms=at_ms)


def change(daily: Booth, what: Any, key: str, **more: str) -> None:
    with writing(daily.engine) as connection:
        what(connection, daily.site, key, at_ms=NOON_MS + 5, by="a test", **more)


def rows(daily: Booth) -> list[dict[str, Any]]:
    with daily.engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(select(tables.article))]


def test_describing_an_article_twice_changes_nothing(daily: Booth) -> None:
    described(daily, CUP)
    before = rows(daily)

    described(daily, CUP, at_ms=NOON_MS + 1)

    assert rows(daily) == before
    assert [(row["title"], row["authors"], row["tags"]) for row in before] == [("Cup final", ["Ada Berg"], ["football"])]


def test_a_description_reaches_an_article_that_readers_registered(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1, article="sport/cup")

    described(daily, CUP)

    assert [(row["title"], row["section"]) for row in rows(daily)] == [("Cup final", "Sport")]
    assert daily.shown("sport/cup") == {"like": 1}


def test_one_malformed_key_registers_nothing(daily: Booth) -> None:
    with pytest.raises(MalformedKey):
        described(daily, CUP, Description("a\nb", "x"))

    assert rows(daily) == []


def test_after_a_move_both_keys_show_and_take_the_same_votes(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1, article="old")
    change(daily, interventions.move, "old", to="new")

    daily.cast(BEN, "love", seq=1, article="new")
    daily.cast(ADA, "sad", seq=2, article="new")
    receipt = daily.cast(CIA, "wow", seq=1, article="old")

    assert receipt.counts.article == "old"
    assert daily.shown("old") == daily.shown("new") == {"love": 1, "sad": 1, "wow": 1}
    assert daily.differences() == []
    assert [row["key"] for row in rows(daily)] == ["new"]


@pytest.mark.parametrize("other", ["ü 👍", 'a"b', "a,b", "{a}", "?p=1&q=%s", "null", "NULL"])
def test_a_vote_by_another_key_goes_to_the_article_it_leads_to(daily: Booth, other: str) -> None:
    daily.cast(ADA, "like", seq=1, article="a")
    with writing(daily.engine) as connection:
        articles.add_aliases(connection, daily.site, {other: article_keys.id_of("daily", "a")})

    receipt = daily.cast(BEN, "love", seq=1, article=other)

    assert receipt.article_id == article_keys.id_of("daily", "a")
    assert daily.counts(other)[0].by_reaction == daily.counts("a")[0].by_reaction
    assert daily.counts("a")[0].total == 2


def test_an_article_can_move_again_and_all_its_keys_work(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1, article="a")
    change(daily, interventions.move, "a", to="b")
    change(daily, interventions.move, "b", to="c")
    described(daily, Description("c", "Title"))

    assert [daily.shown(key) for key in ("a", "b", "c")] == [{"like": 1}] * 3
    assert [(row["key"], row["title"]) for row in rows(daily)] == [("c", "Title")]


def test_an_article_can_move_back(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1, article="a")
    change(daily, interventions.move, "a", to="b")
    change(daily, interventions.move, "b", to="a")

    assert daily.shown("a") == daily.shown("b") == {"like": 1}
    assert len(rows(daily)) == 1


def test_an_article_cannot_move_to_a_key_that_is_taken(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1, article="a")
    daily.cast(ADA, "like", seq=1, article="b")

    with pytest.raises(KeyTaken, match="Merge"):
        change(daily, interventions.move, "a", to="b")


@only_postgresql  # SQLite has one writer
def test_an_article_cannot_move_to_a_key_that_a_reader_is_just_registering(daily: Booth) -> None:
    """Two articles would have one key, and whoever votes by it would vote on the new one."""
    daily.cast(ADA, "like", seq=1, article="a")
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'"
    with ThreadPoolExecutor(1) as pool, daily.engine.connect() as looks:
        with writing(daily.engine) as connection:
            locks.take_part_in_counting(connection)
            counting.count(connection, [daily.ballot(BEN, "love", seq=1, article="b")], pseudonym_key=b"k" * 32)
            moved = pool.submit(change, daily, interventions.move, "a", to="b")
            wait_until(lambda: moved.done() or looks.exec_driver_sql(waiting).scalar_one() == 1, why="the move waits")
        with pytest.raises(KeyTaken):
            moved.result(20)

    assert [counts.total for counts in daily.counts("a", "b")] == [1, 1]


@only_postgresql  # SQLite has one writer
def test_undoing_a_move_and_a_merge_that_stops_counting_do_not_wait_for_each_other(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1, article="a")
    change(daily, interventions.move, "a", to="b")
    article_id = article_keys.id_of("daily", "a")

    def undo() -> None:
        with writing(daily.engine) as connection:
            interventions.undo(connection, daily.site, "b", (NOON_MS + 5, "moved"), at_ms=NOON_MS + 9, by="a test")

    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'"
    with ThreadPoolExecutor(1) as pool, daily.engine.connect() as looks:
        with writing(daily.engine) as connection:
            locks.lead_keys(connection)
            undone = pool.submit(undo)
            wait_until(lambda: looks.exec_driver_sql(waiting).scalar_one() == 1, why="the undoing waits")
            articles.lock(connection, [article_id])
            locks.stop_counting(connection)
        undone.result(20)

    assert [row["key"] for row in rows(daily)] == ["a"]


def test_an_article_that_is_not_there_cannot_be_changed(daily: Booth) -> None:
    for what in (interventions.close, interventions.reopen, interventions.hide, interventions.show):
        with pytest.raises(UnknownArticle):
            change(daily, what, "nowhere")
    with pytest.raises(UnknownArticle):
        change(daily, interventions.move, "nowhere", to="somewhere")


def test_hidden_numbers_are_not_shown_and_votes_go_on(daily: Booth) -> None:
    daily.cast(ADA, "sad", seq=1)
    change(daily, interventions.hide, "hello")

    receipt = daily.cast(BEN, "sad", seq=1)

    assert (receipt.reaction, receipt.counts.total, set(receipt.counts.by_reaction.values())) == ("sad", None, {None})
    assert daily.counts("hello")[0].total is None
    change(daily, interventions.show, "hello")
    assert daily.shown() == {"sad": 2}


def test_an_article_closes_when_it_is_old_enough(engine: Engine, database_url: str) -> None:
    make.site(database_url, close_after_days=7)
    daily = booth(engine)
    described(daily, CUP)

    daily.cast(ADA, "like", seq=1, article="sport/cup", now_ms=NOON_MS + 7 * DAY_MS - 1)

    with pytest.raises(ArticleClosed):
        daily.cast(BEN, "like", seq=1, article="sport/cup", now_ms=NOON_MS + 7 * DAY_MS)


def test_a_section_offers_its_own_reactions(engine: Engine, database_url: str) -> None:
    make.site(database_url, section_reactions={"Obituaries": ["sad", "love"]})
    daily = booth(engine)
    described(daily, Description("obit", "In memoriam", section="Obituaries"), CUP)

    assert list(daily.counts("obit")[0].by_reaction) == ["love", "sad"]
    assert list(daily.cast(ADA, "sad", seq=1, article="obit").counts.by_reaction) == ["love", "sad"]
    with pytest.raises(UnknownReaction, match="It offers: love, sad"):
        daily.cast(BEN, "funny", seq=1, article="obit")
    assert daily.cast(BEN, "funny", seq=1, article="sport/cup").reaction == "funny"


def test_what_was_done_to_an_article_is_recorded(daily: Booth) -> None:
    described(daily, CUP)
    change(daily, interventions.close, "sport/cup")
    change(daily, interventions.hide, "sport/cup")

    with daily.engine.connect() as connection:
        done = interventions.of_article(connection, article_keys.id_of("daily", "sport/cup"))

    assert done == [(NOON_MS + 5, "closed", "a test"), (NOON_MS + 5, "hidden", "a test")]


@only_postgresql  # SQLite has one writer
@pytest.mark.parametrize("who", ["a publisher", "an import"])
def test_an_article_cannot_move_to_a_key_that_is_just_being_registered_otherwise(daily: Booth, who: str) -> None:
    daily.cast(ADA, "like", seq=1, article="a")
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'"
    with ThreadPoolExecutor(1) as pool, daily.engine.connect() as looks:
        with writing(daily.engine) as connection:
            if who == "a publisher":
                articles.describe(connection, daily.site, [Description("b", "A title")], at_ms=NOON_MS)
            else:
                articles.register(connection, daily.site, {article_keys.id_of("daily", "b"): "b"}, at_ms=NOON_MS, by="a test")
                articles.refuse_moved(connection, daily.site, ["b"])
            moved = pool.submit(change, daily, interventions.move, "a", to="b")
            wait_until(lambda: moved.done() or looks.exec_driver_sql(waiting).scalar_one() == 1, why="the move waits")
        with pytest.raises(KeyTaken):
            moved.result(20)

    assert sorted(row["key"] for row in rows(daily)) == ["a", "b"]


@only_postgresql  # SQLite has one writer
def test_an_import_that_registers_a_key_finds_that_an_article_has_moved_there_meanwhile(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1, article="a")

    with daily.engine.connect() as connection:
        articles.register(connection, daily.site, {article_keys.id_of("daily", "b"): "b"}, at_ms=NOON_MS, by="a test")
        change(daily, interventions.move, "a", to="b")
        with pytest.raises(KeyTaken):
            articles.refuse_moved(connection, daily.site, ["b"])


def test_an_import_marks_no_article_that_a_reader_was_faster_to_register(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1, article="a")
    keys = {article_keys.id_of("daily", key): key for key in ("a", "b")}

    with writing(daily.engine) as connection:
        articles.register(connection, daily.site, keys, at_ms=NOON_MS, by="a test")

    with daily.engine.connect() as connection:
        assert list(connection.execute(select(tables.intervention.c.article_id)).scalars()) == [article_keys.id_of("daily", "b")]


def test_whoever_describes_articles_writes_them_in_order_and_notes_the_change_last(
    daily: Booth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two who describe the same ones cannot wait for each other then, nor a reader's first vote for a long import."""
    monkeypatch.setattr(articles, "_DESCRIBED_AT_ONCE", 20)
    written: list[object] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("INSERT INTO article "):
            written.append([row["article_id"] if isinstance(row, dict) else row[0] for row in parameters])
        elif statement.startswith("INSERT INTO article_change "):
            written.append("the change")

    event.listen(daily.engine, "before_cursor_execute", note)
    described(daily, *(Description(f"{n}", "A title") for n in range(40)))

    *parts, last = written
    assert [len(part) for part in parts if isinstance(part, list)] == [20, 20]
    assert all(part == sorted(part) for part in parts if isinstance(part, list))
    assert last == "the change"
