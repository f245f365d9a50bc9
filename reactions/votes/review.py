"""Review: votes are held, released and rejected, each an event of the ledger, and the counts follow exactly.

Votes change here in transactions of the ballot box, a thousand at a time. A run that was cut short is finished by running it
again; what is decided already is left alone. A reader's own vote on the way meanwhile is neither lost nor decided upon: it
changes the vote, and the vote stays held or counted as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Boolean, ColumnElement, Connection, Row, bindparam, func, or_, select, true, tuple_, update

from reactions.storage import tables
from reactions.storage.engines import take_part_in_counting
from reactions.votes import ledger, tallies
from reactions.votes.ballot_box import BallotBox
from reactions.votes.holds import HELD, REJECTED, RELEASED
from reactions.votes.ledger import Event
from reactions.votes.tallies import Shift

AT_ONCE = 1_000
OPERATOR = "the service"

_v, _h, _a = tables.vote.c, tables.hold.c, tables.article.c


@dataclass(frozen=True, slots=True)
class Choice:
    """Which holds are meant: those that meet every condition given. Times are UTC milliseconds, `until_ms` is left out."""

    site_id: int | None = None
    ids: Sequence[str] | None = None
    article_id: int | None = None
    verdict: str | None = None
    network: str | None = None
    from_ms: int | None = None
    until_ms: int | None = None
    due_by_ms: int | None = None
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
            "due": (self.due_by_ms, lambda at_ms: _h.due_at <= at_ms),
        }
        return [_h.state.in_(self.states), *(condition(value) for value, condition in given.values() if value is not None)]


class _Decision(NamedTuple):
    """What is decided of votes: their new state, whether they are held from now on, and the cause in the ledger."""

    state: str
    held: bool
    cause: str


_HOLD = _Decision(HELD, held=True, cause="hold")
_RELEASE = _Decision(RELEASED, held=False, cause="release")
_REJECT = _Decision(REJECTED, held=True, cause="reject")


def hold(box: BallotBox, choice: Choice, *, by: str, now_ms: int) -> int:
    """Stop counting votes that a verdict names; return how many were counted."""
    return _decide(box, choice, _HOLD, by=by, now_ms=now_ms)


def release(box: BallotBox, choice: Choice, *, by: str, now_ms: int) -> int:
    """Count votes that are held, or suspect; return how many. Those that were released already are left out."""
    return _decide(box, choice, _RELEASE, by=by, now_ms=now_ms)


def reject(box: BallotBox, choice: Choice, *, by: str, now_ms: int) -> int:
    """Never count votes that are held, or suspect; return how many. Those that were rejected already are left out."""
    return _decide(box, choice, _REJECT, by=by, now_ms=now_ms)


def release_due(box: BallotBox, *, now_ms: int) -> int:
    """Count every held vote that is due, of all sites; return how many."""
    return release(box, Choice(due_by_ms=now_ms), by=OPERATOR, now_ms=now_ms)


class Listed(NamedTuple):
    """A vote under review, as it is listed. Times are UTC milliseconds."""

    id: str
    state: str
    cause: str
    article: str
    reaction: str | None
    network: str | None
    verdict: str | None
    at_ms: int
    due_at_ms: int
    settled_at_ms: int | None
    settled_by: str | None


def listed(connection: Connection, choice: Choice, *, before: tuple[int, str] | None = None, limit: int) -> list[Listed]:
    """The chosen votes, newest first; `before` is the time and the id of the last one of the page before."""
    beyond = true() if before is None else or_(_h.at < before[0], (_h.at == before[0]) & (_h.id < before[1]))
    asked = (
        select(
            *(_h.id, _h.state, _h.cause, _a.key, _v.reaction, _h.network, _h.verdict),
            *(_h.at, _h.due_at, _h.settled_at, _h.settled_by),
        )
        .join(tables.vote, (_h.article_id == _v.article_id) & (_h.voter == _v.voter))
        .join(tables.article, _a.article_id == _h.article_id)
        .where(*choice.conditions(), beyond)
        .order_by(_h.at.desc(), _h.id.desc())
        .limit(limit)
    )
    return [Listed(*row) for row in connection.execute(asked)]


def states_by_verdict(connection: Connection, verdict_ids: Collection[str]) -> dict[str, dict[str, int]]:
    """How the votes that verdicts name stand now: how many in each state."""
    counted: dict[str, dict[str, int]] = {}
    asked = select(_h.verdict, _h.state, func.count()).where(_h.verdict.in_(verdict_ids)).group_by(_h.verdict, _h.state)
    for verdict, state, n in connection.execute(asked):
        counted.setdefault(str(verdict), {})[state] = n
    return counted


def keys_of(connection: Connection, article_ids: Collection[int]) -> dict[int, str]:
    """The keys of articles, by id."""
    asked = select(_a.article_id, _a.key).where(_a.article_id.in_(article_ids))
    return {int(row[0]): str(row[1]) for row in connection.execute(asked)}


def _decide(box: BallotBox, choice: Choice, decision: _Decision, *, by: str, now_ms: int) -> int:
    settled = 0
    after: tuple[int, bytes] | None = None
    while True:
        start = after

        def work(connection: Connection, start: tuple[int, bytes] | None = start) -> list[tuple[int, bytes]]:
            take_part_in_counting(connection)
            return _decide_some(connection, choice, decision, after=start, by=by, now_ms=now_ms)

        decided = box.transact(work)
        if not decided:
            return settled
        settled += len(decided)
        after = decided[-1]


def _decide_some(
    connection: Connection, choice: Choice, decision: _Decision, *, after: tuple[int, bytes] | None, by: str, now_ms: int
) -> list[tuple[int, bytes]]:
    """Decide about the next thousand votes, in the order of their keys; return them."""
    rows = _lock(connection, choice, decision, after)
    if not rows:
        return []
    events = [event for row in rows if (event := _event(row, decision, now_ms))]
    keys = [(row.article_id, bytes(row.voter)) for row in rows]
    connection.execute(_CHANGE_VOTES, {"keys": keys, "held": decision.held})
    ledger.append(connection, events)
    connection.execute(_SETTLE, {"keys": keys, "to": decision.state, "now": now_ms, "who": by})
    tallies.shift(connection, [Shift(e.article_id, e.at_ms, e.left, e.taken_up, first=False) for e in events if not e.held])
    return keys


def _lock(
    connection: Connection, choice: Choice, decision: _Decision, after: tuple[int, bytes] | None
) -> Sequence[Row[*tuple[Any, ...]]]:
    """The chosen votes, locked in the order in which batches lock theirs. Those in the state already are left out."""
    keys = (_h.article_id == _v.article_id) & (_h.voter == _v.voter)
    beyond = tuple_(_h.article_id, _h.voter) > after if after else true()
    asked = (
        select(_v.article_id, _v.voter, _v.reaction, _v.seq, _v.held)
        .join(tables.hold, keys)
        .where(*choice.conditions(), _h.state != decision.state, beyond)
        .order_by(_v.article_id, _v.voter)
        .limit(AT_ONCE)
        .with_for_update()
    )
    return connection.execute(asked).all()


def _event(row: Row[*tuple[Any, ...]], decision: _Decision, now_ms: int) -> Event | None:
    """What the ledger says of one vote: a move to or from None where the counts change, a held event where they do not."""
    if row.reaction is None or not (row.held or decision.held):
        return None
    left = None if row.held and not decision.held else row.reaction
    taken_up = None if decision.held and not row.held else row.reaction
    held = bool(row.held and decision.held)
    return Event(row.article_id, bytes(row.voter), row.seq + 1, left, taken_up, decision.cause, now_ms, held)


def _listed(article_id: Any, voter: Any) -> ColumnElement[bool]:
    return tuple_(article_id, voter).in_(bindparam("keys", expanding=True))


_CHANGE_VOTES = (
    update(tables.vote)
    .where(_listed(_v.article_id, _v.voter))
    .values({"held": bindparam("held", type_=Boolean), "seq": _v.seq + 1})
)
_SETTLE = (
    update(tables.hold)
    .where(_listed(_h.article_id, _h.voter))
    .values({"state": bindparam("to"), "settled_at": bindparam("now"), "settled_by": bindparam("who")})
)
