"""The series: one row for each article, hour and reaction in which something was given or taken back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from itertools import chain, groupby
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from reactions.exports import pages, small_groups
from reactions.exports.csv_files import Batch
from reactions.exports.scope import Scope
from reactions.storage import tables
from reactions.times import HOUR_MS

_h = tables.hourly.c


def batches(scope: Scope) -> Iterator[Batch]:
    """The rows, column by column, in the order of articles, hours and reactions."""
    table, value, place = pages.listed(scope.connection.dialect.name)
    asked = (
        select(place, _h.hour_utc, _h.reaction, _h.added, _h.removed)
        .select_from(table)
        .join(tables.hourly, _h.article_id == value)
        .where(scope.within)
        .order_by(place, _h.hour_utc, pages.bytewise(scope.connection, _h.reaction))
    )
    for page in pages.pages(scope.connection, scope.site, tables.article.c.key):
        chosen = scope.matching(page)
        keys = [row.key for row in chosen]
        given = {"ids": pages.given(scope.connection, [row.article_id for row in chosen])}
        rows = pages.parts(scope.connection, asked, given) if chosen else ()
        for part in _by_article(rows) if scope.choice.min_group > 1 else rows:
            columns = _columns(part, keys, scope.zone)
            yield small_groups.of_series(columns, scope.choice.min_group) if scope.choice.min_group > 1 else columns


def _by_article(parts: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    """The rows of one article at a time: small groups are hidden beside all others of their article."""
    for _, rows in groupby(chain.from_iterable(parts), key=itemgetter(0)):
        yield list(rows)


def _columns(rows: Any, keys: list[str], zone: ZoneInfo) -> Batch:
    places, hours, reactions, added, removed = zip(*rows, strict=True)
    net = [given - taken for given, taken in zip(added, removed, strict=True)]
    days = [local_day(hour, zone) for hour in hours]
    return [[hour * HOUR_MS for hour in hours], days, [keys[place] for place in places], reactions, added, removed, net]


@lru_cache(maxsize=4096)
def local_day(hour: int, zone: ZoneInfo) -> date:
    """The day of the zone in which a UTC hour begins."""
    return datetime.fromtimestamp(hour * 3600, UTC).astimezone(zone).date()
