"""The articles of a site in the order of every export, the oldest first, some at a time.

What belongs to articles is asked for by page: memory does not grow with the site, nor does what the database sorts at once.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Text,
    bindparam,
    func,
    select,
    type_coerce,
)

from reactions.newsroom.sites import Site
from reactions.storage import tables

ARTICLES_AT_ONCE = 100
_a, _alias = tables.article.c, tables.article_alias.c


def pages(connection: Connection, site: Site, *columns: Any) -> Iterator[Sequence[Row[Any]]]:
    """All articles of the site, merged ones included: `article_id` and `first_seen_at`, then the columns."""
    asked = select(_a.article_id, _a.first_seen_at, *columns).where(_a.site_id == site.id).order_by(*_in_order(connection))
    return parts(connection, asked, rows=ARTICLES_AT_ONCE)


def count(connection: Connection, site: Site) -> int:
    """How many articles the site has."""
    return connection.execute(select(func.count()).select_from(tables.article).where(_a.site_id == site.id)).scalar_one()


def other_keys(connection: Connection, site: Site) -> Iterator[tuple[int, str]]:
    """The aliases of all articles of the site but their own keys, in the order of the articles."""
    asked = (
        select(_a.article_id, _alias.key)
        .join(tables.article, _a.article_id == _alias.article_id)
        .where(_alias.site_id == site.id, _a.key != _alias.key)
        .order_by(*_in_order(connection))
    )
    for rows in parts(connection, asked):
        yield from ((article_id, key) for article_id, key in rows)


def bytewise(connection: Connection, column: Any) -> Any:
    """A text column to be sorted alike by every database: by its bytes, not as some country's dictionary does."""
    return column.collate("C" if connection.dialect.name == "postgresql" else "BINARY")


def _in_order(connection: Connection) -> tuple[Any, ...]:
    return _a.first_seen_at, bytewise(connection, _a.key)


def parts(
    connection: Connection, asked: Any, given: Mapping[str, Any] | None = None, *, rows: int = 2000
) -> Iterator[Sequence[Any]]:
    """The rows of a query, some at a time, fetched as they are read: PostgreSQL keeps the rest behind a cursor."""
    with connection.execute(asked, given or {}, execution_options={"yield_per": rows}) as result:
        yield from result.partitions(rows)


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
