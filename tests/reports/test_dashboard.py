"""The dashboard of a small newsroom, every number worked out by hand, on both engines.

The file is longer than others because every number is about the same few articles.
"""

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
    """Three articles at noon in Berlin's winter, 13:00 there. Two had votes today, two a day before, and one long ago."""
    here = stage(engine, time_zone="Europe/Berlin", now_ms=NOON + 600_000)
    here.publish("vote", section="Politics", authors=["Ada", "Ben"], tags=["poll"], at_ms=NOON - 3 * HOUR_MS)
    here.publish("cup", section="Sport", authors=["Ben"], at_ms=NOON - 30 * HOUR_MS)
    here.publish("rain", at_ms=NOON - 40 * DAY_MS)
    here.vote((1, "vote", "like", NOON - 2 * HOUR_MS), (2, "vote", "angry", NOON - 2 * HOUR_MS), (3, "vote", "wow", NOON))
    here.vote((1, "vote", "angry", NOON + 60_000), (4, "cup", "love", NOON - HOUR_MS), (4, "cup", None, NOON + 60_000))
    here.give("cup", "love", 4, NOON - DAY_MS - HOUR_MS)
    here.give("rain", "sad", 2, NOON - DAY_MS - HOUR_MS)
    here.give("rain", "wow", 1, NOON - 35 * DAY_MS)
    return here


def test_totals_are_compared_with_the_same_hours_of_the_day_before(here: Stage) -> None:
    report = here.reports().dashboard(here.site, asked(period="today"))

    # Added: like, angry, wow, love, and angry again; removed: like and love. Until 13:00 it was three, the day before six.
    assert report.totals == Totals(added=5, removed=2, net=3, readers=4, previous_net=6, change=-0.5)
    assert report.since is None
    assert report.period.start.isoformat() == "2025-11-25T00:00:00+01:00"
    assert report.previous.end.isoformat() == "2025-11-24T13:00:00+01:00"
    assert report.generated_at.isoformat() == "2025-11-25T13:10:00+01:00"


def test_reactions_have_their_share_of_what_is_left(here: Stage) -> None:
    report = here.reports().dashboard(here.site, asked(period="today"))

    told = {entry.key: (entry.added, entry.removed, entry.net, round(entry.share, 2), entry.change) for entry in report.reactions}
    assert told == {
        "like": (1, 1, 0, 0, None), "dislike": (0, 0, 0, 0, None), "love": (1, 1, 0, 0, None), "funny": (0, 0, 0, 0, None),
        "angry": (2, 0, 2, 0.67, None), "sad": (0, 0, 0, 0, None), "wow": (1, 0, 1, 0.33, None),
    }  # fmt: skip
    assert (report.reactions[0].label, report.reactions[0].emoji, report.reactions[0].mood) == ("Like", "👍", 1)


def test_the_mood_of_a_period_is_that_of_the_votes_it_left(here: Stage) -> None:
    report = here.reports().dashboard(here.site, asked(period="today"))

    # Before noon the site had 1 like and 5 loves, 1 angry, 2 sad and 1 wow: usual mood 3/10. Today left 2 angry and 1 wow.
    assert report.mood.value == pytest.approx((-2 + 10 * 3 / 10) / 13)
    assert report.split.value == pytest.approx(10 * 4 * (6 / 10) * (3 / 10) / 13)  # what it left is of one mind
    assert report.mood.few


def test_now_is_this_hour_and_the_last_whatever_the_period(here: Stage) -> None:
    for period in ("today", "yesterday"):
        live = here.reports().dashboard(here.site, asked(period=period)).live

        assert (live.this_hour, live.last_hour) == (1, 1)  # a changed vote and a withdrawal bring no reader
        assert live.until is not None
        assert live.until.isoformat() == "2025-11-25T13:10:00+01:00"
        assert (live.so_far, live.last_hour_so_far, live.usual) == (1, 1, 0)
        assert [(row.article, row.readers_now) for row in live.articles] == [("vote", 1), ("cup", 1)]


