"""The ballot box: ballots that arrive at the same time share one transaction.

A ballot joins the queue and waits. One committer thread per process takes everything that waits, asks once for the whole batch
whether it may be counted, counts it, commits once, and only then answers all of it: acknowledged means durable. While one batch
is being committed the next one gathers, so nobody waits for a batch to fill, and a hot article gets cheaper per vote as it gets
hotter. The file is longer than 300 lines because a queue is of no use without the transaction that empties it.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from reactions.languages import gettext
from reactions.newsroom.registering import Budget, no_budget
from reactions.refusals import Overloaded, Refusal
from reactions.storage import locks, outages, statements
from reactions.storage.engines import writing
from reactions.times import now_ms
from reactions.votes import counting
from reactions.votes.counting import Outcome
from reactions.votes.rules import Ballot, Receipt

_T = TypeVar("_T")
_TRIES = 3
# Voters who come in a crowd send their next ballots as soon as they are answered. Without a moment for that, two crowds form of
# which one waits while the other is counted, in batches of half the size.
_A_CROWD, _NEXT_BALLOTS_S = 4, 0.0005
_LEAVE_LOCKED_S = 0.5
_GUARDED = "guarded"  # in the notes on a connection: the guard that has let a transaction pass there

log = logging.getLogger(__name__)

Answer = Outcome | Exception
Listener = Callable[[Sequence[Ballot], Sequence[Answer]], None]
# Decides on a whole batch, in the committer's thread, before anything is written: for each ballot and the facts that came with
# it, the ballot to count, perhaps changed, or why it is turned down.
Admit = Callable[[Sequence[Ballot], Sequence[object]], Sequence[Ballot | Exception]]


class Door(Protocol):
    """Where answers go: told once for each batch, in the committer's thread, with what `submit` was given."""

    def settle(self, answers: Sequence[tuple[object, Answer]]) -> None:
        """Deliver answers, each under its token."""


class _Waiting(NamedTuple):
    ballot: Ballot
    facts: object
    until: float  # the committer's clock: the answer comes too late after this
    door: Door
    token: object


class _Threads:
    """The door of threads that wait for their answer."""

    def settle(self, answers: Sequence[tuple[object, Answer]]) -> None:
        """Wake each thread."""
        for token, answer in answers:
            token.put(answer)  # type: ignore[attr-defined]


_THREADS = _Threads()


def admit_all(ballots: Sequence[Ballot], _facts: Sequence[object]) -> Sequence[Ballot | Exception]:
    """Turn nothing down."""
    return ballots


