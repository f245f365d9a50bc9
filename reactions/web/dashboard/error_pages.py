"""Errors as pages. The statuses and titles are those of the API's problems."""

from __future__ import annotations

import structlog
from flask import Response, make_response, render_template, request, url_for
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from reactions.languages import gettext
from reactions.refusals import Refusal
from reactions.storage import outages
from reactions.web.problems import STATUS_OF

log = structlog.get_logger()


def _of_http() -> dict[int, tuple[str, str]]:
    return {
        404: (gettext("There is no such page"), gettext("The address may be mistyped, or the page has moved.")),
        405: (gettext("This method is not allowed"), gettext("The page exists, but cannot be requested in this way.")),
        413: (gettext("Too large"), gettext("What was sent is larger than this page accepts.")),
        429: (
            gettext("Too many attempts"),
            gettext("Somebody on this network tried to sign in too often. Wait a minute, then try again."),
        ),
    }


def _of_refusals() -> dict[str, str]:
    """The titles of the problems that an editor can meet."""
    return {
        "unknown-article": gettext("No such article"), "malformed-key": gettext("This article key cannot be used"),
        "key-taken": gettext("This key belongs to another article"), "unknown-verdict": gettext("No such verdict"),
        "unknown-import": gettext("No such import"), "changed-meanwhile": gettext("Somebody else has changed this"),
        "votes-dropped": gettext("The votes of this article are gone"), "overloaded": gettext("The service is busy"),
        "unavailable": gettext("The service is not available at the moment"),
        "storage-full": gettext("The service has no space left"), "malformed-export": gettext("This cannot be exported"),
        "too-many-exports": gettext("Too many exports at once"),
    }  # fmt: skip


def page(status: int, heading: str, detail: str) -> Response:
    """A page that says what went wrong and where to go next."""
    back = request.full_path.rstrip("?") if status >= 500 else url_for("dashboard.front")
    body = render_template("dashboard/error.html", status=status, heading=heading, detail=detail, back=back)
    return make_response(body, status)


def page_for(error: Exception) -> Response:
    """The page for any error. A bug is logged; the page shows nothing of it."""
    if isinstance(error, SQLAlchemyError):
        error = outages.refusal_for(error) or error
    if isinstance(error, Refusal):
        status, name, title = STATUS_OF[type(error)]
        return page(status, _of_refusals().get(name, title), error.detail)
    if isinstance(error, HTTPException) and error.code:
        heading, detail = _of_http().get(error.code, (error.name, error.description or ""))
        return page(error.code, heading, detail)
    log.error("unhandled fault", route=request.url_rule and request.url_rule.rule, exc_info=error)
    return page(500, gettext("Something went wrong on our side"), gettext("The fault was logged. Try again later."))
