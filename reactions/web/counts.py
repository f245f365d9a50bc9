"""Counts, as readers are shown them: read, put into an answer, and kept in memory for about a second.

Within one process an answer from memory is never stale: a committed batch outdates every answer about its articles. What another
process committed is seen when the answer's time is over.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from marshmallow import ValidationError
from sqlalchemy import Engine

from reactions.newsroom import article_keys
from reactions.newsroom.article_keys import ArticleKey
from reactions.newsroom.reaction_sets import EMOJI, Reaction
from reactions.newsroom.sites import Site
from reactions.refusals import MalformedKey
from reactions.settings import Settings
from reactions.times import now_ms
from reactions.votes import rules
from reactions.votes.rules import Counts
from reactions.web import conditional
from reactions.web.headers import PUBLIC, Header
from reactions.web.problems import STATUS_OF, document

MOST_ARTICLES = 100
PARAMETERS = {"reactions": ("article", "lang"), "counts": ("article",)}

Address = tuple[str, str]  # path and query, as they came
Stamp = tuple[tuple[int, int], ...]  # article id and version
Query = Mapping[str, Sequence[str]]

_MOST_BYTES = 64 * 2**20  # answers about 100 articles each would fill a machine before they are too many
_ENTRY_BYTES, _ARTICLE_BYTES = 900, 150  # what an entry, and the version of each of its articles, take beside body and address


class Fault(NamedTuple):
    """An article key that cannot be used, and why."""

    article: str
    refusal: MalformedKey


Entry = Counts | Fault


@dataclass(frozen=True, slots=True)
class CachedResponse:
    """A complete answer: `headers` are for 200 and 304 alike and hold the ETag."""

    body: bytes
    etag: str
    headers: list[Header]

    def is_known(self, if_none_match: str) -> bool:
        """True if If-None-Match has this answer's ETag."""
        return conditional.is_known(self.etag, if_none_match)


