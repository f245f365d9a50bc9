"""Totals of other tools on their way in: checked entry by entry, staged on disk, compared with what their source brought before.

The file is longer than 300 lines because this is one road: an entry becomes amounts of our reactions, they wait on a stage, and
the stage becomes a plan, which `apply` carries out.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Engine

from reactions.imports import record, sources
from reactions.imports.record import Import
from reactions.imports.sources import Fault, chunks
from reactions.newsroom import article_keys, articles
from reactions.newsroom.sites import Site
from reactions.refusals import ImportConflict, MalformedKey, UnreadableImport
from reactions.storage.engines import plan_lists_anew, snapshot
from reactions.votes import imported, imported_views
from reactions.votes.imported import MOST, Change

MOST_FAULTS = 20  # that are listed; the rest of the file is not read
_Entry = TypeVar("_Entry")
RawTotal = str | int | float | bool | None

_NAME = re.compile(r"\{([^{}]*)\}")
_BRACE = re.compile("[{}]")
_WHOLE = re.compile(r"([-+]?)0*([0-9]+)")
_CHUNK = 500  # keys or rows in one statement


@dataclass(frozen=True, slots=True)
class TotalsOptions:
    """What the operator says about a file of totals.

    `key` is a template such as "news/{slug}", None for the tool's own. `reactions` are by the tool's names; None leaves one out.
    `article` is the key of the only article a file is about. `add_up` adds up entries about one article.
    """

    site: Site
    key: str | None = None
    reactions: Mapping[str, str | None] = field(default_factory=dict)
    article: str | None = None
    add_up: bool = False


@dataclass(frozen=True, slots=True)
class TheirTotals:
    """An entry of a file, in the tool's words: `names` make its article's key, `totals` are by the tool's own reactions."""

    place: str
    names: Mapping[str, str]
    totals: Mapping[str, RawTotal]


@dataclass(frozen=True, slots=True)
class Amounts:
    """How often each of our reactions was given to the article `key`."""

    place: str
    key: str
    by_reaction: Mapping[str, int]


