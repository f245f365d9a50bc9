"""The changes of votes: summed up by article, hour and reaction (the series), and one by one (the votes).

Events have no number of their own. Within an article they are in the order of their times, except that a change never stands
before what its reader did earlier, even if the clocks of two machines disagree: so the rows can be replayed without knowing whose
they are. Sorted by reader, they would show who is who across articles.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from hashlib import blake2b
from itertools import chain, groupby
from operator import itemgetter, sub
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Text, bindparam, case, cast, func, select

from reactions.exports import pages, small_groups
from reactions.exports.formats import Batch
from reactions.exports.pages import RowsOfArticles
from reactions.exports.scope import PRECISIONS, Scope
from reactions.storage import tables
from reactions.times import HOUR_MS

NAME_BYTES = 10
ROWS_AT_ONCE = 500  # so few that Python does not look for garbage among them each time: it does after 700 new objects
_USUAL = (None, "vote", False)  # the reaction that was removed, the cause, and whether the vote is held
_e, _h = tables.event.c, tables.hourly.c


def series_batches(scope: Scope) -> Iterator[Batch]:
    """The rows, column by column, in the order of articles, hours and reactions."""
    dialect, days = scope.connection.dialect.name, _Days(scope.zone)
    columns, order = (_h.hour_utc, _h.reaction, _h.added, _h.removed), (_h.hour_utc, pages.bytewise(dialect, _h.reaction))
    series = RowsOfArticles(dialect, _h.article_id, columns, order, scope.within)
    for page in pages.pages(scope.connection, scope.site, tables.article.c.key):
        chosen = scope.matching(page)
        keys = [key for _, key in chosen]
        parts = series.parts(scope.connection, [row[0] for row in chosen], rows=ROWS_AT_ONCE)
        for part in _by_article(parts) if scope.choice.min_group > 1 else parts:
            told = _series_columns(part, keys, days)
            yield small_groups.of_series(told, scope.choice.min_group) if scope.choice.min_group > 1 else told


def _by_article(parts: Iterable[Batch]) -> Iterator[Batch]:
    """The rows of one article at a time: small groups are hidden beside all others of their article."""
    rows = chain.from_iterable(zip(*part, strict=True) for part in parts)
    for _, mine in groupby(rows, key=itemgetter(0)):
        yield list(zip(*mine, strict=True))


def _series_columns(part: Batch, keys: Sequence[str], days: _Days) -> Batch:
    places, hours, reactions, added, removed = part
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
    a, dialect = tables.article.c, scope.connection.dialect.name
    events = _events(dialect, readers=scope.choice.readers, dated=scope.hours is not None)
    for page in pages.pages(scope.connection, scope.site, a.key, a.section):
        chosen = _moved(scope, scope.matching(page))
        if not chosen:
            continue
        ids, keys, sections = zip(*chosen, strict=True)
        for part in events.parts(scope.connection, ids, rows=ROWS_AT_ONCE, **_between(scope)):
            yield _vote_columns(scope, part, keys, sections)


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


def _vote_columns(scope: Scope, part: Batch, keys: Sequence[str], sections: Sequence[str | None]) -> Batch:
    places, at, taken_up, unusual, *voters = part
    unit_ms = PRECISIONS[scope.choice.precision]
    left, causes, held = zip(*[_USUAL if told is None else _told(told) for told in unusual], strict=True)
    columns: list[Any] = [
        [at_ms - at_ms % unit_ms for at_ms in at],
        list(map(keys.__getitem__, places)),
        list(map(sections.__getitem__, places)),
        left,
        taken_up,
        causes,
        held,
    ]
    if scope.choice.readers:
        columns.append([_name(voter, scope.reader_key) for voter in voters[0]])
    return columns


@lru_cache(maxsize=1024)
def _told(unusual: str) -> tuple[str | None, str, bool]:
    """What is unusual of an event, as the database tells it; the same few stand in most rows that are."""
    left, cause, held = json.loads(unusual)
    return left, cause, bool(held)


def _name(voter: bytes, key: bytes) -> str:
    return blake2b(voter, key=key, digest_size=NAME_BYTES).hexdigest()


@cache
def _events(dialect: str, *, readers: bool, dated: bool) -> RowsOfArticles:
    """The events of articles. What is usual of most is left out: each value of a row costs as much as to find the row."""
    earlier = tables.event.alias()
    before = (
        select(func.max(earlier.c.at))
        .where(earlier.c.article_id == _e.article_id, earlier.c.voter == _e.voter, earlier.c.seq <= _e.seq)
        .scalar_subquery()
    )
    turn = case((_e.from_reaction.is_(None), _e.at), else_=before)
    as_json = func.json_array if dialect == "sqlite" else func.json_build_array
    told = cast(as_json(_e.from_reaction, _e.cause, _e.held), Text)
    unusual = case((_e.from_reaction.is_not(None) | (_e.cause != _USUAL[1]) | _e.held, told))
    columns = (_e.at, _e.to_reaction, unusual, *([_e.voter] if readers else []))
    between = (_e.at >= bindparam("begin"), _e.at < bindparam("end")) if dated else ()
    return RowsOfArticles(dialect, _e.article_id, columns, (turn, _e.seq, _e.voter), *between)
