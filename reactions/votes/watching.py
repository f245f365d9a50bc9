"""The watch: what the detector looks at, when, and what follows from a verdict.

Each process remembers the last hour of its own votes, in memory alone, and looks at them every few seconds in a thread of its
own: a vote causes no read or write for it. Processes share the table of verdicts: votes that one holds by a verdict, the others
hold too, both those they remember and later ones. The same thread counts held votes that are due; two
processes that do so at once do no harm, a vote is released once. The file is longer than 300 lines because looking, judging and
what follows share what is remembered.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Engine

from reactions.newsroom.sites import Site
from reactions.times import HOUR_MS, MINUTE_MS
from reactions.votes import detector, holds, review, usual, verdicts
from reactions.votes.ballot_box import Answer, BallotBox
from reactions.votes.detector import Finding, Seen
from reactions.votes.holds import SUSPECT, Held, Hold
from reactions.votes.others import SiteVotes
from reactions.votes.review import Choice
from reactions.votes.rules import Ballot, Receipt
from reactions.votes.usual import History
from reactions.votes.verdicts import Verdict

log = logging.getLogger(__name__)

WINDOWS_MS = (10 * MINUTE_MS, HOUR_MS)
HOLDING_MS = WINDOWS_MS[0]  # only this window holds by itself; a longer one is for editors to judge
LASTS_MS = 30 * MINUTE_MS  # for so long after its last suspect vote a verdict holds votes of its pattern
MOST_REMEMBERED = 300_000
RELEASE_EVERY_S = 60.0
_VERDICTS_AT_ONCE, _NAMED_AT_ONCE = 20, 200  # in a transaction, for whose end votes wait: some 15 ms
MOST_OF_CPU, LONGEST_PAUSE_S = 0.05, 60.0  # looks take that part of a core; a flood is still found within minutes
MOST_BESIDE = 500  # articles of a site whose views are looked up

_All = Mapping[int, tuple[Site, Sequence[Seen], bool]]  # by article: its votes of the last hour, and whether any is new
OnVerdict = Callable[[Site, Verdict], None]


@dataclass(slots=True)
class _Article:
    site: Site
    votes: deque[Seen] = field(default_factory=deque)
    news: bool = False

    def forget(self, before_ms: int) -> int:
        """Drop what is older; return how many votes that were."""
        count = 0
        while self.votes and self.votes[0].at_ms < before_ms:
            self.votes.popleft()
            count += 1
        return count


@dataclass(frozen=True, slots=True)
class _Found:
    """A verdict of a look, and the votes that it names."""

    site: Site
    verdict: Verdict
    votes: Sequence[Seen]
    is_new: bool


@dataclass(frozen=True, slots=True)
class Rules:
    """What an operator chooses."""

    every_s: float
    hold_automatically: bool
    suspect_held_for_ms: int


class Watch:
    """Watches the votes of one process. `note` is for the ballot box, after the commit; `hold_for` before it."""

    def __init__(
        self, engine: Engine, box: Callable[[], BallotBox], rules: Rules, *, clock: Callable[[], int], on_verdict: OnVerdict
    ) -> None:
        self._engine, self._box, self._rules, self._clock, self._on_verdict = engine, box, rules, clock, on_verdict
        self._articles: dict[int, _Article] = {}
        self._remembered = 0
        self._lock = threading.Lock()
        self._holding: Mapping[int, Sequence[Verdict]] = {}
        self._own: dict[tuple[int, str], Verdict] = {}
        self._votes_named: dict[str, set[Seen]] = {}  # by verdict: what a flood brought is named once, not each time
        self._history = History()
        self._pid: int | None = None

    def note(self, ballots: Sequence[Ballot], answers: Sequence[Answer]) -> None:
        """Remember the votes of a batch."""
        if not self._rules.every_s:
            return
        if self._pid != os.getpid():
            self._start()
        with self._lock:
            for ballot, answer in zip(ballots, answers, strict=True):
                if isinstance(answer, Receipt) and ballot.sender is not None and answer.reaction is not None:
                    self._remember(ballot, answer)

    def _remember(self, ballot: Ballot, receipt: Receipt) -> None:
        article = self._articles.get(receipt.article_id)
        if article is None:
            article = self._articles[receipt.article_id] = _Article(ballot.site)
        networks, proven = (ballot.sender.networks, ballot.sender.proven) if ballot.sender else ((), True)
        article.votes.append(Seen(ballot.at_ms, receipt.voter, receipt.reaction or "", networks, not proven, receipt.held))
        article.news = True
        self._remembered += 1
        if self._remembered > MOST_REMEMBERED:
            self._make_room()

    def _make_room(self) -> None:
        """Forget the oldest votes of the articles that have most: a flood displaces its own, and hides nobody else's."""
        room = max(MOST_REMEMBERED // 100, 1)
        for article in sorted(self._articles.values(), key=lambda article: len(article.votes), reverse=True):
            for _ in range(min(room, (len(article.votes) + 1) // 2)):
                article.votes.popleft()
                self._remembered -= 1
                room -= 1
            if not room:
                return

    def hold_for(self, ballot: Ballot) -> Hold | None:
        """Why a fresh vote is held, if it has the pattern of a verdict that holds votes."""
        for verdict in self._holding.get(ballot.article_id, ()):
            networks = ballot.sender.networks if ballot.sender else ()
            if ballot.at_ms < verdict.until_ms and verdict.pattern.fits(ballot.reaction or "", networks):
                due_ms = ballot.at_ms + self._rules.suspect_held_for_ms
                return Hold(holds.VERDICT, due_ms, networks[0] if networks else None, verdict.id)
        return None

    def _start(self) -> None:
        """Start the thread where the votes are: servers fork workers after the application is made."""
        self._pid = os.getpid()
        threading.Thread(target=self._go_on, name="watch", daemon=True).start()

    def _go_on(self) -> None:
        release_at = looked_s = 0.0
        while True:
            time.sleep(self._pause_s(looked_s))
            try:
                began = time.thread_time()
                self.look()
                looked_s = time.thread_time() - began
                if time.monotonic() >= release_at:
                    review.release_due(self._box(), now_ms=self._clock())
                    release_at = time.monotonic() + RELEASE_EVERY_S
            except Exception:  # the database may be away; the watch goes on
                log.exception("a look at the latest votes failed")

    def _pause_s(self, looked_s: float) -> float:
        """How long to wait after a look that took so much of the processor: a flood of votes must not make looking the work."""
        return max(self._rules.every_s, min(looked_s / MOST_OF_CPU, LONGEST_PAUSE_S))

    def look(self) -> list[Verdict]:
        """Judge every article that had votes since the last look; return the verdicts that are new."""
        now_ms = self._clock()
        seen = self._seen(now_ms)
        candidates = {a: votes for a, (_, votes, news) in seen.items() if news and _fresh(votes) >= detector.LEAST}
        with self._engine.connect() as connection:
            sites = {a: seen[a][0] for a in candidates}
            past = self._history.of(connection, sites, candidates, now_ms=now_ms, beside=_by_site(seen))
        every = self._votes_of_sites(seen, now_ms)
        found = [f for a, votes in candidates.items() if (f := self._judge(a, seen[a][0], votes, past[a], every, now_ms))]
        self._carry_out([(each.verdict, each.votes) for each in found])
        new = [each for each in found if each.is_new]
        for each in new:
            self._on_verdict(each.site, each.verdict)
        with self._engine.connect() as connection:
            others = verdicts.in_force(connection, now_ms=now_ms)
        self._hold_by(others, seen, now_ms)
        return [each.verdict for each in new]

    def _seen(self, now_ms: int) -> dict[int, tuple[Site, list[Seen], bool]]:
        """The votes of the last hour by article, each voter's latest, and whether any is new since the last look."""
        with self._lock:
            for article_id, article in list(self._articles.items()):
                self._remembered -= article.forget(now_ms - WINDOWS_MS[-1])
                if not article.votes:
                    del self._articles[article_id]
            found = {a: (each.site, list(each.votes), each.news) for a, each in self._articles.items()}
            for article in self._articles.values():
                article.news = False
        return {a: (site, list({v.voter: v for v in votes}.values()), news) for a, (site, votes, news) in found.items()}

    def _judge(
        self,
        article_id: int,
        site: Site,
        votes: Sequence[Seen],
        past: usual.Past,
        every: Mapping[int, SiteVotes],
        now_ms: int,
    ) -> _Found | None:
        """The verdict on an article, with the votes that it names."""
        for window_ms in WINDOWS_MS:
            window = [vote for vote in votes if vote.at_ms >= now_ms - window_ms]
            finding = detector.judge(window, past.for_window(window, every[site.id].but(article_id, window_ms), window_ms))
            if finding is not None:
                found = self._follow(article_id, site, window, finding, window_ms, now_ms)
                every[site.id].take(article_id, self._without_suspects(article_id, votes))
                return found
        return None

    def _votes_of_sites(self, seen: _All, now_ms: int) -> dict[int, SiteVotes]:
        """The votes of the last hour that no verdict names, by site."""
        every: dict[int, SiteVotes] = {}
        for article_id, (site, votes, _) in seen.items():
            of_site = every.setdefault(site.id, SiteVotes(WINDOWS_MS, now_ms=now_ms))
            of_site.take(article_id, self._without_suspects(article_id, votes))
        return every

    def _without_suspects(self, article_id: int, votes: Sequence[Seen]) -> Sequence[Seen]:
        """The votes that no verdict names: suspect ones are no measure for others."""
        own = [verdict.pattern for (of, _), verdict in self._own.items() if of == article_id]
        patterns = [*own, *(verdict.pattern for verdict in self._holding.get(article_id, ()))]
        if not patterns:
            return votes
        return [v for v in votes if not (v.fresh and any(pattern.fits(v.reaction, v.networks) for pattern in patterns))]

    def _follow(
        self, article_id: int, site: Site, window: Sequence[Seen], finding: Finding, window_ms: int, now_ms: int
    ) -> _Found | None:
        """A new verdict, or the one there is, which goes on; None if an editor has ended that."""
        fitting = [v for v in window if v.fresh and finding.pattern.fits(v.reaction, v.networks)]
        from_ms, to_ms = min(v.at_ms for v in fitting), max(v.at_ms for v in fitting)
        verdict = Verdict(
            id=verdicts.new_id(),
            site_id=site.id,
            article_id=article_id,
            at_ms=now_ms,
            from_ms=from_ms,
            to_ms=to_ms,
            until_ms=to_ms + LASTS_MS,
            cause=finding.cause,
            text="",
            pattern=finding.pattern,
            figures=finding.figures,
            enforced=self._rules.hold_automatically and window_ms == HOLDING_MS,
        )
        verdict = replace(verdict, text=verdicts.in_words(site, verdict))
        before = self._own.get((article_id, finding.cause))
        if before is not None:
            if self._was_ended(before, now_ms):
                return None
            verdict = _continued(before, verdict)
        self._own[article_id, finding.cause] = verdict
        return _Found(site, verdict, fitting, is_new=before is None)

    def _was_ended(self, verdict: Verdict, now_ms: int) -> bool:
        """Whether an editor has ended a verdict that goes on: then nothing follows from what it saw."""
        with self._engine.connect() as connection:
            return verdicts.is_over(connection, verdict, now_ms=now_ms)

    def _carry_out(self, found: Sequence[tuple[Verdict, Sequence[Seen]]]) -> None:
        """Store verdicts with their votes, many in a transaction, and hold those that count where a verdict is enforced."""
        box = self._box()
        for first in range(0, len(found), _VERDICTS_AT_ONCE):
            written = [verdict for verdict, _ in found[first : first + _VERDICTS_AT_ONCE]]
            box.transact(lambda connection, written=written: verdicts.write(connection, *written))  # type: ignore[misc]
        known = {verdict.id: self._votes_named.setdefault(verdict.id, set()) for verdict, _ in found}
        new = [(v, vote) for v, votes in found for vote in votes if vote not in known[v.id]]
        for first in range(0, len(new), _NAMED_AT_ONCE):
            some = new[first : first + _NAMED_AT_ONCE]
            named = [self._named(verdict, vote) for verdict, vote in some]
            box.transact(lambda connection, named=named: verdicts.name_votes(connection, named))  # type: ignore[misc]
            for verdict, vote in some:
                known[verdict.id].add(vote)
        for verdict, _ in found:
            if verdict.enforced:
                suspects = Choice(site_id=verdict.site_id, verdict=verdict.id, states=(SUSPECT,))
                review.hold(box, suspects, by=review.OPERATOR, now_ms=self._clock())

    def _named(self, verdict: Verdict, vote: Seen) -> Held:
        due_ms = vote.at_ms + self._rules.suspect_held_for_ms
        hold = Hold(holds.VERDICT, due_ms, vote.networks[0] if vote.networks else None, verdict.id)
        return Held(verdict.article_id, vote.voter, verdict.site_id, vote.at_ms, hold)

    def _hold_by(self, others: Sequence[Verdict], seen: _All, now_ms: int) -> None:
        """Hold by the verdicts that are in force, of all processes: votes to come, and those remembered here."""
        holding: defaultdict[int, list[Verdict]] = defaultdict(list)
        mine = {verdict.id for verdict in self._own.values()}
        known = {verdict.id for each in self._holding.values() for verdict in each}
        for verdict in others:
            holding[verdict.article_id].append(verdict)
            if verdict.id not in mine | known and verdict.article_id in seen:
                remembered = [v for v in seen[verdict.article_id][1] if v.at_ms >= verdict.from_ms and v.fresh]
                self._carry_out([(verdict, [v for v in remembered if verdict.pattern.fits(v.reaction, v.networks)])])
        self._holding = dict(holding)
        self._own = {key: verdict for key, verdict in self._own.items() if verdict.until_ms > now_ms}
        in_force = {verdict.id: verdict.article_id for verdict in (*self._own.values(), *others)}
        self._votes_named = {  # what is remembered no more is not found again
            id_: named.intersection(seen[in_force[id_]][1])
            for id_, named in self._votes_named.items()
            if id_ in in_force and in_force[id_] in seen
        }


def _by_site(seen: _All) -> dict[int, list[int]]:
    """The articles of each site, those with the most votes first, as many as may be asked about at once."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    for article_id, (site, _, _) in sorted(seen.items(), key=lambda each: -len(each[1][1])):
        if len(found[site.id]) < MOST_BESIDE:
            found[site.id].append(article_id)
    return found


def _fresh(votes: Sequence[Seen]) -> int:
    return sum(vote.fresh for vote in votes)


def _continued(before: Verdict, now: Verdict) -> Verdict:
    """A verdict that goes on: its networks are those of all its windows."""
    pattern = now.pattern
    if before.pattern.networks is not None and pattern.networks is not None:
        pattern = replace(pattern, networks=before.pattern.networks | pattern.networks)
    first = {"id": before.id, "at_ms": before.at_ms, "from_ms": min(before.from_ms, now.from_ms)}
    return replace(now, **first, pattern=pattern, enforced=now.enforced or before.enforced)  # type: ignore[arg-type]
