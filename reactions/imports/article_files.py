"""A file of articles, whatever its format: read and checked as a whole before anything of it is stored."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from reactions import texts
from reactions.imports import dates, feeds, sources, xml_text
from reactions.imports.dates import UnreadableDate
from reactions.imports.feeds import Entry
from reactions.imports.sources import Fault, Row, Source
from reactions.newsroom import article_keys
from reactions.refusals import MalformedKey, UnreadableImport
from reactions.reports.words import counted

FORMATS = ("rss", "atom", "sitemap", "csv")
MOST_ENTRIES = 50_000
TITLE_CHARACTERS, URL_CHARACTERS, SECTION_CHARACTERS = 500, 2000, 200
MOST_OF = {"authors": (20, 200), "tags": (50, 100)}  # how many, and how long each
_WEB_PAGE = re.compile(rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_LATE_XML = re.compile(rb"<\?xml\s|<(?:rss|feed|urlset)[\s>]")
_TEXTS = ("key", "title", "url", "section", "published_at")
_LISTS = ("authors", "tags")  # their entries are separated by semicolons
_HEADER = "key,title,url,section,authors,tags,published_at"


@dataclass(frozen=True, slots=True)
class ArticleOptions:
    """How the entries of a file are understood.

    `key` is "column", "path", "bare-path", "url" or "guid", or None for the file's own or else the path; `section` is that of
    entries without one; `time_zone` that of times without an offset.
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


class Unusable(Exception):
    """The entry cannot be imported; the text says why."""


def read(source: Source, *, format_: str | None = None) -> list[Entry | Fault]:
    """The entries of a file; its format is detected unless it is given. Raises UnreadableImport, also if there are none."""
    entries = list(islice(_entries(source, format_), MOST_ENTRIES + 1))
    if len(entries) > MOST_ENTRIES:
        raise UnreadableImport(f"The file has more than {MOST_ENTRIES:,} articles. Import it in parts.")
    if not entries:
        raise UnreadableImport("The table has no rows.")
    return entries


def check(entries: Sequence[Entry | Fault], options: ArticleOptions) -> Reading:
    """What the entries say, each article once, and which cannot be imported."""
    described: dict[str, DescribedArticle] = {}
    faults: list[Fault] = []
    for entry in entries:
        outcome = entry if isinstance(entry, Fault) else _unless_contradicted(_checked(entry, options), described, options)
        if isinstance(outcome, Fault):
            faults.append(outcome)
        else:
            described.setdefault(outcome.key, outcome)
    return Reading(tuple(described.values()), tuple(faults))


def key_of(entry: Entry, source: str | None) -> str:
    """The key that an entry has by `source`, as in ArticleOptions. Raises MalformedKey or Unusable."""
    source = source or ("column" if entry.texts.get("key") else "path")
    name = {"column": "key", "guid": "guid"}.get(source, "url")
    text = entry.texts.get(name)
    if not text:
        raise Unusable(f"has no {name} to take the article's key from.")
    if name == "url":
        _web_address(text)
    if name == "key" and (why := sources.shortened(name, text)):
        raise Unusable(why)
    if source in ("path", "bare-path"):
        path = article_keys.path_key(text)
        text = path if source == "path" else path.strip("/")
        if not text:
            raise Unusable("has an address without a path to take the article's key from.")
    return article_keys.canonical_key(text)


def _checked(entry: Entry, options: ArticleOptions) -> DescribedArticle | Fault:
    try:
        return DescribedArticle(entry.line, key_of(entry, options.key), _fields(entry, options))
    except Unusable as unusable:
        return Fault(_place(entry.line), str(unusable))
    except MalformedKey as refusal:
        return Fault(_place(entry.line), refusal.detail)


def _entries(source: Source, format_: str | None) -> Iterator[Entry | Fault]:
    start = source.start()
    if not start.removeprefix(b"\xef\xbb\xbf").strip():
        raise UnreadableImport("The file is empty.")
    is_xml = start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(xml_text.STARTS)
    if format_ is None and (reason := _mistaken(start)):
        raise UnreadableImport(reason)
    if format_ == "csv" or (format_ is None and not is_xml):
        return map(_entry, sources.read_table(sources.Whole(source), _check_columns))
    content = source.content()
    if format_ is not None and (found := feeds.format_of(content)) != format_:
        raise UnreadableImport(f"The file is {found}, not {format_}.")
    return feeds.read(content)


def _mistaken(start: bytes) -> str | None:
    """What a file is that is taken for a feed or a table at times."""
    start = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if _WEB_PAGE.match(start):
        return 'The file is a web page. Its source names its feed: <link rel="alternate" type="application/rss+xml" href="…">.'
    if start.startswith((b"{", b"[")):
        return "The file is JSON. Import RSS, Atom, a news sitemap or a CSV table, or send JSON to PUT /v1/sites/SITE/articles."
    if (found := _LATE_XML.search(start)) and not start.startswith(b"<"):
        return f"Text stands before the feed: {start[: found.start()].decode(errors='replace').strip()[:60]!r}. Remove it."
    return None


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


def _unless_contradicted(
    outcome: DescribedArticle | Fault, before: dict[str, DescribedArticle], options: ArticleOptions
) -> DescribedArticle | Fault:
    """The outcome, unless an earlier line says something else of the same article."""
    if isinstance(outcome, Fault) or (earlier := before.get(outcome.key)) is None or earlier.fields == outcome.fields:
        return outcome
    by_path = options.key in (None, "path", "bare-path") and earlier.fields.get("url") != outcome.fields.get("url")
    hint = " If they are two articles with one path, add --key url or --key guid." if by_path else ""
    return Fault(_place(outcome.line), f"describes {outcome.key!r} again, and differently from line {earlier.line:,}.{hint}")


def _place(line: int) -> str:
    return f"Line {line:,}"


def _fields(entry: Entry, options: ArticleOptions) -> dict[str, Any]:
    given = entry.texts
    fields: dict[str, Any] = {"title": _text("title", given.get("title", ""), TITLE_CHARACTERS)}
    if "url" in given:
        fields["url"] = _web_address(given["url"]) if given["url"] else None
    if "section" in given or options.section:
        section = given.get("section") or options.section
        fields["section"] = _text("section", section, SECTION_CHARACTERS) if section else None
    if "published_at" in given:
        fields["published_at"] = _moment_ms(given["published_at"], options.time_zone)
    return fields | {name: _checked_list(name, values) for name, values in entry.lists.items()}


def _checked_list(name: str, values: list[str]) -> list[str]:
    most, characters = MOST_OF[name]
    if len(values) > most:
        raise Unusable(f"has {len(values)} {name}, more than {most}.")
    return [_text(name, value, characters) for value in values]


def _text(name: str, text: str, most: int) -> str:
    text = texts.folded(text)
    if texts.is_blank(text) and not texts.unusable(text):
        raise Unusable(f"has no {name}.")
    if len(text) > most:
        raise Unusable(f"{name} has {counted(len(text), 'character')}, more than {most}.")
    if character := texts.unusable(text):
        raise Unusable(f"{name} contains {character}, a control character or line separator.")
    return text


def _web_address(text: str) -> str:
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        good = False
    if not good or texts.unusable(text) or texts.has_space(text) or len(text) > URL_CHARACTERS:
        raise Unusable(f"url {text[:80]!r} is not a web address such as https://www.example.org/news/1.")
    return text


def _moment_ms(text: str, time_zone: ZoneInfo) -> int | None:
    try:
        return dates.read(text, time_zone)
    except UnreadableDate as unreadable:
        raise Unusable(f"published_at {text[:60]!r} {unreadable}.") from None
