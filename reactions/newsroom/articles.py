"""Articles: what readers vote on. A site's article is found by its key or an alias, and described by the publisher.

`registering` has the articles that readers register, `interventions` what editors do to articles. The file is longer than others
because how an article is found, what it is then, and why it may be refused are one idea.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, Text, bindparam, cast, func, select

from reactions.languages import gettext
from reactions.newsroom import article_keys, outdated
from reactions.newsroom.article_keys import ArticleKey
from reactions.newsroom.sites import Site
from reactions.refusals import KeyTaken, MalformedKey, Refusal, UnknownArticle, VotesDropped
from reactions.storage import lists, locks, tables
from reactions.storage.engines import insert_for, insert_of
from reactions.storage.parameters import texts_in_text
from reactions.storage.statements import Finished, Question
from reactions.times import DAY_MS

IMPORTED = "imported"  # the mark, among what was done to an article, of one that an import registered
_DESCRIBED = ("url", "title", "section", "authors", "tags", "published_at")
_NO_IDS = "[]"
_DESCRIBED_AT_ONCE = 500  # well under the parameters that a database takes

_a, _alias, _done, _change = tables.article.c, tables.article_alias.c, tables.intervention.c, tables.article_change.c
BORN_MS = func.coalesce(func.nullif(_a.published_at, 0), _a.first_seen_at)  # `born_ms`, for the database

Name = tuple[int, str]  # a site's id and a canonical key: two keys may share an id, never a name


class _ArticleRow(NamedTuple):
    """What voting reads of an article, in this order."""

    article_id: int
    site_id: int
    key: str
    section: str
    published_at: int | None
    first_seen_at: int
    closed_at: int | None
    hidden_at: int | None
    merged_into: int | None
    merged_from: str
    votes_dropped_at: int | None


Asked = Callable[[], Mapping[int, _ArticleRow]]  # the articles that were asked for, by id, once they are had


class Place(NamedTuple):
    """Where a ballot wants to go: `at_ms` is its time, UTC; `network` a keyed hash of where it comes from, empty if unknown.

    `signed` tells that the publisher has signed the key.
    """

    site: Site
    key: ArticleKey
    at_ms: int
    network: str = ""
    signed: bool = False

    @property
    def name(self) -> Name:
        """What tells this article from every other."""
        return self.site.id, self.key.text


@dataclass(slots=True)  # not frozen: that would make it four times as dear, and one is made for each article of a batch
class Article:
    """What voting needs to know of an article. `merged_from` are the ids of articles that were merged into it.

    Once its votes were dropped it stays closed: nobody can tell who has voted. `fresh` is one that was registered just now.
    """

    article_id: int
    key: str
    section: str | None = None
    closed: bool = False
    hidden: bool = False
    merged_from: tuple[int, ...] = ()
    votes_dropped: bool = False
    fresh: bool = False


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


def headline(title: str | None) -> str:
    """What an article is called in a mail, a webhook, a feed, and wherever else its name would be a link.

    Any script can vote on any key, so the key of an article that nobody described is a stranger's text: it never stands for the
    title. The dashboard quotes it as an unverified key; JSON and CSV have it as data.
    """
    return title or gettext("An article without a title")


def born_ms(published_at: int | None, first_seen_at: int) -> int:
    """When an article's life began, UTC milliseconds: its publication, or its first ballot where no date was given.

    0 is what content systems write where they have no date.
    """
    return published_at or first_seen_at


def closes_at_ms(site: Site, published_at: int | None, first_seen_at: int) -> int | None:
    """When an article's age ends voting on it, UTC milliseconds; None on a site that closes none by age."""
    if site.close_after_days is None:
        return None
    return born_ms(published_at, first_seen_at) + site.close_after_days * DAY_MS


def find(
    connection: Connection, site: Site, keys: Collection[ArticleKey], *, now_ms: int, asked: Asked | None = None
) -> dict[str, Article]:
    """The registered ones among the articles with these keys, aliases included, by key. Creates nothing.

    `asked` is as in `find_places`.
    """
    found = find_places(connection, [Place(site, key, now_ms) for key in keys], asked)
    return {key: article for (_, key), article in found.items() if isinstance(article, Article)}


def get(connection: Connection, site: Site, key: str) -> Article:
    """The registered article with this canonical key or alias. Raises UnknownArticle."""
    article = find(connection, site, [article_keys.article_key(site.key, key)], now_ms=0).get(key)
    if article is None:
        raise unknown(site, key)
    return article


def unknown(site: Site, key: str) -> UnknownArticle:
    """The refusal where an article is not there, or not any more."""
    return UnknownArticle(gettext("%(site)s has no article %(key)s.", site=site.key, key=repr(key)))


