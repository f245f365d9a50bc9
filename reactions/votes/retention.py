"""Retention: a site may keep the votes of an article for some days only. Its counts and its hourly series stay.

Voting on the article ends for good first: nobody could tell any more who has voted. Then its events and votes go in small steps,
the latest event of each voter first, each step a transaction in which every number still agrees, because `dropped` takes on what
goes: so much of the counts is of votes, of events and of first votes that are there no longer. A run that was cut short is
finished by the next one. Articles with held votes wait until these are released or rejected.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, delete, exists, func, or_, select, tuple_, update

from reactions.languages import gettext
from reactions.newsroom import articles, interventions, outdated
from reactions.newsroom.sites import Site
from reactions.refusals import ImportConflict
from reactions.storage import lists, locks, tables
from reactions.storage.engines import writing
from reactions.storage.statements import ManyRows
from reactions.times import DAY_MS
from reactions.votes import holds, ledger, sealing
from reactions.votes.ballot_box import BallotBox
from reactions.votes.holds import HELD
from reactions.votes.ledger import Event
from reactions.votes.rules import BRING_A_READER

BY = "retention"
_MARK = "votes dropped"
AT_ONCE = 50  # events, and votes, that one transaction drops on SQLite, where it is the only writer
REST_S = 0.02  # between two of them, so that writers who wait for SQLite's lock find it free
AT_ONCE_BESIDE = 500  # where it writes beside others: nobody else touches the rows of an article that takes no votes
_ARTICLES_AT_ONCE = 50
_a, _v, _e, _h, _i, _gone = (
    tables.article.c, tables.vote.c, tables.event.c, tables.hold.c, tables.intervention.c, tables.dropped.c
)  # fmt: skip

_Base = Counter[tuple[str, str]]  # by column of `dropped` and reaction


def drop_old_votes(engine: Engine, box: BallotBox, site: Site, *, now_ms: int) -> int:
    """Drop the votes of articles that are older than the site keeps them and were not voted on since; return of how many.

    Articles that an earlier run has begun with are finished, whatever the site keeps now.
    """
    with engine.connect() as connection:
        ids = _begun(connection, site)
        old = _old(connection, site, now_ms) if site.keep_votes_days is not None else []
    for first in range(0, len(old), _ARTICLES_AT_ONCE):
        ids += _end_voting(engine, site, old[first : first + _ARTICLES_AT_ONCE], now_ms)
    if ids:
        locks.wait_for_counting(engine)  # an editor's ballots that found an article unmarked are counted first
    for article_id in ids:
        drop_votes(box, article_id, now_ms=now_ms)
    return len(ids)


def drop_votes(box: BallotBox, article_id: int, *, now_ms: int) -> None:
    """Drop what is left of the votes on an article on which voting has ended for good."""
    while (rest_s := box.transact(lambda connection: _drop_some(connection, article_id, now_ms))) is not None:
        time.sleep(rest_s)


def erase(connection: Connection, article_ids: Collection[int]) -> None:
    """Forget what dropped votes amounted to, of articles whose tallies go with it."""
    sealing.take_turn(connection)
    rows = connection.execute(select(*_gone).where(_gone.article_id.in_(article_ids))).all()
    if rows:
        connection.execute(delete(tables.dropped).where(_gone.article_id.in_(article_ids)))
        sealing.correct_dropped(connection, rows, [])


def ids_with_any_gone(connection: Connection, article_ids: Collection[int]) -> frozenset[int]:
    """Those of the ids of which something was dropped: their votes, or events of old months."""
    gone = select(_gone.article_id).where(_gone.article_id.in_(article_ids)).distinct()
    return articles.ids_dropped(connection, article_ids) | frozenset(connection.execute(gone).scalars())


def refuse_take_back(connection: Connection, site: Site) -> None:
    """Raise ImportConflict if votes of the site were dropped: some may be those of an import, which cannot be told any more."""
    gone = or_(_a.votes_dropped_at.is_not(None), exists().where(_gone.article_id == _a.article_id))
    dropped = select(_a.article_id).where(_a.site_id == site.id, gone)
    if connection.execute(dropped.limit(1)).scalar() is not None:
        raise ImportConflict(
            gettext(
                "%(site)s has dropped votes of old articles, perhaps some of this import's: what it brought is no longer known.",
                site=site.key,
            )
        )


def _begun(connection: Connection, site: Site) -> list[int]:
    left = or_(exists().where(_v.article_id == _a.article_id), exists().where(_e.article_id == _a.article_id))
    begun = select(_a.article_id).where(_a.site_id == site.id, _a.votes_dropped_at.is_not(None), left)
    return list(connection.execute(begun.order_by(_a.article_id)).scalars())


def _old(connection: Connection, site: Site, now_ms: int) -> list[int]:
    voted = exists().where(_v.article_id == _a.article_id)
    old = select(_a.article_id).where(_a.site_id == site.id, voted, *_is_old(site, now_ms))
    return list(connection.execute(old.order_by(_a.article_id)).scalars())


def _is_old(site: Site, now_ms: int) -> Sequence[ColumnElement[bool]]:
    """What makes an article one whose votes are dropped. While editors are at work on it, as with a merge, it is none."""
    assert site.keep_votes_days is not None
    before_ms = now_ms - site.keep_votes_days * DAY_MS
    changed = exists().where(_v.article_id == _a.article_id, _v.changed_at >= before_ms)
    under_review = exists().where(_h.article_id == _a.article_id, _h.state == HELD)
    in_work = exists().where(_i.article_id == _a.article_id, _i.at >= now_ms - DAY_MS, _i.what != _MARK)
    return (_a.votes_dropped_at.is_(None), before_ms > articles.BORN_MS, ~changed, ~under_review, ~in_work)


def _end_voting(engine: Engine, site: Site, ids: Sequence[int], now_ms: int) -> list[int]:
    """End voting on articles for good, but for those that were voted on meanwhile; return the others.

    They are marked once that is certain, because another run finishes whatever is marked.
    """
    with writing(engine) as connection:
        articles.lock(connection, ids)
        chosen = _still_old(connection, site, ids, now_ms)
        opened = select(_a.article_id).where(_a.article_id.in_(chosen), _a.closed_at.is_(None))
        were_open = set(connection.execute(opened).scalars())
        connection.execute(update(tables.article).where(_a.article_id.in_(were_open)).values(closed_at=now_ms))
        outdated.note_articles(connection, site.key, list(were_open))
    locks.wait_for_counting(engine)  # a batch that read an article as open may not have committed yet
    with writing(engine) as connection:
        articles.lock(connection, chosen)
        done = _still_old(connection, site, chosen, now_ms)
        ended = {"votes_dropped_at": now_ms, "closed_at": func.coalesce(_a.closed_at, now_ms)}
        connection.execute(update(tables.article).where(_a.article_id.in_(done)).values(ended))
        for article_id in done:
            interventions.record(connection, article_id, _MARK, at_ms=now_ms, by=BY)
        again = _a.article_id.in_(were_open - set(done)) & (_a.closed_at == now_ms)  # none that an editor closed meanwhile
        connection.execute(update(tables.article).where(again).values(closed_at=None))
    return done


def _still_old(connection: Connection, site: Site, ids: Collection[int], now_ms: int) -> list[int]:
    old = select(_a.article_id).where(_a.article_id.in_(ids), *_is_old(site, now_ms))
    return list(connection.execute(old.order_by(_a.article_id)).scalars())


def _drop_some(connection: Connection, article_id: int, now_ms: int) -> float | None:
    """Drop some events, then some votes; return for how long to rest (s) before the next ones, None if none are left."""
    sealing.take_turn(connection)
    most, rest_s = (AT_ONCE, REST_S) if connection.dialect.name == "sqlite" else (AT_ONCE_BESIDE, 0.0)
    base: _Base = Counter()
    events = _drop_events(connection, article_id, base, now_ms, most=most)
    # A vote goes after its events: whoever wants to be forgotten is found by it.
    votes = _drop_votes(connection, article_id, base, most=most) if events < most else most
    _add(connection, article_id, base)
    return None if events < most and votes < most else rest_s


def _drop_events(connection: Connection, article_id: int, base: _Base, now_ms: int, *, most: int) -> int:
    """Drop the next events, each voter's latest first, so that the first vote is told by the last to go."""
    mine = ledger.EVENTS.where(_e.article_id == article_id).order_by(_e.voter, _e.seq.desc()).limit(most)
    events = [Event(*row)._replace(voter=bytes(row.voter)) for row in connection.execute(mine)]
    if not events:
        return 0
    with ledger.procedure(connection, BY, at_ms=now_ms) as removed:
        keys = [(event.article_id, event.voter, event.seq) for event in events]
        connection.execute(delete(tables.event).where(tuple_(_e.article_id, _e.voter, _e.seq).in_(keys)))
        removed += events
    counted = [event for event in events if not event.held and event.taken_up is not None]
    first = {event.voter: event for event in counted}  # the last of each voter's that is in sight
    if _has_earlier(connection, events[-1]):
        first.pop(events[-1].voter, None)
    _leave_out_counted_earlier(connection, first)
    for event in events:
        if not event.held:
            base["events", event.taken_up or ""] += 1
            base["events", event.left or ""] -= 1
    for event in first.values():
        if event.cause in BRING_A_READER:
            base["readers", event.taken_up or ""] += 1
    return len(events)


