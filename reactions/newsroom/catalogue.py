"""The catalogue: what the newsroom says about its articles. Readers never write here."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, select, update

from reactions.newsroom import articles
from reactions.newsroom.sites import Site
from reactions.refusals import KeyTaken, UnknownArticle
from reactions.storage import tables
from reactions.storage.engines import insert_for

_a = tables.article.c
_DESCRIBED = ("url", "title", "section", "authors", "tags", "published_at")


@dataclass(frozen=True, slots=True)
class Description:
    """An article as its publisher describes it; `published_at` is UTC milliseconds."""

    key: str
    title: str
    url: str | None = None
    section: str | None = None
    authors: Sequence[str] = field(default_factory=list)
    tags: Sequence[str] = field(default_factory=list)
    published_at: int | None = None


def describe(connection: Connection, site: Site, descriptions: Sequence[Description], *, at_ms: int) -> None:
    """Register articles, or change what is said of them; repeating it changes nothing. Raises MalformedKey."""
    keys = [articles.canonical_key(description.key) for description in descriptions]
    ids = articles.ids_of(connection, site, set(keys))
    rows = [_row(site, ids[key], key, said, at_ms) for key, said in zip(keys, descriptions, strict=True)]
    if not rows:
        return
    statement = insert_for(connection)(tables.article)
    changed = {name: statement.excluded[name] for name in _DESCRIBED}
    connection.execute(statement.on_conflict_do_update(index_elements=["article_id"], set_=changed), rows)


def register(connection: Connection, site: Site, keys: Mapping[int, str], *, at_ms: int, by: str) -> None:
    """Register articles of which an import knows no more than the key, by id. It leaves a mark on them: the quota of
    articles that readers may register does not count them.
    """
    rows = [{"article_id": i, "site_id": site.id, "key": key, "first_seen_at": at_ms} for i, key in keys.items()]
    connection.execute(insert_for(connection)(tables.article).on_conflict_do_nothing(), rows)
    marks = [{"article_id": article_id, "at": at_ms, "what": articles.IMPORTED, "by": by} for article_id in keys]
    connection.execute(insert_for(connection)(tables.intervention).on_conflict_do_nothing(), marks)


def restore(connection: Connection, site: Site, rows: Mapping[int, Mapping[str, Any]]) -> None:
    """Write articles down as an export tells of them, by id, over what is said of them. Raises MalformedKey or KeyTaken."""
    led = articles.ids_of(connection, site, {row["key"] for row in rows.values()})
    if taken := [key for key, article_id in led.items() if article_id not in rows]:
        raise KeyTaken(f"{taken[0][:80]!r} leads to another article of {site.key}.")
    statement = insert_for(connection)(tables.article)
    changed = {name: statement.excluded[name] for name in (*_DESCRIBED, "closed_at", "hidden_at", "first_seen_at")}
    given = [{"article_id": article_id, "site_id": site.id, **row} for article_id, row in rows.items()]
    connection.execute(statement.on_conflict_do_update(index_elements=["article_id"], set_=changed), given)


def restore_merges(connection: Connection, merges: Mapping[int, int]) -> None:
    """Let articles lead to those they were merged into, as `forward` did once."""
    for article_id, into in merges.items():
        connection.execute(update(tables.article).where(_a.article_id == article_id).values(merged_into=into))
        former = connection.execute(select(_a.merged_from).where(_a.article_id == into)).scalar_one_or_none()
        if former is None:
            raise UnknownArticle("The export has an article that was merged into one which it does not have.")
        joined = list(dict.fromkeys([*former, article_id]))
        connection.execute(update(tables.article).where(_a.article_id == into).values(merged_from=joined))


def point(connection: Connection, site: Site, keys: Mapping[str, int]) -> None:
    """Let other keys lead to articles, by id."""
    for key, article_id in keys.items():
        _point(connection, site, [key], article_id)


def ids_in(connection: Connection, site: Site) -> Iterator[int]:
    """The ids of all articles of a site."""
    yield from connection.execute(select(_a.article_id).where(_a.site_id == site.id)).scalars().all()


def registered(connection: Connection, article_ids: Collection[int]) -> frozenset[int]:
    """Those of the articles that are registered."""
    return frozenset(connection.execute(select(_a.article_id).where(_a.article_id.in_(article_ids))).scalars())


def close(connection: Connection, site: Site, key: str, *, at_ms: int, by: str) -> None:
    """End voting on an article; its counts stay visible. Raises UnknownArticle."""
    _intervene(connection, site, key, "closed", {"closed_at": at_ms}, at_ms=at_ms, by=by)


def reopen(connection: Connection, site: Site, key: str, *, at_ms: int, by: str) -> None:
    """Take votes on a closed article again. One that its age closes stays closed. Raises UnknownArticle."""
    _intervene(connection, site, key, "reopened", {"closed_at": None}, at_ms=at_ms, by=by)


def hide(connection: Connection, site: Site, key: str, *, at_ms: int, by: str) -> None:
    """Show readers no numbers for an article; they may vote on. Raises UnknownArticle."""
    _intervene(connection, site, key, "hidden", {"hidden_at": at_ms}, at_ms=at_ms, by=by)


def show(connection: Connection, site: Site, key: str, *, at_ms: int, by: str) -> None:
    """Show readers an article's numbers again. Raises UnknownArticle."""
    _intervene(connection, site, key, "shown", {"hidden_at": None}, at_ms=at_ms, by=by)


