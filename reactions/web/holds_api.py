"""The review of votes: what is held or suspect, the verdicts, and their release or rejection."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from flask import Response, request
from marshmallow import Schema, ValidationError, fields, validate

from reactions.newsroom import articles
from reactions.newsroom.article_keys import canonical_key
from reactions.newsroom.sites import Site
from reactions.times import rfc3339
from reactions.votes import review, under_review, verdicts
from reactions.votes.holds import HELD, STATES, SUSPECT
from reactions.votes.review import Choice
from reactions.votes.under_review import Listed
from reactions.votes.verdicts import Verdict
from reactions.web import current, editors, headers
from reactions.web.openapi import ApiBlueprint, View, query
from reactions.web.requests import body_of, place_of
from reactions.web.schemas import Body, StrictBoolean

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

PAGE = 100
MOST_VOTES = 1000
NETWORKS_SHOWN = 20
_HASH = re.compile("[!-~]{1,24}")

blueprint = ApiBlueprint("review", description="Votes that are held or suspect. Needs a key of the site with the scope review.")

_CURSOR = query("cursor", "`next` of the page before, everything else unchanged", required=False)
_ARTICLE = query("article", "Only this article's", required=False)


def _time(**options: Any) -> fields.AwareDateTime:
    return fields.AwareDateTime(format="iso", metadata={"description": "RFC 3339, with an offset"}, **options)


class ReviewBody(Body):
    """Which votes are meant: those that meet every condition given, or all."""

    votes = fields.List(fields.String(validate=validate.Regexp("^[0-9a-f]{16}\\Z")), validate=validate.Length(1, MOST_VOTES))
    article = fields.String(validate=validate.Length(1, 200))
    verdict = fields.String(validate=validate.Length(1, 16))
    network = fields.String(validate=validate.Regexp("^[!-~]{1,24}\\Z"))
    since = _time(data_key="from")
    until = _time()
    all = StrictBoolean(validate=validate.Equal(True))
    states = fields.List(
        fields.String(validate=validate.OneOf(STATES)),
        validate=validate.Length(1, len(STATES)),
        metadata={"description": "In which states the votes are now: held and suspect unless given"},
    )


class ReviewResponse(Schema):
    """How many votes the decision changed; those decided before are left as they are."""

    votes = fields.Integer(required=True, metadata={"minimum": 0})


class HeldVote(Schema):
    """A vote under review."""

    id = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": list(STATES)})
    cause = fields.String(required=True)
    article = fields.String(required=True)
    reaction = fields.String(required=True, allow_none=True)
    network = fields.String(required=True, allow_none=True)
    verdict = fields.String(required=True, allow_none=True)
    at = fields.String(required=True)
    due_at = fields.String(required=True)
    settled_at = fields.String(required=True, allow_none=True)
    settled_by = fields.String(required=True, allow_none=True)


class HoldsResponse(Schema):
    """The votes under review, newest first."""

    holds = fields.List(fields.Nested(HeldVote), required=True)
    next = fields.String(required=True, allow_none=True)


class VerdictShown(Schema):
    """A window of votes that the detector found suspect."""

    id = fields.String(required=True)
    article = fields.String(required=True)
    cause = fields.String(required=True)
    text = fields.String(required=True)
    at = fields.String(required=True)
    since = fields.String(required=True, data_key="from")
    until = fields.String(required=True)
    reaction = fields.String(required=True, allow_none=True)
    networks = fields.List(fields.String(), required=True)
    figures = fields.Dict(keys=fields.String(), values=fields.Float(), required=True)
    enforced = fields.Boolean(required=True)
    votes = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


class VerdictsResponse(Schema):
    """The verdicts, newest first."""

    verdicts = fields.List(fields.Nested(VerdictShown), required=True)
    next = fields.String(required=True, allow_none=True)


@blueprint.get(
    "/v1/sites/<site_key>/holds",
    "listHolds",
    parameters=[
        query("state", f"Only votes in this state: {', '.join(STATES)}", required=False),
        _ARTICLE,
        query("verdict", "Only those that this verdict names", required=False),
        query("network", "Only those of this network, by its hash", required=False),
        _CURSOR,
    ],
    response=HoldsResponse,
    problems=["unknown-article", "malformed-key", "malformed-cursor"],
    scope="review",
)
def list_holds(site_key: str) -> Response:
    """List the votes under review, newest first, 100 a page."""
    site = editors.require(site_key, "review")
    given = _given("state", "article", "verdict", "network", "cursor")
    if given["state"] not in (None, *STATES):
        raise ValidationError(f"Use one of: {', '.join(STATES)}.", "state")
    for name in ("verdict", "network"):
        if given[name] is not None and not _HASH.fullmatch(given[name] or ""):
            raise ValidationError("Copy it from the list of votes or verdicts.", name)
    with current.reading() as connection:
        choice = Choice(
            site_id=site.id,
            article_id=None
            if given["article"] is None
            else articles.get(connection, site, canonical_key(given["article"])).article_id,
            verdict=given["verdict"],
            network=given["network"],
            states=STATES if given["state"] is None else (given["state"],),
        )
        found = under_review.listed(connection, choice, before=place_of(given["cursor"]), limit=PAGE + 1)
    return _page("holds", [shown_vote(each) for each in found[:PAGE]], [(each.at_ms, each.id) for each in found])


@blueprint.get(
    "/v1/sites/<site_key>/verdicts",
    "listVerdicts",
    parameters=[_ARTICLE, _CURSOR],
    response=VerdictsResponse,
    problems=["unknown-article", "malformed-key", "malformed-cursor"],
    scope="review",
)
def list_verdicts(site_key: str) -> Response:
    """List what the detector found suspect, newest first, 100 a page, and how the votes named stand now."""
    site = editors.require(site_key, "review")
    given = _given("article", "cursor")
    with current.reading() as connection:
        key = given["article"]
        article_id = None if key is None else articles.get(connection, site, canonical_key(key)).article_id
        found = verdicts.of_site(connection, site, article_id=article_id, before=place_of(given["cursor"]), limit=PAGE + 1)
        votes = under_review.states_by_verdict(connection, [each.id for each in found])
        names = under_review.names_of(connection, {each.article_id for each in found})
    shown = [shown_verdict(each, names[each.article_id][0], votes.get(each.id, {})) for each in found[:PAGE]]
    return _page("verdicts", shown, [(each.at_ms, each.id) for each in found])


def _decision(name: str) -> Callable[[View], View]:
    """Declare a route that decides about votes."""
    return blueprint.post(
        f"/v1/sites/<site_key>/holds/{name}",
        f"{name}Votes",
        body=ReviewBody,
        response=ReviewResponse,
        problems=["unknown-article", "unknown-verdict", "malformed-key"],
        scope="review",
    )


@_decision("release")
def release(site_key: str) -> Response:
    """Count votes that are held or suspect; with states, also take rejections back. Idempotent."""
    choice = _decided(site_key)
    return respond({"votes": review.release(current.parts().ballot_box, choice, by=editors.by(), now_ms=current.now_ms())})


@_decision("reject")
def reject(site_key: str) -> Response:
    """Never count votes that are held or suspect. Idempotent; a release can take it back."""
    choice = _decided(site_key)
    return respond({"votes": review.reject(current.parts().ballot_box, choice, by=editors.by(), now_ms=current.now_ms())})


def _decided(site_key: str) -> Choice:
    """Which of the site's votes the request means."""
    site = editors.require(site_key, "review")
    return _choice(site, body_of(request, _body, most_bytes=65_536))


