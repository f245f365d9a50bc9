"""The geometry and the colours of the small charts in the lists: numbers for the SVG that the templates write.

A reaction's colour belongs to its key: it is the same on every page, whatever else a site offers and in whatever order. A site
may choose it; whatever was chosen is made to be seen on a light page and on a dark one. Mood and split are drawn in ink, so that
no colour means two things.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

from reactions.newsroom.reaction_sets import ReactionSet

AXIS = 72  # the length of the axis of a measure, as pieces.html draws it
SHADES = 16  # the colours r1 to r16 of page.css
_OWN = {"like": 1, "dislike": 2, "love": 3, "funny": 4, "angry": 5, "sad": 6, "wow": 7}  # of the set that the product ships
PAPERS = {"light": (0xFC, 0xFC, 0xFA), "dark": (0x11, 0x15, 0x1A)}  # what page.css draws on
CONTRAST = 3.0  # what WCAG asks of a thing that carries meaning
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_FREE = range(len(_OWN) + 1, SHADES + 1)


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar, in per cent of its length."""

    start: float
    length: float
    paint: str


@dataclass(frozen=True, slots=True)
class Scale:
    """A measure on its axis, from 0 to AXIS."""

    low: float
    value: float
    high: float


def paints(reactions: ReactionSet) -> dict[str, str]:
    """The class that colours each reaction, retired ones included."""
    own = {entry.key: f"paint-{entry.key}" for entry in reactions.entries if entry.colour}
    return _paints(frozenset(entry.key for entry in reactions.entries)) | own


@lru_cache(maxsize=256)
def _paints(keys: frozenset[str]) -> dict[str, str]:
    """The shipped reactions have their own; others the one that the key's checksum names, or the next that is free in the set."""
    chosen = {key: _OWN[key] for key in keys & _OWN.keys()}
    for key in sorted(keys - _OWN.keys()):
        first = crc32(key.encode()) % len(_FREE)
        after = [*_FREE[first:], *_FREE[:first]]
        chosen[key] = next((shade for shade in after if shade not in chosen.values()), after[0])
    return {key: f"r{shade}" for key, shade in chosen.items()}


def own_colours(reactions: ReactionSet) -> str:
    """The style sheet of the colours that a site has chosen; "" if it has chosen none."""
    chosen = {f"paint-{entry.key}": entry.colour for entry in reactions.entries if entry.colour}
    if not chosen:
        return ""
    classes = "".join(f".{name} {{ --c: var(--{name}); }}\n" for name in chosen)
    light, dark = (
        "".join(f" --{name}: {seen_on(scheme, colour)};" for name, colour in chosen.items()) for scheme in ("light", "dark")
    )
    return f":root {{{light} }}\n@media screen and (prefers-color-scheme: dark) {{ :root {{{dark} }} }}\n{classes}"


def seen_on(scheme: str, colour: str) -> str:
    """The colour, darkened on a light page or lightened on a dark one as far as it takes to be seen there."""
    own, paper = _rgb(colour), PAPERS[scheme]
    end = _BLACK if scheme == "light" else _WHITE
    mixed = (tuple(round(c + (e - c) * part / 50) for c, e in zip(own, end, strict=True)) for part in range(51))
    return "#" + bytes(next(each for each in mixed if contrast(each, paper) >= CONTRAST)).hex()


def contrast(one: Sequence[int], other: Sequence[int]) -> float:
    """The contrast of two colours as WCAG 2 defines it: 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour.removeprefix("#")))


def _luminance(rgb: Sequence[int]) -> float:
    linear = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def in_order_of_mood(reactions: ReactionSet) -> list[str]:
    """The keys in the order of a bar: positive reactions first, negative ones last."""
    return [entry.key for entry in sorted(reactions.entries, key=lambda entry: -entry.mood)]


def bar(counts: Mapping[str, int], reactions: ReactionSet) -> list[Segment]:
    """The parts of an article's reactions."""
    total, paint, segments, start = sum(counts.values()), paints(reactions), list[Segment](), 0.0
    for key in in_order_of_mood(reactions):
        if counts.get(key, 0) > 0:
            length = 100 * counts[key] / total
            segments.append(Segment(round(start, 2), round(length, 2), paint[key]))
            start += length
    return segments


def scale(value: float, low: float, high: float, *, floor: float) -> Scale:
    """A measure between `floor` and 1."""
    low_at, at, high_at = (round(AXIS * (number - floor) / (1 - floor), 1) for number in (low, value, high))
    return Scale(low_at, at, high_at)


def line(values: Sequence[int], *, width: int, height: int) -> str:
    """The points of a sparkline; values below zero are drawn at zero."""
    points = [max(0, value) for value in values] or [0]
    points = points * 2 if len(points) == 1 else points
    most, step = max(*points, 1), width / (len(points) - 1)
    room = height - 1  # half the line's width at either end
    return " ".join(f"{place * step:.1f},{height - 0.5 - room * value / most:.1f}" for place, value in enumerate(points))
