"""Filters and presets: found in any capitals, suggested, in addresses that hold only what is set."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from tests.web.dashboard.conftest import Paper
from tests.web.dashboard.newsroom import Newsroom
from tests.web.dashboard.test_pages import links, words


@pytest.mark.parametrize(
    "query", ["section=poLitics", "author=ADA WRITER", "tag=Harbour", "q=BRIDGE", "section=POLITICS&tag=HARBOUR"]
)
def test_filters_ignore_capitals(politics: Newsroom, editor: FlaskClient, query: str) -> None:
    assert "Harbour bridge to close" in editor.get(f"/dashboard/articles?{query}").text


def test_filters_ignore_capitals_of_every_alphabet(newsroom: Newsroom, editor: FlaskClient) -> None:
    newsroom.article("a", title="Found", section="Österreich", authors=["Émile Ödön"])
    newsroom.votes("a", like=1)

    for query in ("section=ÖSTERREICH", "author=émile ödön"):
        assert "Found" in editor.get(f"/dashboard/articles?{query}").text


@pytest.mark.parametrize("query", ["section=Pol*", "author=%25", "tag=_arbour", "q=bri?ge"])
def test_a_sign_stands_for_itself_and_the_page_says_so(politics: Newsroom, editor: FlaskClient, query: str) -> None:
    page = editor.get(f"/dashboard/articles?{query}")

    assert page.status_code == 200
    assert "Harbour bridge" not in page.text
    assert "Signs such as * and % stand for themselves here." in words(page.text)


@pytest.mark.parametrize("page", ["/dashboard", "/dashboard/articles"])
def test_all_sections_and_authors_are_suggested(newsroom: Newsroom, editor: FlaskClient, page: str) -> None:
    newsroom.article("old", hours_ago=2000, section="Chess", authors=["Gone Long"], tags=["endgame"])
    newsroom.article("new", section="Politics")
    newsroom.votes("new", like=1)

    html = editor.get(page).text

    assert set(re.findall(r'<option value="([^"]+)">(?=<|$)', html)) >= {"Chess", "Politics", "Gone Long", "endgame"}


def test_which_articles_make_readers_angry(politics: Newsroom, editor: FlaskClient) -> None:
    html = editor.get("/dashboard/articles?period=7d&reaction=angry").text

    assert re.findall(r'<td class="n given"><b>(\d+)</b>', html) == ["19", *["1"] * 6]
    assert "sort=share" in html
    shares = editor.get("/dashboard/articles?period=7d&reaction=angry&sort=share").text
    assert re.findall(r'<td class="n share">([^<]+)', shares)[0] == "79%"
    assert "Harbour bridge" not in editor.get("/dashboard/articles?period=7d&reaction=sad").text
    assert "Angry" in words(editor.get("/dashboard?reaction=angry").text)


@pytest.mark.parametrize(
    ("query", "said"), [("reaction=rage", "has no reaction"), ("sort=share", "add a reaction"), ("sort=-reaction", "add a")]
)
def test_a_reaction_that_is_not_there_is_said_so(politics: Newsroom, editor: FlaskClient, query: str, said: str) -> None:
    answer = editor.get(f"/dashboard/articles?{query}")

    assert answer.status_code == 400
    assert said in answer.text


def test_an_address_holds_only_what_is_set(politics: Newsroom, editor: FlaskClient) -> None:
    answer = editor.get("/dashboard/articles?q=&section=Politics&author=&from=&to=&reaction=&sort=split")

    assert answer.status_code == 303
    assert answer.location == "/dashboard/articles?section=Politics&sort=split"
    assert not any(re.search(r"[?&]\w+=(?:&|$)", link) for link in links(editor.get(answer.location).text))


@pytest.mark.parametrize("name", ["last_week", "this_month", "life"])
def test_presets_name_weeks_months_and_everything(politics: Newsroom, editor: FlaskClient, name: str) -> None:
    html = editor.get(f"/dashboard?period={name}").text

    assert re.search(rf'period={name}" aria-current="true"', html)
    assert name != "life" or "48 reactions" in words(html)


def test_a_range_of_ten_years_is_refused_in_words(politics: Newsroom, editor: FlaskClient) -> None:
    answer = editor.get("/dashboard?from=2016-01-01&to=2025-12-31")

    assert answer.status_code == 400
    assert "A period has at most 366 days; this one has 3653." in words(answer.text)
    assert 'value="2016-01-01"' in answer.text


def test_articles_are_found_while_one_types(page: Page, paper: Paper) -> None:
    page.goto(paper.at("/dashboard/articles?period=7d"))
    before = page.locator(".listing .title").count()

    page.get_by_role("searchbox").press_sequentially("council")

    page.wait_for_url("**/dashboard/articles?period=7d&q=council")
    expect(page.locator(".listing .title")).not_to_have_count(before)
    assert all("council" in title.lower() for title in page.locator(".listing .title").all_inner_texts())


def test_a_page_suggests_two_hundred_names_and_more_are_found_while_typing(editor: FlaskClient, newsroom: Newsroom) -> None:
    for number in range(205):
        newsroom.article(f"a-{number}", authors=[f"Author {number:03}"])

    page = editor.get("/dashboard?period=7d").text
    authors = page.split('<datalist id="authors"')[1].split("</datalist>")[0]

    assert authors.count("<option") == 200
    assert 'data-more="/dashboard/names/authors"' in authors
    assert "data-more" not in page.split('<datalist id="sections"')[1].split("</datalist>")[0]
    assert editor.get("/dashboard/names/authors?q=AUTHOR 20").json == [f"Author {n:03}" for n in range(200, 205)]
    assert editor.get("/dashboard/names/authors?q=%25").json == []
    assert len(editor.get("/dashboard/names/authors?q=").json) == 200
    assert editor.get("/dashboard/names/passwords?q=a").status_code == 404
