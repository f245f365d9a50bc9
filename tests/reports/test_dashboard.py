"""The dashboard of a small newsroom, every number worked out by hand, on both engines."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import pytest
from sqlalchemy import Engine

from reactions.newsroom import interventions, sites
from reactions.newsroom.reaction_sets import ReactionSet
from reactions.reports.dashboard import Group, Totals
from reactions.storage import engines
from reactions.votes import revising
from reactions.votes.revising import Editor
from tests import make
from tests.reports.stage import DAY_MS, HOUR_MS, NOON, Stage, asked, stage


@pytest.fixture
def here(engine: Engine) -> Stage:
    """Three articles at noon in Berlin's winter, which is 13:00 there; two were reacted to today, one a day before."""
    here = stage(engine, time_zone="Europe/Berlin", now_ms=NOON + 600_000)
    here.publish("vote", section="Politics", authors=["Ada", "Ben"], tags=["poll"], at_ms=NOON - 3 * HOUR_MS)
    here.publish("cup", section="Sport", authors=["Ben"], at_ms=NOON - 30 * HOUR_MS)
    here.publish("rain", at_ms=NOON - 40 * DAY_MS)
    here.vote((1, "vote", "like", NOON - 2 * HOUR_MS), (2, "vote", "angry", NOON - 2 * HOUR_MS), (3, "vote", "wow", NOON))
    here.vote((1, "vote", "angry", NOON + 60_000), (4, "cup", "love", NOON - HOUR_MS), (4, "cup", None, NOON + 60_000))
    here.give("cup", "love", 4, NOON - DAY_MS)
    here.give("rain", "sad", 2, NOON - DAY_MS)
    return here


def test_totals_are_compared_with_the_same_hours_of_the_day_before(here: Stage) -> None:
    report = here.reports().dashboard(here.site, asked(period="today"))

    # Given: like, angry, wow, love, and angry again; taken back: like and love.
    assert report.totals == Totals(added=5, removed=2, net=3, previous_net=6, change=-0.5)
    assert report.period.start.isoformat() == "2025-11-25T00:00:00+01:00"
    assert report.previous.end.isoformat() == "2025-11-24T14:00:00+01:00"
    assert report.generated_at.isoformat() == "2025-11-25T13:10:00+01:00"


def test_reactions_have_their_share_of_what_is_left(here: Stage) -> None:
    report = here.reports().dashboard(here.site, asked(period="today"))

    told = {entry.key: (entry.added, entry.removed, entry.net, round(entry.share, 2), entry.change) for entry in report.reactions}
    assert told == {
        "like": (1, 1, 0, 0, None), "dislike": (0, 0, 0, 0, None), "love": (1, 1, 0, 0, -1.0), "funny": (0, 0, 0, 0, None),
        "angry": (2, 0, 2, 0.67, None), "sad": (0, 0, 0, 0, -1.0), "wow": (1, 0, 1, 0.33, None),
    }  # fmt: skip
    assert (report.reactions[0].label, report.reactions[0].emoji, report.reactions[0].mood) == ("Like", "👍", 1)


def test_the_mood_of_a_period_is_that_of_the_votes_it_left(here: Stage) -> None:
    report = here.reports().dashboard(here.site, asked(period="today"))

    # Before noon the site had 1 like and 5 loves, 1 angry and 2 sad: usual mood 3/9. Today left 2 angry and 1 wow.
    assert report.mood.value == pytest.approx((-2 + 10 * 3 / 9) / 13)
    assert report.split.value == pytest.approx(10 * 4 * (6 / 9) * (3 / 9) / 13)  # what it left is of one mind
    assert report.mood.few


def test_now_is_this_hour_and_the_last_whatever_the_period(here: Stage) -> None:
    for period in ("today", "yesterday"):
        live = here.reports().dashboard(here.site, asked(period=period)).live

        assert (live.this_hour, live.last_hour) == (2, 1)
        assert [row.article for row in live.articles] == ["vote", "cup"]


