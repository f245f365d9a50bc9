"""What the newsroom and its CMS change: what is said of articles, what may be done to them, and the site's keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
from flask import Response, request

from reactions.newsroom import api_keys, article_keys, articles, interventions
from reactions.newsroom.api_keys import ApiKey
from reactions.newsroom.articles import Description
from reactions.newsroom.sites import Site
from reactions.storage.engines import writing
from reactions.votes import revising
from reactions.votes.revising import Editor
from reactions.web import current, editors, headers, schemas
from reactions.web.openapi import ApiBlueprint
from reactions.web.requests import body_of
from reactions.web.schemas import ArticleNamed, ArticlesBody, KeyBody, MergeBody, MoveBody

ARTICLES_BYTES = 1_048_576
PROBLEMS = (400, 401, 403, 404, 413, 415, 422, 503)

blueprint = ApiBlueprint("newsroom", description="What the newsroom and its CMS change. Needs a key of the site.")
_articles, _named, _move, _merge, _key = ArticlesBody(), ArticleNamed(), MoveBody(), MergeBody(), KeyBody()

_CATALOGUE = {
    "close": interventions.close,
    "reopen": interventions.reopen,
    "hide": interventions.hide,
    "show": interventions.show,
}


@blueprint.put(
    "/v1/sites/<site_key>/articles",
    body=ArticlesBody,
    answer=schemas.DescribedResponse,
    problems=PROBLEMS,
    scope="write",
)
def describe(site_key: str) -> Response:
    """Say what articles are called, where they stand and who wrote them. Up to 500 at once; repeating it changes nothing."""
    site = editors.require(site_key, "write")
    body = body_of(request, _articles, most_bytes=ARTICLES_BYTES)
    said = [Description(**entry) for entry in body["articles"]]
    with writing(current.engine()) as connection:
        articles.describe(connection, site, said, at_ms=current.now_ms())
    return answer({"articles": len(said)})


@blueprint.post(
    "/v1/sites/<site_key>/articles/<any(close,reopen,hide,show):change>",
    body=ArticleNamed,
    answer=schemas.ChangeResponse,
    problems=PROBLEMS,
    scope="review",
)
def change_article(site_key: str, change: str) -> Response:
    """Close an article or open it again; hide its numbers from readers or show them again."""
    site = editors.require(site_key, "review")
    key = article_keys.canonical_key(body_of(request, _named)["article"])
    with writing(current.engine()) as connection:
        _CATALOGUE[change](connection, site, key, at_ms=current.now_ms(), by=editors.by())
    return _changed(site, key)


@blueprint.post(
    "/v1/sites/<site_key>/articles/<any(reset,restore):revision>",
    body=ArticleNamed,
    answer=schemas.RevisionResponse,
    problems=PROBLEMS,
    scope="review",
)
def revise_article(site_key: str, revision: str) -> Response:
    """Withdraw every vote on an article, or take the last reset back. Each vote leaves an event in the ledger."""
    site = editors.require(site_key, "review")
    key = article_keys.canonical_key(body_of(request, _named)["article"])
    revise = revising.reset if revision == "reset" else revising.undo_reset
    return _changed(site, key, votes=revise(_editor(site), key))


@blueprint.post(
    "/v1/sites/<site_key>/articles/move",
    body=MoveBody,
    answer=schemas.ChangeResponse,
    problems=(*PROBLEMS, 409),
    scope="write",
)
def move(site_key: str) -> Response:
    """Give an article another key, as after a change of its address; the old one keeps working."""
    site = editors.require(site_key, "write")
    body = body_of(request, _move)
    key, to = article_keys.canonical_key(body["article"]), article_keys.canonical_key(body["to"])
    with writing(current.engine()) as connection:
        interventions.move(connection, site, key, to=to, at_ms=current.now_ms(), by=editors.by())
    return _changed(site, to)


@blueprint.post(
    "/v1/sites/<site_key>/articles/merge",
    body=MergeBody,
    answer=schemas.RevisionResponse,
    problems=PROBLEMS,
    scope="review",
)
def merge(site_key: str) -> Response:
    """Move an article's votes to another and let its keys lead there."""
    site = editors.require(site_key, "review")
    body = body_of(request, _merge)
    key, into = article_keys.canonical_key(body["article"]), article_keys.canonical_key(body["into"])
    return _changed(site, into, votes=revising.merge(_editor(site), key, into=into))


@blueprint.get("/v1/sites/<site_key>/keys", answer=schemas.KeysResponse, problems=(400, 401, 403, 404, 503), scope="write")
def list_keys(site_key: str) -> Response:
    """List the site's keys; their secrets are not kept."""
    site = editors.require(site_key, "write")
    with current.reading() as connection:
        return answer({"keys": [_shown(key) for key in api_keys.all_of(connection, site)]})


@blueprint.post("/v1/sites/<site_key>/keys", body=KeyBody, answer=schemas.NewKeyResponse, problems=PROBLEMS, scope="write")
def add_key(site_key: str) -> Response:
    """Make a key with some of the scopes of the one in use. The key is shown this once."""
    site = editors.require(site_key, "write")
    body = body_of(request, _key)
    for scope in body["scopes"]:
        editors.require(site_key, scope)
    with writing(current.engine()) as connection:
        made, text = api_keys.create(connection, site, scopes=body["scopes"], label=body["label"], now_ms=current.now_ms())
    return answer({**_shown(made), "key": text})


@blueprint.delete(
    "/v1/sites/<site_key>/keys/<key_id>", answer=schemas.KeyResponse, problems=(400, 401, 403, 404, 503), scope="write"
)
def revoke_key(site_key: str, key_id: str) -> Response:
    """End a key at once; doing it again changes nothing."""
    site = editors.require(site_key, "write")
    with writing(current.engine()) as connection:
        return answer(_shown(api_keys.revoke(connection, site, key_id, now_ms=current.now_ms())))


def answer(body: Any) -> Response:
    """A private JSON answer: no cache may keep it, no other page may read it."""
    return Response(orjson.dumps(body), content_type="application/json", headers=headers.PRIVATE)


def _changed(site: Site, key: str, *, votes: int | None = None) -> Response:
    with current.reading() as connection:
        article = articles.find(connection, site, [article_keys.article_key(site.key, key)], now_ms=current.now_ms())[key]
    changed = {"article": article.key, "closed": article.closed, "hidden": article.hidden}
    return answer(changed if votes is None else {**changed, "votes": votes})


def _editor(site: Site) -> Editor:
    return Editor(current.engine(), current.parts().ballot_box, site, by=editors.by(), now_ms=current.now_ms())


def _shown(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "label": key.label,
        "scopes": sorted(key.scopes),
        "created_at": _time(key.created_at),
        "last_used_at": _time(key.last_used_at),
        "revoked_at": _time(key.revoked_at),
    }


def _time(at_ms: int | None) -> str | None:
    """RFC 3339, UTC, to the second."""
    return None if at_ms is None else datetime.fromtimestamp(at_ms // 1000, UTC).isoformat().replace("+00:00", "Z")
