"""The watch: verdicts about the votes of a process, what they hold, and how editors end them. On both engines.

The file is longer than 300 lines because all of it is played on one process and its watch.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest
from sqlalchemy import Connection, Engine, select

from reactions.newsroom import article_keys
from reactions.newsroom.sites import Site
from reactions.storage import tables
from reactions.storage.engines import snapshot, writing
from reactions.times import HOUR_MS, MINUTE_MS
from reactions.votes import ballot_box, forgetting, integrity, review, verdicts, watching
from reactions.votes.ballot_box import Answer
from reactions.votes.detector import MIX, NETWORKS, Pattern, Seen
from reactions.votes.holds import HELD, SUSPECT, Held, Sender
from reactions.votes.review import Choice
from reactions.votes.rules import Ballot
from reactions.votes.verdicts import Verdict
from reactions.votes.watching import MOST_OF_CPU, Rules, Watch
from tests import make
from tests.boxes import NOON_MS, Booth, booth

KEY = b"k" * 32  # of tests/boxes.py
HELLO = article_keys.id_of("daily", "hello")


@dataclass
class Process:
    """A process with a watch of its own, on a clock that tests turn."""

    engine: Engine
    automatic: bool = True
    now_ms: int = NOON_MS
    told: list[Verdict] = field(default_factory=list)

    def __post_init__(self) -> None:
        rules = Rules(3600, hold_automatically=self.automatic, suspect_held_for_ms=23 * HOUR_MS)
        self.watch = Watch(self.engine, lambda: self.booth.box, rules, clock=lambda: self.now_ms, on_verdict=self._tell)
        self.booth = booth(self.engine, admit=self._admit, listener=self.watch.note)
        self.watch._start = lambda: None  # type: ignore[method-assign]  # the tests look themselves

    def _tell(self, _: Site, verdict: Verdict) -> None:
        self.told.append(verdict)

    def _admit(self, ballots: Sequence[Ballot], _: Sequence[object]) -> Sequence[Ballot]:
        return [replace(b, held=self.watch.hold_for(b)) for b in ballots]

    def vote(
        self, first: int, count: int, reaction: str, *, network: str = "", fresh: bool = True, article: str = "hello"
    ) -> list[Answer]:
        """Votes of readers, each from a network of its own unless one is named."""
        answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        for number in range(first, first + count):
            sender = Sender((network or f"n{number}", f"w{number}"), not fresh)
            ballot = self.booth.ballot(make.reader(number), reaction, seq=1, now_ms=self.now_ms, article=article)
            self.booth.box.submit(replace(ballot, sender=sender), None, door=ballot_box._THREADS, token=answers)
        return [answers.get(timeout=10) for _ in range(count)]

    def vote_again(self, number: int, reaction: str, *, network: str) -> None:
        """A later vote of a fresh reader who has voted."""
        ballot = self.booth.ballot(make.reader(number), reaction, seq=2, now_ms=self.now_ms)
        self.booth.box.cast(replace(ballot, sender=Sender((network, f"w{number}"), proven=False)))


@pytest.fixture
def process(engine: Engine, database_url: str) -> Process:
    make.site(database_url)
    return Process(engine)


def right(booth: Booth) -> bool:
    with snapshot(booth.engine) as connection:
        return not [*integrity.differences(connection), *integrity.hold_differences(connection)]


def test_votes_from_one_network_are_held_in_retrospect_and_from_then_on(process: Process) -> None:
    process.vote(0, 10, "like")
    process.vote(100, 60, "angry", network="one")

    (verdict,) = process.watch.look()
    process.vote(200, 5, "sad", network="one")
    process.vote(300, 5, "love")

    assert verdict.cause == NETWORKS
    assert verdict.text == "60 of 70 votes between 12:00 and 12:00 came from fresh readers in 1 network"
    assert process.told == [verdict]
    assert process.booth.shown() == {"like": 10, "love": 5}
    assert right(process.booth)


def test_a_script_on_many_articles_does_not_make_its_own_network_usual(process: Process) -> None:
    for number in range(5):
        process.vote(1_000 * number, 60, "angry", network="one", article=f"article-{number}")

    found = process.watch.look()

    assert {verdict.cause for verdict in found} == {NETWORKS}
    assert process.told == found
    with process.engine.connect() as connection:
        assert set(connection.scalars(select(tables.verdict.c.id))) == {verdict.id for verdict in found}
    assert [process.booth.shown(f"article-{number}") for number in range(5)] == [{}] * 5
    assert len(process.told) == 5


def test_a_flood_is_named_once_and_not_again_at_each_look(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """To name all of it each time would keep the service busy with its own detector."""
    asked: list[int] = []
    name_votes = verdicts.name_votes

    def counted(connection: Connection, votes: Sequence[Held]) -> None:
        asked.append(len(votes))
        name_votes(connection, votes)

    monkeypatch.setattr(verdicts, "name_votes", counted)
    for number in range(4):
        process.vote(1_000 * number, 50, "angry", network="one")
        process.watch.look()

    assert asked == [50, 50, 50, 50]
    assert process.booth.shown() == {}
    assert right(process.booth)


def test_a_look_at_many_articles_goes_through_each_vote_a_few_times(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each article is judged by all others: to go through their votes for each would take hours for a thousand."""
    looked_at = 0
    without_suspects = Watch._without_suspects

    def counted(self: Watch, article_id: int, votes: Sequence[Seen]) -> Sequence[Seen]:
        nonlocal looked_at
        looked_at += len(votes)
        return without_suspects(self, article_id, votes)

    monkeypatch.setattr(Watch, "_without_suspects", counted)
    for number in range(30):
        process.vote(1_000 * number, 20, "like", article=f"article-{number}")
    process.watch.look()

    assert 600 <= looked_at <= 1_200


