"""The set of reactions a site offers: stable keys, labels per language, emoji, mood, order.

A reaction is never deleted. Retired, it leaves the row and takes no votes; its tally is kept and comes back when it is revived.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any

from reactions import texts
from reactions.languages import gettext
from reactions.refusals import MalformedReactionSet, RetiredReaction, UnknownReaction

MOST = 24
_TAG_CHARACTERS = 64
_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_MEMBERS = ("key", "emoji", "mood", "label", "retired", "colour", "icon")
EMOJI = "emoji"


@dataclass(frozen=True)
class Reaction:
    """One entry: `labels` by language tag, in the order given; `mood` is -1, 0 or +1.

    `colour` is #rrggbb on the dashboard. "" has it choose one; None says nothing, which leaves the colour that there was.
    `icon` is what the widget shows: "emoji", or "face", its own drawing where it has one; None leaves what there was.
    """

    key: str
    emoji: str
    mood: int
    labels: Mapping[str, str] = field(hash=False)
    retired: bool = False
    colour: str | None = None
    icon: str | None = None

    def label_in(self, language: str) -> str:
        """The label in `language` ("zh-Hant-TW" falls back to "zh-Hant", that to "zh", and that to the first label)."""
        known = {tag.lower(): label for tag, label in self.labels.items()}
        tag = language[:_TAG_CHARACTERS].replace("_", "-").lower()
        while tag and tag not in known:
            tag = tag.rpartition("-")[0]
        return known.get(tag) or next(iter(self.labels.values()))


@dataclass(frozen=True)
class ReactionSet:
    """All reactions a site has ever had, in order."""

    entries: tuple[Reaction, ...]

    @cached_property
    def offered(self) -> tuple[Reaction, ...]:
        """The reactions readers may choose, in the order of the row."""
        return tuple(entry for entry in self.entries if not entry.retired)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The keys of the offered reactions."""
        return tuple(entry.key for entry in self.offered)

    @cached_property
    def _by_key(self) -> dict[str, Reaction]:
        return {entry.key: entry for entry in self.entries}

    def limited_to(self, keys: tuple[str, ...]) -> ReactionSet:
        """The set with only these reactions on offer, in its own order; the whole set if none of them is left."""
        return _limited(self, keys)

    def choose(self, key: str) -> Reaction:
        """The offered reaction `key`. Raises UnknownReaction or RetiredReaction."""
        entry = self._by_key.get(key)
        if entry is None:
            raise UnknownReaction(f"This site has no such reaction. It offers: {', '.join(self.keys)}.")
        if entry.retired:
            raise RetiredReaction(f"{key} is no longer offered. Choose one of: {', '.join(self.keys)}.")
        return entry

    def get(self, key: str) -> Reaction:
        """The reaction `key`, retired or not. Raises UnknownReaction."""
        if key not in self._by_key:
            raise UnknownReaction(
                gettext("This site has no reaction %(key)s. It has: %(keys)s.", key=repr(key), keys=", ".join(self._by_key))
            )
        return self._by_key[key]

    def changed(self, key: str, **changes: Any) -> ReactionSet:
        """The set with some fields of one reaction changed."""
        self.get(key)
        return _checked([replace(entry, **changes) if entry.key == key else entry for entry in self.entries])

    def relabelled(self, key: str, language: str, label: str) -> ReactionSet:
        """The set with one label given or changed."""
        return self.changed(key, labels={**self.get(key).labels, language: label})

    def reordered(self, keys: Sequence[str]) -> ReactionSet:
        """The set with `keys` first, in that order; the others follow as they were."""
        first = [self.get(key) for key in dict.fromkeys(keys)]
        return _checked([*first, *(entry for entry in self.entries if entry.key not in keys)])

    def replaced_by(self, new: ReactionSet) -> ReactionSet:
        """`new`, plus every reaction that only this set has, retired: a tally never loses its reaction.

        Who writes a set without colours or icons, as older clients do, takes none away.
        """
        missing = [replace(entry, retired=True) for entry in self.entries if entry.key not in new._by_key]
        return _checked([*map(self._painted, new.entries), *missing])

    def _painted(self, entry: Reaction) -> Reaction:
        before = self._by_key.get(entry.key)
        colour = before.colour if entry.colour is None and before else entry.colour
        icon = before.icon if entry.icon is None and before else entry.icon
        return replace(entry, colour=colour or None, icon=icon if icon == EMOJI else None)


@lru_cache(maxsize=256)
def _limited(reactions: ReactionSet, keys: tuple[str, ...]) -> ReactionSet:
    entries = tuple(replace(e, retired=e.retired or e.key not in keys) for e in reactions.entries)
    return ReactionSet(entries) if any(not entry.retired for entry in entries) else reactions


def from_toml(text: str) -> ReactionSet:
    """Read a set from TOML: `[[reaction]]` tables as in config/reactions.toml. Raises MalformedReactionSet."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MalformedReactionSet(f"The reaction set is not TOML: {error}.") from None
    tables = document.pop("reaction", None)
    if document or not isinstance(tables, list):
        raise MalformedReactionSet("A reaction set has [[reaction]] tables and nothing else.")
    return from_stored(tables)


def to_toml(reactions: ReactionSet) -> str:
    """The set as a TOML file that `from_toml` reads back."""
    return "\n".join(map(_table, reactions.entries))


def from_stored(tables: Sequence[Any]) -> ReactionSet:
    """The set as `stored` wrote it, or as a TOML file has it. Raises MalformedReactionSet."""
    return _checked([_reaction(table, place) for place, table in enumerate(tables, start=1)])


def stored(reactions: ReactionSet) -> list[dict[str, Any]]:
    """The set as plain lists and dictionaries, for the site's row."""
    return [
        {"key": r.key, "emoji": r.emoji, "mood": r.mood, "label": dict(r.labels), "retired": r.retired}
        | ({"colour": r.colour} if r.colour else {})
        | ({"icon": r.icon} if r.icon == EMOJI else {})
        for r in reactions.entries
    ]