def get_to_change(connection: Connection, site: Site, key: str) -> Article:
    """The same, which nobody else changes, merges or deletes for the rest of the transaction. Raises UnknownArticle."""
    article = get(connection, site, key)
    while True:
        lock(connection, [article.article_id])
        locked = get(connection, site, key)
        if locked.article_id == article.article_id:
            return locked
        article = locked  # its key was led elsewhere meanwhile


def ids_of(connection: Connection, site: Site, keys: Collection[str]) -> dict[str, int]:
    """The id behind each canonical key, whether it is registered, an alias, or new. Raises MalformedKey."""
    places = [Place(site, ArticleKey(key, article_keys.id_of(site.key, key)), 0) for key in keys]
    found = find_places(connection, places)
    if refused := [outcome for outcome in found.values() if isinstance(outcome, Refusal)]:
        raise refused[0]
    return {
        place.key.text: article.article_id if isinstance(article := found.get(place.name), Article) else place.key.id
        for place in places
    }


def ids_in(connection: Connection, site: Site) -> Iterator[int]:
    """The ids of all articles of a site."""
    yield from connection.execute(select(_a.article_id).where(_a.site_id == site.id)).scalars().all()


def ids_known(connection: Connection, article_ids: Collection[int]) -> frozenset[int]:
    """Those of the ids that belong to a registered article."""
    return frozenset(connection.execute(select(_a.article_id).where(_a.article_id.in_(article_ids))).scalars())


def ids_standing(connection: Connection, article_ids: Collection[int]) -> frozenset[int]:
    """Those of the ids that belong to a registered article which was not merged into another."""
    standing = select(_a.article_id).where(_a.article_id.in_(article_ids), _a.merged_into.is_(None))
    return frozenset(connection.execute(standing).scalars())


def lock_standing(connection: Connection, article_ids: Collection[int]) -> frozenset[int]:
    """Lock these articles, as `lock` does; return those that are registered and were not merged into another."""
    lock(connection, article_ids)
    return ids_standing(connection, article_ids)


def refuse_dropped(article: Article) -> None:
    """Raise VotesDropped if the article's votes were dropped."""
    if article.votes_dropped:
        raise votes_dropped()


def votes_dropped() -> VotesDropped:
    """The refusal to change votes that were dropped."""
    return VotesDropped(
        gettext("The votes of this article were dropped because of their age. Its counts stay and can no longer change.")
    )


def ids_dropped(connection: Connection, article_ids: Collection[int]) -> frozenset[int]:
    """Those of the ids whose votes were dropped, or are about to be."""
    dropped = select(_a.article_id).where(_a.article_id.in_(article_ids), _a.votes_dropped_at.is_not(None))
    return frozenset(connection.execute(dropped).scalars())


def lock(connection: Connection, article_ids: Collection[int]) -> None:
    """Keep others from changing these articles for the rest of the transaction; read them anew afterwards.

    One after the other, in order: Citus locks rows of one node in a statement. SQLite's writers are alone anyway.
    """
    if connection.dialect.name != "sqlite":
        for article_id in sorted(article_ids):
            connection.execute(_LOCK, {"id": article_id}).all()


def key_of(connection: Connection, article_id: int) -> str:
    """The key of a registered article."""
    return str(connection.execute(select(_a.key).where(_a.article_id == article_id)).scalar_one())


def key_by_id(connection: Connection, site: Site, article_id: int | None) -> str:
    """The key of the site's article with this id. Raises UnknownArticle."""
    asked = select(_a.key).where(_a.article_id == article_id, _a.site_id == site.id)
    key = None if article_id is None else connection.execute(asked).scalar_one_or_none()
    if key is None:
        raise UnknownArticle(gettext("%(site)s has no article with this id.", site=site.key))
    return str(key)


def last_registered_at(connection: Connection, site: Site) -> int:
    """When the site's newest article was registered, UTC milliseconds; 0 if it has none."""
    newest = select(func.max(_a.first_seen_at)).where(_a.site_id == site.id)
    return connection.execute(newest).scalar_one() or 0


def note_change(connection: Connection, site: Site) -> None:
    """Tell every process that articles of a site come, change or go, so that none goes on with those that it remembers.

    Whoever writes articles calls it last in the same transaction, or in one of a few rows: all who do so wait for this row.
    """
    _CHANGED.begin(connection, {"site": site.id})


def changes(connection: Connection, site: Site) -> int:
    """How often articles of a site have come or changed: what is remembered of them is true as long as this number stands."""
    return connection.execute(select(_change.n).where(_change.site_id == site.id)).scalar() or 0