class Faulty(Exception):
    """The file has faults; nothing was imported."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("the file has faults")
        self.faults = faults


class Unusable(Exception):
    """The total cannot be imported; the text says why."""


def check(entry: TheirTotals, template: str, reactions: Mapping[str, str | None], options: TotalsOptions) -> Amounts | Fault:
    """The amounts, or a fault. Raises UnreadableImport for a template that the file cannot fill."""
    try:
        key = key_from(template, entry.names)
        amounts: dict[str, int] = {}
        for theirs, raw in entry.totals.items():
            total = total_from(theirs, raw)
            ours = _ours(theirs, total, reactions, options)
            if ours is not None:
                amounts[ours] = amounts.get(ours, 0) + total
    except Unusable as unusable:
        return Fault(entry.place, str(unusable))
    except MalformedKey as refusal:
        return Fault(entry.place, refusal.detail)
    if beyond := next((reaction for reaction, total in amounts.items() if total > MOST), None):
        return Fault(entry.place, _too_many(beyond, amounts[beyond]))
    return Amounts(entry.place, key, amounts)


def key_from(template: str, names: Mapping[str, str]) -> str:
    """The canonical article key that a template makes of the names. Raises MalformedKey or UnreadableImport."""

    def named(found: re.Match[str]) -> str:
        if found[1] not in names:
            raise UnreadableImport(f"--key {template!r}: there is no {found[0]}. The names are: {', '.join(sorted(names))}.")
        name = names[found[1]]
        if not name:  # "news/" is a key, but no article's
            raise MalformedKey(f"has no {found[1]}, and the key is made of it: {template}.")
        if why := sources.shortened(found[1], name):
            raise MalformedKey(why)
        return name

    if _BRACE.search(_NAME.sub("", template)):
        example = min(names, default="slug")
        raise UnreadableImport(f"--key {template!r}: a brace stands alone in it. A name is written as {{{example}}}.")
    return article_keys.canonical_key(_NAME.sub(named, template))


def _ours(theirs: str, total: int, reactions: Mapping[str, str | None], options: TotalsOptions) -> str | None:
    """Our reaction for theirs; None for one that is left out, or that nobody gave."""
    if theirs in reactions:
        return reactions[theirs]
    if total == 0:
        return None
    ours = ", ".join(entry.key for entry in options.site.reactions.entries)
    raise Unusable(
        f"has {total:,} of {theirs[:60]!r}, and nothing says which reaction that is. Add --reaction '{theirs[:60]}=KEY' with one "
        f"of {ours}, or '{theirs[:60]}=' to leave it out."
    )


def total_from(theirs: str, raw: RawTotal) -> int:
    """A total as a tool writes it. Raises Unusable unless it is a whole number that is not too large."""
    if raw is None or raw == "":
        return 0
    text = raw.strip() if isinstance(raw, str) else f"{raw:d}" if type(raw) is int else ""
    whole = _WHOLE.fullmatch(text)
    if not whole:
        raise Unusable(f"{theirs[:60]} is {str(raw)[:60]!r}, which is not a whole number.")
    sign, digits = whole.groups()
    if sign == "-" and digits.strip("0"):
        raise Unusable(f"{theirs[:60]} is {text[:60]}, and no total is less than 0.")
    if len(digits) > len(str(MOST)) or int(digits) > MOST:
        raise Unusable(f"{theirs[:60]} is {text[:60]}, more than {MOST:,}.")
    return int(digits)


def _too_many(reaction: str, total: int) -> str:
    return f"{reaction} is {total:,}, more than {MOST:,}."


_TABLES = """
create table amount (key text, reaction text, n integer, place text, primary key (key, reaction)) without rowid;
create table placed (key text primary key, article_id integer, newcomer integer) without rowid;
create table change (article_id integer, reaction text, before integer, after integer, primary key (article_id, reaction))
without rowid;
"""
_ADD = "insert into amount values (?, ?, ?, ?)"
_ADD_UP = f"{_ADD} on conflict do update set n = n + excluded.n returning n"
_SUM_UP = """
insert into change select article_id, reaction, 0, sum(n) from amount join placed using (key) where n > 0 group by 1, 2
"""
_SET_BEFORE = "insert into change values (?, ?, ?, 0) on conflict do update set before = excluded.before"


class Stage:
    """Amounts by key, then by article, then beside those of before: on disk, so that memory stays flat. Closing it removes it."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)  # "" is a file without a name
        self._db.executescript(f"pragma journal_mode = off; pragma synchronous = off; {_TABLES} begin;")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def add(self, amounts: Amounts, *, add_up: bool) -> Fault | None:
        """Take amounts in. A second amount of an article's reaction is added up, or else a fault."""
        for reaction, n in amounts.by_reaction.items():
            try:
                row = self._db.execute(_ADD_UP if add_up else _ADD, (amounts.key, reaction, n, amounts.place)).fetchone()
            except sqlite3.IntegrityError:
                return self._twice(amounts, reaction)
            if row and row[0] > MOST:
                return Fault(amounts.place, _too_many(f"The sum of {reaction}", row[0]))
        return None

    def article_keys(self) -> Iterator[list[str]]:
        """The keys of all articles with an amount above 0, in chunks."""
        for rows in chunks(self._db.execute("select distinct key from amount where n > 0"), _CHUNK):
            yield [key for (key,) in rows]

    def place(self, ids: Mapping[str, int], known: frozenset[int]) -> None:
        """Note which articles the keys lead to, and which of those are registered."""
        self._db.executemany("insert into placed values (?, ?, ?)", [(k, i, i not in known) for k, i in ids.items()])

    def sum_up(self) -> None:
        """Turn amounts by key into amounts by article; several keys may lead to one."""
        self._db.execute(_SUM_UP)

    def set_before(self, amounts: Sequence[tuple[int, str, int]]) -> None:
        """Note what the source had brought before."""
        self._db.executemany(_SET_BEFORE, amounts)

    def newcomers(self) -> Iterator[list[tuple[int, str]]]:
        """The articles to register: id and key."""
        return chunks(self._db.execute("select article_id, key from placed where newcomer order by 1"), _CHUNK)

    def changes(self) -> Iterator[list[Change]]:
        """The amounts that change, in the order of articles and reactions, which is that of every lock on tallies."""
        rows = self._db.execute("select article_id, reaction, before, after from change where before <> after order by 1, 2")
        return chunks((Change(*row) for row in rows), _CHUNK)

    def figures(self) -> tuple[int, int, int, int, int]:
        """How many articles have an amount, are new, and how many amounts change; all amounts together before and after."""
        (count,) = self._one("select count(distinct article_id) from placed")
        (new,) = self._one("select count(distinct article_id) from placed where newcomer")
        changed, before, after = self._one("select sum(before <> after), sum(before), sum(after) from change")
        return count, new, changed or 0, before or 0, after or 0

    def find_key(self, article_id: int) -> str | None:
        """A key that leads to an article, if the file has one."""
        row = self._db.execute("select key from placed where article_id = ? limit 1", (article_id,)).fetchone()
        return row[0] if row else None

    def _twice(self, amounts: Amounts, reaction: str) -> Fault:
        (place,) = self._one("select place from amount where key = ? and reaction = ?", amounts.key, reaction)
        place = f"{place[:1].lower()}{place[1:]}"
        return Fault(
            amounts.place,
            f"{amounts.key[:80]!r} has {reaction} already, from {place}. --add-up adds up entries about one article.",
        )

    def _one(self, statement: str, *values: Any) -> Any:
        return self._db.execute(statement, values).fetchone()


