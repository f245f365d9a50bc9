"""Recounting: it corrects numbers that disagree, from the votes.

The votes decide, because every other number is computed from them, and a unique key allows one vote for each reader and article.
If the ledger does not end at a vote's present state, an event with the cause `recount` leads it there; no event is changed, and a
digest that differs is still reported. The hourly series follows the ledger, hour by hour, and the tally
the votes. Once the votes of an article, or months of its ledger, were dropped, only its tally can be set: the rest is not known
any more.

An article is corrected in one transaction of the ballot box that no counting runs beside.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, cast, delete, exists, func, insert, or_, select

from reactions.newsroom import articles, interventions
from reactions.newsroom.sites import Site
from reactions.storage import locks, tables
from reactions.storage.engines import insert_for
from reactions.storage.tables import READERS
from reactions.votes import drift, integrity, ledger, tallies
from reactions.votes.ballot_box import BallotBox
from reactions.votes.ledger import Event

CAUSE = "recount"
_ARTICLES_AT_ONCE = 200
_a, _t, _v, _e, _h = tables.article.c, tables.tally.c, tables.vote.c, tables.event.c, tables.hourly.c
_gone = tables.dropped.c


class Article(NamedTuple):
    """An article of a site, and whether its votes were dropped, or some of their events."""

    site_id: int
    article_id: int
    key: str
    votes_dropped: bool


class Finding(NamedTuple):
    """An article with drift: what differs, and how many votes its tally should tell, by reaction."""

    article: Article
    differences: Sequence[object]
    votes: dict[str, int]


def find(connection: Connection, site: Site | None, article_id: int | None) -> Iterator[Finding]:
    """The articles with drift, of all sites or one, or one article; in the caller's snapshot."""
    of_site = () if site is None else (_a.site_id == site.id,)
    named = () if article_id is None else (_a.article_id == article_id,)
    gone = or_(_a.votes_dropped_at.is_not(None), exists().where(_gone.article_id == _a.article_id))
    asked = select(_a.site_id, _a.article_id, _a.key, gone).where(*of_site, *named)
    every = [Article(*row) for row in connection.execute(asked.order_by(_a.site_id, _a.key))]
    for first in range(0, len(every), _ARTICLES_AT_ONCE):
        some = {article.article_id: article for article in every[first : first + _ARTICLES_AT_ONCE]}
        for found, differences in drift.of_articles(connection, list(some)).items():
            votes = {r: n for (_, r), n in integrity.recounted(connection, [found]).items()}
            yield Finding(some[found], differences, votes)


def correct(box: BallotBox, article: Article, *, by: str, now_ms: int) -> list[object]:
    """Set an article's numbers from its votes, and record who did it; return what differs still."""

    def work(connection: Connection) -> list[object]:
        locks.stop_counting(connection)
        if not articles.ids_known(connection, [article.article_id]):
            return []  # it was deleted since it was looked at
        rows = select(_t.reaction).where(_t.article_id == article.article_id).order_by(_t.reaction)
        connection.execute(rows.with_for_update()).all()  # an import that is taken back locks them too
        first = tallies.first_hour_of(connection, [article.article_id])
        if not article.votes_dropped:
            _lead_ledger_to_votes(connection, article.article_id, now_ms)
            _rewrite_series(connection, article.article_id)
        _set_tally(connection, article.article_id)
        first = min(first, tallies.first_hour_of(connection, [article.article_id]))
        tallies.note_rewrite(connection, from_hour=first)
        interventions.record(connection, article.article_id, "recounted", at_ms=now_ms, by=by)
        return drift.of_articles(connection, [article.article_id]).get(article.article_id, [])

    return box.transact(work)


