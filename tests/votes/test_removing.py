"""Articles that go: deleted by editors, or made up by strangers. Every number agrees afterwards. On both engines.

The file is longer than 300 lines because the ways in which articles go share what must be left of them: nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, func, select

from reactions.newsroom import article_keys, articles, interventions, sites
from reactions.newsroom.articles import Description
from reactions.refusals import ArticleClosed, MalformedSite, UnknownArticle
from reactions.storage import locks, tables
from reactions.storage.engines import snapshot, writing
from reactions.times import DAY_MS, HOUR_MS
from reactions.votes import (
    counting,
    imported,
    integrity,
    months,
    removing,
    retention,
    revising,
    rollups,
    sealing,
    tallies,
    verdicts,
    views,
)
from reactions.votes.detector import MIX, Pattern
from reactions.votes.holds import Hold
from reactions.votes.revising import Editor
from reactions.votes.verdicts import Verdict
from tests import make
from tests.boxes import NOON_MS, Booth, booth
from tests.engines import wait_until
from tests.lengths import only_postgresql
from tests.make import ADA, BEN, CIA


def editor(daily: Booth) -> Editor:
    return Editor(daily.engine, daily.box, daily.site, by="a test", now_ms=NOON_MS)


def junk(daily: Booth, *, days: int = 8) -> int:
    return removing.collect_junk(daily.engine, daily.box, daily.site, now_ms=NOON_MS + days * DAY_MS)


def keys(daily: Booth) -> list[str]:
    with daily.engine.connect() as connection:
        return list(connection.execute(select(tables.article.c.key).order_by(tables.article.c.key)).scalars())


def faults(daily: Booth) -> list[Any]:
    with snapshot(daily.engine) as connection:
        return [*integrity.differences(connection), *integrity.left_behind(connection), *sealing.differences(connection)]


def rows(daily: Booth) -> int:
    named = (
        tables.vote, tables.event, tables.tally, tables.hourly, tables.hold, tables.article_alias, tables.intervention,
    )  # fmt: skip
    with daily.engine.connect() as connection:
        return sum(connection.execute(select(func.count()).select_from(table)).scalar_one() for table in named)


def test_a_deleted_article_leaves_nothing_and_can_come_again(daily: Booth) -> None:
    for reader in (ADA, BEN, CIA):
        daily.cast(reader, "like", seq=1, article="a")
    daily.cast(ADA, "sad", seq=2, article="a")
    daily.box.cast(replace(daily.ballot(make.reader(1), "like", seq=1, article="a"), held=Hold("soft cap", NOON_MS)))
    sealing.seal(daily.engine, now_ms=NOON_MS + 2 * DAY_MS)

    removing.delete_article(editor(daily), "a")

    assert (keys(daily), rows(daily), faults(daily)) == ([], 0, [])
    daily.cast(ADA, "love", seq=3, article="a")
    assert daily.shown("a") == {"love": 1}
    with pytest.raises(UnknownArticle):
        removing.delete_article(editor(daily), "b")


def naming(daily: Booth, article_id: int) -> set[str]:
    """The tables that have anything of an article."""
    with daily.engine.connect() as connection:
        of_articles = [table for table in tables.metadata.tables.values() if "article_id" in table.c]
        mine = {table.name: select(table).where(table.c.article_id == article_id).limit(1) for table in of_articles}
        return {name for name, rows in mine.items() if connection.execute(rows).first()}


def test_no_table_has_anything_of_a_deleted_article(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1, article="a")
    daily.box.cast(replace(daily.ballot(BEN, "like", seq=1, article="a"), held=Hold("soft cap", NOON_MS)))
    daily.cast(ADA, "like", seq=1, article="b")
    gone, stays = (article_keys.id_of("daily", key) for key in ("a", "b"))
    with writing(daily.engine) as connection:
        for article_id in (gone, stays):
            articles.add_aliases(connection, daily.site, {f"?p={article_id}": article_id})
            views.add_sums(connection, [{"article_id": article_id, "hour_utc": NOON_MS // HOUR_MS, "n": 9}])
            imported.change(connection, "old blog", [imported.Change(article_id, "like", 0, 5)])
            tallies.shift_imported(connection, {(article_id, "like"): 5})
            verdict = Verdict(
                f"{article_id:x}"[:16], daily.site.id, article_id, *[NOON_MS] * 4, MIX, "", Pattern("like"), {}, False
            )
            verdicts.write(connection, verdict)
        interventions.close(connection, daily.site, "a", at_ms=NOON_MS, by="a test")
        before = articles.changes(connection, daily.site)
    of_both = naming(daily, stays)
    assert naming(daily, gone) == of_both | {"hold", "intervention"}

    removing.delete_article(editor(daily), "a")

    assert (naming(daily, gone), naming(daily, stays)) == (set(), of_both)
    assert {"imported_amount", "views", "verdict", "article_alias"} <= of_both
    assert faults(daily) == []
    with daily.engine.connect() as connection:
        assert articles.changes(connection, daily.site) > before


def test_an_article_goes_with_those_that_were_merged_into_it(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1, article="a")
    daily.cast(BEN, "like", seq=1, article="b")
    revising.merge(editor(daily), "a", into="b")

    removing.delete_article(editor(daily), "a")

    assert (keys(daily), rows(daily), faults(daily)) == ([], 0, [])


def test_more_votes_than_one_step_removes(daily: Booth) -> None:
    daily.box.count([daily.ballot(make.reader(n), "like", seq=1, article="a") for n in range(450)])

    removing.delete_article(editor(daily), "a")

    assert (rows(daily), faults(daily)) == (0, [])


def test_a_pattern_deletes_what_nobody_described(daily: Booth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removing, "_ARTICLES_AT_ONCE", 2)
    for key in ("junk/1", "junk/2", "junk/3", "junk/4", "news/1"):
        daily.cast(ADA, "like", seq=1, article=key)
    with writing(daily.engine) as connection:
        articles.describe(connection, daily.site, [Description("junk/3", "A title")], at_ms=NOON_MS)

    assert removing.delete_matching(editor(daily), "junk/*") == 3
    assert (keys(daily), faults(daily)) == (["junk/3", "news/1"], [])
    with pytest.raises(MalformedSite):
        removing.delete_matching(editor(daily), "*")


def test_junk_is_collected_after_a_week_and_nothing_else_is(daily: Booth) -> None:
    for key in ("one vote", "two votes", "described", "closed", "moved"):
        daily.cast(ADA, "like", seq=1, article=key)
    daily.cast(BEN, "like", seq=1, article="two votes")
    with writing(daily.engine) as connection:
        articles.describe(connection, daily.site, [Description("described", "A title")], at_ms=NOON_MS)
        interventions.close(connection, daily.site, "closed", at_ms=NOON_MS, by="a test")
        interventions.move(connection, daily.site, "moved", to="moved on", at_ms=NOON_MS, by="a test")

    assert junk(daily, days=6) == 0
    assert junk(daily) == 1

    assert keys(daily) == ["closed", "described", "moved on", "two votes"]
    assert faults(daily) == []


def test_junk_is_a_week_old_to_the_millisecond(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1, article="a")

    assert junk(daily, days=7) == 0
    assert removing.collect_junk(daily.engine, daily.box, daily.site, now_ms=NOON_MS + 7 * DAY_MS + 1) == 1


def test_an_article_that_another_key_leads_to_is_no_junk(daily: Booth) -> None:
    """An import of articles brings such keys, and says no more of some of them."""
    daily.cast(ADA, "like", seq=1, article="a")
    with writing(daily.engine) as connection:
        articles.add_aliases(connection, daily.site, {"?p=1": article_keys.id_of("daily", "a")})

    assert junk(daily) == 0


def meanwhile(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> None:
    """Do something after the articles are closed, while a removal waits for the batches that read them as open."""
    waited = removing.locks.wait_for_counting

    def wait(engine: Engine) -> None:
        work()
        waited(engine)

    monkeypatch.setattr(removing.locks, "wait_for_counting", wait)


def closed(daily: Booth) -> dict[str, int | None]:
    a = tables.article.c
    with daily.engine.connect() as connection:
        return {key: at for key, at in connection.execute(select(a.key, a.closed_at).order_by(a.key))}  # noqa: C416


def vote_on_its_way(daily: Booth, article: str) -> None:
    """A vote of a batch that had read the article as open."""
    mine = tables.article.c.key == article
    before = closed(daily)[article]
    for at_ms in (None, before):
        with writing(daily.engine) as connection:
            connection.execute(tables.article.update().where(mine).values(closed_at=at_ms))
        if at_ms is None:
            daily.cast(BEN, "like", seq=1, article=article)


def test_junk_that_is_voted_on_meanwhile_stays_open(daily: Booth, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("a", "b"):
        daily.cast(ADA, "like", seq=1, article=key)
    meanwhile(monkeypatch, lambda: vote_on_its_way(daily, "a"))

    assert junk(daily) == 1

    assert (daily.shown("a"), keys(daily), faults(daily)) == ({"like": 2}, ["a"], [])
    assert closed(daily) == {"a": None}
    daily.cast(CIA, "like", seq=1, article="a")


def test_junk_that_was_closed_before_is_not_opened_because_of_a_late_vote(daily: Booth, monkeypatch: pytest.MonkeyPatch) -> None:
    daily.cast(ADA, "like", seq=1, article="a")
    with writing(daily.engine) as connection:  # as an editor does after the junk was looked for
        connection.execute(tables.article.update().values(closed_at=NOON_MS))
    meanwhile(monkeypatch, lambda: vote_on_its_way(daily, "a"))

    assert junk(daily) == 0
    assert closed(daily) == {"a": NOON_MS}


def test_nobody_votes_on_what_is_removed_and_what_is_none_is_not_closed_for_a_moment(
    daily: Booth, monkeypatch: pytest.MonkeyPatch
) -> None:
    for reader, key in ((ADA, "junk"), (ADA, "two votes"), (BEN, "two votes")):
        daily.cast(reader, "like", seq=1, article=key)
    seen: list[dict[str, int | None]] = []
    meanwhile(monkeypatch, lambda: seen.append(closed(daily)))
    transact, refused = daily.box.transact, []

    def vote_between(work: Callable[[Connection], Any]) -> Any:
        if "junk" in keys(daily):
            with pytest.raises(ArticleClosed) as refusal:
                daily.cast(CIA, "like", seq=1, article="junk")
            refused.append(refusal)
        return transact(work)

    monkeypatch.setattr(daily.box, "transact", vote_between)

    assert junk(daily) == 1
    assert seen == [{"junk": NOON_MS + 8 * DAY_MS, "two votes": None}]
    assert len(refused) == 2  # before the votes go, and before the rest does


@pytest.mark.parametrize("step", ["_strike_some", "_erase"])
def test_a_merge_into_an_article_that_is_deleted_meanwhile_leaves_nothing_there(
    daily: Booth, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Votes that it brings between two steps of the removal go as well, and none come after the last."""
    daily.cast(ADA, "like", seq=1, article="goes")
    daily.cast(BEN, "love", seq=1, article="merged")
    article_id = article_keys.id_of("daily", "goes")
    transact, steps = daily.box.transact, []

    def merge_before(work: Callable[[Connection], Any]) -> Any:
        steps.append(work)
        if len(steps) == {"_strike_some": 1, "_erase": 2}[step]:
            daily.box.count([replace(daily.ballot(BEN, "love", seq=1, article="goes"), voter=b"v" * 16, cause="merge")])
        return transact(work)

    monkeypatch.setattr(daily.box, "transact", merge_before)

    assert removing.delete_article(editor(daily), "goes") == 1

    assert naming(daily, article_id) == set()
    assert faults(daily) == []
    (late,) = daily.box.count([replace(daily.ballot(BEN, "love", seq=1, article="goes"), voter=b"v" * 16, cause="merge")])
    assert isinstance(late, UnknownArticle)
    assert naming(daily, article_id) == set()


