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
    _open: dict[str, tuple[tuple[int, int], int]] = field(default_factory=dict, repr=False)

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
            return self._state(opened)
        except OSError:
            return State.REPLACED

    def _state(self, opened: tuple[object, ...]) -> State:
        found = os.stat(f"{self.path}-shm")  # noqa: PTH116  for each batch
        shm = self._file("-shm", found)
        index = _index(shm)
        database, log = os.stat(self.path), os.stat(f"{self.path}-wal")  # noqa: PTH116
        here = self._left, (database.st_dev, database.st_ino), (log.st_dev, log.st_ino)
        if here != opened:
            self.is_written_over = False
            return State.REPLACED
        if not self.is_written_over and not self._is_written_over((*here, found.st_ino), database, index, shm):
            return State.IN_PLACE if self._has_all(log, index) else State.REPLACED
        self.is_written_over = index.frames > 0
        return State.WRITTEN_OVER if self.is_written_over else State.REPLACED

    def _is_written_over(self, here: object, database: os.stat_result, index: _Index, shm: int) -> bool:
        """True if the database has changed between two looks, and SQLite has moved nothing from the log to it meanwhile.

        It may do that at any time, also while this looks: so what it tells must be the same before the file was looked at, which
        is `index`, and after that. What is seen while it is at work is compared with nothing; nor with files that the last
        connection took away: a new log may have the number of the old one, and the index, which is open here, has not.
        """
        now = here, (index.salts, index.stored), (database.st_mtime_ns, database.st_size)
        if now == self._seen:
            return False
        is_at_rest = index.begun <= index.stored and _index(shm) == index
        before, self._seen = self._seen, now if is_at_rest else ()
        return is_at_rest and before[:2] == now[:2]

    def _has_all(self, log: os.stat_result, index: _Index) -> bool:
        """True if the log has all that was ever added to it, and not another's."""
        if not index.frames:
            return True
        if log.st_size < _LOG_HEADER + index.frames * (_FRAME_HEADER + index.page_size):
            return False
        return os.pread(self._file("-wal", log), _LOG_HEADER, 0)[_SALTS] == index.salts

    def close(self) -> None:
        """Close what was opened, once no engine has a connection to the files any more."""
        for _, descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def _file(self, suffix: str, found: os.stat_result) -> int:
        """The descriptor of one of SQLite's files. It stays open: to close that of the index would end SQLite's locks on it."""
        here = found.st_dev, found.st_ino
        if (known := self._open.get(suffix)) is None or known[0] != here:
            known = self._open[suffix] = here, os.open(f"{self.path}{suffix}", os.O_RDONLY)
        return known[1]


def _index(shm: int) -> _Index:
    """What SQLite's processes tell each other. Raises OSError if that is not there."""
    text = os.pread(shm, _INDEX.size, 0)
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
    if path not in _OF_PATH:
        for each in [path for path, files in _OF_PATH.items() if not files.engines]:
            _OF_PATH.pop(each).close()
    return _OF_PATH.setdefault(path, Files(path))
