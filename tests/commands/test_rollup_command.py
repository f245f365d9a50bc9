"""`reactions db rollup`, and what `reactions verify` says of the sums that reports read."""

from __future__ import annotations

import zlib

from sqlalchemy import Engine, update

from reactions.storage import tables
from reactions.storage.engines import writing
from tests.make import ADA
from tests.web.asking import vote
from tests.web.conftest import MakeApp
from tests.web.terminal import Terminal


def test_closed_hours_are_rolled_up_compared_and_made_anew(terminal: Terminal, make_app: MakeApp, engine: Engine) -> None:
    vote(make_app().test_client(), reaction="like", reader=ADA)
    with writing(engine) as connection:
        connection.execute(update(tables.hourly).values(hour_utc=tables.hourly.c.hour_utc - 100))

    assert terminal.do("db", "rollup") == "The closed hours are rolled up.\n"
    assert terminal.do("verify").endswith("0 numbers differ.\n")

    with writing(engine) as connection:
        connection.execute(update(tables.rolled_hour).values(readers=5))
    assert "RollupDifference" in terminal.type("verify").out
    terminal.do("db", "rollup", "--anew")
    assert terminal.type("verify").code == 0

    with writing(engine) as connection:
        connection.execute(
            update(tables.kept_sums).values(sums=zlib.compress(bytes(8) * 7)).where(tables.kept_sums.c.what.startswith("by_"))
        )
    assert "KeptDifference" in terminal.type("verify").out
    terminal.do("db", "rollup", "--anew")
    assert terminal.type("verify").code == 0
