"""Interventions: what editors do to articles, each change recorded with its time and its author. Readers never write here.

What can be undone is undone by its opposite, which is recorded too. Merging and deleting cannot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, select, update

from reactions.languages import gettext
from reactions.newsroom import article_keys, articles, outdated
from reactions.newsroom.articles import Article, Description
from reactions.newsroom.sites import Site
from reactions.refusals import ChangedMeanwhile, KeyTaken, UnknownArticle
from reactions.storage import locks, tables
from reactions.storage.engines import insert_for

_a, _i = tables.article.c, tables.intervention.c
# What switches something: the latest of each group is how the article stands.
_SWITCHES = {"closed", "reopened", "hidden", "shown"}
_GROUPS = (("closed", "reopened"), ("hidden", "shown"), ("moved",), ("described",), ("reset", "restored"))
_MERGING = "merging_into"
_DESCRIPTION = ("title", "url", "section", "authors", "tags", "published_at")


class Done(NamedTuple):
    """What was done to an article, when (UTC ms) and by whom; `may_undo` is true for the latest of its kind."""

    at: int
    what: str
    by: str
    before: Mapping[str, Any] | None
    may_undo: bool


def close(connection: Connection, site: Site, key: str, *, at_ms: int, by: str) -> None:
    """End voting on an article; its counts stay visible. Raises UnknownArticle."""
    _intervene(connection, site, key, "closed", {"closed_at": at_ms}, at_ms=at_ms, by=by)


def close_to_merge(connection: Connection, site: Site, key: str, *, into: int, at_ms: int, by: str) -> None:
    """The same, and keep in mind into which article its votes are about to move. Raises UnknownArticle.

    That one, and those that its own votes are moving to, know from now on that votes may come from here, whatever becomes of the
    merge and of this article: whoever looks for a reader's votes there would not find them otherwise.
    """
    source = articles.get(connection, site, key)
    step: int | None = into
    while step is not None:
        _join(connection, step, [source.article_id, *source.merged_from])
        step = merging_into(connection, step)
    _intervene(connection, site, key, "closed", {"closed_at": at_ms}, at_ms=at_ms, by=by, before={_MERGING: into})


def merges_under_way(connection: Connection, site: Site) -> dict[int, int]:
    """The articles of a site whose votes are moving, or whose merge was cut short, and into which; none that was reopened."""
    return _merging(connection, _a.site_id == site.id)


def merging_into(connection: Connection, article_id: int) -> int | None:
    """The article that the votes of this one are moving to, as in `merges_under_way`."""
    return _merging(connection, _a.article_id == article_id).get(article_id)


def ids_merged_into(connection: Connection, site: Site) -> set[int]:
    """The articles of a site that others were merged into, or are being merged into."""
    into = select(_a.merged_into).where(_a.site_id == site.id, _a.merged_into.is_not(None)).distinct()
    return {*connection.execute(into).scalars(), *merges_under_way(connection, site).values()}


def _merging(connection: Connection, these: ColumnElement[bool]) -> dict[int, int]:
    closed = (_i.article_id == _a.article_id) & (_i.at == _a.closed_at) & (_i.what == "closed")
    begun = select(_a.article_id, _i.before).join(tables.intervention, closed).where(_a.merged_into.is_(None), these)
    return {article_id: int(before[_MERGING]) for article_id, before in connection.execute(begun) if before}


def reopen(connection: Connection, site: Site, key: str, *, at_ms: int, by: str) -> None:
    """Accept votes on a closed article again. One that its age closes stays closed. Raises UnknownArticle or VotesDropped."""
    articles.refuse_dropped(articles.get(connection, site, key))
    _intervene(connection, site, key, "reopened", {"closed_at": None}, at_ms=at_ms, by=by)


def hide(connection: Connection, site: Site, key: str, *, at_ms: int, by: str) -> None:
    """Hide an article's counts from readers; they can still vote. Raises UnknownArticle."""
    _intervene(connection, site, key, "hidden", {"hidden_at": at_ms}, at_ms=at_ms, by=by)


