"""Imports: what other tools counted, recorded by article, reaction and source, and kept apart from votes.

The one thing to know: the imported part of a tally is the sum of these amounts over all sources. Both change in one transaction,
and only in `counting`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, Executable, Row, bindparam, delete, select, update

from reactions import models
from reactions.engines import insert_of
from reactions.refusals import ImportConflict, UnknownImport
from reactions.sites import Site

MOST = 2**31 - 1  # of one reaction on one article; the columns of other tools hold no more, and sums stay exact in browsers
_ROWS = 1000
_a, _n, _s = models.article.c, models.imported_amount.c, models.imported_source.c


@dataclass(frozen=True, slots=True)
class Import:
    """What a source has brought to a site: from which file, by whom and when (UTC ms).

    `revision` rises whenever its amounts change. `votes` is how many changes of votes were replayed, where it brought votes.
    """

    site_id: int
    source: str
    format: str
    file_name: str
    file_hash: str
    by: str
    at: int
    revision: int = 0
    votes: int = 0


class Change(NamedTuple):
    """A new amount of one source; 0 stands for none."""

    article_id: int
    reaction: str
    before: int
    after: int


class Changes(Protocol):
    """What an import changes, in chunks, as often as they are asked for."""

    def newcomers(self) -> Iterator[Sequence[tuple[int, str]]]:
        """The articles to register: id and key."""

    def amounts(self) -> Iterator[Sequence[Change]]:
        """The amounts that change, in the order of articles and reactions, which is that of every lock on tallies."""


def tag_of(site: Site, source: str) -> bytes:
    """The first 8 bytes of every voter whom an import of votes has invented, and of nobody else's, by all likelihood."""
    return hashlib.blake2b(f"{site.key}\0{source}".encode(), digest_size=8, person=b"imported votes").digest()


def with_votes(new: Import, votes: int) -> Import:
    """An import that has replayed so many changes of votes."""
    return replace(new, votes=votes)


def of_site(connection: Connection, site: Site) -> list[Import]:
    """All imports of a site, the oldest first."""
    asked = select(models.imported_source).where(_s.site_id == site.id).order_by(_s.at, _s.source)
    return [_import(row) for row in connection.execute(asked)]


def find(connection: Connection, site: Site, source: str) -> Import | None:
    """The import of a source, if there is one."""
    asked = select(models.imported_source).where(_s.site_id == site.id, _s.source == source)
    row = connection.execute(asked).one_or_none()
    return _import(row) if row else None


def named(connection: Connection, site: Site, source: str) -> Import:
    """The import of a source. Raises UnknownImport."""
    found = find(connection, site, source)
    if found is None:
        raise UnknownImport(f"{site.key} has no import {source!r}. `reactions import list {site.key}` shows those it has.")
    return found


def amounts_of(connection: Connection, site: Site, source: str) -> Iterator[Sequence[tuple[int, str, int]]]:
    """What a source has brought: article id, reaction and amount, some thousands at a time."""
    asked = (
        select(_n.article_id, _n.reaction, _n.n)
        .join(models.article, _a.article_id == _n.article_id)
        .where(_a.site_id == site.id, _n.source == source)
    )
    with connection.execute(asked, execution_options={"stream_results": True, "max_row_buffer": _ROWS}) as result:
        for rows in result.partitions(_ROWS):
            yield [(article_id, reaction, n) for article_id, reaction, n in rows]


def record(connection: Connection, new: Import, *, known: Import | None) -> None:
    """Write down an import in the place of the one that is known. Raises ImportConflict if that changed meanwhile."""
    columns = {name: getattr(new, name) for name in _s.keys()}  # noqa: SIM118  a collection of columns is no dictionary
    if known is None:
        statement = insert_of(connection.dialect.name)(models.imported_source).on_conflict_do_nothing()
        _check_one(len(connection.execute(statement.returning(_s.source), columns).all()))
    else:
        columns["revision"] = known.revision + 1
        _check_one(connection.execute(update(models.imported_source).where(*_is(known)).values(columns)).rowcount)


def forget(connection: Connection, known: Import) -> None:
    """Strike out an import. Raises ImportConflict if it changed meanwhile."""
    _check_one(connection.execute(delete(models.imported_source).where(*_is(known))).rowcount)


def change(connection: Connection, source: str, changes: Sequence[Change]) -> None:
    """Write down new amounts of a source."""
    present = [{"article_id": c.article_id, "reaction": c.reaction, "source": source, "n": c.after} for c in changes if c.after]
    gone = [{"a": c.article_id, "r": c.reaction, "s": source} for c in changes if not c.after]
    if present:
        connection.execute(_amount_upsert(connection.dialect.name), present)
    if gone:
        connection.execute(_STRIKE_OUT, gone)


def take_along(connection: Connection, article_id: int, *, into: int) -> dict[str, int]:
    """Let the amounts of a merged article be the other's; return them, summed by reaction.

    An import under way finds that something came between.
    """
    site_id = select(_a.site_id).where(_a.article_id == article_id).scalar_subquery()
    sources = select(_n.source).where(_n.article_id == article_id)
    connection.execute(
        update(models.imported_source).where(_s.site_id == site_id, _s.source.in_(sources)).values(revision=_s.revision + 1)
    )
    asked = select(_n.source, _n.reaction, _n.n).where(_n.article_id == article_id)
    amounts = [(source, reaction, n) for source, reaction, n in connection.execute(asked)]
    if not amounts:
        return {}
    moved = [{"article_id": into, "reaction": r, "source": source, "n": n} for source, r, n in amounts]
    connection.execute(_amount_added(connection.dialect.name), moved)
    connection.execute(delete(models.imported_amount).where(_n.article_id == article_id))
    by_reaction: dict[str, int] = {}
    for _, reaction, n in amounts:
        by_reaction[reaction] = by_reaction.get(reaction, 0) + n
    return by_reaction


def _import(row: Row[Any]) -> Import:
    return Import(**row._mapping)


def _is(known: Import) -> tuple[Any, ...]:
    return _s.site_id == known.site_id, _s.source == known.source, _s.revision == known.revision


def _check_one(rows: int) -> None:
    if rows != 1:
        raise ImportConflict("Another import from this source, or a merge, came between. Nothing was changed; run it again.")


_STRIKE_OUT = delete(models.imported_amount).where(
    _n.article_id == bindparam("a"), _n.reaction == bindparam("r"), _n.source == bindparam("s")
)


@cache
def _amount_upsert(dialect: str) -> Executable:
    statement = insert_of(dialect)(models.imported_amount)
    return statement.on_conflict_do_update(  # type: ignore[no-any-return]
        index_elements=["article_id", "reaction", "source"], set_={"n": statement.excluded.n}
    )


@cache
def _amount_added(dialect: str) -> Executable:
    statement = insert_of(dialect)(models.imported_amount)
    return statement.on_conflict_do_update(  # type: ignore[no-any-return]
        index_elements=["article_id", "reaction", "source"], set_={"n": _n.n + statement.excluded.n}
    )
