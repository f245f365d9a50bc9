"""Tallies: the stored number for each (article, reaction), and the hourly series. Only `counting` and `bringing` shift them.

A tally has two parts: `n` are votes, `imported` is what other tools counted. What is shown is their sum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

import orjson
from sqlalchemy import BigInteger, Connection, Select, Text, bindparam, case, cast, delete, func, select, tuple_, update

from reactions.storage import lists, tables
from reactions.storage.engines import insert_for
from reactions.storage.statements import Finished, ManyRows, Question
from reactions.storage.tables import READERS
from reactions.times import HOUR_MS, MINUTE_MS, TEN_MINUTES_MS

_t, _h, _p, _upto = tables.tally.c, tables.hourly.c, tables.past_rewrite.c, tables.rolled_upto.c
# So long after the end of its hour a vote may be counted without a word to those who keep sums of closed hours. They use an
# hour's sums from a minute after that: the time that is left for a commit, and for clocks of two hosts that differ.
LATE_MS = MINUTE_MS
NO_HOUR = 2**31 - 1  # beyond every hour: what is rewritten is no hour at all
READERS_OF_HOUR = sum((_h[name] for name in READERS[1:]), _h[READERS[0]])


class Shift(NamedTuple):
    """One changed vote: the reaction left and the one taken up, and whether it is the reader's first vote on the article."""

    article_id: int
    at_ms: int
    left: str | None
    taken_up: str | None
    first: bool = False


_LOWER = Finished(
    lambda _: (
        update(tables.tally)
        .where(_t.article_id == bindparam("a"), _t.reaction == bindparam("r"))
        .values(n=_t.n - bindparam("less"))
    )
)
_UNDO_HOUR = (
    update(tables.hourly)
    .where(_h.article_id == bindparam("a"), _h.hour_utc == bindparam("h"), _h.reaction == bindparam("r"))
    .values(
        added=_h.added - bindparam("plus"),
        removed=_h.removed - bindparam("minus"),
        **{name: _h[name] - bindparam(f"less_{name}") for name in READERS},
    )
)
_LOWER_IMPORTED = (
    update(tables.tally)
    .where(_t.article_id == bindparam("a"), _t.reaction == bindparam("r"))
    .values(imported=_t.imported - bindparam("less"))
)


def counts_of(connection: Connection, article_ids: Collection[int]) -> dict[int, dict[str, int]]:
    """What is counted, by article and reaction; imported totals included, reactions without a vote absent."""
    return ask_counts(connection, article_ids)()


def ask_counts(connection: Connection, article_ids: Collection[int]) -> Callable[[], dict[int, dict[str, int]]]:
    """The same, as they are now; had when they are needed, so that asking can share a trip to the database."""
    answer = _COUNTS.begin(connection, article_ids)

    def counts() -> dict[int, dict[str, int]]:
        found: dict[int, dict[str, int]] = {article_id: {} for article_id in article_ids}
        for article_id, by_reaction in answer():
            found[article_id] = orjson.loads(by_reaction)
        return found

    return counts


