"""All files of an export in one ZIP archive, of one snapshot, their description with rows and checksums at its end.

A ZIP has its table of contents last: of an archive that was cut off no program finds a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from reactions.exports import packages
from reactions.exports.columns import Table
from reactions.exports.files import File, Form
from reactions.exports.scope import Scope
from reactions.exports.sinks import Sink


def pieces(scope: Scope, tables: Sequence[Table], form: Form) -> Iterator[bytes]:
    """The archive, to be taken once."""
    sink, files = Sink(), [File(scope, table, form) for table in tables]
    with ZipFile(sink, "w", ZIP_DEFLATED, compresslevel=1) as archive:
        for file in files:
            with archive.open(_entry(scope, file.name), "w", force_zip64=True) as entry:
                for piece in file.pieces():
                    entry.write(piece)
                    yield sink.taken()
        archive.writestr(_entry(scope, packages.NAME), packages.of_files(scope, files))
    yield sink.taken()


def _entry(scope: Scope, name: str) -> ZipInfo:
    entry = ZipInfo(name, datetime.fromtimestamp(scope.now_ms / 1000, UTC).timetuple()[:6])
    entry.compress_type = ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    return entry
