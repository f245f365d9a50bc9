"""What the newsroom may do to votes: reset an article, restore it, and merge two articles.

Each is a series of ballots through the ballot box: every changed vote leaves an event with its cause, tallies stay exact, and
a reader's own later vote wins. A run that was cut short is finished by running it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Select, and_, func, select

from reactions.languages import gettext
from reactions.newsroom import articles, interventions
from reactions.newsroom.articles import Article
from reactions.newsroom.sites import Site
from reactions.refusals import ChangedMeanwhile, VotesDropped
from reactions.storage import locks, tables
from reactions.storage.engines import writing
from reactions.times import DAY_MS, HOUR_MS
from reactions.votes import holds, imported, imported_views, ledger, tallies, views
from reactions.votes.ballot_box import Answer, BallotBox
from reactions.votes.holds import Hold
from reactions.votes.rules import Ballot, Receipt

_VOTES_AT_ONCE = 250
_v, _e, _i = tables.vote.c, tables.event.c, tables.intervention.c


@dataclass(frozen=True, slots=True)
class Editor:
    """Who revises: an editor of a site, through the ballot box, at a time (UTC ms). `by` is the name that is recorded."""

    engine: Engine
    box: BallotBox
    site: Site
    by: str
    now_ms: int


@dataclass(frozen=True, slots=True)
class _Vote:
    voter: bytes
    reaction: str
    seq: int
    held: bool = False


def reset(editor: Editor, key: str) -> int:
    """Withdraw every vote on an article; return how many. `undo_reset` takes it back. Raises UnknownArticle or VotesDropped."""
    with editor.engine.connect() as connection:
        article = articles.get(connection, editor.site, key)
        articles.refuse_dropped(article)
    count = _revise(
        editor,
        _standing(article.article_id),
        lambda _, votes: [_ballot(editor, article, vote, None, "reset") for vote in votes],
    )[article.article_id]
    _record(editor, article.key, "reset")
    return count


def undo_reset(editor: Editor, key: str) -> int:
    """Cast again what the last reset withdrew, except where the reader has voted since; return how many votes.

    Raises UnknownArticle or VotesDropped.
    """
    with editor.engine.connect() as connection:
        article = articles.get(connection, editor.site, key)
        articles.refuse_dropped(article)
        withdrawn = _withdrawn_by_reset(article.article_id)
        if connection.execute(withdrawn.limit(1)).first() is None:
            _refuse_forgotten_reset(connection, article.article_id)
    count = _revise(
        editor,
        withdrawn,
        lambda _, votes: [_ballot(editor, article, vote, vote.reaction, "restore") for vote in votes],
    )[article.article_id]
    _record(editor, article.key, "restored")
    return count


def merge(editor: Editor, key: str, *, into: str) -> int:
    """Move the votes of one article to another and let its keys lead there; return how many votes moved.

    Voting on the first is closed meanwhile. With reader scope `site`, a reader who voted on both is counted once, by the vote
    on the second. With scope `article` the pseudonyms of one reader on two articles cannot be told to be one: both count; but
    a vote that moved is found again when its reader votes on. Held votes stay held, and rejected ones rejected. Imported totals
    are added up. Raises UnknownArticle; VotesDropped if the votes of one of them are gone; ChangedMeanwhile if the second is
    being merged into the first, or the first into another one.
    """
    moved, first = 0, None
    while True:
        source, target = _end_voting(editor, key, into)
        if source.article_id == target.article_id:
            return moved
        if first is not None and first != source.article_id:
            raise ChangedMeanwhile(interventions.too_late())
        first = source.article_id
        locks.wait_for_counting(editor.engine)  # a batch that read the article as open may not have committed yet
        moved += _move_votes(editor, source, target)
        # It runs again if it and the writer of views have waited for each other.
        if editor.box.transact(lambda connection, pair=(source, target): _hand_over(connection, editor, *pair)):  # type: ignore[misc]
            return moved


def _end_voting(editor: Editor, key: str, into: str) -> tuple[Article, Article]:
    """Close an article whose votes are about to move, and return it and the one that they go to; nothing if these are one."""
    with writing(editor.engine) as connection:
        locks.lead_keys(connection)  # nobody begins a merge meanwhile, and no import that would keep this one from its end runs
        articles.lock(connection, [articles.get(connection, editor.site, name).article_id for name in (key, into)])
        source, target = (articles.get(connection, editor.site, name) for name in (key, into))
        if source.article_id == target.article_id:
            return source, target
        for article in (source, target):
            articles.refuse_dropped(article)
        step = target.article_id
        while (after := interventions.merging_into(connection, step)) is not None:
            step = after
            if step == source.article_id:
                raise ChangedMeanwhile(_the_other_way(target.key, source.key))
        interventions.close_to_merge(
            connection, editor.site, source.key, into=target.article_id, at_ms=editor.now_ms, by=editor.by
        )
    return source, target


def _the_other_way(key: str, into: str) -> str:
    return gettext(
        "%(key)s is being merged into %(into)s. Finish that by merging them so again, or open %(key)s again first.",
        key=repr(key),
        into=repr(into),
    )


def _move_votes(editor: Editor, source: Article, target: Article) -> int:
    """Move the standing votes of an article to another, with their holds; return how many were cast there.

    A vote leaves and arrives in one transaction that has locked it: whoever forgets its reader, or decides about it, does so
    before or after.
    """

    def move(connection: Connection, votes: Sequence[_Vote]) -> list[Ballot]:
        known: Collection[bytes] = ()
        if editor.site.reader_scope == "site":
            known = _voters_among(connection, target.article_id, [vote.voter for vote in votes])
        moving = [vote for vote in votes if vote.voter not in known]
        leaving = [_ballot(editor, source, vote, None, "merge") for vote in votes]
        return leaving + [_ballot(editor, target, vote, vote.reaction, "merge", seq=vote.seq) for vote in moving]

    def move_holds(connection: Connection, outcomes: Sequence[Answer]) -> None:
        """Let the holds follow of votes that are held there too: one that its reader has cast or taken back later is not."""
        arrived = [each for each in outcomes if isinstance(each, Receipt) and each.article_id == target.article_id]
        holds.move(connection, source.article_id, {each.voter for each in arrived if each.held}, into=target.article_id)

    return _revise(editor, _standing(source.article_id), move, follow=move_holds)[target.article_id]


def _hand_over(connection: Connection, editor: Editor, source: Article, target: Article) -> bool:
    """Views and what was imported go with the keys, in one transaction: what came between would stay where nobody looks.

    False, and nothing is changed, if votes have come meanwhile, or either was merged or deleted.
    """
    imported.hold_sources(connection, editor.site.id, [source.article_id])
    locks.lead_keys(connection)
    both = {source.article_id, target.article_id}
    standing = articles.lock_standing(connection, both)
    locks.stop_counting(connection)  # whoever writes views, or brings votes, has found this article, or finds the other
    if standing != both or _has_votes(connection, source.article_id):
        return False
    imported.merge(connection, editor.site.id, source.article_id, into=target.article_id)
    views.move(connection, source.article_id, into=target.article_id)
    imported_views.move(connection, editor.site.id, source.article_id, into=target.article_id)
    interventions.forward(connection, editor.site, source.key, into=target.key, at_ms=editor.now_ms, by=editor.by)
    tallies.note_rewrite(connection, from_hour=editor.now_ms // HOUR_MS)
    return True


def _ballot(editor: Editor, article: Article, vote: _Vote, reaction: str | None, cause: str, *, seq: int | None = None) -> Ballot:
    """A ballot that changes a vote as it was read: a reader's vote cast since has a higher seq, and wins."""
    at = vote.seq + 1 if seq is None else seq
    held = Hold(cause, editor.now_ms + DAY_MS) if vote.held and reaction is not None else None
    return Ballot(editor.site, article.key, article.article_id, reaction, b"", at, editor.now_ms, cause, vote.voter, held=held)


