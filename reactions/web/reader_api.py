"""What readers ask: an article's row, the counts of many, and a vote."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from flask import Response, request
from marshmallow import ValidationError

from reactions.newsroom import article_keys
from reactions.newsroom.sites import Site
from reactions.votes import rules
from reactions.votes.rules import Counts
from reactions.web import cors, current, headers, plain_votes, requests, schemas
from reactions.web.counts_memory import Answer
from reactions.web.openapi import ApiBlueprint, query

MOST_ARTICLES = 100
_CACHED = ("Cache-Control", "ETag")
_VOTE_PROBLEMS = (
    "malformed-key", "foreign-origin", "unknown-article", "article-closed", "unknown-reaction", "retired-reaction",
    "seq-out-of-range", "article-quota-spent", "too-many-votes", "overloaded",
)  # fmt: skip

blueprint = ApiBlueprint("readers", description="What the widget asks for. No key needed.")


@blueprint.get(
    "/v1/sites/<site_key>/reactions",
    "getReactions",
    parameters=[
        query("article", "The article's key", example="sport/cup-final"),
        query("lang", "Language of the labels", required=False),
    ],
    response=schemas.ReactionsResponse,
    headers=_CACHED,
    problems=["malformed-key"],
)
def reactions_of(site_key: str) -> Response:
    """The row of an article: its reactions with labels and counts."""
    site = current.site(site_key)
    given = requests.query_lists(["article", "lang"])
    if len(given["article"]) != 1 or len(given["lang"]) > 1:
        raise ValidationError("Give one article and at most one lang.", "article")
    language = (given["lang"] or ["en"])[0]
    return _answer(site, given["article"], lambda counts: _row(counts[0], language))


@blueprint.get(
    "/v1/sites/<site_key>/counts",
    "getCounts",
    parameters=[query("article", f"1 to {MOST_ARTICLES} article keys, each as a parameter of its own", many=True, example="a")],
    response=schemas.CountsResponse,
    headers=_CACHED,
    problems=["malformed-key"],
)
def counts_of(site_key: str) -> Response:
    """The counts of many articles, in the order asked."""
    site = current.site(site_key)
    keys = requests.query_lists(["article"])["article"]
    if not 1 <= len(keys) <= MOST_ARTICLES:
        raise ValidationError(f"Ask for 1 to {MOST_ARTICLES} articles at a time; this asks for {len(keys)}.", "article")
    return _answer(site, keys, lambda counts: {"articles": [_counts(entry) for entry in counts]})


@blueprint.put(
    "/v1/sites/<site_key>/vote",
    "castVote",
    body=schemas.VoteBody,
    response=schemas.VoteResponse,
    headers=["Cache-Control", "RateLimit-Policy"],
    problems=_VOTE_PROBLEMS,
)
def vote(site_key: str) -> Response:
    """Cast, change or withdraw a reader's vote. Answers once the vote is durable."""
    if plain_votes.REFUSED in request.environ:
        refused, page = request.environ[plain_votes.REFUSED]
        cors.let_page(page)
        raise refused
    site = current.site(site_key)
    page = cors.let_page_read(site)
    text = requests.text_of(request)
    body, sent = plain_votes.cast(current.parts(), site, request.environ, text)
    return Response(body, headers=[*page, *sent])


@blueprint.preflight("/v1/sites/<site_key>/vote")
def vote_preflight(site_key: str) -> Response:
    """Tell a browser whether a page may vote."""
    return cors.preflight(cors.let_page_read(current.site(site_key)))


def _answer(site: Site, keys: list[str], shape: Any) -> Response:
    """Read the counts, bring them into `shape`, and keep the answer in memory for the requests that follow."""
    parts = current.parts()
    asked = [article_keys.article_key(site.key, key) for key in keys]
    stamp = parts.memory.stamp({key.id for key in asked})
    with current.reading() as connection:
        body = orjson.dumps(shape(rules.counts_of(connection, site, asked, now_ms=current.now_ms())))
    etag = f'"{hashlib.blake2b(body, digest_size=9).hexdigest()}"'
    sent = [("ETag", etag), ("Cache-Control", _cache_control()), *_OPEN_TO_ALL]
    parts.memory.keep((request.path, request.query_string.decode("latin-1")), Answer(body, etag, sent), stamp)
    response = Response(body, content_type="application/json", headers=sent)
    return response.make_conditional(request)  # type: ignore[return-value]


_OPEN_TO_ALL = [*headers.PUBLIC, ("Timing-Allow-Origin", "*")]


def _cache_control() -> str:
    s = current.parts().settings
    age, stale = s.counts_max_age_s, s.counts_stale_while_revalidate_s
    return f"public, max-age={age}, s-maxage={age}, stale-while-revalidate={stale}, stale-if-error={s.counts_stale_if_error_s}"


def _row(counts: Counts, language: str) -> dict[str, Any]:
    buttons = [
        {"key": r.key, "label": r.label_in(language), "emoji": r.emoji, "count": counts.by_reaction[r.key]}
        for r in counts.offered.offered
    ]
    return {"article": counts.article, "open": counts.open, "total": counts.total, "reactions": buttons}


def _counts(counts: Counts) -> dict[str, Any]:
    return {"article": counts.article, "open": counts.open, "total": counts.total, "counts": counts.by_reaction}
