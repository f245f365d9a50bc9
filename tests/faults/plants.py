"""Bugs to plant into a service, and ways for it to die: proof that the oracles can see.

A suite that has never caught a bug is no evidence. Each function here changes the product in this process, before it starts.
Some are mistakes that real reaction counters have made; the last ones only bring about a fault at the right moment.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, insert, select, update

from reactions.storage import engines, tables
from reactions.votes import ballot_box, counting, review, tallies
from reactions.votes.ballot_box import BallotBox
from reactions.votes.rules import Ballot
from reactions.votes.tokens import Tokens

_here = threading.local()
_commit = BallotBox._commit


def _put(owner: object, name: str, bug: object) -> None:
    setattr(owner, name, bug)


def check_then_act() -> None:
    """Look whether the reader has voted, then insert or update, on a table without a unique key."""
    _put(BallotBox, "_commit", _commit_after_looking)
    _put(counting, "_store", _store_as_looked)


def _commit_after_looking(box: BallotBox, ballots: Sequence[Ballot]) -> Any:
    v = tables.vote.c
    looked = select(v.article_id, v.voter, v.reaction, v.seq).where(v.article_id.in_({b.article_id for b in ballots}))
    with box._engine.connect() as connection:
        _here.votes = {row[:2]: row[2:] for row in map(tuple, connection.execute(looked))}
    time.sleep(0.03)  # as on a busy machine, so that the gap between looking and acting is surely met
    return _commit(box, ballots)


def _store_as_looked(connection: Connection, ballots: Sequence[Ballot], turn: dict[Any, int]) -> dict[Any, Any]:
    v, stored = tables.vote.c, {}
    for voter, at in turn.items():
        ballot = ballots[at]
        reaction, seq = _here.votes.get(voter, (None, -1))
        if seq >= ballot.seq:
            continue
        if voter in _here.votes:
            mine = (v.article_id == voter[0]) & (v.voter == voter[1])
            connection.execute(update(tables.vote).where(mine).values(reaction=ballot.reaction, seq=ballot.seq))
        else:
            row = {"reaction": ballot.reaction, "seq": ballot.seq, "cast_at": ballot.at_ms, "changed_at": ballot.at_ms}
            connection.execute(insert(tables.vote), {"article_id": voter[0], "voter": voter[1], "held": False, **row})
        _here.votes[voter] = (ballot.reaction, ballot.seq)
        stored[voter] = counting._Change(reaction, ballot.reaction, voted_before=seq >= 0, held=False)
    return stored


def without_vote_key(database_url: str) -> None:
    """Take the unique key off the votes, as check_then_act needs it."""
    if database_url.startswith("sqlite:///"):
        with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as lite:
            lite.executescript("create table plain as select * from vote; drop table vote; alter table plain rename to vote")
        return
    with psycopg.connect(database_url.replace("+psycopg", "")) as connection:
        connection.execute("alter table vote drop constraint pk_vote")


class _NotYet(Exception):
    """Rolls a transaction back."""


def write_behind() -> None:
    """Work the answers out, and store what has gathered twice a second."""
    gathered: list[Ballot] = []

    def answer_first(box: BallotBox, ballots: Sequence[Ballot]) -> Any:
        with suppress(_NotYet), engines.writing(box._engine) as connection:
            outcomes = counting.count(connection, ballots, pseudonym_key=box._pseudonym_key)
            raise _NotYet
        if not gathered:
            threading.Thread(target=store, args=(box,), daemon=True).start()
        gathered.extend(ballots)
        return outcomes

    def store(box: BallotBox) -> None:
        time.sleep(0.5)
        ballots, gathered[:] = list(gathered), []
        _commit(box, ballots)

    _put(BallotBox, "_commit", answer_first)


def second_transaction() -> None:
    """Commit the votes, and shift the tallies in a transaction of their own."""
    shift = tallies.shift

    def later(_: Connection, shifts: Any, **_how: Any) -> None:
        _here.shifts = shifts

    def commit(box: BallotBox, ballots: Sequence[Ballot]) -> Any:
        _here.shifts = []
        outcomes = _commit(box, ballots)
        time.sleep(0.1)  # as on a busy machine, so that few kills are needed to meet the gap
        with engines.writing(box._engine) as connection:
            shift(connection, _here.shifts)
        return outcomes

    _put(tallies, "shift", later)
    _put(BallotBox, "_commit", commit)


def deferred_begin() -> None:
    """Let SQLite take its write lock at the first write instead of at BEGIN."""

    @contextmanager
    def writing(engine: Engine, **_: bool) -> Iterator[Connection]:
        with engine.begin() as connection:
            connection.exec_driver_sql("BEGIN")
            connection.execute(select(tables.site.c.id)).all()
            time.sleep(0.005)  # as on a busy machine: without it the other process seldom writes just then
            yield connection

    _put(ballot_box, "writing", writing)


def hold_that_counts() -> None:
    """Store held votes as held, and count them all the same."""
    store = counting._store

    def forgetful(connection: Connection, ballots: Sequence[Ballot], turn: dict[Any, int]) -> dict[Any, Any]:
        return {voter: change._replace(held=False) for voter, change in store(connection, ballots, turn).items()}

    _put(counting, "_store", forgetful)


def release_that_counts_twice() -> None:
    """Add released votes to the tallies twice."""
    twice = {"shift": lambda connection, shifts: tallies.shift(connection, [*shifts, *shifts])}
    _put(review, "tallies", SimpleNamespace(**{**vars(tallies), **twice}))


def rejection_that_forgets() -> None:
    """Write down that a vote is rejected, and count it."""
    _put(review, "_REJECT", review._REJECT._replace(held=False))


def foreign_token() -> None:
    """Take another site's tokens for our own."""
    standing = Tokens._standing
    _put(Tokens, "_standing", lambda tokens, past, _, expires, now_ms: standing(tokens, past, True, expires, now_ms))


def stumbles() -> None:
    """Meet a bug of the product with every ballot: an exception that is no refusal."""

    def commit(_: BallotBox, ballots: Sequence[Ballot]) -> Any:
        raise RuntimeError(f"a bug met {len(ballots)} ballots")

    _put(BallotBox, "_commit", commit)


def dies_after_commit() -> None:
    """Now and then die between COMMIT and the answers: no bug, but the worst moment."""

    def commit(box: BallotBox, ballots: Sequence[Ballot]) -> Any:
        outcomes = _commit(box, ballots)
        if random.random() < 0.02:
            os.kill(os.getpid(), signal.SIGKILL)
        return outcomes

    _put(BallotBox, "_commit", commit)


def limited_pages() -> None:
    """Let the SQLite file grow to so many pages as the file of `page_limit_beside` says, and no further."""
    writing = engines.writing

    @contextmanager
    def limited(engine: Engine, **choices: bool) -> Iterator[Connection]:
        limit = page_limit_beside(Path(str(engine.url.database)).parent).read_text()
        with writing(engine, **choices) as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count={int(limit)}")
            yield connection

    _put(ballot_box, "writing", limited)


def page_limit_beside(folder: Path) -> Path:
    """The file that holds the page limit of the database in `folder`."""
    return folder / "page_limit"
