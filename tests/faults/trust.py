"""Scenarios of trust: scripts vote from networks of every width, and votes are held, rejected, released and released again."""

from __future__ import annotations

import http.client
import json
import random
import time
from typing import Any

from sqlalchemy import create_engine

from bench.trust import SOURCES
from reactions.newsroom import api_keys, sites
from reactions.storage import engines
from tests import make, oracles
from tests.engines import wait_until
from tests.faults.client import Ballot, Sender, new_reader
from tests.faults.stage import Report, Stage
from tests.oracles import Attempt
from tests.service import Service

CAPS = dict(zip(SOURCES, (100, 400, 100, 1600, 6400, 10**6), strict=True))
SHARE_HELD = 0.99
WITHIN_S = 300  # what is promised; in a test, where votes are few, a minute shows as much


def i05_scripts(stage: Stage, *, seconds: float, clients: int, seed: int) -> Report:
    """One fresh reader after another votes from each kind of network, on an article each; the detector holds by itself."""
    report = Report("I05", stage.store)
    votes = 1000 if seconds >= 20 else 150
    log: list[Attempt] = []
    settings = {"trusted_proxies": "127.0.0.1/32", "hold_automatically": "true", "detector_every_s": 1}
    with stage.service(workers=1, shipped_limits=True, settings=settings) as service:
        for number, (source, address) in enumerate(SOURCES.items()):
            begun = time.monotonic()
            headers = {"X-Forwarded-For": ""}
            sender, article = Sender(service, log, headers), f"source-{number}"
            chance = random.Random(seed)
            for n in range(votes):
                sender._headers["X-Forwarded-For"] = address(chance, n)
                sender.send(Ballot(article, new_reader(), "angry"))
            sender.close()
            report.at_most(CAPS[source], f"counted at once, {source}", _total(service, article))
            wait_until(
                lambda: _total(service, article) <= votes * (1 - SHARE_HELD),  # noqa: B023
                timeout_s=WITHIN_S if seconds >= 20 else 60, why=f"{SHARE_HELD:.0%} of {source} are held",
            )  # fmt: skip
            report.figures |= {f"counted of {votes:,}, {source}": _total(service, article)}
            report.figures |= {
                f"seconds from the first vote until {SHARE_HELD:.0%} were held, {source}": time.monotonic() - begun
            }
        # A decision raises the seq of a vote, so the clients' log no longer names it: votes are counted, and numbers must agree.
        stored = stage.stored()
        report.findings([oracles.drift(stored), oracles.fold(stored), oracles.negative(stored), oracles.explained(stored)])
        report.findings([oracles.shapes(log)])
    acknowledged = sum(1 for attempt in log if attempt.acknowledged)
    report.figures |= {"acknowledged": acknowledged}
    report.at_most(0, "votes refused", len(log) - acknowledged)
    report.at_most(0, "votes not stored", acknowledged - len(stored.votes) - len(stored.kept))
    return report


def i06_review(stage: Stage, *, seconds: float, clients: int, seed: int) -> Report:
    """Votes beyond a cap are held, some are rejected, the others released, twice; another site's tokens prove nothing."""
    report = Report("I06", stage.store)
    make.site(stage.url, "other")
    key, votes, cap = _review_key(stage.url), int(10 * max(seconds, 4)), 10
    log: list[Attempt] = []
    settings = {
        "fresh_votes_per_network": f"{cap}/10 minutes",
        "proven_after_hours": 0,
        "proven_articles": 1,
        "detector_every_s": 0,
    }
    with stage.service(workers=1, shipped_limits=True, settings=settings) as service:
        readers = [new_reader() for _ in range(votes)]
        tokens = [_vote(service, "other", "elsewhere", reader)["token"] for reader in readers]
        for reader, token in zip(readers, tokens, strict=True):
            ballot = Ballot("storm", reader, "angry")
            begun = time.time()
            body = _vote(service, "daily", "storm", reader, seq=ballot.seq, token=token)
            log.append(Attempt("storm", reader, "angry", ballot.seq, 200, begun, 0.0, body=body))
        report.at_most(cap, "counted beyond the cap by another site's tokens", _total(service, "storm"))
        stored = stage.stored()
        report.findings([oracles.lost(log, stored), oracles.last_wins(log, stored)])
        held = [hold["id"] for hold in _ask(service, key, "GET", "holds")["holds"]]
        rejected = _ask(service, key, "POST", "holds/reject", {"votes": held[:7]})["votes"] if held else 0
        released = [_ask(service, key, "POST", "holds/release", {"all": True})["votes"] for _ in range(3)]
        report.figures |= {"held": len(held), "rejected": rejected, "released": sum(released)}
        report.at_most(0, "votes released again", sum(released[1:]))
        expected = cap + released[0]
        report.at_most(0, "counted, less those that should", abs(_total(service, "storm") - expected))
        # A decision raises the seq of a vote, so the client's log no longer tells: the numbers must still agree with each other.
        stored = stage.stored()
        report.findings([oracles.drift(stored), oracles.fold(stored), oracles.negative(stored), oracles.explained(stored)])
        _ask(service, key, "POST", "holds/release", {"all": True, "states": ["rejected"]})
        report.at_most(0, "votes missing after everything was restored", votes - _total(service, "storm"))
    return report


def _total(service: Service, article: str) -> int:
    status, body = service.get(f"/v1/sites/daily/counts?article={article}")
    assert status == 200
    return int(json.loads(body)["articles"][0]["total"])


def _review_key(database_url: str) -> str:
    engine = create_engine(database_url)
    engines.prepare(engine)
    try:
        with engines.writing(engine) as connection:
            site = sites.get(connection, "daily")
            return api_keys.create(connection, site, scopes=["review"], label="a scenario", now_ms=0)[1]
    finally:
        engine.dispose()


def _vote(service: Service, site: str, article: str, reader: str, *, seq: int = 1, token: str | None = None) -> dict[str, Any]:
    body = {"article": article, "reaction": "angry", "reader": reader, "seq": seq, **({"token": token} if token else {})}
    return _send(service, "PUT", f"/v1/sites/{site}/vote", body, {})


def _ask(service: Service, key: str, method: str, path: str, body: object = None) -> dict[str, Any]:
    return _send(service, method, f"/v1/sites/daily/{path}", body, {"Authorization": f"Bearer {key}"})


def _send(service: Service, method: str, path: str, body: object, headers: dict[str, str]) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    text: str | None = None if body is None else json.dumps(body)
    connection.request(method, path, text, {"Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    read = answer.read()
    connection.close()
    assert answer.status == 200, read
    return dict(json.loads(read))
