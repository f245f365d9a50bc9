"""Tallies: the stored number for each (article, reaction), and the hourly series beside it. Only `counting` shifts them.

A tally has two parts: `n` are votes, `imported` is what other tools counted. What is shown is their sum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Connection, Executable, bindparam, cast, select, update

from reactions import models
from reactions.engines import insert_of

HOUR_MS = 3_600_000

Shift = tuple[int, int, str | None, str | None]  # article id, time in UTC ms, reaction left, reaction taken up

_t, _h = models.tally.c, models.hourly.c
_READ = select(_t.article_id, _t.reaction, cast(_t.n + _t.imported, BigInteger)).where(
    _t.article_id.in_(bindparam("ids", expanding=True))
)
_LOWER = (
    update(models.tally).where(_t.article_id == bindparam("a"), _t.reaction == bindparam("r")).values(n=_t.n - bindparam("less"))
)

_LOWER_IMPORTED = (
    update(models.tally)
    .where(_t.article_id == bindparam("a"), _t.reaction == bindparam("r"))
    .values(imported=_t.imported - bindparam("less"))
)


def counts_of(connection: Connection, article_ids: Collection[int]) -> dict[int, dict[str, int]]:
    """What is counted, by article and reaction; imported totals included, reactions without a vote absent."""
    counts: dict[int, dict[str, int]] = {article_id: {} for article_id in article_ids}
    for article_id, reaction, n in connection.execute(_READ, {"ids": list(counts)}):
        counts[article_id][reaction] = n
    return counts


def shift(connection: Connection, shifts: Collection[Shift]) -> None:
    """Apply a batch of changes: the hourly series first, the tallies last, because theirs are the hottest locks."""
    if not shifts:
        return
    dialect = connection.dialect.name
    connection.execute(_hourly_upsert(dialect), _hourly_rows(shifts))
    net: Counter[tuple[int, str]] = Counter()
    for article_id, _, left, taken_up in shifts:
        _add(net, article_id, left, -1)
        _add(net, article_id, taken_up, +1)
    # Every row is locked here, in order, the falling ones by adding 0: two batches then cannot wait for each other.
    # They fall in a second step because CHECK (n >= 0) is tested on the row as proposed, before the conflict is seen.
    rows = [{"article_id": a, "reaction": r, "n": max(by, 0)} for (a, r), by in sorted(net.items()) if by]
    if rows:
        connection.execute(_tally_upsert(dialect), rows)
    if falling := [{"a": a, "r": r, "less": -by} for (a, r), by in sorted(net.items()) if by < 0]:
        connection.execute(_LOWER, falling)


def shift_imported(connection: Connection, by: Mapping[tuple[int, str], int]) -> None:
    """Raise and lower the imported part of tallies, by (article, reaction); in two steps and in order, as `shift` does."""
    rows = [{"article_id": a, "reaction": r, "n": 0, "imported": max(more, 0)} for (a, r), more in sorted(by.items()) if more]
    if rows:
        connection.execute(_imported_upsert(connection.dialect.name), rows)
    if falling := [{"a": a, "r": r, "less": -more} for (a, r), more in sorted(by.items()) if more < 0]:
        connection.execute(_LOWER_IMPORTED, falling)


def _add(net: Counter[tuple[int, str]], article_id: int, reaction: str | None, by: int) -> None:
    if reaction is not None:
        net[article_id, reaction] += by


def _hourly_rows(shifts: Collection[Shift]) -> list[Mapping[str, Any]]:
    added: Counter[tuple[int, int, str]] = Counter()
    removed: Counter[tuple[int, int, str]] = Counter()
    for article_id, at_ms, left, taken_up in shifts:
        hour = at_ms // HOUR_MS
        if left is not None:
            removed[article_id, hour, left] += 1
        if taken_up is not None:
            added[article_id, hour, taken_up] += 1
    return [
        {"article_id": a, "hour_utc": hour, "reaction": r, "added": added[a, hour, r], "removed": removed[a, hour, r]}
        for a, hour, r in sorted(added.keys() | removed.keys())
    ]


@cache
def _tally_upsert(dialect: str) -> Executable:
    statement = insert_of(dialect)(models.tally)
    return statement.on_conflict_do_update(  # type: ignore[no-any-return]
        index_elements=["article_id", "reaction"], set_={"n": _t.n + statement.excluded.n}
    )


@cache
def _imported_upsert(dialect: str) -> Executable:
    statement = insert_of(dialect)(models.tally)
    return statement.on_conflict_do_update(  # type: ignore[no-any-return]
        index_elements=["article_id", "reaction"], set_={"imported": _t.imported + statement.excluded.imported}
    )


@cache
def _hourly_upsert(dialect: str) -> Executable:
    statement = insert_of(dialect)(models.hourly)
    return statement.on_conflict_do_update(  # type: ignore[no-any-return]
        index_elements=["article_id", "hour_utc", "reaction"],
        set_={"added": _h.added + statement.excluded.added, "removed": _h.removed + statement.excluded.removed},
    )
