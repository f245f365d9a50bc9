"""What readers gave the articles of a page, column by column: counts and shares, moves of the period, mood and split, held votes.

Every number comes from a few statements for the whole page, or from columns of such numbers: none is asked for by article.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import add, sub
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, Table, cast, func, literal, select

from reactions.exports import pages, small_groups
from reactions.exports.pages import Page
from reactions.exports.scope import Scope
from reactions.newsroom.reaction_sets import ReactionSet
from reactions.reports import metrics
from reactions.reports.metrics import Shares
from reactions.storage import lists, tables
from reactions.storage.statements import Question
from reactions.times import HOUR_MS

DIGITS = 6  # of shares and measures
_SCALE = 10.0**DIGITS
_SURELY = 0.499999  # so near to a whole number, that number is the nearest however the product was rounded
_TO_WHOLE = 1.5 * 2**52  # a double this large has no digits after the point: adding it rounds to a whole number, as `round` does
_NO_MEASURES = (None,) * 6
_PACKED = 2**32  # times what was added, plus what was removed: one number to sum and to carry
_h, _t, _v = tables.hourly.c, tables.tally.c, tables.vote.c
Column = Sequence[Any]
# By article: the article, the reactions added and removed as one number, and the UTC hours its life begins and ends in.
Moves = Mapping[int, Sequence[int]]


@dataclass(slots=True)
class Numbers:
    """The columns; None stands for what there is not, and for what is hidden."""

    hours: Sequence[Column]  # the first and the last, UTC ms
    shown: Sequence[Column]  # by reaction; so are shares and imported
    total: Column
    shares: Sequence[Column]
    imported: Sequence[Column]
    period: Sequence[Column]  # added, removed, net
    measures: Sequence[Column]  # mood and split with their bounds
    held: Column

    def columns(self) -> Iterator[Column]:
        """All columns in the order of the export."""
        yield from (*self.hours, *self.shown, self.total, *self.shares, *self.imported, *self.period, *self.measures, self.held)

    def without_small_groups(self, votes: Iterable[Sequence[int]], least: int) -> Numbers:
        """The same without what is of fewer than `least`; `votes` are those of each article, by reaction."""
        small = [small_groups.among(counts, least) for counts in votes]
        periods = [small_groups.among(moves, least) for moves in zip(*self.period[:2], strict=True)]
        whole = [hide.total for hide in small]
        parts = [[place in hide.places for hide in small] for place in range(len(self.shown))]
        return Numbers(
            hours=[_emptied(column, whole) for column in self.hours],
            shown=list(map(_emptied, self.shown, parts)),
            total=_emptied(self.total, whole),
            shares=[_emptied(_emptied(column, whole), hide) for column, hide in zip(self.shares, parts, strict=True)],
            imported=self.imported,
            period=[_emptied(_emptied(column, whole), [bool(hide.places) for hide in periods]) for column in self.period],
            measures=[_emptied(column, [bool(hide.places) for hide in small]) for column in self.measures],
            held=[None if 0 < n < least else n for n in self.held],
        )


def _emptied(column: Column, hide: Iterable[bool]) -> Column:
    return [None if hidden else value for value, hidden in zip(column, hide, strict=True)]


class NumbersOfPages:
    """What readers gave articles, page by page. `usual` are the site's shares, to which mood and split are drawn."""

    def __init__(self, scope: Scope, usual: Shares) -> None:
        self._connection, self._least = scope.connection, scope.choice.min_group
        self._entries = scope.site.reactions.entries
        self._votes_of = _tallies(scope.site.reactions, _t.n, func.max(_t.imported))
        self._imported_of = _tallies(scope.site.reactions, _t.imported)
        self._moves_of = _moves(scope)
        self._bounds_of = metrics.bounds_beside(usual)
        self._any_holds = are_any(scope.connection, tables.hold, tables.hold.c.site_id == scope.site.id)

    def moves(self, page: Page) -> Moves:
        """The articles of a page that anything happened to in the scope, and what."""
        found = self._moves_of.ask(self._connection, [row[0] for row in page])
        return {row[0]: row for row in found if row[1] is not None}

    def of(self, page: Page, moves: Moves) -> Numbers:
        """The numbers of a page whose moves are known; its rows begin with the article, and the one that it was merged into."""
        ids = [row[0] for row in page]
        votes, imported = self._tallies(ids)
        shown = [list(map(add, *columns)) if any(columns[1]) else columns[0] for columns in zip(votes, imported, strict=True)]
        total = list(map(sum, zip(*shown, strict=True)))
        _, both, *hours = zip(*self._moves_and_hours(ids, moves), strict=True)
        added, removed = [n // _PACKED for n in both], [n % _PACKED for n in both]
        numbers = Numbers(
            hours=[[None if hour is None else hour * HOUR_MS for hour in column] for column in hours],
            shown=shown,
            total=total,
            shares=[rounded([n / of if of else None for n, of in zip(column, total, strict=True)]) for column in shown],
            imported=imported,
            period=[added, removed, list(map(sub, added, removed))],
            measures=self._measures(shown, total),
            held=self._held(ids, [row[1] for row in page]),
        )
        return numbers.without_small_groups(zip(*votes, strict=True), self._least) if self._least > 1 else numbers

    def _tallies(self, ids: Sequence[int]) -> tuple[list[Column], list[Column]]:
        """The votes and the imported ones by reaction. Few articles have imported ones: these alone are asked for them."""
        nothing = (0,) * (len(self._entries) + 1)
        *votes, most = _in_order(ids, self._votes_of.ask(self._connection, ids), (*nothing, 0))
        some = [article_id for article_id, imported in zip(ids, most, strict=True) if imported]
        if not some:
            return votes, [[0] * len(ids)] * len(votes)
        return votes, _in_order(ids, self._imported_of.ask(self._connection, some), nothing)

    def _moves_and_hours(self, ids: Sequence[int], moves: Moves) -> Iterator[Sequence[Any]]:
        others = [article_id for article_id in ids if article_id not in moves]
        found = _HOURS.ask(self._connection, others) if others else ()
        lives = {article_id: (article_id, 0, *hours) for article_id, *hours in found}
        return (moves.get(article_id) or lives[article_id] for article_id in ids)

    def _held(self, ids: Sequence[int], merged_into: Sequence[int | None]) -> Column:
        """The number of held votes of each article.

        A held vote has a row that says why, unless its article was merged into another: then that row went along. So the votes of
        few articles need to be looked at.
        """
        some = {article_id for article_id, into in zip(ids, merged_into, strict=True) if into is not None}
        if self._any_holds:
            some.update(row[0] for row in _WITH_HOLDS.ask(self._connection, ids))
        held = {row[0]: row[1] for row in _HELD.ask(self._connection, some)} if some else {}
        return [held.get(article_id, 0) for article_id in ids]

    def _measures(self, shown: Sequence[Column], total: Column) -> list[Column]:
        votes = zip(*(self._of_mood(mood, shown) for mood in (1, -1)), total, strict=True)
        bounds_of = self._bounds_of
        rows = [bounds_of(*counts) if counts[2] else _NO_MEASURES for counts in votes]
        return list(map(rounded, zip(*rows, strict=True)))

    def _of_mood(self, mood: int, counts: Sequence[Column]) -> Column:
        columns = [column for column, entry in zip(counts, self._entries, strict=True) if entry.mood == mood]
        return list(map(sum, zip(*columns, strict=True))) if columns else [0] * len(counts[0])


def _in_order(ids: Sequence[int], rows: Iterable[Sequence[Any]], nothing: Sequence[Any]) -> list[Column]:
    """The columns of rows after their ids, in the order of these ids; `nothing` stands for a row that is missing."""
    found = {row[0]: row for row in rows}
    columns: list[Column] = list(zip(*[found.get(article_id, nothing) for article_id in ids], strict=True))
    return columns[1:]


def are_any(connection: Connection, of: Table, *where: ColumnElement[bool]) -> bool:
    """True if a table has any such row: where nobody has used it, no page needs to look there."""
    return connection.execute(select(literal(1)).select_from(of).where(*where).limit(1)).scalar() is not None


def rounded(values: Iterable[float | None]) -> list[float | None]:
    """Numbers of at most 1,000 to `DIGITS` digits, as `round` rounds them, in an eighth of its time. No -0.0."""
    return [
        None
        if value is None
        else whole / _SCALE
        if -_SURELY < (scaled := value * _SCALE) - (whole := scaled + _TO_WHOLE - _TO_WHOLE) < _SURELY
        else round(value, DIGITS) + 0.0
        for value in values
    ]


_WITH_HOLDS = Question(
    lambda dialect: select(tables.hold.c.article_id).where(lists.among(dialect, tables.hold.c.article_id)).distinct()
)
_HELD = Question(
    lambda dialect: (
        select(_v.article_id, func.count()).where(lists.among(dialect, _v.article_id), _v.held).group_by(_v.article_id)
    )
)


def _tallies(reactions: ReactionSet, number: ColumnElement[int], *more: Any) -> Question:
    """A row for each article with votes, with a number of each reaction: a tally has one row for both."""
    numbers = (func.coalesce(func.max(number).filter(_t.reaction == entry.key), 0) for entry in reactions.entries)
    query = select(_t.article_id, *numbers, *more).group_by(_t.article_id)
    return Question(lambda dialect: query.where(lists.among(dialect, _t.article_id)))


def _moves(scope: Scope) -> Question:
    """A row for each article: reactions added and removed, packed into one number, and the ends of its life."""

    def made(dialect: str) -> Select[Any]:
        # SQLite takes as long for a sum as to step from row to row. Of two billion reactions to one article it fails: no number
        # it says is wrong.
        both, whole = cast(func.sum(_h.added * _PACKED + _h.removed), BigInteger), scope.hours is None
        if whole and dialect == "sqlite":  # here all articles have rows: as ranges of their own they need not be told apart
            table, value, _ = pages.listed(dialect)
            return select(value, select(both).where(_h.article_id == value).scalar_subquery(), *_ends(value)).select_from(table)
        # PostgreSQL finds the ends among the rows that it sums, where these are all, in a third less time than by the key.
        found = [func.min(_h.hour_utc), func.max(_h.hour_utc)] if whole else []
        mine = select(_h.article_id, both, *found).where(scope.within, lists.among(dialect, _h.article_id))
        moved = mine.group_by(_h.article_id)
        return moved if found else select(inner := moved.subquery(), *_ends(inner.c.article_id))

    return Question(made)


def _ends(article_id: Any) -> list[Any]:
    """The first and the last UTC hour of an article: the ends of a key, not sums of all that lies between."""
    return [select(end(_h.hour_utc)).where(_h.article_id == article_id).scalar_subquery() for end in (func.min, func.max)]


def _hours(dialect: str) -> Select[Any]:
    table, value, _ = pages.listed(dialect)
    return select(value, *_ends(value)).select_from(table)


_HOURS = Question(_hours)
