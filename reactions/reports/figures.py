"""The numbers as they are stored: sums over the hourly series and the tallies, and the articles they belong to.

The file is longer than 300 lines because every SQL statement of the reports is here. Votes and events are never read. Sums are
made by the database, one row for each article or for each hour and reaction, so that what is carried and added here does not grow
with the number of votes.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from operator import add, itemgetter, sub
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    bindparam,
    case,
    cast,
    func,
    select,
)  # fmt: skip

from reactions.newsroom.articles import BORN_MS
from reactions.newsroom.reaction_sets import ReactionSet
from reactions.newsroom.sites import Site
from reactions.reports.metrics import Votes
from reactions.reports.periods import Slot
from reactions.reports.rows import of_site, rows_by_article, rows_by_hour
from reactions.storage import lists, tables
from reactions.times import HOUR_MS
from reactions.votes.tallies import READERS_OF_HOUR

_a, _h, _t, _v = tables.article.c, tables.hourly.c, tables.tally.c, tables.views.c
_rolled_hour, _rolled_day = tables.rolled_hour.c, tables.rolled_day.c
_N = _t.n + _t.imported


class Sums(NamedTuple):
    """What happened in some hours: reactions added and removed, and what that left of positive and of negative ones.

    `readers` voted on the article for the first time, `negative_readers` of them with a negative reaction.
    """

    added: int
    removed: int
    positive: int
    negative: int
    readers: int
    negative_readers: int

    @property
    def net(self) -> int:
        """Added less removed."""
        return self.added - self.removed

    @property
    def votes(self) -> Votes:
        """The votes that the hours left behind; below zero where more was removed than added."""
        return Votes(self.positive, self.negative, self.net)

    def plus(self, other: Sums) -> Sums:
        """The sums of both."""
        return Sums(*map(add, self, other))

    def less(self, other: Sums) -> Sums:
        """The sums without those of the other."""
        return Sums(*map(sub, self, other))


class Moves(NamedTuple):
    """Reactions added and removed, and the readers who voted on an article for the first time."""

    added: int
    removed: int
    readers: int

    @property
    def net(self) -> int:
        """Added less removed."""
        return self.added - self.removed

    def plus(self, *others: Moves) -> Moves:
        """The sum of all."""
        return Moves(*map(sum, zip(self, *others, strict=True)))

    def less(self, other: Moves) -> Moves:
        """The sums without those of the other."""
        return Moves(*map(sub, self, other))


class Seen(NamedTuple):
    """The views of an article in some hours, and the readers of those hours in which its views were counted."""

    views: int
    readers: int


NONE = Sums(0, 0, 0, 0, 0, 0)
NO_MOVES = Moves(0, 0, 0)
Cell = tuple[int, str]  # UTC hour and reaction


class Card(NamedTuple):
    """An article's place in the paper. It is born when it was published, or first seen if that is not known; UTC ms."""

    article_id: int
    section: str | None
    authors: tuple[str, ...]
    born_ms: int

    @property
    def born_hour(self) -> int:
        """The UTC hour of its birth."""
        return self.born_ms // HOUR_MS

    @property
    def from_hour(self) -> int:
        """The first UTC hour of which it lived through the whole."""
        return -(-self.born_ms // HOUR_MS)


@dataclass(frozen=True, slots=True)
class Change:
    """Reactions added and removed, the difference, and the readers who began with it."""

    added: int
    removed: int
    net: int
    readers: int


@dataclass(frozen=True, slots=True)
class Bucket:
    """One step of a series. `start` is the local time it stands for, `start_utc` the UTC hour from which it counts."""

    start: datetime
    start_utc: datetime
    added: int
    removed: int
    net: int
    readers: int
    reactions: Mapping[str, Change]


def _whole(column: Any) -> ColumnElement[int]:
    """A sum as an integer: PostgreSQL's are decimals."""
    return cast(func.sum(column), BigInteger)


def by_article(connection: Connection, site: Site, hours: range, *, rolled: int = 0) -> dict[int, Sums]:
    """The sums of every article of the site that anything happened to in these hours.

    Here and below the rollups are read for the hours before `rolled`.
    """
    if not hours:
        return {}
    rows = rows_by_article(connection, site, hours, rolled)
    moods_ = (_whole(_of_mood(site.reactions, mood, rows.reaction, rows.added - rows.removed)) for mood in (1, -1))
    readers = _whole(rows.readers), _whole(_of_mood(site.reactions, -1, rows.reaction, rows.readers))
    asked = select(rows.article_id, _whole(rows.added), _whole(rows.removed), *moods_, *readers).group_by(rows.article_id)
    return {article_id: Sums(*sums) for article_id, *sums in connection.execute(asked).all()}


def of_reaction(connection: Connection, site: Site, hours: range, reaction: str, *, rolled: int = 0) -> dict[int, Moves]:
    """What was added and removed of one reaction in these hours, of every article of the site that it moved on."""
    if not hours:
        return {}
    rows = rows_by_article(connection, site, hours, rolled)
    found = connection.execute(_moves(rows, rows.article_id).where(rows.reaction == reaction)).all()
    return {article_id: Moves(*moves) for article_id, *moves in found}


def names(connection: Connection, site: Site) -> dict[str, list[str]]:
    """All sections, authors and tags that articles of the site have, by name."""
    columns = {"sections": _a.section, "authors": cast(_a.authors, Text), "tags": cast(_a.tags, Text)}
    found: dict[str, list[str]] = {}
    for what, column in columns.items():
        texts = connection.execute(select(column).distinct().where(_a.site_id == site.id)).scalars().all()
        every = {name for text in texts for name in ((text,) if what == "sections" else names_in(text)) if name}
        found[what] = sorted(every, key=str.casefold)
    return found


def by_hour(
    connection: Connection, site: Site, hours: range, *, among: Collection[int] | None = None, rolled: int = 0
) -> dict[Cell, Moves]:
    """What was added and removed by hour and reaction, of all the site's articles or of some."""
    if not hours:
        return {}
    rows = rows_by_hour(connection, site, hours, among, rolled)
    found = connection.execute(_moves(rows, rows.hour_utc, rows.reaction)).all()
    return {(hour, reaction): Moves(*moves) for hour, reaction, *moves in found}


def by_reaction(
    connection: Connection, site: Site, hours: range, *, among: Collection[int] | None = None, rolled: int = 0
) -> dict[str, Moves]:
    """What was added and removed by reaction, of all the site's articles or of some."""
    if not hours:
        return {}
    rows = rows_by_hour(connection, site, hours, among, rolled)
    return {reaction: Moves(*moves) for reaction, *moves in connection.execute(_moves(rows, rows.reaction)).all()}


def readers_by_part(
    connection: Connection, site: Site, hours: Collection[int], *, among: Collection[int] | None = None
) -> dict[int, tuple[int, ...]]:
    """The readers of some hours who voted on an article for the first time, by ten minutes."""
    which = of_site(connection, site, range(1)) if among is None else lists.one_of(connection, _h.article_id, among)
    asked = select(_h.hour_utc, *(_whole(_h[name]) for name in tables.READERS)).where(_h.hour_utc.in_(hours), which)
    parts: dict[int, tuple[int, ...]] = dict.fromkeys(hours, (0,) * len(tables.READERS))
    return parts | {hour: tuple(readers) for hour, *readers in connection.execute(asked.group_by(_h.hour_utc)).all()}


def first_hour(connection: Connection, site: Site) -> int | None:
    """The UTC hour of the first vote on the site."""
    asked = select(_h.hour_utc).join(tables.article, _a.article_id == _h.article_id).where(_a.site_id == site.id)
    return connection.execute(asked.order_by(_h.hour_utc).limit(1)).scalar()


def life(connection: Connection, article_id: int) -> dict[Cell, Moves]:
    """All that ever happened to one article, by hour and reaction."""
    asked = select(_h.hour_utc, _h.reaction, _h.added, _h.removed, READERS_OF_HOUR).where(_h.article_id == article_id)
    return {(hour, reaction): Moves(*moves) for hour, reaction, *moves in connection.execute(asked).all()}


def votes_of(connection: Connection, site: Site, article_ids: Collection[int] | None = None) -> dict[int, Votes]:
    """The votes that articles have now, imported ones included: these articles, or all of the site's that have any."""
    mine = _t.article_id.in_(select(_a.article_id).where(_a.site_id == site.id))
    asked = (
        select(_t.article_id, *(_whole(_of_mood(site.reactions, mood, _t.reaction, _N)) for mood in (1, -1)), _whole(_N))
        .where(mine if article_ids is None else lists.one_of(connection, _t.article_id, article_ids))
        .group_by(_t.article_id)
    )
    return {row[0]: Votes(row[1], row[2], row[3]) for row in connection.execute(asked).all()}


def counts_in_all(
    connection: Connection, site: Site, reactions: Collection[str], *, among: Collection[int] | None = None
) -> dict[str, int]:
    """The votes of these reactions as they stand, imported ones included, of all the site's articles or of some."""
    mine = _t.article_id.in_(select(_a.article_id).where(_a.site_id == site.id))
    asked = (
        select(_t.reaction, _whole(_N))
        .where(_t.reaction.in_(reactions), mine if among is None else lists.one_of(connection, _t.article_id, among))
        .group_by(_t.reaction)
    )
    return {reaction: n for reaction, n in connection.execute(asked).all()} if reactions else {}  # noqa: C416


def sparklines(connection: Connection, article_ids: Collection[int], hours: range, *, points: int) -> dict[int, list[int]]:
    """The new readers of articles in equal slices of whole hours, at most `points` of them; the last may be shorter."""
    width = max(-(-len(hours) // points), 1)
    lines = {article_id: [0] * -(-len(hours) // width) for article_id in article_ids}
    if not lines or not hours:
        return lines
    slice_of = (_h.hour_utc - bindparam("first", hours.start)) // bindparam("width", width)
    inner = (
        select(_h.article_id, slice_of.label("place"), READERS_OF_HOUR.label("readers"))
        .where(lists.one_of(connection, _h.article_id, article_ids), _h.hour_utc >= hours.start, _h.hour_utc < hours.stop)
        .subquery()
    )
    asked = select(inner.c.article_id, inner.c.place, _whole(inner.c.readers)).group_by(inner.c.article_id, inner.c.place)
    for article_id, place, readers in connection.execute(asked).all():
        lines[article_id][place] = readers
    return lines


@lru_cache(maxsize=4096)
def names_in(text: str) -> tuple[str, ...]:
    """The names in a stored list of authors or tags, each once."""
    names: list[Any] = json.loads(text)
    return tuple(dict.fromkeys(names))


def moods(reactions: ReactionSet) -> Mapping[int, list[str]]:
    """The keys of a set by mood; what has none is neutral."""
    return {mood: [entry.key for entry in reactions.entries if entry.mood == mood] for mood in (-1, 0, 1)}


def cards_of(connection: Connection, site: Site, article_ids: Collection[int]) -> list[Card]:
    """The cards of these articles of the site; merged ones have none."""
    return _cards(connection, site, lists.one_of(connection, _a.article_id, article_ids)) if article_ids else []


def cards_born_since(connection: Connection, site: Site, born_ms: int) -> list[Card]:
    """The cards of the site's articles that were born at or after a time, UTC ms, in the order of their birth."""
    return sorted(_cards(connection, site, born_ms <= BORN_MS), key=itemgetter(3, 0))


def _cards(connection: Connection, site: Site, which: ColumnElement[bool]) -> list[Card]:
    asked = select(_a.article_id, _a.section, cast(_a.authors, Text), BORN_MS).where(
        _a.site_id == site.id, _a.merged_into.is_(None), which
    )
    return [
        Card(article_id, section, names_in(authors), born)
        for article_id, section, authors, born in connection.execute(asked).all()
    ]


def records_of(connection: Connection, article_ids: Collection[int]) -> Sequence[Row[Any]]:
    """All that is said of articles."""
    return connection.execute(select(tables.article).where(lists.one_of(connection, _a.article_id, article_ids))).all()


def counts_of(connection: Connection, article_ids: Collection[int]) -> dict[int, dict[str, int]]:
    """The votes of articles by reaction, imported ones included."""
    counts: dict[int, dict[str, int]] = {article_id: {} for article_id in article_ids}
    asked = select(_t.article_id, _t.reaction, _t.n + _t.imported).where(lists.one_of(connection, _t.article_id, article_ids))
    for article_id, reaction, n in connection.execute(asked).all():
        counts[article_id][reaction] = n
    return counts


def imported_of(connection: Connection, article_ids: Collection[int]) -> dict[int, int]:
    """How much of the votes of articles was imported; articles without any are left out."""
    mine = lists.one_of(connection, _t.article_id, article_ids)
    asked = select(_t.article_id, cast(func.sum(_t.imported), BigInteger)).where(mine, _t.imported > 0).group_by(_t.article_id)
    return {article_id: n for article_id, n in connection.execute(asked).all()}  # noqa: C416  rows are no pairs to the type checker


def seen_of(connection: Connection, article_ids: Collection[int], hours: range) -> dict[int, Seen]:
    """How often articles were seen in some hours, and by whom who reacted; those of which no view was ever counted are left out.

    Readers are those from the article's first hour with a view to its last: before and after, nobody counted who saw it.
    """
    views_of = select(_v.hour_utc).where(_v.article_id == _a.article_id)
    inside = select(_whole(_v.n)).where(_v.article_id == _a.article_id, _v.hour_utc >= hours.start, _v.hour_utc < hours.stop)
    counted = (
        select(
            _a.article_id,
            views_of.with_only_columns(func.min(_v.hour_utc)).scalar_subquery().label("first"),
            views_of.with_only_columns(func.max(_v.hour_utc)).scalar_subquery().label("last"),
            func.coalesce(inside.scalar_subquery(), 0).label("views"),
        )
        .where(lists.one_of(connection, _a.article_id, article_ids))
        .subquery()
    )
    readers = select(_whole(READERS_OF_HOUR)).where(
        _h.article_id == counted.c.article_id,
        _h.hour_utc.between(counted.c.first, counted.c.last),
        _h.hour_utc >= hours.start,
        _h.hour_utc < hours.stop,
    )
    asked = select(counted.c.article_id, counted.c.views, func.coalesce(readers.scalar_subquery(), 0))
    rows = connection.execute(asked.where(counted.c.first.is_not(None))).all() if article_ids else ()
    return {article_id: Seen(*seen) for article_id, *seen in rows}


def seen_alone(connection: Connection, site: Site, hours: range) -> list[int]:
    """The articles of a site that were seen in some hours, but for those that others were merged into."""
    mine = (_a.site_id == site.id, _v.hour_utc >= hours.start, _v.hour_utc < hours.stop)
    asked = select(_a.article_id).join(tables.views, _v.article_id == _a.article_id).where(*mine).distinct()
    ids = connection.execute(asked).scalars().all()
    return [record.article_id for record in records_of(connection, ids) if not record.merged_from] if ids else []


def seen_in_all(connection: Connection, site: Site, hours: range) -> Seen:
    """How often a site's rows were seen in some hours, and by how many who reacted."""
    seen = seen_of(connection, seen_alone(connection, site, hours), hours).values()
    return Seen(sum(each.views for each in seen), sum(each.readers for each in seen))


def by_place(slots: Sequence[Slot], cells: Mapping[Cell, Moves]) -> dict[Cell, Moves]:
    """The sums of each slot that anything happened in, by the slot's first hour and reaction."""
    first_of = {hour: slot.hours.start for slot in slots for hour in slot.hours}
    sums: dict[Cell, list[int]] = {}
    for (hour, reaction), (added, removed, readers) in cells.items():
        sum_ = sums.setdefault((first_of[hour], reaction), [0, 0, 0])
        sum_[0] += added
        sum_[1] += removed
        sum_[2] += readers
    return {cell: Moves(*sum_) for cell, sum_ in sums.items()}


def buckets(slots: Sequence[Slot], cells: Mapping[Cell, Moves], keys: Sequence[str]) -> list[Bucket]:
    """What happened in each slot; every bucket has every one of `keys`, and any other reaction that moved in it."""
    sums: dict[int, dict[str, Moves]] = {slot.hours.start: dict.fromkeys(keys, NO_MOVES) for slot in slots}
    for (first, reaction), moves in by_place(slots, cells).items():
        sums[first][reaction] = moves
    return [_bucket(slot, sums[slot.hours.start]) for slot in slots]


def _moves(rows: Any, *by: Any) -> Select[Any]:
    """What rows add and remove, and their new readers, by some columns."""
    return select(*by, _whole(rows.added), _whole(rows.removed), _whole(rows.readers)).group_by(*by)


def _of_mood(reactions: ReactionSet, mood: int, reaction: Any, n: Any) -> ColumnElement[int]:
    return case((reaction.in_(moods(reactions)[mood]), n), else_=0)


def _bucket(slot: Slot, sums: Mapping[str, Moves]) -> Bucket:
    whole = NO_MOVES.plus(*sums.values())
    return Bucket(
        start=slot.start,
        start_utc=datetime.fromtimestamp(slot.hours.start * HOUR_MS / 1000, UTC),
        added=whole.added,
        removed=whole.removed,
        net=whole.net,
        readers=whole.readers,
        reactions={key: Change(moves.added, moves.removed, moves.net, moves.readers) for key, moves in sums.items()},
    )
