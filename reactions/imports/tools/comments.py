"""Comment systems: Waline, Artalk and Disqus."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reactions.imports import sources
from reactions.imports.sources import Fault, Source
from reactions.imports.tools.tool import names_of, names_of_page, refuse_dump
from reactions.imports.totals import RawTotal, TheirTotals, TotalsOptions
from reactions.newsroom.reaction_sets import ReactionSet
from reactions.refusals import UnreadableImport

_REACTION = re.compile(r"reaction([0-8])")
_ARTALK_VOTES = ("vote_up", "vote_down")
_DISQUS = {"upvote": "like", "funny": "funny", "love": "love", "surprised": "wow", "angry": "angry", "sad": "sad"}


def none_known(_reactions: ReactionSet) -> Mapping[str, str]:
    """No name is known: Waline's reactions are places in the site's own list, and Artalk's votes are of comments."""
    return {}


def read_waline(source: Source, options: TotalsOptions) -> Iterator[TheirTotals | Fault]:
    """The table `wl_Counter` as CSV, Waline's JSON export, or LeanCloud's."""
    refuse_dump(source)
    if source.start().removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"{", b"[", b"#filetype:")):
        for number, counter in enumerate(_counters(sources.read_json(source)), start=1):
            yield _counter(f"Counter {number:,}", counter, options)
        return
    for row in sources.read_table(source, _check_waline):
        yield row if isinstance(row, Fault) else _counter(row.place, row.cells, options)


def _check_waline(columns: Sequence[str]) -> None:
    if "url" not in columns or not any(map(_REACTION.fullmatch, columns)):
        raise UnreadableImport(f"The columns are {', '.join(columns)[:200]}. Waline's have url and reaction0 to reaction8.")


def _counters(document: Any) -> Sequence[Any]:
    for path in (("data", "Counter"), ("data", "data", "Counter"), ("results",), ()):
        part = document
        for name in path:
            part = part.get(name) if isinstance(part, dict) else None
        if isinstance(part, list):
            return part
    raise UnreadableImport('The file has no counters: neither data.Counter of a Waline export, nor "results" of LeanCloud.')


def _counter(place: str, counter: Any, options: TotalsOptions) -> TheirTotals | Fault:
    if not isinstance(counter, Mapping) or not isinstance(counter.get("url"), str) or not counter["url"]:
        return Fault(place, "has no url.")
    totals: dict[str, RawTotal] = {}
    for name, total in counter.items():
        if known := _REACTION.fullmatch(name):
            totals[name if name in options.reactions else known[1]] = total  # either may be written
    return TheirTotals(place, names_of_page(counter["url"]), totals)


def read_artalk(source: Source, _options: TotalsOptions) -> Iterator[TheirTotals | Fault]:
    """Artalk's exchange format, Artrans: its comments with their votes, which are summed up by page."""
    document = sources.read_json(source)
    for number, comment in enumerate(document if isinstance(document, list) else [document], start=1):
        page = comment.get("page_key") if isinstance(comment, dict) else None
        if not isinstance(page, str) or not page:
            yield Fault(f"Comment {number:,}", "has no page_key, as a comment in Artrans has.")
            continue
        totals = {name: comment.get(name) for name in _ARTALK_VOTES}
        yield TheirTotals(f"Comment {number:,}", names_of_page(page), totals)


def disqus_reactions(reactions: ReactionSet) -> Mapping[str, str]:
    """Disqus's own six, where the site has them; their texts may have been changed there."""
    ours = {entry.key for entry in reactions.entries}
    return {theirs: key for theirs, key in _DISQUS.items() if key in ours}


def read_disqus(source: Source, options: TotalsOptions) -> Iterator[TheirTotals | Fault]:
    """Answers of Disqus's `threadReactions/loadReactions`: one, or an object of such by address."""
    document = sources.read_json(source)
    if not isinstance(document, dict):
        raise UnreadableImport("An answer of Disqus is an object with response.reactions.")
    answers = document if options.article is None else {options.article: document}
    for number, (address, answer) in enumerate(answers.items(), start=1):
        names = names_of(address) if options.article is None else {"article": address}
        yield _disqus(f"Answer {number:,}", address, names, answer)


def _disqus(place: str, address: str, names: Mapping[str, str], answer: Any) -> TheirTotals | Fault:
    response = answer.get("response", answer) if isinstance(answer, dict) else None
    reactions = response.get("reactions") if isinstance(response, dict) else None
    if not isinstance(reactions, list) or not all(
        isinstance(each, dict) and isinstance(each.get("text"), str) for each in reactions
    ):
        return Fault(
            place,
            f"{address[:60]!r} has no list of reactions with text and votes. For an answer about one article, add --article KEY.",
        )
    totals = {each["text"].lower(): each.get("votes") for each in reactions}
    if len(totals) < len(reactions):
        return Fault(place, f"{address[:60]!r} has one text twice.")
    return TheirTotals(place, names, totals)
