"""The metrics of /metrics, in Prometheus' terms.

With several workers PROMETHEUS_MULTIPROC_DIR must name an empty folder; `reactions serve` makes one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

from reactions.refusals import Refusal
from reactions.votes import tokens as tokens_
from reactions.votes.rules import Receipt

ballots = Counter("reactions_ballots", "Ballots by outcome", ["outcome"])
batches = Histogram("reactions_batch_ballots", "Ballots in one transaction", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256))
limited = Counter("reactions_limited", "Ballots refused by a rate limit", ["policy"])
TOKEN_STANDINGS = tokens_.STANDINGS
tokens = Counter("reactions_tokens", "Votes by the standing of the token they came with", ["standing"])
held = Counter("reactions_held", "Votes held instead of counted", ["cause"])
verdicts = Counter("reactions_verdicts", "Windows of votes that the detector found suspect")
verified = Counter("reactions_verified_articles", "Articles that the rolling check has recounted")
drift = Gauge(
    "reactions_drift",
    "Numbers of articles that the rolling check found to disagree, when it last looked at each",
    multiprocess_mode="livemax",
)
reads = Counter("reactions_reads_from_memory", "Counts answered from the memory of a process")
purges = Counter("reactions_purges", "Requests to caches to forget counts, by outcome", ["outcome"])
views = Counter("reactions_views", "Views of rows that beacons told, multiplied by the sampling, by outcome", ["outcome"])
limiter_away = Gauge(
    "reactions_limiter_store_away",
    "1 while the limiter's store does not answer and limits count per process",
    multiprocess_mode="livemax",
)
reports_behind = Gauge(
    "reactions_reports_behind_seconds",
    "By how much the replica that reports read is behind; 0 without one, and while the primary is read in its place",
    multiprocess_mode="livemax",
)

_acknowledged = ballots.labels("acknowledged")
_refused = ballots.labels("refused")
_failed = ballots.labels("failed")
_taken, _limited, _dropped = views.labels("taken"), views.labels("limited"), views.labels("dropped")


class _Settled:
    """How many ballots this process has settled."""

    ballots = 0


def settled() -> int:
    """How many ballots this process has settled: exports give way to votes by it."""
    return _Settled.ballots


def observe_batch(answers: Sequence[object]) -> None:
    """Count a batch that was settled."""
    _Settled.ballots += len(answers)
    acknowledged = sum(isinstance(answer, Receipt) for answer in answers)
    refused = sum(isinstance(answer, Refusal) for answer in answers)
    batches.observe(len(answers))
    _acknowledged.inc(acknowledged)
    _refused.inc(refused)
    _failed.inc(len(answers) - acknowledged - refused)


def observe_views(taken: int, *, limited: int, dropped: int, each: int) -> None:
    """Count what became of a beacon's views, each of which stands for so many."""
    for counter, n in ((_taken, taken), (_limited, limited), (_dropped, dropped)):
        if n:
            counter.inc(n * each)


def exposition() -> bytes:
    """All metrics in the text format; those of all workers if they share a folder."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
