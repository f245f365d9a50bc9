"""What holding and releasing a flood costs the votes beside it: `python -m bench.reviewing --votes 20000`.

Sixteen readers vote on another article, each again as soon as the last vote is durable, while the detector's verdict on so many
votes is carried out and an editor undoes it; the same readers alone beside it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

from sqlalchemy import Engine, select

from bench.dropping import _opened, databases
from reactions.newsroom import sites
from reactions.newsroom.sites import Site
from reactions.storage import migrations, tables
from reactions.times import DAY_MS, now_ms
from reactions.votes import review, rules, verdicts
from reactions.votes.ballot_box import BallotBox
from reactions.votes.holds import SUSPECT, VERDICT, Held, Hold
from reactions.votes.review import Choice
from tests import make
from tests.command_line import CommandLine, at_least

_READERS, _NAMED_AT_ONCE, _ALONE_S = 16, 200, 3.0
_ID = "bench".rjust(16, "0")  # of the verdict


class _Vote(NamedTuple):
    began: float  # s, of the performance counter
    took_ms: float


def rows(url: str, votes: int) -> list[str]:
    """The figures of one engine, as lines of a table."""
    engine, box = _opened(url)
    migrations.upgrade(engine)
    make.site(url)
    with engine.connect() as connection:
        site = sites.get(connection, "daily")
    readers = (n.to_bytes(16, "big") for n in range(votes))
    at_ms = now_ms()
    flood = [rules.ballot(site, article="flood", reaction="angry", reader=r, seq=1, now_ms=at_ms) for r in readers]
    box.count(flood)
    taken: list[_Vote] = []
    ended = threading.Event()
    voting = [threading.Thread(target=_vote, args=(box, site, n, taken, ended)) for n in range(_READERS)]
    for thread in voting:
        thread.start()
    works: dict[str, Callable[[], object]] = {
        "alone": lambda: time.sleep(_ALONE_S),
        "named by a verdict": lambda: _name(engine, box, site, at_ms),
        "held": lambda: review.hold(box, Choice(verdict=_ID, states=(SUSPECT,)), by="bench", now_ms=now_ms()),
        "released": lambda: review.release(box, Choice(verdict=_ID), by="bench", now_ms=now_ms()),
    }
    lines = [_line(engine.dialect.name, name, work, taken) for name, work in works.items()]
    ended.set()
    for thread in voting:
        thread.join()
    box.close()
    engine.dispose()
    return lines


def _vote(box: BallotBox, site: Site, n: int, taken: list[_Vote], ended: threading.Event) -> None:
    seq = 0
    while not ended.is_set():
        seq, began = seq + 1, time.perf_counter()
        reader = (n << 64 | seq).to_bytes(16, "big")
        box.cast(rules.ballot(site, article="other", reaction="like", reader=reader, seq=seq, now_ms=now_ms()))
        taken.append(_Vote(began, (time.perf_counter() - began) * 1000))


def _name(engine: Engine, box: BallotBox, site: Site, at_ms: int) -> None:
    """Do as `Watch` does when it finds a flood."""
    v, a = tables.vote.c, tables.article.c
    with engine.connect() as connection:
        flood = select(v.article_id, v.voter).join(tables.article, a.article_id == v.article_id).where(a.key == "flood")
        keys = [(article_id, bytes(voter)) for article_id, voter in connection.execute(flood)]
    hold = Hold(VERDICT, at_ms + DAY_MS, None, _ID)
    for first in range(0, len(keys), _NAMED_AT_ONCE):
        some = [Held(*key, site.id, at_ms, hold) for key in keys[first : first + _NAMED_AT_ONCE]]
        box.transact(lambda connection, some=some: verdicts.name_votes(connection, some))  # type: ignore[misc]


def _line(engine: str, name: str, work: Callable[[], object], taken: list[_Vote]) -> str:
    began = time.perf_counter()
    work()
    took_s = time.perf_counter() - began
    times = sorted(vote.took_ms for vote in tuple(taken) if vote.began >= began)
    shown = f"{median(times):.1f} / {times[int(len(times) * 0.99)]:.1f} / {times[-1]:.1f}"
    return f"| {engine} | {name} | {took_s:.1f} | {len(times) / took_s:,.0f} | {shown} |"


def main() -> None:
    """Print a table."""
    options = CommandLine()
    options.add_argument("--votes", type=at_least(1), default=20_000)
    chosen = options.parse_args()
    print("| Engine | the flood is | s | votes a second beside it | a vote, ms: median / 99 % / most |")
    print("|---|---|--:|--:|---|")
    with databases() as urls:
        for url in urls:
            print("\n".join(rows(url, chosen.votes)), flush=True)


if __name__ == "__main__":
    main()
