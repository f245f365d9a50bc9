"""The oracles: what a client saw, held against what the database holds. Plain SQL, nothing of the product's own recount.

The client gives every ballot a `seq` of its own, so a stored row is traced to its ballot by seq alone: no pseudonym needs to be
computed, and a reader who got two pseudonyms is noticed. "Counts equal a recount" alone is blind to lost and to double votes;
each oracle sees what the others cannot.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import psycopg

PROBLEM = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One delivery of a ballot and what came back: `status` 0 means no answer. Times in seconds."""

    article: str
    reader: str
    reaction: str | None
    seq: int
    status: int
    at: float
    took: float
    content_type: str = ""
    retry_after: str | None = None
    body: Any = None

    @property
    def acknowledged(self) -> bool:
        return self.status == 200

    @property
    def refused(self) -> bool:
        return 400 <= self.status < 500


@dataclass(frozen=True, slots=True)
class Finding:
    """An oracle's figure. What it must be is 0, and `details` shows some of what made it more."""

    oracle: str
    figure: int
    details: tuple[object, ...] = ()


@dataclass(frozen=True)
class Stored:
    """All that the database holds, read in one snapshot."""

    votes: list[tuple[str, int, bytes, str | None, int]]  # article key, article id, voter, reaction, seq
    events: list[tuple[int, bytes, int, str | None, str | None]]  # article id, voter, seq, from, to; in order of seq
    tally: dict[tuple[int, str], int]
    hourly: dict[tuple[int, str], int]
    kept: list[tuple[str, int, bytes, str | None, int]] = field(default_factory=list)  # votes that are held and not counted
    unexplained: int = 0  # held votes without a hold in force, counted ones with one, and holds without a vote


_QUERIES = (
    "select article.key, vote.article_id, voter, reaction, seq from vote "
    "left join article on article.article_id = vote.article_id where not held",
    "select article_id, voter, seq, from_reaction, to_reaction from event where not held order by article_id, voter, seq",
    "select article_id, reaction, n from tally",
    "select article_id, reaction, cast(sum(added - removed) as bigint) from hourly group by article_id, reaction",
    "select article.key, vote.article_id, voter, reaction, seq from vote "
    "left join article on article.article_id = vote.article_id where held",
    "select (select count(*) from vote left join hold on hold.article_id = vote.article_id and hold.voter = vote.voter "
    "where vote.held <> (coalesce(hold.state, '') in ('held', 'rejected')) and vote.reaction is not null) + "
    "(select count(*) from hold left join vote on hold.article_id = vote.article_id and hold.voter = vote.voter "
    "where vote.voter is null)",
)


def stored(database_url: str) -> Stored:
    """Read the database in one snapshot."""
    votes, events, tally, hourly, kept, unexplained = _read(database_url, _QUERIES)
    return Stored(
        votes=[(key, article, bytes(voter), reaction, seq) for key, article, voter, reaction, seq in votes],
        kept=[(key, article, bytes(voter), reaction, seq) for key, article, voter, reaction, seq in kept],
        unexplained=unexplained[0][0],
        events=[(article, bytes(voter), *rest) for article, voter, *rest in events],
        tally={(article, reaction): n for article, reaction, n in tally},
        hourly={(article, reaction): n for article, reaction, n in hourly},
    )


def _read(database_url: str, queries: Sequence[str]) -> list[list[Any]]:
    """The rows of each query, all of one moment."""
    if database_url.startswith("sqlite:///"):
        path = database_url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path, isolation_level=None, timeout=20)) as lite:
            lite.execute("begin")
            return [list(lite.execute(query)) for query in queries]
    with psycopg.connect(database_url.replace("+psycopg", "")) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        return [list(connection.execute(query.encode())) for query in queries]


def seqs(database_url: str) -> set[int]:
    """The seqs of all stored votes."""
    return {int(row[0]) for row in _read(database_url, ["SELECT seq FROM vote"])[0]}


def judge(log: Sequence[Attempt], held: Stored) -> list[Finding]:
    """Every oracle's finding about a finished run."""
    return [
        lost(log, held), unexpected(log, held), doubled(log, held), drift(held),
        fold(held), negative(held), last_wins(log, held), explained(held),
    ]  # fmt: skip


def lost(log: Sequence[Attempt], held: Stored) -> Finding:
    """O1: ballots that were acknowledged, and are not in the reader's vote nor overtaken by a later one."""
    newest = _newest_stored(log, held)
    acknowledged = {(a.article, a.reader, a.seq) for a in log if a.acknowledged}
    return _finding("O1 lost", [ballot for ballot in acknowledged if newest.get(ballot[:2], -1) < ballot[2]])


def unexpected(log: Sequence[Attempt], held: Stored) -> Finding:
    """O1: stored votes that no client cast, or that were refused every time."""
    cast = {(a.article, a.seq, a.reaction) for a in log if not a.refused}
    return _finding("O1 unexpected", [v for v in (*held.votes, *held.kept) if (v[0], v[4], v[3]) not in cast])


def doubled(log: Sequence[Attempt], held: Stored) -> Finding:
    """O2: votes beyond one for each reader and article, in rows or in what is counted; and events told twice."""
    readers = {(a.article, a.seq): a.reader for a in log}
    rows = Counter((v[0], readers.get((v[0], v[4]))) for v in held.votes)
    pseudonyms = Counter(v[1:3] for v in held.votes)
    events = Counter(e[:3] for e in held.events)
    twice = [(what, n) for counted in (rows, pseudonyms, events) for what, n in counted.items() if n > 1]
    return _finding("O2 double", [*twice, *_counted_beyond_readers(log, held)])


