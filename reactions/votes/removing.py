"""Removes articles with their votes: those that editors delete, those that strangers made up and nobody votes on, a whole site's.

Voting on an article is closed first. Then its votes and events go in small steps, each a transaction in which every number still
agrees, so that no reader elsewhere waits long; its rows go last. Described articles go one by one, never by a pattern.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from sqlalchemy import Connection, Engine, Select, delete, exists, func, select, true, update

from reactions.newsroom import api_keys, articles, editor_sessions, outdated, sites
from reactions.newsroom.sites import Site, patterns
from reactions.storage import locks, tables
from reactions.storage.engines import writing
from reactions.times import DAY_MS, HOUR_MS
from reactions.votes import holds, imported, imported_views, ledger, retention, sealing, tallies
from reactions.votes.ballot_box import BallotBox
from reactions.votes.revising import Editor

JUNK_DAYS = 7
_VOTES_AT_ONCE = 200
_ARTICLES_AT_ONCE = 100
_ROWS_AT_ONCE = 5_000  # of hours, in a transaction: some ten milliseconds
_a, _v, _i, _alias = tables.article.c, tables.vote.c, tables.intervention.c, tables.article_alias.c
_h, _w = tables.hourly.c, tables.views.c


@dataclass(frozen=True, slots=True)
class _Removal:
    editor: Editor
    what: str

    def remove(self, ids: Sequence[int], *, most_votes: int | None = None) -> int:
        """Remove articles, and what was merged into them; with `most_votes`, only those that have no more. Return how many."""
        engine = self.editor.engine
        with writing(engine) as connection:
            locks.lead_keys(connection)  # if an import runs that would keep this one from its end, nothing is begun
            ids = _with_merged(connection, ids)
            open_ones = _a.article_id.in_(ids) & _a.closed_at.is_(None)
            closed = connection.execute(select(_a.article_id).where(open_ones)).scalars().all()
            connection.execute(update(tables.article).where(open_ones).values(closed_at=self.editor.now_ms))
        locks.wait_for_counting(engine)  # a batch that read an article as open may not have committed yet
        leaving = ids if most_votes is None else self._keep(ids, closed, most_votes)
        removed = 0
        while leaving:
            left = self._remove_closed(leaving)
            removed += len(leaving) - len(left)
            with engine.connect() as connection:
                leaving = _with_merged(connection, left)
        return removed

    def _remove_closed(self, ids: Sequence[int]) -> Sequence[int]:
        """Remove articles that take no votes; return those into which others were merged meanwhile, which are still there."""
        box = self.editor.box
        self._finish_dropping(ids)
        while box.transact(lambda connection: self._strike_some(connection, ids)) == _VOTES_AT_ONCE:
            pass
        self._drop_views(ids)
        parts = list(_parts(self.editor.engine, ids))
        return [
            article_id
            for part in parts
            if not box.transact(lambda connection, part=part: self._erase_rest(connection, part))  # type: ignore[misc]
            for article_id in part
        ]

    def _drop_views(self, ids: Sequence[int]) -> None:
        """Drop what readers saw of articles, in steps: that of years would take longer than a vote waits."""
        box, site_id = self.editor.box, self.editor.site.id
        with self.editor.engine.connect() as connection:
            seen = connection.execute(select(_w.article_id).where(_w.article_id.in_(ids)).distinct()).scalars().all()
        for article_id in seen:
            box.transact(lambda connection, one=[article_id]: imported_views.remove(connection, site_id, one))  # type: ignore[misc]
            while box.transact(lambda connection, one=article_id: _drop_some_views(connection, one)):  # type: ignore[misc]
                pass

    def _finish_dropping(self, ids: Sequence[int]) -> None:
        """Drop the rest of what was dropped in part: events cannot be taken back any more once others of the vote are gone."""
        with self.editor.engine.connect() as connection:
            begun = retention.ids_with_any_gone(connection, ids)
        for article_id in begun:
            retention.drop_votes(self.editor.box, article_id, now_ms=self.editor.now_ms)

    def _keep(self, ids: Sequence[int], closed: Collection[int], most_votes: int) -> list[int]:
        """Open those again that were voted on meanwhile; return the others."""
        with writing(self.editor.engine) as connection:
            counted = select(_v.article_id).where(_v.article_id.in_(ids)).group_by(_v.article_id)
            voted = set(connection.execute(counted.having(func.count() > most_votes)).scalars())
            again = _a.article_id.in_(voted & set(closed)) & (_a.closed_at == self.editor.now_ms)  # none that an editor closed
            connection.execute(update(tables.article).where(again).values(closed_at=None))
        return [article_id for article_id in ids if article_id not in voted]

    def _strike_some(self, connection: Connection, ids: Sequence[int]) -> int:
        some = select(_v.article_id, _v.voter).where(_v.article_id.in_(ids)).order_by(_v.article_id, _v.voter)
        voters = [(article_id, bytes(voter)) for article_id, voter in connection.execute(some.limit(_VOTES_AT_ONCE))]
        if voters:
            shifts = ledger.strike_out_voters(connection, voters, what=self.what, at_ms=self.editor.now_ms)
            holds.remove(connection, voters)
            tallies.unshift(connection, shifts)
            first = min((shift.at_ms // HOUR_MS for shift in shifts), default=tallies.NO_HOUR)  # none of held votes counted
            tallies.note_rewrite(connection, from_hour=first)
        return len(voters)

    def _erase_rest(self, connection: Connection, ids: Sequence[int]) -> bool:
        """Erase articles with the votes that a merge or another revision has brought meanwhile; none comes after this.

        False, and nothing is erased, if others have been merged into them. What may have to be waited for long comes before the
        votes are stopped.
        """
        sealing.take_turn(connection)
        imported.hold_sources(connection, self.editor.site.id, ids)
        locks.lead_keys(connection)
        if not set(ids).issuperset(_with_merged(connection, ids)):
            return False
        articles.lock(connection, ids)
        locks.stop_counting(connection)
        while self._strike_some(connection, ids):
            pass
        _erase(connection, self.editor.site, ids)
        return True


def delete_article(editor: Editor, key: str) -> int:
    """Delete an article, its votes and all its keys; return how many articles that were. Raises UnknownArticle."""
    with editor.engine.connect() as connection:
        article = articles.get(connection, editor.site, key)
    return _Removal(editor, "delete").remove([article.article_id])


def delete_matching(editor: Editor, pattern: str, *, most: int | None = None) -> int:
    """Delete the articles without a description whose key matches a pattern, `most` at most; return how many.

    Raises MalformedSite for a pattern that matches every key.
    """
    patterns([pattern])
    with editor.engine.connect() as connection:
        strangers = connection.execute(_strangers(editor.site).with_only_columns(_a.article_id, _a.key)).all()
    ids = [article_id for article_id, key in strangers if fnmatchcase(key, pattern)][:most]
    return sum(map(_Removal(editor, "delete").remove, _pages(ids)))


def collect_junk(engine: Engine, box: BallotBox, site: Site, *, now_ms: int) -> int:
    """Remove articles that readers registered a week ago, that nobody described or changed, with fewer than 2 votes."""
    touched = exists().where(_i.article_id == _a.article_id)
    led = exists().where(_alias.article_id == _a.article_id)
    votes = select(func.count()).select_from(tables.vote).where(_v.article_id == _a.article_id).scalar_subquery()
    old = _strangers(site).where(_a.first_seen_at < now_ms - JUNK_DAYS * DAY_MS, ~touched, ~led, votes < 2)
    with engine.connect() as connection:
        ids = [article_id for (article_id,) in connection.execute(old)]
    removal = _Removal(Editor(engine, box, site, by="retention", now_ms=now_ms), "junk")
    return sum(removal.remove(page, most_votes=1) for page in _pages(ids))


def remove_site(editor: Editor, *, wait: Callable[[], None]) -> int:
    """Remove a site with everything it has; return how many articles that were. A removal that was cut short is run again.

    At first its keys end and nothing can be registered any more. `wait` returns once no process still believes otherwise.
    """
    site = editor.site
    with writing(editor.engine) as connection:
        api_keys.revoke_all(connection, site, now_ms=editor.now_ms)
        sites.change(connection, site.key, article_policy="known")
    wait()
    removed = 0
    while ids := _ids_of(editor.engine, site):
        removed += sum(map(_Removal(editor, "delete").remove, _pages(ids)))
    editor.box.transact(lambda connection: _erase_site(connection, site))
    return removed


def _ids_of(engine: Engine, site: Site) -> Sequence[int]:
    with engine.connect() as connection:
        return list(articles.ids_in(connection, site))


def _erase_site(connection: Connection, site: Site) -> None:
    """Remove what is left of a site without articles: its row, and every row that has its id."""
    editor_sessions.end_all_with(connection, site)
    outdated.note_site(connection, site.key)
    hooks = select(tables.webhook.c.id).where(tables.webhook.c.site_id == site.id)
    connection.execute(delete(tables.delivery).where(tables.delivery.c.webhook_id.in_(hooks)))
    for table in tables.metadata.tables.values():
        if "site_id" in table.c and table.name != "article":
            connection.execute(delete(table).where(table.c.site_id == site.id))
    connection.execute(delete(tables.site).where(tables.site.c.id == site.id))


def _strangers(site: Site) -> Select[int]:
    plain = (_a.title.is_(None), _a.merged_into.is_(None))
    return select(_a.article_id).where(_a.site_id == site.id, *plain).order_by(_a.article_id)


def _with_merged(connection: Connection, ids: Sequence[int]) -> Sequence[int]:
    """Those of the articles that are there, and those that were merged into them, which go first: they lead there until then."""
    if not ids:
        return []
    these = select(_a.article_id).where(_a.article_id.in_(ids) | _a.merged_into.in_(ids))
    return connection.execute(these.order_by(_a.merged_into.is_(None), _a.article_id)).scalars().all()


def _drop_some_views(connection: Connection, article_id: int) -> bool:
    """Drop an article's views of the earliest hours; whether there are more."""
    mine = _w.article_id == article_id
    later = select(_w.hour_utc).where(mine).order_by(_w.hour_utc).offset(_ROWS_AT_ONCE).limit(1)
    until = connection.execute(later).scalar()
    connection.execute(delete(tables.views).where(mine, true() if until is None else _w.hour_utc < until))
    return until is not None


