"""Whether the files at an SQLite database's address are still those that the service writes to.

SQLite does not look: it goes on with files that somebody has removed, and adds to what somebody has copied a backup over, and
says that all is stored. So whoever writes looks before the COMMIT. What SQLite knows of its log is in the first bytes of the
-shm file: https://www.sqlite.org/walformat.html#the_wal_index_file_format
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple
from weakref import WeakSet

from sqlalchemy import Engine

_INDEX = struct.Struct("=14xHI12x8s56xI28xI")  # page size, frames, salts, frames in the database, frames that were to go there
_LOG_HEADER, _FRAME_HEADER = 32, 24
_SALTS = slice(16, 24)
_LARGEST_PAGE = 65_536  # which is written as 1


class State(Enum):
    """What has become of the files."""

    IN_PLACE = "in place"
    REPLACED = "replaced"  # others stand at the address, and can be gone on with
    WRITTEN_OVER = "written over"  # the file is another's, and the log still has pages for what it was: neither is of use


class _Index(NamedTuple):
    page_size: int
    frames: int
    salts: bytes
    stored: int
    begun: int


@dataclass
class Files:
    """The files of one database, as this process has seen them. `look` is for whoever has the write lock."""

    path: str
    is_written_over: bool = False
    engines: WeakSet[Engine] = field(default_factory=WeakSet, repr=False)  # those that lead to them
    _left: int = 0  # how often they were given up
    _seen: tuple[object, ...] = ()
    _shm: tuple[tuple[int, int], int] | None = field(default=None, repr=False)

    def here(self) -> tuple[object, ...]:
        """What stands at the address now. A connection that was opened while something else did is to be given up."""
        try:
            found = [os.stat(self.path), os.stat(f"{self.path}-wal")]  # noqa: PTH116  for each connection that is used
        except OSError:
            return ()
        return self._left, *((each.st_dev, each.st_ino) for each in found)

    def leave(self) -> None:
        """Give up the connections to them: while one is open, others share what it knows of the log."""
        self._left += 1
        for engine in list(self.engines):
            engine.dispose()

    def look(self, opened: tuple[object, ...]) -> State:
        """What has become of the files that a connection has `opened`, as `here` told them then."""
        try:
            before = self._index()
            database, log = os.stat(self.path), os.stat(f"{self.path}-wal")  # noqa: PTH116  for each batch
            index = self._index()
        except OSError:
            return State.REPLACED
        here = self._left, (database.st_dev, database.st_ino), (log.st_dev, log.st_ino)
        if here != opened:
            self.is_written_over = False
            return State.REPLACED
        is_at_rest = before == index and index.begun <= index.stored
        if not self.is_written_over and not self._is_written_over(here, database, index, is_at_rest):
            return State.IN_PLACE if self._has_all(log.st_size, index) else State.REPLACED
        self.is_written_over = index.frames > 0
        return State.WRITTEN_OVER if self.is_written_over else State.REPLACED

    def _is_written_over(self, here: object, database: os.stat_result, index: _Index, is_at_rest: bool) -> bool:
        """True if the database has changed between two looks, and SQLite has moved nothing from the log to it meanwhile.

        Others may do that at any time, also while this looks: what it sees then is compared with nothing.
        """
        file, moved = (database.st_mtime_ns, database.st_size), (index.salts, index.stored)
        before, self._seen = self._seen, (here, moved, file) if is_at_rest else ()
        return is_at_rest and before[:2] == (here, moved) and before[2] != file

    def _has_all(self, size: int, index: _Index) -> bool:
        """True if the log has all that was ever added to it, and not another's."""
        if not index.frames:
            return True
        if size < _LOG_HEADER + index.frames * (_FRAME_HEADER + index.page_size):
            return False
        with open(f"{self.path}-wal", "rb", buffering=0) as log:
            return log.read(_LOG_HEADER)[_SALTS] == index.salts

    def _index(self) -> _Index:
        """What SQLite's processes tell each other. The file stays open: closing it would end the locks that SQLite has on it."""
        path = f"{self.path}-shm"
        found = os.stat(path)  # noqa: PTH116  for each batch
        if self._shm is None or self._shm[0] != (found.st_dev, found.st_ino):
            self._shm = (found.st_dev, found.st_ino), os.open(path, os.O_RDONLY)
        text = os.pread(self._shm[1], _INDEX.size, 0)
        if len(text) < _INDEX.size:
            raise OSError("the index is not there")
        index = _Index._make(_INDEX.unpack(text))
        return index._replace(page_size=_LARGEST_PAGE) if index.page_size == 1 else index


_OF_PATH: dict[str, Files] = {}


def files_of(engine: Engine) -> Files | None:
    """The files of an engine's database; None where there is none but in memory."""
    path = engine.url.database
    if engine.dialect.name != "sqlite" or not path or path == ":memory:" or path.startswith("file:"):
        return None
    return _OF_PATH.setdefault(path, Files(path))
