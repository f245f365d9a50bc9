"""Conditions that a row is one of many, which take a list of any length: as one parameter, where the database has a way."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Connection, LargeBinary, Text, any_, bindparam, func, select, tuple_

from reactions.storage import engines
from reactions.storage.parameters import ids_in_text


def among(dialect: str, column: Any) -> ColumnElement[bool]:
    """A condition that takes any number of whole numbers as the one parameter `ids`, so that the text is always the same."""
    if dialect == "sqlite":
        listed = func.json_each(bindparam("ids", type_=Text)).table_valued("value")
        return column.in_(select(listed.c.value))  # type: ignore[no-any-return]
    return column == any_(bindparam("ids", type_=ARRAY(BigInteger)))  # type: ignore[no-any-return]


def among_texts(dialect: str, column: Any) -> ColumnElement[bool]:
    """A condition that takes any number of texts as the one parameter `texts`, written by `texts_in_text`."""
    if dialect == "sqlite":
        listed = func.json_each(bindparam("texts", type_=Text)).table_valued("value")
        return column.in_(select(listed.c.value))  # type: ignore[no-any-return]
    return column == any_(bindparam("texts", type_=ARRAY(Text)))  # type: ignore[no-any-return]


def one_of(connection: Connection, column: Any, ids: Collection[int]) -> ColumnElement[bool]:
    """The condition that a column is one of these ids."""
    if connection.dialect.name == "sqlite":
        listed = func.json_each(bindparam(None, ids_in_text("sqlite", ids), type_=Text)).table_valued("value")
        return column.in_(select(listed.c.value))  # type: ignore[no-any-return]
    return column == any_(bindparam(None, list(ids), type_=ARRAY(BigInteger)))  # type: ignore[no-any-return]


def of_voters(connection: Connection, columns: Any, voters: Collection[tuple[int, bytes]]) -> ColumnElement[bool]:
    """The condition that a row of a table with `article_id` and `voter` is about one of these votes.

    PostgreSQL plans for 40 ms where hundreds of pairs are listed one by one.
    """
    pair = tuple_(columns.article_id, columns.voter)
    if not connection.info.get(engines.TAKES_ARRAYS):
        return pair.in_(voters)
    ids, names = [article_id for article_id, _ in voters], [voter for _, voter in voters]
    arrays = bindparam(None, ids, type_=ARRAY(BigInteger)), bindparam(None, names, type_=ARRAY(LargeBinary))
    listed = func.unnest(*arrays).table_valued("article_id", "voter").render_derived()
    return pair.in_(select(listed.c.article_id, listed.c.voter))


def ids(dialect: str, numbers: Iterable[int]) -> dict[str, Any]:
    """The parameter of a statement with `among`."""
    return {"ids": ids_in_text(dialect, numbers) if dialect == "sqlite" else list(numbers)}
