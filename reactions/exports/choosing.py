"""What an export is asked for: which articles and hours, which columns, and how exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from reactions.exports.columns import TABLES, Column, Table
from reactions.newsroom.sites import Site
from reactions.refusals import MalformedExport
from reactions.reports.query import ReportQuery
from reactions.times import HOUR_MS

PRECISIONS = {"millisecond": 1, "second": 1000, "minute": 60_000, "hour": HOUR_MS, "day": 24 * HOUR_MS}
FORMATS = ("csv", "parquet", "arrow")
MOST_GROUP = 1000


@dataclass(frozen=True, slots=True)
class Choice:
    """What to export. Without a period in `about` it is everything.

    `since` is a cursor of `cursors`. `precision` is a name of PRECISIONS, of the times of single votes. `min_group` hides counts
    of fewer readers, 0 hides none. `readers` adds a name for each reader.
    """

    about: ReportQuery = field(default_factory=ReportQuery)
    since: str = ""
    columns: Sequence[str] = ()
    precision: str = "hour"
    min_group: int = 0
    readers: bool = False

    @property
    def dated(self) -> bool:
        """True if a period is asked for."""
        return bool(self.about.period or self.about.first or self.about.last)


def table_named(name: str) -> Table:
    """The table with this name. Raises MalformedExport."""
    if name not in TABLES:
        raise MalformedExport(f"There are the exports {', '.join(TABLES)}; not {name[:64]!r}.", pointer="#/export")
    return TABLES[name]


def check(choice: Choice, site: Site, tables: Sequence[Table], *, finest: str) -> None:
    """Raise MalformedExport for what the tables, the site or the operator's `finest` precision do not allow."""
    if choice.since and choice.dated:
        raise MalformedExport("Give since or a period, not both.", pointer="#/since")
    if choice.precision not in PRECISIONS:
        raise MalformedExport(f"A precision is one of {', '.join(PRECISIONS)}.", pointer="#/precision")
    if PRECISIONS[choice.precision] < PRECISIONS[finest]:
        raise MalformedExport(f"This service exports the times of votes to the {finest} at most.", pointer="#/precision")
    if not 0 <= choice.min_group <= MOST_GROUP:
        raise MalformedExport(f"The smallest group has 0 to {MOST_GROUP} readers.", pointer="#/min_group")
    if choice.min_group > 1 and TABLES["votes"] in tables:
        raise MalformedExport("In the export votes every row is of one reader: min_group cannot be kept.", pointer="#/min_group")
    if choice.readers and site.reader_scope != "site":
        raise MalformedExport(
            f"{site.key} gives a reader another pseudonym on every article, so there are no readers to name.", pointer="#/readers"
        )
    for table in tables:
        columns_of(choice, site, table)


def columns_of(choice: Choice, site: Site, table: Table) -> list[Column]:
    """The columns of the file, in order: those chosen, else all. Raises MalformedExport for an unknown one."""
    known = {column.name: _precise(column, choice) for column in table.columns_of(site.reactions)}
    if not choice.readers:
        known = {name: column for name, column in known.items() if not column.chosen}
    if unknown := [name for name in choice.columns if name not in known]:
        raise MalformedExport(f"{table.name} has no column {unknown[0][:64]!r}. It has: {', '.join(known)}.", pointer="#/columns")
    return [known[name] for name in dict.fromkeys(choice.columns or known)]


def _precise(column: Column, choice: Choice) -> Column:
    """The column of times that are rounded, written as exactly as they are."""
    changes: dict[str, Any] = {
        "precision_ms": PRECISIONS[choice.precision],
        "unit": f"UTC, rounded down to the {choice.precision}",
    }
    return column.changed(**changes) if column.rounded else column