_body = ReviewBody()


def _choice(site: Site, body: dict[str, Any]) -> Choice:
    """The votes that a body means. Raises ValidationError, UnknownArticle or UnknownVerdict."""
    if not body.keys() - {"states"}:
        raise ValidationError("Say which votes: votes, article, verdict, network, from and until, or all.")
    article_id = None
    with current.reading() as connection:
        if "article" in body:
            article_id = articles.get(connection, site, canonical_key(body["article"])).article_id
        if "verdict" in body:
            verdicts.get(connection, site, body["verdict"])
    moments = {name: (body[name] - _EPOCH) // timedelta(milliseconds=1) if name in body else None for name in ("since", "until")}
    return Choice(
        site_id=site.id,
        ids=body.get("votes"),
        article_id=article_id,
        verdict=body.get("verdict"),
        network=body.get("network"),
        from_ms=moments["since"],
        until_ms=moments["until"],
        states=body.get("states", (HELD, SUSPECT)),
    )


def _given(*names: str) -> dict[str, str | None]:
    if unknown := [name for name in request.args if name not in names]:
        raise ValidationError(f"No such parameter. Use: {', '.join(names)}.", unknown[0][:64])
    return {name: request.args.get(name) for name in names}


def _page(name: str, shown: list[dict[str, Any]], places: list[tuple[int, str]]) -> Response:
    more = len(places) > PAGE
    return respond({name: shown, "next": "{}-{}".format(*places[PAGE - 1]) if more else None})


def shown_vote(vote: Listed) -> dict[str, Any]:
    """A vote under review, as it is listed."""
    return {
        "id": vote.id,
        "state": vote.state,
        "cause": vote.cause,
        "article": vote.article,
        "reaction": vote.reaction,
        "network": vote.network,
        "verdict": vote.verdict,
        "at": rfc3339(vote.at_ms),
        "due_at": rfc3339(vote.due_at_ms),
        "settled_at": None if vote.settled_at_ms is None else rfc3339(vote.settled_at_ms),
        "settled_by": vote.settled_by,
    }


def shown_verdict(verdict: Verdict, article: str, votes: dict[str, int]) -> dict[str, Any]:
    """A verdict as it is listed, with the states of the votes that it names."""
    return {
        "id": verdict.id,
        "article": article,
        "cause": verdict.cause,
        "text": verdict.text,
        "at": rfc3339(verdict.at_ms),
        "from": rfc3339(verdict.from_ms),
        "until": rfc3339(verdict.to_ms),
        "reaction": verdict.pattern.reaction,
        "networks": sorted(verdict.pattern.networks or ())[:NETWORKS_SHOWN],
        "figures": verdict.figures,
        "enforced": verdict.enforced,
        "votes": votes,
    }


def respond(body: Any) -> Response:
    """A private JSON response."""
    return Response(orjson.dumps(body), content_type="application/json", headers=headers.PRIVATE)