class CountsMemory:
    """Answers by address. `versions` rise with every batch that touches an article."""

    def __init__(self, *, keep_s: float, entries: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._keep_s = keep_s
        self._most = entries
        self._clock = clock
        self._lock = threading.Lock()
        self._answers: dict[Address, tuple[float, Stamp, CachedResponse]] = {}
        self._bytes = 0
        self._versions: tuple[int, dict[int, int]] = (0, {})  # an epoch that every version starts from, and what came since

    def stamp(self, article_ids: Iterable[int]) -> Stamp:
        """The versions of articles. Take it before reading their counts."""
        return tuple((article_id, self._version(article_id)) for article_id in article_ids)

    def outdate(self, article_ids: Collection[int]) -> None:
        """Forget what is known of articles whose counts have changed."""
        with self._lock:
            epoch, since = self._versions
            if len(since) > self._most:
                epoch, since = epoch + 1 + max(since.values()), {}
            for article_id in article_ids:
                since[article_id] = since.get(article_id, 0) + 1
            self._versions = epoch, since  # at once: a reader that saw half of the change could take old for new

    def keep(self, address: Address, answer: CachedResponse, stamp: Stamp) -> None:
        """Keep an answer for its time."""
        if self._keep_s <= 0:
            return
        size = len(answer.body) + len(address[0]) + len(address[1]) + _ENTRY_BYTES + _ARTICLE_BYTES * len(stamp)
        with self._lock:
            if len(self._answers) >= self._most or self._bytes + size > _MOST_BYTES:
                self._answers.clear()
                self._bytes = 0
            self._bytes += size
            self._answers[address] = (self._clock() + self._keep_s, stamp, answer)

    def find(self, address: Address) -> CachedResponse | None:
        """The answer for an address, if it is still good."""
        kept = self._answers.get(address)
        if kept is None:
            return None
        until, stamp, answer = kept
        if self._clock() < until and all(self._version(article_id) == version for article_id, version in stamp):
            return answer
        return None

    def _version(self, article_id: int) -> int:
        epoch, since = self._versions
        return epoch + since.get(article_id, 0)


class CountsReader:
    """Reads counts and answers them, for one application."""

    def __init__(self, engine: Engine, memory: CountsMemory, settings: Settings) -> None:
        self._engine = engine
        self._memory = memory
        own, shared = settings.counts_max_age_s, settings.counts_shared_max_age_s
        kept = f"public, max-age={own}, s-maxage={shared}, stale-while-revalidate={settings.counts_stale_while_revalidate_s}"
        cache_control = f"{kept}, stale-if-error={settings.counts_stale_if_error_s}"
        self._headers = [("Cache-Control", cache_control), *PUBLIC, ("Timing-Allow-Origin", "*")]

    def read(self, site: Site, what: str, query: Query, address: Address) -> CachedResponse:
        """Answer `reactions` or `counts` from the database, and keep the answer.

        Among several articles, a key that cannot be used spoils its own entry only. Raises ValidationError, or MalformedKey for
        the only one.
        """
        articles = _articles(query)
        if what == "counts":
            return self._answer(site, articles, address, lambda entries: {"articles": list(map(_entry, entries))})
        language = _language(query)
        if len(articles) == 1:
            return self._answer(site, articles, address, lambda entries: _row(entries[0], language))
        labels = [_button(reaction, language) for reaction in site.reactions.offered]
        return self._answer(
            site, articles, address, lambda entries: {"reactions": labels, "articles": list(map(_entry, entries))}
        )

    def _answer(self, site: Site, texts: Sequence[str], address: Address, shape: Callable[[list[Entry]], Any]) -> CachedResponse:
        asked = [_usable(site, text) for text in texts]
        if len(asked) == 1 and isinstance(asked[0], Fault):
            raise asked[0].refusal
        keys = [each for each in asked if not isinstance(each, Fault)]
        stamp = self._memory.stamp({key.id for key in keys})
        with self._engine.connect() as connection:
            counted = iter(rules.counts_of(connection, site, keys, now_ms=now_ms()))
        views = {"views": site.count_views} if site.count_views else {}
        body = orjson.dumps(views | shape([each if isinstance(each, Fault) else next(counted) for each in asked]))
        etag = f'"{hashlib.blake2b(body, digest_size=9).hexdigest()}"'
        answer = CachedResponse(body, etag, [("ETag", etag), *self._headers])
        self._memory.keep(address, answer, stamp)
        return answer


def _language(query: Query) -> str:
    if len(query["lang"]) > 1:
        raise ValidationError("Give at most one lang.", "lang")
    return next(iter(query["lang"]), "en")


def _articles(query: Query) -> Sequence[str]:
    if not 1 <= len(query["article"]) <= MOST_ARTICLES:
        given = len(query["article"])
        raise ValidationError(f"Ask for 1 to {MOST_ARTICLES} articles at a time; this asks for {given}.", "article")
    return query["article"]


def _usable(site: Site, text: str) -> ArticleKey | Fault:
    try:
        return article_keys.article_key(site.key, text)
    except MalformedKey as refusal:
        return Fault(text, refusal)


def _button(reaction: Reaction, language: str) -> dict[str, Any]:
    """A button of the row, but for its count."""
    shown = {"key": reaction.key, "label": reaction.label_in(language), "emoji": reaction.emoji}
    return {**shown, "icon": EMOJI} if reaction.icon == EMOJI else shown


def _row(counts: Entry, language: str) -> dict[str, Any]:
    assert isinstance(counts, Counts)
    buttons = [{**_button(r, language), "count": counts.by_reaction[r.key]} for r in counts.offered.offered]
    return {"article": counts.article, "open": counts.open, "total": counts.total, "reactions": buttons}


def _entry(entry: Entry) -> dict[str, Any]:
    if isinstance(entry, Fault):
        _, name, _ = STATUS_OF[type(entry.refusal)]
        return {"article": entry.article, "error": document(name, entry.refusal.detail)}
    return {"article": entry.article, "open": entry.open, "total": entry.total, "counts": entry.by_reaction}
