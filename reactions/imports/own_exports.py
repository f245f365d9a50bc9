"""Our own exports on their way back: a folder with `datapackage.json`, the articles and the votes as CSV, packed or not.

The files name no reader. Each article gets invented voters: a first vote is a new one's, and a change is made by any of those who
have the reaction that it removes. Counts, series and the next export come out the same whoever it was. An article whose votes
had been dropped because of their age has none in the export, or a few that were just being dropped: its counts come back as
imported ones, without a series. Where months of the ledger had been dropped, nothing comes back.

The file is longer than 300 lines because what is read and what it must add up to belong together.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine

from reactions import strict_json
from reactions.exports import formats
from reactions.exports.columns import VERSION
from reactions.exports.files import DESCRIPTION
from reactions.imports import record, sources
from reactions.imports.sources import Source, chunks
from reactions.newsroom import article_keys
from reactions.newsroom.sites import Site
from reactions.refusals import ImportConflict, MalformedKey, UnknownReaction, UnreadableImport
from reactions.reports.words import counted
from reactions.times import rfc3339
from reactions.votes import imported, ledger
from reactions.votes.imported import MOST, Change
from reactions.votes.rules import Ballot

NAME = "export"
_NEEDED = ("articles", "votes")
_EPOCH, _MS = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
_COUNT, _IMPORTED, _DROPPED = "count_", "imported_", "votes_dropped_at"
_ARTICLES_AT_ONCE, _VOTES_AT_ONCE = 500, 1000
_TEXTS = {"url": 2000, "title": 500, "section": 200}


class ExportedRow(NamedTuple):
    """A row exactly as it is written, by the names of its columns; `place` says where it stands."""

    place: str
    cells: Mapping[str, str]


class Folder:
    """A whole export: every file read from it has as many rows and the checksum that its description says.

    `votes_from_ms` is where the ledger began that it was made of (UTC ms), if months had been dropped. Raises UnreadableImport
    for everything else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            package = strict_json.read((path / DESCRIPTION).read_bytes())
            self._resources = {resource["name"]: resource for resource in package["resources"]}
            self._columns = {
                name: [field["name"] for field in resource["schema"]["fields"]] for name, resource in self._resources.items()
            }
            _check_scope(package["version"], package["reactions"]["scope"])
            since = package["reactions"].get("votes_from_utc")
            self.votes_from_ms = None if since is None else _milliseconds(since)
        except FileNotFoundError:
            raise UnreadableImport(f"{path} has no {DESCRIPTION}: it is not an export, or not a finished one.") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UnreadableImport(f"{path / DESCRIPTION} does not describe an export of this service.") from None
        if missing := [name for name in _NEEDED if name not in self._resources]:
            raise UnreadableImport(f"The export has no {missing[0]}. Export all: `reactions export SITE all --output FOLDER`.")
        if any(self._resources[name].get("format") != "csv" for name in _NEEDED):
            raise UnreadableImport("Parquet and Arrow are not imported. Export CSV.")

    @property
    def hash(self) -> str:
        """What tells this export's articles and votes from others."""
        hashes = [str(self._resources[name].get("hash")) for name in _NEEDED]
        return hashlib.sha256(" ".join(hashes).encode()).hexdigest()

    def columns(self, table: str) -> list[str]:
        """The names of a table's columns."""
        return self._columns[table]

    def rows(self, table: str) -> Iterator[ExportedRow]:
        """The rows of a table, in order."""
        resource, count = self._resources[table], 0
        name = Path(str(resource.get("path", table))).name
        with (self.path / name).open("rb") as file:
            source = Source(file)
            for count, row in enumerate(_rows(source, name, self.columns(table)), start=1):  # noqa: B007
                yield row
            read = f"sha256:{source.hash()}"
        if (count, read) != (resource.get("rows"), resource.get("hash")):
            raise UnreadableImport(f"{name} is not the file that {DESCRIPTION} describes: its rows or its checksum differ.")


def _check_scope(version: str, scope: Mapping[str, Any]) -> None:
    if version.partition(".")[0] != VERSION.partition(".")[0]:
        raise UnreadableImport(f"The export has version {version[:20]}; this service reads {VERSION}.")
    if scope["filters"] or scope["since"] or scope["columns"] or scope["min_group"] > 1:
        raise UnreadableImport(
            "The export holds only a part of its site. Export everything: no filter, period, columns or smallest group."
        )