def readers_of(connection: Connection, places: Collection[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """How many readers first voted on articles in hours, by (article, hour since 1970); places without any are absent."""
    asked = (
        select(_h.article_id, _h.hour_utc, cast(func.sum(READERS_OF_HOUR), BigInteger))
        .where(tuple_(_h.article_id, _h.hour_utc).in_(places))
        .group_by(_h.article_id, _h.hour_utc)
    )
    return {(row[0], row[1]): row[2] for row in connection.execute(asked)}


def shift(connection: Connection, shifts: Collection[Shift]) -> None:
    """Apply a batch of changes: the hourly series first, the tallies last, because theirs are the hottest locks.

    The caller notes late ones at the end of its transaction, by `note_late`.
    """
    if not shifts:
        return
    _HOURLY.execute(connection, hourly_rows(shifts))
    net: Counter[tuple[int, str]] = Counter()
    for change in shifts:
        _add(net, change.article_id, change.left, -1)
        _add(net, change.article_id, change.taken_up, +1)
    # Every row is locked here, in order, the falling ones by adding 0: two batches then cannot wait for each other.
    # They fall in a second step because CHECK (n >= 0) is tested on the row as proposed, before the conflict is seen.
    _TALLY.execute(connection, [(a, r, max(by, 0)) for (a, r), by in sorted(net.items()) if by])
    _lower(connection, {row: -by for row, by in net.items() if by < 0})


def _lower(connection: Connection, less: Mapping[tuple[int, str], int]) -> None:
    for (article_id, reaction), by in sorted(less.items()):
        _LOWER.begin(connection, {"a": article_id, "r": reaction, "less": by})


def note_late(connection: Connection, shifts: Collection[Shift], *, at_ms: int) -> None:
    """Note a rewrite if changes are written at `at_ms` into hours that had closed: a process stood still, or a month is seeded.

    It is called last in the transaction, as `note_rewrite` is.
    """
    if are_late(shifts, at_ms=at_ms):
        note_rewrite(connection, from_hour=_first_hour(shifts))


def are_late(shifts: Iterable[Shift], *, at_ms: int) -> bool:
    """True if changes are written at `at_ms` into hours that had closed."""
    return (_first_hour(shifts) + 1) * HOUR_MS + LATE_MS < at_ms


def _first_hour(shifts: Iterable[Shift]) -> int:
    return min((change.at_ms // HOUR_MS for change in shifts), default=NO_HOUR)


def note_rewrite(connection: Connection, *, from_hour: int = 0) -> None:
    """Tell every process that hours from `from_hour` on have changed, so that none goes on with sums that it remembers.

    Whoever changes other hours than the present one, or what was imported, calls it, last in the same transaction: all of them
    wait for this row. Rollups of the hours before stay what they are.
    """
    statement = insert_for(connection)(tables.past_rewrite).values(id=1, n=1)
    counted = statement.on_conflict_do_update(index_elements=["id"], set_={"n": _p.n + 1})
    n = connection.execute(counted.returning(_p.n)).scalar_one()
    before = case((_upto.hour_utc > from_hour, from_hour), else_=_upto.hour_utc)
    connection.execute(update(tables.rolled_upto).where(_upto.rewrites == n - 1).values(rewrites=n, hour_utc=before))


def first_hour_of(connection: Connection, article_ids: Collection[int]) -> int:
    """The first UTC hour in which anything happened to these articles."""
    first = connection.execute(select(func.min(_h.hour_utc)).where(_h.article_id.in_(article_ids))).scalar()
    return NO_HOUR if first is None else int(first)


def rewrites(connection: Connection) -> int:
    """How often hours of the past have changed: sums of closed hours are true as long as this number stands."""
    return connection.execute(select(_p.n)).scalar() or 0


def unshift(connection: Connection, shifts: Collection[Shift]) -> None:
    """Take changes back as if they had never been, in their own hours: what is left of an hour may be nothing at all.

    The caller notes the rewrite at the end of its transaction.
    """
    rows = hourly_rows(shifts)
    if not rows:
        return
    names = ("a", "h", "r", "plus", "minus", *(f"less_{name}" for name in READERS))
    connection.execute(_UNDO_HOUR, [dict(zip(names, row, strict=True)) for row in rows])
    connection.execute(delete(tables.hourly).where(_h.article_id.in_({row[0] for row in rows}), _h.added == 0, _h.removed == 0))
    net: Counter[tuple[int, str]] = Counter()
    for a, _, r, plus, minus, *_ in rows:
        net[a, r] += plus - minus
    _lower(connection, net)


def shift_imported(connection: Connection, by: Mapping[tuple[int, str], int]) -> None:
    """Raise and lower the imported part of tallies, by (article, reaction); in two steps and in order, as `shift` does."""
    _IMPORTED.execute(connection, [(a, r, 0, max(more, 0)) for (a, r), more in sorted(by.items()) if more])
    if falling := [{"a": a, "r": r, "less": -more} for (a, r), more in sorted(by.items()) if more < 0]:
        connection.execute(_LOWER_IMPORTED, falling)


def _add(net: Counter[tuple[int, str]], article_id: int, reaction: str | None, by: int) -> None:
    if reaction is not None:
        net[article_id, reaction] += by


def hourly_rows(shifts: Collection[Shift]) -> list[tuple[Any, ...]]:
    """Rows of the hourly series: what was added and removed in each hour, and the new readers by ten minutes."""
    rows: dict[tuple[int, int, str], list[int]] = {}
    for article_id, at_ms, left, taken_up, first in shifts:
        hour, within_ms = divmod(at_ms, HOUR_MS)
        if left is not None:
            _row_of(rows, (article_id, hour, left))[1] += 1
        if taken_up is not None:
            row = _row_of(rows, (article_id, hour, taken_up))
            row[0] += 1
            row[2 + within_ms // TEN_MINUTES_MS] += first
    return [(*key, *rows[key]) for key in sorted(rows)]


def _row_of(rows: dict[tuple[int, int, str], list[int]], key: tuple[int, int, str]) -> list[int]:
    """Added, removed, and new readers by ten minutes."""
    row = rows.get(key)
    if row is None:
        row = rows[key] = [0] * (2 + len(READERS))
    return row


def _read(dialect: str) -> Select[Any]:
    """One row an article: a row for each number costs the driver more than the database."""
    joined = func.json_group_object if dialect == "sqlite" else func.jsonb_object_agg
    by_reaction = cast(joined(_t.reaction, cast(_t.n + _t.imported, BigInteger)), Text)
    return select(_t.article_id, by_reaction).where(lists.among(dialect, _t.article_id)).group_by(_t.article_id)


_COUNTS = Question(_read)


def _add_to_tally(insert: Any) -> Any:
    return insert.on_conflict_do_update(index_elements=["article_id", "reaction"], set_={"n": _t.n + insert.excluded.n})


def _add_imported(insert: Any) -> Any:
    return insert.on_conflict_do_update(
        index_elements=["article_id", "reaction"], set_={"imported": _t.imported + insert.excluded.imported}
    )


def _add_to_hour(insert: Any) -> Any:
    return insert.on_conflict_do_update(
        index_elements=["article_id", "hour_utc", "reaction"],
        set_={
            "added": _h.added + insert.excluded.added,
            "removed": _h.removed + insert.excluded.removed,
            **{name: _h[name] + insert.excluded[name] for name in READERS},
        },
    )


_TALLY = ManyRows(tables.tally, ["article_id", "reaction", "n"], _add_to_tally)
_IMPORTED = ManyRows(tables.tally, ["article_id", "reaction", "n", "imported"], _add_imported)
_HOURLY = ManyRows(tables.hourly, ["article_id", "hour_utc", "reaction", "added", "removed", *READERS], _add_to_hour)
