from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from reactions import demo

NOW_MS = round(datetime(2026, 3, 18, 19, 30, tzinfo=UTC).timestamp() * 1000)
DAY_MS = 86_400_000
REACTIONS = {"like", "dislike", "love", "funny", "angry", "sad", "wow"}
STORMS = {
    "politics/council-pay-rise-in-eleven-minutes": "angry",
    "local/pilot-boat-annelie-lost-at-the-bar": "sad",
    "local/goat-takes-the-seven-forty-two": "funny",
    "opinion/your-dog-does-not-want-a-coffee": "angry",
}


@pytest.fixture(scope="module")
def articles() -> list[demo.DemoArticle]:
    return demo.articles(NOW_MS)


@pytest.fixture(scope="module")
def ballots(articles: list[demo.DemoArticle]) -> list[demo.DemoVote]:
    return list(demo.ballots(articles, NOW_MS))


def standing(ballots: list[demo.DemoVote]) -> dict[tuple[str, bytes], str | None]:
    """What each reader's vote on each article is in the end."""
    return {(ballot.key, ballot.reader): ballot.reaction for ballot in ballots}


def tallies(ballots: list[demo.DemoVote]) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {}
    for (key, _), reaction in standing(ballots).items():
        if reaction is not None:
            counts.setdefault(key, Counter())[reaction] += 1
    return counts


def half_time_ms(ballots: list[demo.DemoVote], article: demo.DemoArticle) -> int:
    """How long after publication half of the article's ballots had been cast."""
    times = [ballot.at_ms for ballot in ballots if ballot.key == article.key]
    return times[len(times) // 2] - article.published_at_ms


def test_a_seed_is_a_month(articles: list[demo.DemoArticle], ballots: list[demo.DemoVote]) -> None:
    again = list(demo.ballots(demo.articles(NOW_MS), NOW_MS))
    another = list(demo.ballots(articles, NOW_MS, seed=2))

    assert ballots == again
    assert ballots != another


def test_each_section_has_its_articles(articles: list[demo.DemoArticle]) -> None:
    assert Counter(article.section for article in articles) == {
        "Local": 10,
        "Politics": 7,
        "Opinion": 5,
        "Culture": 6,
        "Sport": 7,
        "Business": 6,
        "Nature": 3,
        "Weather": 5,
    }


def test_each_article_is_complete_and_its_key_is_its_own(articles: list[demo.DemoArticle]) -> None:
    keys = {section.name: section.key for section in demo.newspaper().sections}

    assert len({article.key for article in articles}) == len(articles)
    for article in articles:
        assert article.key.startswith(f"{keys[article.section]}/")
        assert all((article.title, article.standfirst, article.authors, article.tags))
        assert 2 <= len(article.paragraphs) <= 4
    assert any(len(article.authors) == 2 for article in articles)
    assert len({author for article in articles for author in article.authors}) == 8


@pytest.mark.parametrize("hour_utc", [0, 4, 9, 18, 23])
def test_the_articles_are_of_the_last_month_and_the_newest_is_an_hour_old(hour_utc: int) -> None:
    now_ms = round(datetime(2026, 3, 31, hour_utc, tzinfo=UTC).timestamp() * 1000)

    published = [article.published_at_ms for article in demo.articles(now_ms)]

    assert published == sorted(published, reverse=True)
    assert now_ms - published[0] == pytest.approx(3_600_000, rel=0.2)
    assert published[-1] >= now_ms - 30 * DAY_MS


def test_every_mood_weighs_the_same_seven_reactions() -> None:
    assert all(set(mood) == REACTIONS for mood in demo.newspaper().moods.values())


def test_there_are_about_ten_thousand_ballots_on_known_reactions(ballots: list[demo.DemoVote]) -> None:
    assert 8_000 <= len(ballots) <= 12_000
    assert {ballot.reaction for ballot in ballots} == REACTIONS | {None}
    assert {len(ballot.reader) for ballot in ballots} == {16}


def test_ballots_come_in_the_order_of_time_between_publication_and_now(
    articles: list[demo.DemoArticle], ballots: list[demo.DemoVote]
) -> None:
    published = {article.key: article.published_at_ms for article in articles}

    assert all(one.at_ms <= next_one.at_ms for one, next_one in pairwise(ballots))
    assert all(published[ballot.key] <= ballot.at_ms < NOW_MS for ballot in ballots)


def test_seq_rises_with_each_ballot_of_a_reader_on_an_article(ballots: list[demo.DemoVote]) -> None:
    last: dict[tuple[str, bytes], int] = {}
    for ballot in ballots:
        ours = ballot.key, ballot.reader
        assert last.get(ours, 0) < ballot.seq <= ballot.at_ms
        last[ours] = ballot.seq


def test_some_readers_change_their_vote_and_some_withdraw_it(ballots: list[demo.DemoVote]) -> None:
    cast = Counter((ballot.key, ballot.reader) for ballot in ballots)
    withdrawn = sum(reaction is None for reaction in standing(ballots).values())
    changed = sum(times > 1 for times in cast.values()) - withdrawn

    assert 0.02 < withdrawn / len(cast) < 0.05
    assert 0.02 < changed / len(cast) < 0.08


def test_regular_readers_vote_on_many_articles(ballots: list[demo.DemoVote]) -> None:
    articles_of = Counter(reader for _, reader in standing(ballots))

    assert sum(articles >= 5 for articles in articles_of.values()) > 200
    assert articles_of.most_common(1)[0][1] > 15


def test_like_leads_but_each_storm_has_its_own_mood(ballots: list[demo.DemoVote]) -> None:
    counts = tallies(ballots)
    overall = sum(counts.values(), Counter[str]())

    assert overall.most_common(1)[0][0] == "like"
    assert overall["like"] / overall.total() > 0.3
    assert {key: counts[key].most_common(1)[0][0] for key in STORMS} == STORMS


def test_few_articles_have_most_of_the_votes_and_many_have_hardly_any(
    articles: list[demo.DemoArticle], ballots: list[demo.DemoVote]
) -> None:
    counts = tallies(ballots)
    totals = sorted((counts.get(article.key, Counter()).total() for article in articles), reverse=True)

    assert sum(totals[:5]) > sum(totals) / 3
    assert sum(total <= 5 for total in totals) >= 12
    assert totals[-1] == 0


def test_the_town_votes_in_the_evening_and_sleeps_at_night(ballots: list[demo.DemoVote]) -> None:
    zone = ZoneInfo(demo.newspaper().time_zone)
    by_hour = Counter(datetime.fromtimestamp(ballot.at_ms / 1000, zone).hour for ballot in ballots)

    assert by_hour.most_common(1)[0][0] in {19, 20, 21}
    assert sum(by_hour[hour] for hour in range(18, 22)) > 10 * sum(by_hour[hour] for hour in range(2, 6))


def test_interest_fades_within_hours_except_where_an_article_is_found_later(
    articles: list[demo.DemoArticle], ballots: list[demo.DemoVote]
) -> None:
    counts = Counter(ballot.key for ballot in ballots)
    read = [article for article in articles if counts[article.key] > 50]

    waited_h = {article.key: half_time_ms(ballots, article) / 3_600_000 for article in read}

    found_later = waited_h.pop("opinion/your-dog-does-not-want-a-coffee")
    assert found_later > 9 * 24
    assert max(waited_h.values()) < 30
    assert not math.isclose(min(waited_h.values()), max(waited_h.values()), rel_tol=0.5)
