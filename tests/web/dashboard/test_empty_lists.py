"""What the lists of the overview say where they have no rows."""

from __future__ import annotations

from flask.testing import FlaskClient

from tests.web.dashboard.newsroom import Newsroom


def test_lists_without_rows_say_what_would_fill_them(newsroom: Newsroom, editor: FlaskClient) -> None:
    newsroom.votes("/sport/cup-final", like=3)

    page = editor.get("/dashboard?period=7d").text

    assert "None of these articles has a section. They come with the descriptions of articles" in page
    assert "<code>reactions articles import daily feed.xml --section NAME</code>" in page
    assert '<a href="/docs">API</a>' in page
    assert "None of these articles has an author." in page
    assert '<table class="groups">' not in page
    assert editor.get("/docs").status_code == 200


def test_an_author_with_articles_beside_no_section_says_so_too(newsroom: Newsroom, editor: FlaskClient) -> None:
    newsroom.article("a", section="", authors=["Ada"])
    newsroom.votes("a", like=3)

    page = editor.get("/dashboard?period=7d").text

    assert "None of these articles has a section." in page
    assert "None of these articles has an author." not in page
