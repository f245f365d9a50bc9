"""Scenarios in which processes die: a worker, the whole service, the database."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests import oracles
from tests.engines import wait_until
from tests.faults import plants
from tests.faults.client import ARTICLES, Load, Sender, first_vote, one_try
from tests.faults.stage import NotServed, Report, Stage, served_counts
from tests.oracles import Attempt
from tests.service import Service

MET_WITHIN_S = 0.3
SLOWEST_S = 1.25  # a second, and a little for a thread that waits its turn on a small machine


def f01_worker_killed(stage: Stage, *, seconds: float, clients: int, seed: int) -> Report:
    """kill -9 of one worker after another, under load, at the worst moment: after COMMIT and before the answer."""
    report = Report("F01", stage.store)
    kills = 0
    with stage.service(workers=2) as service:
        with Load([service], first_vote, clients=clients, seed=seed) as load, watched(service, load) as outside:
            for _ in rounds(seconds, at_least=3):
                more_acknowledged(load, 20)
                _stored_and_unanswered(stage, load)
                kills += service.kill_worker() is not None
            more_acknowledged(load, 20)
        service.wait_ready()
        report.figures |= {"kills": kills, "reads": outside.reads, "reads unanswered": outside.unanswered}
        _judge_crash(report, stage, load, [service])
        report.at_most(0, "readings of counts outside what was cast", len(outside.wrong), *outside.wrong[:5])
    return report


def _stored_and_unanswered(stage: Stage, load: Load) -> None:
    """Wait until a vote is stored that nobody was told of. Where that lasts too short a time to be met, go on soon.

    From the second kill on the oldest worker has all the connections, so it is the one that is about to answer.
    """
    end = time.monotonic() + MET_WITHIN_S
    while time.monotonic() < end:
        stored = oracles.seqs(stage.url)
        if stored - {attempt.seq for attempt in list(load.log)}:
            return
        time.sleep(0.005)


def f02_service_killed(stage: Stage, *, seconds: float, clients: int, seed: int) -> Report:
    """kill -9 of the master and all its workers, and a restart."""
    report = Report("F02", stage.store)
    recoveries = []
    with stage.service(workers=2) as service:
        with Load([service], _patient_vote, clients=clients, seed=seed) as load:
            for _ in rounds(seconds):
                more_acknowledged(load, 20)
                service.kill_all()
                begun = time.monotonic()
                service.start()
                more_acknowledged(load, 1)
                recoveries.append(time.monotonic() - begun)
        report.figures |= {"kills": len(recoveries)}
        _judge_crash(report, stage, load, [service])
        report.at_most(10, "slowest start to the first vote, seconds", max(recoveries))
    return report


def _patient_vote(sender: Sender, chance: random.Random) -> Attempt:
    return first_vote(sender, chance, tries=30)


def f03_dies_after_commit(stage: Stage, *, seconds: float, clients: int, seed: int) -> Report:
    """Workers die between COMMIT and the answer: the reader asks again, and is not counted twice."""
    report = Report("F03", stage.store)
    stage.plant = plants.dies_after_commit.__name__
    with stage.service(workers=2) as service:
        with Load([service], first_vote, clients=clients, seed=seed) as load:
            end = time.monotonic() + seconds
            wait_until(
                lambda: _sent_again(load) >= 5 and time.monotonic() > end, timeout_s=seconds + 60,
                why="ballots without an answer are acknowledged later",
            )  # fmt: skip
        service.wait_ready()
        _judge_crash(report, stage, load, [service])
        report.figures |= {"acknowledged at a later try": _sent_again(load)}
    return report


def _sent_again(load: Load) -> int:
    log = list(load.log)
    unanswered = {(a.reader, a.seq) for a in log if a.status == 0}
    return sum(1 for a in log if a.acknowledged and (a.reader, a.seq) in unanswered)


def f04_database_stopped(stage: Stage, *, seconds: float, clients: int, seed: int) -> Report:
    """PostgreSQL stopped hard in the middle, and started again."""
    report = Report("F04", stage.store)
    recoveries = []
    with stage.service(workers=2) as service:
        with Load([service], one_try, clients=clients, seed=seed) as load:
            for _ in rounds(seconds):
                more_acknowledged(load, 100)
                stage.postgres.stop(immediate=True)
                _turned_away(load, 4 * clients)
                stage.postgres.start()
                begun = time.monotonic()
                more_acknowledged(load, 1)
                recoveries.append(time.monotonic() - begun)
        held = stage.judge(report, load.log, [service])
        report.figures |= {"stops": len(recoveries), "events": len(held.events)}
        _judge_outage(report, load.log)
        report.at_most(5, "seconds from the database's return to a vote", max(recoveries))
    return report


def f04_database_hangs(stage: Stage, *, seconds: float, clients: int, seed: int) -> Report:
    """PostgreSQL frozen in the middle: it takes connections and never answers."""
    report = Report("F04 hang", stage.store)
    with stage.service(workers=1, settings={"site_memory_s": 0.5}) as service:
        with Load([service], one_try, clients=clients, seed=seed) as load:
            more_acknowledged(load, 100)
            stage.postgres.pause()
            try:
                _turned_away(load, clients)
                time.sleep(seconds)  # how long the fault lasts: long enough for what was remembered of the site to be old
                _turned_away(load, 1)
            finally:
                stage.postgres.resume()
            begun = time.monotonic()
            more_acknowledged(load, 20)
            back = time.monotonic() - begun
        stage.judge(report, load.log, [service])
        report.findings([oracles.shapes(load.log, allowed=(503,))])
        slow = [attempt for attempt in load.log if attempt.took > SLOWEST_S]
        report.figures |= {"slowest answer, seconds": round(max(attempt.took for attempt in load.log), 2)}
        # One request may wait for what it asks about the site; nobody else may wait for that one.
        report.at_most(2, f"answers later than {SLOWEST_S} s", len(slow), *slow[:3])
        report.at_most(5, "seconds from the database's return to votes", back)
    return report


def _judge_crash(report: Report, stage: Stage, load: Load, services: list[Service]) -> None:
    held = stage.judge(report, load.log, services)
    report.figures |= {"events": len(held.events)}
    report.findings([oracles.shapes(load.log, allowed=(503,), resets=True)])
    ballots = {(a.article, a.reader, a.seq): a.acknowledged for a in load.log}  # the last attempt counts
    given_up = [ballot for ballot, acknowledged in ballots.items() if not acknowledged]
    report.at_most(0, "ballots given up", len(given_up), *given_up[:5])


def _judge_outage(report: Report, log: list[Attempt]) -> None:
    report.findings([oracles.shapes(log, allowed=(503,))])
    turned_away = [attempt.took for attempt in log if attempt.status == 503]
    report.figures |= {"503": len(turned_away)}
    report.at_least(1, "answers 503", len(turned_away))
    report.at_most(SLOWEST_S, "slowest 503, seconds", max(turned_away, default=0))


class Outside:
    """A reader of counts while votes come in: every total must lie between what was acknowledged and what was attempted."""

    def __init__(self) -> None:
        self.reads = 0
        self.unanswered = 0
        self.wrong: list[tuple[int, int, int]] = []


@contextmanager
def watched(service: Service, load: Load) -> Iterator[Outside]:
    """Read the counts of all articles until the block ends."""
    outside, ending = Outside(), threading.Event()

    def watch() -> None:
        while not ending.is_set():
            least = load.acknowledged()
            try:
                total = sum(int(str(answer["total"])) for answer in served_counts(service, ARTICLES))
            except (OSError, NotServed):
                outside.unanswered += 1  # the worker that was asked is dead, or starved
                continue
            most = load.begun()
            outside.reads += 1
            if not least <= total <= most:
                outside.wrong.append((least, total, most))
            ending.wait(0.02)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield outside
    finally:
        ending.set()
        thread.join()


def rounds(seconds: float, *, at_least: int = 1) -> Iterator[int]:
    """Count rounds until the time is over, or a little longer: so many at least."""
    end = time.monotonic() + seconds
    number = 0
    while number < at_least or time.monotonic() < end:
        number += 1
        yield number


def more_acknowledged(load: Load, votes: int) -> None:
    """Wait until so many more votes have been acknowledged."""
    target = load.acknowledged() + votes
    try:
        wait_until(lambda: load.acknowledged() >= target, why=f"{votes} more votes are acknowledged", timeout_s=30)
    except TimeoutError as error:
        latest = [(attempt.status, attempt.body) for attempt in load.log[-3:]]
        raise RuntimeError(f"{error}; the latest answers: {latest}\n{load.services_say()}") from error


def _turned_away(load: Load, answers: int) -> None:
    seen = len(load.log)
    wait_until(
        lambda: sum(1 for attempt in load.log[seen:] if attempt.status == 503) >= answers,
        why=f"{answers} answers 503", timeout_s=60,
    )  # fmt: skip
