"""What readers are shown otherwise after a change: whoever makes it notes it, whoever keeps counts elsewhere hears of it.

A note lies with the transaction, and is told as that commits; where nobody listens, nothing is noted. Votes are never noted:
their counts grow old by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple
from weakref import WeakSet

from sqlalchemy import Connection, Engine, event, select, union

from reactions.storage import tables

_NOTED = "outdated"
_HEARD: WeakSet[Engine] = WeakSet()  # engines whose changes somebody listens to
_a, _alias = tables.article.c, tables.article_alias.c


class Outdated(NamedTuple):
    """An article of a site by one of its keys; without a key, all that the site shows."""

    site: str
    key: str = ""


def note_site(connection: Connection, site: str) -> None:
    """Note that every row of a site may look different."""
    if connection.engine in _HEARD:
        _note(connection, [Outdated(site)])


def note_articles(connection: Connection, site: str, article_ids: Collection[int]) -> None:
    """Note articles under all keys that lead to them. Call it while they still do."""
    if connection.engine not in _HEARD:
        return
    own = select(_a.key).where(_a.article_id.in_(article_ids))
    others = select(_alias.key).where(_alias.article_id.in_(article_ids))
    _note(connection, [Outdated(site, key) for key in connection.execute(union(own, others)).scalars()])


def on_commit(engine: Engine, tell: Callable[[Collection[Outdated]], None]) -> None:
    """Tell of what was noted in a transaction of this engine, as it commits; what is rolled back is forgotten."""

    def committing(connection: Connection) -> None:
        if noted := connection.info.pop(_NOTED, None):
            tell(noted)

    _HEARD.add(engine)
    event.listen(engine, "commit", committing)
    event.listen(engine, "rollback", lambda connection: connection.info.pop(_NOTED, None))


def _note(connection: Connection, changed: Collection[Outdated]) -> None:
    connection.info.setdefault(_NOTED, set()).update(changed)
