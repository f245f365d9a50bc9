"""What the newsroom and its CMS change: descriptions of articles, interventions on them, and the site's keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson
from flask import Response, request
from marshmallow import Schema, ValidationError

from reactions.newsroom import api_keys, article_keys, articles, interventions
from reactions.newsroom.api_keys import ApiKey
from reactions.newsroom.article_keys import KEY_CHARACTERS
from reactions.newsroom.articles import Description
from reactions.newsroom.sites import Site
from reactions.storage.engines import writing
from reactions.times import DAY_MS, rfc3339
from reactions.votes import removing, revising
from reactions.votes.revising import Editor
from reactions.web import conditional, current, editors, headers, problems, schemas
from reactions.web.openapi import ApiBlueprint, View, query
from reactions.web.requests import body_of
from reactions.web.schemas import AnyArticlesBody, ArticleBody, ArticleNamed, ArticlesBody, KeyBody, MergeBody, MoveBody

ARTICLES_BYTES = 1_048_576
_SITE = "/v1/sites/<site_key>"

blueprint = ApiBlueprint("newsroom", description="What the newsroom and its CMS change. Needs a key of the site.")
_MOST_DELETED = 1000  # in one request; repeat it until it deletes none
_deletion = schemas.DeletionBody()
_article, _any_articles = ArticleBody(), AnyArticlesBody()
_articles, _named, _move, _merge, _key = ArticlesBody(), ArticleNamed(), MoveBody(), MergeBody(), KeyBody()


@blueprint.put(
    f"{_SITE}/articles",
    "describeArticles",
    parameters=[query("partial", "true: describe the good entries even if others are refused", required=False)],
    body=ArticlesBody,
    response=schemas.DescribedResponse,
    scope="write",
    several=True,
)
def describe(site_key: str) -> Response:
    """Describe articles: titles, sections, authors, tags, times. Up to 500 at once. Idempotent.

    One bad entry refuses all, unless `partial` is true: then the response has a result for each entry, and the status 207 if
    any was refused.
    """
    site = editors.require(site_key, "write")
    if _is_partial():
        return _describe_partly(site)
    body = body_of(request, _articles, most_bytes=ARTICLES_BYTES)
    _store(site, body["articles"])
    return respond({"articles": len(body["articles"])})


def _is_partial() -> bool:
    partial = request.args.get("partial", "false")
    if partial not in ("true", "false"):
        raise ValidationError("Write true or false.", "partial")
    return partial == "true"


def _describe_partly(site: Site) -> Response:
    entries = body_of(request, _any_articles, most_bytes=ARTICLES_BYTES)["articles"]
    good, results = [], []
    for place, entry in enumerate(entries):
        try:
            good.append(_article.load(entry))
        except ValidationError as error:
            key = entry.get("key") if isinstance(entry, dict) else None
            errors = problems.errors_of(error.messages, f"#/articles/{place}")
            results.append({"key": key[:KEY_CHARACTERS] if isinstance(key, str) else None, "status": 400, "errors": errors})
        else:
            results.append({"key": good[-1]["key"], "status": 200})
    _store(site, good)
    return respond({"articles": len(good), "results": results}, status=200 if len(good) == len(entries) else 207)


def _store(site: Site, entries: Sequence[dict[str, Any]]) -> None:
    if entries:
        with writing(current.engine()) as connection:
            articles.describe(connection, site, [Description(**entry) for entry in entries], at_ms=current.now_ms())


def _change(change: str, *problems: str) -> Callable[[View], View]:
    """Declare a route that changes an article without touching its votes."""
    return blueprint.post(
        f"{_SITE}/articles/{change}",
        f"{change}Article",
        body=ArticleNamed,
        response=schemas.ChangeResponse,
        problems=["unknown-article", *problems],
        scope="review",
    )


@_change("close")
def close(site_key: str) -> Response:
    """End voting on an article. Its counts stay."""
    return _changed_by(interventions.close, site_key)


@_change("reopen", "votes-dropped")
def reopen(site_key: str) -> Response:
    """Open voting on a closed article again, unless its votes were dropped because of their age."""
    return _changed_by(interventions.reopen, site_key)


@_change("hide")
def hide(site_key: str) -> Response:
    """Hide an article's numbers from readers. Votes go on being counted."""
    return _changed_by(interventions.hide, site_key)


@_change("show")
def show(site_key: str) -> Response:
    """Show a hidden article's numbers again."""
    return _changed_by(interventions.show, site_key)


def _revision(revision: str, *problems: str, body: type[Schema]) -> Callable[[View], View]:
    """Declare a route that changes the votes on an article. Each changed vote leaves an event in the ledger."""
    return blueprint.post(
        f"{_SITE}/articles/{revision}",
        f"{revision}Article",
        body=body,
        response=schemas.RevisionResponse,
        problems=["unknown-article", "votes-dropped", "overloaded", *problems],
        scope="review",
    )


@_revision("reset", body=ArticleNamed)
def reset(site_key: str) -> Response:
    """Withdraw every vote on an article. `restore` undoes it."""
    return _revised_by(revising.reset, site_key)


@_revision("restore", body=ArticleNamed)
def restore(site_key: str) -> Response:
    """Undo the last reset of an article."""
    return _revised_by(revising.undo_reset, site_key)


