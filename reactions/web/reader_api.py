"""What readers ask: an article's row, the counts of many, and a vote."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

import orjson
from flask import Response, request
from marshmallow import ValidationError

from reactions.newsroom import article_keys
from reactions.newsroom.article_keys import ArticleKey
from reactions.newsroom.sites import Site
from reactions.refusals import MalformedKey
from reactions.votes import rules
from reactions.votes.rules import Counts
from reactions.web import cors, current, plain_votes, problems, schemas
from reactions.web.counts_memory import Answer
from reactions.web.openapi import ApiBlueprint, query

MOST_ARTICLES = 100


class Fault(NamedTuple):
    """An article key that cannot be used, and why."""

    article: str
    refusal: MalformedKey


Entry = Counts | Fault

blueprint = ApiBlueprint("readers", description="What the widget asks for. No key needed.")


@blueprint.get(
    "/v1/sites/<site_key>/reactions",
    query=[
        query("article", f"1 to {MOST_ARTICLES} article keys, each as a parameter of its own", many=True),
        query("lang", "Language of the labels", required=False),
    ],
    answer=schemas.ReactionsAnswer,
    problems=(400, 404, 503),
    cached=True,
)
def reactions_of(site_key: str) -> Response:
    """The row of an article: its reactions with labels and counts. For several: the site's labels, and the counts of each."""
    site = current.site(site_key)
    given = _query("article", "lang")
    if len(given["lang"]) > 1:
        raise ValidationError("Give at most one lang.", "lang")
    keys, language = _asked_keys(given), (given["lang"] or ["en"])[0]
    if keys[1:]:
        labels = [{"key": r.key, "label": r.label_in(language), "emoji": r.emoji} for r in site.reactions.offered]
        return _answer(site, keys, lambda entries: {"reactions": labels, "articles": [_entry(entry) for entry in entries]})
    return _answer(site, keys, lambda entries: _row(entries[0], language))


@blueprint.get(
    "/v1/sites/<site_key>/counts",
    query=[query("article", f"1 to {MOST_ARTICLES} article keys, each as a parameter of its own", many=True)],
    answer=schemas.CountsAnswer,
    problems=(400, 404, 503),
    cached=True,
)
def counts_of(site_key: str) -> Response:
    """The counts of many articles, in the order asked. Among several, a key that cannot be used spoils its own entry only."""
    site = current.site(site_key)
    keys = _asked_keys(_query("article"))
    return _answer(site, keys, lambda entries: {"articles": [_entry(entry) for entry in entries]})


@blueprint.put(
    "/v1/sites/<site_key>/vote",
    body=schemas.VoteBody,
    answer=schemas.VoteReceipt,
    problems=(400, 403, 404, 409, 413, 415, 422, 429, 503, 507),
)
def vote(site_key: str) -> Response:
    """Cast, change or withdraw a reader's vote. Answers once the vote is durable."""
    if plain_votes.REFUSED in request.environ:
        refused, page = request.environ[plain_votes.REFUSED]
        cors.let_page(page)
        raise refused
    site = current.site(site_key)
    page = cors.let_page_read(site)
    text = schemas.text_of(request, most_bytes=schemas.VOTE_BODY_BYTES)
    body, headers = plain_votes.cast(current.parts(), site, request.environ, text)
    return Response(body, headers=[*page, *headers])


@blueprint.preflight("/v1/sites/<site_key>/vote")
def vote_preflight(site_key: str) -> Response:
    """Tell a browser whether a page may vote."""
    return cors.preflight(cors.let_page_read(current.site(site_key)), "PUT")


@blueprint.preflight("/v1/sites/<site_key>/<any(reactions, counts):what>")
def read_preflight(site_key: str, what: str) -> Response:  # noqa: ARG001  the address decides, whatever is read
    """Let every page read, also one that adds headers of its own to what it asks, as tracing does."""
    return cors.preflight(cors.PUBLIC, "GET, HEAD")


def _query(*names: str) -> dict[str, list[str]]:
    """The query's parameters. Raises ValidationError for one that is not in `names`: it would only defeat caches."""
    try:
        unquote_to_bytes(request.query_string).decode()
    except UnicodeDecodeError:
        raise ValidationError("Write the address in UTF-8, percent-encoded.") from None
    given = request.args.to_dict(flat=False)
    if unknown := [name for name in given if name not in names]:
        raise ValidationError(f"No such parameter. Use: {', '.join(names)}.", unknown[0][:64])
    return {name: given.get(name, []) for name in names}


def _asked_keys(given: dict[str, list[str]]) -> list[str]:
    """The article keys of a query. Raises ValidationError for none, or too many, and MalformedKey for the only one."""
    keys = given["article"]
    if not 1 <= len(keys) <= MOST_ARTICLES:
        raise ValidationError(f"Ask for 1 to {MOST_ARTICLES} articles at a time; this asks for {len(keys)}.", "article")
    if not keys[1:]:
        article_keys.canonical_key(keys[0])
    return keys


def _answer(site: Site, keys: list[str], shape: Callable[[list[Entry]], dict[str, Any]]) -> Response:
    """Read the counts, bring them into `shape`, and keep the answer in memory for the requests that follow."""
    parts = current.parts()
    asked = [_usable(site, key) for key in keys]
    usable = [entry for entry in asked if not isinstance(entry, Fault)]
    stamp = parts.memory.stamp({key.id for key in usable})
    with current.reading() as connection:
        counts = iter(rules.counts_of(connection, site, usable, now_ms=current.now_ms()))
    body = orjson.dumps(shape([entry if isinstance(entry, Fault) else next(counts) for entry in asked]))
    etag = f'"{hashlib.blake2b(body, digest_size=9).hexdigest()}"'
    headers = [("ETag", etag), ("Cache-Control", _cache_control()), *_OPEN_TO_ALL]
    parts.memory.keep((request.path, request.query_string.decode("latin-1")), Answer(body, etag, headers), stamp)
    response = Response(body, content_type="application/json", headers=headers)
    return response.make_conditional(request)  # type: ignore[return-value]


_OPEN_TO_ALL = [*cors.PUBLIC, ("Timing-Allow-Origin", "*"), ("X-Content-Type-Options", "nosniff")]


def _cache_control() -> str:
    s = current.parts().settings
    age, stale = s.counts_max_age_s, s.counts_stale_while_revalidate_s
    return f"public, max-age={age}, s-maxage={age}, stale-while-revalidate={stale}, stale-if-error={s.counts_stale_if_error_s}"


def _row(counts: Entry, language: str) -> dict[str, Any]:
    assert isinstance(counts, Counts)
    buttons = [
        {"key": r.key, "label": r.label_in(language), "emoji": r.emoji, "count": counts.by_reaction[r.key]}
        for r in counts.offered.offered
    ]
    return {"article": counts.article, "open": counts.open, "total": counts.total, "reactions": buttons}


def _usable(site: Site, key: str) -> ArticleKey | Fault:
    try:
        return article_keys.article_key(site.key, key)
    except MalformedKey as refusal:
        return Fault(key, refusal)


def _entry(entry: Entry) -> dict[str, Any]:
    if isinstance(entry, Fault):
        return {"article": entry.article, "error": problems.members_of(entry.refusal)}
    return {"article": entry.article, "open": entry.open, "total": entry.total, "counts": entry.by_reaction}
