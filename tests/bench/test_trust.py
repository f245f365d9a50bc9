"""The short form of `python -m bench.trust`."""

from __future__ import annotations

from bench import trust
from reactions.times import MINUTE_MS


def test_a_script_is_held_and_the_readers_beside_it_are_not() -> None:
    outcome = trust.attack("one address", trust.SOURCES["one IPv4 /32"], votes=300, within_ms=5 * MINUTE_MS)

    assert outcome.at_once <= 100
    assert outcome.after <= 0.01 * outcome.sent
    assert outcome.detected_s is not None
    assert outcome.honest_held <= 2


def test_a_day_of_honest_votes_is_counted() -> None:
    votes, ever_held, _, held_at_the_end = trust.month(articles=6, days=2)

    assert votes > 500
    assert ever_held <= 0.005 * votes
    assert held_at_the_end == 0


def test_what_the_watch_takes_of_votes_is_measured() -> None:
    each, look_mb = trust.memory(2_000, articles=50)

    assert 100 < each < 400
    assert 0 < look_mb < 20