@only_postgresql  # SQLite has one writer
def test_the_last_step_of_a_deletion_waits_for_a_merge_that_is_being_counted(
    daily: Booth, monkeypatch: pytest.MonkeyPatch
) -> None:
    daily.cast(ADA, "like", seq=1, article="goes")
    brought = replace(daily.ballot(BEN, "love", seq=1, article="goes"), voter=b"v" * 16, cause="merge")
    counted = threading.Event()

    def bring() -> None:
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'"
        with daily.engine.connect() as looks, writing(daily.engine) as connection:
            locks.take_part_in_counting(connection)
            counting.count(connection, [brought], pseudonym_key=b"k" * 32)
            counted.set()
            wait_until(lambda: looks.exec_driver_sql(waiting).scalar_one() == 1, timeout_s=5, why="the deletion waits")

    erase_rest = removing._Removal._erase_rest
    with ThreadPoolExecutor(1) as pool:
        merging: list[Future[None]] = []

        def erase_after(removal: Any, connection: Connection, ids: Any) -> bool:
            merging.append(pool.submit(bring))
            counted.wait(10)
            return erase_rest(removal, connection, ids)

        monkeypatch.setattr(removing._Removal, "_erase_rest", erase_after)
        removing.delete_article(editor(daily), "goes")
        merging[0].result(20)

    assert naming(daily, article_keys.id_of("daily", "goes")) == set()
    assert faults(daily) == []


