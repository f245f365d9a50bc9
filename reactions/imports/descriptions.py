"""Storing what a file says of articles, in one transaction that holds only what is new: a repeated import writes nothing.

Votes are stored under the keys that the widget sends. If a file's keys differ from them, its titles would not reach the articles
that have votes: so its keys are compared with those.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, exists, func, select

from reactions.imports import article_files
from reactions.imports.article_files import DescribedArticle, Unusable
from reactions.imports.feeds import Entry
from reactions.imports.sources import Fault, chunks
from reactions.newsroom import article_keys, articles
from reactions.newsroom.articles import Description
from reactions.newsroom.sites import Site
from reactions.refusals import MalformedKey
from reactions.storage import locks, tables
from reactions.storage.engines import plan_lists_anew, writing

_CHUNK = 500  # articles in one query, well under the parameters a database takes
_MOST_COMPARED = 2000  # entries whose keys are compared with those that have votes
_SOURCES = ("column", "path", "bare-path", "url", "guid")  # of keys; where several fit alike, the first
_a, _t = tables.article.c, tables.tally.c
_HAS_VOTES = exists().where(_t.article_id == _a.article_id, _t.n + _t.imported > 0)
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
class Untitled:
    """How many articles with votes have no title, with an example.

    `option` is a source of keys that would reach such articles; `near` a key with votes, and the file's that almost equals it.
    """

    count: int
    example: str
    option: str | None
    near: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class _Plan:
    new: list[Description]
    changed: list[Description]
    differing: list[DescribedArticle]  # what the file says of these two
    same: int


def likely_key(engine: Engine, site: Site, entries: Sequence[Entry | Fault]) -> str | None:
    """What to take keys from, as in ArticleOptions: that under which most entries have votes; None where none has any."""
    with engine.connect() as connection:
        plan_lists_anew(connection)
        best = _best_source(connection, site, entries)
    return best if best != "column" else None


def missed_articles(
    engine: Engine, site: Site, entries: Sequence[Entry | Fault], described: Sequence[DescribedArticle]
) -> Untitled | None:
    """The articles with votes that have no title, if none of those described has votes."""
    untitled = select(func.count(), func.min(_a.key)).where(
        _a.site_id == site.id, _a.title.is_(None), _a.merged_into.is_(None), _HAS_VOTES
    )
    with engine.connect() as connection:
        plan_lists_anew(connection)
        if _with_votes(connection, site, [article.key for article in described]):
            return None
        count, example = connection.execute(untitled).one()
        if not count:
            return None
        option = _best_source(connection, site, entries)
        near = None if option else _near(connection, site, described)
    return Untitled(count, near[0] if near else example, option, near)


def _best_source(connection: Connection, site: Site, entries: Sequence[Entry | Fault]) -> str | None:
    """The source of keys under which most entries have votes; None where none has any."""
    compared = [entry for entry in entries[:_MOST_COMPARED] if isinstance(entry, Entry)]
    found = {source: _with_votes(connection, site, list(_keys(compared, source))) for source in _SOURCES}
    best = max(_SOURCES, key=found.__getitem__)
    return best if found[best] else None


def _near(connection: Connection, site: Site, described: Sequence[DescribedArticle]) -> tuple[str, str] | None:
    """A key with votes and no title, and one of a file that says the same address in another way."""
    without = select(_a.key).where(_a.site_id == site.id, _a.title.is_(None), _a.merged_into.is_(None), _HAS_VOTES)
    voted = connection.scalars(without.order_by(_a.first_seen_at.desc(), _a.key).limit(_MOST_COMPARED)).all()
    by_place = {article_keys.place_of(article.key): article.key for article in described}
    return next(((key, by_place[place]) for key in voted if (place := article_keys.place_of(key)) in by_place), None)


def _keys(entries: Sequence[Entry], source: str) -> set[str]:
    keys = set()
    for entry in entries:
        with suppress(Unusable, MalformedKey):
            keys.add(article_files.key_of(entry, source))
    return keys


def _with_votes(connection: Connection, site: Site, keys: Sequence[str]) -> int:
    """How many of the keys lead to an article with votes."""
    count = 0
    for chunk in chunks(keys, _CHUNK):
        ids = articles.ids_of(connection, site, chunk).values()
        count += connection.execute(select(func.count()).where(_a.article_id.in_(ids), _HAS_VOTES)).scalar_one()
    return count


def store(engine: Engine, site: Site, described: Sequence[DescribedArticle], *, now_ms: int) -> Outcome:
    """Describe the site's articles. Fields that were not mentioned stay as they were. Raises MalformedKey."""
    with engine.connect() as connection:
        plan_lists_anew(connection)
        plan = _planned(connection, site, described)
    # What is the same is left out before the transaction begins: while it holds SQLite's write lock, votes wait.
    if plan.differing:
        with writing(engine) as connection:
            plan_lists_anew(connection)
            locks.rely_on_keys(connection)
            # An editor may have described some of them meanwhile, and does not from here on.
            present = _planned(connection, site, plan.differing, _STORED.order_by(_a.article_id).with_for_update())
            articles.describe(connection, site, [*present.new, *present.changed], at_ms=now_ms)
    return Outcome(len(plan.new), len(plan.changed), plan.same)


def _planned(connection: Connection, site: Site, described: Sequence[DescribedArticle], asked: Select[Any] = _STORED) -> _Plan:
    own_keys = {article.key for article in described}
    new: list[Description] = []
    changed: list[Description] = []
    differing: list[tuple[int, DescribedArticle]] = []
    for chunk in chunks(described, _CHUNK):
        ids = articles.ids_of(connection, site, [article.key for article in chunk])
        rows = {row.article_id: row for row in connection.execute(asked.where(_a.article_id.in_(ids.values())))}
        for article in chunk:
            row = rows.get(ids[article.key])
            # A file may name an article by its former keys too; what it says under the present key stands.
            if row is not None and row.key != article.key and row.key in own_keys:
                continue
            wanted = _merged(article, row)
            if row is None or any(getattr(wanted, name) != getattr(row, name) for name in _FIELDS):
                (new if row is None else changed).append(wanted)
                differing.append((ids[article.key], article))
    differing.sort(key=itemgetter(0))  # two who describe the same articles cannot wait for each other
    return _Plan(new, changed, [article for _, article in differing], len(described) - len(differing))


def _merged(article: DescribedArticle, row: Row[Any] | None) -> Description:
    """What the file says, over what is stored."""
    stored = {name: getattr(row or _NOTHING, name) for name in _FIELDS}
    return Description(key=article.key, **(stored | article.fields))
