"""An export on its way to the client: the slot that it holds, and its body.

A client notices an export that breaks off, because its response never ends properly. An export gives way to readers: while many
votes are counted in this process it takes a thirteenth of the processor time that the process gets, and without votes it runs at
full speed.

A key may have some exports running at once on this machine, whichever worker answers. A slot is a lock on a file: it ends with
the export, and with the process, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from io import BufferedWriter
from pathlib import Path
from typing import NamedTuple

import structlog

from reactions.languages import ngettext
from reactions.refusals import TooManyExports

log = structlog.get_logger()

VOTES_PER_S = 50  # so many votes a second are let to do as much work as the export has done
MOST_WORK = 12  # times the work of the export
_LOOK_S = 0.005  # so often a pause looks whether the others have had their time


class BrokenOff(Exception):
    """The export cannot be completed. The server closes the connection before the end of the body."""


class Stream:
    """The pieces of an export. `close`, which the server calls in any case, gives back what the export holds."""

    def __init__(
        self, pieces: Iterator[bytes], held: ExitStack, *, name: str, within_s: float, votes: Callable[[], int] = lambda: 0
    ) -> None:
        self._pieces = pieces
        self._held = held
        self._name = name
        self._votes = votes
        self._until_s = time.monotonic() + within_s
        self._seen, self._seen_s = votes(), time.monotonic()

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> bytes:
        """The next piece. Raises BrokenOff, with the cause in the log alone."""
        began = _Clocks.read()
        try:
            piece = self._piece()
        except (StopIteration, BrokenOff):
            self.close()  # the slot and the snapshot need not wait until the client has read the end
            raise
        self._give_way(began)
        return piece

    def _piece(self) -> bytes:
        if time.monotonic() > self._until_s:
            log.warning("an export took too long", export=self._name)
            raise BrokenOff(self._name)
        try:
            return next(self._pieces)
        except StopIteration:
            raise
        except Exception:
            log.error("an export broke off", export=self._name, exc_info=True)
            raise BrokenOff(self._name) from None

    def _give_way(self, began: _Clocks) -> None:
        """Pause after a piece that was begun then; while nobody votes, not at all."""
        votes, now_s = self._votes(), time.monotonic()
        per_s = (votes - self._seen) / max(now_s - self._seen_s, 0.001)
        self._seen, self._seen_s = votes, now_s
        if per_s > 1:
            _let_work(began, times=min(per_s / VOTES_PER_S, MOST_WORK))

    def close(self) -> None:
        """End the snapshot and give back the slot."""
        if isinstance(self._pieces, Generator):
            self._pieces.close()  # first: it may be reading from the snapshot
        self._held.close()


class _Clocks(NamedTuple):
    """The time, and the processor time that this thread and the rest of the process have used."""

    now_s: float
    own_s: float
    others_s: float

    @classmethod
    def read(cls) -> _Clocks:
        own_s = time.thread_time()
        return cls(time.monotonic(), own_s, time.process_time() - own_s)


def _let_work(began: _Clocks, *, times: float) -> None:
    """Sleep until the rest of the process has used so many times the processor time that this thread has used since it began.

    What it used while a piece waited for it counts as well. Where it does little, as with votes that wait for the disk, the pause
    ends after so many times what the piece took.
    """
    done = _Clocks.read()
    enough_s = began.others_s + times * (done.own_s - began.own_s)
    until_s = done.now_s + times * (done.now_s - began.now_s)
    while (left_s := until_s - time.monotonic()) > 0 and _Clocks.read().others_s < enough_s:
        time.sleep(min(left_s, _LOOK_S))


def take_slot(key_id: str, *, most: int) -> BufferedWriter:
    """Take a slot; closing what is returned gives it back. Raises TooManyExports."""
    folder = _folder()
    for number in range(most):
        slot = (folder / f"{key_id}-{number}").open("wb")
        try:
            fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            slot.close()
            continue
        return slot
    raise TooManyExports(
        ngettext(
            "This key has %(n)s export running already. Try again when one is complete.",
            "This key has %(n)s exports running already. Try again when one is complete.",
            most,
        )
    )


def _folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"reader-reactions-exports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.lstat().st_uid != os.getuid():  # somebody else on this machine may have been there before
        raise PermissionError(f"{folder} belongs to somebody else.")
    return folder
