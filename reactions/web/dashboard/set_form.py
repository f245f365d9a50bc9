"""The form of the reaction set: what it shows of a set, and the set that it means once it is filled in.

Each reaction has fields named after its key, as in `emoji.like` and `label.like.de`. A row without a key is a new reaction.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from werkzeug.datastructures import MultiDict

from reactions import languages
from reactions.languages import gettext
from reactions.newsroom import reaction_sets, sites
from reactions.newsroom.reaction_sets import ReactionSet
from reactions.newsroom.sites import Site
from reactions.refusals import MalformedReactionSet

Form = MultiDict[str, str]
_NEW = ".new"  # no key begins with a full stop
_MOODS = {"-1": -1, "0": 0, "1": 1}
_BLANK: Mapping[str, Any] = {"key": _NEW, "emoji": "", "mood": 0, "label": {}, "retired": False, "colour": "", "icon": "face"}


class Stale(Exception):
    """Somebody else changed what a form is about after it was loaded; the text says so to whoever sent it."""


def shown(site: Site, form: Form | None) -> dict[str, Any]:
    """What the page shows: the stored set, or the form as it was filled in."""
    stored = reaction_sets.stored(site.reactions)
    rows = stored if form is None else [_row(form, key) for key in form.getlist("key") if key != _NEW]
    tongues = list(dict.fromkeys(language for row in rows for language in row["label"])) or ["en"]
    sections = {name: list(keys) for name, keys in site.section_reactions.items()} if form is None else _sections(form)
    spoken = languages.spoken()
    return {
        "rows": rows,
        "blank": _BLANK if form is None else _row(form, _NEW),
        "languages": tongues,
        "first": spoken if spoken in tongues else tongues[0],
        "spoken": spoken,
        "sections": sections,
        "version": sites.version_of_set(site),
        "most": reaction_sets.MOST,
    }


def read(form: Form) -> tuple[ReactionSet, dict[str, list[str]]]:
    """The set and the sections that a form means. Raises MalformedReactionSet."""
    rows = [_row(form, key) for key in form.getlist("key") if key != _NEW]
    rows = [row for _, row in sorted(enumerate(rows), key=lambda each: (_place(form, each[1]["key"]), each[0]))]
    blank = _row(form, _NEW)
    if blank["emoji"].strip() or blank["label"]:
        rows.append({**blank, "key": _new_key(form, rows, blank["label"])})
    if not rows:
        raise MalformedReactionSet(gettext("At least one reaction must be offered."))
    return reaction_sets.from_stored(rows), {name: keys for name, keys in _sections(form).items() if keys}


def what_differs(now: Site, form: Form) -> str:
    """What to tell somebody whose form is older than the set: what there is now that the form does not have."""
    mine = {row["key"]: row for row in (_row(form, key) for key in form.getlist("key"))}
    theirs = reaction_sets.stored(now.reactions)
    differing = [row["key"] for row in theirs if row["key"] not in mine or _plain(row) != _plain(mine[row["key"]])]
    if differing:
        return gettext(
            "Somebody else changed this set while you did. Different there: %(keys)s. Nothing of yours is saved yet: if you save "
            "again, yours replaces theirs.",
            keys=", ".join(differing),
        )
    return gettext(
        "Somebody else changed this set while you did. Nothing of yours is saved yet: if you save again, yours replaces theirs."
    )


def _plain(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        row["emoji"],
        row["mood"],
        sorted(row["label"].items()),
        row["retired"],
        row.get("colour") or "",
        row.get("icon") or "face",
    )


def _row(form: Form, key: str) -> dict[str, Any]:
    """A reaction as the form has it."""
    prefix = f"label.{key}."
    labels = {name.removeprefix(prefix): text.strip() for name, text in form.items() if name.startswith(prefix) and text.strip()}
    other, label = form.get(f"language.{key}", "").strip(), form.get(f"other.{key}", "").strip()
    if other and label:
        labels[other] = label
    order = form.get("languages", "").split()  # the first label is the one of every language that the set lacks
    tongues = sorted(labels, key=lambda language: order.index(language) if language in order else len(order))
    mood = _MOODS.get(form.get(f"mood.{key}", "0"), 2)  # anything else is refused with the set
    return {
        "key": key,
        "emoji": form.get(f"emoji.{key}", "").strip(),
        "mood": mood,
        "label": {language: labels[language] for language in tongues},
        "retired": f"retired.{key}" in form,
        "colour": form.get(f"colour.{key}", "").strip() if f"coloured.{key}" in form else "",
        "icon": form.get(f"icon.{key}", "face"),
    }


def _place(form: Form, key: str) -> float:
    try:
        return float(form.get(f"order.{key}", "") or "inf")
    except ValueError:
        raise MalformedReactionSet(gettext("%(key)s: write the place as a number, such as 1.", key=key)) from None


def _new_key(form: Form, rows: Sequence[Mapping[str, Any]], labels: Mapping[str, str]) -> str:
    """The key that was chosen for a new reaction, or one made of its label."""
    if chosen := form.get("newkey", "").strip():
        return chosen
    plain = unicodedata.normalize("NFKD", next(iter(labels.values()), "")).encode("ascii", "ignore").decode().lower()
    made = re.sub("[^a-z0-9]+", "-", plain).strip("-")[:32]
    if not made or made in {row["key"] for row in rows}:
        raise MalformedReactionSet(gettext("Choose a key for the new reaction, such as clap: 1 to 32 of a-z, 0-9, _ and -."))
    return made


def _sections(form: Form) -> dict[str, list[str]]:
    """The sections that offer only a part of the set, with what they offer."""
    numbers = [name.removeprefix("section.") for name in form if name.startswith("section.")]
    named = [(form[f"section.{number}"].strip(), form.getlist(f"offered.{number}")) for number in numbers]
    return {name: keys for name, keys in named if name}