def describe(connection: Connection, site: Site, descriptions: Sequence[Description], *, at_ms: int) -> None:
    """Register articles, or change their descriptions. Idempotent: what is described like that already is not written again.

    Raises MalformedKey.
    """
    locks.rely_on_keys(connection)
    written = False
    for first in range(0, len(descriptions), _DESCRIBED_AT_ONCE):
        written |= _describe(connection, site, descriptions[first : first + _DESCRIBED_AT_ONCE], at_ms)
    if written:
        note_change(connection, site)


def _describe(connection: Connection, site: Site, descriptions: Sequence[Description], at_ms: int) -> bool:
    """Describe some articles; whether anything had to be written."""
    keys = [article_keys.canonical_key(description.key) for description in descriptions]
    ids = ids_of(connection, site, set(keys))
    rows = [_row(site, ids[key], key, described, at_ms) for key, described in zip(keys, descriptions, strict=True)]
    if _are_described(connection, rows):
        return False
    rows.sort(key=lambda row: int(str(row["article_id"])))  # two who describe the same articles cannot wait for each other
    statement = insert_for(connection)(tables.article)
    changed = {name: statement.excluded[name] for name in _DESCRIBED}
    connection.execute(statement.on_conflict_do_update(index_elements=["article_id"], set_=changed), rows)
    if site.section_reactions or site.close_after_days is not None:  # another section or age: other reactions, or none
        outdated.note_articles(connection, site.key, list(ids.values()))
    return True


def register(connection: Connection, site: Site, keys: Mapping[int, str], *, at_ms: int, by: str) -> None:
    """Register articles, keys by id, of which an import knows no more than the key.

    They are marked as imported: the quota of articles that readers may register does not count them.

    Near the end of its transaction the caller looks for articles that have moved to these keys, by `refuse_moved`, and notes the
    change; here and in `write_rows`.
    """
    rows = [{"article_id": i, "site_id": site.id, "key": key, "first_seen_at": at_ms} for i, key in keys.items()]
    new = insert_for(connection)(tables.article).on_conflict_do_nothing().returning(_a.article_id)
    written = connection.execute(new, rows).scalars().all()  # readers may have been faster
    if marks := [{"article_id": article_id, "at": at_ms, "what": IMPORTED, "by": by} for article_id in written]:
        connection.execute(insert_for(connection)(tables.intervention).on_conflict_do_nothing(), marks)


def write_rows(connection: Connection, site: Site, rows: Mapping[int, Mapping[str, Any]]) -> None:
    """Write the columns of articles, by id, over what is there, as an export has them. Raises MalformedKey or KeyTaken."""
    led = ids_of(connection, site, {row["key"] for row in rows.values()})
    if taken := [key for key, article_id in led.items() if article_id not in rows]:
        raise _taken(site, taken[0])
    statement = insert_for(connection)(tables.article)
    changed = {name: statement.excluded[name] for name in (*_DESCRIBED, "closed_at", "hidden_at", "first_seen_at")}
    given = [{"article_id": article_id, "site_id": site.id, **row} for article_id, row in rows.items()]
    connection.execute(statement.on_conflict_do_update(index_elements=["article_id"], set_=changed), given)


def refuse_taken(connection: Connection, site: Site, keys: Mapping[str, int], *, unless_new: bool = False) -> None:
    """Raise KeyTaken if one of these keys does not lead to the article that it is named with; new ones lead nowhere yet."""
    for key, article_id in ids_of(connection, site, keys).items():
        is_new = unless_new and article_id == article_keys.id_of(site.key, key)
        if article_id != keys[key] and not is_new:
            raise _taken(site, key)


def refuse_moved(connection: Connection, site: Site, keys: Collection[str]) -> None:
    """Raise KeyTaken if another article has moved to one of these keys since it was registered in this transaction.

    None can any more before its end: whoever moves an article waits.
    """
    locks.rely_on_keys(connection)
    asked = {"site": site.id, "texts": texts_in_text(connection.dialect.name, set(keys))}
    for key, article_id in _ALIASES.ask(connection, asked):
        if article_id != article_keys.id_of(site.key, key):
            raise _taken(site, key)


def _taken(site: Site, key: str) -> KeyTaken:
    return KeyTaken(gettext("%(key)s leads to another article of %(site)s.", key=repr(key[:80]), site=site.key))


def add_aliases(connection: Connection, site: Site, keys: Mapping[str, int]) -> None:
    """Let more keys lead to articles, by id. The caller has refused those that are taken."""
    if not keys:
        return
    statement = insert_for(connection)(tables.article_alias)
    led = statement.on_conflict_do_update(index_elements=["site_id", "key"], set_={"article_id": statement.excluded.article_id})
    connection.execute(led, [{"site_id": site.id, "key": key, "article_id": article_id} for key, article_id in keys.items()])