def _rows(source: Source, name: str, columns: Sequence[str]) -> Iterator[ExportedRow]:
    rows = sources.read_csv(source.lines(), place=f"{name}, line")
    if next(rows, (1, None))[1] != list(columns):
        raise UnreadableImport(f"{name}, line 1: the header is not the one that {DESCRIPTION} describes.")
    for line, row in rows:
        if len(row) != len(columns):
            raise UnreadableImport(f"{name}, line {line:,}: has {counted(len(row), 'cell')}, but the header has {len(columns)}.")
        yield ExportedRow(f"{name}, line {line:,}", dict(zip(columns, row, strict=True)))


@dataclass(frozen=True, slots=True)
class RestoredArticle:
    """An article of an export: its `fields` by the columns of its row, and what its votes and imports must add up to."""

    article_id: int
    key: str
    fields: Mapping[str, Any]
    aliases: Sequence[str]
    merged_into: int | None
    counts: Mapping[str, int]
    imported: Mapping[str, int]
    place: str


class Restoration:
    """An export on its way into a site, in chunks. Each call reads the files anew, so that memory stays flat.

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

    def articles(self) -> Iterator[list[RestoredArticle]]:
        """The articles."""
        return chunks(map(self._article, self._folder.rows("articles")), _ARTICLES_AT_ONCE)

    def amounts(self) -> Iterator[list[Change]]:
        """What had been imported there, as one source's, in the order of articles and reactions."""
        for chunk in self.articles():
            amounts = [Change(a.article_id, r, 0, n) for a in chunk for r, n in a.imported.items() if n]
            if amounts:
                yield sorted(amounts)

    def ballots(self) -> Iterator[list[Ballot]]:
        """The changes of votes, in their order, each by an invented voter."""
        return chunks(self._ballots(), _VOTES_AT_ONCE)

    def _ballots(self) -> Iterator[Ballot]:
        standing: dict[str, list[int]] = defaultdict(list)
        totals = {row.cells["article"] for row in self._folder.rows("articles") if row.cells.get(_DROPPED)}
        article, article_id, done = "", 0, set[str]()
        for number, row in enumerate(self._folder.rows("votes"), start=1):
            if row.cells["article"] in totals:  # they were just being dropped
                continue
            key = formats.text_of(row.cells["article"])
            if key != article:
                article, article_id, standing = key, self._id(row, key), defaultdict(list)
                if key in done:
                    raise UnreadableImport(f"{row.place}: returns to {key[:80]!r}; an export has the votes article by article.")
                done.add(key)
            voter = self._mover(row, standing, number)
            to = self._reaction(row, "to")
            if to is not None:
                standing[to].append(voter)
            pseudonym = self._tag + voter.to_bytes(8, "big")
            at_ms, cause = _time(row, "at"), row.cells["cause"]
            if at_ms is None or not 1 <= len(cause) <= 16:
                raise UnreadableImport(f"{row.place}: has no time or no cause.")
            yield Ballot(self._site, key, article_id, to, b"", number, at_ms, cause, pseudonym)

    def _mover(self, row: ExportedRow, standing: dict[str, list[int]], number: int) -> int:
        """Who makes a change: anybody who has the reaction that it removes, or somebody new."""
        if row.cells["held"] != "false":
            raise UnreadableImport(f"{row.place}: the vote is held for review. Release or reset such votes, and export again.")
        left = self._reaction(row, "from")
        if left is None:
            return number
        if not standing[left]:
            raise UnreadableImport(f"{row.place}: removes {left}, which nobody has at that time.")
        return standing[left].pop()

    def _reaction(self, row: ExportedRow, column: str) -> str | None:
        key = row.cells[column]
        if key and key not in self._reactions:
            raise UnreadableImport(f"{row.place}: {column} is {key[:40]!r}, which is not a reaction of the export.")
        return key or None

    def _id(self, row: ExportedRow, key: str) -> int:
        try:
            return article_keys.id_of(self._site.key, article_keys.canonical_key(key))
        except MalformedKey as refusal:
            raise UnreadableImport(f"{row.place}: {refusal.detail}") from None

    def _article(self, row: ExportedRow) -> RestoredArticle:
        key = formats.text_of(row.cells["article"])
        into = formats.text_of(row.cells["merged_into"])
        first_seen_at = _time(row, "first_seen_at")
        if first_seen_at is None:
            raise UnreadableImport(f"{row.place}: has no first_seen_at.")
        if not row.cells.get(_DROPPED):
            self._refuse_lacking(row, key)
        counts = {r: _number(row, _COUNT + r) for r in self._reactions}
        imported = {r: _number(row, _IMPORTED + r) for r in self._reactions}
        return RestoredArticle(
            article_id=self._id(row, key),
            key=key,
            fields={
                **{name: _text(row, name, most) for name, most in _TEXTS.items()},
                **{name: _names(row, name) for name in ("authors", "tags")},
                **{name: _time(row, name) for name in ("published_at", "closed_at", "hidden_at")},
                "first_seen_at": first_seen_at,
            },
            aliases=[key for key in _names(row, "aliases") if self._id(row, key)],
            merged_into=self._id(row, into) if into else None,
            counts=counts,
            imported=counts if row.cells.get(_DROPPED) else imported,
            place=row.place,
        )

    def _refuse_lacking(self, row: ExportedRow, key: str) -> None:
        """Refuse an article whose first votes had left the ledger: neither its counts nor its series can be made of the rest."""
        begin = self._folder.votes_from_ms
        first = _time(row, "first_vote_hour") if begin is not None else None
        if first is not None and begin is not None and first < begin:
            raise UnreadableImport(
                f"{row.place}: {key[:80]!r} had votes before {rfc3339(begin)}, and the export lacks them: months of the "
                "ledger had been dropped. Restore a backup of the database, or import the counts alone, as totals: "
                "`reactions import csv`."
            )


