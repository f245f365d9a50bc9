"""Statements that PostgreSQL is sent together and answers together, by libpq's pipeline mode.

psycopg's own pipeline sends each statement by itself, and its cursors take longer than the few statements of a batch. Here a
trip is one call to the system each way: https://www.postgresql.org/docs/current/libpq-pipeline-mode.html. What can be prepared
is prepared on its first trip, and goes by its name from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from psycopg import Connection, errors, generators
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

Rows = list[tuple[Any, ...]]
Values = Sequence[bytes | None]  # of parameters, in PostgreSQL's text format
Named = dict[bytes, bytes]  # what a connection has prepared: the names, by text

_BINARY = 1  # the format of answers


class Trip:
    """What one connection is sent together; a transaction begins with it where none is open, unless it commits.

    `named` is what the connection has prepared before, and grows; None where nothing may be prepared. If it `commits`, the
    trip ends the transaction, or is one of its own; if anything fails, nothing of it was done.
    """

    def __init__(self, driver: Connection[Any], named: Named | None, *, commits: bool = False) -> None:
        self._driver = driver
        self._named = named
        self._statements: list[tuple[bytes, Values]] = []
        self._commits = commits
        self._results: list[PGresult] = []

    def add(self, text: bytes, values: Values) -> Callable[[], Rows]:
        """Take a statement along, whose parameters are $1, $2 and so on; its rows are had once `go` has returned."""
        place = len(self._statements)
        self._statements.append((text, values))
        return lambda: self._rows(place)

    def go(self) -> None:
        """Send all and wait for the answers.

        Raises psycopg's error of the first statement that failed; none after it has run. A connection that fails is closed.
        """
        if not self._statements:
            return
        pgconn = self._driver.pgconn
        answers: list[PGresult] = []
        with self._driver.lock:
            pgconn.enter_pipeline_mode()
            try:
                takers = self._send(pgconn)
                for _ in takers:
                    answers.append(self._receive(pgconn))  # noqa: PERF401  those before a loss are looked at
                self._receive(pgconn)  # that there are no more
                pgconn.exit_pipeline_mode()
            except BaseException:  # what else is on its way is not known
                pgconn.finish()
                _raise_failure(answers)  # it says more than that the connection was lost after it, as by a full disk
                raise
        for take, answer in zip(takers, answers, strict=True):
            _raise_failure([answer])
            take(answer)

    def _send(self, pgconn: PGconn) -> list[Callable[[PGresult], None]]:
        """Send all in one call to the system; who takes each of the answers."""
        takers: list[Callable[[PGresult], None]] = []
        is_open = pgconn.transaction_status != TransactionStatus.IDLE
        if not (is_open or self._commits or self._driver.autocommit):
            pgconn.send_query_params(b"BEGIN", None)
            takers.append(_ignore)
        fresh: Named = {}
        for text, values in self._statements:
            if self._named is None:
                pgconn.send_query_params(text, values, result_format=_BINARY)
            else:
                name = self._named.get(text) or fresh.get(text)
                if name is None:
                    name = fresh[text] = b"trip_%d" % (len(self._named) + len(fresh))
                    pgconn.send_prepare(name, text)
                    takers.append(partial(self._name, text, name))
                pgconn.send_query_prepared(name, values, result_format=_BINARY)
            takers.append(self._results.append)
        if self._commits and is_open:  # else PostgreSQL takes all up to the end of a trip as one transaction
            pgconn.send_query_params(b"COMMIT", None)
            takers.append(_ignore)
        pgconn.pipeline_sync()
        if pgconn.flush():
            self._driver.wait(generators.send(pgconn))
        return takers

    def _receive(self, pgconn: PGconn) -> PGresult:
        answers: list[PGresult] = self._driver.wait(generators.fetch_many(pgconn))
        return answers[0]

    def _name(self, text: bytes, name: bytes, _answer: PGresult) -> None:
        assert self._named is not None
        self._named[text] = name

    def _rows(self, place: int) -> Rows:
        assert self._results, "rows were asked for before the trip"
        answer = self._results[place]
        reader = Transformer(self._driver)
        reader.set_pgresult(answer)
        return reader.load_rows(0, answer.ntuples, tuple)


def _raise_failure(answers: Sequence[PGresult]) -> None:
    """Raise the error that the first failure among some answers tells of."""
    for answer in answers:
        if answer.status == ExecStatus.FATAL_ERROR:
            raise errors.error_from_result(answer)


def _ignore(_answer: PGresult) -> None:
    """Take the answer of BEGIN or COMMIT."""
