"""Readers who vote while reports are measured: `python -m bench.readers DATABASE_URL`, until it is told to end."""

from __future__ import annotations

import random
import sys
import time

from sqlalchemy import create_engine

from reactions.newsroom import sites
from reactions.storage import engines
from reactions.votes import rules
from reactions.votes.ballot_box import BallotBox
from tests import make

VOTES_PER_S = 20
AMONG = 500  # the newest articles; ids are given by `bench.paper`


def main() -> None:
    """Vote."""
    engine = create_engine(sys.argv[1])
    engines.prepare(engine)
    with engine.connect() as connection:
        site = sites.get(connection, "daily")
    box = BallotBox(engine, pseudonym_key=b"k" * 32, batch_size=256, queue_size=2000, answer_within_s=10)
    for number in range(1_000_000):
        now_ms = time.time_ns() // 1_000_000
        ballot = rules.ballot(
            site,
            article=f"story/{10_000 - random.randrange(1, AMONG)}",
            reaction=random.choice(make.SEVEN),
            reader=number.to_bytes(16, "big"),
            seq=now_ms,
            now_ms=now_ms,
        )
        box.cast(ballot)
        time.sleep(1 / VOTES_PER_S)


if __name__ == "__main__":
    main()
