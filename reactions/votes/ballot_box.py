"""The ballot box: ballots that arrive at the same time share one transaction.

A ballot joins the queue and waits. One committer thread per process takes everything that waits, counts it, commits once,
and only then answers all of it: acknowledged means durable. While one batch is being committed the next one gathers, so the
box needs no timer, and a hot article gets cheaper per vote as it gets hotter.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from reactions.refusals import Overloaded, Refusal
from reactions.storage import engines, outages
from reactions.storage.engines import writing
from reactions.votes import counting
from reactions.votes.counting import Outcome
from reactions.votes.rules import Ballot, Receipt

_T = TypeVar("_T")
_TRIES = 3

log = logging.getLogger(__name__)

Answer = Outcome | Exception
Listener = Callable[[Sequence[Ballot], Sequence[Answer]], None]


class _Waiting(NamedTuple):
    ballot: Ballot
    answer: queue.SimpleQueue[Answer]


class BallotBox:
    """The one way in for votes. One per process; `cast` may be called from any thread.

    `listener` is told of every batch after its COMMIT and before its answers.
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
        listener: Listener | None = None,
    ) -> None:
        self._engine = engine
        self._pseudonym_key = pseudonym_key
        self._batch_size = batch_size
        self._queue_size = queue_size
        self._answer_within_s = answer_within_s
        self._one_article = one_article_per_transaction
        self._listener = listener
        self._starting = threading.Lock()
        self._committer: threading.Thread | None = None
        self._committer_of: int | None = None
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()

    def cast(self, ballot: Ballot) -> Receipt:
        """Count the ballot and return once it is durable.

        Raises the refusal of the rules that need stored votes, Unavailable if the database gives no answer in time (the vote
        may or may not be stored; the same seq may be sent again), Overloaded or StorageFull.
        """
        if self._waiting.qsize() >= self._queue_size:
            raise Overloaded("Too many votes are waiting. Send the same request again in a moment.")
        self._ensure_committer()
        answer: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._waiting.put(_Waiting(ballot, answer))
        try:
            outcome = answer.get(timeout=self._answer_within_s)
        except queue.Empty:
            raise outages.away() from None
        if isinstance(outcome, Receipt):
            return outcome
        raise outcome

    def count(self, ballots: Sequence[Ballot]) -> list[Answer]:
        """Count ballots that are all at hand, as an import's are, in batches; durable on return.

        Each gets a receipt, or the refusal or fault that concerns it alone.
        """
        answers: list[Answer] = []
        for first in range(0, len(ballots), self._batch_size):
            answers += self._count(ballots[first : first + self._batch_size])
        return answers

    def transact(self, work: Callable[[Connection], _T]) -> _T:
        """Do other work that changes votes or tallies, all of it in one transaction; durable on return.

        `work` may run more than once. Raises its refusals, Unavailable or StorageFull.
        """
        return self._durably(work)

    def close(self) -> None:
        """Count what waits, then end the committer thread. Ballots cast later start a new one."""
        with self._starting:
            if self._committer is not None and self._committer_of == os.getpid():
                self._waiting.put(None)
                self._committer.join()
            self._committer_of = None

    def _ensure_committer(self) -> None:
        """Start the thread where the ballots are: gunicorn forks workers after the application is made."""
        if self._committer_of == os.getpid():
            return
        with self._starting:
            if self._committer_of != os.getpid():
                self._waiting = queue.SimpleQueue()
                self._committer = threading.Thread(target=self._commit_until_closed, name="committer", daemon=True)
                self._committer.start()
                self._committer_of = os.getpid()

    def _commit_until_closed(self) -> None:
        waiting, closing = self._waiting, False
        while not closing:
            batch: list[_Waiting] = []
            for waits in self._gathered(waiting):
                if waits is None:
                    closing = True
                else:
                    batch.append(waits)
            for waits, answer in zip(batch, self._count([waits.ballot for waits in batch]), strict=True):
                waits.answer.put(answer)

    def _gathered(self, waiting: queue.SimpleQueue[_Waiting | None]) -> Iterator[_Waiting | None]:
        """Wait for one, then take what else is there."""
        yield waiting.get()
        for _ in range(self._batch_size - 1):
            try:
                yield waiting.get_nowait()
            except queue.Empty:
                return

    def _count(self, ballots: Sequence[Ballot]) -> Sequence[Answer]:
        if not self._one_article:
            return self._settle(ballots)
        answers: dict[int, Answer] = {}
        for article_id in dict.fromkeys(ballot.article_id for ballot in ballots):
            own = [at for at, ballot in enumerate(ballots) if ballot.article_id == article_id]
            answers.update(zip(own, self._settle([ballots[at] for at in own]), strict=True))
        return [answers[at] for at in range(len(ballots))]

    def _settle(self, ballots: Sequence[Ballot]) -> Sequence[Answer]:
        """Count a batch; one that fails is counted ballot by ballot, so that a neighbour's fault costs nobody else."""
        try:
            answers: Sequence[Answer] = self._commit(ballots)
        except Refusal as refusal:
            answers = [refusal] * len(ballots)
        except Exception as fault:  # noqa: BLE001  the thread must outlive any bug; the request that met it raises it again
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
        def count(connection: Connection) -> list[Outcome]:
            engines.take_part_in_counting(connection)
            return counting.count(connection, ballots, pseudonym_key=self._pseudonym_key)

        return self._durably(count)

    def _durably(self, work: Callable[[Connection], _T]) -> _T:
        """Do the work in its own transaction, again where that may help; raise a refusal where the database fails."""
        for tries_left in reversed(range(_TRIES)):
            try:
                with writing(self._engine) as connection:
                    return work(connection)
            except SQLAlchemyError as error:
                if tries_left and outages.worth_repeating(error):
                    continue
                if refusal := outages.refusal_for(error):
                    raise refusal from error
                raise
        raise AssertionError("unreachable")