def _parts(engine: Engine, ids: Sequence[int]) -> Iterator[Sequence[int]]:
    """The articles in their order, in parts with so many rows of the hourly series: those of dropped votes are still there."""
    counted = select(_h.article_id, func.count()).where(_h.article_id.in_(ids)).group_by(_h.article_id)
    with engine.connect() as connection:
        rows_of = {article_id: n for article_id, n in connection.execute(counted)}  # noqa: C416  rows are no pairs to the type checker
    part: list[int] = []
    for article_id in ids:
        if part and sum(rows_of.get(each, 0) for each in (*part, article_id)) > _ROWS_AT_ONCE:
            yield part
            part = []
        part.append(article_id)
    yield part


def _pages(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for first in range(0, len(ids), _ARTICLES_AT_ONCE):
        yield ids[first : first + _ARTICLES_AT_ONCE]


def _erase(connection: Connection, site: Site, ids: Sequence[int]) -> None:
    """Remove what is left of articles that have no votes."""
    outdated.note_articles(connection, site.key, ids)
    imported.remove(connection, site.id, ids)
    imported_views.remove(connection, site.id, ids)
    retention.erase(connection, ids)
    first = tallies.first_hour_of(connection, ids)
    for table in (
        tables.tally,
        tables.hourly,
        tables.views,
        tables.hold,
        tables.verdict,
        tables.intervention,
        tables.article_alias,
        tables.article,
    ):
        connection.execute(delete(table).where(table.c.article_id.in_(ids)))
    articles.note_change(connection, site)
    tallies.note_rewrite(connection, from_hour=first)
