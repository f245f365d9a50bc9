"""The routes of the dashboard and what each page is given."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, Response, current_app, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from reactions.refusals import MalformedCursor, MalformedFilter, MalformedPeriod, Refusal, UnknownSort
from reactions.web import editors, guards, headers
from reactions.web.dashboard import drawings, reading, sheets, telling, trouble, view, words

blueprint = Blueprint("dashboard", __name__, url_prefix="/dashboard")

_DOOR = {"dashboard.sign_in", "dashboard.enter", "dashboard.sign_out"}
_INSIDE = re.compile(r"/dashboard(?:[/?][^\\\s]*)?")
_WRONG_KEY = "This key is not known, was revoked, or may not read. Check that all of it was copied."


@blueprint.before_request
def ask_for_a_key() -> ResponseReturnValue | None:
    """Let in who has a session; lead everybody else to the sign-in page, and back afterwards."""
    came_from_elsewhere = request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site") or not editors.is_own_origin()
    if request.method == "POST":
        return trouble.page(403, "Not from here", "This form was sent by another site's page.") if came_from_elsewhere else None
    if request.endpoint in _DOOR:
        return None
    g.site = editors.signed_in("read")
    if g.site is not None:
        return None
    if request.headers.get("Sec-Fetch-Dest") == "empty":
        return trouble.page(401, "Signed out", "Sign in again to see the figures.")
    door = url_for("dashboard.sign_in", next=request.full_path.rstrip("?"))
    return render_template("dashboard/again.html", door=door) if came_from_elsewhere else redirect(door, 303)


@blueprint.get("")
def front() -> ResponseReturnValue:
    """The overview of the site, or of a section, an author, a tag."""
    asked = _view()
    report = reading.front(g.site, asked)
    told = telling.front(report, asked, g.site)
    silent = told["empty"] and not asked.filters and reading.is_silent(g.site, report)
    return _room(
        "front", report=report, period=report.period, series=report.series, unit=report.period.unit, marks=[],
        silent=silent, snippet=telling.snippet(g.site), **told,
    )  # fmt: skip


@blueprint.get("/articles")
def articles() -> ResponseReturnValue:
    """All stories of a view, page by page."""
    cursor = request.args.get("cursor", "")
    found = reading.articles(g.site, _view(), cursor=cursor)
    return _room(
        "articles", rows=found.articles, next=found.next, period=found.period, cursor=cursor,
        page_length=reading.PAGE_LENGTH, **telling.articles(found),
    )  # fmt: skip


@blueprint.get("/article")
def article() -> ResponseReturnValue:
    """One story."""
    report = reading.article(g.site, request.args.get("article", ""))
    return _room("article", report=report, series=report.series, unit=report.unit, **telling.article(report, g.site))


@blueprint.get("/articles.csv")
def articles_csv() -> Response:
    """The stories of a view as the page lists them, all of its pages."""
    return sheets.articles(reading.every_article(g.site, _view()), g.site)


@blueprint.get("/sign-in")
def sign_in() -> ResponseReturnValue:
    """The form that takes a key."""
    if editors.signed_in("read"):
        return redirect(_next(), 303)
    return _form()


@blueprint.post("/sign-in")
@guards.sign_in
def enter() -> ResponseReturnValue:
    """Open a session with the key of the form."""
    if editors.sign_in(request.form.get("key", "")) is None:
        return _form(_WRONG_KEY), 401
    return redirect(_next(), 303)


@blueprint.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """End the session."""
    editors.sign_out()
    return redirect(url_for("dashboard.sign_in"), 303)


@blueprint.get("/<path:_missing>")
def missing(_missing: str) -> ResponseReturnValue:
    """A page that is not there, in a page's words."""
    raise NotFound


def refused(refusal: Refusal) -> ResponseReturnValue:
    """Keep the choices on the page and say what is wrong with them."""
    here = "articles" if request.path.startswith(url_for("dashboard.articles")) else "front"
    return _room("refused", here=here, said=refusal.detail, period=None, known={}), 400


for _refusal in (MalformedPeriod, MalformedFilter, MalformedCursor, UnknownSort):
    blueprint.register_error_handler(_refusal, refused)
blueprint.register_error_handler(Exception, trouble.of)


blueprint.after_request(headers.private_page)


def _view() -> view.View:
    return view.of(request.args)


def _room(page: str, **given: Any) -> str:
    usual = {
        "here": page, "site": g.site, "view": _view(), "now": telling.local_now(g.site), "periods": view.PERIODS,
        "filter_names": view.FILTERS, "paint": drawings.paints(g.site.reactions), "reaction_names": telling.names(g.site),
    }  # fmt: skip
    return render_template(f"dashboard/{page}.html", **usual | given)


def _form(wrong: str = "") -> str:
    demo_key = current_app.config.get("DEMO_KEY", "")
    return render_template("dashboard/sign_in.html", wrong=wrong, demo_key=demo_key, next=request.values.get("next", ""))


def _next() -> str:
    """Where to go after the door: only ever into the dashboard."""
    asked = request.values.get("next", "")
    return request.script_root + asked if _INSIDE.fullmatch(asked) else url_for("dashboard.front")


for _name, _filter in {**words.FILTERS, **telling.FILTERS}.items():
    blueprint.add_app_template_filter(_filter, f"{_name}")
