"""Interventions: what editors do to articles, each change recorded with its time and its author. Readers never write here."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, select, update

from reactions.newsroom import article_keys, articles
from reactions.newsroom.sites import Site
from reactions.refusals import KeyTaken, UnknownArticle
from reactions.storage import tables
from reactions.storage.engines import insert_for

_a = tables.article.c


def close(connection: Connection, site: Site, key: str, *, at_ms: int, by: str) -> None:
    """End voting on an article; its counts stay visible. Raises UnknownArticle."""
    _intervene(connection, site, key, "closed", {"closed_at": at_ms}, at_ms=at_ms, by=by)


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
    """Give an article another key; the old one keeps working. Raises UnknownArticle, or KeyTaken if `to` is an article."""
    article = articles.get(connection, site, key)
    if to == article.key:
        return
    taken = articles.find(connection, site, [article_keys.article_key(site.key, to)], now_ms=at_ms).get(to)
    if taken is not None and taken.article_id != article.article_id:
        raise KeyTaken(f"{site.key} already has an article {to!r}. Merge {key!r} into it instead.")
    articles.add_aliases(connection, site, {article.key: article.article_id, to: article.article_id})
    _intervene(connection, site, key, "moved", {"key": to}, at_ms=at_ms, by=by)


def forward(connection: Connection, site: Site, key: str, *, into: str, at_ms: int, by: str) -> None:
    """Let an article's keys lead to another article: the last step of `revising.merge`, once the votes are there."""
    source, target = articles.get(connection, site, key), articles.get(connection, site, into)
    former = [*target.merged_from, source.article_id, *source.merged_from]
    mine = (_a.article_id == source.article_id) | (_a.merged_into == source.article_id)
    connection.execute(update(tables.article).where(mine).values(merged_into=target.article_id))
    joined = update(tables.article).where(_a.article_id == target.article_id)
    connection.execute(joined.values(merged_from=list(dict.fromkeys(former))))
    record(connection, source.article_id, "merged away", at_ms=at_ms, by=by)
    record(connection, target.article_id, "merged in", at_ms=at_ms, by=by)


def restore_merges(connection: Connection, merges: Mapping[int, int]) -> None:
    """Let articles lead to those they were merged into, by id, as `forward` did once. Raises UnknownArticle."""
    for article_id, into in merges.items():
        connection.execute(update(tables.article).where(_a.article_id == article_id).values(merged_into=into))
        former = connection.execute(select(_a.merged_from).where(_a.article_id == into)).scalar_one_or_none()
        if former is None:
            raise UnknownArticle("The export has an article that was merged into one that is missing.")
        joined = list(dict.fromkeys([*former, article_id]))
        connection.execute(update(tables.article).where(_a.article_id == into).values(merged_from=joined))


def record_revision(connection: Connection, site: Site, key: str, what: str, *, at_ms: int, by: str) -> None:
    """Record that an article's votes were revised, beside the events of the ledger."""
    record(connection, articles.get(connection, site, key).article_id, what, at_ms=at_ms, by=by)


def record(connection: Connection, article_id: int, what: str, *, at_ms: int, by: str) -> None:
    """Record what was done to an article, by id: at most 16 characters; and by whom."""
    statement = insert_for(connection)(tables.intervention).on_conflict_do_nothing()
    connection.execute(statement, [{"article_id": article_id, "at": at_ms, "what": what, "by": by}])


def of_article(connection: Connection, article_id: int) -> list[tuple[int, str, str]]:
    """What was done to an article: time (UTC ms), what, and by whom; oldest first."""
    i = tables.intervention.c
    done = select(i.at, i.what, i.by).where(i.article_id == article_id).order_by(i.at, i.what)
    return [(at, what, by) for at, what, by in connection.execute(done)]


_Changes = Mapping[str, int | str | None]


def _intervene(connection: Connection, site: Site, key: str, what: str, changes: _Changes, *, at_ms: int, by: str) -> None:
    article = articles.get(connection, site, key)
    connection.execute(update(tables.article).where(_a.article_id == article.article_id).values(dict(changes)))
    record(connection, article.article_id, what, at_ms=at_ms, by=by)