def _counted_beyond_readers(log: Sequence[Attempt], held: Stored) -> list[tuple[str, int]]:
    key_of = {v[1]: v[0] for v in held.votes}
    readers = Counter(article for article, _ in {(a.article, a.reader) for a in log})
    counted: Counter[str] = Counter()
    for (article_id, _), n in held.tally.items():
        counted[key_of.get(article_id, str(article_id))] += n
    return [(article, n - readers[article]) for article, n in counted.items() if n > readers[article]]


def drift(held: Stored) -> Finding:
    """O3: |counts - recount of the votes|, and the same for the hourly series."""
    recount = Counter((article, reaction) for _, article, _, reaction, _ in held.votes if reaction is not None)
    return _difference("O3 drift", recount, held.tally, held.hourly)


def fold(held: Stored) -> Finding:
    """O4: |counts - fold of the events|, breaks in a vote's chain of events, and votes that their events do not end in."""
    present: dict[tuple[int, bytes], str | None] = {}
    breaks: list[object] = []
    for article, voter, seq, left, taken_up in held.events:
        if present.get((article, voter)) != left or left == taken_up:
            breaks.append(("broken chain", article, seq))
        present[article, voter] = taken_up
    breaks += [("other end", v[0], v[4]) for v in held.votes if present.get(v[1:3]) != v[3]]
    folded = Counter((article, reaction) for (article, _), reaction in present.items() if reaction is not None)
    counts = _difference("O4 fold", folded, held.tally)
    return Finding("O4 fold", counts.figure + len(breaks), (*counts.details, *breaks)[:5])


def negative(held: Stored) -> Finding:
    """O6: counts below zero."""
    return _finding("O6 negative", [row for row in held.tally.items() if row[1] < 0])


def explained(held: Stored) -> Finding:
    """O9: votes that are held without a hold in force or count although one is, and holds without a vote."""
    return Finding("O9 holds", held.unexplained)


def last_wins(log: Sequence[Attempt], held: Stored) -> Finding:
    """O7: readers whose vote is not their highest acknowledged ballot, nor a higher one that got no answer."""
    ballots: dict[tuple[str, str], list[Attempt]] = defaultdict(list)
    for attempt in log:
        ballots[attempt.article, attempt.reader].append(attempt)
    reaction_of = {(v[0], v[4]): v[3] for v in (*held.votes, *held.kept)}
    wrong: list[object] = []
    for (article, reader), attempts in ballots.items():
        highest = max((a.seq for a in attempts if a.acknowledged), default=None)
        may_be = {(a.seq, a.reaction) for a in attempts if not a.refused and a.seq >= (highest or 0)}
        found = {(seq, reaction_of[article, seq]) for seq in {a.seq for a in attempts} if (article, seq) in reaction_of}
        if not found <= may_be or (highest is not None and not found):
            wrong.append((article, reader, found))
    return _finding("O7 last wins", wrong)


def shapes(log: Iterable[Attempt], *, allowed: Collection[int] = (), resets: bool = False) -> Finding:
    """O8: answers other than 200 that the scenario does not allow, or that are no proper problem details.

    503 and 429 must say when to come back. `resets` allows answers that never came.
    """
    return _finding("O8 errors", [a for a in log if not a.acknowledged and not _proper(a, allowed, resets=resets)])


def _proper(attempt: Attempt, allowed: Collection[int], *, resets: bool) -> bool:
    if attempt.status == 0:
        return resets
    problem = attempt.body
    return (
        attempt.status in allowed
        and attempt.content_type.partition(";")[0] == PROBLEM
        and isinstance(problem, dict)
        and {"type", "title", "status", "detail"} <= problem.keys()
        and problem["status"] == attempt.status
        and (attempt.status not in (429, 503) or (attempt.retry_after or "").isdigit())
    )


def served(answers: Sequence[Any], held: Stored) -> Finding:
    """O5: |counts as the API gives them - counts as stored|, for the `articles` of an answer about counts."""
    article_ids = {v[0]: v[1] for v in held.votes}
    apart = []
    for answer in answers:
        article_id = article_ids.get(answer["article"])
        for reaction, n in answer["counts"].items():
            if n != held.tally.get((article_id, reaction), 0):  # type: ignore[arg-type]
                apart.append((answer["article"], reaction, n))
    return _finding("O5 served", apart)


def recovered(log: Sequence[Attempt], held: Stored) -> int:
    """How many ballots without an answer were counted all the same: allowed, and proof that the moment was hit."""
    answered = {(a.article, a.seq) for a in log if a.acknowledged}
    tried = {(a.article, a.seq) for a in log if a.status in (0, 503)}
    return len({(v[0], v[4]) for v in held.votes} & (tried - answered))


def _newest_stored(log: Sequence[Attempt], held: Stored) -> dict[tuple[str, str], int]:
    readers = {(a.article, a.seq): a.reader for a in log}
    newest: dict[tuple[str, str], int] = {}
    for article, _, _, _, seq in (*held.votes, *held.kept):
        reader = readers.get((article, seq))
        if reader is not None:
            newest[article, reader] = max(seq, newest.get((article, reader), -1))
    return newest


def _difference(oracle: str, right: Counter[tuple[int, str]], *others: dict[tuple[int, str], int]) -> Finding:
    apart = {
        key: (right[key], other.get(key, 0))
        for other in others
        for key in right.keys() | other.keys()
        if right[key] != other.get(key, 0)
    }
    return Finding(oracle, sum(abs(a - b) for a, b in apart.values()), tuple(apart.items())[:5])


def _finding(oracle: str, wrong: Sequence[object]) -> Finding:
    return Finding(oracle, len(wrong), tuple(wrong[:5]))
