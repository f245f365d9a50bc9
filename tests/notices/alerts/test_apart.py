"""Alerts and digests stand in nobody's way: they never read votes, and write to no table that a vote needs. On both engines."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import Engine, event

from reactions.notices import digest, outbox, rules
from reactions.reports.memory import Memory
from reactions.reports.query import Reading
from reactions.storage.engines import snapshot
from tests.notices.alerts.conftest import Newsroom, finding
from tests.notices.alerts.crowds import Crowd
from tests.notices.alerts.receiver import receiving

OURS = {"alert", "cooling_off", "delivery"}
_TABLES = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE(?! SET))\s+\"?(\w+)")


class Watcher:
    """Which tables an engine's statements read, and which they write."""

    def __init__(self, engine: Engine) -> None:
        self.read: set[str] = set()
        self.written: set[str] = set()
        event.listen(engine, "before_cursor_execute", self._note)

    def _note(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        verb = statement.lstrip().split()[0].upper()
        tables = set(_TABLES.findall(statement))
        if verb in ("INSERT", "UPDATE", "DELETE"):
            self.written |= tables
        else:
            self.read |= tables


@pytest.fixture
def busy(newsroom: Newsroom) -> Crowd:
    crowd = Crowd(newsroom)
    crowd.usual_paper()
    crowd.publish("goat", hours_ago=2)
    crowd.vote("goat", hours_ago=1.5, like=150)
    return crowd


def test_examining_reads_no_vote_and_writes_nothing(newsroom: Newsroom, busy: Crowd) -> None:
    watcher = Watcher(newsroom.engine)

    with snapshot(newsroom.engine) as connection:
        assert rules.findings(connection, newsroom.site, now_ms=newsroom.now_ms)
        reading = Reading(connection, newsroom.site, newsroom.now_ms, Memory(keep_s=0, items=0))
        digest.read(reading, digest.yesterday(newsroom.site.time_zone, newsroom.now_ms))

    assert watcher.written == set()
    assert {"article", "hourly", "tally"} <= watcher.read
    assert watcher.read.isdisjoint({"vote", "event"})


def test_raising_and_sending_write_to_tables_of_their_own(newsroom: Newsroom) -> None:
    with receiving(500) as receiver:
        newsroom.webhook(receiver.url)
        watcher = Watcher(newsroom.engine)
        newsroom.raise_(finding())
        newsroom.deliver()
        newsroom.later(3600)
        newsroom.deliver()

    assert watcher.written == OURS
    assert watcher.read <= OURS | {"webhook"}


def test_while_a_receiver_keeps_us_waiting_votes_are_counted(newsroom: Newsroom, busy: Crowd) -> None:
    """A message is on its way outside of any transaction: on SQLite one would hold up every vote."""
    with receiving("silence") as receiver:
        newsroom.webhook(receiver.url)
        newsroom.raise_(finding())
        send = outbox.post

        def vote_meanwhile(*given: object, **named: object) -> None:
            busy.vote("goat", like=1)
            send(*given, **named)  # type: ignore[arg-type]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(outbox, "post", vote_meanwhile)
            (attempt,) = newsroom.deliver(timeout_s=0.2)

    assert attempt.state == "waiting"
