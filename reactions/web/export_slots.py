"""How many exports one API key may have running at once, on this machine, whichever worker answers.

A slot is a lock on a file: it ends with the export, and with the process, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from io import BufferedWriter
from pathlib import Path

from reactions.refusals import TooManyExports


def take(key_id: str, *, most: int) -> BufferedWriter:
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
    raise TooManyExports(f"This key has {most} export{'s' * (most > 1)} running already. Try again when one is complete.")


def _folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"reader-reactions-exports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.lstat().st_uid != os.getuid():  # somebody else on this machine may have been there before
        raise PermissionError(f"{folder} belongs to somebody else.")
    return folder
