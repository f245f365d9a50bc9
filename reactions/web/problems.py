"""Every error of the API as RFC 9457 problem details. The one place where refusals become statuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import orjson
import structlog
from flask import Flask, Response, request
from marshmallow import ValidationError
from sqlalchemy.exc import SQLAlchemyError, StatementError
from werkzeug.exceptions import HTTPException

from reactions import refusals
from reactions.refusals import Refusal
from reactions.storage import outages
from reactions.web import cors
from reactions.web.cors import Forbidden
from reactions.web.limits import TooMany

log = structlog.get_logger()

# status, name (the type is /problems#name), title
STATUS_OF: dict[type[Refusal], tuple[int, str, str]] = {
    refusals.MalformedKey: (400, "malformed-key", "This article key cannot be used"),
    refusals.UnknownSite: (404, "unknown-site", "No such site"),
    refusals.UnknownArticle: (404, "unknown-article", "No such article"),
    refusals.ArticleClosed: (409, "article-closed", "Voting has ended"),
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
    refusals.ImportConflict: (409, "import-conflict", "What is there already stands in the way of this import"),
    refusals.MalformedWebhook: (422, "malformed-webhook", "Alerts cannot be sent to this address"),
    refusals.UnknownWebhook: (404, "unknown-webhook", "No such webhook"),
    refusals.MalformedPeriod: (400, "malformed-period", "This period cannot be reported on"),
    refusals.MalformedFilter: (400, "malformed-filter", "This filter cannot be used"),
    refusals.UnknownSort: (400, "unknown-sort", "Articles cannot be sorted by this"),
    refusals.MalformedCursor: (400, "malformed-cursor", "This cursor leads nowhere"),
    refusals.MalformedExport: (400, "malformed-export", "This cannot be exported"),
    refusals.TooManyExports: (429, "too-many-exports", "Too many exports at once"),
    refusals.MigrationRefused: (503, "migration-refused", "The tables cannot be migrated"),
    refusals.Unavailable: (503, "unavailable", "The service cannot count votes at the moment"),
    refusals.Overloaded: (503, "overloaded", "The service is busy"),
    refusals.StorageFull: (507, "storage-full", "The service has no space left"),
}

# What is no refusal of the domain: name, title and how to put it right, by status.
BY_STATUS: dict[int, tuple[str, str, str]] = {
    400: ("invalid-request", "The request cannot be understood", "Check the request against /openapi.json."),
    401: ("unauthorized", "Not signed in", "Send Authorization: Bearer with the token from the settings."),
    403: ("forbidden", "Not allowed", "This request is not allowed."),
    404: ("not-found", "Nothing here", "There is nothing at this address. /docs lists what there is."),
    405: ("method-not-allowed", "Wrong method", "Use one of the methods in the Allow header."),
    413: ("too-large", "The request is too large", "Send a smaller body; a vote has at most 4096 bytes."),
    414: ("address-too-long", "The address is too long", "Ask for fewer articles at a time; an address has at most 8190 bytes."),
    415: ("unsupported-type", "Wrong content type", "Send the body as application/json."),
    431: ("headers-too-large", "The headers are too large", "Send fewer or smaller headers."),
    500: ("internal", "Something went wrong on our side", "The fault was logged. Try again later."),
}

DESCRIPTIONS = [(name, status, title) for status, name, title in STATUS_OF.values()] + [
    (name, status, title) for status, (name, title, _) in BY_STATUS.items()
]
DESCRIPTIONS.append(("foreign-origin", 403, "This page may not vote for the site"))
DESCRIPTIONS.append(("too-many-votes", 429, "Too many votes"))
DESCRIPTIONS.append(("missing-scope", 403, "This key may not do that"))
DESCRIPTIONS.append(("key-in-address", 400, "A key does not belong into an address"))
DESCRIPTIONS.append(("not-ready", 503, "Not ready"))
_MOST_ERRORS = 10  # a body of 4 kB can hold hundreds of faults


def problem(
    status: int,
    name: str,
    title: str,
    detail: str,
    *,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem answer; `errors` have a `detail` and a JSON `pointer` to the member at fault."""
    body: dict[str, Any] = {"type": f"/problems#{name}", "title": title, "status": status, "detail": detail}
    if errors:
        body["errors"] = list(errors)
    response = Response(orjson.dumps(body), status, content_type="application/problem+json")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.update(headers or {})
    return cors.let_read(response)


