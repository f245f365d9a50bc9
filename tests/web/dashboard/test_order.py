"""The overview is read from above, its chart shows the period before, and every error has the navigation."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.web.dashboard.newsroom import Newsroom
from tests.web.dashboard.test_pages import links, words


def test_the_page_says_what_is_now_then_the_period_then_the_lists(politics: Newsroom, editor: FlaskClient) -> None:
    page = words(editor.get("/dashboard").text)

    order = ["4 readers since", "Last 24 hours", "Readers per hour", "Hot now", "Most reactions", "Is that normal?", "Sections"]
    places = [page.index(each) for each in order]
    assert places == sorted(places)


def test_the_period_before_is_an_outline_that_can_be_hidden(newsroom: Newsroom, editor: FlaskClient) -> None:
    newsroom.article("bridge", hours_ago=60)
    for hours_ago, n in ((50, 1), (26, 7), (2, 9)):
        newsroom.votes("bridge", hours_ago=hours_ago, like=n, sad=n)

    html = editor.get("/dashboard").text
    assert "Outline: the day before" in words(html)
    assert html.count('<td data-n="7">7</td>') == 2
    hide = next(link for link in links(html) if "compare=off" in link)
    hidden = editor.get(hide).text
    assert 'data-before="1"' not in hidden
    assert "/dashboard" in {link for link in links(hidden) if "compare" not in link}
    assert "Show the outline" in hidden


def test_what_is_compared_with_the_day_before_is_told_beside_it(newsroom: Newsroom, editor: FlaskClient) -> None:
    """The present hour is in the number above, and the day before has no half hour to compare it with."""
    newsroom.article("bridge", hours_ago=60)
    for hours_ago, n in ((50, 1), (26, 7), (2, 9), (0, 3)):
        newsroom.votes("bridge", hours_ago=hours_ago, like=n, sad=n)

    page = words(editor.get("/dashboard").text)

    assert re.search("24 reactions 29% more; 18 by [0-9]{2}:00, 14 the day before by then", page), page


def test_nothing_is_outlined_before_the_first_vote(politics: Newsroom, editor: FlaskClient) -> None:
    assert "outline" not in editor.get("/dashboard?period=28d").text.lower()


@pytest.mark.parametrize("wrong", ["/dashboard/nothing", "/dashboard/article?article=nothing", "/dashboard/review?shown=x"])
def test_every_error_has_the_navigation(editor: FlaskClient, wrong: str) -> None:
    answer = editor.get(wrong)

    assert answer.status_code in (400, 404)
    assert {"/dashboard", "/dashboard/articles", "/dashboard/review"} <= links(answer.text)
    assert "Sign out" in answer.text


def test_an_error_before_the_door_has_the_navigation_too(app: Flask, editor: FlaskClient) -> None:
    answer = app.test_client().post("/dashboard/sign-out", headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403
    assert {"/dashboard", "/dashboard/articles", "/dashboard/review"} <= links(answer.text)
    assert "Sign out" not in answer.text
