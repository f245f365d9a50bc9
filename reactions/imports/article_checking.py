"""From an entry to what it says of one article: its key, its times, and whether everything can be stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from reactions.imports.article_entries import Choices, Entry, Fault
from reactions.newsroom import article_keys
from reactions.refusals import MalformedKey

TITLE_CHARACTERS, URL_CHARACTERS, SECTION_CHARACTERS = 500, 2000, 200
MOST_OF = {"authors": (20, 200), "tags": (50, 100)}  # how many, and how long each


@dataclass(frozen=True, slots=True)
class Statement:
    """What `line` says of the article `key`: fields of a Description, those absent that it does not mention."""

    line: int
    key: str
    said: dict[str, Any]


class _Unusable(Exception):
    """The entry cannot be imported; the text says why."""


def check(entry: Entry, choices: Choices) -> Statement | Fault:
    """What an entry says, or why it cannot be imported."""
    try:
        return Statement(entry.line, _key(entry, choices), _said(entry, choices))
    except _Unusable as unusable:
        return Fault(entry.line, str(unusable))
    except MalformedKey as refusal:
        return Fault(entry.line, refusal.detail)


def _key(entry: Entry, choices: Choices) -> str:
    source = choices.key or ("column" if entry.texts.get("key") else "path")
    name = {"column": "key", "guid": "guid"}.get(source, "url")
    text = entry.texts.get(name)
    if not text:
        raise _Unusable(f"has no {name} to take the article's key from.")
    if name == "url":
        _web_address(text)
    return article_keys.canonical_key(article_keys.path_key(text) if source == "path" else text)


def _said(entry: Entry, choices: Choices) -> dict[str, Any]:
    texts = entry.texts
    said: dict[str, Any] = {"title": _printable("title", texts.get("title", ""), TITLE_CHARACTERS)}
    if "url" in texts:
        said["url"] = _web_address(texts["url"]) if texts["url"] else None
    if "section" in texts or choices.section:
        section = texts.get("section") or choices.section
        said["section"] = _printable("section", section, SECTION_CHARACTERS) if section else None
    if "published_at" in texts:
        said["published_at"] = _moment_ms(texts["published_at"], choices.time_zone) if texts["published_at"] else None
    return said | {name: _checked_list(name, values) for name, values in entry.lists.items()}


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
        raise _Unusable(f"url {text[:80]!r} is no web address such as https://www.example.org/news/1.")
    return text


def _moment_ms(text: str, time_zone: ZoneInfo) -> int:
    """A time of ISO 8601 or of mail (RFC 5322) as UTC milliseconds; without an offset it is local."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
            return round((moment if moment.tzinfo else moment.replace(tzinfo=time_zone)).astimezone(UTC).timestamp() * 1000)
        except (ValueError, OverflowError):
            continue
    raise _Unusable(f"published_at {text[:60]!r} is no time such as 2026-03-01T07:30:00+01:00.")