def test_the_lists_show_what_is_worth_it(here: Stage) -> None:
    lists = here.reports().dashboard(here.site, asked(period="7d")).lists

    assert [row.article for row in lists.top] == ["cup", "vote", "rain"]
    assert lists.divided == []  # nobody has ten votes
    assert lists.surprising == []  # nor five peers
    # The vote's like at an age of one hour is all that two articles have gained at that age: expected is a half, gained 1.
    (vote,) = lists.trending
    assert (vote.article, vote.trending.gained, vote.trending.ratio) == ("vote", 1, pytest.approx(4 / 3.5))


def test_anger_lifts_nothing_in_trending(here: Stage) -> None:
    (calm,) = here.reports().dashboard(here.site, asked(period="today")).lists.trending

    here.give("vote", "angry", 200, NOON + 60_000)
    here.give("rain", "angry", 200, NOON + 60_000)

    (angry,) = here.reports().dashboard(here.site, asked(period="today")).lists.trending
    assert (angry.article, angry.trending) == ("vote", calm.trending)


def test_a_divided_article_is_found(here: Stage) -> None:
    here.give("rain", "like", 20, NOON - HOUR_MS)
    here.give("rain", "angry", 18, NOON - HOUR_MS)
    here.give("cup", "like", 60, NOON - HOUR_MS)

    (first, second) = here.reports().dashboard(here.site, asked(period="today")).lists.divided

    assert (first.article, second.article) == ("rain", "cup")
    assert first.split.value > 0.9
    assert second.split.value < 0.5


def test_sections_and_authors_have_the_sums_of_their_articles(here: Stage) -> None:
    report = here.reports().dashboard(here.site, asked(period="7d"))

    def told(groups: Any) -> list[tuple[str, int, int, int]]:
        return [astuple(group)[:4] for group in groups]

    assert told(report.sections) == [("Sport", 1, 5, 4), ("Politics", 1, 4, 3)]
    assert told(report.authors) == [("Ben", 2, 9, 7), ("Ada", 1, 4, 3)]
    assert isinstance(report.sections[0], Group)


def test_the_series_of_today_has_every_hour_so_far(here: Stage) -> None:
    series = here.reports().dashboard(here.site, asked(period="today")).series

    assert [bucket.start.hour for bucket in series] == list(range(14))
    assert [bucket.net for bucket in series[11:]] == [2, 1, 0]
    assert series[13].reactions["love"].net == -1
    assert series[13].start_utc.isoformat() == "2025-11-25T12:00:00+00:00"


def test_a_filter_narrows_everything(here: Stage) -> None:
    report = here.reports().dashboard(here.site, asked(period="7d", section="Sport"))

    assert report.totals == Totals(5, 1, 4, 0, None)
    assert [row.article for row in report.lists.top] == ["cup"]
    assert [group.name for group in report.sections] == ["Sport"]
    assert (report.live.this_hour, report.live.last_hour) == (0, 1)
    assert sum(bucket.added for bucket in report.series) == 5


def test_a_row_says_what_the_article_is_and_has(here: Stage) -> None:
    with engines.writing(here.engine) as connection:
        interventions.close(connection, here.site, "vote", at_ms=NOON, by="test")
        interventions.hide(connection, here.site, "vote", at_ms=NOON, by="test")

    row = here.reports().articles(here.site, asked(period="today"), sort="votes").articles[0]

    assert (row.article, row.title, row.section, row.authors, row.tags) == (
        "vote",
        "About vote",
        "Politics",
        ["Ada", "Ben"],
        ["poll"],
    )
    assert row.published_at is not None
    assert row.published_at.isoformat() == "2025-11-25T10:00:00+01:00"
    assert (row.age_hours, row.closed, row.hidden, row.total) == (3.17, True, True, 3)
    assert row.counts == dict.fromkeys(make.SEVEN, 0) | {"angry": 2, "wow": 1}
    assert (row.added, row.removed, row.net) == (4, 1, 3)
    assert row.sparkline == [0] * 11 + [2, 0, 1]


