"""Articles that readers register with their first ballot, and the limits that keep strangers from filling the tables.

A site has a daily quota, a stored counter. Each network also has a budget of its own, so that none of them can spend the quota of
all. Keys that match one of the site's patterns need no quota; keys that the publisher has signed need neither.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Collection, Sequence
from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select

from reactions.newsroom import articles
from reactions.newsroom.articles import Article, Asked, Name, Place
from reactions.newsroom.sites import Site
from reactions.refusals import ArticleClosed, ArticleQuotaSpent, Refusal, UnknownArticle
from reactions.storage import statements, tables
from reactions.storage.engines import insert_of
from reactions.storage.statements import Finished, ManyRows
from reactions.times import DAY_MS

SIGNED = "signed"  # the mark of an article whose key the publisher had signed when a reader registered it
# Asked once for all new articles of a batch: for each place, whether its network may register one more.
Budget = Callable[[Sequence[Place]], Sequence[bool]]

_q = tables.article_quota.c
_SITE_SPENT = "This site's daily limit for new articles has been reached. Try again tomorrow."
_NETWORK_SPENT = "Too many new articles were voted on from your network. Try again later."


def no_budget(places: Sequence[Place]) -> Sequence[bool]:
    """Let every network register."""
    return [True] * len(places)


def signing_key(key: bytes, site_key: str) -> str:
    """The text that a publisher signs article keys with; `key` is the service's, for this purpose."""
    return hmac.digest(key, site_key.encode(), "sha256").hex()


def signature(signing: str, article: str) -> str:
    """What a publisher writes into `data-sig`: HMAC-SHA256 over the article key as it stands in the page, in hexadecimal."""
    return hmac.new(signing.encode(), article.encode(), hashlib.sha256).hexdigest()


def find_open(
    connection: Connection, places: Collection[Place], *, budget: Budget = no_budget, asked: Asked | None = None
) -> dict[Name, Article | Refusal]:
    """For each place, by its name, its open article, or why it takes no votes. `asked` is as in `articles.find_places`.

    An article that nobody knows is registered on the way, where the site allows. Needs a writing transaction, at whose end the
    caller notes the change of the sites that have fresh ones.
    """
    found = articles.find_places(connection, places, asked)
    missing = [place for place in places if place.name not in found] if len(found) < len(places) else []
    for site in sorted({place.site for place in missing}, key=lambda site: site.id):  # in order: each locks its quota
        found |= _register(connection, site, [place for place in missing if place.site is site], budget)
    return {name: _refused_if_closed(article) for name, article in found.items()}


