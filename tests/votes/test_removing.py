"""Articles that go: deleted by editors, or made up by strangers. Every number agrees afterwards. On both engines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from reactions.newsroom import articles, interventions
from reactions.newsroom.articles import Description
from reactions.refusals import MalformedSite, UnknownArticle
from reactions.storage import tables
from reactions.storage.engines import snapshot, writing
from reactions.times import DAY_MS
from reactions.votes import integrity, removing, revising, sealing
from reactions.votes.holds import Hold
from reactions.votes.revising import Editor
from tests import make
from tests.boxes import NOON_MS, Booth, booth
from tests.make import ADA, BEN, CIA


@pytest.fixture
def daily(engine: Engine, database_url: str) -> Booth:
    make.site(database_url)
    return booth(engine)


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


def test_a_pattern_deletes_what_nobody_described(daily: Booth) -> None:
    for key in ("junk/1", "junk/2", "junk/3", "news/1"):
        daily.cast(ADA, "like", seq=1, article=key)
    with writing(daily.engine) as connection:
        articles.describe(connection, daily.site, [Description("junk/3", "A title")], at_ms=NOON_MS)

    assert removing.delete_matching(editor(daily), "junk/*") == 2
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


def test_junk_that_is_voted_on_meanwhile_stays_open(daily: Booth, monkeypatch: pytest.MonkeyPatch) -> None:
    daily.cast(ADA, "like", seq=1, article="a")
    waited = removing.locks.wait_for_counting

    def vote_meanwhile(engine: Engine) -> None:
        with writing(engine) as connection:
            connection.execute(tables.article.update().values(closed_at=None))
        daily.cast(BEN, "like", seq=1, article="a")
        waited(engine)

    monkeypatch.setattr(removing.locks, "wait_for_counting", vote_meanwhile)

    assert junk(daily) == 0
    assert (daily.shown("a"), faults(daily)) == ({"like": 2}, [])
    daily.cast(CIA, "like", seq=1, article="a")
