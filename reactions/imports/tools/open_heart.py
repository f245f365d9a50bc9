"""Open Heart: what a server answers to GET, an object of emoji and counts; of many articles, an object of such by address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reactions.imports import documents
from reactions.imports.choices import Choices, bare_emoji, names_of, same_emoji
from reactions.imports.found import Fault, Found
from reactions.imports.opening import Source
from reactions.newsroom.reaction_sets import ReactionSet
from reactions.refusals import UnreadableImport

NAME, KEY = "open-heart", "{path}"


def read(source: Source, choices: Choices) -> Iterator[Found | Fault]:
    """Yield what each answer says."""
    document = documents.read(source)
    if not isinstance(document, dict):
        raise UnreadableImport('An Open Heart answer is an object such as {"❤️": 14}.')
    answers = document if choices.article is None else {choices.article: document}
    for number, (address, counts) in enumerate(answers.items(), start=1):
        yield _found(f"Answer {number:,}", address, counts, choices)


def reactions(ours: ReactionSet) -> Mapping[str, str]:
    """An emoji is the reaction that shows it."""
    return same_emoji(ours)


def _found(place: str, address: str, counts: object, choices: Choices) -> Found | Fault:
    if not isinstance(counts, dict):
        return Fault(
            place, f"{address[:60]!r} has no object of emoji and counts. For the answer about one article, say --article KEY."
        )
    names = names_of(address) if choices.article is None else {"article": address}
    totals = {bare_emoji(emoji): count for emoji, count in counts.items()}
    if len(totals) < len(counts):
        return Fault(place, "has one emoji twice, with and without the sign for colours. Add them up by hand.")
    return Found(place, names, totals)
