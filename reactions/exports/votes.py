"""The votes: one row for each event of the ledger.

Events have no number of their own. Within an article they are in the order of their times, except that a change never stands
before what its reader did earlier, even if the clocks of two machines disagree: so the rows can be replayed without knowing whose
they are. In the order of readers they would tell who is who across articles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import blake2b
from typing import Any

from sqlalchemy import Select, bindparam, case, exists, func, select

from reactions.exports import pages
from reactions.exports.choosing import PRECISIONS
from reactions.exports.csv_files import Batch
from reactions.exports.scope import Scope
from reactions.storage import tables
from reactions.times import HOUR_MS

NAME_BYTES = 10
_e, _v, _h = tables.event.c, tables.vote.c, tables.hourly.c


def batches(scope: Scope) -> Iterator[Batch]:
    """The rows, column by column, in the order of articles and of what happened to them."""
    a = tables.article.c
    for page in pages.pages(scope.connection, scope.site, a.key, a.section):
        chosen = _moved(scope, scope.matching(page))
        if not chosen:
            continue
        given = {"ids": pages.given(scope.connection, [row.article_id for row in chosen]), **_between(scope)}
        dialect = scope.connection.dialect.name
        held = bool(scope.connection.execute(_any_held(dialect), {"ids": given["ids"]}).scalar_one())
        events = _events(dialect, held=held, readers=scope.choice.readers, dated=scope.hours is not None)
        keys, sections = [row.key for row in chosen], [row.section for row in chosen]
        for rows in pages.parts(scope.connection, events, given):
            yield _columns(scope, rows, keys, sections, held=held)


def _moved(scope: Scope, articles: Sequence[Any]) -> Sequence[Any]:
    """The articles with anything in the hours of the scope: events are read of these alone."""
    if scope.hours is None or not articles:
        return articles
    _, value, _ = listed = pages.listed(scope.connection.dialect.name)
    asked = select(_h.article_id).distinct().select_from(listed[0]).join(tables.hourly, _h.article_id == value)
    given = {"ids": pages.given(scope.connection, [row.article_id for row in articles])}
    moved = set(scope.connection.execute(asked.where(scope.within), given).scalars())
    return [row for row in articles if row.article_id in moved]


def _between(scope: Scope) -> dict[str, int]:
    return {} if scope.hours is None else {"begin": scope.hours.start * HOUR_MS, "end": scope.hours.stop * HOUR_MS}


def _columns(scope: Scope, rows: Sequence[Any], keys: Sequence[str], sections: Sequence[str | None], *, held: bool) -> Batch:
    places, at, left, taken_up, causes, *others = zip(*rows, strict=True)
    unit_ms = PRECISIONS[scope.choice.precision]
    columns: list[Any] = [
        [at_ms - at_ms % unit_ms for at_ms in at],
        [keys[place] for place in places],
        [sections[place] for place in places],
        left,
        taken_up,
        causes,
        [bool(mark) for mark in others[0]] if held else [False] * len(at),
    ]
    if scope.choice.readers:
        columns.append([_name(voter, scope.reader_key) for voter in others[-1]])
    return columns


def _name(voter: bytes, key: bytes) -> str:
    return blake2b(voter, key=key, digest_size=NAME_BYTES).hexdigest()


@cache
def _any_held(dialect: str) -> Select[Any]:
    table, value, _ = pages.listed(dialect)
    return select(exists().where(_v.article_id.in_(select(value).select_from(table)), _v.held))


@cache
def _events(dialect: str, *, held: bool, readers: bool, dated: bool) -> Select[Any]:
    """The events of the listed articles. That a vote is held is looked up only where some vote is: it costs a third."""
    table, value, place = pages.listed(dialect)
    earlier = tables.event.alias()
    before = (
        select(func.max(earlier.c.at))
        .where(earlier.c.article_id == _e.article_id, earlier.c.voter == _e.voter, earlier.c.seq <= _e.seq)
        .scalar_subquery()
    )
    turn = case((_e.from_reaction.is_(None), _e.at), else_=before)
    more = ([_v.held] if held else []) + ([_e.voter] if readers else [])
    asked = (
        select(place, _e.at, _e.from_reaction, _e.to_reaction, _e.cause, *more)
        .select_from(table)
        .join(tables.event, _e.article_id == value)
        .order_by(place, turn, _e.seq, _e.voter)
    )
    if held:
        asked = asked.join(tables.vote, (_v.article_id == _e.article_id) & (_v.voter == _e.voter))
    return asked.where(_e.at >= bindparam("begin"), _e.at < bindparam("end")) if dated else asked
