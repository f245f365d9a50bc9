"""What the pages show of a newsroom, and how they behave where there is little, nothing, or something wrong to show."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from reactions.newsroom import interventions, sites
from reactions.reports.query import GRACE_MS
from reactions.storage.engines import writing
from reactions.web.extensions import db
from tests import make
from tests.web.dashboard.newsroom import Newsroom

EVERY_PAGE = ["/dashboard", "/dashboard/articles", "/dashboard/article?article=bridge", "/dashboard?q=none", "/dashboard?to=x"]


def links(html: str) -> set[str]:
    return {unescape(address) for address in re.findall(r'href="([^"]*)"', html)}


def words(html: str) -> str:
    """The text of a page, as one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def last_step() -> int:
    """The age (h) at which an article of four hours ago is compared: the hour that has just ended is not closed at once."""
    return 2 if time.time() % 3600 < GRACE_MS / 1000 else 3


def test_the_overview_says_what_is_hot_and_whether_that_is_normal(politics: Newsroom, editor: FlaskClient) -> None:
    page = words(editor.get("/dashboard").text)

    assert re.search(r"Hot now Readers in this hour and the last .*? Harbour bridge to close .*? 4 readers", page)
    assert f"19 Angry in its first {last_step()} h; articles in Politics usually have 1" in page
    assert "4 readers since" in page
    assert re.search(r"Last 24 hours \w{3} \d+ \w{3}, \d\d:00 to .*? 24 reactions", page)
    assert re.search(r"Politics 1 \S+ 24", page)
    assert re.search(r"Ada Writer 1 \S+ 24", page)


def test_the_overview_marks_what_few_reactions_say_as_the_articles_page_does(newsroom: Newsroom, editor: FlaskClient) -> None:
    newsroom.article("quiet", hours_ago=4)
    newsroom.votes("quiet", hours_ago=3, like=2, angry=1)

    sums = editor.get("/dashboard").text.partition('<div class="sums">')[2].partition("</div>")[0]
    few = words(sums)

    assert re.search(r"mood .*few", few)
    assert "too few to say" in few


def test_an_article_has_its_life_its_choices_and_its_peers(politics: Newsroom, editor: FlaskClient) -> None:
    page = words(editor.get("/dashboard/article?article=bridge").text)

    assert "Harbour bridge to close" in page
    assert "24 reactions 24 readers, 24 given, 0 changed or taken back" in page
    assert re.search(r"Angry 19 79%", page)
    assert "Compared with other articles in Politics" in page
    assert f"{last_step()} h 20 4 4 4" in page
    assert re.search(r"Published \w{3} \d+ \w{3} \d{4}, \d\d:\d\d", page)


def test_an_article_says_how_many_of_those_who_saw_its_row_reacted(newsroom: Newsroom, editor: FlaskClient) -> None:
    newsroom.article("seen", hours_ago=4)
    newsroom.votes("seen", hours_ago=3, like=25)
    newsroom.seen("seen", 99, hours_ago=3)
    assert "who saw the row" not in words(editor.get("/dashboard/article?article=seen").text)

    newsroom.seen("seen", 1901, hours_ago=3)
    line = "12.5 of 1,000 who saw the row reacted (8.5 to 18.4)"
    assert line in words(editor.get("/dashboard/article?article=seen").text)


def test_an_article_that_no_reader_is_unusual_about_is_not_said_to_have_more(newsroom: Newsroom, editor: FlaskClient) -> None:
    for number in range(6):
        newsroom.article(f"usual-{number}", hours_ago=100 + number)
        newsroom.votes(f"usual-{number}", hours_ago=99.5 + number, like=9)
    newsroom.article("calm", hours_ago=4)
    newsroom.votes("calm", hours_ago=3.5, like=6)

    assert "No reaction is more frequent than usual" in words(editor.get("/dashboard/article?article=calm").text)
    assert "the usual Like" not in words(editor.get("/dashboard/articles?period=7d").text)


def test_an_article_that_has_gone_quiet_is_not_trending(newsroom: Newsroom, editor: FlaskClient) -> None:
    newsroom.article("old", hours_ago=60)
    newsroom.votes("old", hours_ago=59, like=12)

    html = editor.get("/dashboard/articles?period=7d").text

    assert re.search(r'<td class="n trending"><span class="faint">', html)
    assert "Quiet. No reader has reacted in this hour or the last." in words(editor.get("/dashboard?period=7d").text)


