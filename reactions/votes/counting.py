"""One transaction: a batch of ballots becomes votes, events, the hourly series and tallies, all of them or none.

`ballot_box` calls it, and nothing else may: beside `review`, which holds and releases votes, this is the only code that changes
a vote, or the votes of a tally.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, String, and_, case, func, literal_column, or_, select

from reactions.newsroom import articles, registering
from reactions.newsroom.article_keys import ArticleKey
from reactions.newsroom.articles import Article, Asked, Place
from reactions.newsroom.registering import Budget
from reactions.newsroom.sites import Site
from reactions.refusals import Refusal, UnknownReaction
from reactions.storage import lists, statements, tables
from reactions.storage.statements import ManyRows
from reactions.votes import holds, ledger, readers, rules, tallies
from reactions.votes.holds import Held
from reactions.votes.rules import Ballot, Counts, Receipt

Outcome = Receipt | Refusal
Voter = tuple[int, bytes]  # article id, pseudonym
_Standing = tuple[str | None, bool]  # present reaction, whether it is held
# A previous reaction of '' is none, of a reader who has voted on the article before; NULL is none, of one who never has.
_VOTED_BEFORE: ColumnElement[str] = literal_column("''", String)

_v = tables.vote.c


class _Change(NamedTuple):
    """What a stored ballot changed, whether the reader had voted on the article before, and whether the vote is held."""

    previous: str | None
    reaction: str | None
    voted_before: bool
    held: bool


class _Applied(NamedTuple):
    """How each voter's vote stands after a batch, what was changed, and the counts of its articles."""

    present: dict[Voter, _Standing]
    shifts: list[tallies.Shift]
    counts: dict[int, dict[str, int]]


def count(
    connection: Connection,
    ballots: Sequence[Ballot],
    *,
    pseudonym_key: bytes,
    budget: Budget = registering.no_budget,
    clock: Callable[[], int] | None = None,
    asked: Asked | None = None,
    commits: bool = False,
) -> list[Outcome]:
    """Count a batch inside the caller's writing transaction; the outcomes stand in the order of the ballots.

    Ballots are refused on articles that are closed or unknown, or new and beyond the quota or the `budget` of their network.
    `clock` gives the present time (UTC ms), which decides whether a vote is late; without it the caller calls
    `tallies.note_rewrite` last. `asked` is what `ask_articles` has returned, if that was called before.
    Nothing is durable until the caller commits. With `commits`, PostgreSQL does so with the last statements, unless some of it
    is late.
    """
    placed = _placed(connection, ballots, budget, asked)
    voters = _voters(connection, ballots, placed, pseudonym_key)
    fresh = {b.site.id: b.site for b, at in zip(ballots, placed, strict=True) if isinstance(at, Article) and at.fresh}
    applied = _apply(connection, ballots, voters, [site for _, site in sorted(fresh.items())], clock if commits else None)
    if clock is not None:  # last, because a statement may have waited for long
        tallies.note_late(connection, applied.shifts, at_ms=clock())
    shown: dict[tuple[int, str], Counts] = {}
    outcomes: list[Outcome] = []
    for at, (ballot, article) in enumerate(zip(ballots, placed, strict=True)):
        if isinstance(article, Refusal):
            outcomes.append(article)
            continue
        name = ballot.site.id, ballot.article
        if name not in shown:  # once for all ballots that came by the same key
            shown[name] = rules.shown(ballot.site, ballot.article, applied.counts[article.article_id], article)
        voter, (reaction, held) = voters[at], applied.present[voters[at]]
        counts = rules.with_one_more(shown[name], reaction) if held else shown[name]
        outcomes.append(Receipt(reaction, counts, article.article_id, voter[1], held))
    return outcomes


def ask_articles(connection: Connection, ballots: Sequence[Ballot]) -> Asked:
    """Ask for the articles of a batch, in a trip with what else is asked at its beginning."""
    return articles.ask(connection, {ballot.article_id for ballot in ballots if ballot.voter is None})


