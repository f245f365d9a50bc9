"""All about one article, on both engines."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from reactions.newsroom import interventions
from reactions.refusals import MalformedKey, MalformedPeriod, UnknownArticle
from reactions.reports import metrics
from reactions.reports.article import Age, Comparison
from reactions.storage import engines
from reactions.votes import revising
from reactions.votes.revising import Editor
from tests.reports.stage import DAY_MS, HOUR_MS, NOON, Stage, stage


@pytest.fixture
def here(engine: Engine) -> Stage:
    """An article of 10:00 with two likes, and five of its section that had 0 to 4, all in their first hour; it is 12:30."""
    here = stage(engine, now_ms=NOON + HOUR_MS // 2, time_zone="America/New_York")
    here.publish("vote", section="Politics", at_ms=NOON - 2 * HOUR_MS)
    here.give("vote", "like", 2, NOON - 2 * HOUR_MS)
    for number in range(5):
        here.publish(f"peer-{number}", section="Politics", at_ms=NOON - 20 * HOUR_MS)
        here.give(f"peer-{number}", "sad", number, NOON - 20 * HOUR_MS)
        here.give(f"peer-{number}", "wow", number, NOON - 17 * HOUR_MS)
    return here


def test_a_young_article_is_told_by_hours_since_its_publication(here: Stage) -> None:
    life = here.reports().article(here.site, "vote")

    assert (life.article.article, life.unit, life.article.net, life.article.sparkline) == ("vote", "hour", 2, [2, 0, 0])
    assert [(bucket.start.isoformat(), bucket.net) for bucket in life.series] == [
        ("2025-11-25T05:00:00-05:00", 2), ("2025-11-25T06:00:00-05:00", 0), ("2025-11-25T07:00:00-05:00", 0),
    ]  # fmt: skip


def test_it_stands_beside_its_peers_at_every_age_they_have_reached(here: Stage) -> None:
    life = here.reports().article(here.site, "vote")

    early, late = (2, 1, 3), (4, 2, 6)  # median, low, high: of 0 to 4 readers, and later of twice as many
    assert life.peers == Comparison(
        "Politics", "section",
        [
            Age(1, 2, *early), Age(2, 2, *early), Age(3, None, *early),
            Age(6, None, *late), Age(12, None, *late),
        ],
    )  # fmt: skip


def test_a_reader_who_changes_and_withdraws_raises_no_curve(here: Stage) -> None:
    for minute in range(20):
        here.vote((7, "vote", "love" if minute % 2 else None, NOON - 2 * HOUR_MS + (minute + 1) * 60_000))

    life = here.reports().article(here.site, "vote")

    assert [age.own for age in life.peers.ages[:3]] == [3, 3, None]
    assert [bucket.readers for bucket in life.series] == [3, 0, 0]


def test_without_peers_there_is_no_comparison(engine: Engine) -> None:
    here = stage(engine)
    here.publish("alone", section="Politics")

    assert here.reports().article(here.site, "alone").peers == Comparison(None, None, [])


def test_what_was_done_to_it_is_marked(here: Stage) -> None:
    with engines.writing(here.engine) as connection:
        interventions.hide(connection, here.site, "vote", at_ms=NOON - HOUR_MS, by="test")
        interventions.close(connection, here.site, "vote", at_ms=NOON, by="test")

    life = here.reports().article(here.site, "vote", time_zone="UTC")

    assert [(mark.at.isoformat(), mark.what) for mark in life.marks] == [
        ("2025-11-25T10:00:00+00:00", "published"),
        ("2025-11-25T11:00:00+00:00", "hidden"),
        ("2025-11-25T12:00:00+00:00", "closed"),
    ]


def test_closing_by_age_is_marked_once_it_has_come(engine: Engine) -> None:
    here = stage(engine, close_after_days=3)
    here.publish("old", at_ms=NOON - 4 * DAY_MS)
    here.publish("new", at_ms=NOON - 2 * DAY_MS)

    assert [mark.what for mark in here.reports().article(here.site, "old").marks] == ["published", "closed"]
    assert [mark.what for mark in here.reports().article(here.site, "new").marks] == ["published"]


def test_a_former_key_leads_to_the_article(here: Stage) -> None:
    with engines.writing(here.engine) as connection:
        interventions.move(connection, here.site, "vote", to="vote/2025", at_ms=NOON, by="test")

    assert here.reports().article(here.site, "vote").article.article == "vote/2025"


@pytest.mark.parametrize(("days", "unit"), [(3, "hour"), (4, "day"), (119, "day"), (120, "week")])
def test_an_older_article_is_told_by_days_or_weeks(engine: Engine, days: int, unit: str) -> None:
    here = stage(engine)
    here.publish("old", at_ms=NOON - days * DAY_MS)

    assert here.reports().article(here.site, "old").unit == unit


def test_a_unit_can_be_chosen(here: Stage) -> None:
    assert here.reports().article(here.site, "vote", unit="week").unit == "week"
    with pytest.raises(MalformedPeriod):
        here.reports().article(here.site, "vote", unit="minute")


def test_votes_before_publication_are_in_the_series(engine: Engine) -> None:
    here = stage(engine)
    here.publish("early", at_ms=NOON - HOUR_MS)
    here.give("early", "like", 3, NOON - 3 * HOUR_MS)

    assert [bucket.net for bucket in here.reports().article(here.site, "early").series] == [3, 0, 0, 0]


@pytest.mark.parametrize("published", [-62_135_596_800_000, -3_786_825_600_000, 253_402_300_799_000])
def test_an_article_of_another_age_is_told_from_its_first_reaction(engine: Engine, published: int) -> None:
    here = stage(engine, time_zone="Pacific/Kiritimati")
    here.publish("archive", at_ms=published)
    here.give("archive", "like", 3, NOON - HOUR_MS)

    life = here.reports().article(here.site, "archive")

    assert [bucket.net for bucket in life.series] == [3, 0]
    assert life.article.age_hours >= 0


def test_an_article_nobody_knows_is_refused(here: Stage) -> None:
    other = stage(here.engine, "weekly")
    other.publish("theirs")

    for key in ("nothing", "theirs"):
        with pytest.raises(UnknownArticle):
            here.reports().article(here.site, key)
    with pytest.raises(MalformedKey):
        here.reports().article(here.site, "")


def test_readers_and_views_of_the_same_hours_make_the_rate(here: Stage) -> None:
    """Votes before the first counted view and after the last were cast when nobody counted who saw the row."""
    here.see("vote", 150, NOON - HOUR_MS)
    here.see("vote", 50, NOON - HOUR_MS + 1)
    here.give("vote", "like", 4, NOON - HOUR_MS)
    here.give("vote", "like", 5, NOON)

    row = here.reports().article(here.site, "vote").article

    assert (row.readers, row.views, row.reaction_rate) == (11, 200, metrics.reaction_rate(4, 200))
    assert row.reaction_rate is not None
    assert row.reaction_rate.per_1000 == 20


def test_an_article_that_few_saw_has_views_and_no_rate(here: Stage) -> None:
    assert (here.reports().article(here.site, "vote").article.views, _rate(here)) == (None, None)

    here.see("vote", 99, NOON - 2 * HOUR_MS)
    assert (here.reports().article(here.site, "vote").article.views, _rate(here)) == (99, None)

    here.see("vote", 1, NOON - 2 * HOUR_MS)
    assert _rate(here) == metrics.reaction_rate(2, 100)


def test_more_readers_than_views_are_no_rate_above_all(here: Stage) -> None:
    here.see("vote", 100, NOON - 2 * HOUR_MS)
    here.give("vote", "like", 98, NOON - 2 * HOUR_MS)
    assert _rate(here) == metrics.reaction_rate(100, 100)

    here.give("vote", "like", 1, NOON - 2 * HOUR_MS)
    assert _rate(here) is None


def test_after_a_merge_no_rate_is_told(here: Stage) -> None:
    """Views move with a merge, and readers stay with the article that they reacted to."""
    here.see("vote", 100, NOON - 2 * HOUR_MS)
    here.see("peer-4", 900, NOON - 2 * HOUR_MS)
    revising.merge(Editor(here.engine, here.box, here.site, by="test", now_ms=NOON), "peer-4", into="vote")

    assert (here.reports().article(here.site, "vote").article.views, _rate(here)) == (1000, None)


def test_no_site_sees_the_views_of_another(here: Stage) -> None:
    other = stage(here.engine, "weekly")
    other.publish("vote")
    other.see("vote", 5000, NOON - 2 * HOUR_MS)

    assert here.reports().article(here.site, "vote").article.views is None


def _rate(here: Stage) -> metrics.Rate | None:
    return here.reports().article(here.site, "vote").article.reaction_rate