def test_an_article_closed_by_its_age_is_closed(engine: Engine) -> None:
    here = stage(engine, close_after_days=2)
    here.publish("old", at_ms=NOON - 2 * DAY_MS)
    here.publish("new", at_ms=NOON - 2 * DAY_MS + 1)

    rows = here.reports().articles(here.site, asked(), sort="published").articles

    assert {row.article: row.closed for row in rows} == {"old": True, "new": False}


def test_imported_counts_are_in_the_votes_but_in_no_period(here: Stage) -> None:
    with engines.writing(here.engine) as connection:
        connection.exec_driver_sql("update tally set imported = 100 where reaction = 'wow'")

    report = here.reports().dashboard(here.site, asked(period="today"))

    (vote,) = [row for row in report.lists.top if row.article == "vote"]
    assert (vote.total, vote.imported, vote.counts["wow"], vote.net) == (103, 100, 101, 3)
    assert report.totals.net == 3


def test_a_retired_reaction_is_told_where_it_moved_or_has_votes(here: Stage) -> None:
    with engines.writing(here.engine) as connection:
        retired = here.site.reactions.changed("angry", retired=True).changed("sad", retired=True)
        sites.change(connection, "daily", reactions=ReactionSet(retired.entries))
        here.site = sites.named(connection, "daily")

    report = here.reports().dashboard(here.site, asked(first="2025-11-25", last="2025-11-25"))

    keys = {entry.key: entry.retired for entry in report.reactions}
    assert (keys["angry"], keys["sad"], keys["like"]) == (True, True, False)  # sad moved the day before
    assert [(entry.key, entry.total) for entry in report.retired] == [("angry", 2), ("sad", 2)]
    assert "sad" not in report.lists.top[0].counts
    assert report.lists.top[0].counts["angry"] == 2


def test_a_revived_reaction_comes_back_with_the_votes_it_had(here: Stage) -> None:
    with engines.writing(here.engine) as connection:
        for retired in (True, False):
            sites.change(connection, "daily", reactions=here.site.reactions.changed("sad", retired=retired))
            here.site = sites.named(connection, "daily")

    report = here.reports().dashboard(here.site, asked(period="7d"))

    (rain,) = [row for row in report.lists.top if row.article == "rain"]
    assert rain.counts["sad"] == 2
    assert report.retired == []


def test_a_merged_article_is_in_no_list_and_its_history_stays_in_the_totals(here: Stage) -> None:
    revising.merge(Editor(here.engine, here.box, here.site, by="test", now_ms=NOON + 120_000), "cup", into="vote")

    report = here.reports().dashboard(here.site, asked(period="7d"))

    assert [row.article for row in report.lists.top] == ["vote", "rain"]
    assert report.lists.top[0].total == 7
    assert report.totals.net == 9
    assert [(group.name, group.net) for group in report.sections] == [("Politics", 7)]


def test_two_sites_do_not_see_each_other(here: Stage) -> None:
    other = stage(here.engine, "weekly", now_ms=here.now_ms)
    other.publish("vote", section="Politics", authors=["Ada"])
    other.give("vote", "love", 30, NOON)
    empty = stage(here.engine, "empty", now_ms=here.now_ms)

    mine = here.reports().dashboard(here.site, asked(period="today"))
    theirs = other.reports().dashboard(other.site, asked(period="today"))
    nothing = empty.reports().dashboard(empty.site, asked(period="today"))

    assert (mine.totals.added, theirs.totals.added, nothing.totals.added) == (5, 30, 0)
    assert mine.lists.top[0].total == 3
    assert theirs.mood.value == 0.75  # 30 of 40: usual are the votes before noon, and it had none
    assert (nothing.live.articles, nothing.lists.top, nothing.sections, nothing.totals.change) == ([], [], [], None)


def test_an_empty_site_has_every_bucket_and_no_opinion(engine: Engine) -> None:
    here = stage(engine)

    report = here.reports().dashboard(here.site, asked(period="28d"))

    assert [bucket.net for bucket in report.series] == [0] * 28
    assert astuple(report.mood) == (0, 0, 0, True)
