"""Holds as they are written: what a verdict says of a vote that is held, suspect or decided already. On both engines."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select, update

from reactions.storage import tables
from reactions.storage.engines import writing
from reactions.votes import holds
from reactions.votes.holds import HELD, REJECTED, RELEASED, SOFT_CAP, SUSPECT, VERDICT, Held, Hold

_h = tables.hold.c
VOTER = bytes(16)
NAMED = Held(1, VOTER, 1, 5, Hold(VERDICT, 900, "a network", "a later one"))


def written(engine: Engine, state: str, verdict: str | None) -> tuple[str, str | None, int]:
    """State, verdict and due time of a hold, after a verdict has named its vote."""
    first = Held(1, VOTER, 1, 5, Hold(SOFT_CAP if verdict is None else VERDICT, 100, "a network", verdict))
    with writing(engine) as connection:
        holds.record(connection, [first])
        connection.execute(update(tables.hold).values(state=state))
        holds.record(connection, [NAMED], state=SUSPECT)
        found = connection.execute(select(_h.state, _h.verdict, _h.due_at)).one()
    return found.state, found.verdict, found.due_at


def test_a_vote_that_is_not_held_becomes_suspect(engine: Engine) -> None:
    with writing(engine) as connection:
        holds.record(connection, [NAMED], state=SUSPECT)
        found = connection.execute(select(_h.state, _h.verdict, _h.due_at)).one()

    assert tuple(found) == (SUSPECT, "a later one", 900)


def test_a_held_vote_that_no_verdict_names_is_held_by_this_one_for_longer(engine: Engine) -> None:
    assert written(engine, HELD, None) == (HELD, "a later one", 900)


@pytest.mark.parametrize(
    ("state", "verdict"),
    [(HELD, "the first"), (SUSPECT, "the first"), (RELEASED, None), (RELEASED, "the first"), (REJECTED, None)],
)
def test_what_another_verdict_or_an_editor_has_decided_stays(engine: Engine, state: str, verdict: str | None) -> None:
    assert written(engine, state, verdict) == (state, verdict, 100)
