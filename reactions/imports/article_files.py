"""A file of articles, whatever its format: checked as a whole before anything of it is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reactions.imports import article_tables, feeds
from reactions.imports.article_checking import Statement, check
from reactions.imports.article_entries import Choices, Entry, Fault
from reactions.refusals import UnreadableImport

FORMATS = ("rss", "atom", "sitemap", "csv")
MOST_ENTRIES = 50_000
MOST_BYTES = 134_217_728
_XML_STARTS = (b"<", b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file says, line by line, and which lines cannot be imported."""

    statements: tuple[Statement, ...]
    faults: tuple[Fault, ...]


def read(content: bytes, choices: Choices, *, format_: str | None = None) -> Reading:
    """Read a file; its format is found out unless it is given. Raises UnreadableImport."""
    if len(content) > MOST_BYTES:
        raise UnreadableImport(f"The file is larger than {MOST_BYTES:,} bytes. Import it in parts.")
    statements: dict[str, Statement] = {}
    faults: list[Fault] = []
    for number, entry in enumerate(_entries(content, format_ or _format_of(content)), start=1):
        if number > MOST_ENTRIES:
            raise UnreadableImport(f"The file has more than {MOST_ENTRIES:,} articles. Import it in parts.")
        outcome = entry if isinstance(entry, Fault) else _unless_contradicted(check(entry, choices), statements)
        if isinstance(outcome, Fault):
            faults.append(outcome)
        else:
            statements.setdefault(outcome.key, outcome)
    return Reading(tuple(statements.values()), tuple(faults))


def _unless_contradicted(outcome: Statement | Fault, before: dict[str, Statement]) -> Statement | Fault:
    """The outcome, unless an earlier line says something else of the same article."""
    if isinstance(outcome, Statement) and (earlier := before.get(outcome.key)) and earlier.said != outcome.said:
        return Fault(outcome.line, f"describes {outcome.key!r} again, and otherwise than line {earlier.line}.")
    return outcome


def _format_of(content: bytes) -> str:
    start = content[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        raise UnreadableImport("The file is empty.")
    return feeds.format_of(content) if start.startswith(_XML_STARTS) else "csv"


def _entries(content: bytes, format_: str) -> Iterator[Entry | Fault]:
    if format_ == "csv":
        return article_tables.read(content)
    if (found := feeds.format_of(content)) != format_:
        raise UnreadableImport(f"The file is {found}, not {format_}.")
    return feeds.read(content)
