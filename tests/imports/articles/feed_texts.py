"""Feeds of one item, made from text and read."""

from __future__ import annotations

from io import BytesIO

from reactions.imports import article_files
from reactions.imports.article_files import ArticleOptions, Reading
from reactions.imports.sources import Source

LINK = "<link>https://daily.example/a</link>"


def read(content: str | bytes, **options: str) -> Reading:
    file = BytesIO(content.encode() if isinstance(content, str) else content)
    return article_files.check(article_files.read(Source(file)), ArticleOptions(**options))


def rss(item: str, *, attributes: str = "", channel: str = "", head: str = "") -> str:
    return f'{head}<rss version="2.0" {attributes}><channel>{channel}\n<item>{item}</item></channel></rss>'


def title(content: str | bytes) -> object:
    reading = read(content)
    assert reading.faults == ()
    (article,) = reading.articles
    return article.fields["title"]