@dataclass(frozen=True)
class Plan:
    """What an import would change: from the import that is known, if any, and how many articles, new articles and amounts."""

    site: Site
    known: Import | None
    stage: Stage
    articles: int
    new: int
    changed: int
    before: int
    after: int
    hours: Mapping[str, range] = field(default_factory=dict)  # of views: the UTC hours of each day, which stands for a reaction


def gather(
    stage: Stage,
    entries: Iterable[TheirTotals | Fault],
    template: str,
    options: TotalsOptions,
    theirs: Mapping[str, str | None],
) -> None:
    """Read all entries onto the stage; `theirs` are reactions that need no option.

    Raises Faulty, UnreadableImport or UnknownReaction.
    """
    reactions = {**theirs, **options.reactions}
    for ours in filter(None, reactions.values()):
        options.site.reactions.get(ours)

    def put(entry: TheirTotals) -> Fault | None:
        amounts = check(entry, template, reactions, options)
        return stage.add(amounts, add_up=options.add_up) if isinstance(amounts, Amounts) else amounts

    refuse_faults(entries, put)


def refuse_faults(entries: Iterable[_Entry | Fault], put: Callable[[_Entry], Fault | None]) -> None:
    """Read entries to their end and `put` each somewhere. Raises Faulty if there are, or `put` finds, faults."""
    found = ((entry if isinstance(entry, Fault) else put(entry)) for entry in entries)
    if faults := list(islice((fault for fault in found if fault is not None), MOST_FAULTS)):
        raise Faulty(faults)


def plan(engine: Engine, site: Site, source: str, stage: Stage) -> Plan:
    """Compare the stage with what the source has brought; changes nothing.

    Raises MalformedKey, UnreadableImport or ImportConflict.
    """
    with snapshot(engine) as connection:
        plan_lists_anew(connection)
        known = record.find(connection, site, source)
        if known is not None and (known.votes or known.brings_views):
            has = record.already(connection, site, known)
            raise ImportConflict(f"{has}, and these are totals. Give them a name of their own with --source.")
        _place(connection, site, stage)
        if not stage.figures()[0]:
            raise UnreadableImport(
                f"The file holds no reaction at all. `reactions import remove {site.key} {source}` removes totals."
            )
        for amounts in imported.amounts_of(connection, site, source):
            stage.set_before(amounts)
    return Plan(site, known, stage, *stage.figures())


@contextmanager
def plan_removal(engine: Engine, site: Site, source: str) -> Iterator[Plan]:
    """The plan to remove everything that a source has brought. Raises UnknownImport."""
    with Stage() as stage:
        with snapshot(engine) as connection:
            known = record.get(connection, site, source)
            for days in imported_views.of_source(connection, site, source):
                stage.set_before([(article_id, imported_views.shown(day), n) for article_id, day, n in days])
            for amounts in imported.amounts_of(connection, site, source):
                stage.set_before(amounts)
        yield Plan(site, known, stage, *stage.figures())


def _place(connection: Connection, site: Site, stage: Stage) -> None:
    for keys in stage.article_keys():
        ids = articles.ids_of(connection, site, keys)
        stage.place(ids, articles.ids_known(connection, set(ids.values())))
    stage.sum_up()
