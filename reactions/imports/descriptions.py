"""Storing what a file says of articles, in one transaction that holds only what is new: a repeated import writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, select

from reactions.imports.article_files import DescribedArticle
from reactions.imports.sources import chunks
from reactions.newsroom import articles
from reactions.newsroom.articles import Description
from reactions.newsroom.sites import Site
from reactions.storage import tables
from reactions.storage.engines import plan_lists_anew, writing

_CHUNK = 500  # articles in one query, well under the parameters a database takes
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


def store(engine: Engine, site: Site, described: Sequence[DescribedArticle], *, now_ms: int) -> Outcome:
    """Describe the site's articles. Fields that were not mentioned stay as they were. Raises MalformedKey."""
    with engine.connect() as connection:
        plan_lists_anew(connection)
        plan = _planned(connection, site, described)
    # Everything is worked out before the transaction begins: while it holds SQLite's write lock, votes wait.
    if writes := [*plan.new, *plan.changed]:
        with writing(engine) as connection:
            plan_lists_anew(connection)
            for chunk in chunks(writes, _CHUNK):
                articles.describe(connection, site, chunk, at_ms=now_ms)
    return Outcome(len(plan.new), len(plan.changed), plan.same)


def _planned(connection: Connection, site: Site, described: Sequence[DescribedArticle]) -> _Plan:
    own_keys = {article.key for article in described}
    new: list[Description] = []
    changed: list[Description] = []
    for chunk in chunks(described, _CHUNK):
        ids = articles.ids_of(connection, site, [article.key for article in chunk])
        rows = {row.article_id: row for row in connection.execute(_STORED.where(_a.article_id.in_(ids.values())))}
        for article in chunk:
            row = rows.get(ids[article.key])
            # A file may name an article by its former keys too; what it says under the present key stands.
            if row is not None and row.key != article.key and row.key in own_keys:
                continue
            wanted = _merged(article, row)
            if row is None:
                new.append(wanted)
            elif any(getattr(wanted, name) != getattr(row, name) for name in _FIELDS):
                changed.append(wanted)
    return _Plan(new, changed, len(described) - len(new) - len(changed))


def _merged(article: DescribedArticle, row: Row[Any] | None) -> Description:
    """What the file says, over what is stored."""
    stored = {name: getattr(row or _NOTHING, name) for name in _FIELDS}
    return Description(key=article.key, **(stored | article.fields))
