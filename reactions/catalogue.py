"""The catalogue: what the newsroom says about its articles. Readers never write here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from reactions import articles, models
from reactions.engines import insert_for
from reactions.sites import Site

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
    rows = [_row(site, description, at_ms) for description in descriptions]
    statement = insert_for(connection)(models.article)
    changed = {name: statement.excluded[name] for name in _DESCRIBED}
    connection.execute(statement.on_conflict_do_update(index_elements=["article_id"], set_=changed), rows)


def last_registered_at(connection: Connection, site: Site) -> int:
    """When the site's newest article was registered, UTC milliseconds; 0 if it has none."""
    newest = select(func.max(models.article.c.first_seen_at)).where(models.article.c.site_id == site.id)
    return connection.execute(newest).scalar_one() or 0


def _row(site: Site, description: Description, at_ms: int) -> dict[str, object]:
    key = articles.canonical_key(description.key)
    return {
        "article_id": articles.id_of(site.key, key),
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
