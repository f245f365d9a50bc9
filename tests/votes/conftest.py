"""The tests of votes are played without the pauses that leave room for the votes of others."""

from __future__ import annotations

import pytest

from reactions.votes import rollups


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """No votes wait here for whoever rolls up."""
    monkeypatch.setattr(rollups, "_PAUSE_S", 0)