_ROW = [cast(_a[name], Text) if name == "merged_from" else _a[name] for name in _ArticleRow._fields]
_ARTICLES = Question(lambda dialect: select(*_ROW).where(lists.among(dialect, _a.article_id)))

_LOCK = select(_a.article_id).where(_a.article_id == bindparam("id")).with_for_update()

_ALIASES = Finished(
    lambda dialect: select(_alias.key, _alias.article_id).where(
        _alias.site_id == bindparam("site"), lists.among_texts(dialect, _alias.key)
    )
)


def _note(dialect: str) -> Any:
    changed = insert_of(dialect)(tables.article_change).values(site_id=bindparam("site"), n=1)
    return changed.on_conflict_do_update(index_elements=["site_id"], set_={"n": _change.n + 1})


_CHANGED = Finished(_note)


def ask(connection: Connection, article_ids: Collection[int]) -> Asked:
    """Ask for the articles with these ids, for `find_places`; `statements.in_one_trip` says when they are had."""
    answer = _ARTICLES.begin(connection, article_ids)
    return lambda: {row[0]: _ArticleRow._make(row) for row in answer()}


def find_places(connection: Connection, places: Collection[Place], asked: Asked | None = None) -> dict[Name, Article | Refusal]:
    """The articles behind places: by their id, else by an alias; a merged one leads on to where it went.

    `asked` is for the ids of the places, if they were asked for before.
    """
    named = {place.name: place for place in places}
    rows = (asked or ask(connection, {place.key.id for place in places}))()
    found = {name: row for name, at in named.items() if (row := rows.get(at.key.id)) and (row.site_id, row.key) == name}
    if len(found) < len(named):
        found |= _find_by_alias(connection, [place for name, place in named.items() if name not in found])
    if any(row.merged_into is not None for row in found.values()):
        targets = ask(connection, [row.merged_into for row in found.values() if row.merged_into is not None])()
        led = {name: row if row.merged_into is None else targets.get(row.merged_into) for name, row in found.items()}
        found = {name: row for name, row in led.items() if row is not None}  # it was deleted between two questions
    outcome: dict[Name, Article | Refusal] = {}
    for name, place in named.items():
        if name in found:
            outcome[name] = _article(found[name], place)
        elif place.key.id in rows:
            outcome[name] = same_id()
    return outcome


def _find_by_alias(connection: Connection, places: Collection[Place]) -> dict[Name, _ArticleRow]:
    led: dict[Name, int] = {}
    for site_id in {place.site.id for place in places}:
        asked = {place.key.text for place in places if place.site.id == site_id}
        texts = texts_in_text(connection.dialect.name, asked)
        for key, article_id in _ALIASES.ask(connection, {"site": site_id, "texts": texts}):
            led[site_id, key] = article_id
    rows = ask(connection, set(led.values()))() if led else {}
    return {name: rows[article_id] for name, article_id in led.items() if article_id in rows}  # if it was not just deleted


def _article(row: _ArticleRow, place: Place) -> Article:
    closes_at = closes_at_ms(place.site, row.published_at, row.first_seen_at)
    over = row.closed_at is not None or row.votes_dropped_at is not None
    return Article(
        article_id=row.article_id,
        key=row.key,
        section=row.section,
        closed=over or (closes_at is not None and place.at_ms >= closes_at),
        hidden=row.hidden_at is not None,
        merged_from=() if row.merged_from == _NO_IDS else tuple(json.loads(row.merged_from)),
        votes_dropped=row.votes_dropped_at is not None,
    )


def same_id() -> MalformedKey:
    """Why a key is refused whose id belongs to another one."""
    return MalformedKey(gettext("The service cannot distinguish this key from another article's. Change one character of it."))


def _are_described(connection: Connection, rows: Sequence[Mapping[str, object]]) -> bool:
    """True if writing these descriptions would change nothing: a feed that is read every minute mostly says the same."""
    asked = select(_a.article_id, *(_a[name] for name in _DESCRIBED)).where(lists.among(connection.dialect.name, _a.article_id))
    ids = lists.ids(connection.dialect.name, {cast_id for row in rows if isinstance(cast_id := row["article_id"], int)})
    known = {row.article_id: row._mapping for row in connection.execute(asked, ids).all()}
    return all(row["article_id"] in known and all(known[row["article_id"]][n] == row[n] for n in _DESCRIBED) for row in rows)


def _row(site: Site, article_id: int, key: str, description: Description, at_ms: int) -> dict[str, object]:
    described = {name: getattr(description, name) for name in _DESCRIBED}
    several = {"authors": list(description.authors), "tags": list(description.tags)}
    return {"article_id": article_id, "site_id": site.id, "key": key, "first_seen_at": at_ms, **described, **several}
