"""Articles: what is voted on.

The publisher's key names one. Its id is a hash of that, the same on every node, so no look-up precedes a vote.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from sqlalchemy import Connection, Executable, Row, Text, bindparam, cast, exists, func, select

from reactions.newsroom.sites import Site
from reactions.refusals import ArticleClosed, ArticleQuotaSpent, MalformedKey, Refusal, UnknownArticle
from reactions.storage import statements, tables
from reactions.storage.engines import insert_for
from reactions.times import DAY_MS

KEY_CHARACTERS = 200
IMPORTED = "imported"  # the mark, among what the newsroom did, of an article that an import registered
_PLAIN = re.compile(r"[!-~](?:[ -~]{0,198}[!-~])?")
_RULE = f"An article key has 1 to {KEY_CHARACTERS} characters"
# Controls, surrogates, private use, separators of lines; then what turns the direction of text, and what nobody can see:
# two keys that look alike would be two articles. The joiners U+200C and U+200D are part of words and emoji, but never at an end.
_REFUSED_CATEGORIES = {"Cc", "Cs", "Co", "Zl", "Zp"}
_REFUSED = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\u00ad\u180e\u200b\u2060")

# What `decodeURI` of a browser leaves as it is: characters that would mean something else once decoded.
_DECODABLE = re.compile("(?:%(?!3B|2F|3F|3A|40|26|3D|2B|24|2C|23)[0-9A-F]{2})+", re.IGNORECASE)


def canonical_key(key: str) -> str:
    """The one form of an article key: Unicode NFC, 1 to 200 characters, no space at either end, no control character.

    Slashes, spaces inside, capitals and any script are kept as they are: "News/1" and "news/1" are two articles.
    Raises MalformedKey.
    """
    if key.isascii() and _PLAIN.fullmatch(key):
        return key
    if len(key) > KEY_CHARACTERS * 4:
        raise MalformedKey(f"{_RULE}; this one is far longer. A slug, a path or the CMS id will do.")
    key = unicodedata.normalize("NFC", key)
    if not 1 <= len(key) <= KEY_CHARACTERS:
        raise MalformedKey(f"{_RULE}; this one has {len(key)}.")
    if key != key.strip().strip("\u200c\u200d"):
        raise MalformedKey("An article key must not start or end with a space or a joiner.")
    if bad := [c for c in key if c in _REFUSED or unicodedata.category(c) in _REFUSED_CATEGORIES]:
        raise MalformedKey(f"An article key must not contain U+{ord(bad[0]):04X}: no control, direction or invisible characters.")
    return key


def path_key(url: str) -> str:
    """The key that the widget takes on the page at `url` when it is given none: the decoded path of the address."""
    return _DECODABLE.sub(_decoded, urlsplit(url).path) or "/"


def _decoded(escapes: re.Match[str]) -> str:
    try:
        return bytes.fromhex(escapes[0].replace("%", "")).decode()
    except UnicodeDecodeError:
        return escapes[0]


def id_of(site_key: str, key: str) -> int:
    """The signed 64-bit id of an article: BLAKE2b over the site's key and the canonical article key."""
    digest = hashlib.blake2b(f"{site_key}\0{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


_Row = Row[*tuple[Any, ...]]


class Place(NamedTuple):
    """Where a ballot wants to go: `at_ms` is its time, UTC."""

    site: Site
    key: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Article:
    """What voting needs to know of an article. `merged_from` are the ids of articles that were merged into it."""

    article_id: int
    key: str
    section: str | None = None
    closed: bool = False
    hidden: bool = False
    merged_from: tuple[int, ...] = ()


_a, _alias, _done = tables.article.c, tables.article_alias.c, tables.intervention.c
_NONE = "[]"


@cache
def _find(dialect: str) -> Executable:
    return select(
        _a.article_id,
        _a.site_id,
        _a.key,
        _a.section,
        _a.published_at,
        _a.first_seen_at,
        _a.closed_at,
        _a.hidden_at,
        _a.merged_into,
        cast(_a.merged_from, Text).label("merged_from"),
    ).where(statements.among(dialect, _a.article_id))


_FIND_ALIAS = select(_alias.key, _alias.article_id).where(
    _alias.site_id == bindparam("site_id"), _alias.key.in_(bindparam("keys", expanding=True))
)


def find(connection: Connection, site: Site, keys: Collection[str], *, now_ms: int) -> dict[str, Article]:
    """The registered ones among the articles with these canonical keys, aliases included. Creates nothing."""
    found = _found(connection, {id_of(site.key, key): Place(site, key, now_ms) for key in keys})
    by_id = {id_of(site.key, key): key for key in keys}
    return {by_id[asked]: article for asked, article in found.items() if isinstance(article, Article)}


def ids_of(connection: Connection, site: Site, keys: Collection[str]) -> dict[str, int]:
    """The id behind each canonical key, whether it is registered, an alias, or new. Raises MalformedKey."""
    places = {id_of(site.key, key): Place(site, key, 0) for key in keys}
    found = _found(connection, places)
    if refused := [outcome for outcome in found.values() if isinstance(outcome, Refusal)]:
        raise refused[0]
    return {
        place.key: article.article_id if isinstance(article := found.get(asked), Article) else asked
        for asked, place in places.items()
    }


def named(connection: Connection, site: Site, key: str) -> Article:
    """The registered article with this canonical key or alias. Raises UnknownArticle."""
    article = find(connection, site, [key], now_ms=0).get(key)
    if article is None:
        raise UnknownArticle(f"{site.key} has no article {key!r}.")
    return article


def key_of(connection: Connection, article_id: int) -> str:
    """The key of a registered article."""
    return str(connection.execute(select(_a.key).where(_a.article_id == article_id)).scalar_one())


def registered(connection: Connection, places: Mapping[int, Place]) -> dict[int, Article | Refusal]:
    """For each place, by `id_of`, its open article, registered on the way where the site allows, or why it takes no votes.

    Needs a writing transaction.
    """
    found = _found(connection, places)
    missing = {article_id: place for article_id, place in places.items() if article_id not in found}
    for site in {place.site for place in missing.values()}:
        found |= _register(connection, site, {i: place for i, place in missing.items() if place.site is site})
    return {article_id: _refused_if_closed(found[article_id]) for article_id in places}


def _found(connection: Connection, places: Mapping[int, Place]) -> dict[int, Article | Refusal]:
    """The articles behind places: by their id, else by an alias; a merged one leads on to where it went."""
    rows = _rows(connection, list(places))
    found = {i: row for i, row in rows.items() if (row.site_id, row.key) == (places[i].site.id, places[i].key)}
    if len(found) < len(places):
        found |= _found_by_alias(connection, {i: place for i, place in places.items() if i not in found})
    if any(row.merged_into is not None for row in found.values()):
        targets = _rows(connection, [row.merged_into for row in found.values() if row.merged_into is not None])
        found = {i: row if row.merged_into is None else targets[row.merged_into] for i, row in found.items()}
    outcome: dict[int, Article | Refusal] = {i: _article(row, places[i]) for i, row in found.items()}
    for article_id in rows.keys() - found.keys():
        outcome[article_id] = MalformedKey("This key cannot be told from another article's. Change one character of it.")
    return outcome


def _found_by_alias(connection: Connection, places: Mapping[int, Place]) -> dict[int, _Row]:
    led: dict[int, int] = {}
    for site in {place.site for place in places.values()}:
        asked = {place.key: i for i, place in places.items() if place.site is site}
        for key, article_id in connection.execute(_FIND_ALIAS, {"site_id": site.id, "keys": list(asked)}):
            led[asked[key]] = article_id
    rows = _rows(connection, list(led.values())) if led else {}
    return {i: rows[article_id] for i, article_id in led.items()}


def _rows(connection: Connection, ids: Collection[int]) -> dict[int, _Row]:
    dialect = connection.dialect.name
    return {row.article_id: row for row in connection.execute(_find(dialect), statements.ids(dialect, ids)).all()}


def _article(row: _Row, place: Place) -> Article:
    return Article(
        article_id=row.article_id,
        key=row.key,
        section=row.section,
        closed=row.closed_at is not None or _too_old(row, place),
        hidden=row.hidden_at is not None,
        merged_from=() if row.merged_from == _NONE else tuple(json.loads(row.merged_from)),
    )


def _too_old(row: _Row, place: Place) -> bool:
    days = place.site.close_after_days
    return days is not None and place.at_ms >= (row.published_at or row.first_seen_at) + days * DAY_MS


def _register(connection: Connection, site: Site, places: Mapping[int, Place]) -> dict[int, Article | Refusal]:
    if site.article_policy == "known":
        return dict.fromkeys(
            places, UnknownArticle("This site takes reactions only on articles it has registered, and not on this one.")
        )
    today = _day_start(max(place.at_ms for place in places.values()))
    room = max(site.new_articles_per_day - _registered_by_readers(connection, site, since_ms=today), 0)
    welcome = dict(sorted(places.items())[:room])
    rows = [
        {"article_id": article_id, "site_id": site.id, "key": place.key, "first_seen_at": place.at_ms}
        for article_id, place in welcome.items()
    ]
    if rows:
        connection.execute(insert_for(connection)(tables.article).on_conflict_do_nothing(), rows)
    outcome: dict[int, Article | Refusal] = dict.fromkeys(
        places,
        ArticleQuotaSpent(
            "Readers have reached the number of new articles this site takes in a day. Try again tomorrow, or ask the "
            "publisher to register the article."
        ),
    )
    outcome.update({article_id: Article(article_id, place.key) for article_id, place in welcome.items()})
    return outcome


def _registered_by_readers(connection: Connection, site: Site, *, since_ms: int) -> int:
    """How many articles the site's readers registered since then; those with a title, or from an import, are the newsroom's."""
    imported = exists().where(_done.article_id == _a.article_id, _done.what == IMPORTED)
    recent = (
        select(_a.article_id)
        .where(_a.site_id == site.id, _a.first_seen_at >= since_ms, _a.title.is_(None), ~imported)
        .limit(site.new_articles_per_day)
    )
    return connection.execute(select(func.count()).select_from(recent.subquery())).scalar_one()


def _day_start(at_ms: int) -> int:
    return at_ms - at_ms % DAY_MS


def _refused_if_closed(article: Article | Refusal) -> Article | Refusal:
    if isinstance(article, Article) and article.closed:
        return ArticleClosed("Voting on this article has ended. Its counts stay visible.")
    return article
