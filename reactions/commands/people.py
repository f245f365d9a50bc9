"""Who types a command, for the record of what was done."""

from __future__ import annotations

import getpass
from contextlib import suppress


def operator() -> str:
    """The operator's name, as far as the system knows it."""
    with suppress(OSError, KeyError, ImportError):
        return f"operator {getpass.getuser()}"[:100]
    return "operator"
