"""Readers at work: each thread holds one connection, sends ballots, and writes down what came back."""

from __future__ import annotations

import http.client
import itertools
import json
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tests import make
from tests.oracles import Attempt

LONGEST_WAIT_S = 10
ARTICLES = ("front-page", "council-budget", "cup-final")

# One rising number for all threads: no two ballots share a seq, which is how the oracles tell them apart.
_seqs = itertools.count(int(time.time() * 1000) - 1_000_000_000)
_readers = itertools.count(1)
next_seq: Callable[[], int] = _seqs.__next__


def new_reader() -> str:
    """A reader nobody has seen."""
    return make.reader(next(_readers) + random.SystemRandom().getrandbits(64) * 2**40)


@dataclass(frozen=True, slots=True)
class Ballot:
    article: str
    reader: str
    reaction: str | None
    seq: int = field(default_factory=next_seq)


class Host(Protocol):
    """Where ballots are sent: a service, or a proxy before some."""

    @property
    def port(self) -> int: ...

    def log(self) -> str:
        """What it has written."""
        ...


class Sender:
    """One client's connection to one service; what it attempts goes to the end of `log`."""

    def __init__(self, service: Host, log: list[Attempt], headers: Mapping[str, str] | None = None) -> None:
        self._headers = {"Content-Type": "application/json", **(headers or {})}
        self._connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=LONGEST_WAIT_S)
        self._log = log

    def send(self, ballot: Ballot) -> Attempt:
        """Deliver the ballot once."""
        body = {"article": ballot.article, "reaction": ballot.reaction, "reader": ballot.reader, "seq": ballot.seq}
        begun, at = time.monotonic(), time.time()
        status, content_type, retry_after, answer = self._exchange(json.dumps(body))
        attempt = Attempt(
            ballot.article, ballot.reader, ballot.reaction, ballot.seq, status, at, time.monotonic() - begun,
            content_type, retry_after, answer,
        )  # fmt: skip
        self._log.append(attempt)
        return attempt

    def deliver(self, ballot: Ballot, *, tries: int = 7) -> Attempt:
        """Deliver the ballot as the widget does: again, with the same seq and growing pauses, while there is no answer."""
        for number in range(1, tries + 1):
            attempt = self.send(ballot)
            if attempt.acknowledged or attempt.refused or number == tries:
                break
            time.sleep(min(0.2 * 1.6**number, 2))
        return attempt

    def _exchange(self, body: str) -> tuple[int, str, str | None, object]:
        try:
            self._connection.request("PUT", "/v1/sites/daily/vote", body, self._headers)
            answer = self._connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return 0, "", None, None
        content_type = answer.headers.get("Content-Type", "")
        return answer.status, content_type, answer.headers.get("Retry-After"), _parsed(text)

    def close(self) -> None:
        self._connection.close()


def _parsed(text: bytes) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text[:200]


Work = Callable[[Sender, random.Random], object]


class Load:
    """Clients that repeat a piece of work until the block ends; they take the services in turn."""

    def __init__(self, services: Sequence[Host], work: Work, *, clients: int, seed: int) -> None:
        self.log: list[Attempt] = []
        self._services = services
        self._work = work
        self._ending = threading.Event()
        self._counting = threading.Lock()
        self._counted = self._acknowledged = 0
        self._faults: list[Exception] = []
        self._threads = [
            threading.Thread(target=self._run, args=(services[n % len(services)], random.Random(f"{seed}/{n}")))
            for n in range(clients)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()
        if self._faults:
            raise self._faults[0]

    def acknowledged(self) -> int:
        """How many votes have been acknowledged so far."""
        with self._counting:
            seen = len(self.log)
            self._acknowledged += sum(1 for attempt in self.log[self._counted : seen] if attempt.acknowledged)
            self._counted = seen
            return self._acknowledged

    def begun(self) -> int:
        """How many votes have been sent so far, answered or not: at most one more for each client."""
        return len(self.log) + len(self._threads)

    def services_say(self) -> str:
        """The ends of the services' logs."""
        return "\n".join(service.log()[-2000:] for service in self._services)

    def _run(self, service: Host, chance: random.Random) -> None:
        sender = Sender(service, self.log)
        try:
            while not self._ending.is_set():
                self._work(sender, chance)
        except Exception as fault:  # noqa: BLE001  it is raised again in the thread that ends the load
            self._faults.append(fault)
        finally:
            sender.close()


def at_once(services: Sequence[Host], piles: Sequence[Sequence[Ballot]], *, together: bool = True) -> list[Attempt]:
    """Send several piles of ballots, each by a thread of its own; `together`: the n-th of all piles at the same moment."""
    log: list[Attempt] = []
    gate = threading.Barrier(len(piles), timeout=60)

    def send(pile: Sequence[Ballot], service: Host) -> None:
        sender = Sender(service, log)
        for ballot in pile:
            if together:
                gate.wait()
            sender.send(ballot)
        sender.close()

    threads = [threading.Thread(target=send, args=(pile, services[n % len(services)])) for n, pile in enumerate(piles)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return log


def first_vote(sender: Sender, chance: random.Random, *, tries: int = 7) -> Attempt:
    """A reader nobody has seen votes once, and insists."""
    return sender.deliver(Ballot(chance.choice(ARTICLES), new_reader(), chance.choice(make.SEVEN)), tries=tries)


def one_try(sender: Sender, chance: random.Random) -> Attempt:
    """A reader nobody has seen votes once, and does not insist."""
    return sender.send(Ballot(chance.choice(ARTICLES), new_reader(), chance.choice(make.SEVEN)))