def refuse_occupied(connection: Connection, site: Site, chunk: Sequence[RestoredArticle]) -> None:
    """Raise ImportConflict if an article of an export has votes already, or totals that were imported: they would be added up."""
    keys = {article.article_id: article.key for article in chunk}
    ledger.refuse_any_of(connection, site.key, keys)
    if found := imported.first_of(connection, keys):
        key, has = keys[found.article_id][:80], f"{counted(found.n, 'reaction')} imported from {found.source}"
        raise ImportConflict(
            f"{key!r} already has {has} in {site.key}, and the export brings its own counts. "
            f"`reactions import remove {site.key} {found.source}` removes what is there; or restore it into an empty site."
        )


def check_source(engine: Engine, site: Site, source: str, folder: Folder) -> bool:
    """False if the source has brought this very export already. Raises ImportConflict if it has brought anything else."""
    with engine.connect() as connection:
        known = record.find(connection, site, source)
        if known is None:
            return True
        if (known.format, known.file_hash) == (NAME, folder.hash):
            return False
        raise ImportConflict(
            f"{record.already(connection, site, known)}. This is another file: `reactions import remove {site.key} {source}` "
            "removes what is there, and --source gives this one a name of its own."
        )


def survey(engine: Engine, site: Site, restoration: Restoration) -> tuple[int, int]:
    """Read all of an export, check that it could be restored, and count its articles and changes of votes. Changes nothing."""
    count = 0
    with engine.connect() as connection:
        for chunk in restoration.articles():
            refuse_occupied(connection, site, chunk)
            count += len(chunk)
    return count, sum(map(len, restoration.ballots()))


def _text(row: ExportedRow, name: str, most: int) -> str | None:
    text = formats.text_of(row.cells[name])
    if len(text) > most:
        raise UnreadableImport(f"{row.place}: {name} has {counted(len(text), 'character')}, more than {most:,}.")
    return text or None


def _names(row: ExportedRow, name: str) -> list[str]:
    names = _value(row, name, strict_json.read)
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise UnreadableImport(f"{row.place}: {name} is not a list of names.")
    return names


def _time(row: ExportedRow, name: str) -> int | None:
    return _value(row, name, _milliseconds) if row.cells[name] else None


def _milliseconds(text: str) -> int:
    """The moment of a time with an offset; without one, the subtraction raises TypeError."""
    return (datetime.fromisoformat(text) - _EPOCH) // _MS


def _number(row: ExportedRow, name: str) -> int:
    number: int = _value(row, name, int)
    if not 0 <= number <= (MOST if name.startswith(_IMPORTED) else 2**53):
        raise UnreadableImport(f"{row.place}: {name} is {number}, which no count can be.")
    return number


def _value(row: ExportedRow, name: str, read: Callable[[str], Any]) -> Any:
    try:
        return read(row.cells[name])
    except (ValueError, TypeError):
        raise UnreadableImport(f"{row.place}: {name} cannot be {row.cells[name][:40]!r}.") from None