def _placed(connection: Connection, ballots: Sequence[Ballot], budget: Budget, asked: Asked | None) -> list[Article | Refusal]:
    """The article of each ballot, or why it is refused. An editor's ballot names its article itself."""
    by_name = {(b.site.id, b.article): b for b in ballots if b.voter is None}
    found = registering.find_open(connection, list(map(_place, by_name.values())), budget=budget, asked=asked) if by_name else {}
    revised = {b.article_id for b in ballots if b.voter is not None}
    there, dropped = _standing_of(connection, revised) if revised else (frozenset(), frozenset())
    return [_checked(b, found[b.site.id, b.article]) if b.voter is None else _revised(b, there, dropped) for b in ballots]


def _standing_of(connection: Connection, article_ids: Collection[int]) -> tuple[frozenset[int], frozenset[int]]:
    return articles.ids_standing(connection, article_ids), articles.ids_dropped(connection, article_ids)


def _revised(ballot: Ballot, there: Collection[int], dropped: Collection[int]) -> Article | Refusal:
    """The article of an editor's ballot, which is counted on closed articles too; not where it or its votes are gone."""
    if ballot.article_id not in there:
        return articles.unknown(ballot.site, ballot.article)
    return articles.votes_dropped() if ballot.article_id in dropped else Article(ballot.article_id, ballot.article)


def _place(ballot: Ballot) -> Place:
    return Place(ballot.site, ArticleKey(ballot.article, ballot.article_id), ballot.at_ms, ballot.network, ballot.signed)


def _checked(ballot: Ballot, article: Article | Refusal) -> Article | Refusal:
    """Refuse a reaction that the article's section does not offer."""
    if isinstance(article, Article) and article.section in ballot.site.section_reactions and ballot.reaction is not None:
        offered = ballot.site.offered_in(article.section).keys
        if ballot.reaction not in offered:
            return UnknownReaction(f"This section does not offer {ballot.reaction}. It offers: {', '.join(offered)}.")
    return article


def _voters(
    connection: Connection, ballots: Sequence[Ballot], placed: Sequence[Article | Refusal], key: bytes
) -> dict[int, Voter]:
    """The votes that the accepted ballots are about, by the ballots' place in the batch."""
    voters: dict[int, Voter] = {}
    moved: dict[int, list[Voter]] = {}
    for at, (ballot, article) in enumerate(zip(ballots, placed, strict=True)):
        if not isinstance(article, Article):
            continue
        voters[at] = article.article_id, ballot.voter or _pseudonym(key, ballot, article.article_id)
        if article.merged_from and ballot.voter is None and ballot.site.reader_scope == "article":
            moved[at] = [(article.article_id, _pseudonym(key, ballot, former)) for former in article.merged_from]
    return voters | _votes_that_moved(connection, moved)


def _votes_that_moved(connection: Connection, moved: Mapping[int, Sequence[Voter]]) -> dict[int, Voter]:
    """Votes that a merge brought along keep the pseudonym they were cast under: find the reader's among them."""
    asked = [voter for candidates in moved.values() for voter in candidates]
    known = _stored(connection, asked).keys()
    return {at: voter for at, candidates in moved.items() for voter in candidates if voter in known}


def _pseudonym(key: bytes, ballot: Ballot, article_id: int) -> bytes:
    scope = article_id if ballot.site.reader_scope == "article" else None
    return readers.pseudonym(key, site=ballot.site.key, article_id=scope, reader=ballot.reader)