def _revise(
    editor: Editor,
    chosen: Select[Any],
    ballots_on: Callable[[Connection, Sequence[_Vote]], Sequence[Ballot]],
    *,
    follow: Callable[[Connection, Sequence[Answer]], None] = lambda *_: None,
) -> Counter[int]:
    """Count ballots on the votes that a query chooses, some at a time in the order of voters; how many on each article.

    They are looked for first, then locked, as in `review`. Each of the voters is visited once, whoever votes again meanwhile.
    """
    counted: Counter[int] = Counter()
    after = b""
    while True:
        listed: list[bytes] = []

        def find(connection: Connection, start: bytes = after, listed: list[bytes] = listed) -> Sequence[Ballot]:
            some = connection.execute(chosen.where(_v.voter > start).order_by(_v.voter).limit(_VOTES_AT_ONCE))
            listed[:] = [bytes(row.voter) for row in some]
            if not listed:
                return []
            locked = chosen.where(_v.voter.in_(listed)).order_by(_v.voter).with_for_update(of=tables.vote)
            return ballots_on(connection, [_Vote(bytes(voter), *rest) for voter, *rest in connection.execute(locked).all()])

        for outcome in editor.box.count_found(find, follow=follow):
            if not isinstance(outcome, Receipt):
                raise outcome
            counted[outcome.article_id] += 1
        if not listed:
            return counted
        after = listed[-1]


def _standing(article_id: int) -> Select[Any]:
    return select(_v.voter, _v.reaction, _v.seq, _v.held).where(_v.article_id == article_id, _v.reaction.is_not(None))


def _has_votes(connection: Connection, article_id: int) -> bool:
    return connection.execute(_standing(article_id).limit(1)).first() is not None


def _withdrawn_by_reset(article_id: int) -> Select[Any]:
    same = and_(_e.article_id == _v.article_id, _e.voter == _v.voter, _e.seq == _v.seq)
    withdrawn = select(_v.voter, _e.from_reaction, _v.seq).join(tables.event, same)
    return withdrawn.where(_v.article_id == article_id, _v.reaction.is_(None), _e.cause == "reset")


def _voters_among(connection: Connection, article_id: int, voters: Collection[bytes]) -> frozenset[bytes]:
    """Those of the voters who have a vote on an article."""
    standing = select(_v.voter).where(_v.article_id == article_id, _v.voter.in_(voters), _v.reaction.is_not(None))
    return frozenset(map(bytes, connection.execute(standing).scalars()))


def _refuse_forgotten_reset(connection: Connection, article_id: int) -> None:
    """Raise VotesDropped if the ledger no longer knows what the last reset has withdrawn."""
    last = select(func.max(_i.at)).where(_i.article_id == article_id, _i.what == "reset")
    start, reset_ms = ledger.start(connection), connection.execute(last).scalar()
    if start is not None and reset_ms is not None and reset_ms < start.at_ms:
        raise VotesDropped(gettext("The reset cannot be undone: the month of the ledger in which it was made was dropped."))


def _record(editor: Editor, key: str, what: str) -> None:
    with writing(editor.engine) as connection:
        articles.refuse_dropped(articles.get_to_change(connection, editor.site, key))  # as since the votes were looked for
        interventions.record_revision(connection, editor.site, key, what, at_ms=editor.now_ms, by=editor.by)
