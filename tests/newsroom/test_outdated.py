"""What editors change of what readers see is told once it is committed, whoever changes it. On both engines."""

from __future__ import annotations

from typing import Any

import pytest

from reactions.newsroom import articles, interventions, outdated, sites
from reactions.newsroom.articles import Description
from reactions.newsroom.outdated import Outdated
from reactions.storage.engines import writing
from reactions.times import DAY_MS
from reactions.votes import removing, retention, revising
from reactions.votes.revising import Editor
from tests.boxes import NOON_MS, Booth
from tests.make import ADA


@pytest.fixture
def told(daily: Booth) -> list[Outdated]:
    """What is told of, in order."""
    heard: list[Outdated] = []
    outdated.on_commit(daily.engine, lambda changed: heard.extend(sorted(changed)))
    return heard


def editor(daily: Booth) -> Editor:
    return Editor(daily.engine, daily.box, daily.site, by="a test", now_ms=NOON_MS + 10)


def test_a_vote_tells_of_nothing(daily: Booth, told: list[Outdated]) -> None:
    daily.cast(ADA, "like", seq=1)
    daily.cast(ADA, "love", seq=2)

    assert told == []


@pytest.mark.parametrize("act", [interventions.close, interventions.hide])
def test_an_article_is_told_of_under_all_its_keys(daily: Booth, told: list[Outdated], act: Any) -> None:
    daily.cast(ADA, "like", seq=1)
    with writing(daily.engine) as connection:
        interventions.move(connection, daily.site, "hello", to="new", at_ms=NOON_MS, by="a test")
    told.clear()

    with writing(daily.engine) as connection:
        act(connection, daily.site, "new", at_ms=NOON_MS + 1, by="a test")

    assert told == [Outdated("daily", "hello"), Outdated("daily", "new")]


def test_what_is_rolled_back_is_not_told_of(daily: Booth, told: list[Outdated]) -> None:
    daily.cast(ADA, "like", seq=1)
    with daily.engine.connect() as connection:
        interventions.close(connection, daily.site, "hello", at_ms=NOON_MS, by="a test")
        connection.rollback()
    with writing(daily.engine) as connection:
        articles.note_change(connection, daily.site)

    assert told == []


def test_who_hears_sees_the_change_and_cannot_undo_it(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1)
    seen: list[bool] = []

    def look(_: Any) -> None:
        with daily.engine.connect() as another:
            seen.append(articles.get(another, daily.site, "hello").closed)
        raise RuntimeError("can't start new thread")

    outdated.on_commit(daily.engine, look)
    with writing(daily.engine) as connection:
        interventions.close(connection, daily.site, "hello", at_ms=NOON_MS, by="a test")

    assert seen == [True]
    with daily.engine.connect() as connection:
        assert articles.get(connection, daily.site, "hello").closed


def test_nothing_is_noted_where_nobody_listens(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1)

    with writing(daily.engine) as connection:
        interventions.close(connection, daily.site, "hello", at_ms=NOON_MS, by="a test")
        sites.change(connection, "daily", close_after_days=3)
        assert "outdated" not in connection.info


def test_merges_resets_deletions_and_sets_are_told_of(daily: Booth, told: list[Outdated]) -> None:
    for key in ("a", "b", "c"):
        daily.cast(ADA, "like", seq=1, article=key)

    revising.merge(editor(daily), "a", into="b")
    assert {"a", "b"} == {each.key for each in told}
    told.clear()

    revising.reset(editor(daily), "c")
    assert told == [Outdated("daily", "c")]
    told.clear()

    removing.delete_article(editor(daily), "b")
    assert told == [Outdated("daily", "a"), Outdated("daily", "b")]
    told.clear()

    with writing(daily.engine) as connection:
        sites.change(connection, "daily", name="Another")
        sites.change(connection, "daily", section_reactions={"sport": ["like"]})
    assert told == [Outdated("daily")]
    told.clear()

    with writing(daily.engine) as connection:
        now = sites.get(connection, "daily")
        articles.describe(connection, now, [Description("c", "A title", section="sport")], at_ms=NOON_MS)
    assert told == [Outdated("daily", "c")]


def test_what_is_undone_ends_by_age_or_goes_is_told_of(daily: Booth, told: list[Outdated]) -> None:
    daily.cast(ADA, "like", seq=1)
    with writing(daily.engine) as connection:
        interventions.describe(
            connection, daily.site, Description("hello", "A title", section="sport"), at_ms=NOON_MS, by="a test"
        )
        assert interventions.undo(connection, daily.site, "hello", (NOON_MS, "described"), at_ms=NOON_MS + 1, by="a test")
    assert told == [Outdated("daily", "hello")]
    told.clear()

    with writing(daily.engine) as connection:
        sites.change(connection, "daily", close_after_days=3, keep_votes_days=30)
        old = sites.get(connection, "daily")
        articles.describe(connection, old, [Description("hello", "Another title")], at_ms=NOON_MS)
    assert told == [Outdated("daily"), Outdated("daily", "hello")]
    told.clear()

    assert retention.drop_old_votes(daily.engine, daily.box, old, now_ms=NOON_MS + 90 * DAY_MS) == 1
    assert told == [Outdated("daily", "hello")]
    told.clear()

    removing.remove_site(editor(daily), wait=lambda: None)
    assert Outdated("daily") in told
