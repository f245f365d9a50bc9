"""What the exports hold: each column once, with its type, unit and meaning.

The header of the CSV, `datapackage.json`, the schema of Parquet and docs/exports.md (`page`) all follow from here. Other people's
scripts depend on every line: a column that is removed, or comes to mean something else, raises the first number of
`VERSION`, a new one the second.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

from reactions.newsroom.reaction_sets import ReactionSet

VERSION = "1.2"
EACH = "<reaction>"  # in a name: one column for each reaction of the site, in the order of its set, retired ones included


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `type` is of Table Schema: string, array, integer, number, boolean, date or datetime.

    `always`: never empty. `chosen`: only on request. Strings with `free` come from outside and may hold anything.
    Times are written to the second unless `precision_ms` is less; `rounded` ones have the precision of the export. `own`: nearly
    every row has a value of its own, so that remembering how one is written helps no other.
    """

    name: str
    type: str
    meaning: str
    unit: str = ""
    always: bool = False
    chosen: bool = False
    free: bool = False
    precision_ms: int = 1000
    rounded: bool = False
    own: bool = False

    def changed(self, **changes: Any) -> Column:
        """The column with some of this changed."""
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class Table:
    """One file: its columns in order, and the ones that tell its rows apart."""

    name: str
    meaning: str
    columns: Sequence[Column]
    key: Sequence[str] = ()

    def columns_of(self, reactions: ReactionSet) -> list[Column]:
        """The columns for a site: those of `EACH` once for every reaction."""
        keys = [entry.key for entry in reactions.entries]
        found: list[Column] = []
        for column in self.columns:
            names = [column.name.replace(EACH, key) for key in keys] if EACH in column.name else [column.name]
            found += [column.changed(name=name) for name in names]
        return found


def _text(name: str, meaning: str, *, always: bool = False, own: bool = False) -> Column:
    return Column(name, "string", meaning, always=always, free=True, own=own)


def _names(name: str, meaning: str) -> Column:
    return Column(name, "array", meaning, always=True)


def _time(name: str, meaning: str, *, always: bool = False) -> Column:
    return Column(name, "datetime", meaning, "UTC, to the millisecond", always, precision_ms=1, own=True)


def _hour(name: str, meaning: str, *, always: bool = False) -> Column:
    return Column(name, "datetime", meaning, "UTC, the beginning of an hour", always)


def _count(name: str, meaning: str, unit: str = "votes") -> Column:
    return Column(name, "integer", meaning, unit)


def _measure(name: str, meaning: str, unit: str) -> Column:
    return Column(name, "number", meaning, unit)


_MOOD, _SPLIT, _RATE = "-1 to 1", "0 to 1", "of 1,000"

