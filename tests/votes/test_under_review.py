"""The votes under review as they are read: by article and hour, with who else began in that hour. On both engines."""

from __future__ import annotations

from dataclasses import replace

from reactions.times import HOUR_MS
from reactions.votes import review, under_review
from reactions.votes.holds import HELD, NOT_COUNTED, REJECTED, RELEASED, SOFT_CAP, STATES, Hold
from reactions.votes.review import Choice
from tests import make
from tests.boxes import NOON_MS, Booth, booth
from tests.make import ADA, BEN

EVERY = tuple(STATES)


def hold(daily: Booth, reader: str, *, at_ms: int = NOON_MS, network: str = "one", article: str = "hello") -> None:
    ballot = daily.ballot(reader, "like", seq=1, now_ms=at_ms, article=article)
    daily.box.cast(replace(ballot, held=Hold(SOFT_CAP, NOON_MS + 9 * HOUR_MS, network)))


def bursts(daily: Booth, *, before: tuple[int, int] | None = None, limit: int = 10) -> list[under_review.Burst]:
    with daily.engine.connect() as connection:
        return under_review.bursts(connection, Choice(daily.site.id, states=EVERY), before=before, limit=limit)


def test_a_burst_is_of_one_hour_and_of_all_its_votes(daily: Booth) -> None:
    last_ms = NOON_MS + HOUR_MS - 1
    hold(daily, ADA, at_ms=NOON_MS)
    hold(daily, BEN, at_ms=last_ms, network="two")
    hold(daily, make.CIA, at_ms=last_ms + 1)

    later, first = bursts(daily)

    assert (first.hour, first.votes, first.networks, first.from_ms, first.to_ms) == (NOON_MS // HOUR_MS, 2, 2, NOON_MS, last_ms)
    assert (first.states, first.reactions) == ({HELD: 2}, {"like": 2})
    assert (later.hour, later.votes, later.states) == (NOON_MS // HOUR_MS + 1, 1, {HELD: 1})
    assert bursts(daily, limit=1) == [later]
    assert bursts(daily, before=(later.hour, later.article_id)) == [first]


def test_readers_of_a_burst_are_those_who_count_and_those_who_do_not_each_once(daily: Booth) -> None:
    daily.cast(make.DEE, "like", seq=1)
    for reader, network in ((ADA, "released"), (BEN, "rejected"), (make.CIA, "held")):
        hold(daily, reader, network=network)
    for decide, network in ((review.release, "released"), (review.reject, "rejected")):
        decide(daily.box, Choice(daily.site.id, network=network), by="a test", now_ms=NOON_MS + 1)

    (burst,) = bursts(daily)

    assert burst.states == {HELD: 1, RELEASED: 1, REJECTED: 1}
    assert burst.readers == 4
    assert sum(burst.states[state] for state in NOT_COUNTED) == 2


def test_what_waits_is_of_one_site_and_not_decided(daily: Booth, database_url: str) -> None:
    make.site(database_url, "weekly")
    hold(booth(daily.engine, "weekly"), ADA)
    hold(daily, ADA)
    hold(daily, BEN, network="rejected")
    hold(daily, BEN, article="elsewhere")
    review.reject(daily.box, Choice(daily.site.id, network="rejected"), by="a test", now_ms=NOON_MS + 1)

    with daily.engine.connect() as connection:
        assert under_review.waiting_by_key(connection, daily.site, {"hello", "other"}) == {"hello": 1}