def forget_quotas(connection: Connection, *, before_ms: int) -> None:
    """Remove the counters of days that are over."""
    connection.execute(delete(tables.article_quota).where(_q.day < before_ms // DAY_MS))


def _register(connection: Connection, site: Site, places: Sequence[Place], budget: Budget) -> dict[Name, Article | Refusal]:
    if site.article_policy == "known":
        refusal = UnknownArticle(
            "This site accepts reactions only on articles that it has registered, and this is not one of them."
        )
        return {place.name: refusal for place in places}
    first_of = {place.key.id: place for place in reversed(places)}
    welcome, others = _admitted(connection, site, [place for _, place in sorted(first_of.items())], budget)
    if welcome:
        _write(connection, site, welcome)
    outcome: dict[Name, Article | Refusal] = {
        place.name: articles.same_id() for place in places if first_of[place.key.id].name != place.name
    }
    return outcome | others | {place.name: Article(place.key.id, place.key.text, fresh=True) for place in welcome}


def _admitted(
    connection: Connection, site: Site, places: Sequence[Place], budget: Budget
) -> tuple[list[Place], dict[Name, Article | Refusal]]:
    """The places whose articles may be registered; of the others why they may not, or the article that is there by now."""
    welcome = [place for place in places if place.signed]
    strangers = [place for place in places if not place.signed]
    allowed = dict(zip((place.name for place in strangers), budget(strangers) if strangers else (), strict=True))
    others: dict[Name, Article | Refusal] = {
        place.name: ArticleQuotaSpent(_NETWORK_SPENT) for place in strangers if not allowed[place.name]
    }
    within = [place for place in strangers if allowed[place.name]]
    welcome += [place for place in within if _matches(site, place)]
    counted = [place for place in within if not _matches(site, place)]
    taken, found = _take(connection, site, counted, day=max(place.at_ms for place in places) // DAY_MS)
    others |= {place.name: ArticleQuotaSpent(_SITE_SPENT) for place in counted if place not in taken} | found
    return welcome + taken, others | _registered_since(
        connection, [place for place in strangers if isinstance(others.get(place.name), ArticleQuotaSpent)]
    )


def _registered_since(connection: Connection, refused: Sequence[Place]) -> dict[Name, Article | Refusal]:
    """Those of the refused articles that others have registered since this batch asked for them."""
    rows = articles.ask(connection, [place.key.id for place in refused])() if refused else {}
    there = [place for place in refused if place.key.id in rows]
    return articles.find_places(connection, there, lambda: rows) if there else {}


def _matches(site: Site, place: Place) -> bool:
    return any(fnmatchcase(place.key.text, pattern) for pattern in site.article_patterns)


def _take(
    connection: Connection, site: Site, wanted: Sequence[Place], *, day: int
) -> tuple[list[Place], dict[Name, Article | Refusal]]:
    """The places whose articles the site's quota for the day still allows, which are counted; and what others have registered.

    A spent quota is only read: a flood of made-up keys then neither writes nor waits for a lock.
    """
    of_day = {"site": site.id, "day": day}
    spent = sum(n for (n,) in _SPENT.ask(connection, of_day))
    if not wanted or spent >= site.new_articles_per_day:
        return [], {}
    with statements.in_one_trip(connection):
        answer = _COUNT.begin(connection, {**of_day, "wanted": len(wanted)})
        asked = articles.ask(connection, [place.key.id for place in wanted])  # anew: the counter's lock was waited for
    [(after,)] = answer()
    rows = asked()
    there = [place for place in wanted if place.key.id in rows]
    room = max(0, site.new_articles_per_day - (int(after) - len(wanted)))
    taken = [place for place in wanted if place.key.id not in rows][:room]
    if len(taken) < len(wanted):
        _COUNT.ask(connection, {**of_day, "wanted": len(taken) - len(wanted)})
    return taken, articles.find_places(connection, there, lambda: rows) if there else {}


def _write(connection: Connection, site: Site, places: Sequence[Place]) -> None:
    places = sorted(places, key=lambda place: place.key.id)  # in order: two batches cannot wait for each other
    with statements.in_one_trip(connection):
        answer = _ARTICLES.begin(connection, [(p.key.id, site.id, p.key.text, p.at_ms) for p in places])
    written = {article_id for (article_id,) in answer()}  # others may have been faster
    marks = [(p.key.id, p.at_ms, SIGNED, "the publisher") for p in places if p.signed and p.key.id in written]
    if marks:
        with statements.in_one_trip(connection):
            _MARKS.execute(connection, marks)


def _refused_if_closed(article: Article | Refusal) -> Article | Refusal:
    if isinstance(article, Article) and article.closed:
        return ArticleClosed("Voting on this article has ended. Its counts stay visible.")
    return article


def _counted(dialect: str) -> Any:
    first = insert_of(dialect)(tables.article_quota).values(
        site_id=bindparam("site"), day=bindparam("day"), n=bindparam("wanted")
    )
    return first.on_conflict_do_update(index_elements=["site_id", "day"], set_={"n": _q.n + first.excluded.n}).returning(_q.n)


def _unless_there(insert: Any) -> Any:
    return insert.on_conflict_do_nothing().returning(tables.article.c.article_id)


_SPENT = Finished(lambda _: select(_q.n).where(_q.site_id == bindparam("site"), _q.day == bindparam("day")))
_COUNT = Finished(_counted)
_ARTICLES = ManyRows(tables.article, ["article_id", "site_id", "key", "first_seen_at"], _unless_there)
_MARKS = ManyRows(tables.intervention, ["article_id", "at", "what", "by"])
