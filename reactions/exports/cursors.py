"""Where the next export goes on. A chain of exports has every hour once, and every change of a vote once.

A vote gets its time before its COMMIT, so an hour that has just ended may still grow. Exports of a chain therefore end with the
last closed hour: `reports.reading` says when no vote can still be on its way into one. Should a change come later all the same (a
machine that stood still, an import of older votes), it is not lost silently: the cursor knows how many changes the hours before
it had, and an export that finds more refuses to go on.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from sqlalchemy import BigInteger, Connection, cast, func, select

from reactions.newsroom.sites import Site
from reactions.refusals import MalformedCursor
from reactions.storage import tables

BEGINNING = "beginning"
_FORM = re.compile(r"([0-9]{1,9})-([0-9]{1,18})-([0-9a-f]{8})")
_a, _h = tables.article.c, tables.hourly.c


@dataclass(frozen=True, slots=True)
class Cursor:
    """The first UTC hour (since 1970) that no export of the chain has, and how many changes came before it."""

    hour: int
    changes: int

    def told(self, site: Site) -> str:
        """The cursor as text, good for this site alone."""
        return f"{self.hour}-{self.changes}-{_seal(site, self.hour, self.changes)}"


def at(connection: Connection, site: Site, hour: int) -> Cursor:
    """The cursor of the exports that end before an hour."""
    mine = _h.article_id.in_(select(_a.article_id).where(_a.site_id == site.id))
    changes = cast(func.coalesce(func.sum(_h.added + _h.removed), 0), BigInteger)
    return Cursor(hour, connection.execute(select(changes).where(_h.hour_utc < hour, mine)).scalar_one())


def opened(connection: Connection, site: Site, text: str) -> Cursor:
    """The cursor in a text. Raises MalformedCursor for one of another site, and where hours that it closed have changed since."""
    if text == BEGINNING:
        return Cursor(0, 0)
    form = _FORM.fullmatch(text)
    if form is None or form[3] != _seal(site, int(form[1]), int(form[2])):
        raise MalformedCursor("This cursor is of no export of this site. since=beginning starts a new chain.", pointer="#/since")
    told = Cursor(int(form[1]), int(form[2]))
    if (more := at(connection, site, told.hour).changes - told.changes) != 0:
        raise MalformedCursor(
            f"Hours that earlier exports hold have changed since: {more:+,} reactions given or taken back, as an import of older "
            "votes does. Start a new chain with since=beginning.",
            pointer="#/since",
        )
    return told


def _seal(site: Site, hour: int, changes: int) -> str:
    return hashlib.blake2b(f"{site.key} {hour} {changes}".encode(), digest_size=4).hexdigest()
