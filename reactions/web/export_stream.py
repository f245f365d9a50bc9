"""The body of an export on its way to the client. One that breaks off must be seen to: no whole answer ends it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import structlog
from sqlalchemy.exc import StatementError

log = structlog.get_logger()


class BrokenOff(Exception):
    """The export cannot be completed. The server closes the connection before the end of the body."""


class Stream:
    """The pieces of an export. `close`, which the server calls in any case, gives back what the export holds."""

    def __init__(self, pieces: Iterator[bytes], held: ExitStack, *, name: str, within_s: float) -> None:
        self._pieces = pieces
        self._held = held
        self._name = name
        self._until = time.monotonic() + within_s
        self._clock: Callable[[], float] = time.monotonic

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> bytes:
        """The next piece. Raises BrokenOff, with the cause in the log alone."""
        if self._clock() > self._until:
            log.warning("an export took too long", export=self._name)
            raise BrokenOff(self._name)
        try:
            return next(self._pieces)
        except StopIteration:
            raise
        except Exception as fault:
            if isinstance(fault, StatementError):
                fault.hide_parameters = True
            log.error("an export broke off", export=self._name, exc_info=True)
            raise BrokenOff(self._name) from None

    def close(self) -> None:
        """End the snapshot and give back the slot."""
        self._held.close()
