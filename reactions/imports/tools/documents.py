"""Tools whose totals are answers of a server, as JSON: Open Heart, applause-button and Lyket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reactions.imports import sources
from reactions.imports.sources import Fault, Source
from reactions.imports.tools.tool import names_of
from reactions.imports.totals import TheirTotals, TotalsOptions
from reactions.newsroom.reaction_sets import ReactionSet
from reactions.refusals import UnreadableImport

_PRESENTATION = "\ufe0f"  # asks for an emoji in colours; the same emoji comes with and without
_CLAPS = "claps"
_LYKET_TOTALS = {"total_likes": "likes", "total_claps": _CLAPS}


def same_emoji(reactions: ReactionSet) -> Mapping[str, str]:
    """Reactions by their emoji."""
    return {bare_emoji(entry.emoji): entry.key for entry in reactions.entries if entry.emoji}


def bare_emoji(text: str) -> str:
    """An emoji without the sign that asks for colours."""
    return text.replace(_PRESENTATION, "")


def read_open_heart(source: Source, options: TotalsOptions) -> Iterator[TheirTotals | Fault]:
    """What a server answers to GET, an object of emoji and counts; of many articles, an object of such by address."""
    document = sources.read_json(source)
    if not isinstance(document, dict):
        raise UnreadableImport('An Open Heart answer is an object such as {"❤️": 14}.')
    answers = document if options.article is None else {options.article: document}
    for number, (address, counts) in enumerate(answers.items(), start=1):
        yield _answer(f"Answer {number:,}", address, counts, options)


def _answer(place: str, address: str, counts: object, options: TotalsOptions) -> TheirTotals | Fault:
    if not isinstance(counts, dict):
        return Fault(
            place, f"{address[:60]!r} has no object of emoji and counts. For the answer about one article, add --article KEY."
        )
    names = names_of(address) if options.article is None else {"article": address}
    totals = {bare_emoji(emoji): count for emoji, count in counts.items()}
    if len(totals) < len(counts):
        return Fault(place, "has one emoji twice, with and without the sign for colours. Add them up by hand.")
    return TheirTotals(place, names, totals)


def applause_reactions(reactions: ReactionSet) -> Mapping[str, str]:
    """Claps are the reaction that shows clapping hands, if there is one."""
    clapping = _clapping(reactions)
    return {_CLAPS: clapping} if clapping else {}


def read_applause(source: Source, _options: TotalsOptions) -> Iterator[TheirTotals | Fault]:
    """What applause-button's server answers to `/get-multiple`, or an export of its table from DynamoDB."""
    document = sources.read_json(source)
    for number, item in enumerate(document if isinstance(document, list) else [document], start=1):
        yield _item(f"Item {number:,}", item)


def _item(place: str, item: Any) -> TheirTotals | Fault:
    item = item.get("Item", item) if isinstance(item, dict) else {}
    url, claps = _plain(item.get("url"), "S"), _plain(item.get(_CLAPS), "N")
    if not isinstance(url, str) or not url or _CLAPS not in item:
        return Fault(place, "has no url and claps.")
    return TheirTotals(place, names_of(url), {_CLAPS: claps})


def _plain(value: Any, kind: str) -> Any:
    """A value of DynamoDB's own JSON, {"N": "12"}, without what tells its type."""
    return value.get(kind) if isinstance(value, dict) else value


def lyket_reactions(reactions: ReactionSet) -> Mapping[str, str]:
    """Likes are `like`; claps the reaction that shows clapping hands, if there is one."""
    offers_like = any(entry.key == "like" for entry in reactions.entries)
    return {**({"likes": "like"} if offers_like else {}), **applause_reactions(reactions)}


def read_lyket(source: Source, _options: TotalsOptions) -> Iterator[TheirTotals | Fault]:
    """Answers of Lyket's API about like and clap buttons, one or many."""
    for number, button in enumerate(_buttons(sources.read_json(source)), start=1):
        yield _button(f"Button {number:,}", button)


def _buttons(document: Any) -> list[Any]:
    """The buttons of an answer, of a list of answers, or of an answer about many."""
    if isinstance(document, list):
        return [button for part in document for button in _buttons(part)]
    if isinstance(document, dict) and isinstance(document.get("data"), (list, dict)):
        return _buttons(document["data"])
    return [document]


def _button(place: str, button: Any) -> TheirTotals | Fault:
    attributes = button.get("attributes") if isinstance(button, dict) else None
    if not isinstance(attributes, dict) or not isinstance(button.get("id"), str):
        return Fault(place, "has no id and attributes, as an answer of Lyket's API has.")
    totals = {ours: attributes[theirs] for theirs, ours in _LYKET_TOTALS.items() if theirs in attributes}
    if not totals:
        return Fault(
            place,
            "has neither total_likes nor total_claps. Of up/down buttons Lyket has only the balance, which counts no votes.",
        )
    return TheirTotals(place, {"id": button["id"], "namespace": str(attributes.get("namespace") or "")}, totals)


def _clapping(reactions: ReactionSet) -> str | None:
    return next((entry.key for entry in reactions.entries if entry.emoji.startswith("👏")), None)