@_revision("merge", "changed-meanwhile", body=MergeBody)
def merge(site_key: str) -> Response:
    """Move an article's votes to another article; its keys lead there from now on."""
    site = editors.require(site_key, "review")
    body = body_of(request, _merge)
    key, into = article_keys.canonical_key(body["article"]), article_keys.canonical_key(body["into"])
    return _state(site, into, votes=revising.merge(_editor(site), key, into=into))


@blueprint.post(
    f"{_SITE}/articles/move",
    "moveArticle",
    body=MoveBody,
    response=schemas.ChangeResponse,
    problems=["unknown-article", "key-taken"],
    scope="write",
)
def move(site_key: str) -> Response:
    """Give an article another key, as after a change of its address. The old key keeps working."""
    site = editors.require(site_key, "write")
    body = body_of(request, _move)
    key, to = article_keys.canonical_key(body["article"]), article_keys.canonical_key(body["to"])
    with writing(current.engine()) as connection:
        interventions.move(connection, site, key, to=to, at_ms=current.now_ms(), by=editors.by())
    return _state(site, to)


@blueprint.delete(
    f"{_SITE}/articles",
    "deleteArticles",
    body=schemas.DeletionBody,
    response=schemas.DeletionResponse,
    problems=["unknown-article", "overloaded", "malformed-site"],
    scope="review",
)
def delete_articles(site_key: str) -> Response:
    """Delete an article with its votes for good, or up to 1,000 articles without a description whose keys match a pattern."""
    site = editors.require(site_key, "review")
    body = body_of(request, _deletion)
    if "article" in body:
        return respond({"deleted": removing.delete_article(_editor(site), article_keys.canonical_key(body["article"]))})
    return respond({"deleted": removing.delete_matching(_editor(site), body["pattern"], most=_MOST_DELETED)})


@blueprint.get(f"{_SITE}/keys", "listKeys", response=schemas.KeysResponse, scope="keys")
def list_keys(site_key: str) -> Response:
    """List the site's keys, without their secrets."""
    site = editors.require(site_key, "keys")
    with current.reading() as connection:
        return respond({"keys": [shown_key(key) for key in api_keys.all_of(connection, site)]})


@blueprint.post(
    f"{_SITE}/keys",
    "createKey",
    body=KeyBody,
    response=schemas.NewKeyResponse,
    problems=["malformed-key-request"],
    scope="keys",
)
def add_key(site_key: str) -> Response:
    """Make a key with some of the scopes of the one in use, and revoked with it. Its text is shown this once."""
    site = editors.require(site_key, "keys")
    body = body_of(request, _key)
    now_ms, days = current.now_ms(), body.get("expires_after_days")
    for scope in body["scopes"]:
        editors.require(site_key, scope)
    with writing(current.engine()) as connection:
        made, text = api_keys.create(
            connection,
            site,
            scopes=body["scopes"],
            label=body["label"],
            now_ms=now_ms,
            made_by=editors.key(),
            expires_at=now_ms + days * DAY_MS if days else None,
        )
    return respond({**shown_key(made), "key": text})


@blueprint.delete(f"{_SITE}/keys/<key_id>", "revokeKey", response=schemas.KeyResponse, problems=["unknown-key"], scope="keys")
def revoke_key(site_key: str, key_id: str) -> Response:
    """Revoke a key and those that were made with it, at once. Idempotent."""
    site = editors.require(site_key, "keys")
    conditional.check_change()
    with writing(current.engine()) as connection:
        return respond(shown_key(api_keys.revoke(connection, site, key_id, now_ms=current.now_ms())))


def respond(body: Any, *, status: int = 200) -> Response:
    """A private JSON response."""
    return Response(orjson.dumps(body), status, content_type="application/json", headers=headers.PRIVATE)


def _changed_by(change: Callable[..., None], site_key: str) -> Response:
    site = editors.require(site_key, "review")
    key = article_keys.canonical_key(body_of(request, _named)["article"])
    with writing(current.engine()) as connection:
        change(connection, site, key, at_ms=current.now_ms(), by=editors.by())
    return _state(site, key)


def _revised_by(revise: Callable[[Editor, str], int], site_key: str) -> Response:
    site = editors.require(site_key, "review")
    key = article_keys.canonical_key(body_of(request, _named)["article"])
    return _state(site, key, votes=revise(_editor(site), key))


def _state(site: Site, key: str, *, votes: int | None = None) -> Response:
    """The article as it is after a change, and how many votes the change changed. Raises UnknownArticle if it is gone by now."""
    with current.reading() as connection:
        article = articles.find(connection, site, [article_keys.article_key(site.key, key)], now_ms=current.now_ms()).get(key)
    if article is None:
        raise articles.unknown(site, key)
    state = {"article": article.key, "closed": article.closed, "hidden": article.hidden}
    return respond(state if votes is None else {**state, "votes": votes})


def _editor(site: Site) -> Editor:
    return Editor(current.engine(), current.parts().ballot_box, site, by=editors.by(), now_ms=current.now_ms())


def shown_key(key: ApiKey) -> dict[str, Any]:
    """A key as it is listed, without its secret."""
    return {
        "id": key.id,
        "label": key.label,
        "scopes": sorted(key.scopes),
        "created_at": _time(key.created_at),
        "last_used_at": _time(key.last_used_at),
        "revoked_at": _time(key.revoked_at),
        "expires_at": _time(key.expires_at),
        "made_by": key.made_by,
    }


def _time(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms)
