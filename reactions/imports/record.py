"""The record of what came: each import of a site, from which file, by whom and when."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from sqlalchemy import Connection, Row, delete, select, update

from reactions.newsroom.sites import Site
from reactions.refusals import ImportConflict, UnknownImport
from reactions.storage import tables
from reactions.storage.engines import insert_of
from reactions.votes.imported import Change

_s = tables.imported_source.c


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
    asked = select(tables.imported_source).where(_s.site_id == site.id).order_by(_s.at, _s.source)
    return [_import(row) for row in connection.execute(asked)]


def find(connection: Connection, site: Site, source: str) -> Import | None:
    """The import of a source, if there is one."""
    asked = select(tables.imported_source).where(_s.site_id == site.id, _s.source == source)
    row = connection.execute(asked).one_or_none()
    return _import(row) if row else None


def named(connection: Connection, site: Site, source: str) -> Import:
    """The import of a source. Raises UnknownImport."""
    found = find(connection, site, source)
    if found is None:
        raise UnknownImport(f"{site.key} has no import {source!r}. `reactions import list {site.key}` shows those it has.")
    return found


def record(connection: Connection, new: Import, *, known: Import | None) -> None:
    """Write down an import in the place of the one that is known. Raises ImportConflict if that changed meanwhile."""
    columns = {name: getattr(new, name) for name in _s.keys()}  # noqa: SIM118  a collection of columns is no dictionary
    if known is None:
        statement = insert_of(connection.dialect.name)(tables.imported_source).on_conflict_do_nothing()
        _check_one(len(connection.execute(statement.returning(_s.source), columns).all()))
    else:
        columns["revision"] = known.revision + 1
        _check_one(connection.execute(update(tables.imported_source).where(*_is(known)).values(columns)).rowcount)


def forget(connection: Connection, known: Import) -> None:
    """Strike out an import. Raises ImportConflict if it changed meanwhile."""
    _check_one(connection.execute(delete(tables.imported_source).where(*_is(known))).rowcount)


def _import(row: Row[Any]) -> Import:
    return Import(**row._mapping)


def _is(known: Import) -> tuple[Any, ...]:
    return _s.site_id == known.site_id, _s.source == known.source, _s.revision == known.revision


def _check_one(rows: int) -> None:
    if rows != 1:
        raise ImportConflict("Another import from this source, or a merge, came between. Nothing was changed; run it again.")
