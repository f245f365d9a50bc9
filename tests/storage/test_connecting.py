"""A new connection that fails while it is prepared is an outage like any other, not a bug."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from reactions.refusals import Unavailable
from reactions.storage import engines, outages


def test_a_connection_that_cannot_be_prepared_is_an_outage(tmp_path: Path) -> None:
    (tmp_path / "not-a.db").write_bytes(b"this is no database, but long enough to be taken for one" * 100)
    engine = create_engine(f"sqlite:///{tmp_path / 'not-a.db'}")
    engines.prepare(engine)

    with pytest.raises(OperationalError) as caught, engine.connect():
        pass

    assert outages.refusal_for(OperationalError("x", {}, FakeFull())) is not None
    assert getattr(caught.value.orig, "sqlite_errorname", "") == "SQLITE_NOTADB"
    engine.dispose()


class FakeFull(Exception):
    """What the driver raises when the shared-memory file cannot grow."""

    sqlite_errorname = "SQLITE_IOERR_SHMSIZE"


def test_a_full_disk_met_while_connecting_is_told_to_come_again() -> None:
    assert isinstance(outages.refusal_for(OperationalError("x", {}, FakeFull())), Unavailable)