def show(connection: Connection, site: Site, key: str, *, at_ms: int, by: str) -> None:
    """Show readers an article's counts again. Raises UnknownArticle."""
    _intervene(connection, site, key, "shown", {"hidden_at": None}, at_ms=at_ms, by=by)


def move(connection: Connection, site: Site, key: str, *, to: str, at_ms: int, by: str) -> None:
    """Give an article another key; the old one keeps working. Raises UnknownArticle, or KeyTaken if `to` is or was an article."""
    locks.lead_keys(connection)
    article = articles.get_to_change(connection, site, key)
    if to == article.key:
        return
    locks.stop_counting(connection)  # whoever is registering `to` has done so, or finds this article there
    taken = articles.find(connection, site, [article_keys.article_key(site.key, to)], now_ms=at_ms).get(to)
    if taken is not None and taken.article_id != article.article_id:
        raise KeyTaken(
            gettext(
                "%(site)s already has an article %(to)s. Merge %(key)s into it instead.",
                site=site.key,
                to=repr(to),
                key=repr(key),
            )
        )
    if articles.ids_known(connection, {article_keys.id_of(site.key, to)} - {article.article_id}):
        raise KeyTaken(
            gettext("%(to)s was merged into %(key)s and leads to it. It cannot be the key of both.", to=repr(to), key=repr(key))
        )
    articles.add_aliases(connection, site, {article.key: article.article_id, to: article.article_id})
    _intervene(connection, site, key, "moved", {"key": to}, at_ms=at_ms, by=by, before={"key": article.key})


def describe(connection: Connection, site: Site, description: Description, *, at_ms: int, by: str) -> None:
    """Describe a registered article by hand; what it was called before can be had again. Raises UnknownArticle."""
    locks.rely_on_keys(connection)
    article = articles.get_to_change(connection, site, article_keys.canonical_key(description.key))
    columns = [_a[name] for name in _DESCRIPTION]
    before = connection.execute(select(*columns).where(_a.article_id == article.article_id)).one()
    articles.describe(connection, site, [description], at_ms=at_ms)
    record(connection, article.article_id, "described", at_ms=at_ms, by=by, before=dict(before._mapping))


def too_late() -> str:
    """Why something can no longer be undone."""
    return gettext("This cannot be undone any more: something else was done to the article since.")


def undo(connection: Connection, site: Site, key: str, done: tuple[int, str], *, at_ms: int, by: str) -> str:
    """Undo what was done to an article at a time; return what that was called. Raises UnknownArticle or ChangedMeanwhile.

    A reset is undone by `revising.undo_reset`.
    """
    if done[1] == "moved":
        locks.lead_keys(connection)  # before the article's lock, as a merge takes them
    article = articles.get_to_change(connection, site, key)
    found = next((each for each in log_of(connection, article.article_id) if (each.at, each.what) == done), None)
    if found is None or not found.may_undo or found.what == "reset":
        raise ChangedMeanwhile(too_late())
    if found.what == "moved":
        move(connection, site, article.key, to=(found.before or {})["key"], at_ms=at_ms, by=by)
    elif found.what == "described":
        now = connection.execute(select(*(_a[n] for n in _DESCRIPTION)).where(_a.article_id == article.article_id)).one()
        columns = {**(found.before or {})}
        connection.execute(update(tables.article).where(_a.article_id == article.article_id).values(columns))
        articles.note_change(connection, site)
        _note_outdated(connection, site, article)
        record(connection, article.article_id, "described", at_ms=at_ms, by=by, before=dict(now._mapping))
    else:
        takes_back = {"closed": reopen, "reopened": close, "hidden": show, "shown": hide}[found.what]
        takes_back(connection, site, article.key, at_ms=at_ms, by=by)
    return found.what


def keys_of(connection: Connection, site: Site, article_id: int) -> list[str]:
    """The keys that lead to an article beside the one it was registered with, in order."""
    alias = tables.article_alias.c
    mine = select(alias.key).where(alias.site_id == site.id, alias.article_id == article_id).order_by(alias.key)
    return list(connection.execute(mine).scalars())


