"""Imported amounts: what other tools counted, by article, reaction and source, kept apart from votes.

The imported part of a tally is the sum of these amounts over all sources; both change in one transaction of the ballot box.
`imports.record` knows where each source's amounts came from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import cache
from typing import NamedTuple

from sqlalchemy import Connection, Executable, bindparam, delete, func, select, union, update

from reactions.newsroom.sites import Site
from reactions.storage import tables
from reactions.storage.engines import insert_of
from reactions.votes import tallies

MOST = 2**31 - 1  # of one reaction on one article; the columns of other tools hold no more, and sums stay exact in browsers
_ROWS = 1000
_a, _n, _s, _w = tables.article.c, tables.imported_amount.c, tables.imported_source.c, tables.imported_views.c


class Change(NamedTuple):
    """A new amount of one source; 0 stands for none."""

    article_id: int
    reaction: str
    before: int
    after: int


def amounts_of(connection: Connection, site: Site, source: str) -> Iterator[Sequence[tuple[int, str, int]]]:
    """What a source has brought: article id, reaction and amount, some thousands at a time."""
    asked = (
        select(_n.article_id, _n.reaction, _n.n)
        .join(tables.article, _a.article_id == _n.article_id)
        .where(_a.site_id == site.id, _n.source == source)
    )
    with connection.execute(asked, execution_options={"stream_results": True, "max_row_buffer": _ROWS}) as result:
        for rows in result.partitions(_ROWS):
            yield [(article_id, reaction, n) for article_id, reaction, n in rows]


class Present(NamedTuple):
    """What a source has brought to an article."""

    article_id: int
    source: str
    n: int


def first_of(connection: Connection, ids: Collection[int]) -> Present | None:
    """What one of these articles has of one source; None if none has anything."""
    asked = select(_n.article_id, _n.source, func.sum(_n.n)).where(_n.article_id.in_(ids)).group_by(_n.article_id, _n.source)
    row = connection.execute(asked.order_by(_n.article_id, _n.source).limit(1)).one_or_none()
    return Present(row[0], row[1], int(row[2])) if row else None


def total_of(connection: Connection, site: Site, source: str) -> int:
    """The sum of what a source has brought."""
    mine = select(func.sum(_n.n)).join(tables.article, _a.article_id == _n.article_id)
    return int(connection.execute(mine.where(_a.site_id == site.id, _n.source == source)).scalar() or 0)


def change(connection: Connection, source: str, changes: Sequence[Change]) -> None:
    """Write down new amounts of a source."""
    present = [{"article_id": c.article_id, "reaction": c.reaction, "source": source, "n": c.after} for c in changes if c.after]
    gone = [{"a": c.article_id, "r": c.reaction, "s": source} for c in changes if not c.after]
    if present:
        connection.execute(_amount_upsert(connection.dialect.name), present)
    if gone:
        connection.execute(_STRIKE_OUT, gone)


def remove(connection: Connection, site_id: int, article_ids: Collection[int]) -> None:
    """Forget what was imported for articles whose tallies go with it. An import under way finds that its source was revised."""
    sources = set(connection.execute(select(_n.source).where(_n.article_id.in_(article_ids))).scalars())
    if sources:
        revise(connection, site_id, sources)
        connection.execute(delete(tables.imported_amount).where(_n.article_id.in_(article_ids)))


def hold_sources(connection: Connection, site_id: int, article_ids: Collection[int]) -> None:
    """Wait for imports that change what these articles have; none begins before this transaction ends.

    Whoever stops the counting calls it before, because an import may take long.
    """
    if connection.dialect.name != "sqlite":
        theirs = select(_n.source).where(_n.article_id.in_(article_ids))
        viewed = select(_w.source).where(_w.article_id.in_(article_ids))
        sources = connection.execute(union(theirs, viewed)).scalars().all()
        held = select(_s.source).where(_s.site_id == site_id, _s.source.in_(sources)).order_by(_s.source)
        connection.execute(held.with_for_update()).all()


def revise(connection: Connection, site_id: int, sources: Collection[str]) -> None:
    """Note that what sources have brought has changed, for imports under way."""
    mine = update(tables.imported_source).where(_s.site_id == site_id, _s.source.in_(sorted(sources)))
    connection.execute(mine.values(revision=_s.revision + 1))


def merge(connection: Connection, site_id: int, article_id: int, *, into: int) -> None:
    """Count for another article what was imported for this one. Repeating it changes nothing.

    An import under way finds that its source was revised meanwhile.
    """
    moved = _move_amounts(connection, site_id, article_id, into=into)
    fall = {(article_id, reaction): -n for reaction, n in moved.items()}
    tallies.shift_imported(connection, fall | {(into, reaction): n for reaction, n in moved.items()})
    if moved:
        tallies.note_rewrite(connection, from_hour=tallies.NO_HOUR)


def _move_amounts(connection: Connection, site_id: int, article_id: int, *, into: int) -> dict[str, int]:
    """Give the amounts of an article to another; return them, summed by reaction."""
    asked = select(_n.source, _n.reaction, _n.n).where(_n.article_id == article_id)
    amounts = [(source, reaction, n) for source, reaction, n in connection.execute(asked)]
    if not amounts:
        return {}
    revise(connection, site_id, {source for source, *_ in amounts})
    moved = [{"article_id": into, "reaction": r, "source": source, "n": n} for source, r, n in amounts]
    connection.execute(_amount_added(connection.dialect.name), moved)
    connection.execute(delete(tables.imported_amount).where(_n.article_id == article_id))
    by_reaction: dict[str, int] = {}
    for _, reaction, n in amounts:
        by_reaction[reaction] = by_reaction.get(reaction, 0) + n
    return by_reaction


_STRIKE_OUT = delete(tables.imported_amount).where(
    _n.article_id == bindparam("a"), _n.reaction == bindparam("r"), _n.source == bindparam("s")
)


@cache
def _amount_upsert(dialect: str) -> Executable:
    statement = insert_of(dialect)(tables.imported_amount)
    return statement.on_conflict_do_update(  # type: ignore[no-any-return]
        index_elements=["article_id", "reaction", "source"], set_={"n": statement.excluded.n}
    )


@cache
def _amount_added(dialect: str) -> Executable:
    statement = insert_of(dialect)(tables.imported_amount)
    return statement.on_conflict_do_update(  # type: ignore[no-any-return]
        index_elements=["article_id", "reaction", "source"], set_={"n": _n.n + statement.excluded.n}
    )
