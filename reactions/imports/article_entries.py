"""An entry: what one element of a feed, or one row of a table, says about an article; as text, not yet checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands at `line`. A field that is absent was not mentioned; one that is empty was."""

    line: int
    texts: Mapping[str, str] = field(default_factory=dict)  # key, guid, title, url, section, published_at
    lists: Mapping[str, list[str]] = field(default_factory=dict)  # authors, tags


@dataclass(frozen=True, slots=True)
class Fault:
    """Why what stands at `line` cannot be imported."""

    line: int
    detail: str

    def __str__(self) -> str:
        return f"Line {self.line}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Choices:
    """How entries are understood.

    `key` is "column", "path", "url" or "guid", or None for the file's own or else the path; `section` is that of entries without
    one; `time_zone` that of times without an offset.
    """

    key: str | None = None
    section: str | None = None
    time_zone: ZoneInfo = ZoneInfo("UTC")  # noqa: RUF009