def forward(connection: Connection, site: Site, key: str, *, into: str, at_ms: int, by: str) -> None:
    """Let an article's keys lead to another article: the last step of `revising.merge`, once the votes are there."""
    source, target = articles.get(connection, site, key), articles.get(connection, site, into)
    mine = (_a.article_id == source.article_id) | (_a.merged_into == source.article_id)
    connection.execute(update(tables.article).where(mine).values(merged_into=target.article_id))
    former = _join(connection, target.article_id, [source.article_id, *source.merged_from])
    articles.note_change(connection, site)
    outdated.note_articles(connection, site.key, [target.article_id, *former])
    record(connection, source.article_id, "merged away", at_ms=at_ms, by=by)
    record(connection, target.article_id, "merged in", at_ms=at_ms, by=by)


def restore_merges(connection: Connection, merges: Mapping[int, int]) -> None:
    """Let articles lead to those they were merged into, by id, as `forward` did once. Raises UnknownArticle."""
    for article_id, into in merges.items():
        connection.execute(update(tables.article).where(_a.article_id == article_id).values(merged_into=into))
        if not _join(connection, into, [article_id]):
            raise UnknownArticle("The export has an article that was merged into one that is missing.")


def _join(connection: Connection, into: int, article_ids: Sequence[int]) -> list[int]:
    """Add to the articles whose votes an article may have; return all of them, by id; nothing if that article is gone."""
    former = connection.execute(select(_a.merged_from).where(_a.article_id == into)).scalar_one_or_none()
    if former is None:
        return []
    joined = list(dict.fromkeys([*former, *article_ids]))
    connection.execute(update(tables.article).where(_a.article_id == into).values(merged_from=joined))
    return joined


def record_revision(connection: Connection, site: Site, key: str, what: str, *, at_ms: int, by: str) -> None:
    """Record that an article's votes were revised, beside the events of the ledger."""
    article = articles.get_to_change(connection, site, key)
    record(connection, article.article_id, what, at_ms=at_ms, by=by)
    _note_outdated(connection, site, article)


def record(
    connection: Connection, article_id: int, what: str, *, at_ms: int, by: str, before: Mapping[str, Any] | None = None
) -> None:
    """Record what was done to an article, by id: at most 16 characters; by whom; and what is needed to undo it."""
    statement = insert_for(connection)(tables.intervention).on_conflict_do_nothing()
    connection.execute(statement, [{"article_id": article_id, "at": at_ms, "what": what, "by": by, "before": before}])


def of_article(connection: Connection, article_id: int) -> list[tuple[int, str, str]]:
    """What was done to an article: time (UTC ms), what, and by whom; oldest first."""
    done = select(_i.at, _i.what, _i.by).where(_i.article_id == article_id).order_by(_i.at, _i.what)
    return [(at, what, by) for at, what, by in connection.execute(done)]


def log_of(connection: Connection, article_id: int) -> list[Done]:
    """What was done to an article, the latest first."""
    rows = connection.execute(select(_i.at, _i.what, _i.by, _i.before).where(_i.article_id == article_id))
    every = sorted(rows, key=lambda row: (row.at, row.what), reverse=True)
    latest = {next((row.at, row.what) for row in every if row.what in g) for g in _GROUPS if any(r.what in g for r in every)}
    return [Done(row.at, row.what, row.by, row.before, (row.at, row.what) in latest and _is_undoable(row)) for row in every]


def _is_undoable(row: Any) -> bool:
    return row.what in _SWITCHES or row.what == "reset" or (row.what in ("moved", "described") and row.before is not None)


_Changes = Mapping[str, int | str | None]


def _intervene(
    connection: Connection,
    site: Site,
    key: str,
    what: str,
    changes: _Changes,
    *,
    at_ms: int,
    by: str,
    before: Mapping[str, Any] | None = None,
) -> None:
    article = articles.get_to_change(connection, site, key)
    connection.execute(update(tables.article).where(_a.article_id == article.article_id).values(dict(changes)))
    articles.note_change(connection, site)
    record(connection, article.article_id, what, at_ms=at_ms, by=by, before=before)
    _note_outdated(connection, site, article)


def _note_outdated(connection: Connection, site: Site, article: Article) -> None:
    outdated.note_articles(connection, site.key, [article.article_id, *article.merged_from])