def test_an_alias_leads_to_its_article(app: Flask, politics: Newsroom, editor: FlaskClient) -> None:
    with app.app_context(), writing(db.engine) as connection:
        interventions.move(connection, politics.site, "bridge", to="politics/bridge", at_ms=1, by="a test")

    assert "Harbour bridge to close" in editor.get("/dashboard/article?article=bridge").text


def test_what_was_done_to_an_article_is_marked(app: Flask, politics: Newsroom, editor: FlaskClient) -> None:
    with app.app_context(), writing(db.engine) as connection:
        interventions.close(connection, politics.site, "bridge", at_ms=1_795_000_000_000, by="a test")
        interventions.hide(connection, politics.site, "bridge", at_ms=1_795_000_000_000, by="a test")

    html = editor.get("/dashboard/article?article=bridge").text

    assert "Voting closed" in html
    assert "Counts hidden" in html
    marks = re.search(r'data-marks="([^"]*)"', html)
    assert marks
    assert {"published", "closed", "hidden"} <= set(re.findall(r'"what": ?"(\w+)"', unescape(marks[1])))
    assert re.search(r"Closed \w{3} \d+ \w{3} \d{4}", words(html))


def test_few_votes_are_marked_as_few(newsroom: Newsroom, editor: FlaskClient) -> None:
    newsroom.article("quiet")
    newsroom.votes("quiet", like=3)

    html = editor.get("/dashboard/article?article=quiet").text

    assert 'class="few-mark"' in html
    assert "; few reactions" in html
    assert "too few to say" in html


def test_a_site_without_a_reaction_says_how_to_get_one(newsroom: Newsroom, editor: FlaskClient) -> None:
    page = words(editor.get("/dashboard").text)

    assert "No reader has reacted yet" in page
    assert 'data-site="daily" data-article="KEY-OF-THE-ARTICLE"' in page
    assert "/widget/v1.js" in page
    assert make.ORIGIN in page


def test_a_quiet_period_leads_to_a_longer_one(newsroom: Newsroom, editor: FlaskClient) -> None:
    newsroom.article("old", hours_ago=200)
    newsroom.votes("old", hours_ago=199, like=2)

    html = editor.get("/dashboard").text

    assert "No article had a reaction in this period." in html
    assert "/dashboard?period=28d" in links(html)
    assert "No reader has reacted yet" not in html


@pytest.mark.parametrize("page", ["/dashboard", "/dashboard/articles"])
def test_filters_that_find_nothing_can_be_removed(politics: Newsroom, editor: FlaskClient, page: str) -> None:
    html = editor.get(f"{page}?section=Sport&period=7d").text

    assert "No article with these filters had a reaction in this period." in html
    assert f"{page}?period=7d" in links(html)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("period=decade", "A period is one of"),
        ("from=2025-11-02&to=2025-11-01", "from must not be after to"),
        ("from=yesterday", "is not a day"),
        ("from=1999-01-01&to=2024-01-01", "at most 366 days"),
        ("section=a%00b", "control characters"),
        ("sort=luck", "Sort by one of"),
        ("cursor=forged", "was not made by this service"),
    ],
)
def test_a_view_that_cannot_be_is_refused_in_words(politics: Newsroom, editor: FlaskClient, query: str, said: str) -> None:
    answer = editor.get(f"/dashboard/articles?{query}&tag=harbour")

    assert answer.status_code == 400
    assert said in unescape(answer.text)
    assert 'value="harbour"' in answer.text
    assert answer.content_type == "text/html; charset=utf-8"
    if "cursor" not in query:
        assert editor.get(f"/dashboard/articles.csv?{query}").status_code == 400


@pytest.mark.parametrize("key", ["", "nothing", "a" * 300, "../../etc", "\u202e"])
def test_an_article_that_is_not_there_is_said_so(editor: FlaskClient, key: str) -> None:
    answer = editor.get("/dashboard/article", query_string={"article": key})

    assert answer.status_code in (400, 404)
    assert "To the overview" in answer.text


def test_a_fault_of_ours_shows_nothing_of_itself(app: Flask, politics: Newsroom, editor: FlaskClient) -> None:
    with app.app_context(), writing(db.engine) as connection:
        connection.execute(text("ALTER TABLE hourly RENAME COLUMN added TO lost"))

    answer = editor.get("/dashboard")

    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.text
    assert "hourly" not in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("wrong", ["/dashboard/nothing", "/dashboard/article/bridge"])
