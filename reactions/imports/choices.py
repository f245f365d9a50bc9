"""What the operator says about a file: how keys are made from its names, and which of its reactions is which of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from reactions.newsroom import article_keys
from reactions.newsroom.reaction_sets import ReactionSet
from reactions.newsroom.sites import Site
from reactions.refusals import UnreadableImport

_NAME = re.compile(r"\{(\w+)\}")
_PRESENTATION = "\ufe0f"  # asks for an emoji in colours; the same emoji comes with and without


@dataclass(frozen=True, slots=True)
class Choices:
    """`key` is a template such as "news/{slug}", or None for the tool's own. `reactions` are by the tool's names; None leaves
    one out. `article` is the key of the only article a file is about. `add_up` adds up entries about one article.
    """

    site: Site
    key: str | None = None
    reactions: Mapping[str, str | None] = field(default_factory=dict)
    article: str | None = None
    add_up: bool = False


def key_from(template: str, names: Mapping[str, str]) -> str:
    """The canonical article key that a template makes of the names. Raises MalformedKey or UnreadableImport."""

    def named(found: re.Match[str]) -> str:
        if found[1] not in names:
            raise UnreadableImport(f"--key {template!r}: there is no {found[0]}. There is: {', '.join(sorted(names))}.")
        return names[found[1]]

    return article_keys.canonical_key(_NAME.sub(named, template))


def names_of(address: str) -> dict[str, str]:
    """What an address names an article by: `url`, its `path` as the widget takes it for a key, and `slug`, its last part."""
    bare = address if "://" in address or address.startswith("/") else f"//{address}"
    try:
        path = article_keys.path_key(bare)
    except ValueError:
        path = address
    last = path.rstrip("/").rpartition("/")[2]
    return {"url": address, "path": path, "slug": last.removesuffix(".html").removesuffix(".htm")}


def same_keys(reactions: ReactionSet) -> dict[str, str]:
    """Reactions that a tool names as we do."""
    return {entry.key: entry.key for entry in reactions.entries}


def same_emoji(reactions: ReactionSet) -> dict[str, str]:
    """Reactions by their emoji."""
    return {bare_emoji(entry.emoji): entry.key for entry in reactions.entries if entry.emoji}


def clapping(reactions: ReactionSet) -> str | None:
    """The reaction that shows clapping hands, if there is one."""
    return next((entry.key for entry in reactions.entries if entry.emoji.startswith("👏")), None)


def bare_emoji(text: str) -> str:
    """An emoji without the sign that asks for colours."""
    return text.replace(_PRESENTATION, "")


def checked_reactions(site: Site, given: Mapping[str, str | None]) -> Mapping[str, str | None]:
    """The mapping, if the site knows all its reactions. Raises UnknownReaction."""
    for ours in given.values():
        if ours is not None:
            site.reactions.named(ours)
    return given
