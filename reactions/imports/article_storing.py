"""Storing what a file says, in one transaction that holds only what is new: an import repeated writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Row, select

from reactions.imports.article_checking import Statement
from reactions.newsroom import articles
from reactions.newsroom.articles import Description
from reactions.newsroom.sites import Site
from reactions.storage import tables
from reactions.storage.engines import plan_lists_anew, writing

_T = TypeVar("_T")
_CHUNK = 500  # statements one query asks for, well under the parameters a database takes
_a = tables.article.c
_FIELDS = ("title", "url", "section", "authors", "tags", "published_at")
_STORED = select(_a.article_id, _a.key, *(_a[name] for name in _FIELDS))
_NOTHING = Description(key="", title="")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many articles an import registered, changed, and found as it describes them."""

    new: int
    changed: int
    same: int


@dataclass(frozen=True, slots=True)
class _Plan:
    new: list[Description]
    changed: list[Description]
    same: int


def store(engine: Engine, site: Site, statements: Sequence[Statement], *, now_ms: int) -> Outcome:
    """Describe the site's articles as stated. Fields that were not mentioned stay as they were. Raises MalformedKey."""
    with engine.connect() as connection:
        plan_lists_anew(connection)
        plan = _planned(connection, site, statements)
    # Everything is worked out before the transaction begins: while it holds SQLite's write lock, votes wait.
    if writes := [*plan.new, *plan.changed]:
        with writing(engine) as connection:
            plan_lists_anew(connection)
            for chunk in _chunks(writes):
                articles.describe(connection, site, chunk, at_ms=now_ms)
    return Outcome(len(plan.new), len(plan.changed), plan.same)


def _planned(connection: Connection, site: Site, statements: Sequence[Statement]) -> _Plan:
    own_keys = {statement.key for statement in statements}
    new: list[Description] = []
    changed: list[Description] = []
    for chunk in _chunks(statements):
        ids = articles.ids_of(connection, site, [statement.key for statement in chunk])
        rows = {row.article_id: row for row in connection.execute(_STORED.where(_a.article_id.in_(ids.values())))}
        for statement in chunk:
            row = rows.get(ids[statement.key])
            # An article may be named by its former keys too; what its own key says then stands.
            if row is not None and row.key != statement.key and row.key in own_keys:
                continue
            wanted = _merged(statement, row)
            if row is None:
                new.append(wanted)
            elif any(getattr(wanted, name) != getattr(row, name) for name in _FIELDS):
                changed.append(wanted)
    return _Plan(new, changed, len(statements) - len(new) - len(changed))


def _merged(statement: Statement, row: Row[Any] | None) -> Description:
    """What was said, over what is stored."""
    stored = {name: getattr(row or _NOTHING, name) for name in _FIELDS}
    return Description(key=statement.key, **(stored | statement.said))


def _chunks(items: Sequence[_T]) -> Iterator[list[_T]]:
    remaining = iter(items)
    while chunk := list(islice(remaining, _CHUNK)):
        yield chunk
