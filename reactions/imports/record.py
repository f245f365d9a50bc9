"""The record of imports: what each source has brought to a site, from which file, by whom and when."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from reactions.languages import gettext
from reactions.newsroom.sites import Site
from reactions.refusals import ImportConflict, UnknownImport
from reactions.reports.words import counted
from reactions.storage import tables
from reactions.storage.engines import insert_of
from reactions.votes import imported, imported_views

_s = tables.imported_source.c


SOURCE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")  # the name of an import; a NUL would be a fault of PostgreSQL


VIEWS = ("plausible", "matomo", "ga4")  # formats
_UNFINISHED = ""  # the hash of no file


@dataclass(frozen=True, slots=True)
class Import:
    """What a source has brought to a site: from which file, by whom and when (UTC ms).

    `revision` rises whenever its amounts change. `votes` is the number of replayed changes of votes, where it brought votes.
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

    @property
    def brings_views(self) -> bool:
        """True for an import of views, which has no reactions."""
        return self.format in VIEWS

    @property
    def is_unfinished(self) -> bool:
        """True while it is under way, and if it was cut short: some of its file is here, or not yet gone."""
        return self.file_hash == _UNFINISHED


def tag_of(site: Site, source: str) -> bytes:
    """The first 8 bytes of every voter whom an import of votes has invented, and in all likelihood of nobody else's."""
    return hashlib.blake2b(f"{site.key}\0{source}".encode(), digest_size=8, person=b"imported votes").digest()


def imports_of(connection: Connection, site: Site) -> list[Import]:
    """All imports of a site, the oldest first."""
    query = select(tables.imported_source).where(_s.site_id == site.id).order_by(_s.at, _s.source)
    return [_import(row) for row in connection.execute(query)]


def find(connection: Connection, site: Site, source: str) -> Import | None:
    """The import of a source, if there is one."""
    if not SOURCE.fullmatch(source):
        return None
    query = select(tables.imported_source).where(_s.site_id == site.id, _s.source == source)
    row = connection.execute(query).one_or_none()
    return _import(row) if row else None


def get(connection: Connection, site: Site, source: str) -> Import:
    """The import of a source. Raises UnknownImport."""
    found = find(connection, site, source)
    if found is None:
        raise UnknownImport(
            gettext(
                "%(site)s has no import %(source)s. `reactions import list %(site)s` shows those it has.",
                site=site.key,
                source=repr(source),
            )
        )
    return found


def put(connection: Connection, new: Import, *, known: Import | None) -> None:
    """Record an import in the place of the one that is known. Raises ImportConflict if that changed meanwhile."""
    columns = {name: getattr(new, name) for name in _s.keys()}  # noqa: SIM118  a collection of columns is no dictionary
    if known is None:
        statement = insert_of(connection.dialect.name)(tables.imported_source).on_conflict_do_nothing()
        _check_one(len(connection.execute(statement.returning(_s.source), columns).all()))
    else:
        columns["revision"] = known.revision + 1
        _check_one(connection.execute(update(tables.imported_source).where(*_is(known)).values(columns)).rowcount)


def begin(connection: Connection, new: Import, *, known: Import | None) -> Import:
    """Record that an import of several transactions is under way; return that record. Raises ImportConflict, as `put` does."""
    begun = replace(new, file_hash=_UNFINISHED, revision=0 if known is None else known.revision + 1)
    put(connection, begun, known=known)
    return begun


def hold(connection: Connection, begun: Import) -> None:
    """Keep others from changing what an import under way has brought, for this transaction. Raises ImportConflict if they did."""
    held = update(tables.imported_source).where(*_is(begun)).values(revision=begun.revision)
    if connection.execute(held).rowcount != 1:
        raise interrupted()


def already(connection: Connection, site: Site, known: Import) -> str:
    """How a refusal begins: "daily already has 12 reactions imported from varient (old.csv, 2026-11-27)"."""
    if known.brings_views:
        brought = counted(imported_views.total_of(connection, site, known.source), "view")
    elif known.votes:
        brought = counted(known.votes, "change of votes", "changes of votes")
    else:
        brought = counted(imported.total_of(connection, site, known.source), "reaction")
    day = datetime.fromtimestamp(known.at / 1000, UTC).date()
    return f"{site.key} already has {brought} imported from {known.source} ({known.file_name}, {day})"


def changed() -> ImportConflict:
    """The refusal of a plan that is no longer true."""
    return ImportConflict(
        gettext("Another import of this source, or a merge, happened meanwhile. Nothing was changed; run the import again.")
    )


def interrupted() -> ImportConflict:
    """The refusal to go on with an import of several transactions."""
    return ImportConflict(
        gettext(
            "Another import of this source, a merge or a deletion of an article happened meanwhile. What was changed until then "
            "stays; run the same command again, and it goes on."
        )
    )


def delete_import(connection: Connection, known: Import) -> None:
    """Delete the record of an import. Raises ImportConflict if it changed meanwhile."""
    _check_one(connection.execute(delete(tables.imported_source).where(*_is(known))).rowcount)


def _import(row: Row[Any]) -> Import:
    return Import(**row._mapping)


def _is(known: Import) -> tuple[Any, ...]:
    return _s.site_id == known.site_id, _s.source == known.source, _s.revision == known.revision


def _check_one(rows: int) -> None:
    if rows != 1:
        raise changed()
