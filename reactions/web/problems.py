"""Every error of the API as RFC 9457 problem details. Refusals become statuses here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson
import structlog
from flask import Flask, Response, request
from marshmallow import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from reactions import refusals
from reactions.refusals import Refusal
from reactions.reports import words
from reactions.storage import outages
from reactions.web import cors
from reactions.web.cors import Forbidden
from reactions.web.headers import NOSNIFF, Header
from reactions.web.limits import TooMany

log = structlog.get_logger()

# status, name (the type is /problems#name), title
STATUS_OF: dict[type[Refusal], tuple[int, str, str]] = {
    refusals.MalformedKey: (400, "malformed-key", "This article key cannot be used"),
    refusals.UnknownSite: (404, "unknown-site", "No such site"),
    refusals.UnknownArticle: (404, "unknown-article", "No such article"),
    refusals.ArticleClosed: (409, "article-closed", "Voting has ended"),
    refusals.VotesDropped: (409, "votes-dropped", "The votes of this article are gone"),
    refusals.KeyTaken: (409, "key-taken", "This key belongs to another article"),
    refusals.UnknownReaction: (422, "unknown-reaction", "No such reaction"),
    refusals.RetiredReaction: (422, "retired-reaction", "This reaction is no longer offered"),
    refusals.SeqOutOfRange: (422, "seq-out-of-range", "seq is out of range"),
    refusals.ArticleQuotaSpent: (429, "article-quota-spent", "Too many new articles today"),
    refusals.MalformedReactionSet: (422, "malformed-reaction-set", "This reaction set cannot be used"),
    refusals.MalformedSite: (422, "malformed-site", "This site cannot be used"),
    refusals.MalformedApiKey: (422, "malformed-key-request", "This key cannot be made"),
    refusals.UnknownApiKey: (404, "unknown-key", "No such key"),
    refusals.UnreadableImport: (400, "unreadable-import", "This file cannot be imported"),
    refusals.UnknownImport: (404, "unknown-import", "No such import"),
    refusals.ImportConflict: (409, "import-conflict", "The import conflicts with what is stored"),
    refusals.ViewsNotCounted: (409, "views-not-counted", "This site counts no views"),
    refusals.MalformedWebhook: (422, "malformed-webhook", "Alerts cannot be sent to this address"),
    refusals.UnknownVerdict: (404, "unknown-verdict", "No such verdict"),
    refusals.MalformedSubscriber: (422, "malformed-subscriber", "The digest cannot be sent to this address"),
    refusals.UnknownSubscriber: (404, "unknown-subscriber", "No such subscriber"),
    refusals.UnknownPerson: (404, "unknown-person", "No such person"),
    refusals.ChangedMeanwhile: (409, "changed-meanwhile", "Somebody else has changed this"),
    refusals.UnknownWebhook: (404, "unknown-webhook", "No such webhook"),
    refusals.MalformedPeriod: (400, "malformed-period", "This period cannot be reported on"),
    refusals.MalformedFilter: (400, "malformed-filter", "This filter cannot be used"),
    refusals.UnknownSort: (400, "unknown-sort", "Articles cannot be sorted by this"),
    refusals.MalformedCursor: (400, "malformed-cursor", "This cursor cannot be used"),
    refusals.MalformedExport: (400, "malformed-export", "This cannot be exported"),
    refusals.TooManyExports: (429, "too-many-exports", "Too many exports at once"),
    refusals.MigrationRefused: (503, "migration-refused", "The tables cannot be migrated"),
    refusals.Unavailable: (503, "unavailable", "The service cannot count votes at the moment"),
    refusals.Overloaded: (503, "overloaded", "The service is busy"),
    refusals.StorageFull: (507, "storage-full", "The service has no space left"),
}

# What the framework or the server turns down: name, title and how to put it right, by status.
BY_STATUS: dict[int, tuple[str, str, str]] = {
    400: ("invalid-request", "The request cannot be understood", "Check the request against /openapi.json."),
    401: ("unauthorized", "Not signed in", "Send Authorization: Bearer with the token from the settings."),
    403: ("forbidden", "Not allowed", "This request is not allowed."),
    404: ("not-found", "Nothing here", "There is nothing at this address. /docs lists what there is."),
    405: ("method-not-allowed", "Wrong method", "Use one of the methods in the Allow header."),
    413: ("too-large", "The request is too large", "Send a smaller body; a vote has at most 4096 bytes."),
    414: ("address-too-long", "The address is too long", "Ask for fewer articles at a time; an address has at most 8190 bytes."),
    415: ("unsupported-type", "Wrong content type", "Send the body as application/json."),
    429: (
        "too-many-requests",
        "Too many requests",
        "This network sent too many requests. Try again after the seconds in Retry-After.",
    ),
    431: ("headers-too-large", "The headers are too large", "Send fewer or smaller headers."),
    500: ("internal", "Something went wrong on our side", "The fault was logged. Try again later."),
}

# What the web layer itself turns down: status and title, by name.
BY_NAME: dict[str, tuple[int, str]] = {
    "foreign-origin": (403, "This page may not vote for the site"),
    "too-many-votes": (429, "Too many votes"),
    "missing-scope": (403, "This key may not do that"),
    "key-in-address": (400, "Do not put a key in a URL"),
    "precondition-failed": (412, "The condition is not met"),
    "precondition-required": (428, "Say which version is to be changed"),
    "not-ready": (503, "Not ready"),
}

# Every problem there is: status and title, by name.
ALL: dict[str, tuple[int, str]] = {
    **{name: (status, title) for status, name, title in STATUS_OF.values()},
    **{name: (status, title) for status, (name, title, _) in BY_STATUS.items()},
    **BY_NAME,
}
PHRASE = {status.value: status.phrase for status in HTTPStatus}
_MOST_ERRORS = 10  # a body of 4 kB can hold hundreds of faults


def document(name: str, detail: str, *, errors: Sequence[Mapping[str, str]] = ()) -> dict[str, Any]:
    """The members of a problem; `errors` have a `detail` and a JSON `pointer` to the member at fault."""
    status, title = ALL[name]
    body: dict[str, Any] = {"type": f"/problems#{name}", "title": title, "status": status, "detail": detail}
    return {**body, "errors": list(errors)} if errors else body


class Problem(NamedTuple):
    """A problem as it goes over the wire, whichever door it leaves by."""

    status: int
    body: bytes
    headers: list[Header]


def of(error: Exception, *, route: str | None) -> Problem:
    """What to answer to an error: the reason of a refusal, or no more than that something went wrong, which is logged."""
    if isinstance(error, Refusal):
        return _of_refusal(error)
    if isinstance(error, TooMany):
        return _of_limit(error)
    if isinstance(error, Forbidden):
        return _problem(document("foreign-origin", str(error)))
    if isinstance(error, ValidationError):
        return _of_validation(error)
    if isinstance(error, SQLAlchemyError) and (refusal := outages.refusal_for(error)):
        return _of_refusal(refusal)
    return _of_bug(error, route)


def of_server(status: int, detail: str = "") -> Problem:
    """What a server answers to a request that it does not hand on."""
    name, _, usual = BY_STATUS.get(status, BY_STATUS[400])
    return _problem({**document(name, detail or usual), "status": status})


def as_page(found: Problem) -> Problem:
    """The same as a page for a reader whose form came to a service too busy to look at it: of the site nothing is known."""
    said = orjson.loads(found.body)
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    text = f"{head}<title>Not saved</title><h1>Not saved</h1><p>{escape(said['title'])}. {escape(said['detail'])}</p></html>"
    kept = [(name, value) for name, value in found.headers if name != "Content-Type"]
    return Problem(found.status, text.encode(), [("Content-Type", "text/html; charset=utf-8"), *kept])


def problem(
    name: str, detail: str, *, errors: Sequence[Mapping[str, str]] = (), headers: Mapping[str, str] | None = None
) -> Response:
    """A problem as the response to the present request."""
    return _respond(_problem(document(name, detail, errors=errors), headers or {}))


def _problem(body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Problem:
    always = [("Content-Type", "application/problem+json"), ("Cache-Control", "no-store"), NOSNIFF]
    return Problem(body["status"], orjson.dumps(body), [*always, *(headers or {}).items()])


def _respond(found: Problem) -> Response:
    return cors.let_read(Response(found.body, found.status, headers=found.headers))


class Denied(Exception):
    """A request that the web layer itself turns down, with the name of the problem and the headers of its response."""

    def __init__(self, name: str, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.name, self.detail = name, detail
        self.headers = {key.replace("_", "-"): value for key, value in headers.items()}


def register(app: Flask) -> None:
    """Answer every failure of the application with a problem."""
    app.register_error_handler(Denied, _of_denial)
    app.register_error_handler(HTTPException, of_http)
    app.register_error_handler(Exception, _of_any)


def answer_to(error: Exception) -> Response:
    """The response to any error, for whoever answers some of them in another way."""
    if isinstance(error, Denied):
        return _of_denial(error)
    return of_http(error) if isinstance(error, HTTPException) else _of_any(error)


def _of_any(error: Exception) -> Response:
    return _respond(of(error, route=request.url_rule.rule if request.url_rule else None))


def of_refusal(refusal: Refusal) -> Response:
    """The response to a refusal of the domain."""
    return _respond(_of_refusal(refusal))


def of_validation(error: ValidationError) -> Response:
    """The response to a body or a query that breaks its schema: one entry for each member at fault."""
    return _respond(_of_validation(error))


def of_http(error: HTTPException) -> Response:
    """The answer for what Flask itself refuses: no such address, wrong method, body too large."""
    if error.code == 308:
        return error.get_response()  # type: ignore[return-value]
    kept = {key: value for key, value in error.get_headers() if key in ("Allow", "Retry-After", "WWW-Authenticate")}
    if error.code not in BY_STATUS:
        body = {"type": "about:blank", "title": error.name, "status": error.code, "detail": error.description or error.name}
        return _respond(_problem(body, kept))
    name, _, detail = BY_STATUS[error.code]
    return problem(name, detail, headers=kept)


def _of_denial(denial: Denied) -> Response:
    return problem(denial.name, denial.detail, headers=denial.headers)


def _of_refusal(refusal: Refusal) -> Problem:
    _, name, _ = STATUS_OF[type(refusal)]
    errors = [{"detail": refusal.detail, "pointer": refusal.pointer}] if refusal.pointer else []
    headers = {"Retry-After": str(refusal.retry_after_s)} if refusal.retry_after_s else {}
    return _problem(document(name, refusal.detail, errors=errors), headers)


def _of_validation(error: ValidationError) -> Problem:
    messages = error.messages if isinstance(error.messages, dict) else {error.field_name: error.messages}
    errors = errors_of(messages, "#")
    return _problem(document("invalid-request", " ".join(map(_with_member, errors)), errors=errors))


def _of_limit(limit: TooMany) -> Problem:
    wait = words.counted(limit.retry_after_s, "second")
    fields = {"Retry-After": str(limit.retry_after_s), "RateLimit": f'"{limit.policy}";r=0;t={limit.retry_after_s}'}
    return _problem(document("too-many-votes", f"Too many votes in a short time. Try again in {wait}."), fields)


def _of_bug(error: Exception, route: str | None) -> Problem:
    """A bug is not a refusal: it is logged, and nothing of it is in the body."""
    log.error("unhandled fault", route=route, exc_info=error)
    name, _, detail = BY_STATUS[500]
    return _problem(document(name, detail))


def errors_of(messages: Any, pointer: str) -> list[dict[str, str]]:
    """The first of marshmallow's messages about what stands at `pointer`, each with a pointer of its own."""
    return sorted(_pointed(messages, pointer), key=lambda error: error["pointer"])[:_MOST_ERRORS]


def _pointed(messages: Any, pointer: str) -> list[dict[str, str]]:
    """Flatten marshmallow's messages into details with JSON pointers (RFC 6901)."""
    if isinstance(messages, dict):
        return [
            entry
            for key, below in messages.items()
            for entry in _pointed(below, pointer if key == "_schema" else f"{pointer}/{_escaped(str(key)[:64])}")
        ]
    return [{"detail": str(message), "pointer": pointer} for message in messages]


def _escaped(member: str) -> str:
    return quote(member.replace("~", "~0").replace("/", "~1"), safe="~!$&'()*+,;=:@")


def _with_member(error: Mapping[str, str]) -> str:
    member = error["pointer"].removeprefix("#").removeprefix("/")
    return f"{member}: {error['detail']}" if member else error["detail"]
