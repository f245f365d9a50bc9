"""What files are written into piece by piece: it is emptied as it fills."""

from __future__ import annotations


class Sink:
    """A file that is only written to, and knows how much has gone through it."""

    closed = False

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._size = 0

    def taken(self) -> bytes:
        """What was written since the last time."""
        content = b"".join(self._waiting)
        self._waiting.clear()
        return content

    def write(self, content: bytes) -> int:
        """Take some bytes."""
        self._waiting.append(bytes(content))
        self._size += len(content)
        return len(content)

    def tell(self) -> int:
        """How many bytes came so far."""
        return self._size

    def flush(self) -> None:
        """Keep what waits: it is taken, not sent."""

    def close(self) -> None:
        """Take no more."""
        self.closed = True

    def writable(self) -> bool:
        """True: it is written to."""
        return True

    def readable(self) -> bool:
        """False: it is never read."""
        return False

    def seekable(self) -> bool:
        """False: it only goes on."""
        return False
