"""A stage for what a file says, on disk: however long the file, memory stays flat. It is gone when it is closed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Self

from reactions.imports.found import Fault
from reactions.imports.total_checking import Amounts, too_many
from reactions.votes.imported import MOST, Change

_CHUNK = 500  # keys or rows that one statement is about
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
_HAD = "insert into change values (?, ?, ?, 0) on conflict do update set before = excluded.before"


class Stage:
    """Amounts by key, then by article, then beside what was there before: `imports.Changes`, once all is told."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)  # "" is a file without a name
        self._db.executescript(f"pragma journal_mode = off; pragma synchronous = off; {_TABLES} begin;")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def add(self, said: Amounts, *, add_up: bool) -> Fault | None:
        """Take amounts in; what was said of the article and reaction before is added up, or else a fault."""
        for reaction, n in said.by_reaction.items():
            try:
                found = self._db.execute(_ADD_UP if add_up else _ADD, (said.key, reaction, n, said.place)).fetchone()
            except sqlite3.IntegrityError:
                return self._twice(said, reaction)
            if found and found[0] > MOST:
                return Fault(said.place, too_many(f"The sum of {reaction}", found[0]))
        return None

    def article_keys(self) -> Iterator[list[str]]:
        """The keys of all articles that were given anything, in chunks."""
        for rows in _chunks(self._db.execute("select distinct key from amount where n > 0")):
            yield [key for (key,) in rows]

    def place(self, ids: Mapping[str, int], known: frozenset[int]) -> None:
        """Say which articles the keys lead to, and which of those are registered."""
        self._db.executemany("insert into placed values (?, ?, ?)", [(k, i, i not in known) for k, i in ids.items()])

    def sum_up(self) -> None:
        """Turn amounts by key into amounts by article; several keys may lead to one."""
        self._db.execute(_SUM_UP)

    def had(self, amounts: Sequence[tuple[int, str, int]]) -> None:
        """Say what the source had brought before."""
        self._db.executemany(_HAD, amounts)

    def newcomers(self) -> Iterator[Sequence[tuple[int, str]]]:
        """The articles to register: id and key."""
        yield from _chunks(self._db.execute("select article_id, key from placed where newcomer order by 1"))

    def amounts(self) -> Iterator[Sequence[Change]]:
        """What changes, in the order of articles and reactions."""
        rows = self._db.execute("select article_id, reaction, before, after from change where before <> after order by 1, 2")
        for chunk in _chunks(rows):
            yield [Change(*row) for row in chunk]

    def figures(self) -> tuple[int, int, int, int, int]:
        """How many articles have an amount, are new, and how many amounts change; all amounts together before and after."""
        (articles,) = self._one("select count(distinct article_id) from placed")
        (new,) = self._one("select count(distinct article_id) from placed where newcomer")
        changed, before, after = self._one("select sum(before <> after), sum(before), sum(after) from change")
        return articles, new, changed or 0, before or 0, after or 0

    def key_of(self, article_id: int) -> str | None:
        """A key that leads to an article, if the file has one."""
        row = self._db.execute("select key from placed where article_id = ? limit 1", (article_id,)).fetchone()
        return row[0] if row else None

    def _twice(self, said: Amounts, reaction: str) -> Fault:
        (place,) = self._one("select place from amount where key = ? and reaction = ?", said.key, reaction)
        return Fault(
            said.place, f"{said.key[:80]!r} has {reaction} already, from {place[:1].lower()}{place[1:]}. --add-up adds such up."
        )

    def _one(self, statement: str, *values: Any) -> Any:
        return self._db.execute(statement, values).fetchone()


def _chunks(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk
