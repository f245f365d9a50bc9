"""Keys that nobody has described, as the dashboard shows them: quoted, and never a headline or a link."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from markupsafe import escape

from reactions.newsroom.article_keys import id_of, shown_id
from tests.web.dashboard.newsroom import Newsroom
from tests.web.dashboard.test_pages import links, words


@pytest.mark.parametrize("key", ["http://evil.example/buy now", "<b>evil</b>", "קנו evil.example"])
def test_the_key_of_an_article_that_nobody_described_is_quoted_and_no_link(
    newsroom: Newsroom, editor: FlaskClient, key: str
) -> None:
    for number in range(6):
        newsroom.article(f"usual-{number}", hours_ago=100 + number)
        newsroom.votes(f"usual-{number}", hours_ago=99.5 + number, like=3, angry=1)
    newsroom.votes(key, like=40, angry=40)

    for page in ("/dashboard", "/dashboard/articles", f"/dashboard/article?{urlencode({'article': key})}"):
        html = editor.get(page).text
        assert "<b>evil" not in html
        assert f"unverified key <q><bdi>{escape(key)}</bdi></q>" in html
        assert all("evil" not in inner for inner in re.findall(r"<(?:a|h1|title)\b[^>]*>(.*?)</(?:a|h1|title)>", html, re.DOTALL))
        assert not [link for link in links(html) if link.startswith("http")]
        assert "An article without a title" in words(html)


def test_an_article_is_found_by_its_id_as_mails_link_to_it(newsroom: Newsroom, editor: FlaskClient) -> None:
    newsroom.votes("made up", like=3)
    shown = shown_id(id_of("daily", "made up"))

    assert "3 reactions" in words(editor.get(f"/dashboard/article?id={shown}").text)
    for wrong in ("", "0" * 16, shown.upper() + "0", "made up", "-1"):
        assert editor.get("/dashboard/article", query_string={"id": wrong}).status_code == 404
