"""Tools that count pages: Plausible, Matomo, GA4. A line of a file is a page, its views, and its day if the file has dates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from reactions.imports import sources, totals
from reactions.imports.sources import Fault, Lines, Row, Source
from reactions.imports.tools.tool import names_of_page
from reactions.imports.totals import Unusable
from reactions.refusals import UnreadableImport

_GROUPED = re.compile(r"[0-9]{1,3}(?:([ \u00a0\u202f'’])[0-9]{3}(?:\1[0-9]{3})*|([.,])[0-9]{3}(?:\2[0-9]{3})+)")
_AMBIGUOUS = re.compile(r"[0-9]{1,3}[.,][0-9]{3}")
_ABOUT = re.compile(r"# *(?:(Start|End) date: *([0-9]{8})|([0-9]{8})-([0-9]{8})) *", re.IGNORECASE)
_GRAND_TOTAL = re.compile(r"[,;\t]+[^,;\t].*[,;\t]\"?Grand total\"?", re.IGNORECASE)


class ViewsTool(NamedTuple):
    """A tool that counts pages: how its columns may be called, in lower case; of several that are there, the first is meant."""

    name: str
    pages: tuple[str, ...]
    views: tuple[str, ...]
    dates: tuple[str, ...]
    host: str
    advice: str


TOOLS = {
    tool.name: tool
    for tool in (
        ViewsTool(
            "plausible", ("page", "name"), ("pageviews",), ("date",), "hostname",
            "Plausible's imported_pages has date, hostname, page and pageviews; its list of top pages has name and pageviews.",
        ),
        ViewsTool(
            "matomo", ("metadata_url", "metadata: url", "url", "label", "page url"), ("nb_hits", "pageviews"), ("date",), "",
            "Matomo's page URLs have label, nb_hits and, best of all, metadata_url.",
        ),
        ViewsTool(
            "ga4",
            ("page path and screen class", "page path", "page path + query string", "page location", "pagepath"),
            ("views", "screenpageviews"), ("date",), "hostname",
            "GA4's pages and screens have 'Page path and screen class' and 'Views', with the interface in English.",
        ),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Page:
    """A line of a file: what its page may be called, its day (None: the file has no dates) and its views."""

    place: str
    page: str
    names: Mapping[str, str]
    day: str | None
    views: int


@dataclass(slots=True)
class Ga4Lines:
    """A file of GA4 as lines of which only the table of pages is left. Comments say which days it is about."""

    source: Source
    days: set[str] = field(default_factory=set)

    def lines(self) -> Iterator[str]:
        """The lines of the table of pages, and empty ones for all others. Raises UnreadableImport unless there is one table."""
        inside: bool | None = None  # in the table of pages, in another one, or (None) before the next
        found = False
        for number, line in enumerate(self.source.lines(), start=1):
            text = line.strip()
            if not text or text.startswith("#"):
                self._note(text)
                inside = None if text or not inside else inside
                yield "\n"
                continue
            if _has_pages(text):
                if found:
                    raise UnreadableImport(f"Line {number:,}: a second table of pages. Import a file with one.")
                inside = found = True
            elif inside is None:
                inside = False
            yield line if inside and not _GRAND_TOTAL.fullmatch(text) else "\n"
        if not found:
            raise UnreadableImport(f"There is no table of pages in the file. {TOOLS['ga4'].advice}")

    def _note(self, text: str) -> None:
        if about := _ABOUT.fullmatch(text):
            for day in filter(None, about.group(2, 3, 4)):
                try:
                    date.fromisoformat(day)
                except ValueError:
                    raise UnreadableImport(f"{text[:60]!r} names {day}, which is no day.") from None
                self.days.add(day)


def _has_pages(line: str) -> bool:
    return any(cell.strip().strip('"').lower() in TOOLS["ga4"].pages for cell in re.split("[,;\t]", line))


def read_pages(tool: ViewsTool, lines: Lines) -> Iterator[Page | Fault]:
    """Yield the pages of a table. Raises UnreadableImport."""
    chosen: dict[str, str | None] = {}

    def check(columns: Sequence[str]) -> None:
        for what, names in (("page", tool.pages), ("views", tool.views), ("date", tool.dates)):
            chosen[what] = next((name for name in names if name in columns), None)
        if not chosen["page"] or not chosen["views"]:
            raise UnreadableImport(f"The columns are {', '.join(columns)[:200]}. {tool.advice}")

    for row in sources.read_table(lines, check):
        yield row if isinstance(row, Fault) else _page(row, tool, str(chosen["views"]), chosen["date"])


def _page(row: Row, tool: ViewsTool, views: str, dated: str | None) -> Page | Fault:
    if row.cells.get("idsubdatatable"):
        return Fault(row.place, "is a folder with pages below it (idsubdatatable). Export the report flat: flat=1.")
    page = next((cell for name in tool.pages if (cell := row.cells.get(name))), None) or "(none)"
    day = row.cells[dated] or "" if dated else None
    try:
        return Page(row.place, page, _names(page, row.cells.get(tool.host)), day, views_from(views, row.cells[views]))
    except Unusable as unusable:
        return Fault(row.place, str(unusable))


def _names(page: str, host: str | None) -> dict[str, str]:
    """What a page may be called. Its parameters and what follows # are left out, so that its variants add up."""
    bare = re.split("[?#]", page, maxsplit=1)[0] or "/"
    names = names_of_page(bare)
    return {**names, "url": f"https://{host}{bare}" if host and bare.startswith("/") else bare}


def views_from(column: str, raw: str | None) -> int:
    """A number of views as tools and spreadsheets write it. Raises Unusable."""
    text = (raw or "").strip()
    if not text:
        raise Unusable(f"has no {column}.")
    if _AMBIGUOUS.fullmatch(text):
        raise Unusable(f"{column} is {text!r}: a fraction, or thousands? Export whole numbers without separators.")
    return totals.total_from(column, re.sub("[^0-9]", "", text) if _GROUPED.fullmatch(text) else text)