def test_one_reader_who_taps_five_hundred_times_moves_nothing_but_one(here: Stage) -> None:
    before = here.reports().dashboard(here.site, asked(period="today"))

    here.vote(*((99, "rain", ("sad", "wow", None)[tap % 3], NOON + tap) for tap in range(500)))

    after = here.reports().dashboard(here.site, asked(period="today"))
    assert after.live.this_hour == before.live.this_hour + 1
    assert after.live.so_far == (before.live.so_far or 0) + 1
    assert after.totals.readers == before.totals.readers + 1
    assert [row.article for row in after.live.articles] == ["vote", "cup", "rain"]
    assert sum(bucket.readers for bucket in after.series) == after.totals.readers
    (rain,) = [row for row in after.live.articles if row.article == "rain"]
    assert (rain.readers_now, sum(rain.sparkline), rain.trending.gained) == (1, 1, 0)


def test_this_hour_is_compared_with_the_same_minutes_and_with_this_hour_of_the_week(engine: Engine) -> None:
    here = stage(engine, now_ms=NOON + 17 * 60_000)
    here.publish("vote", at_ms=NOON - 40 * DAY_MS)
    for weeks, readers in ((5, 1), (4, 8), (3, 2), (2, 4), (1, 6)):
        here.give("vote", "like", readers, NOON - 7 * weeks * DAY_MS + 60_000)
        here.give("vote", "like", 50, NOON - 7 * weeks * DAY_MS + 11 * 60_000)
    here.give("vote", "like", 3, NOON - HOUR_MS)
    here.give("vote", "like", 90, NOON - HOUR_MS + 10 * 60_000)
    here.give("vote", "like", 7, NOON + 9 * 60_000)
    here.give("vote", "like", 5, NOON + 16 * 60_000)

    live = here.reports().dashboard(here.site, asked()).live

    assert (live.this_hour, live.last_hour) == (12, 93)
    assert live.until is not None
    assert live.until.isoformat() == "2025-11-25T12:10:00+00:00"
    assert (live.so_far, live.last_hour_so_far, live.usual) == (7, 3, 5)  # the median of 8, 2, 4 and 6


@pytest.mark.parametrize(("weeks", "usual"), [(2, None), (3, 3.0)])
def test_what_is_usual_in_an_hour_of_the_week_needs_three_weeks(engine: Engine, weeks: int, usual: float | None) -> None:
    here = stage(engine, now_ms=NOON + 20 * 60_000)
    here.publish("vote", at_ms=NOON - 40 * DAY_MS)
    for week in range(1, weeks + 1):
        here.give("vote", "like", 3, NOON - 7 * week * DAY_MS)

    assert here.reports().dashboard(here.site, asked()).live.usual == usual


def test_in_the_first_ten_minutes_of_an_hour_nothing_is_compared(engine: Engine) -> None:
    here = stage(engine, now_ms=NOON + 599_999)
    here.publish("vote")
    here.give("vote", "like", 4, NOON)

    live = here.reports().dashboard(here.site, asked()).live

    assert (live.this_hour, live.until, live.so_far, live.last_hour_so_far, live.usual) == (4, None, None, None, None)


def test_nothing_is_compared_with_a_time_before_the_first_vote(engine: Engine) -> None:
    here = stage(engine, time_zone="Europe/Berlin", now_ms=NOON)
    here.publish("vote")
    here.give("vote", "like", 20, NOON - 3 * DAY_MS)
    here.give("vote", "like", 40, NOON - DAY_MS)

    week, day = (here.reports().dashboard(here.site, asked(period=period)) for period in ("7d", "yesterday"))

    assert week.since is not None
    assert week.since.isoformat() == "2025-11-22T13:00:00+01:00"
    assert (week.totals.change, [entry.change for entry in week.reactions]) == (None, [None] * 7)
    assert (day.since, day.totals.previous_net, day.totals.change) == (None, 0, None)


