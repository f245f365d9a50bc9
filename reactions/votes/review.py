"""Review: votes are held, released and rejected, each an event of the ledger, and the counts follow exactly.

Votes change here in transactions of the ballot box, some hundred at a time. A run that was cut short is finished by running it
again; what is decided already is left alone. A vote that its reader changes meanwhile is neither lost nor decided upon: it
changes, and stays held or counted as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, null, select, true, tuple_, update

from reactions import times
from reactions.storage import lists, tables
from reactions.storage.locks import take_part_in_counting
from reactions.votes import ledger, tallies, verdicts
from reactions.votes.ballot_box import BallotBox
from reactions.votes.holds import HELD, REJECTED, RELEASED
from reactions.votes.ledger import Event
from reactions.votes.rules import RELEASE
from reactions.votes.tallies import Shift

AT_ONCE = 250  # so long as a transaction lasts, who stops the counting waits, and votes behind it: 130 ms
_LISTED_AT_ONCE = 5_000  # looked for in a transaction of their own, because that sorts all that are left
OPERATOR = "the service"
Key = tuple[int, bytes]  # a vote: article id, pseudonym

_v, _h = tables.vote.c, tables.hold.c


@dataclass(frozen=True, slots=True)
class Choice:
    """Which holds are meant: those that meet every condition given. Times are UTC milliseconds, `until_ms` is left out.

    `settled_ms` is when they were decided: that of one decision is meant, as to take it back.
    """

    site_id: int | None = None
    ids: Sequence[str] | None = None
    article_id: int | None = None
    verdict: str | None = None
    network: str | None = None
    from_ms: int | None = None
    until_ms: int | None = None
    due_by_ms: int | None = None
    settled_ms: int | None = None
    states: Sequence[str] = (HELD,)

    def conditions(self) -> list[ColumnElement[bool]]:
        """The conditions as SQL."""
        given: Mapping[str, tuple[Any, Callable[[Any], ColumnElement[bool]]]] = {
            "site": (self.site_id, lambda site_id: _h.site_id == site_id),
            "ids": (self.ids, lambda ids: _h.id.in_(ids)),
            "article": (self.article_id, lambda article_id: _h.article_id == article_id),
            "verdict": (self.verdict, lambda verdict: _h.verdict == verdict),
            "network": (self.network, lambda network: _h.network == network),
            "from": (self.from_ms, lambda at_ms: _h.at >= at_ms),
            "until": (self.until_ms, lambda at_ms: _h.at < at_ms),
            "settled": (self.settled_ms, lambda at_ms: _h.settled_at == at_ms),
            "due": (self.due_by_ms, lambda at_ms: _h.due_at <= at_ms),
        }
        return [_h.state.in_(self.states), *(condition(value) for value, condition in given.values() if value is not None)]


class _Decision(NamedTuple):
    """What is decided of votes: their new state, whether they are held from now on, and the cause in the ledger."""

    state: str
    held: bool
    cause: str


_HOLD = _Decision(HELD, held=True, cause="hold")
_RELEASE = _Decision(RELEASED, held=False, cause=RELEASE)
_REJECT = _Decision(REJECTED, held=True, cause="reject")


def hold(box: BallotBox, choice: Choice, *, by: str, now_ms: int) -> int:
    """Stop counting votes that a verdict names; return how many were counted."""
    return _decide(box, choice, _HOLD, by=by, now_ms=now_ms)


def release(box: BallotBox, choice: Choice, *, by: str, now_ms: int) -> int:
    """Count votes that are held, or suspect; return how many. Those that were released already are left out.

    A verdict whose votes are released holds no more from then on.
    """
    count = _decide(box, choice, _RELEASE, by=by, now_ms=now_ms)
    if (verdict := choice.verdict) is not None:
        box.transact(lambda connection: verdicts.end(connection, verdict, now_ms=now_ms))
    return count


def reject(box: BallotBox, choice: Choice, *, by: str, now_ms: int) -> int:
    """Never count votes that are held, or suspect; return how many. Those that were rejected already are left out."""
    return _decide(box, choice, _REJECT, by=by, now_ms=now_ms)


def release_due(box: BallotBox, *, now_ms: int) -> int:
    """Count every held vote that is due, of all sites; return how many."""
    return release(box, Choice(due_by_ms=now_ms), by=OPERATOR, now_ms=now_ms)


def _decide(box: BallotBox, choice: Choice, decision: _Decision, *, by: str, now_ms: int) -> int:
    settled = 0
    after: Key | None = None
    while found := box.transact(lambda connection, after=after: _next_keys(connection, choice, decision, after)):  # type: ignore[misc]
        for first in range(0, len(found), AT_ONCE):
            keys = found[first : first + AT_ONCE]
            settled += box.transact(
                lambda connection, keys=keys: _decide_some(connection, choice, decision, keys, by=by, now_ms=now_ms)  # type: ignore[misc]
            )
        after = found[-1]
    return settled


def _decide_some(
    connection: Connection, choice: Choice, decision: _Decision, among: Sequence[Key], *, by: str, now_ms: int
) -> int:
    """Decide about those of some votes that are chosen still; return how many."""
    take_part_in_counting(connection)
    rows = _lock(connection, choice, decision, among)
    if not rows:
        return 0
    events = [event for row in rows if (event := _event(row, decision, now_ms))]
    keys = [(row.article_id, bytes(row.voter)) for row in rows]
    fresh = set(keys) - ledger.counted_before(connection, keys) if decision is _RELEASE else set()
    voted, held = lists.of_voters(connection, _v, keys), lists.of_voters(connection, _h, keys)
    connection.execute(update(tables.vote).where(voted).values({"held": decision.held, "seq": _v.seq + 1}))
    ledger.append(connection, events)
    connection.execute(update(tables.hold).where(held).values(state=decision.state, settled_at=now_ms, settled_by=by))
    if withdrawn := [key for key, row in zip(keys, rows, strict=True) if key in fresh and row.reaction is None]:
        # A reader who took a held vote back, and votes again after its release, counts with that vote as with a first one.
        connection.execute(update(tables.vote).where(lists.of_voters(connection, _v, withdrawn)).values(previous=null()))
    shifts = [_shift(event, fresh) for event in events if not event.held]
    tallies.shift(connection, shifts)
    tallies.note_late(connection, shifts, at_ms=times.now_ms())
    return len(keys)


def _shift(event: Event, fresh: Set[Key]) -> Shift:
    """The change of the counts. The release of a vote that never counted brings a reader, in the hour of the release."""
    first = (event.article_id, event.voter) in fresh
    return Shift(event.article_id, event.at_ms, event.left, event.taken_up, first)


def _next_keys(connection: Connection, choice: Choice, decision: _Decision, after: Key | None) -> list[Key]:
    """The next chosen votes, in the order in which batches lock theirs. Those in the state already are left out."""
    beyond = tuple_(_h.article_id, _h.voter) > after if after else true()
    conditions = (*choice.conditions(), _h.state != decision.state, beyond)
    listed = select(_h.article_id, _h.voter).where(*conditions).order_by(_h.article_id, _h.voter).limit(_LISTED_AT_ONCE)
    return [(article_id, bytes(voter)) for article_id, voter in connection.execute(listed)]


def _lock(connection: Connection, choice: Choice, decision: _Decision, among: Sequence[Key]) -> list[Row[*tuple[Any, ...]]]:
    """Lock those that nobody has decided about meanwhile: article by article, as Citus locks rows of one node in a statement."""
    same = (_h.article_id == _v.article_id) & (_h.voter == _v.voter)
    chosen = (
        select(_v.article_id, _v.voter, _v.reaction, _v.seq, _v.held)
        .join(tables.hold, same)
        .where(*choice.conditions(), _h.state != decision.state)
        .order_by(_v.voter)
        .with_for_update()
    )
    rows: list[Row[*tuple[Any, ...]]] = []
    for article_id, group in groupby(among, key=itemgetter(0)):
        rows += connection.execute(chosen.where(_v.article_id == article_id, _v.voter.in_([voter for _, voter in group])))
    return rows


def _event(row: Row[*tuple[Any, ...]], decision: _Decision, now_ms: int) -> Event | None:
    """What the ledger says of one vote: a move to or from None where the counts change, a held event where they do not."""
    if row.reaction is None or not (row.held or decision.held):
        return None
    left = None if row.held and not decision.held else row.reaction
    taken_up = None if decision.held and not row.held else row.reaction
    held = bool(row.held and decision.held)
    return Event(row.article_id, bytes(row.voter), row.seq + 1, left, taken_up, decision.cause, now_ms, held)
