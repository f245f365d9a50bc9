"""Articles as reports know them: a card for ranking and grouping, the whole row only of those that are shown."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, Text, and_, cast, func, or_, select

from reactions.newsroom.sites import Site
from reactions.reports import figures, periods
from reactions.reports.filters import names_in
from reactions.reports.periods import Period
from reactions.storage import tables
from reactions.times import HOUR_MS

_a, _t = tables.article.c, tables.tally.c
born_ms = func.coalesce(_a.published_at, _a.first_seen_at)


@dataclass(frozen=True, slots=True)
class Card:
    """An article's place in the paper. It is born when it was published, or first seen if that is not known; UTC ms."""

    article_id: int
    section: str | None
    authors: tuple[str, ...]
    born_ms: int

    @property
    def born_hour(self) -> int:
        """The UTC hour of its birth."""
        return self.born_ms // HOUR_MS


def of(connection: Connection, site: Site, article_ids: Collection[int], period: Period | None = None) -> list[Card]:
    """The cards of these articles of the site, and of those that were born in a period; merged ones have none."""
    which = figures.one_of(connection, _a.article_id, article_ids)
    if period is not None:
        start, end = periods.to_ms(period.start), periods.to_ms(period.end)
        which = or_(which, and_(born_ms >= start, born_ms < end))
    asked = select(_a.article_id, _a.section, cast(_a.authors, Text), born_ms).where(
        _a.site_id == site.id, _a.merged_into.is_(None), which
    )
    return [
        Card(article_id, section, names_in(authors), born)
        for article_id, section, authors, born in connection.execute(asked).all()
    ]


def rows_of(connection: Connection, article_ids: Collection[int]) -> Sequence[Row[Any]]:
    """All that is said of articles."""
    return connection.execute(select(tables.article).where(figures.one_of(connection, _a.article_id, article_ids))).all()


def counts_of(connection: Connection, article_ids: Collection[int]) -> dict[int, dict[str, int]]:
    """The votes of articles by reaction, imported ones included."""
    counts: dict[int, dict[str, int]] = {article_id: {} for article_id in article_ids}
    asked = select(_t.article_id, _t.reaction, _t.n + _t.imported).where(figures.one_of(connection, _t.article_id, article_ids))
    for article_id, reaction, n in connection.execute(asked).all():
        counts[article_id][reaction] = n
    return counts


def imported_of(connection: Connection, article_ids: Collection[int]) -> dict[int, int]:
    """How much of the votes of articles was imported; articles without any are left out."""
    mine = figures.one_of(connection, _t.article_id, article_ids)
    asked = select(_t.article_id, cast(func.sum(_t.imported), BigInteger)).where(mine, _t.imported > 0).group_by(_t.article_id)
    return {article_id: n for article_id, n in connection.execute(asked).all()}  # noqa: C416  rows are no pairs to the type checker
