"""Exports that follow one another: every change of a vote once, none lost, and a snapshot that later votes do not reach."""

from __future__ import annotations

from random import Random

import pytest
from sqlalchemy import Engine

from reactions.exports import scope
from reactions.exports.columns import TABLES
from reactions.exports.files import File, Form
from reactions.exports.scope import Choice
from reactions.refusals import MalformedCursor
from tests import make
from tests.exports.asking import Row, content, exported, rows_of
from tests.reports.stage import HOUR_MS, NOON, Stage, stage

MINUTE_MS = 60_000


def following(here: Stage, table: str, since: str, *, now_ms: int) -> tuple[list[Row], str]:
    """The rows of an export of a chain, and where the next one begins."""
    with scope.opened(here.engine, here.site, Choice(since=since), now_ms=now_ms) as found:
        written = b"".join(File(found, TABLES[table], Form()).pieces())
        assert found.next is not None
        return rows_of(written, table, here.site), found.next.text(here.site)


def test_a_chain_has_every_change_once_however_it_is_cut(engine: Engine) -> None:
    rnd = Random(5)
    here, now_ms, since = stage(engine), NOON, {"votes": "beginning", "series": "beginning"}
    chained: dict[str, list[Row]] = {"votes": [], "series": []}
    for _ in range(12):
        here.vote(*(
            (rnd.randrange(30), f"story-{rnd.randrange(3)}", rnd.choice(make.SEVEN), now_ms - rnd.randrange(2 * MINUTE_MS))
            for _ in range(rnd.randrange(12))
        ))  # fmt: skip
        for table in since:
            rows, since[table] = following(here, table, since[table], now_ms=now_ms)
            chained[table] += rows
        now_ms += rnd.choice([1, 7, 59, 61, 180]) * MINUTE_MS
    for table in since:
        rows, _ = following(here, table, since[table], now_ms=now_ms + 3 * HOUR_MS)
        chained[table] += rows

        whole = exported(here.engine, here.site, table, now_ms=now_ms + 3 * HOUR_MS)
        assert sorted(map(str, chained[table])) == sorted(map(str, whole))
        assert whole != []


def test_the_hour_that_has_just_ended_waits_until_no_vote_can_be_on_its_way_into_it(engine: Engine) -> None:
    here = stage(engine)
    here.vote((1, "a", "like", NOON - 1))

    early, since = following(here, "votes", "beginning", now_ms=NOON + MINUTE_MS)
    late, _ = following(here, "votes", since, now_ms=NOON + 2 * MINUTE_MS)

    assert (len(early), len(late)) == (0, 1)


def test_a_change_in_hours_that_were_exported_is_not_lost_silently(engine: Engine) -> None:
    here = stage(engine)
    here.vote((1, "a", "like", NOON - 5 * HOUR_MS))
    _, since = following(here, "votes", "beginning", now_ms=NOON)
    here.vote((2, "a", "like", NOON - 4 * HOUR_MS))

    with pytest.raises(MalformedCursor, match=r"changed since: \+1 reaction added"):
        following(here, "votes", since, now_ms=NOON + HOUR_MS)


@pytest.mark.parametrize("cursor", ["", "0", "490-1-00000000", "beginning ", "490020-1-abcdefgh"])
def test_a_cursor_of_no_export_is_refused(engine: Engine, cursor: str) -> None:
    here, other = stage(engine), stage(engine, "weekly")
    _, foreign = following(other, "votes", "beginning", now_ms=NOON)

    for text in (cursor or foreign, foreign):
        with pytest.raises(MalformedCursor), scope.opened(here.engine, here.site, Choice(since=text), now_ms=NOON):
            pass


def test_votes_that_arrive_meanwhile_are_in_none_of_the_files(engine: Engine) -> None:
    here = stage(engine)
    here.vote(*((reader, f"story-{reader % 300}", "like", NOON - 900 + reader) for reader in range(900)))
    before = {table: content(here.engine, here.site, table, now_ms=NOON) for table in TABLES}

    during = {}
    with scope.opened(here.engine, here.site, Choice(), now_ms=NOON) as found:
        for table in TABLES:
            pieces = File(found, TABLES[table], Form()).pieces()
            during[table] = next(pieces) + next(pieces)
            here.vote((5000, "story-1", "wow", NOON), (5001, f"new-{table}", "sad", NOON), (3, "story-3", "sad", NOON))
            during[table] += b"".join(pieces)

    assert during == before
    assert content(here.engine, here.site, "votes", now_ms=NOON) != before["votes"]