def move(connection: Connection, site: Site, key: str, *, to: str, at_ms: int, by: str) -> None:
    """Give an article another key; the old one keeps working. Raises UnknownArticle, or KeyTaken if `to` is an article."""
    article = articles.named(connection, site, key)
    if to == article.key:
        return
    taken = articles.find(connection, site, [to], now_ms=at_ms).get(to)
    if taken is not None and taken.article_id != article.article_id:
        raise KeyTaken(f"{site.key} has an article {to!r} already. Merge {key!r} into it instead.")
    _point(connection, site, [article.key, to], article.article_id)
    _intervene(connection, site, key, "moved", {"key": to}, at_ms=at_ms, by=by)


def forward(connection: Connection, site: Site, key: str, *, into: str, at_ms: int, by: str) -> None:
    """Let an article's keys lead to another article: the last step of `revising.merge`, once the votes are there."""
    source, target = articles.named(connection, site, key), articles.named(connection, site, into)
    former = [*target.merged_from, source.article_id, *source.merged_from]
    mine = (_a.article_id == source.article_id) | (_a.merged_into == source.article_id)
    connection.execute(update(tables.article).where(mine).values(merged_into=target.article_id))
    joined = update(tables.article).where(_a.article_id == target.article_id)
    connection.execute(joined.values(merged_from=list(dict.fromkeys(former))))
    _record(connection, source.article_id, "merged away", at_ms=at_ms, by=by)
    _record(connection, target.article_id, "merged in", at_ms=at_ms, by=by)


def interventions(connection: Connection, article_id: int) -> list[tuple[int, str, str]]:
    """What the newsroom did to an article: time (UTC ms), what, and by whom; oldest first."""
    i = tables.intervention.c
    done = select(i.at, i.what, i.by).where(i.article_id == article_id).order_by(i.at, i.what)
    return [(at, what, by) for at, what, by in connection.execute(done)]


_Changes = Mapping[str, int | str | None]


def _intervene(connection: Connection, site: Site, key: str, what: str, changes: _Changes, *, at_ms: int, by: str) -> None:
    article = articles.named(connection, site, key)
    connection.execute(update(tables.article).where(_a.article_id == article.article_id).values(dict(changes)))
    _record(connection, article.article_id, what, at_ms=at_ms, by=by)


def _record(connection: Connection, article_id: int, what: str, *, at_ms: int, by: str) -> None:
    statement = insert_for(connection)(tables.intervention).on_conflict_do_nothing()
    connection.execute(statement, [{"article_id": article_id, "at": at_ms, "what": what, "by": by}])


def record_revision(connection: Connection, site: Site, key: str, what: str, *, at_ms: int, by: str) -> None:
    """Note that an article's votes were revised, beside the events of the ledger."""
    _record(connection, articles.named(connection, site, key).article_id, what, at_ms=at_ms, by=by)


def _point(connection: Connection, site: Site, keys: Sequence[str], article_id: int) -> None:
    """Let keys lead to an article."""
    statement = insert_for(connection)(tables.article_alias)
    led = statement.on_conflict_do_update(index_elements=["site_id", "key"], set_={"article_id": statement.excluded.article_id})
    connection.execute(led, [{"site_id": site.id, "key": key, "article_id": article_id} for key in keys])


def last_registered_at(connection: Connection, site: Site) -> int:
    """When the site's newest article was registered, UTC milliseconds; 0 if it has none."""
    newest = select(func.max(_a.first_seen_at)).where(_a.site_id == site.id)
    return connection.execute(newest).scalar_one() or 0


def _row(site: Site, article_id: int, key: str, description: Description, at_ms: int) -> dict[str, object]:
    return {
        "article_id": article_id,
        "site_id": site.id,
        "key": key,
        "url": description.url,
        "title": description.title,
        "section": description.section,
        "authors": list(description.authors),
        "tags": list(description.tags),
        "published_at": description.published_at,
        "first_seen_at": at_ms,
    }