def _lead_ledger_to_votes(connection: Connection, article_id: int, now_ms: int) -> None:
    """Append an event for each vote that its events do not end in."""
    apart: dict[bytes, Counter[str]] = {}
    for voter, reaction, n in connection.execute(_apart(article_id)):
        apart.setdefault(bytes(voter), Counter())[reaction] = n
    for voter, missing in apart.items():
        gained, lost = list(missing.elements()), list((-missing).elements())  # elements() passes over what is below 1
        seq = _last_seq(connection, article_id, voter)
        moves = max(len(gained), len(lost))
        pairs = zip([*lost, *[None] * (moves - len(lost))], [*gained, *[None] * (moves - len(gained))], strict=True)
        events = [
            Event(article_id, voter, seq + at, left, taken_up, CAUSE, now_ms) for at, (left, taken_up) in enumerate(pairs, 1)
        ]
        ledger.append(connection, events)
        _remember_voter(connection, article_id, voter, seq + moves, now_ms)


def _remember_voter(connection: Connection, article_id: int, voter: bytes, seq: int, now_ms: int) -> None:
    """Let the voter's next vote follow the events added, and be no first one; a vote that is missing comes back as withdrawn."""
    row = {"article_id": article_id, "voter": voter, "previous": "", "seq": seq, "cast_at": now_ms, "changed_at": now_ms}
    statement = insert_for(connection)(tables.vote).values(row)
    kept = {"seq": statement.excluded.seq, "previous": func.coalesce(_v.previous, statement.excluded.previous)}
    connection.execute(statement.on_conflict_do_update(index_elements=["article_id", "voter"], set_=kept))


def _apart(article_id: int) -> Any:
    """By voter and reaction, how many more votes there are (1 or none) than the voter's events amount to."""
    one, counted = cast(1, BigInteger), (_e.article_id == article_id, _e.held.is_(False))
    standing = (_v.article_id == article_id, _v.held.is_(False))
    parts = [
        select(_v.voter, _v.reaction.label("reaction"), one.label("by")).where(*standing),
        select(_e.voter, _e.to_reaction, -one).where(*counted),
        select(_e.voter, _e.from_reaction, one).where(*counted),
    ]
    p = parts[0].union_all(*parts[1:]).subquery().c
    total = func.sum(p.by)
    grouped = select(p.voter, p.reaction, cast(total, BigInteger)).where(p.reaction.is_not(None)).group_by(p.voter, p.reaction)
    return grouped.having(total != 0).order_by(p.voter, p.reaction)


def _last_seq(connection: Connection, article_id: int, voter: bytes) -> int:
    seqs = [select(func.max(columns.seq)).where(columns.article_id == article_id, columns.voter == voter) for columns in (_v, _e)]
    return max(connection.execute(seq).scalar() or 0 for seq in seqs)


def _rewrite_series(connection: Connection, article_id: int) -> None:
    """Let the hourly series say what the ledger does, in every hour. Rows that say so already are left alone."""
    events = ledger.EVENTS.where(_e.article_id == article_id).order_by(_e.voter, _e.seq)
    told = tallies.hourly_rows(list(ledger.shifts_of(Event(*row) for row in connection.execute(events))))
    right = {(hour, reaction): tuple(numbers) for _, hour, reaction, *numbers in told}
    columns = ("hour_utc", "reaction", "added", "removed", *READERS)
    stored = connection.execute(select(*(_h[name] for name in columns)).where(_h.article_id == article_id))
    there = {(row[0], row[1]): tuple(row[2:]) for row in stored}
    for hour, reaction in sorted(there.keys() | right.keys()):
        if (numbers := right.get((hour, reaction))) != there.get((hour, reaction)):
            mine = (_h.article_id == article_id, _h.hour_utc == hour, _h.reaction == reaction)
            connection.execute(delete(tables.hourly).where(*mine))
            if numbers is not None:
                row = dict(zip(columns, (hour, reaction, *numbers), strict=True))
                connection.execute(insert(tables.hourly).values(article_id=article_id, **row))


def _set_tally(connection: Connection, article_id: int) -> None:
    votes = {reaction: n for (_, reaction), n in integrity.recounted(connection, [article_id]).items()}
    known = connection.execute(select(_t.reaction).where(_t.article_id == article_id)).scalars()
    statement = insert_for(connection)(tables.tally)
    right = statement.on_conflict_do_update(index_elements=["article_id", "reaction"], set_={"n": statement.excluded.n})
    rows = [{"article_id": article_id, "reaction": r, "n": votes.get(r, 0)} for r in sorted({*known, *votes})]
    if rows:
        connection.execute(right, rows)
