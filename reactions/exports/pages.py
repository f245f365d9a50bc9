"""The articles of a site page by page, in the order of every export: the oldest first, equally old ones by key.

What belongs to articles is read by page: memory does not grow with the site, nor does what the database sorts at once.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Connection, FromClause, Text, bindparam, func, select, type_coerce

from reactions.newsroom.sites import Site
from reactions.storage import tables
from reactions.storage.statements import Listing

ARTICLES_AT_ONCE = 100
_KEYS_AT_ONCE = 2000
_a, _alias = tables.article.c, tables.article_alias.c
Page = Sequence[Sequence[Any]]  # rows as the driver gives them


def pages(connection: Connection, site: Site, *columns: Any, rows: int = ARTICLES_AT_ONCE) -> Iterator[Page]:
    """All articles of the site, merged ones included: the id first, then the columns."""
    query = select(_a.article_id, *columns).where(_a.site_id == site.id).order_by(*_in_order(connection))
    return Listing(query, connection.dialect.name).parts(connection, {}, rows=rows)


def count(connection: Connection, site: Site) -> int:
    """How many articles the site has."""
    return connection.execute(select(func.count()).select_from(tables.article).where(_a.site_id == site.id)).scalar_one()


class OtherKeys:
    """The aliases of articles but their own keys; pages must be asked for in their order."""

    def __init__(self, connection: Connection, site: Site) -> None:
        query = (
            select(_a.article_id, _alias.key)
            .join(tables.article, _a.article_id == _alias.article_id)
            .where(_alias.site_id == site.id, _a.key != _alias.key)
            .order_by(*_in_order(connection))
        )
        parts = Listing(query, connection.dialect.name).parts(connection, {}, rows=_KEYS_AT_ONCE)
        self._found = (row for part in parts for row in part)
        self._next = next(self._found, None)

    def of(self, page: Page) -> dict[int, tuple[str, ...]]:
        """The aliases of the articles of the next page that have any, in order."""
        ids, found = {row[0] for row in page}, dict[int, list[str]]()
        while self._next is not None and self._next[0] in ids:
            found.setdefault(self._next[0], []).append(self._next[1])
            self._next = next(self._found, None)
        return {article_id: tuple(sorted(keys)) for article_id, keys in found.items()}


class RowsOfArticles:
    """Rows of a table that hang on articles, in the order of these and then in their own.

    SQLite is asked article by article: it then sorts the rows of one, and not of a page with its places beside each row.
    PostgreSQL, where a question is a trip, is asked for all of them at once.
    """

    def __init__(self, dialect: str, article: Any, columns: Sequence[Any], order: Sequence[Any], *where: Any) -> None:
        self._one_by_one = dialect == "sqlite"
        if self._one_by_one:
            query = select(*columns).where(article == bindparam("article"), *where).order_by(*order)
        else:
            table, value, place = listed(dialect)
            mine = select(place, *columns).select_from(table).join(article.table, article == value)
            query = mine.where(*where).order_by(place, *order)
        self._listing = Listing(query, dialect)

    def parts(self, connection: Connection, ids: Sequence[int], *, rows: int, **given: Any) -> Iterator[Sequence[Sequence[Any]]]:
        """The rows, at most so many at once (two or more), column by column: first the places of their articles among the ids."""
        if not self._one_by_one:
            for part in self._listing.parts(connection, {"ids": list(ids), **given}, rows=rows) if ids else ():
                yield list(zip(*part, strict=True))
            return
        places, waiting = list[int](), list[Any]()
        for place, article_id in enumerate(ids):
            for part in self._listing.parts(connection, {"article": article_id, **given}, rows=rows // 2):
                places += [place] * len(part)
                waiting += part
                if len(waiting) > rows // 2:
                    yield [places, *zip(*waiting, strict=True)]
                    places, waiting = [], []
        if waiting:
            yield [places, *zip(*waiting, strict=True)]


def bytewise(dialect: str, column: Any) -> Any:
    """A text column to be sorted alike by every database: by its bytes, not as some country's dictionary does."""
    return column.collate("C" if dialect == "postgresql" else "BINARY")


def _in_order(connection: Connection) -> tuple[Any, ...]:
    return _a.first_seen_at, bytewise(connection.dialect.name, _a.key)


@cache
def listed(dialect: str) -> tuple[FromClause, ColumnElement[int], ColumnElement[int]]:
    """The parameter `ids` as a table: the table, the ids, and their places in the list from 0."""
    if dialect == "sqlite":
        table = func.json_each(bindparam("ids", type_=Text)).table_valued("key", "value")
        return table, type_coerce(table.c.value, BigInteger), type_coerce(table.c.key, BigInteger)
    ids = bindparam("ids", type_=ARRAY(BigInteger))
    table = func.unnest(ids).table_valued("value", with_ordinality="place", joins_implicitly=True).render_derived()
    return table, type_coerce(table.c.value, BigInteger), type_coerce(table.c.place, BigInteger) - 1


def given(connection: Connection, ids: Collection[int]) -> Any:
    """Ids as the value of the parameter `ids`."""
    return json.dumps(list(ids)) if connection.dialect.name == "sqlite" else list(ids)