def test_suspect_votes_are_no_measure_for_others(process: Process) -> None:
    """One script after another: the first ones' votes are all fresh and all angry, which makes neither usual."""
    for number in range(3):
        process.vote(1_000 * number, 200, "angry", network=f"script-{number}", article=f"article-{number}")
        process.watch.look()

    process.vote(5_000, 150, "angry")

    assert [verdict.cause for verdict in process.watch.look()] == [MIX]


@pytest.mark.parametrize("again", [False, True], ids=["first look", "later look"])
def test_a_verdict_names_no_reader_who_was_forgotten_meanwhile(process: Process, again: bool) -> None:
    """The watch remembers votes; what it writes down is about those that are there."""
    process.vote(0, 60, "angry", network="one")
    if again:
        process.watch.look()
        process.vote(100, 1, "angry", network="one")
    booth = process.booth
    gone = make.reader(100 if again else 7)

    assert forgetting.forget(booth.engine, booth.box, booth.site, reader=bytes.fromhex(gone), key=KEY, now_ms=NOON_MS) == 1
    process.watch.look()

    with booth.engine.connect() as connection:
        votes, named = (set(connection.execute(select(t.c.article_id, t.c.voter))) for t in (tables.vote, tables.hold))
    assert len(named) >= 59
    assert named <= votes


def test_a_network_of_proven_readers_is_usual(process: Process) -> None:
    process.vote(0, 60, "like", network="one", fresh=False, article="elsewhere")
    process.vote(100, 60, "like", fresh=False, article="elsewhere")

    process.vote(1_000, 30, "like", network="one")
    process.vote(2_000, 30, "love", network="one")

    assert process.watch.look() == []


def test_in_shadow_mode_the_verdict_is_told_and_everything_goes_on_counting(engine: Engine, database_url: str) -> None:
    make.site(database_url)
    process = Process(engine, automatic=False)
    process.vote(0, 60, "angry", network="one")

    (verdict,) = process.watch.look()

    assert (process.told, verdict.enforced) == ([verdict], False)
    assert process.booth.shown() == {"angry": 60}
    assert review.reject(process.booth.box, Choice(verdict=verdict.id, states=(SUSPECT, HELD)), by="a test", now_ms=NOON_MS) == 60
    assert process.booth.shown() == {}
    assert right(process.booth)


