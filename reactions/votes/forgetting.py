"""Forgetting a reader: no row holds their pseudonyms any more.

A pseudonym cannot be turned back into an id, but the reader brings the id: it is tried on every article of the site. What is
found gets a random voter instead, another one on each article, in the votes and in the ledger. So every count stays what the
votes and the events say it is; a site may choose that the votes are withdrawn first.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain

from sqlalchemy import Connection, Engine, Text, bindparam, cast, select, update

from reactions.newsroom.sites import Site
from reactions.refusals import UnknownArticle, VotesDropped
from reactions.storage import tables
from reactions.votes import holds, ledger, readers, sealing
from reactions.votes.ballot_box import BallotBox
from reactions.votes.ledger import Start, Voter
from reactions.votes.rules import Ballot, Receipt

_TRIED_AT_ONCE = 500
_RENAMED_AT_ONCE = 100
_a, _v, _h = tables.article.c, tables.vote.c, tables.hold.c


def forget(engine: Engine, box: BallotBox, site: Site, *, reader: bytes, key: bytes, now_ms: int) -> int:
    """Forget a reader by their raw id; return on how many articles they had voted. `key` is that of the pseudonyms."""
    with engine.connect() as connection:
        votes = list(_votes(connection, _candidates(connection, site, reader, key)))
    count = len(votes)
    while votes:
        _forget_votes(box, site, votes, now_ms)
        with engine.connect() as connection:  # again, because a merge may have moved some of them before they were renamed
            votes = list(_votes(connection, _candidates(connection, site, reader, key, merged_alone=True)))
    return count


def _forget_votes(box: BallotBox, site: Site, votes: Sequence[Voter], now_ms: int) -> None:
    for first in range(0, len(votes), _RENAMED_AT_ONCE):
        voters = votes[first : first + _RENAMED_AT_ONCE]
        if site.forgotten_votes == "withdrawn":
            _withdraw(box, site, voters, now_ms)
        box.transact(lambda connection, voters=voters: _rename(connection, voters, now_ms))  # type: ignore[misc]


def _candidates(connection: Connection, site: Site, reader: bytes, key: bytes, *, merged_alone: bool = False) -> list[Voter]:
    """Under which pseudonyms the reader may have voted: by either scope, because a site may have changed its own.

    With `merged_alone`, on articles that others were merged into, or began to be.
    """
    rows = connection.execute(select(_a.article_id, cast(_a.merged_from, Text)).where(_a.site_id == site.id)).all()
    everywhere = readers.pseudonym(key, site=site.key, article_id=None, reader=reader)
    candidates: list[Voter] = []
    for article_id, merged in rows:
        others = [] if merged == "[]" else json.loads(merged)
        if merged_alone and not others:
            continue
        candidates.append((article_id, everywhere))
        candidates += [
            (article_id, readers.pseudonym(key, site=site.key, article_id=each, reader=reader)) for each in (article_id, *others)
        ]
    return candidates


def _votes(connection: Connection, candidates: Sequence[Voter]) -> Iterator[Voter]:
    for first in range(0, len(candidates), _TRIED_AT_ONCE):
        some = candidates[first : first + _TRIED_AT_ONCE]
        found = connection.exec_driver_sql(_tried(connection.dialect.name, len(some)), tuple(chain.from_iterable(some)))
        yield from ((article_id, bytes(voter)) for article_id, voter in found)


@cache
def _tried(dialect: str, pairs: int) -> str:
    """Its text is made once: building it anew for each 500 pairs takes longer than the database takes to try them."""
    pair = "(?, ?)" if dialect == "sqlite" else "(%s::bigint, %s::bytea)"
    listed = ", ".join([pair] * pairs)
    return f"SELECT article_id, voter FROM vote WHERE (article_id, voter) IN (VALUES {listed})"  # noqa: S608


def _withdraw(box: BallotBox, site: Site, voters: Sequence[Voter], now_ms: int) -> None:
    """Withdraw the votes that are still there under these names: another forgetting of the same reader may have been first."""

    def find(connection: Connection) -> list[Ballot]:
        standing = [row for voter in sorted(voters) for row in connection.execute(_STANDING, dict(zip("av", voter, strict=True)))]
        return [Ballot(site, "", a, None, b"", seq + 1, now_ms, "forget", bytes(voter)) for a, voter, seq in standing]

    for outcome in box.count_found(find):
        if not isinstance(outcome, Receipt | VotesDropped | UnknownArticle):  # a vote that is gone is nobody's already
            raise outcome


def _rename(connection: Connection, voters: Sequence[Voter], now_ms: int) -> None:
    sealing.take_turn(connection)  # the start of the ledger does not move meanwhile
    start = ledger.start(connection)
    to = {voter: _another(voter, start) for voter in voters}
    # First, because a vote that its reader is just changing is then waited for: its event would keep the old name otherwise.
    connection.execute(_RENAME_VOTE, [{"a": a, "v": v, "to": new} for (a, v), new in to.items()])
    ledger.rename(connection, to, what="forget", at_ms=now_ms)
    names = [{"a": a, "v": v, "to": new, "name": holds.id_of(a, new)} for (a, v), new in to.items()]
    connection.execute(_RENAME_HOLD, names)


def _another(voter: Voter, start: Start | None) -> bytes:
    """A random name; while the start of the ledger moves, one on the same side of the line between old and new start."""
    while True:
        name = secrets.token_bytes(readers.PSEUDONYM_BYTES)
        if start is None or start.of((voter[0], name)) == start.of(voter):
            return name


_STANDING = (
    select(_v.article_id, _v.voter, _v.seq)
    .where(_v.article_id == bindparam("a"), _v.voter == bindparam("v"), _v.reaction.is_not(None))
    .with_for_update()
)
_RENAME_VOTE = (
    update(tables.vote).where(_v.article_id == bindparam("a"), _v.voter == bindparam("v")).values(voter=bindparam("to"))
)
_RENAME_HOLD = (
    update(tables.hold)
    .where(_h.article_id == bindparam("a"), _h.voter == bindparam("v"))
    .values(voter=bindparam("to"), id=bindparam("name"))
)