def test_a_change_is_put_in_no_proportion_to_fewer_than_five(engine: Engine) -> None:
    here = stage(engine, now_ms=NOON)
    here.publish("vote")
    here.give("vote", "wow", 1, NOON - 9 * DAY_MS)
    here.give("vote", "like", 4, NOON - 2 * DAY_MS)
    here.give("vote", "love", 5, NOON - 2 * DAY_MS)
    here.give("vote", "like", 8, NOON - DAY_MS)
    here.give("vote", "love", 10, NOON - DAY_MS)

    report = here.reports().dashboard(here.site, asked(period="yesterday"))

    assert report.totals.change == 1
    assert {entry.key: entry.change for entry in report.reactions if entry.net} == {"like": None, "love": 1}


def test_surprises_are_of_articles_that_moved_in_the_period_the_newest_first(engine: Engine) -> None:
    here = stage(engine, now_ms=NOON + HOUR_MS // 2)
    for number in range(6):
        here.publish(f"peer-{number}", at_ms=NOON - 8 * DAY_MS - number * HOUR_MS)
    for key, hours, moved in (("new", 5, 4), ("older", 50, 3), ("still", 60, 49)):
        here.publish(key, at_ms=NOON - hours * HOUR_MS)
        here.give(key, "angry", 9, NOON - hours * HOUR_MS)
        here.give(key, "wow", 1, NOON - moved * HOUR_MS)

    lists = here.reports().dashboard(here.site, asked(period="24h")).lists

    assert [(row.article, row.surprise and row.surprise.ratio) for row in lists.surprising] == [("new", None), ("older", None)]


def test_the_lists_show_what_is_worth_it(here: Stage) -> None:
    lists = here.reports().dashboard(here.site, asked(period="7d")).lists

    assert [row.article for row in lists.top] == ["cup", "vote", "rain"]
    assert lists.divided == []  # nobody has ten votes
    assert lists.surprising == []  # nor five peers
    # The like at an age of one hour is all that two articles have gained at that age: expected is a half. Gained are two
    # readers, with a like and with a wow.
    (vote,) = lists.trending
    assert (vote.article, vote.trending.gained, vote.trending.ratio) == ("vote", 2, pytest.approx(5 / 3.5))


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

    (divided,) = here.reports().dashboard(here.site, asked(period="today")).lists.divided

    assert divided.article == "rain"  # the cup's 60 agree
    assert divided.split.value > 0.88


def test_what_divides_readers_divides_them_more_than_this_sites_articles_do(here: Stage) -> None:
    here.give("cup", "like", 100, NOON - 3 * HOUR_MS)
    here.give("rain", "angry", 100, NOON - 3 * HOUR_MS)
    here.give("vote", "like", 40, NOON - 3 * HOUR_MS)
    here.give("vote", "angry", 40, NOON - 3 * HOUR_MS)

    # The site is half against half as a whole, so that an article that is so too is nothing to tell.
    assert here.reports().dashboard(here.site, asked(period="7d")).lists.divided == []


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

    assert report.totals == Totals(5, 1, 4, 5, 0, None)
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
        here.site = sites.get(connection, "daily")

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
            here.site = sites.get(connection, "daily")

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
    assert (report.mood, report.split) == (None, None)
    assert [entry.share for entry in report.reactions] == [None] * 7


def test_a_section_and_an_author_without_votes_have_no_mood_however_glad_the_site(engine: Engine) -> None:
    here = stage(engine)
    here.publish("loved", section="Sport", authors=["Ada"])
    here.give("loved", "love", 30, NOON - 2 * HOUR_MS)
    here.publish("unread", section="Opinion", authors=["Ben"])
    here.vote((1, "unread", "love", NOON - 3 * HOUR_MS), (1, "unread", None, NOON - 2 * HOUR_MS))  # one who changed their mind

    report = here.reports().dashboard(here.site, asked(period="7d"))

    moods = {group.name: group.mood for group in (*report.sections, *report.authors)}
    assert (moods["Opinion"], moods["Ben"]) == (None, None)
    assert moods["Sport"].value == moods["Ada"].value == 1.0