def test_a_burst_for_one_reaction_is_held_and_other_votes_are_left(process: Process) -> None:
    for first, reaction in ((1000, "like"), (2000, "love"), (3000, "sad")):
        process.vote(first, 20, reaction, fresh=False)
    process.now_ms += 2 * HOUR_MS
    process.vote(0, 300, "angry")
    process.vote(400, 10, "love")

    (verdict,) = process.watch.look()

    assert (verdict.cause, verdict.pattern.reaction) == (MIX, "angry")
    assert process.booth.shown() == {"like": 20, "love": 30, "sad": 20}
    assert right(process.booth)


def test_a_verdict_that_goes_on_is_one_verdict_and_told_once(process: Process) -> None:
    process.vote(0, 60, "angry", network="one")
    (first,) = process.watch.look()
    process.now_ms += MINUTE_MS
    process.vote(100, 60, "angry", network="two")

    assert process.watch.look() == []

    with process.engine.connect() as connection:
        (stored,) = verdicts.of_site(connection, process.booth.site, limit=10)
    assert (stored.id, stored.pattern.networks) == (first.id, frozenset({"one", "two"}))
    assert process.told == [first]
    assert process.booth.shown() == {}


def test_what_an_editor_released_stays_released_and_the_verdict_ends(process: Process) -> None:
    process.vote(0, 60, "angry", network="one")
    (verdict,) = process.watch.look()

    review.release(process.booth.box, Choice(verdict=verdict.id), by="a test", now_ms=process.now_ms)
    with writing(process.engine) as connection:
        verdicts.end(connection, verdict.id, now_ms=process.now_ms)
    process.now_ms += 1000
    process.vote(100, 5, "angry", network="one")
    assert process.watch.look() == []
    process.vote(200, 5, "angry", network="one")
    assert process.watch.look() == []

    assert process.booth.shown() == {"angry": 65}  # those on the way before the watch knew stay held
    assert right(process.booth)


def test_a_verdict_of_one_process_holds_the_votes_of_another(process: Process) -> None:
    other = Process(process.engine)
    other.vote(500, 10, "angry", network="one")
    process.vote(0, 60, "angry", network="one")
    process.watch.look()

    other.watch.look()
    other.vote(600, 10, "angry", network="one")

    assert other.told == []
    assert process.booth.shown() == {}
    assert right(process.booth)


def test_votes_that_come_again_are_one_vote(process: Process) -> None:
    for _ in range(5):
        process.vote(0, 15, "angry", network="one")

    assert process.watch.look() == []


def test_a_clock_two_days_off_ends_no_watch_and_holds_nobody_for_ever(process: Process) -> None:
    process.now_ms += 48 * HOUR_MS
    process.vote(0, 60, "angry", network="one")
    process.watch.look()
    process.now_ms = NOON_MS
    process.vote(100, 5, "like")
    process.watch.look()

    assert process.booth.shown() == {"like": 5}
    assert review.release_due(process.booth.box, now_ms=NOON_MS + 72 * HOUR_MS) == 60
    assert right(process.booth)


def test_verdicts_are_read_page_by_page_and_none_twice(process: Process) -> None:
    process.vote(0, 1, "angry")
    with writing(process.engine) as connection:
        for number in range(300):
            verdicts.write(
                connection,
                Verdict(
                    id=f"{number:016x}",
                    site_id=process.booth.site.id,
                    article_id=HELLO,
                    at_ms=NOON_MS + number // 3,
                    from_ms=NOON_MS,
                    to_ms=NOON_MS,
                    until_ms=NOON_MS,
                    cause=MIX,
                    text="",
                    pattern=Pattern("angry"),
                    figures={},
                    enforced=False,
                ),
            )
    ids, before = [], None
    while True:
        with process.engine.connect() as connection:
            page = verdicts.of_site(connection, process.booth.site, before=before, limit=100)
        if not page:
            break
        ids += [verdict.id for verdict in page]
        before = page[-1].at_ms, page[-1].id

    assert len(set(ids)) == len(ids) == 300


