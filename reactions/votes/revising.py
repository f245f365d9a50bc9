"""What the newsroom may do to votes: reset an article, restore it, and merge two articles.

Each is a series of ballots through the ballot box: every changed vote leaves an event with its cause, tallies stay exact, and
a reader's own later vote wins. A run that was cut short is finished by running it again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, and_, func, select

from reactions.languages import gettext
from reactions.newsroom import articles, interventions
from reactions.newsroom.sites import Site
from reactions.refusals import VotesDropped
from reactions.storage import locks, tables
from reactions.storage.engines import writing
from reactions.times import DAY_MS, HOUR_MS
from reactions.votes import holds, imported, imported_views, ledger, tallies, views
from reactions.votes.ballot_box import BallotBox
from reactions.votes.holds import Hold
from reactions.votes.rules import Ballot, Receipt

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
        votes = _standing(connection, article.article_id)
    count = _count(editor, (_ballot(editor, article.article_id, article.key, vote, None, "reset") for vote in votes))
    _record(editor, article.key, "reset")
    return count


def undo_reset(editor: Editor, key: str) -> int:
    """Cast again what the last reset withdrew, except where the reader has voted since; return how many votes.

    Raises UnknownArticle or VotesDropped.
    """
    with editor.engine.connect() as connection:
        article = articles.get(connection, editor.site, key)
        articles.refuse_dropped(article)
        votes = _withdrawn_by_reset(connection, article.article_id)
        if not votes:
            _refuse_forgotten_reset(connection, article.article_id)
    count = _count(editor, (_ballot(editor, article.article_id, article.key, v, v.reaction, "restore") for v in votes))
    _record(editor, article.key, "restored")
    return count


def merge(editor: Editor, key: str, *, into: str) -> int:
    """Move the votes of one article to another and let its keys lead there; return how many votes moved.

    Voting on the first is closed meanwhile. With reader scope `site`, a reader who voted on both is counted once, by the vote
    on the second. With scope `article` the pseudonyms of one reader on two articles cannot be told to be one: both count; but
    a vote that moved is found again when its reader votes on. Held votes stay held, and rejected ones rejected. Imported totals
    are added up. Raises UnknownArticle, or VotesDropped if the votes of one of them are gone.
    """
    with writing(editor.engine) as connection:
        articles.lock(connection, [articles.get(connection, editor.site, name).article_id for name in (key, into)])
        source, target = (articles.get(connection, editor.site, name) for name in (key, into))
        if source.article_id == target.article_id:
            return 0
        for article in (source, target):
            articles.refuse_dropped(article)
        interventions.close(connection, editor.site, source.key, at_ms=editor.now_ms, by=editor.by)
    locks.wait_for_counting(editor.engine)  # a batch that read the article as open may not have committed yet
    with editor.engine.connect() as connection:
        votes = _standing(connection, source.article_id)
        known = _voters_of(connection, target.article_id) if editor.site.reader_scope == "site" else frozenset()
    moving = [vote for vote in votes if vote.voter not in known]
    cast = (_ballot(editor, target.article_id, target.key, v, v.reaction, "merge", seq=v.seq) for v in moving)
    count = _count(editor, cast)
    held = {vote.voter for vote in moving if vote.held}
    editor.box.transact(lambda connection: holds.move(connection, source.article_id, held, into=target.article_id))
    _count(editor, (_ballot(editor, source.article_id, source.key, vote, None, "merge") for vote in votes))

    def hand_over(connection: Connection) -> None:
        """Views and what was imported go with the keys, in one transaction: what came between would stay where nobody looks."""
        locks.stop_counting(connection)  # whoever writes views has found this article, or finds the other
        articles.lock(connection, [source.article_id, target.article_id])
        imported.merge(connection, editor.site.id, source.article_id, into=target.article_id)
        views.move(connection, source.article_id, into=target.article_id)
        imported_views.move(connection, editor.site.id, source.article_id, into=target.article_id)
        interventions.forward(connection, editor.site, source.key, into=target.key, at_ms=editor.now_ms, by=editor.by)
        tallies.note_rewrite(connection, from_hour=editor.now_ms // HOUR_MS)

    editor.box.transact(hand_over)  # which runs again if it and the writer of views have waited for each other
    return count


def _ballot(
    editor: Editor, article_id: int, key: str, vote: _Vote, reaction: str | None, cause: str, *, seq: int | None = None
) -> Ballot:
    """A ballot that changes a vote as it was read: a reader's vote cast since has a higher seq, and wins."""
    at = vote.seq + 1 if seq is None else seq
    held = Hold(cause, editor.now_ms + DAY_MS) if vote.held and reaction is not None else None
    return Ballot(editor.site, key, article_id, reaction, b"", at, editor.now_ms, cause, vote.voter, held=held)


def _count(editor: Editor, ballots: Iterable[Ballot]) -> int:
    answers = editor.box.count(list(ballots))
    for answer in answers:
        if not isinstance(answer, Receipt):
            raise answer
    return len(answers)


def _standing(connection: Connection, article_id: int) -> list[_Vote]:
    standing = select(_v.voter, _v.reaction, _v.seq, _v.held).where(_v.article_id == article_id, _v.reaction.is_not(None))
    return [_Vote(bytes(voter), reaction, seq, held) for voter, reaction, seq, held in connection.execute(standing)]


def _withdrawn_by_reset(connection: Connection, article_id: int) -> list[_Vote]:
    same = and_(_e.article_id == _v.article_id, _e.voter == _v.voter, _e.seq == _v.seq)
    withdrawn = (
        select(_v.voter, _e.from_reaction, _v.seq)
        .join(tables.event, same)
        .where(_v.article_id == article_id, _v.reaction.is_(None), _e.cause == "reset")
    )
    return [_Vote(bytes(voter), reaction, seq) for voter, reaction, seq in connection.execute(withdrawn)]


def _refuse_forgotten_reset(connection: Connection, article_id: int) -> None:
    """Raise VotesDropped if the ledger no longer knows what the last reset has withdrawn."""
    last = select(func.max(_i.at)).where(_i.article_id == article_id, _i.what == "reset")
    start, reset_ms = ledger.start(connection), connection.execute(last).scalar()
    if start is not None and reset_ms is not None and reset_ms < start.at_ms:
        raise VotesDropped(gettext("The reset cannot be undone: the month of the ledger in which it was made was dropped."))


def _voters_of(connection: Connection, article_id: int) -> frozenset[bytes]:
    standing = select(_v.voter).where(_v.article_id == article_id, _v.reaction.is_not(None))
    return frozenset(map(bytes, connection.execute(standing).scalars()))


def _record(editor: Editor, key: str, what: str) -> None:
    with writing(editor.engine) as connection:
        interventions.record_revision(connection, editor.site, key, what, at_ms=editor.now_ms, by=editor.by)
