"""Exports into a folder. A file is written beside its place and moved there when all are complete; `datapackage.json` comes last.

Whoever is killed on the way leaves files that end in `.part`, and the description of no file that is not whole.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from reactions.exports import packages
from reactions.exports.columns import Table
from reactions.exports.files import File, Form
from reactions.exports.scope import Scope

PART = ".part"


def write(scope: Scope, tables: Sequence[Table], form: Form, folder: Path) -> list[File]:
    """Write the tables and their description, over what is there; return what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [File(scope, table, form) for table in tables]
    paths = [folder / name for name in (*(file.name for file in files), packages.NAME)]
    try:
        for file in files:
            _write_part(file, folder)
        _part(paths[-1]).write_text(packages.of_files(scope, files), encoding="utf-8")
    except BaseException:
        for path in paths:
            _part(path).unlink(missing_ok=True)
        raise
    paths[-1].unlink(missing_ok=True)  # it must not describe files that change under it
    for path in paths:
        _part(path).replace(path)
    return files


def _write_part(file: File, folder: Path) -> None:
    with _part(folder / file.name).open("wb") as part:
        for piece in file.pieces():
            part.write(piece)
        part.flush()
        os.fsync(part.fileno())


def _part(path: Path) -> Path:
    return path.with_name(path.name + PART)