def test_a_flood_of_votes_does_not_make_looking_the_work(process: Process) -> None:
    process.watch._rules = replace(process.watch._rules, every_s=10.0)
    assert [process.watch._pause_s(looked_s) for looked_s in (0.4, 1.0, 500.0)] == [10.0, 20.0, 60.0]


def test_after_a_long_look_the_next_one_waits(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    def wait(pause_s: float) -> None:
        waited.append(pause_s)
        if len(waited) == 2:
            raise SystemExit

    def look() -> list[Verdict]:
        until = time.thread_time() + 0.05
        while time.thread_time() < until:
            pass
        return []

    process.watch._rules = replace(process.watch._rules, every_s=0.1)
    monkeypatch.setattr(process.watch, "look", look)
    clocks = SimpleNamespace(sleep=wait, thread_time=time.thread_time, monotonic=time.monotonic)
    monkeypatch.setattr("reactions.votes.watching.time", clocks)
    with pytest.raises(SystemExit):
        process.watch._go_on()

    assert waited[0] == 0.1
    assert waited[1] >= 0.05 / MOST_OF_CPU


def test_a_verdict_is_of_the_time_from_its_first_vote_to_its_last_whoever_voted_again(process: Process) -> None:
    """A reader who votes again keeps their place among the votes, and has the time of their latest."""
    process.vote(0, 1, "angry", network="one")
    process.now_ms += MINUTE_MS
    process.vote(100, 60, "angry", network="one")
    process.now_ms += MINUTE_MS
    process.vote_again(0, "sad", network="one")

    (verdict,) = process.watch.look()

    assert (verdict.from_ms, verdict.to_ms) == (NOON_MS + MINUTE_MS, NOON_MS + 2 * MINUTE_MS)


def test_what_a_verdict_has_named_is_forgotten_with_the_votes_it_named(process: Process) -> None:
    """A flood that goes on for days is one verdict all the time; what is remembered of it is of the last hour."""
    for number in range(9):
        process.vote(1_000 * number, 50, "angry", network="one")
        process.watch.look()
        process.now_ms += 20 * MINUTE_MS

    assert len(process.told) == 1
    (named,) = process.watch._votes_named.values()
    assert len(named) == 200  # of the last look and the hour before it
    assert process.booth.shown() == {}
    assert right(process.booth)


def test_of_a_flood_beyond_what_is_remembered_no_more_stays_named(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "MOST_REMEMBERED", 100)
    for number in range(5):
        process.vote(1_000 * number, 50, "angry", network="one")
        process.watch.look()

    (named,) = process.watch._votes_named.values()
    assert len(named) == 100
    assert process.booth.shown() == {}


@pytest.mark.parametrize("articles", [1, 3])
def test_a_flood_beyond_what_is_remembered_hides_no_other_articles_flood(
    process: Process, monkeypatch: pytest.MonkeyPatch, articles: int
) -> None:
    monkeypatch.setattr(watching, "MOST_REMEMBERED", 300)
    for number in range(articles):
        process.vote(1_000 * number, 450 // articles, "like", network=f"one-{number}", article=f"flooded-{number}")

    process.vote(90_000, 60, "angry", network="another")

    assert HELLO in {verdict.article_id for verdict in process.watch.look()}
    assert sum(len(votes) for _, votes, _ in process.watch._seen(process.now_ms).values()) <= 300
    assert process.booth.shown() == {}
    assert right(process.booth)


def test_articles_of_one_vote_each_are_no_more_than_may_be_remembered(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "MOST_REMEMBERED", 20)
    for number in range(30):
        process.vote(number, 1, "like", article=f"quiet-{number}")

    assert sum(len(votes) for _, votes, _ in process.watch._seen(process.now_ms).values()) == 20


def test_of_many_articles_that_are_remembered_each_keeps_its_latest_vote(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MOST_REMEMBERED", 40)
    for number in range(39):
        process.vote(number, 1, "like", article=f"quiet-{number}")
    process.vote(1_000, 30, "like", article="loud")

    remembered = [len(votes) for _, votes, _ in process.watch._seen(process.now_ms).values()]

    assert sorted(remembered) == [1] * 40