def _leave_out_counted_earlier(connection: Connection, first: dict[bytes, Event]) -> None:
    """Leave out the voters who had voted before the ledger starts: the months that were dropped have counted them."""
    start = ledger.start(connection)
    if start is None or not first:
        return
    (article_id,) = {event.article_id for event in first.values()}
    cast = select(_v.voter, _v.cast_at).where(_v.article_id == article_id, _v.voter.in_(list(first)))
    for voter, cast_at in connection.execute(cast).all():
        if start.counted_earlier((article_id, voter := bytes(voter)), cast_at=cast_at, at_ms=first[voter].at_ms):
            del first[voter]


def _has_earlier(connection: Connection, event: Event) -> bool:
    """Whether a voter has events left that count a reaction."""
    left = (_e.article_id == event.article_id, _e.voter == event.voter, _e.held.is_(False), _e.to_reaction.is_not(None))
    return connection.execute(select(_e.seq).where(*left).limit(1)).scalar() is not None


def _drop_votes(connection: Connection, article_id: int, base: _Base, *, most: int) -> int:
    some = select(_v.voter, _v.reaction, _v.held).where(_v.article_id == article_id).order_by(_v.voter).limit(most)
    votes = connection.execute(some.with_for_update()).all()
    voters = [bytes(vote.voter) for vote in votes]
    connection.execute(delete(tables.vote).where(_v.article_id == article_id, _v.voter.in_(voters)))
    holds.remove(connection, [(article_id, voter) for voter in voters])
    for vote in votes:
        if vote.reaction is not None and not vote.held:
            base["votes", vote.reaction] += 1
    return len(votes)


