"""What readers ask: an article's row, the counts of many, and a vote."""

from __future__ import annotations

import orjson
from flask import Response, request
from werkzeug.exceptions import UnsupportedMediaType

from reactions.votes import forgetting, networks
from reactions.web import cors, current, hot_path, requests, schemas
from reactions.web.counts import MOST_ARTICLES, PARAMETERS
from reactions.web.headers import NOSNIFF, PUBLIC
from reactions.web.openapi import ApiBlueprint, query

_reader = schemas.ReaderBody()
_CACHED = ("Cache-Control", "ETag")
_VOTE_PROBLEMS = (
    "malformed-key", "foreign-origin", "unknown-article", "article-closed", "unknown-reaction", "retired-reaction",
    "seq-out-of-range", "article-quota-spent", "too-many-votes", "overloaded", "key-in-address",
)  # fmt: skip


blueprint = ApiBlueprint("readers", description="What the widget asks for. No key needed.")


@blueprint.get(
    "/v1/sites/<site_key>/reactions",
    "getReactions",
    parameters=[
        query(
            "article", f"1 to {MOST_ARTICLES} article keys, each as a parameter of its own", many=True, example="sport/cup-final"
        ),
        query("lang", "Language of the labels", required=False),
    ],
    response=schemas.ReactionsResponse,
    headers=_CACHED,
    problems=["malformed-key", "key-in-address"],
)
def reactions_of(site_key: str) -> Response:
    """The row of an article: its reactions with labels and counts. For several: the site's labels, and the counts of each."""
    return _read(site_key, "reactions")


@blueprint.get(
    "/v1/sites/<site_key>/counts",
    "getCounts",
    parameters=[query("article", f"1 to {MOST_ARTICLES} article keys, each as a parameter of its own", many=True, example="a")],
    response=schemas.CountsResponse,
    headers=_CACHED,
    problems=["malformed-key", "key-in-address"],
)
def counts_of(site_key: str) -> Response:
    """The counts of many articles, in the order asked. Among several, a key that cannot be used spoils its own entry only."""
    return _read(site_key, "counts")


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
    site = current.site(site_key)
    page = cors.let_page_read(site)
    body, sent = current.parts().hot_path.cast(site, hot_path.request_of(request.environ), requests.text_of(request))
    return Response(body, headers=[*page, *sent])


@blueprint.get(
    "/v1/sites/<site_key>/vote",
    "mayVote",
    response=schemas.MayVoteResponse,
    headers=["Cache-Control"],
    problems=["foreign-origin"],
)
def may_vote(site_key: str) -> Response:
    """Whether the page that asks may vote. Every page can read the answer; a refused vote's it cannot."""
    cors.let_page_read(current.site(site_key))
    body = orjson.dumps({"origin": request.headers.get("Origin")})
    return Response(body, headers=[*PUBLIC, *cors.NO_ORIGIN, ("Content-Type", "application/json"), ("Cache-Control", "no-store")])


@blueprint.preflight("/v1/sites/<site_key>/vote")
def vote_preflight(site_key: str) -> Response:
    """Tell a browser whether a page may vote. That it may ask whether it may is certain."""
    if request.headers.get("Access-Control-Request-Method") == "GET":
        return cors.preflight(PUBLIC, "GET, HEAD")
    return cors.preflight(cors.let_page_read(current.site(site_key)), "PUT")


@blueprint.post(
    "/v1/sites/<site_key>/views",
    "countViews",
    body=schemas.ViewsBody,
    response=schemas.ViewsResponse,
    problems=["foreign-origin", "views-not-counted"],
)
def views(site_key: str) -> Response:
    """Tell which rows came into sight on a page, once in its life. The same JSON as text/plain needs no preflight."""
    site = current.site(site_key)
    if request.mimetype not in hot_path.BEACON_TYPES:
        raise UnsupportedMediaType
    body = requests.bytes_of(request, most_bytes=hot_path.BEACON_BYTES)
    text, sent = current.parts().hot_path.see(site, hot_path.request_of(request.environ), body)
    return Response(text, headers=sent)


@blueprint.delete(
    "/v1/sites/<site_key>/vote/reader",
    "forgetReader",
    body=schemas.ReaderBody,
    response=schemas.ForgottenResponse,
    headers=["Cache-Control"],
    problems=["foreign-origin", "too-many-votes", "overloaded", "key-in-address"],
)
def forget(site_key: str) -> Response:
    """Forget a reader: afterwards no row holds a pseudonym of theirs. Their votes are kept as nobody's, or withdrawn."""
    site, hot = current.site(site_key), current.parts().hot_path
    page = cors.let_page_read(site)
    reader = bytes.fromhex(requests.body_of(request, _reader)["reader"])
    asked = hot_path.request_of(request.environ)
    hot.limits.take_forgetting(site, networks.client_address(asked.peer, asked.forwarded_for, hot.proxies))
    votes = forgetting.forget(
        current.engine(), hot.ballot_box, site, reader=reader, key=hot.pseudonym_key, now_ms=current.now_ms()
    )
    headers = [*page, ("Content-Type", "application/json"), ("Cache-Control", "no-store"), NOSNIFF]
    return Response(orjson.dumps({"votes": votes}), headers=headers)


@blueprint.preflight("/v1/sites/<site_key>/vote/reader")
def forget_preflight(site_key: str) -> Response:
    """Tell a browser whether a page may ask to forget its reader."""
    return cors.preflight(cors.let_page_read(current.site(site_key)), "DELETE")


@blueprint.preflight("/v1/sites/<site_key>/<any(reactions, counts):what>")
def read_preflight(site_key: str, what: str) -> Response:  # noqa: ARG001  the address decides, whatever is read
    """Let every page read, also one that adds headers of its own to what it asks, as tracing does."""
    return cors.preflight(PUBLIC, "GET, HEAD")


def _read(site_key: str, what: str) -> Response:
    site = current.site(site_key)
    address = request.path, request.query_string.decode("latin-1")
    found = current.parts().hot_path.counts.read(site, what, requests.query_lists(PARAMETERS[what]), address)
    return Response(found.body, content_type="application/json", headers=found.headers)
