"""Bringing back our own export: descriptions, closed and hidden articles, imported totals, and every change of a vote.

The files name no reader. Each article gets invented voters: a first vote is a new one's, and a change is made by any of those who
have the reaction that it takes back. Counts, series and the next export come out the same whoever it was.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Engine

from reactions.exports import formats
from reactions.imports import record
from reactions.imports.own_files import Folder, Line
from reactions.imports.restored import Restored
from reactions.newsroom import articles
from reactions.newsroom.sites import Site
from reactions.refusals import ImportConflict, MalformedKey, UnknownReaction, UnreadableImport
from reactions.votes import ledger
from reactions.votes.imported import MOST, Change
from reactions.votes.rules import Ballot

NAME = "export"
_EPOCH, _MS = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
_COUNT, _IMPORTED = "count_", "imported_"
_ARTICLES_AT_ONCE, _VOTES_AT_ONCE = 500, 1000
_TEXTS = {"url": 2000, "title": 500, "section": 200}
_T = TypeVar("_T")


class Restoration:
    """An export on its way into a site: `restored.Restoration`. Read anew for each question, so that memory stays flat.

    Raises UnreadableImport for what is not whole or cannot be, and UnknownReaction for a reaction that the site lacks.
    """

    def __init__(self, folder: Folder, site: Site, source: str) -> None:
        self._folder = folder
        self._site = site
        self._tag = record.tag_of(site, source)
        names = folder.columns("articles")
        self._reactions = [name.removeprefix(_COUNT) for name in names if name.startswith(_COUNT)]
        known = {entry.key for entry in site.reactions.entries}
        if unknown := [key for key in self._reactions if key not in known]:
            raise UnknownReaction(
                f"The export has {unknown[0]!r}, which {site.key} lacks. Give the site the reactions of the export first."
            )

    def articles(self) -> Iterator[Sequence[Restored]]:
        """The articles, in chunks."""
        return _chunks(map(self._article, self._folder.lines("articles")), _ARTICLES_AT_ONCE)

    def amounts(self) -> Iterator[Sequence[Change]]:
        """What was imported there, in chunks in the order of articles and reactions."""
        for chunk in self.articles():
            amounts = [Change(a.article_id, r, 0, n) for a in chunk for r, n in a.imported.items() if n]
            if amounts:
                yield sorted(amounts)

    def ballots(self) -> Iterator[Sequence[Ballot]]:
        """The changes of votes, in chunks, in their order."""
        return _chunks(self._ballots(), _VOTES_AT_ONCE)

    def _ballots(self) -> Iterator[Ballot]:
        standing: dict[str, list[int]] = defaultdict(list)
        article, article_id, done = "", 0, set[str]()
        for number, line in enumerate(self._folder.lines("votes"), start=1):
            key = formats.text_of(line.cells["article"])
            if key != article:
                article, article_id, standing = key, self._id(line, key), defaultdict(list)
                if key in done:
                    raise UnreadableImport(
                        f"{line.place}: goes back to {key[:80]!r}; an export has the votes article by article."
                    )
                done.add(key)
            voter = self._mover(line, standing, number)
            to = self._reaction(line, "to")
            if to is not None:
                standing[to].append(voter)
            pseudonym = self._tag + voter.to_bytes(8, "big")
            at_ms, cause = _time(line, "at"), line.cells["cause"]
            if at_ms is None or not 1 <= len(cause) <= 16:
                raise UnreadableImport(f"{line.place}: has no time or no cause.")
            yield Ballot(self._site, key, article_id, to, b"", number, at_ms, cause, pseudonym)

    def _mover(self, line: Line, standing: dict[str, list[int]], number: int) -> int:
        """Who makes a change: anybody who has the reaction that it takes back, or somebody new."""
        if line.cells["held"] != "false":
            raise UnreadableImport(
                f"{line.place}: is a vote that is held for review. Release or reset such votes, and export again."
            )
        left = self._reaction(line, "from")
        if left is None:
            return number
        if not standing[left]:
            raise UnreadableImport(f"{line.place}: takes back {left}, which nobody has at that time.")
        return standing[left].pop()

    def _reaction(self, line: Line, column: str) -> str | None:
        key = line.cells[column]
        if key and key not in self._reactions:
            raise UnreadableImport(f"{line.place}: {column} is {key[:40]!r}, which is no reaction of the export.")
        return key or None

    def _id(self, line: Line, key: str) -> int:
        try:
            return articles.id_of(self._site.key, articles.canonical_key(key))
        except MalformedKey as refusal:
            raise UnreadableImport(f"{line.place}: {refusal.detail}") from None

    def _article(self, line: Line) -> Restored:
        key = formats.text_of(line.cells["article"])
        into = formats.text_of(line.cells["merged_into"])
        first_seen_at = _time(line, "first_seen_at")
        if first_seen_at is None:
            raise UnreadableImport(f"{line.place}: has no first_seen_at.")
        return Restored(
            article_id=self._id(line, key),
            key=key,
            said={
                **{name: _text(line, name, most) for name, most in _TEXTS.items()},
                **{name: _names(line, name) for name in ("authors", "tags")},
                **{name: _time(line, name) for name in ("published_at", "closed_at", "hidden_at")},
                "first_seen_at": first_seen_at,
            },
            aliases=[key for key in _names(line, "aliases") if self._id(line, key)],
            merged_into=self._id(line, into) if into else None,
            counts={r: _number(line, _COUNT + r) for r in self._reactions},
            imported={r: _number(line, _IMPORTED + r) for r in self._reactions},
            place=line.place,
        )


def already(engine: Engine, site: Site, source: str, folder: Folder) -> bool:
    """True if the source has brought this very export. Raises ImportConflict if it has brought anything else."""
    with engine.connect() as connection:
        known = record.find(connection, site, source)
    if known is None:
        return False
    if (known.format, known.file_hash) != (NAME, folder.hash):
        raise ImportConflict(f"{site.key} has an import {source!r} already. Remove it first, or give this one another --source.")
    return True


def survey(engine: Engine, site: Site, restoration: Restoration) -> tuple[int, int]:
    """Read all of an export, and see that it could come back; how many articles and changes of votes it has. Changes nothing."""
    found = 0
    with engine.connect() as connection:
        for chunk in restoration.articles():
            ledger.refuse_any_of(connection, site.key, {article.article_id: article.key for article in chunk})
            found += len(chunk)
    return found, sum(map(len, restoration.ballots()))


def _text(line: Line, name: str, most: int) -> str | None:
    text = formats.text_of(line.cells[name])
    if len(text) > most:
        raise UnreadableImport(f"{line.place}: {name} has {len(text):,} characters, more than {most:,}.")
    return text or None


def _names(line: Line, name: str) -> list[str]:
    names = _read(line, name, json.loads)
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise UnreadableImport(f"{line.place}: {name} is no list of names.")
    return names


def _time(line: Line, name: str) -> int | None:
    return (_read(line, name, datetime.fromisoformat) - _EPOCH) // _MS if line.cells[name] else None


def _number(line: Line, name: str) -> int:
    number: int = _read(line, name, int)
    if not 0 <= number <= (MOST if name.startswith(_IMPORTED) else 2**53):
        raise UnreadableImport(f"{line.place}: {name} is {number}, which no count can be.")
    return number


def _read(line: Line, name: str, form: Callable[[str], Any]) -> Any:
    try:
        return form(line.cells[name])
    except (ValueError, RecursionError, TypeError):
        raise UnreadableImport(f"{line.place}: {name} cannot be {line.cells[name][:40]!r}.") from None


def _chunks(rows: Iterator[_T], size: int) -> Iterator[list[_T]]:
    while chunk := list(islice(rows, size)):
        yield chunk
