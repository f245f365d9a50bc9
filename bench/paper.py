"""A site's worth of tallies and hourly rows, made in bulk: what many votes leave behind, without casting them one by one.

Sizes of articles are log-normal, ages at which votes come fall off like 1/(1 + age/6 h)^1.9, tastes differ by article, and one
vote in thirty is taken back. Only the benchmark writes like this; the product counts every vote in `reactions.counting`.
"""

from __future__ import annotations

import itertools
import random
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg

from reactions.newsroom.article_keys import id_of
from tests import make

HOUR_MS = 3_600_000
_SECTIONS = (
    "Politics",
    "Local",
    "Sport",
    "Culture",
    "Business",
    "Opinion",
    "Science",
    "Weather",
    "Travel",
    "Food",
    "Media",
    "Life",
)
_TAKEN_BACK = 1 / 30
_TABLES = {
    "article": ("article_id", "site_id", "key", "url", "title", "section", "authors", "tags", "published_at", "first_seen_at"),
    "tally": ("article_id", "reaction", "n"),
    "hourly": ("article_id", "hour_utc", "reaction", "added", "removed", "readers_00"),
}
Rows = dict[str, list[tuple[Any, ...]]]


def rows(*, votes: int, articles: int, days: int, site_key: str, now_hour: int, stem: str = "story") -> Rows:
    """The rows of a site whose articles, published evenly over `days` until now, have drawn about that many votes.

    Their keys are `stem`, a slash and a number from 0.
    """
    rnd = random.Random(votes)
    sizes = [rnd.lognormvariate(0, 1.4) for _ in range(articles)]
    each = votes / sum(sizes)
    made: Rows = {table: [] for table in _TABLES}
    falling = list(itertools.accumulate((1 + age / 6) ** -1.9 for age in range(days * 24)))
    for number, size in enumerate(sizes):
        article_id, born = id_of(site_key, f"{stem}/{number}"), now_hour - days * 24 + 1 + number * (days * 24) // articles
        made["article"].append(_article(rnd, article_id, f"{stem}/{number}", number, born))
        hours = rnd.choices(range(born, now_hour + 1), cum_weights=falling[: now_hour + 1 - born], k=round(size * each))
        taste = [rnd.gammavariate(usual, 1) for usual in (3, 0.8, 1.5, 0.9, 0.9, 0.7, 0.6)]
        cells = Counter(zip(hours, rnd.choices(make.SEVEN, taste, k=len(hours)), strict=True))
        _count(rnd, made, article_id, cells)
    return made


def _article(rnd: random.Random, article_id: int, key: str, number: int, born: int) -> tuple[Any, ...]:
    section = rnd.choice(_SECTIONS)
    authors = f'["Author {number % 150}"]' if number % 5 else f'["Author {number % 150}", "Author {number % 149}"]'
    born_ms = born * HOUR_MS + rnd.randrange(HOUR_MS)
    title = f"{section}: what number {number} says about all the others, and why it matters to readers"
    return (
        article_id,
        1,
        key,
        f"https://daily.example/{section}/{number}",
        title,
        section,
        authors,
        "[]",
        born_ms,
        born_ms,
    )


def _count(rnd: random.Random, made: Rows, article_id: int, cells: Counter[tuple[int, str]]) -> None:
    left: Counter[str] = Counter()
    for (hour, reaction), added in cells.items():
        removed = sum(rnd.random() < _TAKEN_BACK for _ in range(min(added, left[reaction])))
        left[reaction] += added - removed
        made["hourly"].append((article_id, hour, reaction, added, removed, added))
    made["tally"] += [(article_id, reaction, n) for reaction, n in left.items()]


def store(url: str, made: Rows) -> None:
    """Write the rows into a migrated database: SQLite's in the order of its keys, PostgreSQL's as they would have come in."""
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as lite, lite:
            for table, columns in _TABLES.items():
                marks = ", ".join("?" * len(columns))
                lite.executemany(f"insert into {table} ({', '.join(columns)}) values ({marks})", sorted(made[table]))
        return
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        for table, columns in _TABLES.items():
            with connection.cursor().copy(f"copy {table} ({', '.join(columns)}) from stdin".encode()) as copy:
                for row in _as_they_came(table, made):
                    copy.write_row(row)
        connection.execute("vacuum analyze")


def _as_they_came(table: str, made: Rows) -> Iterator[tuple[Any, ...]]:
    yield from sorted(made[table], key=lambda row: row[1]) if table == "hourly" else made[table]