def _add(connection: Connection, article_id: int, base: _Base) -> None:
    reactions = {reaction for (_, reaction), n in base.items() if n and reaction}
    take_on(connection, {(article_id, r): Gone(*(base[name, r] for name in Gone._fields)) for r in reactions})


class Gone(NamedTuple):
    """How much of a count is of votes, of events, and of first votes that are there no longer."""

    votes: int = 0
    events: int = 0
    readers: int = 0


def take_on(connection: Connection, more: Mapping[tuple[int, str], Gone]) -> None:
    """Add to what dropped votes amount to, by article and reaction, and account for that in the digest."""
    if not more:
        return
    rows = [(*key, *gone) for key, gone in sorted(more.items())]
    theirs = select(*_gone).where(lists.among(connection.dialect.name, _gone.article_id))
    ids = lists.ids(connection.dialect.name, {article_id for article_id, _ in more})
    before = connection.execute(theirs, ids).all()
    if connection.dialect.name == "sqlite":
        _TAKE_ON.execute(connection, rows)
    else:
        connection.exec_driver_sql(_TAKE_ON_ALL, tuple(map(list, zip(*rows, strict=True))))
    sealing.correct_dropped(connection, before, connection.execute(theirs, ids).all())


def _added(insert: Any) -> Any:
    sums = {name: _gone[name] + insert.excluded[name] for name in Gone._fields}
    return insert.on_conflict_do_update(index_elements=["article_id", "reaction"], set_=sums)


_TAKE_ON = ManyRows(tables.dropped, ["article_id", "reaction", *Gone._fields], _added)
# A month has a hundred thousand rows: PostgreSQL takes them as arrays.
_TAKE_ON_ALL = (
    "INSERT INTO dropped (article_id, reaction, votes, events, readers) "
    "SELECT * FROM unnest(%s::bigint[], %s::varchar[], %s::bigint[], %s::bigint[], %s::bigint[]) "
    "ON CONFLICT (article_id, reaction) DO UPDATE SET votes = dropped.votes + excluded.votes, "
    "events = dropped.events + excluded.events, readers = dropped.readers + excluded.readers"
)
