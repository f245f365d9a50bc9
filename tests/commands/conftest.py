"""The commands are tried on applications made as those of the web."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.conftest import app, client, make_app
from tests.web.terminal import Terminal

__all__ = ["app", "client", "make_app"]


@pytest.fixture
def terminal(tmp_path: Path, database_url: str) -> Iterator[Terminal]:
    """A terminal at a migrated database."""
    with Terminal(tmp_path, database_url) as opened:
        yield opened
