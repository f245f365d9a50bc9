"""Imported views: what a tool that counts pages knew of an article's views on a day. They stand in `views` as counted ones do.

A day's sum stands in the first hour of the site's day, and a row of 0 in its last: a reaction rate has the readers from an
article's first hour with a view to its last. `imported_views` remembers both hours, so that a day is replaced or taken back
exactly even after the site's zone has changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, Row, and_, bindparam, cast, delete, exists, func, or_, select

from reactions.newsroom.sites import Site
from reactions.storage import tables
from reactions.storage.engines import insert_for
from reactions.votes import imported, views

_ROWS = 1000
_a, _v, _w = tables.article.c, tables.views.c, tables.imported_views.c
_sum = cast(func.sum(_w.n), BigInteger)
_EPOCH = date(1970, 1, 1)


class DayChange(NamedTuple):
    """The new views of an article on a day (since 1970), and the UTC hours of the day; 0 stands for none."""

    article_id: int
    day: int
    after: int
    hours: range


def day_of(text: str) -> int:
    """The number (since 1970) of a day such as 2026-03-01 or 20260301. Raises ValueError."""
    return (date.fromisoformat(text) - _EPOCH).days


def shown(day: int) -> str:
    """A day as it is written: 2026-03-01."""
    return (_EPOCH + timedelta(days=day)).isoformat()


def of_source(connection: Connection, site: Site, source: str) -> Iterator[Sequence[tuple[int, int, int]]]:
    """What a source has brought: article id, day and views, some thousands at a time."""
    asked = (
        select(_w.article_id, _w.day, _sum)
        .join(tables.article, _a.article_id == _w.article_id)
        .where(_a.site_id == site.id, _w.source == source)
        .group_by(_w.article_id, _w.day)
    )
    with connection.execute(asked, execution_options={"stream_results": True, "max_row_buffer": _ROWS}) as result:
        for rows in result.partitions(_ROWS):
            yield [(article_id, day, int(n)) for article_id, day, n in rows]


def total_of(connection: Connection, site: Site, source: str) -> int:
    """The sum of what a source has brought."""
    mine = select(_sum).join(tables.article, _a.article_id == _w.article_id)
    return int(connection.execute(mine.where(_a.site_id == site.id, _w.source == source)).scalar() or 0)


def sources_by_day(connection: Connection, site: Site) -> dict[int, str]:
    """The days (since 1970) of a site that have imported views, and whose they are. A day has one source."""
    asked = select(_w.day, _w.source).join(tables.article, _a.article_id == _w.article_id).where(_a.site_id == site.id)
    return {day: source for day, source in connection.execute(asked.distinct())}  # noqa: C416  rows are no pairs to the type checker


def counted_hours(connection: Connection, site: Site) -> set[int]:
    """The UTC hours in which the widget counted views of a site's articles."""
    seen = select(_v.hour_utc, cast(func.sum(_v.n), BigInteger)).join(tables.article, _a.article_id == _v.article_id)
    brought = select(_w.first_hour, _sum).join(tables.article, _a.article_id == _w.article_id)
    of_imports = {hour: int(n) for hour, n in connection.execute(brought.where(_a.site_id == site.id).group_by(_w.first_hour))}
    of_all = connection.execute(seen.where(_a.site_id == site.id).group_by(_v.hour_utc))
    return {hour for hour, n in of_all if int(n) > of_imports.get(hour, 0)}


def change(connection: Connection, source: str, changes: Sequence[DayChange]) -> None:
    """Put new views of a source in the place of those that articles have on these days."""
    sums: Counter[tuple[int, int]] = Counter()
    if gone := _before(connection, changes):
        for row in gone:
            sums[row.article_id, row.first_hour] -= row.n
        connection.execute(_STRIKE_OUT, [{"a": row.article_id, "d": row.day, "h": row.first_hour} for row in gone])
    present = [each for each in changes if each.after]
    for each in present:
        sums[each.article_id, each.hours.start] += each.after
        sums[each.article_id, each.hours.stop - 1] += 0
    rows = [{"article_id": article_id, "hour_utc": hour, "n": n} for (article_id, hour), n in sorted(sums.items())]
    if present:
        connection.execute(tables.imported_views.insert(), [_row(each, source) for each in present])
    views.add_sums(connection, rows)
    _sweep(connection, {each.article_id for each in changes})


def move(connection: Connection, site_id: int, article_id: int, *, into: int) -> None:
    """Give what was imported for a merged article to the one it went into; `views.move` moves the views themselves.

    An import under way finds that its source was revised meanwhile.
    """
    rows = connection.execute(select(tables.imported_views).where(_w.article_id == article_id)).mappings().all()
    if rows:
        imported.revise(connection, site_id, {row["source"] for row in rows})
        statement = insert_for(connection)(tables.imported_views)
        added = statement.on_conflict_do_update(
            index_elements=["article_id", "day", "first_hour"], set_={"n": _w.n + statement.excluded.n}
        )
        connection.execute(added, [{**row, "article_id": into} for row in rows])
        connection.execute(delete(tables.imported_views).where(_w.article_id == article_id))


def remove(connection: Connection, site_id: int, article_ids: Collection[int]) -> None:
    """Forget what was imported for articles whose views go with it. An import under way finds that its source was revised."""
    sources = set(connection.execute(select(_w.source).where(_w.article_id.in_(article_ids)).distinct()).scalars())
    if sources:
        imported.revise(connection, site_id, sources)
        connection.execute(delete(tables.imported_views).where(_w.article_id.in_(article_ids)))


def _before(connection: Connection, changes: Sequence[DayChange]) -> Sequence[Row[Any, Any, Any, Any]]:
    """What stands for the articles and days of changes. By articles and days apart: SQLite finds no index for pairs."""
    pairs = {(each.article_id, each.day) for each in changes}
    ids, days = ({pair[at] for pair in pairs} for at in (0, 1))
    asked = select(_w.article_id, _w.day, _w.first_hour, _w.n).where(_w.article_id.in_(ids), _w.day.between(min(days), max(days)))
    return [row for row in connection.execute(asked) if (row.article_id, row.day) in pairs]


def _row(each: DayChange, source: str) -> Mapping[str, Any]:
    return {
        "article_id": each.article_id, "day": each.day, "first_hour": each.hours.start, "last_hour": each.hours.stop - 1,
        "source": source, "n": each.after,
    }  # fmt: skip


def _sweep(connection: Connection, article_ids: Collection[int]) -> None:
    """Remove rows of 0 in `views` that no imported day needs any more."""
    edge = or_(_w.first_hour == _v.hour_utc, _w.last_hour == _v.hour_utc)
    needed = exists().where(and_(_w.article_id == _v.article_id, edge))
    connection.execute(delete(tables.views).where(_v.article_id.in_(article_ids), _v.n == 0, ~needed))


_STRIKE_OUT = delete(tables.imported_views).where(
    _w.article_id == bindparam("a"), _w.day == bindparam("d"), _w.first_hour == bindparam("h")
)
