"""What each rule finds, and what it does not. Votes go through the ballot box. On both engines."""

from __future__ import annotations

from typing import Any

import pytest

from reactions.notices import rules
from reactions.notices.alerts import Finding
from reactions.storage.engines import snapshot
from tests.notices.alerts.conftest import Newsroom
from tests.notices.alerts.crowds import Crowd


@pytest.fixture
def crowd(newsroom: Newsroom) -> Crowd:
    return Crowd(newsroom)


def found(newsroom: Newsroom, rule: str) -> list[Finding]:
    with snapshot(newsroom.engine) as connection:
        findings = rules.findings(connection, newsroom.site, now_ms=newsroom.now_ms)
    return [finding for finding in findings if finding.rule == rule]


def keys(newsroom: Newsroom, rule: str) -> list[str | None]:
    return [finding.article["key"] for finding in found(newsroom, rule)]


def test_a_site_without_anything_has_no_findings(newsroom: Newsroom) -> None:
    with snapshot(newsroom.engine) as connection:
        assert rules.findings(connection, newsroom.site, now_ms=newsroom.now_ms) == []


def test_an_article_that_gains_four_times_what_its_age_predicts_surges(newsroom: Newsroom, crowd: Crowd) -> None:
    crowd.usual_paper()
    crowd.publish("goat", hours_ago=2, section="Local", title="Goat takes the 7:42")
    crowd.vote("goat", hours_ago=1.5, like=60, funny=60)
    crowd.publish("tram", hours_ago=2)
    crowd.vote("tram", hours_ago=1.5, like=16)

    (goat,) = found(newsroom, "surging")

    # In their first hour 27 articles gained (25 * 8 + 120 + 16) / 27 each, in the next 25 gained 8; the third has just begun.
    assert goat.figures == {"gained": 120, "expected": 20.44, "ratio": 5.25}
    assert goat.article == {
        "key": "goat",
        "title": "Goat takes the 7:42",
        "url": "https://daily.example/goat",
        "section": "Local",
    }
    assert goat.headline == "Surging: Goat takes the 7:42"
    assert goat.detail == (
        "120 readers in 3 hours whose first reaction was not negative: 5.2 times what articles of its age gain here (20)."
    )


def test_anger_alone_does_not_surge(newsroom: Newsroom, crowd: Crowd) -> None:
    crowd.usual_paper()
    crowd.publish("tax", hours_ago=2)
    crowd.vote("tax", hours_ago=1.5, angry=400, sad=200, dislike=200, like=15)

    assert keys(newsroom, "surging") == []


def test_a_handful_of_votes_at_night_does_not_surge(newsroom: Newsroom, crowd: Crowd) -> None:
    crowd.usual_paper(votes=0)
    crowd.publish("owl", hours_ago=2)
    crowd.vote("owl", hours_ago=1.5, love=19)

    assert keys(newsroom, "surging") == []


def test_an_article_whose_readers_liked_it_and_now_do_not_has_turned_sour(newsroom: Newsroom, crowd: Crowd) -> None:
    crowd.usual_paper()
    crowd.publish("zoo", hours_ago=20)
    crowd.vote("zoo", hours_ago=12, love=60, angry=5)
    crowd.vote("zoo", hours_ago=1, angry=80, like=4)

    (zoo,) = found(newsroom, "turned sour")

    assert zoo.figures["before"]["votes"] == 65
    assert zoo.figures["lately"]["votes"] == 84
    assert zoo.figures["before"]["low"] > 0 > zoo.figures["lately"]["high"]
    assert zoo.headline == "Turned sour: Zoo"
    assert zoo.detail == "The mood of the last 6 hours is −0.70 (84 votes); before, it was +0.86 (65 votes)."


