"""The changes of votes: summed up by article, hour and reaction (the series), and one by one (the votes).

Events have no number of their own. Within an article they are in the order of their times, except that a change never stands
before what its reader did earlier, even if the clocks of two machines disagree: so the rows can be replayed without knowing whose
they are. Sorted by reader, they would show who is who across articles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from hashlib import blake2b
from itertools import chain, groupby
from operator import itemgetter, sub
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, case, func, select

from reactions.exports import pages, small_groups
from reactions.exports.formats import Batch
from reactions.exports.scope import PRECISIONS, Scope
from reactions.storage import tables
from reactions.storage.statements import Listing
from reactions.times import HOUR_MS

NAME_BYTES = 10
ROWS_AT_ONCE = 500  # so few that Python does not look for garbage among them each time: it does after 700 new objects
_e, _h = tables.event.c, tables.hourly.c


def series_batches(scope: Scope) -> Iterator[Batch]:
    """The rows, column by column, in the order of articles, hours and reactions."""
    table, value, place = pages.listed(scope.connection.dialect.name)
    query = (
        select(place, _h.hour_utc, _h.reaction, _h.added, _h.removed)
        .select_from(table)
        .join(tables.hourly, _h.article_id == value)
        .where(scope.within)
        .order_by(place, _h.hour_utc, pages.bytewise(scope.connection, _h.reaction))
    )
    listing, days = Listing(query, scope.connection.dialect.name), _Days(scope.zone)
    for page in pages.pages(scope.connection, scope.site, tables.article.c.key):
        chosen = scope.matching(page)
        keys = [key for _, key in chosen]
        given = {"ids": pages.given(scope.connection, [row[0] for row in chosen])}
        rows = listing.parts(scope.connection, given, rows=ROWS_AT_ONCE) if chosen else ()
        for part in _by_article(rows) if scope.choice.min_group > 1 else rows:
            columns = _series_columns(part, keys, days)
            yield small_groups.of_series(columns, scope.choice.min_group) if scope.choice.min_group > 1 else columns


def _by_article(parts: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    """The rows of one article at a time: small groups are hidden beside all others of their article."""
    for _, rows in groupby(chain.from_iterable(parts), key=itemgetter(0)):
        yield list(rows)


def _series_columns(rows: Any, keys: list[str], days: _Days) -> Batch:
    places, hours, reactions, added, removed = zip(*rows, strict=True)
    return [
        [hour * HOUR_MS for hour in hours],
        list(map(days.__getitem__, hours)),
        list(map(keys.__getitem__, places)),
        reactions,
        added,
        removed,
        list(map(sub, added, removed)),
    ]


class _Days(dict[int, date]):
    """The days of a zone in which UTC hours begin; a site has some 9,000 of them a year."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone

    def __missing__(self, hour: int) -> date:
        self[hour] = day = local_day(hour, self._zone)
        return day


@lru_cache(maxsize=4096)
def local_day(hour: int, zone: ZoneInfo) -> date:
    """The day of the zone in which a UTC hour begins."""
    return datetime.fromtimestamp(hour * 3600, UTC).astimezone(zone).date()


def vote_batches(scope: Scope) -> Iterator[Batch]:
    """The rows, column by column, in the order of articles and of what happened to them."""
    a = tables.article.c
    for page in pages.pages(scope.connection, scope.site, a.key, a.section):
        chosen = _moved(scope, scope.matching(page))
        if not chosen:
            continue
        given = {"ids": pages.given(scope.connection, [row[0] for row in chosen]), **_between(scope)}
        dialect = scope.connection.dialect.name
        events = _events(dialect, readers=scope.choice.readers, dated=scope.hours is not None)
        _, keys, sections = zip(*chosen, strict=True)
        for rows in events.parts(scope.connection, given, rows=ROWS_AT_ONCE):
            yield _vote_columns(scope, rows, keys, sections)


def _moved(scope: Scope, chosen: Sequence[Any]) -> Sequence[Any]:
    """The articles with anything in the hours of the scope: events are read of these alone."""
    if scope.hours is None or not chosen:
        return chosen
    _, value, _ = listed = pages.listed(scope.connection.dialect.name)
    query = select(_h.article_id).distinct().select_from(listed[0]).join(tables.hourly, _h.article_id == value)
    given = {"ids": pages.given(scope.connection, [row[0] for row in chosen])}
    moved = set(scope.connection.execute(query.where(scope.within), given).scalars())
    return [row for row in chosen if row[0] in moved]


def _between(scope: Scope) -> dict[str, int]:
    return {} if scope.hours is None else {"begin": scope.hours.start * HOUR_MS, "end": scope.hours.stop * HOUR_MS}


def _vote_columns(scope: Scope, rows: Sequence[Any], keys: Sequence[str], sections: Sequence[str | None]) -> Batch:
    places, at, left, taken_up, causes, held, *voters = zip(*rows, strict=True)
    unit_ms = PRECISIONS[scope.choice.precision]
    columns: list[Any] = [
        [at_ms - at_ms % unit_ms for at_ms in at],
        list(map(keys.__getitem__, places)),
        list(map(sections.__getitem__, places)),
        left,
        taken_up,
        causes,
        list(map(bool, held)),
    ]
    if scope.choice.readers:
        columns.append([_name(voter, scope.reader_key) for voter in voters[0]])
    return columns


def _name(voter: bytes, key: bytes) -> str:
    return blake2b(voter, key=key, digest_size=NAME_BYTES).hexdigest()


@cache
def _events(dialect: str, *, readers: bool, dated: bool) -> Listing:
    """The events of the listed articles."""
    table, value, place = pages.listed(dialect)
    earlier = tables.event.alias()
    before = (
        select(func.max(earlier.c.at))
        .where(earlier.c.article_id == _e.article_id, earlier.c.voter == _e.voter, earlier.c.seq <= _e.seq)
        .scalar_subquery()
    )
    turn = case((_e.from_reaction.is_(None), _e.at), else_=before)
    more = [_e.voter] if readers else []
    query = (
        select(place, _e.at, _e.from_reaction, _e.to_reaction, _e.cause, _e.held, *more)
        .select_from(table)
        .join(tables.event, _e.article_id == value)
        .order_by(place, turn, _e.seq, _e.voter)
    )
    query = query.where(_e.at >= bindparam("begin"), _e.at < bindparam("end")) if dated else query
    return Listing(query, dialect)
