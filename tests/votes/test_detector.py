"""What the detector calls suspect, and what it leaves alone."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactions.votes import detector
from reactions.votes.detector import MIX, NETWORKS, REPEATS, Seen, Usual, judge
from tests.make import SEVEN

MIXED = {"like": 0.5, "love": 0.2, "funny": 0.1, "angry": 0.1, "sad": 0.05, "wow": 0.03, "dislike": 0.02}
USUAL = Usual(MIXED, before=500, expected=20, fresh=0.6)


def votes(
    n: int, *, reactions: Sequence[str] | None = None, networks: int = 10_000, fresh: float = 1.0, seed: int = 1
) -> list[Seen]:
    chance = random.Random(seed)
    chosen = list(reactions or chance.choices(list(MIXED), list(MIXED.values()), k=n))
    return [
        Seen(
            at,
            bytes([at % 256]),
            chosen[at % len(chosen)],
            (f"n{chance.randrange(networks)}", "wide"),
            fresh=chance.random() < fresh,
            held=False,
        )
        for at in range(n)
    ]


def apart(seen: list[Seen]) -> list[Seen]:
    """The same votes, each from a wide network of its own."""
    return [
        Seen(vote.at_ms, vote.voter, vote.reaction, (vote.networks[0], f"w{at}"), vote.fresh, vote.held)
        for at, vote in enumerate(seen)
    ]


def cause(seen: list[Seen], usual: Usual = USUAL) -> str | None:
    finding = judge(seen, usual)
    return finding.cause if finding else None


@given(
    st.integers(0, 2**53), st.binary(min_size=1, max_size=16), st.sampled_from(SEVEN),
    st.lists(st.text("0123456789abcdef", min_size=1), max_size=4), st.booleans(), st.booleans(),
)  # fmt: skip
def test_a_vote_that_is_remembered_says_what_it_was_packed_from(
    at_ms: int, voter: bytes, reaction: str, networks: list[str], fresh: bool, held: bool
) -> None:
    vote = Seen(at_ms, voter, reaction, networks, fresh, held)

    assert (vote.at_ms, vote.voter, vote.reaction, vote.networks) == (at_ms, voter, reaction, networks)
    assert (vote.fresh, vote.held) == (fresh, held)


def test_a_vote_that_is_remembered_takes_little_memory() -> None:
    """300,000 are remembered at most. In parts, with networks of its own, one took 385 bytes."""
    vote = Seen(1_764_072_000_000, b"v" * 16, "dislike", ("a" * 24, "b" * 24), fresh=True, held=False)

    assert sys.getsizeof(vote) <= 144


def test_a_finding_has_how_many_of_how_many_from_where() -> None:
    finding = judge([*votes(412, networks=3), *apart(votes(18, fresh=0, seed=2))], USUAL)

    assert finding is not None
    assert finding.figures == {"votes": 430, "suspects": 412, "fresh": 412, "networks": 3}


def test_a_rate_however_high_is_not_enough() -> None:
    assert cause(apart(votes(5_000, fresh=0.9))) is None


def test_few_networks_are_suspect_unless_the_site_lives_on_them() -> None:
    burst = apart(votes(100, networks=2))

    assert cause(burst) == NETWORKS
    assert cause(burst, Usual(MIXED, 500, 20, 0.6, shares={"n0": 0.3, "n1": 0.2})) is None
    assert cause(votes(100)) == NETWORKS  # one wide network
    assert cause(burst[:39]) is None


def test_addresses_used_again_and_again_are_suspect() -> None:
    assert cause(apart(votes(1_000, networks=100))) == REPEATS


def test_a_burst_for_one_reaction_is_suspect_and_only_the_fresh_votes_for_it() -> None:
    honest, script = apart(votes(100, fresh=0.6)), apart(votes(200, reactions=["angry"], seed=3))

    finding = judge([*honest, *script], USUAL)

    assert finding is not None
    assert (finding.cause, finding.pattern.reaction) == (MIX, "angry")
    assert 200 <= finding.suspects < 215
    assert finding.figures["share_before"] == pytest.approx(0.1)


@pytest.mark.parametrize("reaction", SEVEN)
def test_a_new_article_that_everybody_answers_alike_is_not_suspect_while_known_readers_come(reaction: str) -> None:
    usual = Usual(MIXED, before=0, expected=5, fresh=0.6)
    alike = apart(votes(300, reactions=[reaction], fresh=0.7))
    script = apart(votes(300, reactions=[reaction]))

    assert cause(alike, usual) is None
    assert cause(script, usual) == MIX


def test_a_slow_shift_is_the_readers_business() -> None:
    assert cause(apart(votes(30, reactions=["sad"])), Usual(MIXED, 500, expected=40, fresh=0.6)) is None
    assert cause(apart(votes(detector.LEAST - 1, reactions=["sad"]))) is None
