"""A terminal on a site, and what tests look at there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from reactions.storage import tables
from reactions.storage.engines import snapshot
from reactions.votes import integrity
from tests.boxes import Booth
from tests.web.terminal import Said, Terminal


@pytest.fixture
def terminal(tmp_path: Path, database_url: str, daily: Booth) -> Iterator[Terminal]:
    """A terminal at a database with the site "daily"."""
    with Terminal(tmp_path, database_url) as opened:
        yield opened


@pytest.fixture
def import_file(terminal: Terminal) -> Callable[..., Said]:
    """Type `reactions import TOOL daily FILE`, with a file of this content."""

    def type_(tool: str, content: str | bytes, *options: str, name: str = "their.file") -> Said:
        file = terminal.folder / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return terminal.type("import", tool, "daily", str(file), *options)

    return type_


ImportFile = Callable[..., Said]


def imported(engine: Engine) -> dict[str, dict[str, int]]:
    """The imported part of all tallies, by article key and reaction."""
    t, a = tables.tally.c, tables.article.c
    asked = select(a.key, t.reaction, t.imported).join(tables.article, a.article_id == t.article_id).where(t.imported != 0)
    found: dict[str, dict[str, int]] = {}
    with engine.connect() as connection:
        for key, reaction, n in connection.execute(asked):
            found.setdefault(key, {})[reaction] = n
    return found


def faults(engine: Engine) -> list[object]:
    """What `reactions verify` would find."""
    with snapshot(engine) as connection:
        return [
            *integrity.differences(connection),
            *integrity.imported_differences(connection),
            *integrity.readers_differences(connection),
        ]


def everything(engine: Engine) -> dict[str, list[object]]:
    """Every row of every table, to see that nothing changed."""
    with engine.connect() as connection:
        return {table.name: sorted(map(repr, connection.execute(select(table)).all())) for table in tables.metadata.sorted_tables}