def _apply(
    connection: Connection,
    ballots: Sequence[Ballot],
    voters: dict[int, Voter],
    grown: Sequence[Site],
    clock: Callable[[], int] | None,
) -> _Applied:
    """Store the votes and all that follows from them; commit if there is a `clock` by which none of it is late.

    `grown` are the sites that have fresh articles.
    """
    present: dict[Voter, _Standing] = {}
    events: list[ledger.Event] = []
    shifts: list[tallies.Shift] = []
    held_by: dict[Voter, Ballot] = {}
    for turn in _turns(voters):
        for voter, change in _store(connection, ballots, turn).items():
            present[voter] = change.reaction, change.held
            ballot = ballots[turn[voter]]
            if change.held and ballot.held:
                held_by[voter] = ballot
            if change.previous != change.reaction:
                events.append(_event(voter, ballot, change))
                first = not change.voted_before and ballot.cause == rules.CAST
                shifts += [] if change.held else [tallies.Shift(voter[0], ballot.at_ms, change.previous, change.reaction, first)]
    if held_by:
        holds.record(connection, [Held(*voter, b.site.id, b.at_ms, b.held) for voter, b in held_by.items() if b.held])
    present |= _stored(connection, set(voters.values()) - present.keys())
    with statements.in_one_trip(connection, commits=clock is not None and not tallies.are_late(shifts, at_ms=clock())):
        ledger.append(connection, events)
        tallies.shift(connection, shifts)
        counts = tallies.ask_counts(connection, {article_id for article_id, _ in voters.values()})
        for site in grown:  # last, because others who register some wait here until this transaction ends
            articles.note_change(connection, site)
    return _Applied(present, shifts, counts())


def _event(voter: Voter, ballot: Ballot, change: _Change) -> ledger.Event:
    return ledger.Event(*voter, ballot.seq, change.previous, change.reaction, ballot.cause, ballot.at_ms, change.held)


def _turns(voters: dict[int, Voter]) -> list[dict[Voter, int]]:
    """Split a batch so that each voter votes once a turn, in the order of arrival.

    PostgreSQL refuses to touch a row twice in one statement, and each applied change is an event of its own.
    """
    once = {voter: at for at, voter in voters.items()}
    if len(once) == len(voters):
        return [once] if once else []
    turns: list[dict[Voter, int]] = []
    next_turn: dict[Voter, int] = {}
    for at, voter in voters.items():
        turn = next_turn.get(voter, 0)
        next_turn[voter] = turn + 1
        if turn == len(turns):
            turns.append({})
        turns[turn][voter] = at
    return turns


def _store(connection: Connection, ballots: Sequence[Ballot], turn: dict[Voter, int]) -> dict[Voter, _Change]:
    """Upsert one vote for each voter, rows in order so that two batches cannot deadlock; return the votes that were written.

    A ballot whose seq is not above the stored one writes nothing and returns nothing.
    """
    rows = [_row(voter, ballots[turn[voter]]) for voter in sorted(turn)]
    with statements.in_one_trip(connection):
        answer = _VOTES.begin(connection, rows)
    return {
        (article_id, voter): _Change(previous or None, reaction, previous is not None, bool(held))
        for article_id, voter, previous, reaction, held in answer()
    }


def _row(voter: Voter, ballot: Ballot) -> tuple[Any, ...]:
    return (*voter, ballot.reaction, ballot.seq, ballot.held is not None, ballot.at_ms, ballot.at_ms)


def _change_vote(insert: Any) -> Any:
    return insert.on_conflict_do_update(
        index_elements=["article_id", "voter"],
        set_={
            "previous": func.coalesce(_v.reaction, case((_v.previous.is_not(None), _VOTED_BEFORE))),
            "reaction": insert.excluded.reaction,
            "seq": insert.excluded.seq,
            "held": or_(_v.held, and_(_v.reaction.is_(None), insert.excluded.held)),  # what counts already goes on counting
            "cast_at": case((and_(_v.reaction.is_(None), _v.previous.is_(None)), insert.excluded.cast_at), else_=_v.cast_at),
            "changed_at": insert.excluded.changed_at,
        },
        where=insert.excluded.seq > _v.seq,
    ).returning(_v.article_id, _v.voter, _v.previous, _v.reaction, _v.held)


_VOTES = ManyRows(tables.vote, ["article_id", "voter", "reaction", "seq", "held", "cast_at", "changed_at"], _change_vote)


def _stored(connection: Connection, voters: Collection[Voter]) -> dict[Voter, _Standing]:
    """How the votes stand whose ballots were all stale."""
    if not voters:
        return {}
    asked = select(_v.article_id, _v.voter, _v.reaction, _v.held).where(lists.of_voters(connection, _v, voters))
    return {(article_id, voter): (reaction, held) for article_id, voter, reaction, held in connection.execute(asked)}
