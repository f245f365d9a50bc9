"""The articles of the demo newspaper, read from the TOML files beside this module.

A file dates its articles back from the present: `hours_ago` for today's, `days_ago` and the local time `at`
for older ones, so that they were published in working hours whenever the demo starts.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

from reactions.times import HOUR_MS


@dataclass(frozen=True, slots=True)
class Section:
    """A section with the usual mood of its readers and the half-life of their interest."""

    key: str
    name: str
    mood: str
    half_life_hours: float


@dataclass(frozen=True, slots=True)
class Newspaper:
    """The paper itself; `moods` has the weights of the reactions that readers choose, by the mood's name."""

    name: str
    motto: str
    place: str
    site: str
    time_zone: str
    sections: tuple[Section, ...]
    moods: dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Wave:
    """A crowd that reads an article: how many react, in which mood, and the half-life of their interest.

    A crowd `from_afar` also reads while the town sleeps.
    """

    votes: int
    mood: str
    half_life_hours: float
    after_hours: float = 0
    from_afar: bool = False


@dataclass(frozen=True, slots=True)
class DemoArticle:
    """An article as it is published, with the crowds that will read it."""

    key: str
    title: str
    standfirst: str
    section: str
    authors: tuple[str, ...]
    tags: tuple[str, ...]
    paragraphs: tuple[str, ...]
    published_at_ms: int
    waves: tuple[Wave, ...]


@cache
def newspaper() -> Newspaper:
    """What stays the same from day to day: the name, the place, the sections."""
    facts = _toml("newspaper.toml")
    moods = facts.pop("mood")
    sections = tuple(Section(**section) for section in facts.pop("section"))
    return Newspaper(**facts, sections=sections, moods=moods)


def articles(now_ms: int) -> list[DemoArticle]:
    """The month's articles at `now_ms`, newest first."""
    every = [
        _article(entry, section, now_ms)
        for section in newspaper().sections
        for entry in _toml(f"sections/{section.key}.toml")["article"]
    ]
    return sorted(every, key=lambda article: article.published_at_ms, reverse=True)


def _article(entry: dict[str, Any], section: Section, now_ms: int) -> DemoArticle:
    return DemoArticle(
        key=entry["key"],
        title=entry["title"],
        standfirst=entry["standfirst"],
        section=section.name,
        authors=tuple(entry["authors"]),
        tags=tuple(entry["tags"]),
        paragraphs=tuple(" ".join(block.split()) for block in entry["body"].strip().split("\n\n")),
        published_at_ms=_published_at_ms(entry, now_ms),
        waves=tuple(_waves(entry, section)),
    )


def _waves(entry: dict[str, Any], section: Section) -> Iterator[Wave]:
    usual = {"mood": section.mood, "half_life_hours": section.half_life_hours}
    single = {key: entry[key] for key in ("votes", "mood", "half_life_hours") if key in entry}
    for wave in entry.get("wave", [single]):
        yield Wave(**usual | wave)


def _published_at_ms(entry: dict[str, Any], now_ms: int) -> int:
    if "hours_ago" in entry:
        hours_ago: float = entry["hours_ago"]
        return now_ms - round(hours_ago * HOUR_MS)
    zone = ZoneInfo(newspaper().time_zone)
    day = datetime.fromtimestamp(now_ms / 1000, zone).date() - timedelta(days=entry["days_ago"])
    at: time = entry["at"]
    return round(datetime.combine(day, at, zone).timestamp() * 1000)


def _toml(path: str) -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath(path).read_text(encoding="utf-8"))
