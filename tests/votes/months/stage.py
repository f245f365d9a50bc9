"""Months with votes, and what is asked of the ledger after some of them were dropped."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from sqlalchemy import func, select

from reactions.storage import partitions, tables
from reactions.storage.engines import snapshot
from reactions.times import DAY_MS, HOUR_MS
from reactions.votes import (
    integrity,
    months,
    review,
    sealing,
)
from reactions.votes.holds import SOFT_CAP, Hold
from reactions.votes.review import Choice
from reactions.votes.revising import Editor
from tests import make
from tests.boxes import NOON_MS, Booth

OCTOBER, NOVEMBER, DECEMBER, JANUARY, FEBRUARY, MARCH = (partitions.month_of(NOON_MS, later=n) for n in (-1, 0, 1, 2, 3, 4))
LATE_JANUARY = FEBRUARY - 2 * DAY_MS


def drop(daily: Booth, *, now_ms: int = LATE_JANUARY, keep: int = 0, check: bool = True) -> list[months.Dropped]:
    return list(months.drop(daily.engine, daily.box, keep_months=keep, now_ms=lambda: now_ms, check=check))


def faults(daily: Booth) -> list[Any]:
    with snapshot(daily.engine) as connection:
        return [*integrity.all_differences(connection), *sealing.differences(connection)]


def events(daily: Booth) -> int:
    with daily.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(tables.event)).scalar_one()


def series(daily: Booth) -> list[Any]:
    with daily.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(tables.hourly).order_by(*tables.hourly.primary_key))]


def editor(daily: Booth, *, now_ms: int = LATE_JANUARY) -> Editor:
    return Editor(daily.engine, daily.box, daily.site, by="a test", now_ms=now_ms)


def restless(daily: Booth, at_ms: int, *, seed: int = 7, votes: int = 300, articles: int = 3) -> None:
    """Votes in a month: cast, changed, withdrawn, withdrawn without a vote, and cast again; some held."""
    chance = random.Random(f"{seed} {at_ms}")
    ballots = []
    for number in range(votes):
        reaction = chance.choice(["like", "sad", "wow", None])
        moment = at_ms + number * HOUR_MS
        ballot = daily.ballot(
            make.reader(chance.randrange(60)), reaction, seq=moment, article=f"a{chance.randrange(articles)}", now_ms=moment
        )
        held = Hold(SOFT_CAP, moment + HOUR_MS, "a") if chance.random() < 0.1 else None
        ballots.append(replace(ballot, held=held))
    daily.box.count(ballots)


def release_some(daily: Booth, now_ms: int, *, states: tuple[str, ...] = ("held",)) -> None:
    review.release(daily.box, Choice(daily.site.id, states=states, until_ms=now_ms), by="a test", now_ms=now_ms)