ARTICLES = Table(
    "articles",
    "One row for each article, the oldest first, equally old ones by key: its description and its reactions.",
    (
        _text("article", "The publisher's key of the article.", always=True, own=True),
        _text("url", "Its URL.", own=True),
        _text("title", "Its title.", own=True),
        _text("section", "The section it stands in."),
        _names("authors", "Who wrote it."),
        _names("tags", "What it is tagged with."),
        _time("published_at", "When it was published."),
        _time("first_seen_at", "When the service first heard of it. Articles are in this order.", always=True),
        _time("closed_at", "When the newsroom closed voting; empty while voting is open, or where only its age closes it."),
        _time("hidden_at", "Since when its numbers are hidden from readers."),
        _text("merged_into", "The key of the article it was merged into."),
        _names("aliases", "Other keys that lead to it, after a move."),
        _hour("first_vote_hour", "The hour of its first vote."),
        _hour("last_vote_hour", "The hour in which a vote was last cast, changed or withdrawn."),
        _count(f"count_{EACH}", "The count shown: readers' votes for this reaction plus imported ones."),
        _count("total", "The sum of the counts shown."),
        _measure(f"share_{EACH}", "This reaction's share of the total; empty where the total is 0.", "0 to 1"),
        _count(f"imported_{EACH}", "The part of the count that was imported from another tool."),
        _count("added", "Reactions added in the period of the export; a changed vote adds one and removes one."),
        _count("removed", "Reactions removed in the period."),
        _count("net", "Added minus removed in the period."),
        _measure("mood", "The mean mood of its votes, drawn towards the site's where votes are few; empty without votes.", _MOOD),
        _measure("mood_low", "The lower bound of the mood's 95 % interval.", _MOOD),
        _measure("mood_high", "Its upper bound.", _MOOD),
        _measure("split", "How divided its readers are: 1 is half for, half against; empty without votes.", _SPLIT),
        _measure("split_low", "The lower bound of the split's 95 % interval.", _SPLIT),
        _measure("split_high", "Its upper bound.", _SPLIT),
        _count("held", "Votes held for review and not counted."),
        _time(
            "votes_dropped_at",
            "When its votes were dropped because of their age: its counts and series stay, `votes` lacks them.",
        ),
        _count("views", "How often its row came into sight in the period; empty if that was never counted.", "views"),
        _measure(
            "reaction_rate",
            "How many of 1,000 who saw the row reacted; empty where that cannot be told (docs/metrics.md), and with `min_group`.",
            _RATE,
        ),
        _measure("reaction_rate_low", "The lower bound of the rate's 95 % interval.", _RATE),
        _measure("reaction_rate_high", "Its upper bound.", _RATE),
    ),
    key=("article",),
)

SERIES = Table(
    "series",
    "Reactions added and removed, by article, hour and reaction; hours without any have no row. Imported votes have no hour.",
    (
        _hour("hour_utc", "The hour.", always=True),
        Column("local_day", "date", "The day of the site's time zone in which the hour begins.", "the site's time zone", True),
        _text("article", "The publisher's key of the article.", always=True),
        Column("reaction", "string", "The key of the reaction.", always=True),
        _count("added", "Times the reaction was added."),
        _count("removed", "Times it was removed."),
        _count("net", "Added minus removed."),
    ),
    key=("hour_utc", "article", "reaction"),
)

VOTES = Table(
    "votes",
    "One row for each change of a vote, article by article, in the order in which they were applied.",
    (
        Column("at", "datetime", "When, rounded down.", "UTC, rounded down to the hour", always=True, rounded=True),
        _text("article", "The publisher's key of the article.", always=True),
        _text("section", "The section the article stands in now."),
        Column("from", "string", "The reaction that was removed; empty for a first vote."),
        Column("to", "string", "The reaction that was added; empty for a withdrawal."),
        Column(
            "cause", "string", "What changed it: vote, or an action of the newsroom such as reset, restore or merge.", always=True
        ),
        Column(
            "held",
            "boolean",
            "Whether the vote was held at this change: then it counts nothing, and a release adds the vote by a row of its own.",
            always=True,
        ),
        Column(
            "reader",
            "string",
            "A pseudonym of the reader, valid in this export only. On request, and only where the site's reader scope is site.",
            always=True,
            chosen=True,
        ),
    ),
)

TABLES: Mapping[str, Table] = {table.name: table for table in (ARTICLES, SERIES, VOTES)}


_TYPES = {
    "string": "text",
    "array": "list of texts (JSON)",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "date": "day",
    "datetime": "time",
}


def page() -> str:
    """docs/exports.md: `exports.md` with the tables of columns."""
    text = (files("reactions.exports") / "exports.md").read_text(encoding="utf-8")
    return text.replace("{version}", VERSION).replace("{tables}", "\n".join(map(_section, TABLES.values())))


def _section(table: Table) -> str:
    return "\n".join([f"### {table.name}", "", table.meaning, "", *_rows(table), ""])


def _rows(table: Table) -> Iterator[str]:
    yield "| Column | Type | Unit | Meaning |"
    yield "|---|---|---|---|"
    for column in table.columns:
        yield f"| `{column.name}` | {_type(column)} | {column.unit} | {column.meaning} |"


def _type(column: Column) -> str:
    return _TYPES[column.type] + ("" if column.always or EACH in column.name else ", may be empty")