def _table(reaction: Reaction) -> str:
    labels = ", ".join(f"{_quoted(language)} = {_quoted(label)}" for language, label in reaction.labels.items())
    lines = [f"key = {_quoted(reaction.key)}", f"emoji = {_quoted(reaction.emoji)}", f"mood = {reaction.mood}"]
    lines += [f"label = {{ {labels} }}", *(["retired = true"] if reaction.retired else [])]
    lines += [f"colour = {_quoted(reaction.colour)}"] if reaction.colour else []
    lines += [f"icon = {_quoted(EMOJI)}"] if reaction.icon == EMOJI else []
    return "\n".join(["[[reaction]]", *lines, ""])


def _quoted(text: str) -> str:
    """A TOML basic string; JSON's escapes are among TOML's."""
    return json.dumps(text, ensure_ascii=False)


def _reaction(table: Any, place: int) -> Reaction:
    here = gettext("Reaction %(n)s", n=place)
    if not isinstance(table, dict):
        raise MalformedReactionSet(f"{here} must be a [[reaction]] table with key, emoji, mood and label.")
    if unknown := sorted(set(table) - set(_MEMBERS)):
        raise MalformedReactionSet(f"{here}: use {', '.join(_MEMBERS)}; not {', '.join(map(repr, unknown))}.")
    key, labels = table.get("key"), table.get("label")
    if isinstance(labels, str):
        labels = {"en": labels}
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise MalformedReactionSet(gettext('%(here)s: key must be 1 to 32 of a-z, 0-9, _ and -, such as "like".', here=here))
    if not isinstance(labels, dict) or not labels or not all(map(_is_label, labels.items())):
        raise MalformedReactionSet(
            gettext('%(here)s (%(key)s): label must be a text, or texts by language: { en = "Like" }.', here=here, key=key)
        )
    emoji, mood, retired = table.get("emoji", ""), table.get("mood", 0), table.get("retired", False)
    if not isinstance(emoji, str) or not _is_text(emoji, most=16):
        raise MalformedReactionSet(gettext("%(here)s (%(key)s): emoji must be one emoji.", here=here, key=key))
    if type(mood) is not int or mood not in (-1, 0, 1) or not isinstance(retired, bool):
        raise MalformedReactionSet(
            gettext("%(here)s (%(key)s): mood must be -1, 0 or 1, and retired true or false.", here=here, key=key)
        )
    colour = _colour(table["colour"], here, key) if "colour" in table else None
    icon = _icon(table["icon"], here, key) if "icon" in table else None
    return Reaction(key=key, emoji=emoji, mood=mood, labels=dict(labels), retired=retired, colour=colour, icon=icon)


def _colour(value: Any, here: str, key: str) -> str:
    """The colour in small letters, or "" for none."""
    text = "" if value is None else value
    if not isinstance(text, str) or not _COLOUR.fullmatch(text.lower() or "#000000"):
        raise MalformedReactionSet(
            gettext("%(here)s (%(key)s): colour must be # and six hexadecimal digits, such as #1c6cb5.", here=here, key=key)
        )
    return text.lower()


def _icon(value: Any, here: str, key: str) -> str:
    if value not in (None, "face", EMOJI):
        raise MalformedReactionSet(
            gettext(
                "%(here)s (%(key)s): icon must be face, the widget's own where it has one, or emoji, the system's.",
                here=here,
                key=key,
            )
        )
    return value or "face"


def _is_label(item: tuple[Any, Any]) -> bool:
    language, label = item
    known = isinstance(language, str) and _LANGUAGE.fullmatch(language)
    return bool(known and isinstance(label, str) and _is_text(label, most=60))


def _is_text(text: str, *, most: int) -> bool:
    """True for text that can be shown: 1 to `most` characters, some of them seen, none a control."""
    return len(text) <= most and _is_seen(text)


@lru_cache(maxsize=2048)
def _is_seen(text: str) -> bool:
    """Remembered: each time that a site is read, its labels are looked at."""
    return not texts.is_blank(text) and texts.unusable(text) is None


def _checked(entries: Sequence[Reaction]) -> ReactionSet:
    keys = [entry.key for entry in entries]
    if twice := {key for key in keys if keys.count(key) > 1}:
        raise MalformedReactionSet(gettext("A key may appear only once; repeated: %(keys)s.", keys=", ".join(sorted(twice))))
    if not [entry for entry in entries if not entry.retired]:
        raise MalformedReactionSet(gettext("At least one reaction must be offered."))
    colours = [entry.colour for entry in entries if entry.colour and not entry.retired]
    if same := {colour for colour in colours if colours.count(colour) > 1}:
        raise MalformedReactionSet(
            gettext("Two reactions on offer cannot have one colour; repeated: %(colours)s.", colours=", ".join(sorted(same)))
        )
    if len(entries) > MOST:
        raise MalformedReactionSet(gettext("A set has at most %(n)s reactions, retired ones included.", n=MOST))
    for entry in entries:
        if not all(map(_is_label, entry.labels.items())):
            raise MalformedReactionSet(
                gettext("%(key)s: a label has 1 to 60 printable characters and a language such as en.", key=entry.key)
            )
    return ReactionSet(tuple(entries))