@only_postgresql  # SQLite has one writer
def test_a_vote_that_an_editor_is_just_changing_is_struck_out_with_all_its_events(daily: Booth) -> None:
    voter = daily.cast(ADA, "like", seq=1, article="goes").voter
    changed = replace(daily.ballot(ADA, "love", seq=2, article="goes"), voter=voter, cause="merge")
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
    with ThreadPoolExecutor(1) as pool, daily.engine.connect() as looks:
        with writing(daily.engine) as connection:
            counting.count(connection, [changed], pseudonym_key=b"k" * 32)
            deleted = pool.submit(removing.delete_article, editor(daily), "goes")
            wait_until(lambda: looks.exec_driver_sql(waiting).scalar_one() == 1, why="the deletion waits for the vote")
        assert deleted.result(20) == 1

    assert naming(daily, article_keys.id_of("daily", "goes")) == set()
    assert faults(daily) == []


def test_every_number_agrees_when_a_removal_is_cut_short_and_the_next_one_finishes_it(
    daily: Booth, monkeypatch: pytest.MonkeyPatch
) -> None:
    daily.box.count([daily.ballot(make.reader(n), "like", seq=1, article="a") for n in range(450)])
    sealing.seal(daily.engine, now_ms=NOON_MS + 2 * DAY_MS)
    transact, done = daily.box.transact, [0]

    def dies(work: Callable[[Connection], Any]) -> Any:
        done[0] += 1
        if done[0] == 3:
            raise KeyboardInterrupt
        return transact(work)

    with monkeypatch.context() as patched:
        patched.setattr(daily.box, "transact", dies)
        with pytest.raises(KeyboardInterrupt):
            removing.delete_article(editor(daily), "a")

    assert (daily.shown("a"), faults(daily)) == ({"like": 50}, [])
    removing.delete_article(editor(daily), "a")
    assert (rows(daily), faults(daily)) == (0, [])


