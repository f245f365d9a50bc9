"""The sheet is the list on the screen: the same articles in the same order, all of them, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import re
from html import unescape
from io import StringIO

import pytest
from flask.testing import FlaskClient

from reactions.web.dashboard import view_models
from tests import make
from tests.web.dashboard.newsroom import Newsroom

SHEET = "/dashboard/articles.csv"


def rows(editor: FlaskClient, query: str = "") -> list[dict[str, str]]:
    answer = editor.get(f"{SHEET}?{query}")
    assert answer.status_code == 200
    assert answer.content_type == "text/csv; charset=utf-8"
    return list(csv.DictReader(StringIO(answer.data.decode("utf-8-sig"), newline="")))


def on_screen(editor: FlaskClient, query: str) -> list[str]:
    """The keys of the articles, page after page, as an editor turns them."""
    keys: list[str] = []
    address = f"/dashboard/articles?{query}"
    while address:
        html = editor.get(address).text
        keys += re.findall(r'<tr data-key="([^"]*)"', html)
        following = re.search(r'<a rel="next" href="([^"]*)"', html)
        address = unescape(following[1]) if following else ""
    return keys


@pytest.mark.parametrize("sort", ["votes", "-votes", "mood", "published"])
def test_the_sheet_has_every_article_of_the_view_in_its_order(newsroom: Newsroom, editor: FlaskClient, sort: str) -> None:
    many = 2 * view_models.PAGE_LENGTH + 5
    for number in range(many):
        newsroom.article(f"article-{number:03}", hours_ago=5 + number / 10, section="Politics" if number % 10 else "Sport")
        newsroom.votes(f"article-{number:03}", hours_ago=4, like=1 + number % 7, angry=number % 3)
    query = f"sort={sort}&section=Politics"

    keys = [row["article"] for row in rows(editor, query)]

    assert len(keys) == len(set(keys)) == many - many // 10 - 1
    assert keys == on_screen(editor, query)


def test_a_row_says_everything_that_the_screen_says(newsroom: Newsroom, editor: FlaskClient) -> None:
    newsroom.article("bridge", title="Brücke, gesperrt", authors=["Ada", "Ben"], tags=["x"], url="https://daily.example/b")
    newsroom.votes("bridge", hours_ago=4, like=3, angry=9)

    (row,) = rows(editor)

    assert {key: row[key] for key in ("article", "title", "url", "section", "authors", "tags")} == {
        "article": "bridge", "title": "Brücke, gesperrt", "url": "https://daily.example/b", "section": "Politics",
        "authors": "Ada; Ben", "tags": "x",
    }  # fmt: skip
    assert {key: int(row[key]) for key in make.SEVEN} == dict.fromkeys(make.SEVEN, 0) | {"like": 3, "angry": 9}
    assert (row["reactions_in_period"], row["reactions_total"], row["few"], row["closed"]) == ("12", "12", "no", "no")
    assert -1 <= float(row["mood_low"]) <= float(row["mood"]) <= float(row["mood_high"]) <= 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", row["published_at"])


@pytest.mark.parametrize("title", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://evil.example";"x")'])
def test_text_is_no_formula(newsroom: Newsroom, editor: FlaskClient, title: str) -> None:
    newsroom.article("evil", title=title, section=title, authors=[title], tags=[title])
    newsroom.votes("evil", hours_ago=4, dislike=2)

    (row,) = rows(editor)

    assert row["title"] == row["section"] == row["authors"] == row["tags"] == f"'{title}"
    assert float(row["mood"]) < 0


def test_the_sheet_is_one_that_excel_opens(newsroom: Newsroom, editor: FlaskClient) -> None:
    newsroom.article("bridge", title='A "quoted", long\u2028title')
    newsroom.votes("bridge", hours_ago=4, like=1)

    answer = editor.get(SHEET)

    assert answer.data.startswith(b"\xef\xbb\xbf")
    assert answer.data.endswith(b"\r\n")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="daily-articles.csv"'
    assert rows(editor)[0]["title"] == 'A "quoted", long\u2028title'


LISTS = ["now", "top", "trending", "divided", "surprising", "sections", "authors", "reactions", "series"]


@pytest.mark.parametrize("name", LISTS)
def test_every_list_of_the_overview_is_a_sheet(newsroom: Newsroom, editor: FlaskClient, name: str) -> None:
    newsroom.article("bridge", title="Brücke", authors=["Ada"])
    newsroom.votes("bridge", like=30)
    assert f"/dashboard/lists/{name}.csv?period=today" in editor.get("/dashboard?period=today").text

    answer = editor.get(f"/dashboard/lists/{name}.csv?period=today")
    found = list(csv.DictReader(StringIO(answer.data.decode("utf-8-sig"))))

    assert answer.headers["Content-Disposition"] == f'attachment; filename="daily-{name}.csv"'
    wanted = {
        "now": ("readers_now", ["30"]), "top": ("reactions_in_period", ["30"]), "trending": ("trending_readers", ["30"]),
        "sections": ("section", ["Politics"]), "authors": ("author", ["Ada"]), "divided": ("split", []),
        "surprising": ("few", []),
    }  # fmt: skip
    if name in wanted:
        column, values = wanted[name]
        assert [row[column] for row in found] == values
    else:
        assert sum(int(row["readers"]) for row in found) == 30


def test_what_nobody_voted_on_has_empty_cells_for_what_is_made_of_votes(newsroom: Newsroom, editor: FlaskClient) -> None:
    newsroom.article("loved", section="Sport")
    newsroom.votes("loved", hours_ago=4, love=30)
    newsroom.article("unread", section="Opinion")

    (unread,) = (row for row in rows(editor) if row["article"] == "unread")
    groups = csv.DictReader(StringIO(editor.get("/dashboard/lists/sections.csv?period=7d").data.decode("utf-8-sig")))
    (section,) = (row for row in groups if row["section"] == "Opinion")

    made_of_votes = ("mood", "mood_low", "mood_high", "few")
    assert {unread[name] for name in (*made_of_votes, "split", "split_low", "split_high", "trending")} == {""}
    assert {section[name] for name in made_of_votes} == {""}
    assert [unread["reactions_total"], section["reactions"]] == ["0", "0"]