class BallotBox:
    """The one way in for votes. One per process; `cast` and `submit` may be called from any thread.

    `guard` may refuse in the first transaction of each connection, as a new one may lead to another database; `listener` is told
    of every batch after its COMMIT and before its answers. `clock` gives the time in UTC milliseconds, by which a vote is late.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        pseudonym_key: bytes,
        batch_size: int,
        queue_size: int,
        answer_within_s: float,
        one_article_per_transaction: bool = False,
        admit: Admit = admit_all,
        budget: Budget = no_budget,
        guard: Callable[[Connection], None] = lambda _: None,
        listener: Listener | None = None,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._engine = engine
        self._pseudonym_key = pseudonym_key
        self._batch_size = batch_size
        self._queue_size = queue_size
        self._answer_within_s = answer_within_s
        self._one_article = one_article_per_transaction
        self._admit = admit
        self._budget = budget
        self._guard = guard
        self._listener = listener
        self._clock = clock
        self._locked_until: dict[int, float] = {}
        self._starting = threading.Lock()
        self._committer: threading.Thread | None = None
        self._committer_of: int | None = None
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()

    def cast(self, ballot: Ballot, facts: object = None) -> Receipt:
        """Count the ballot and return once it is durable. `facts` are for `admit`.

        Raises what `admit` answers, the refusal of the rules that need stored votes, Unavailable if the database gives no answer
        in time (the vote may or may not be stored; the same seq may be sent again), Overloaded or StorageFull.
        """
        answer: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self.submit(ballot, facts, door=_THREADS, token=answer)
        try:
            outcome = answer.get(timeout=self._answer_within_s)
        except queue.Empty:
            raise outages.away() from None
        if isinstance(outcome, Receipt):
            return outcome
        raise outcome

    def submit(self, ballot: Ballot, facts: object, *, door: Door, token: object) -> None:
        """Queue the ballot; `door` is told its answer under `token`, unless that takes longer than `answer_within_s`.

        Raises Overloaded if too many wait.
        """
        if self._waiting.qsize() >= self._queue_size:
            raise Overloaded(gettext("Too many votes are waiting. Send the same request again in a moment."))
        if self._committer is None or not self._committer.is_alive():  # after a fork neither is any thread but the forking one
            self._start_committer()
        self._waiting.put(_Waiting(ballot, facts, time.monotonic() + self._answer_within_s, door, token))

    def count(self, ballots: Sequence[Ballot]) -> list[Answer]:
        """Count ballots that are all at hand, as an import's are, in batches; durable on return. `admit` is not asked.

        Each gets a receipt, or the refusal or fault that concerns it alone.
        """
        answers: list[Answer] = []
        for first in range(0, len(ballots), self._batch_size):
            answers += self._count(ballots[first : first + self._batch_size])
        return answers

    def count_found(
        self,
        find: Callable[[Connection], Sequence[Ballot]],
        *,
        follow: Callable[[Connection, Sequence[Outcome]], None] = lambda *_: None,
    ) -> list[Outcome]:
        """Count the ballots that `find` makes of votes it reads and locks, in the same transaction; durable on return.

        So nothing happens to these votes between their being read and their being changed. What follows from the outcomes is
        done there as well. Both may run more than once.
        """

        def work(connection: Connection) -> tuple[Sequence[Ballot], list[Outcome]]:
            locks.take_part_in_counting(connection)
            ballots = find(connection)
            if not ballots:
                return ballots, []
            outcomes = counting.count(connection, ballots, pseudonym_key=self._pseudonym_key, clock=self._clock)
            follow(connection, outcomes)
            return ballots, outcomes

        ballots, outcomes = self._durably(work)
        if ballots:
            self._tell(ballots, outcomes)
        return outcomes

    def transact(self, work: Callable[[Connection], _T]) -> _T:
        """Do other work that changes votes or tallies, all of it in one transaction; durable on return.

        `work` may run more than once. Raises its refusals, Unavailable or StorageFull.
        """
        return self._durably(work)

    @property
    def alive(self) -> bool:
        """False if the committer of this process has died, which no ballot should achieve. The next ballot starts another."""
        return self._committer_of != os.getpid() or (self._committer is not None and self._committer.is_alive())

    @property
    def waiting(self) -> int:
        """How many ballots wait."""
        return self._waiting.qsize()

    def close(self) -> None:
        """Count what waits, then end the committer thread. Ballots cast later start a new one."""
        with self._starting:
            if self._committer is not None and self._committer_of == os.getpid():
                self._waiting.put(None)
                self._committer.join()
            self._committer_of = None

    def _start_committer(self) -> None:
        """Start the thread where the ballots are: gunicorn forks workers after the application is made."""
        with self._starting:
            if self._committer_of != os.getpid():
                self._waiting = queue.SimpleQueue()
            elif self.alive:
                return
            else:
                log.error("committer restarted")
            self._committer = threading.Thread(target=self._commit_until_closed, name="committer", daemon=True)
            self._committer.start()
            self._committer_of = os.getpid()

    def _commit_until_closed(self) -> None:
        closing = False
        while not closing:
            batch, closing = self._gather(self._waiting)
            if batch:
                self._answer(batch, self._settle_batch(batch))
                if len(batch) >= _A_CROWD:
                    time.sleep(_NEXT_BALLOTS_S)

    def _gather(self, waiting: queue.SimpleQueue[_Waiting | None]) -> tuple[list[_Waiting], bool]:
        """Wait for one ballot, then take what else is there; whether the box is to be closed.

        Ballots that nobody waits for any more are left out: their readers were told to send them again, and a backlog drains.
        """
        batch: list[_Waiting] = []
        first = waiting.get()
        now = time.monotonic()
        while first is not None:
            if first.until > now:
                batch.append(first)
            if len(batch) == self._batch_size:
                return batch, False
            try:
                first = waiting.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _settle_batch(self, batch: Sequence[_Waiting]) -> Sequence[Answer]:
        """An answer for each, whatever happens: the thread must outlive any bug, and whoever met it must hear of it."""
        try:
            admitted = self._admit([w.ballot for w in batch], [w.facts for w in batch])
            answers = iter(self._count([ballot for ballot in admitted if isinstance(ballot, Ballot)]))
            return [next(answers) if isinstance(ballot, Ballot) else ballot for ballot in admitted]
        except BaseException as fault:
            log.exception("a batch could not be settled")
            return [fault if isinstance(fault, Exception) else RuntimeError(repr(fault))] * len(batch)

    def _answer(self, batch: Sequence[_Waiting], answers: Sequence[Answer]) -> None:
        """Tell each door once."""
        by_door: dict[Door, list[tuple[object, Answer]]] = {}
        for waits, answer in zip(batch, answers, strict=True):
            by_door.setdefault(waits.door, []).append((waits.token, answer))
        for door, settled in by_door.items():
            try:
                door.settle(settled)
            except Exception:  # a door that is gone, as a closed event loop, keeps nobody else from an answer
                log.exception("answers could not be delivered")

    def _count(self, ballots: Sequence[Ballot]) -> Sequence[Answer]:
        return self._settle_by_article(ballots) if self._one_article else self._settle(ballots)

    def _settle_by_article(self, ballots: Sequence[Ballot]) -> Sequence[Answer]:
        """Count a batch in a transaction for each article. One that is locked by somebody is left alone for a while."""
        answers: dict[int, Answer] = {}
        for article_id in dict.fromkeys(ballot.article_id for ballot in ballots):
            own = [at for at, ballot in enumerate(ballots) if ballot.article_id == article_id]
            answers.update(zip(own, self._settle_article(article_id, [ballots[at] for at in own]), strict=True))
        return [answers[at] for at in range(len(ballots))]

    def _settle_article(self, article_id: int, ballots: Sequence[Ballot]) -> Sequence[Answer]:
        if time.monotonic() < self._locked_until.get(article_id, 0.0):
            return [outages.away()] * len(ballots)
        answers = self._settle(ballots)
        if outages.was_lock(answers[0]):
            self._locked_until[article_id] = time.monotonic() + _LEAVE_LOCKED_S
        else:
            self._locked_until.pop(article_id, None)
        return answers

    def _settle(self, ballots: Sequence[Ballot]) -> Sequence[Answer]:
        """Count a batch; one that fails is counted ballot by ballot, so that a neighbour's fault costs nobody else."""
        if not ballots:
            return []
        try:
            answers: Sequence[Answer] = self._commit(ballots)
        except Refusal as refusal:
            if outages.was_lock(refusal) and len({ballot.article_id for ballot in ballots}) > 1:
                return self._settle_by_article(ballots)
            answers = [refusal] * len(ballots)
        except Exception as fault:  # noqa: BLE001  the request that met it raises it again
            return [fault] if len(ballots) == 1 else [answer for ballot in ballots for answer in self._settle([ballot])]
        self._tell(ballots, answers)
        return answers

    def _tell(self, ballots: Sequence[Ballot], answers: Sequence[Answer]) -> None:
        try:
            if self._listener:
                self._listener(ballots, answers)
        except Exception:  # the votes are durable, and the committer must live on to say so
            log.exception("a listener failed after the commit")

    def _commit(self, ballots: Sequence[Ballot]) -> list[Outcome]:
        notes: dict[str, object] = {}

        def count(connection: Connection) -> list[Outcome]:
            nonlocal notes
            notes = connection.info
            if notes.get(_GUARDED) is not self._guard:
                self._guard(connection)
            with statements.in_one_trip(connection):
                check = locks.begin_to_take_part(connection)
                asked = counting.ask_articles(connection, ballots)
            check()
            return counting.count(
                connection,
                ballots,
                pseudonym_key=self._pseudonym_key,
                budget=self._budget,
                clock=self._clock,
                asked=asked,
                commits=True,
            )

        outcomes = self._durably(count, are_votes=True)
        notes[_GUARDED] = self._guard
        if len(outcomes) != len(ballots):
            raise RuntimeError(f"not each ballot has its outcome: {len(outcomes)} of {len(ballots)}")
        return outcomes

    def _durably(self, work: Callable[[Connection], _T], *, are_votes: bool = False) -> _T:
        """Do the work in its own transaction, again where that may help; raise a refusal where the database fails."""
        for tries_left in reversed(range(_TRIES)):
            try:
                with writing(self._engine, undo_in_memory=are_votes, rests=not are_votes) as connection:
                    return work(connection)
            except SQLAlchemyError as error:
                if tries_left and outages.worth_repeating(error):
                    continue
                if refusal := outages.refusal_for(error):
                    raise refusal from error
                raise
        raise AssertionError("unreachable")
