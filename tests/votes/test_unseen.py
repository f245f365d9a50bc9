"""Votes beside views: what the watch makes of votes that come without anybody seeing the row. On both engines."""

from __future__ import annotations

import queue
import random
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from reactions.newsroom import article_keys, sites
from reactions.storage.engines import writing
from reactions.times import HOUR_MS, MINUTE_MS
from reactions.votes import ballot_box, views
from reactions.votes.ballot_box import Answer
from reactions.votes.detector import NETWORKS, UNSEEN
from reactions.votes.holds import Sender
from reactions.votes.rules import Receipt
from tests import make
from tests.boxes import NOON_MS
from tests.lengths import amount, each_on_one_engine, played_at_length
from tests.votes.test_watching import Process, right

HOUR = NOON_MS // HOUR_MS
MIXED = {"like": 50, "love": 20, "funny": 10, "angry": 10, "sad": 5, "wow": 3, "dislike": 2}


class Paper(Process):
    """A site that counts views, with a day on which its articles got a certain number of votes for 1,000 views."""

    per_1000 = 20
    sampling = 1

    def open(self, *, per_1000: int = 20, sampling: int = 1, articles: int = 8) -> None:
        self.per_1000, self.sampling, self.readers, self.chance = per_1000, sampling, 10_000, random.Random(7)
        self.count_views(sampling)
        for number in range(articles):
            for hours_ago in (20, 10, 5):
                self.now_ms = NOON_MS - hours_ago * HOUR_MS
                self.read(f"article-{number}", 400)
        self.now_ms = NOON_MS + 30 * MINUTE_MS

    def count_views(self, sampling: int) -> None:
        with writing(self.engine) as connection:
            sites.change(connection, "daily", count_views=sampling)
        with self.engine.connect() as connection:
            self.booth.site = sites.get(connection, "daily")

    def read(self, article: str, seen: int) -> None:
        """Readers see the row, and react as often as readers of this paper do."""
        self.see(article, seen)
        self.react(article, round(seen * self.per_1000 / 1000))

    def react(self, article: str, count: int, *, fresh: float = 0.7) -> None:
        """Votes as the audience casts them, each from a network of its own."""
        answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        for reaction in self.chance.choices(list(MIXED), list(MIXED.values()), k=count):
            self.readers += 1
            sender = Sender((f"n{self.readers}", f"w{self.readers}"), self.chance.random() >= fresh)
            ballot = self.booth.ballot(make.reader(self.readers), reaction, seq=1, now_ms=self.now_ms, article=article)
            self.booth.box.submit(replace(ballot, sender=sender), None, door=ballot_box._THREADS, token=answers)
        assert all(isinstance(answers.get(timeout=10), Receipt) for _ in range(count))

    def see(self, article: str, count: int) -> None:
        told = round(count / self.sampling) * self.sampling
        row = {"article_id": article_keys.id_of("daily", article), "hour_utc": self.now_ms // HOUR_MS, "n": told}
        with writing(self.engine) as connection:
            views.add_sums(connection, [row] if told else [])


@pytest.fixture
def paper(engine: Engine, database_url: str) -> Paper:
    make.site(database_url)
    return Paper(engine)


@pytest.mark.parametrize("sampling", [1, 10])
def test_votes_that_copy_the_audience_but_see_nothing_are_held(paper: Paper, sampling: int) -> None:
    paper.open(sampling=sampling)
    for number in range(2, 8):
        paper.read(f"article-{number}", 50)
    paper.see("article-1", 100)
    before = paper.booth.shown("article-1")

    paper.react("article-1", 160, fresh=1)
    (verdict,) = paper.watch.look()

    assert verdict.cause == UNSEEN
    assert verdict.text == (
        "160 of 160 votes between 12:30 and 12:30 are fresh readers’ from 160 networks; "
        "more often than the row was seen: 100 views, for which at most 2 votes would be usual"
    )
    assert paper.booth.shown("article-1") == before
    assert right(paper.booth)


def test_votes_far_above_the_usual_rate_are_held_although_the_row_was_seen_more_often(paper: Paper) -> None:
    paper.open()
    paper.see("article-1", 400)

    paper.react("article-1", 300, fresh=1)
    (verdict,) = paper.watch.look()

    assert verdict.cause == UNSEEN
    assert "far more often than those who see the row do: 400 views, for which at most 8 votes would be usual" in verdict.text


def test_proven_readers_votes_are_left_alone(paper: Paper) -> None:
    paper.open()
    paper.react("article-1", 10, fresh=0)
    paper.see("article-1", 60)
    before = sum(paper.booth.shown("article-1").values())

    paper.react("article-1", 120, fresh=1)
    paper.watch.look()

    assert sum(paper.booth.shown("article-1").values()) == before


def test_views_sent_along_excuse_no_attack(paper: Paper) -> None:
    paper.open()
    paper.see("article-1", 1_000_000)

    paper.vote(0, 60, "angry", network="one", article="article-1")

    assert [verdict.cause for verdict in paper.watch.look()] == [NETWORKS]


def test_forged_views_beforehand_make_no_honest_vote_suspect(paper: Paper) -> None:
    """Whoever sends views for days makes the usual rate as low as they like."""
    paper.open(per_1000=30)
    for number in range(8):
        paper.now_ms = NOON_MS - 3 * HOUR_MS
        paper.see(f"article-{number}", 500_000)
    paper.now_ms = NOON_MS

    paper.see("article-1", 3000)
    paper.react("article-1", 90)

    assert paper.watch.look() == []


HONEST = [
    # Twice and four times the usual. Blockers stop most beacons: more votes than views are usual here.
    (20, 4000, 160, 10), (20, 1000, 80, 1), (1500, 100, 250, 1), (1500, 80, 120, 10),
]  # fmt: skip
MORE_OF_THEM = [
    (20, 4000, 80, 1), (20, 4000, 80, 10), (20, 4000, 160, 1), (20, 1000, 80, 10), (1500, 80, 120, 1), (1500, 100, 250, 10),
]  # fmt: skip


@each_on_one_engine("per_1000,seen,reacted,sampling", amount(HONEST, [*HONEST, *MORE_OF_THEM]))
def test_an_honest_rush_is_left_alone(paper: Paper, per_1000: int, seen: int, reacted: int, sampling: int) -> None:
    paper.open(per_1000=per_1000, sampling=sampling)
    for number in range(2, 8):
        paper.read(f"article-{number}", 50)
    paper.see("article-1", seen)

    paper.react("article-1", reacted)

    assert paper.watch.look() == []


@played_at_length
def test_a_day_of_a_site_whose_rates_vary_brings_no_verdict(paper: Paper) -> None:
    """Every article has its own rate, blockers stop half of the beacons, and one page view in ten is told."""
    paper.open(sampling=10, per_1000=40)
    for minute in range(0, amount(120, 300), 10):
        paper.now_ms = NOON_MS + minute * MINUTE_MS
        for number in range(8):
            seen = paper.chance.randrange(100, 600)
            paper.see(f"article-{number}", seen // 2)
            paper.react(f"article-{number}", round(seen * paper.chance.uniform(0.01, 0.12)))
        assert paper.watch.look() == []


def test_a_site_whose_beacons_stopped_says_nothing(paper: Paper) -> None:
    """A blocker's new list, or a proxy that lost the route: nobody is seen, and everybody goes on voting."""
    paper.open()
    for number in range(8):
        paper.react(f"article-{number}", 60)

    assert paper.watch.look() == []


def test_beacons_that_reach_few_say_as_little_of_one_article_as_of_the_others(paper: Paper) -> None:
    paper.open()
    for number in range(8):
        paper.see(f"article-{number}", 10)
        paper.react(f"article-{number}", 60)

    assert paper.watch.look() == []


def test_one_school_behind_one_address_is_one_network(paper: Paper) -> None:
    """A network adds only so many views, so its readers must not count as many."""
    paper.open()
    paper.see("article-1", 60)
    paper.vote(1, 25, "like", article="article-1")
    for first, reaction in enumerate(MIXED):
        paper.vote(5000 + 100 * first, 3, reaction, network="school", article="article-1")

    assert paper.watch.look() == []


def test_a_site_that_counts_no_views_or_has_just_begun_is_judged_as_before(paper: Paper) -> None:
    paper.open(articles=0)
    paper.react("article-1", 120, fresh=1)
    assert paper.watch.look() == []

    paper.open(articles=8)
    paper.count_views(0)
    paper.react("article-2", 120, fresh=1)
    assert paper.watch.look() == []


def test_a_whole_audience_choosing_alike_keeps_its_own_cause(paper: Paper) -> None:
    paper.open()
    paper.see("article-1", 50)
    paper.vote(1, 200, "angry", article="article-1")

    (verdict,) = paper.watch.look()

    assert verdict.pattern.reaction == "angry"
