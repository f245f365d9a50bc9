"""The rows that sums are made of: those of the hourly series, and of the rollups where these cover closed hours and days."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select, union_all

from reactions.newsroom.sites import Site
from reactions.storage import lists, tables
from reactions.votes.rollups import DAY_HOURS
from reactions.votes.tallies import READERS_OF_HOUR

_a, _h = tables.article.c, tables.hourly.c
_rolled_hour, _rolled_day = tables.rolled_hour.c, tables.rolled_day.c
_FEW_HOURS = 48


def rows_by_hour(connection: Connection, site: Site, hours: range, among: Collection[int] | None, rolled: int) -> Any:
    """The columns of rows that say what happened in each of these hours; the rollup has them of the site as a whole."""
    before = max(min(rolled if among is None else 0, hours.stop), hours.start)
    rest = [_series(connection, site, range(before, hours.stop), among, _h.hour_utc)] if before < hours.stop else []
    mine = (_rolled_hour.site_id == site.id, _rolled_hour.hour_utc >= hours.start, _rolled_hour.hour_utc < before)
    made = [_rolled(_rolled_hour, _rolled_hour.hour_utc).where(*mine)] if before > hours.start else []
    return union_all(*made, *rest).subquery().c


def rows_by_article(connection: Connection, site: Site, hours: range, rolled: int) -> Any:
    """The columns of rows that say what happened to each article: of whole UTC days from the rollup, of other hours not."""
    days = range(-(-hours.start // DAY_HOURS), min(hours.stop, rolled) // DAY_HOURS)
    edges = [range(hours.start, days.start * DAY_HOURS), range(days.stop * DAY_HOURS, hours.stop)] if days else [hours]
    rest = [_series(connection, site, edge, None, _h.article_id) for edge in edges if edge]
    mine = (_rolled_day.site_id == site.id, lists.one_of(connection, _rolled_day.day_utc, days))
    made = [_rolled(_rolled_day, _rolled_day.article_id).where(*mine)] if days else []
    return union_all(*made, *rest).subquery().c


def _rolled(of: Any, column: Any) -> Select[Any]:
    return select(column, of.reaction, of.added, of.removed, of.readers)


def _series(connection: Connection, site: Site, hours: range, among: Collection[int] | None, column: Any) -> Select[Any]:
    """A column and the moves of the hourly series over some hours, of all the site's articles or of some."""
    which = of_site(connection, site, hours) if among is None else lists.one_of(connection, _h.article_id, among)
    moved = select(column, _h.reaction, _h.added, _h.removed, READERS_OF_HOUR.label("readers"))
    return moved.where(_h.hour_utc >= hours.start, _h.hour_utc < hours.stop, which)


def of_site(connection: Connection, site: Site, hours: range) -> ColumnElement[bool]:
    """The condition that an hour is of an article of the site.

    SQLite takes the way that a condition names first: a list of articles, which pays for days, or the hours, which pay for a few.
    """
    if connection.dialect.name == "sqlite" and len(hours) <= _FEW_HOURS:
        return select(_a.site_id).where(_a.article_id == _h.article_id).scalar_subquery() == site.id
    return _h.article_id.in_(select(_a.article_id).where(_a.site_id == site.id))
