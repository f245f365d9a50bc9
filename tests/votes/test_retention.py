"""Retention: the votes of old articles go, and every count stays. On both engines.

The file is longer than 300 lines because all stories of a vote, and all ways to cut a run short, are told of one site.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, func, select, update

from reactions.newsroom import articles, interventions, sites
from reactions.newsroom.articles import Description
from reactions.refusals import ArticleClosed, VotesDropped
from reactions.storage import tables
from reactions.storage.engines import snapshot, writing
from reactions.times import DAY_MS, HOUR_MS
from reactions.votes import integrity, removing, retention, review, revising, sealing
from reactions.votes.holds import HELD, SOFT_CAP, Hold
from reactions.votes.review import Choice
from reactions.votes.revising import Editor
from tests import make
from tests.boxes import NOON_MS, Booth, booth
from tests.make import ADA, BEN, CIA

LATER_MS = NOON_MS + 40 * DAY_MS


@pytest.fixture
def daily(engine: Engine, database_url: str) -> Booth:
    make.site(database_url, keep_votes_days=30)
    return booth(engine)


def drop(daily: Booth, *, now_ms: int = LATER_MS) -> int:
    with daily.engine.connect() as connection:
        site = sites.get(connection, "daily")
    return retention.drop_old_votes(daily.engine, daily.box, site, now_ms=now_ms)


def editor(daily: Booth, *, now_ms: int = NOON_MS) -> Editor:
    return Editor(daily.engine, daily.box, daily.site, by="a test", now_ms=now_ms)


def faults(daily: Booth) -> list[Any]:
    with snapshot(daily.engine) as connection:
        checks = (
            integrity.differences, integrity.readers_differences, integrity.left_behind, integrity.hold_differences,
            integrity.imported_differences, sealing.differences,
        )  # fmt: skip
        return [fault for check in checks for fault in check(connection)]  # type: ignore[operator]


def rows(daily: Booth, *named: Any) -> int:
    with daily.engine.connect() as connection:
        return sum(connection.execute(select(func.count()).select_from(table)).scalar_one() for table in named)


def series(daily: Booth) -> list[Any]:
    with daily.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(tables.hourly).order_by(*tables.hourly.primary_key))]


def close(daily: Booth, at_ms: int) -> None:
    with writing(daily.engine) as connection:
        interventions.close(connection, daily.site, "hello", at_ms=at_ms, by="a test")


def closed_at(daily: Booth) -> int | None:
    with daily.engine.connect() as connection:
        return connection.execute(select(tables.article.c.closed_at)).scalar_one()


def publish(daily: Booth, at_ms: int) -> None:
    with writing(daily.engine) as connection:
        articles.describe(connection, daily.site, [Description("hello", "Hello", published_at=at_ms)], at_ms=NOON_MS)


def restless(daily: Booth, article: str, *, readers: int, seed: int = 7) -> None:
    """Votes that are cast, changed, withdrawn and cast again."""
    chance = random.Random(seed)
    ballots = [
        daily.ballot(make.reader(reader), chance.choice(["like", "sad", "wow", None]), seq=seq, article=article)
        for seq in range(1, 5)
        for reader in range(readers)
    ]
    daily.box.count(ballots)


def test_the_votes_of_an_old_article_go_and_everything_that_counts_stays(daily: Booth) -> None:
    restless(daily, "a", readers=150)
    sealing.seal(daily.engine, now_ms=NOON_MS + 2 * DAY_MS)
    before = daily.shown("a"), series(daily)

    assert (drop(daily), drop(daily)) == (1, 0)

    assert (daily.shown("a"), series(daily)) == before
    assert (rows(daily, tables.vote, tables.event), faults(daily)) == (0, [])
    sealing.seal(daily.engine, now_ms=LATER_MS + 2 * DAY_MS)
    assert faults(daily) == []
    with daily.engine.connect() as connection:
        p = tables.ledger_procedure.c
        assert {tuple(row) for row in connection.execute(select(p.what, p.open))} == {("retention", False)}
        i = tables.intervention.c
        assert connection.execute(select(i.what, i.by)).all() == [("votes dropped", "retention")]


def test_a_late_vote_is_refused_as_on_a_closed_article(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1)
    drop(daily)

    with pytest.raises(ArticleClosed):
        daily.cast(ADA, "like", seq=2, now_ms=LATER_MS)
    with writing(daily.engine) as connection, pytest.raises(VotesDropped):
        interventions.reopen(connection, daily.site, "hello", at_ms=LATER_MS, by="a test")
    assert daily.shown() == {"like": 1}


@pytest.mark.parametrize(
    "kept",
    [
        lambda daily: daily.cast(ADA, "like", seq=1, now_ms=LATER_MS - 30 * DAY_MS),  # not old enough
        lambda daily: [daily.cast(ADA, "like", seq=1), daily.cast(ADA, "sad", seq=2, now_ms=LATER_MS - DAY_MS)],  # voted on since
        lambda daily: [daily.cast(ADA, "like", seq=1), revising.reset(editor(daily, now_ms=LATER_MS - HOUR_MS), "hello")],
        lambda daily: [daily.cast(ADA, "like", seq=1), daily.cast(ADA, "sad", seq=2, now_ms=LATER_MS - 30 * DAY_MS)],
        lambda daily: [daily.cast(ADA, "like", seq=1), close(daily, LATER_MS - DAY_MS)],
        lambda daily: [daily.cast(ADA, "like", seq=1), publish(daily, LATER_MS - 30 * DAY_MS)],
        lambda daily: daily.box.cast(replace(daily.ballot(ADA, "like", seq=1), held=Hold(SOFT_CAP, LATER_MS + 1))),
    ],
    ids=[
        "young",
        "voted on since",
        "editors are at work",
        "voted on then",
        "closed a day ago",
        "published then",
        "to be reviewed",
    ],
)
def test_what_is_young_or_in_use_is_kept(daily: Booth, kept: Callable[[Booth], object]) -> None:
    kept(daily)

    assert drop(daily) == 0
    assert rows(daily, tables.vote) == 1


@pytest.mark.parametrize(
    "older",
    [
        lambda daily: daily.cast(ADA, "sad", seq=2, now_ms=LATER_MS - 30 * DAY_MS - 1),
        lambda daily: close(daily, LATER_MS - DAY_MS - 1),
        lambda daily: publish(daily, LATER_MS - 30 * DAY_MS - 1),
    ],
    ids=["voted on before", "closed earlier", "published before"],
)
def test_what_is_older_by_a_millisecond_is_dropped(daily: Booth, older: Callable[[Booth], object]) -> None:
    daily.cast(ADA, "like", seq=1)
    older(daily)

    assert drop(daily) == 1
    assert rows(daily, tables.vote) == 0


def test_another_site_keeps_its_votes(daily: Booth, database_url: str) -> None:
    make.site(database_url, "weekly")
    weekly = booth(daily.engine, "weekly")
    for each in (daily, weekly):
        each.cast(ADA, "like", seq=1)

    assert drop(daily) == 1
    assert rows(daily, tables.vote) == 1
    weekly.cast(ADA, "sad", seq=2, now_ms=LATER_MS)
    assert (weekly.shown(), faults(daily)) == ({"sad": 1}, [])


def test_what_was_closed_before_its_votes_went_was_closed_then(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1)
    close(daily, NOON_MS + HOUR_MS)

    assert drop(daily) == 1
    assert closed_at(daily) == NOON_MS + HOUR_MS


def test_a_site_keeps_votes_for_ever_unless_it_says_so(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1)
    with writing(daily.engine) as connection:
        sites.change(connection, "daily", keep_votes_days=None)

    assert (drop(daily, now_ms=NOON_MS + 9999 * DAY_MS), rows(daily, tables.vote)) == (0, 1)


def cut_short(daily: Booth, monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
    """Let a run die after so many of its transactions."""
    whole, done = daily.box.transact, 0

    def transact(work: Callable[[Connection], Any]) -> Any:
        nonlocal done
        done += 1
        if done > after:
            raise KeyboardInterrupt
        return whole(work)

    with monkeypatch.context() as patched:
        patched.setattr(daily.box, "transact", transact)
        patched.setattr(retention, "AT_ONCE_BESIDE", retention.AT_ONCE)  # as small steps as on SQLite
        with pytest.raises(KeyboardInterrupt):
            drop(daily)


@pytest.mark.parametrize("after", [0, 1, 2, 3, 4, 15])  # with the last, all events are gone, and some votes
def test_a_run_that_was_killed_leaves_every_number_right_and_is_finished_by_the_next(
    daily: Booth, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    restless(daily, "a", readers=210)
    sealing.seal(daily.engine, now_ms=NOON_MS + 2 * DAY_MS)
    before = daily.shown("a")

    cut_short(daily, monkeypatch, after=after)

    assert (faults(daily), daily.shown("a")) == ([], before)
    with writing(daily.engine) as connection:
        sites.change(connection, "daily", keep_votes_days=None)
    assert (rows(daily, tables.event) == 0, 0 < rows(daily, tables.vote) < 200) == ((after == 15,) * 2)
    make.site(str(daily.engine.url.render_as_string(hide_password=False)), "weekly")
    with writing(daily.engine) as connection:
        assert retention.drop_old_votes(daily.engine, daily.box, sites.get(connection, "weekly"), now_ms=LATER_MS) == 0
    assert drop(daily) == 1
    assert (faults(daily), daily.shown("a"), rows(daily, tables.vote, tables.event)) == ([], before, 0)


@pytest.mark.parametrize("after", [1, 3])
def test_an_article_can_be_deleted_whose_votes_are_half_gone(daily: Booth, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    restless(daily, "a", readers=210)
    sealing.seal(daily.engine, now_ms=NOON_MS + 2 * DAY_MS)
    cut_short(daily, monkeypatch, after=after)

    removing.delete_article(editor(daily, now_ms=LATER_MS), "a")

    of_it = (tables.vote, tables.event, tables.tally, tables.hourly, tables.dropped, tables.article, tables.intervention)
    assert (faults(daily), rows(daily, *of_it)) == ([], 0)


def test_readers_whose_votes_were_held_and_released_stay_counted(daily: Booth) -> None:
    held = Hold(SOFT_CAP, NOON_MS + HOUR_MS, "a")
    for number, seq in enumerate([3, 4, 5]):
        ballot = daily.ballot(make.reader(number), "like", seq=seq, article="a")
        daily.box.cast(replace(ballot, held=held))
    review.release(daily.box, Choice(daily.site.id), by="a test", now_ms=NOON_MS + 5)
    daily.cast(make.reader(0), "wow", seq=NOON_MS + 9, article="a")
    before = daily.shown("a")
    assert faults(daily) == []

    assert drop(daily) == 1

    assert (faults(daily), daily.shown("a"), rows(daily, tables.vote, tables.event)) == ([], before, 0)


@pytest.mark.parametrize("at_once", [1, 2, 50])
def test_every_number_stays_whatever_the_story_of_a_vote_and_wherever_a_step_ends(
    daily: Booth, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """Withdrawn and given anew; held and changed, withdrawn, released or rejected; brought by a merge and changed."""
    daily.cast(ADA, "like", seq=1)
    daily.cast(ADA, None, seq=2, now_ms=NOON_MS + HOUR_MS)
    daily.cast(ADA, "sad", seq=3, now_ms=NOON_MS + 2 * HOUR_MS)
    daily.cast(CIA, "love", seq=1)
    daily.cast(CIA, None, seq=2)
    released, rejected, withdrawn = (make.reader(n) for n in range(3))
    for seq, (reader, reaction) in enumerate(
        [(released, "like"), (released, "wow"), (rejected, "love"), (rejected, "sad"), (withdrawn, "love"), (withdrawn, None)], 1
    ):
        daily.box.cast(replace(daily.ballot(reader, reaction, seq=seq), held=Hold(SOFT_CAP, NOON_MS + HOUR_MS, reader[-2:])))
    review.release(daily.box, Choice(daily.site.id, network=released[-2:]), by="a test", now_ms=NOON_MS + HOUR_MS)
    review.reject(daily.box, Choice(daily.site.id, states=(HELD,)), by="a test", now_ms=NOON_MS + HOUR_MS)
    daily.cast(BEN, "like", seq=1, article="before")
    revising.merge(editor(daily), "before", into="hello")
    daily.cast(BEN, "sad", seq=NOON_MS + 9, now_ms=NOON_MS + 9)
    before = daily.shown(), series(daily)
    assert (before[0], faults(daily)) == ({"sad": 2, "wow": 1}, [])
    for name in ("AT_ONCE", "AT_ONCE_BESIDE"):
        monkeypatch.setattr(retention, name, at_once)
    transact = daily.box.transact

    def checked(work: Callable[[Connection], Any]) -> Any:
        done = transact(work)
        assert faults(daily) == []
        return done

    monkeypatch.setattr(daily.box, "transact", checked)

    assert drop(daily) >= 1

    assert ((daily.shown(), series(daily)), rows(daily, tables.vote, tables.event)) == (before, 0)


def test_votes_elsewhere_go_on_meanwhile(daily: Booth) -> None:
    restless(daily, "old", readers=400)
    stop, cast = threading.Event(), []

    def vote() -> None:
        while not stop.is_set():
            seq = len(cast) + 1
            daily.cast(make.reader(seq % 50), ("like", "sad")[seq % 2], seq=seq, article="new", now_ms=LATER_MS)
            cast.append(seq)

    voting = threading.Thread(target=vote)
    voting.start()
    try:
        assert drop(daily) == 1
    finally:
        stop.set()
        voting.join()

    assert cast
    assert sum(daily.shown("new").values()) == min(len(cast), 50)
    assert faults(daily) == []


@pytest.mark.parametrize("was_closed", [False, True])
def test_a_vote_that_arrives_while_voting_ends_keeps_the_article_as_it_was(
    daily: Booth, monkeypatch: pytest.MonkeyPatch, was_closed: bool
) -> None:
    """The vote is in a batch that read the article as open: retention waits for it, and sees it."""
    daily.cast(ADA, "like", seq=1)
    before = NOON_MS + HOUR_MS if was_closed else None
    with writing(daily.engine) as connection:
        connection.execute(update(tables.article).values(closed_at=before))

    def arrives(_engine: Engine) -> None:
        with writing(daily.engine) as connection:
            connection.execute(update(tables.article).values(closed_at=None))
        daily.cast(BEN, "like", seq=1, now_ms=LATER_MS)
        with writing(daily.engine) as connection:
            connection.execute(update(tables.article).values(closed_at=before or LATER_MS))

    monkeypatch.setattr(retention.locks, "wait_for_counting", arrives)

    assert drop(daily) == 0
    assert (rows(daily, tables.vote), rows(daily, tables.intervention), closed_at(daily)) == (2, 0, before)
    if not was_closed:
        daily.cast(CIA, "like", seq=1, now_ms=LATER_MS)
