"""A file of articles, whatever its format: read and checked as a whole before anything of it is stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from reactions.imports import feeds, sources
from reactions.imports.feeds import Entry
from reactions.imports.sources import Fault, Row, Source
from reactions.newsroom import article_keys
from reactions.refusals import MalformedKey, UnreadableImport

FORMATS = ("rss", "atom", "sitemap", "csv")
MOST_ENTRIES = 50_000
TITLE_CHARACTERS, URL_CHARACTERS, SECTION_CHARACTERS = 500, 2000, 200
MOST_OF = {"authors": (20, 200), "tags": (50, 100)}  # how many, and how long each
_XML_STARTS = (b"<", b"\xff\xfe<", b"\xfe\xff\0<")
_TEXTS = ("key", "title", "url", "section", "published_at")
_LISTS = ("authors", "tags")  # their entries are separated by semicolons
_HEADER = "key,title,url,section,authors,tags,published_at"


@dataclass(frozen=True, slots=True)
class ArticleOptions:
    """How the entries of a file are understood.

    `key` is "column", "path", "url" or "guid", or None for the file's own or else the path; `section` is that of entries without
    one; `time_zone` that of times without an offset.
    """

    key: str | None = None
    section: str | None = None
    time_zone: ZoneInfo = ZoneInfo("UTC")  # noqa: RUF009


@dataclass(frozen=True, slots=True)
class DescribedArticle:
    """What `line` says of the article `key`: fields of a Description, without those that it does not mention."""

    line: int
    key: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file says, line by line, and which lines cannot be imported."""

    articles: tuple[DescribedArticle, ...]
    faults: tuple[Fault, ...]


class _Unusable(Exception):
    """The entry cannot be imported; the text says why."""


def read(source: Source, options: ArticleOptions, *, format_: str | None = None) -> Reading:
    """Read a file; its format is detected unless it is given. Raises UnreadableImport."""
    described: dict[str, DescribedArticle] = {}
    faults: list[Fault] = []
    for number, entry in enumerate(_entries(source, format_), start=1):
        if number > MOST_ENTRIES:
            raise UnreadableImport(f"The file has more than {MOST_ENTRIES:,} articles. Import it in parts.")
        outcome = entry if isinstance(entry, Fault) else _unless_contradicted(check(entry, options), described)
        if isinstance(outcome, Fault):
            faults.append(outcome)
        else:
            described.setdefault(outcome.key, outcome)
    return Reading(tuple(described.values()), tuple(faults))


def check(entry: Entry, options: ArticleOptions) -> DescribedArticle | Fault:
    """What an entry says, or why it cannot be imported."""
    try:
        return DescribedArticle(entry.line, _key(entry, options), _fields(entry, options))
    except _Unusable as unusable:
        return Fault(_place(entry.line), str(unusable))
    except MalformedKey as refusal:
        return Fault(_place(entry.line), refusal.detail)


def _entries(source: Source, format_: str | None) -> Iterator[Entry | Fault]:
    start = source.start()
    if not start.removeprefix(b"\xef\xbb\xbf").strip():
        raise UnreadableImport("The file is empty.")
    is_xml = start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_XML_STARTS)
    if format_ == "csv" or (format_ is None and not is_xml):
        return map(_entry, sources.read_table(source, _check_columns))
    content = source.content()
    if format_ is not None and (found := feeds.format_of(content)) != format_:
        raise UnreadableImport(f"The file is {found}, not {format_}.")
    return feeds.read(content)


def _check_columns(columns: Sequence[str]) -> None:
    if unknown := [name for name in columns if name not in (*_TEXTS, *_LISTS)]:
        raise UnreadableImport(f"The header has {unknown[0][:60]!r}. A header is {_HEADER}, or a part of it.")
    if "title" not in columns or not {"key", "url"} & set(columns):
        raise UnreadableImport(f"The header needs title, and key or url. All columns are {_HEADER}.")


def _entry(row: Row | Fault) -> Entry | Fault:
    """A row's entry. An empty cell says that there is none; a column that is absent says nothing."""
    if isinstance(row, Fault):
        return row
    cells = {name: cell or "" for name, cell in row.cells.items()}
    texts = {name: cell for name, cell in cells.items() if name in _TEXTS}
    lists = {name: [part for part in map(str.strip, cells[name].split(";")) if part] for name in _LISTS if name in cells}
    return Entry(row.line, texts, lists)


def _unless_contradicted(outcome: DescribedArticle | Fault, before: dict[str, DescribedArticle]) -> DescribedArticle | Fault:
    """The outcome, unless an earlier line says something else of the same article."""
    if isinstance(outcome, Fault) or (earlier := before.get(outcome.key)) is None or earlier.fields == outcome.fields:
        return outcome
    return Fault(_place(outcome.line), f"describes {outcome.key!r} again, and differently from line {earlier.line:,}.")


def _place(line: int) -> str:
    return f"Line {line:,}"


def _key(entry: Entry, options: ArticleOptions) -> str:
    source = options.key or ("column" if entry.texts.get("key") else "path")
    name = {"column": "key", "guid": "guid"}.get(source, "url")
    text = entry.texts.get(name)
    if not text:
        raise _Unusable(f"has no {name} to take the article's key from.")
    if name == "url":
        _web_address(text)
    return article_keys.canonical_key(article_keys.path_key(text) if source == "path" else text)


def _fields(entry: Entry, options: ArticleOptions) -> dict[str, Any]:
    texts = entry.texts
    fields: dict[str, Any] = {"title": _printable("title", texts.get("title", ""), TITLE_CHARACTERS)}
    if "url" in texts:
        fields["url"] = _web_address(texts["url"]) if texts["url"] else None
    if "section" in texts or options.section:
        section = texts.get("section") or options.section
        fields["section"] = _printable("section", section, SECTION_CHARACTERS) if section else None
    if "published_at" in texts:
        published_at = texts["published_at"]
        fields["published_at"] = _moment_ms(published_at, options.time_zone) if published_at else None
    return fields | {name: _checked_list(name, values) for name, values in entry.lists.items()}


def _checked_list(name: str, values: list[str]) -> list[str]:
    most, characters = MOST_OF[name]
    if len(values) > most:
        raise _Unusable(f"has {len(values)} {name}, more than {most}.")
    return [_printable(name, value, characters) for value in values]


def _printable(name: str, text: str, most: int) -> str:
    text = " ".join(text.split())
    if not text:
        raise _Unusable(f"has no {name}.")
    if len(text) > most:
        raise _Unusable(f"{name} has {len(text)} characters, more than {most}.")
    if not text.isprintable():
        raise _Unusable(f"{name} holds a control character.")
    return text


def _web_address(text: str) -> str:
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        good = False
    if not good or not text.isprintable() or " " in text or len(text) > URL_CHARACTERS:
        raise _Unusable(f"url {text[:80]!r} is not a web address such as https://www.example.org/news/1.")
    return text


def _moment_ms(text: str, time_zone: ZoneInfo) -> int:
    """A time of ISO 8601 or of mail (RFC 5322) as UTC milliseconds; without an offset it is local."""
    for read_as in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read_as(text)
            return round((moment if moment.tzinfo else moment.replace(tzinfo=time_zone)).astimezone(UTC).timestamp() * 1000)
        except (ValueError, OverflowError):
            continue
    raise _Unusable(f"published_at {text[:60]!r} is not a time such as 2026-03-01T07:30:00+01:00.")