def test_a_pattern_is_of_one_site_and_passes_over_what_was_merged(daily: Booth, database_url: str) -> None:
    make.site(database_url, "weekly")
    booth(daily.engine, "weekly").cast(ADA, "like", seq=1, article="junk/1")
    for key in ("junk/1", "junk/2", "junk/3", "news"):
        daily.cast(ADA, "like", seq=1, article=key)
    revising.merge(editor(daily), "junk/1", into="news")

    assert removing.delete_matching(editor(daily), "junk/*", most=1) == 1
    assert removing.delete_matching(editor(daily), "junk/*") == 1

    assert (keys(daily), faults(daily)) == (["junk/1", "junk/1", "news"], [])
    assert daily.shown("junk/1") == {"like": 2}  # it leads to the news still


def rolled_upto(daily: Booth, *, now_ms: int = NOON_MS + 2 * DAY_MS) -> int:
    """Before which hour the rollups are believed, from noon on. Then they are made anew."""
    with snapshot(daily.engine) as connection:
        before = rollups.covered_before(connection)
        assert [each for day in rollups.days(connection) for each in rollups.differences(connection, day)] == []
    assert rollups.roll_up(daily.engine, now_ms=now_ms, within_s=60)
    return before - NOON_MS // HOUR_MS


def test_rollups_of_the_hours_before_a_deleted_article_stay_believed(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1, article="older")
    daily.cast(ADA, "like", seq=9, article="a", now_ms=NOON_MS + 5 * HOUR_MS)  # by a clock that goes ahead
    daily.cast(BEN, "like", seq=1, article="a", now_ms=NOON_MS + 7 * HOUR_MS)
    rolled_upto(daily)
    assert rolled_upto(daily) == 46

    removing.delete_article(editor(daily), "a")

    assert rolled_upto(daily) == 5
    assert rolled_upto(daily) == 46


def test_all_rollups_stay_believed_if_no_vote_of_a_deleted_article_ever_counted(daily: Booth) -> None:
    """Strangers make up articles with votes that are held: to collect those must not cost the sums of years."""
    daily.cast(ADA, "like", seq=1, article="older")
    daily.box.cast(replace(daily.ballot(BEN, "like", seq=1, article="a"), held=Hold("soft cap", NOON_MS)))
    rolled_upto(daily)

    removing.delete_article(editor(daily), "a")

    assert rolled_upto(daily) == 46


@pytest.mark.parametrize("gone", ["votes", "months"])
def test_so_do_those_before_a_deleted_article_of_which_nothing_but_the_series_is_left(daily: Booth, gone: str) -> None:
    """Once votes or their events were dropped, nothing is struck out; what goes is the article's part of the series."""
    daily.cast(ADA, "like", seq=1, article="older")
    daily.cast(ADA, "like", seq=2, article="a", now_ms=NOON_MS + 5 * HOUR_MS)
    now_ms = NOON_MS + 40 * DAY_MS
    if gone == "votes":
        with writing(daily.engine) as connection:
            sites.change(connection, "daily", keep_votes_days=30)
            site = sites.get(connection, "daily")
        retention.drop_old_votes(daily.engine, daily.box, site, now_ms=now_ms)
    else:
        assert list(months.drop(daily.engine, daily.box, keep_months=1, now_ms=lambda: now_ms))
    rolled_upto(daily, now_ms=now_ms)
    assert rolled_upto(daily, now_ms=now_ms) == 40 * 24 - 2

    removing.delete_article(editor(daily), "a")

    assert rolled_upto(daily, now_ms=now_ms) == 5
