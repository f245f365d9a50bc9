"""Filters: which of a site's articles a report is about. The same on screen, in JSON and in exports."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, cast, select

from reactions.newsroom.sites import Site
from reactions.refusals import MalformedFilter
from reactions.storage import tables

_MOST_CHARACTERS = 200
_UNSTORABLE = {"Cc", "Cs"}
_a = tables.article.c


@dataclass(frozen=True, slots=True)
class Filters:
    """What articles must have; empty means anything.

    `section`, `author` and `tag` are exact. Every word of `text` stands in the title or the key, capitals ignored.
    """

    section: str = ""
    author: str = ""
    tag: str = ""
    text: str = ""

    def __bool__(self) -> bool:
        """True if anything is asked."""
        return any(astuple(self))

    @property
    def words(self) -> list[str]:
        """The words of `text`, as they are compared."""
        return folded(self.text).split()


def read(*, section: str = "", author: str = "", tag: str = "", text: str = "") -> Filters:
    """The filters, spaces around them removed. Raises MalformedFilter."""
    given = {"section": section.strip(), "author": author.strip(), "tag": tag.strip(), "text": text.strip()}
    for name, value in given.items():
        pointer = "#/q" if name == "text" else f"#/{name}"
        if len(value) > _MOST_CHARACTERS:
            raise MalformedFilter(f"A filter has at most {_MOST_CHARACTERS} characters.", pointer=pointer)
        if any(unicodedata.category(character) in _UNSTORABLE for character in value):
            raise MalformedFilter("A filter must not contain control characters.", pointer=pointer)
    return Filters(**given)


def matching(connection: Connection, site: Site, filters: Filters) -> frozenset[int] | None:
    """The ids of the site's articles that match; None stands for all of them."""
    if not filters:
        return None
    asked = select(_a.article_id, _a.key, _a.title, cast(_a.authors, Text), cast(_a.tags, Text)).where(
        _a.site_id == site.id, *_conditions(filters)
    )
    words = filters.words
    return frozenset(
        article_id
        for article_id, key, title, authors, tags in connection.execute(asked).all()
        if _holds(filters.author, authors) and _holds(filters.tag, tags) and (not words or _told(words, title, key))
    )


def names_in(text: str) -> tuple[str, ...]:
    """The names in a stored list of authors or tags, each once."""
    return _names_in(text)


def folded(text: str) -> str:
    """Text as it is compared when capitals do not matter."""
    return unicodedata.normalize("NFKC", text).casefold()


@lru_cache(maxsize=4096)
def _names_in(text: str) -> tuple[str, ...]:
    names: list[Any] = json.loads(text)
    return tuple(dict.fromkeys(names))


def _conditions(filters: Filters) -> Iterator[ColumnElement[bool]]:
    """What the database can tell by itself; authors and tags only nearly, so that `matching` looks again."""
    if filters.section:
        yield _a.section == filters.section
    for column, name in ((_a.authors, filters.author), (_a.tags, filters.tag)):
        if name and name.isascii():
            yield cast(column, Text).contains(json.dumps(name), autoescape=True)


def _holds(name: str, stored: str) -> bool:
    return not name or name in _names_in(stored)


def _told(words: list[str], title: str | None, key: str) -> bool:
    told = f"{folded(title or '')} {folded(key)}"
    return all(word in told for word in words)
