"""The command lines of what developers run, such as `python -m tests.faults`: a line says what is wrong with one.

Nothing is played or measured then, and the exit code is 2.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn


class CommandLine(argparse.ArgumentParser):
    """Options and their help. What argparse puts before a fault is its whole usage, among which the fault is lost."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and end."""
        self.exit(2, f"{self.prog}: {message}\n")


def at_least(least: int) -> Callable[[str], int]:
    """A whole number that is not too small: none at all would play or measure nothing."""

    def number(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of {least} or more")
        return int(text)

    return number


def duration(text: str) -> float:
    """How long something takes, in any unit: 0 or more."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 0 or more")
    return value


def file_to_write(text: str) -> Path:
    """A file for the figures: whoever mistypes its folder learns it before hours of measuring, not after."""
    file = Path(text)
    if file.is_dir() or not file.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is a folder, or in none")
    return file