def test_a_page_that_is_not_there_is_a_page(editor: FlaskClient, wrong: str) -> None:
    answer = editor.get(wrong)

    assert answer.status_code == 404
    assert "There is no such page" in answer.text


def test_what_newsrooms_write_is_text_and_nothing_else(newsroom: Newsroom, editor: FlaskClient) -> None:
    evil = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
    newsroom.article("evil", title=evil, section=evil, authors=[evil], tags=[evil], url="javascript:alert(3)")
    newsroom.votes("evil", like=5)

    for page in ("/dashboard", "/dashboard/articles", "/dashboard/article?article=evil", "/dashboard?q=%22%3E%3Cscript%3E"):
        html = editor.get(page).text
        assert "<script>alert" not in html
        assert "<img" not in html
        assert "javascript:" not in html
        assert "&lt;script&gt;" in html


@pytest.mark.parametrize("page", EVERY_PAGE)
def test_nothing_is_inline(politics: Newsroom, editor: FlaskClient, page: str) -> None:
    html = editor.get(page).text

    assert not re.search(r"\sstyle\s*=", html)
    assert not re.search(r"<style", html)
    assert not re.search(r"\son\w+\s*=", html)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html))


def test_a_view_stays_as_it_is_from_page_to_page(politics: Newsroom, editor: FlaskClient) -> None:
    html = editor.get("/dashboard/articles?period=7d&section=Politics&q=bridge&sort=split").text

    kept = {"period": ["7d"], "section": ["Politics"], "q": ["bridge"]}
    found = [(urlsplit(link).path, parse_qs(urlsplit(link).query)) for link in links(html)]
    assert ("/dashboard", kept) in found
    assert ("/dashboard/articles.csv", {**kept, "sort": ["split"]}) in found
    assert ("/dashboard/articles", {**kept, "sort": ["-split"]}) in found
    assert ("/dashboard/articles", {**kept, "period": ["28d"], "sort": ["split"]}) in found
    assert ("/dashboard/articles", {"period": ["7d"], "q": ["bridge"], "sort": ["split"]}) in found


def test_days_chosen_by_hand_count_more_than_a_preset(politics: Newsroom, editor: FlaskClient) -> None:
    answer = editor.get("/dashboard?period=7d&from=2025-01-01&to=2025-01-03")

    assert answer.status_code == 200
    assert 'value="2025-01-01"' in answer.text
    assert not re.search(r'aria-current="true"', answer.text)


def test_a_past_period_shows_that_period_and_nothing_of_now(newsroom: Newsroom, editor: FlaskClient) -> None:
    for hours_ago in (49, 25, 0):
        newsroom.article(f"article-{hours_ago}", hours_ago=hours_ago + 1)
        newsroom.votes(f"article-{hours_ago}", hours_ago=hours_ago, like=12)

    day = datetime.fromtimestamp(time.time() - 25 * 3600, UTC).date().isoformat()
    page = words(editor.get(f"/dashboard?from={day}&to={day}").text)

    assert "12 reactions" in page
    for of_now in ("Hot now", "Picking up", "readers since", "Quiet."):
        assert of_now not in page
    assert "Hot now" in words(editor.get("/dashboard?period=today").text)


def test_a_period_older_than_the_site_is_not_compared_but_dated(newsroom: Newsroom, editor: FlaskClient) -> None:
    newsroom.article("bridge", hours_ago=30)
    newsroom.votes("bridge", hours_ago=29, like=12)

    began = datetime.fromtimestamp(time.time() - 29 * 3600, UTC)
    assert f"12 reactions since {began.day} {began:%B}" in words(editor.get("/dashboard?period=7d").text)


def test_a_retired_reaction_that_was_given_stays_in_the_table(app: Flask, politics: Newsroom, editor: FlaskClient) -> None:
    with app.app_context(), writing(db.engine) as connection:
        without = sites.get(connection, "daily").reactions.changed("angry", retired=True)
        sites.change(connection, "daily", reactions=without)

    for page in ("/dashboard", "/dashboard/article?article=bridge"):
        assert re.search(r"Angry retired 19 \d+%", words(editor.get(page).text))
    assert "No longer offered, with the votes they keep: Angry 25" in words(editor.get("/dashboard").text)