@pytest.mark.parametrize(
    ("before", "lately"),
    [
        ({"angry": 60}, {"angry": 80}),  # it never was anything else
        ({"love": 60}, {"angry": 18}),  # too few to tell
        ({"love": 12}, {"angry": 80}),  # too few to have been liked
        ({"love": 60}, {"angry": 30, "like": 25}),  # divided, not sour
    ],
)
def test_what_was_not_liked_or_is_not_surely_disliked_has_not_turned(
    newsroom: Newsroom, crowd: Crowd, before: dict[str, int], lately: dict[str, int]
) -> None:
    crowd.usual_paper()
    crowd.publish("zoo", hours_ago=20)
    crowd.vote("zoo", hours_ago=12, **before)
    crowd.vote("zoo", hours_ago=1, **lately)

    assert keys(newsroom, "turned sour") == []


def test_the_most_loved_is_the_one_that_is_surely_so(newsroom: Newsroom, crowd: Crowd) -> None:
    crowd.publish("few", hours_ago=48)
    crowd.vote("few", hours_ago=40, love=49)
    crowd.publish("good", hours_ago=48)
    crowd.vote("good", hours_ago=40, love=60)
    crowd.publish("better", hours_ago=48)
    crowd.vote("better", hours_ago=40, love=400, wow=10)
    crowd.publish("last-month", hours_ago=29 * 24)
    crowd.vote("last-month", hours_ago=28 * 24, love=2000)
    crowd.publish("divided", hours_ago=48)
    crowd.vote("divided", hours_ago=40, love=300, angry=290)

    (loved,) = found(newsroom, "most loved")

    assert loved.article["key"] == "better"
    assert loved.figures["votes"] == 410
    assert loved.headline == "Most loved: Better"
    assert "from 410 votes" in loved.detail


def test_the_only_one_is_not_the_most_loved(newsroom: Newsroom, crowd: Crowd) -> None:
    crowd.publish("good", hours_ago=48)
    crowd.vote("good", hours_ago=40, love=60)

    assert keys(newsroom, "most loved") == []


def test_more_votes_than_any_article_before_are_a_record(newsroom: Newsroom, crowd: Crowd) -> None:
    crowd.usual_paper(articles=20)
    crowd.publish("boat", hours_ago=9)
    crowd.vote("boat", hours_ago=5, sad=90)
    assert keys(newsroom, "record") == []

    crowd.vote("boat", hours_ago=1, sad=15)

    (boat,) = found(newsroom, "record")
    assert boat.figures == {"votes": 105, "former": 24}
    assert boat.detail == "105 votes, more than any other article of The Daily; the previous record was 24."


@pytest.mark.parametrize(
    ("articles", "published", "voted"),
    [
        (19, 9, 1),  # a young site has records every hour
        (20, 29 * 24, 1),  # an old article set it long ago
        (20, 9, 5),  # nothing moves any more
    ],
)
def test_what_is_no_news_is_no_record(newsroom: Newsroom, crowd: Crowd, articles: int, published: int, voted: int) -> None:
    crowd.usual_paper(articles=articles)
    crowd.publish("boat", hours_ago=published)
    crowd.vote("boat", hours_ago=voted, sad=150)

    assert keys(newsroom, "record") == []


def test_an_equal_of_the_record_breaks_none(newsroom: Newsroom, crowd: Crowd) -> None:
    crowd.usual_paper(articles=20, votes=50)
    crowd.publish("boat", hours_ago=9)
    crowd.vote("boat", hours_ago=1, sad=150)

    assert keys(newsroom, "record") == []


def test_another_sites_articles_are_neither_found_nor_compared_with(newsroom: Newsroom, crowd: Crowd, make_newsroom: Any) -> None:
    crowd.usual_paper()
    crowd.publish("goat", hours_ago=2)
    crowd.vote("goat", hours_ago=1.5, like=150)
    herald = make_newsroom("herald")

    assert set(keys(newsroom, "surging") + keys(newsroom, "record")) == {"goat"}
    with snapshot(herald.engine) as connection:
        assert rules.findings(connection, herald.site, now_ms=herald.now_ms) == []
