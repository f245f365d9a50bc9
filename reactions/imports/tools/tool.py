"""What every tool's reader shares: its place in the table, and the names that an address gives an article."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from reactions.imports.sources import Fault, Source
from reactions.imports.totals import TheirTotals, TotalsOptions
from reactions.newsroom import article_keys
from reactions.newsroom.reaction_sets import ReactionSet
from reactions.refusals import UnreadableImport

# A host at the start of an address without a scheme; a path has no dot in its first part, or is a file.
_HOST = re.compile(r"(?!\w+\.(?:html?|php|aspx?)(?:[?#]|$))[^/?#]*[.:]|localhost\b", re.IGNORECASE)


class Tool(NamedTuple):
    """A tool: its name, how an article's key is made unless the operator says otherwise, and how its files are read.

    `reactions` are those of its names that need no option: each is one of the site's, or None to leave it out. `adds_up`: several
    entries about one article are usual. `about_one`: a file may be about one article, which it does not name.
    """

    name: str
    key: str
    help: str
    read: Callable[[Source, TotalsOptions], Iterator[TheirTotals | Fault]]
    reactions: Callable[[ReactionSet], Mapping[str, str | None]]
    adds_up: bool = False
    about_one: bool = False


def names_of(address: str) -> dict[str, str]:
    """What an address names an article by.

    `url`, its `path` as the widget takes it for a key, `bare_path` without slashes at its ends, and `slug`, its last part.
    """
    bare = address if "://" in address or address.startswith("/") else f"{'//' if _HOST.match(address) else '/'}{address}"
    try:
        path = article_keys.path_key(bare)
    except ValueError:
        path = address
    last = path.rstrip("/").rpartition("/")[2]
    return {"url": address, "path": path, "bare_path": path.strip("/"), "slug": last.removesuffix(".html").removesuffix(".htm")}


def names_of_page(page: str) -> dict[str, str]:
    """What a page names an article by, for tools that store paths: one without a slash at its beginning stays as it is."""
    if "://" in page or page.startswith("/"):
        return names_of(page)
    names = names_of(f"/{page}")
    return {**names, "url": page, "path": names["path"].removeprefix("/")}


def refuse_dump(source: Source) -> None:
    """Raise UnreadableImport for SQL: a dump is for a database, which can write the one table as CSV."""
    words = source.start().removeprefix(b"\xef\xbb\xbf").lower().split(maxsplit=1)
    if words and words[0].startswith(_SQL_STARTS):
        raise UnreadableImport(
            "This is an SQL dump. Export the one table as CSV instead: docs/import.md has a line for phpMyAdmin, mysql, psql and "
            "sqlite3."
        )


_SQL_STARTS = (b"--", b"/*", b"insert", b"replace", b"create", b"set", b"begin", b"start", b"pragma", b"copy", b"drop", b"use")