class Denied(Exception):
    """A request that the web layer itself turns down, with the problem to answer."""

    def __init__(self, status: int, name: str, title: str, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status, self.name, self.title, self.detail = status, name, title, detail
        self.headers = {key.replace("_", "-"): value for key, value in headers.items()}


def register(app: Flask) -> None:
    """Answer every failure of the application with a problem."""
    app.register_error_handler(Refusal, of_refusal)
    app.register_error_handler(TooMany, _of_limit)
    app.register_error_handler(Denied, _of_denial)
    app.register_error_handler(Forbidden, _of_foreign_origin)
    app.register_error_handler(ValidationError, of_validation)
    app.register_error_handler(SQLAlchemyError, _of_database)
    app.register_error_handler(HTTPException, of_http)
    app.register_error_handler(Exception, _of_bug)


def members_of(refusal: Refusal) -> dict[str, Any]:
    """A refusal of the domain as a problem within an answer, for one entry among others."""
    status, name, title = STATUS_OF[type(refusal)]
    return {"type": f"/problems#{name}", "title": title, "status": status, "detail": refusal.detail}


def of_refusal(refusal: Refusal) -> Response:
    """The answer for a refusal of the domain."""
    status, name, title = STATUS_OF[type(refusal)]
    errors = [{"detail": refusal.detail, "pointer": refusal.pointer}] if refusal.pointer else []
    headers = {"Retry-After": str(refusal.retry_after_s)} if refusal.retry_after_s else {}
    return problem(status, name, title, refusal.detail, errors=errors, headers=headers)


def of_validation(error: ValidationError) -> Response:
    """The answer for a body or a query that breaks its schema: one entry for each member at fault."""
    messages = error.messages if isinstance(error.messages, dict) else {error.field_name: error.messages}
    errors = sorted(_pointed(messages, "#"), key=lambda error: error["pointer"])[:_MOST_ERRORS]
    name, title, _ = BY_STATUS[400]
    return problem(400, name, title, " ".join(map(_with_member, errors)), errors=errors)


def of_http(error: HTTPException) -> Response:
    """The answer for what Flask itself refuses: no such address, wrong method, body too large."""
    status = error.code or 500
    name, title, detail = BY_STATUS.get(status, (f"status-{status}", error.name, error.description or error.name))
    kept = {key: value for key, value in error.get_headers() if key in ("Allow", "Retry-After", "WWW-Authenticate")}
    if status == 308:
        return error.get_response()  # type: ignore[return-value]
    return problem(status, name, title, detail, headers=kept)


def _of_limit(limit: TooMany) -> Response:
    wait = f"{limit.retry_after_s} second" + "s" * (limit.retry_after_s > 1)
    return problem(
        429,
        "too-many-votes",
        "Too many votes",
        f"Too many votes in a short time. Try again in {wait}.",
        headers={
            "Retry-After": str(limit.retry_after_s),
            "RateLimit": f'"{limit.policy}";r=0;t={limit.retry_after_s}',
        },
    )


def _of_denial(denial: Denied) -> Response:
    return problem(denial.status, denial.name, denial.title, denial.detail, headers=denial.headers)


def _of_foreign_origin(error: Forbidden) -> Response:
    return problem(403, "foreign-origin", "This page may not vote for the site", str(error))


def _of_database(error: SQLAlchemyError) -> Response:
    refusal = outages.refusal_for(error)
    return of_refusal(refusal) if refusal else _of_bug(error)


def _of_bug(error: Exception) -> Response:
    """A bug is not a refusal: it is logged, without any value from the database, and nothing of it is in the body."""
    if isinstance(error, StatementError):
        error.hide_parameters = True
    log.error("unhandled fault", route=request.url_rule and request.url_rule.rule, exc_info=error)
    name, title, detail = BY_STATUS[500]
    return problem(500, name, title, detail)


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
