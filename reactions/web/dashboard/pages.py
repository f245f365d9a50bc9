"""The routes of the dashboard.

The file is longer than others because every page that is only read has its route here.
"""

from __future__ import annotations

import re
from typing import Any

from flask import (
    Blueprint,
    Response,
    current_app,
    flash,
    g,
    get_flashed_messages,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from werkzeug.exceptions import NotFound

from reactions import languages
from reactions.languages import gettext
from reactions.refusals import MalformedCursor, MalformedFilter, MalformedPeriod, Refusal, UnknownSort
from reactions.reports import words
from reactions.web import current, editors, guards, headers, report_params, widget
from reactions.web.dashboard import charts, downloads, error_pages, naming, review_page, view_models
from reactions.web.oidc import SignInFailed

blueprint = Blueprint("dashboard", __name__, url_prefix="/dashboard")

_SIGN_IN = {"dashboard.sign_in", "dashboard.enter", "dashboard.sign_out", "dashboard.leave", "dashboard.come_back"}
_INSIDE = re.compile(r"/dashboard(?:[/?][^\\\s]*)?")


@blueprint.before_request
def speak() -> None:
    """Until the site is known, pages speak the browser's language if they can."""
    languages.speak(request.accept_languages.best_match(languages.KNOWN) or languages.SOURCE)


@blueprint.after_request
def fall_silent(response: Response) -> Response:
    """Leave the thread as it was: the API speaks English."""
    languages.speak(languages.SOURCE)
    return response


@blueprint.before_request
def ask_for_a_key() -> ResponseReturnValue | None:
    """Admit whoever has a session; send everybody else to the sign-in page, and back afterwards."""
    came_from_elsewhere = request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site") or not editors.is_own_origin()
    if request.method == "POST" and came_from_elsewhere:
        return error_pages.page(403, gettext("Not allowed"), gettext("This form was sent from a page of another site."))
    if request.endpoint in _SIGN_IN:
        return None
    g.site = editors.signed_in("read")
    if g.site is not None:
        languages.speak(g.site.language)
        return None
    if request.headers.get("Sec-Fetch-Dest") == "empty":
        return error_pages.page(401, gettext("Signed out"), gettext("Sign in again to see the figures."))
    posted = request.method == "POST"
    back = _page_of_form() if posted else request.full_path.rstrip("?")
    address = url_for("dashboard.sign_in", next=back, ended=1 if posted else None)
    return render_template("dashboard/signing_in.html", address=address) if came_from_elsewhere else redirect(address, 303)


@blueprint.get("")
def front() -> ResponseReturnValue:
    """The overview of the site, or of a section, an author, a tag."""
    view = report_params.view()
    if report_params.has_empty():
        return redirect(view.to("front"), 303)
    report = view_models.front_report(g.site, view)
    model = view_models.front(report, view, g.site)
    silent = model["empty"] and not view.filters and view_models.is_silent(g.site, report)
    return _page(
        "front", report=report, period=report.period, unit=report.period.unit, marks=[],
        silent=silent, snippet=view_models.snippet(g.site), **model,
    )  # fmt: skip


@blueprint.get("/articles")
def articles() -> ResponseReturnValue:
    """All articles of a view, page by page."""
    if report_params.has_empty():
        return redirect(report_params.view().to("articles"), 303)
    cursor = request.args.get("cursor", "")
    page = view_models.page_of_articles(g.site, report_params.view(), cursor=cursor)
    return _page(
        "articles", rows=page.articles, next=page.next, period=page.period, cursor=cursor,
        page_length=view_models.PAGE_LENGTH, **view_models.articles(page),
    )  # fmt: skip


@blueprint.get("/article")
def article() -> ResponseReturnValue:
    """One article, by its key; or by its id, as mails and feeds link to one whose key nobody has verified."""
    named = request.args.get("article", "")
    key = view_models.key_by_id(g.site, request.args["id"]) if "id" in request.args and not named else named
    report = view_models.article_report(g.site, key)
    held, held_id = review_page.waiting(g.site, report.article.article)
    return _page(
        "article", report=report, unit=report.unit, held=held, held_id=held_id,
        **view_models.article(report, g.site),
    )  # fmt: skip


@blueprint.get("/names/<any(sections, authors, tags):kind>")
def names(kind: str) -> ResponseReturnValue:
    """The names with what is being typed in a filter, where a site has more of them than a page suggests."""
    return view_models.names_with(g.site, kind, request.args.get("q", "")[:200])


@blueprint.get("/colours.css")
def colours() -> Response:
    """The colours that the site has chosen for its reactions."""
    return Response(charts.own_colours(g.site.reactions), mimetype="text/css")


@blueprint.get("/articles.csv")
def articles_csv() -> Response:
    """The articles of a view as the page lists them, all of its pages."""
    return downloads.articles(view_models.every_article(g.site, report_params.view()), g.site)


@blueprint.get("/lists/<any(now, top, trending, divided, surprising, sections, authors, reactions, series):list>.csv")
def list_csv(list: str) -> Response:  # noqa: A002  the name in the address
    """A list of the overview as the page ranks it, all of its rows."""
    return downloads.of_overview(list, view_models.front_report(g.site, report_params.view()), g.site)


@blueprint.get("/review")
def review() -> ResponseReturnValue:
    """The votes that are held or suspect, and the verdicts."""
    return _page("review", said=get_flashed_messages(), **review_page.overview(g.site, request.args))


@blueprint.get("/review/votes")
def votes() -> ResponseReturnValue:
    """The votes of one window, one by one."""
    if not editors.may("review"):
        return _no_review()
    return _page("votes", here="review", **review_page.one_by_one(g.site, request.args))


@blueprint.post("/review/<any(release, reject):decision>")
def decide(decision: str) -> ResponseReturnValue:
    """Release or reject votes, and say on the page how many."""
    if not editors.may("review"):
        return _no_review()
    flash(review_page.decide(g.site, decision, request.form))  # type: ignore[arg-type]
    back = {name: text for name in ("shown", "article") if (text := request.form.get(name))}
    return redirect(url_for("dashboard.review", **back), 303)  # type: ignore[arg-type]


@blueprint.get("/sign-in")
def sign_in() -> ResponseReturnValue:
    """The sign-in form."""
    if editors.signed_in("read"):
        return redirect(_next(), 303)
    return _form(
        gettext("Your session has ended, so nothing was changed. Sign in, and send the form again.")
        if "ended" in request.args
        else ""
    )


@blueprint.post("/sign-in")
@guards.sign_in
def enter() -> ResponseReturnValue:
    """Open a session with the key from the form."""
    if editors.sign_in(request.form.get("key", "")) is None:
        return _form(
            gettext("This key is not known, was revoked, or lacks the scope read. Check that all of it was copied."),
            wrong_key=True,
        ), 401
    return redirect(_next(), 303)


@blueprint.get("/sign-in/provider")
def leave() -> ResponseReturnValue:
    """Send the browser to the identity provider."""
    try:
        return editors.begin_provided(request.args.get("next", ""))
    except SignInFailed as failure:
        return _form(failure.detail), failure.status


@blueprint.get("/sign-in/callback")
@guards.sign_in
def come_back() -> ResponseReturnValue:
    """Open a session for whom the identity provider sends back."""
    try:
        editors.finish_provided()
    except SignInFailed as failure:
        if failure.status == 403:
            return editors.forget_flow(error_pages.page(403, gettext("You are not let in"), failure.detail))
        return editors.forget_flow(make_response(_form(failure.detail), failure.status))
    # The browser comes from the provider's page: only a request that a page of ours makes has the session's cookie.
    several = len(editors.own_sites()) > 1
    address = url_for("dashboard.choose_site") if several else _inside(editors.provided_next())
    return editors.forget_flow(make_response(render_template("dashboard/signing_in.html", address=address)))


@blueprint.get("/sites")
def choose_site() -> ResponseReturnValue:
    """The sites that whoever is signed in may look at."""
    return render_template("dashboard/sites.html", sites=editors.own_sites(), here=g.site)


@blueprint.post("/sites")
def look_at_site() -> ResponseReturnValue:
    """Look at another site."""
    if not editors.look_at(request.form.get("site", "")):
        return error_pages.page(404, gettext("There is no such site"), gettext("Nothing lets you look at a site with this name."))
    return redirect(url_for("dashboard.front"), 303)


@blueprint.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """End the session."""
    editors.sign_out()
    return redirect(url_for("dashboard.sign_in"), 303)


@blueprint.get("/<path:_missing>")
def missing(_missing: str) -> ResponseReturnValue:
    """A missing page, as a page."""
    raise NotFound


def refused(refusal: Refusal) -> ResponseReturnValue:
    """Keep the choices on the page and say what is wrong with them."""
    here = "articles" if request.path.startswith(url_for("dashboard.articles")) else "front"
    return _page("refused", here=here, refusal=refusal.detail, period=None, known=view_models.no_names()), 400


for _refusal in (MalformedPeriod, MalformedFilter, MalformedCursor, UnknownSort):
    blueprint.register_error_handler(_refusal, refused)


def unclear(error: ValidationError) -> ResponseReturnValue:
    """Say what is wrong with a form or an address of the review page."""
    return error_pages.page(400, gettext("This cannot be understood"), " ".join(map(str, error.messages)))


blueprint.register_error_handler(ValidationError, unclear)
blueprint.register_error_handler(Exception, error_pages.page_for)


blueprint.after_request(headers.private_page)


@blueprint.context_processor
def shared() -> dict[str, Any]:
    """What every page is made of, errors among them; `site` is None where nobody is signed in."""
    site = g.get("site")
    of_site = {} if site is None else {
        "now": view_models.local_now(site), "paint": charts.paints(site.reactions),
        "own_colours": any(entry.colour for entry in site.reactions.entries),
        "faces": {entry.key: widget.face_of(entry) for entry in site.reactions.entries},
        "reaction_names": view_models.names(site), "names_of_filters": naming.filter_names(),
        "may_set": editors.may("admin") or editors.may("keys"), "most_names": view_models.MOST_NAMES,
    }  # fmt: skip
    return {
        "here": "", "site": site, "several_sites": g.get("several_sites", False), "view": report_params.view(),
        "periods": naming.period_names(), "language": languages.spoken(), **of_site,
    }  # fmt: skip


def _page(name: str, /, **model: Any) -> str:
    return render_template(f"dashboard/{name}.html", **{"here": name} | model)


def _no_review() -> Response:
    return error_pages.page(
        403, gettext("Not allowed"), gettext("To release or reject votes, sign in with a key that has the scope review.")
    )


render = _page  # for the pages that are in modules of their own


def _form(wrong: str = "", *, wrong_key: bool = False) -> str:
    demo_key = current_app.config.get("DEMO_KEY", "")
    provider = current.parts().provider
    return render_template(
        "dashboard/sign_in.html", wrong=wrong, wrong_key=wrong_key, demo_key=demo_key, next=request.values.get("next", ""),
        provider=provider and provider.name,
    )  # fmt: skip


def _page_of_form() -> str:
    """Where to go after signing in again because a form came without a session."""
    parts = request.path.removeprefix(url_for("dashboard.front")).split("/")[1:2]
    return url_for({"settings": "dashboard.settings", "article": "dashboard.articles"}.get("".join(parts), "dashboard.review"))


def _next() -> str:
    """Where to go after signing in: only ever into the dashboard."""
    return _inside(request.values.get("next", ""))


def _inside(path: str) -> str:
    return request.script_root + path if _INSIDE.fullmatch(path) else url_for("dashboard.front")


for _name, _filter in {**words.FILTERS, **view_models.FILTERS}.items():
    blueprint.add_app_template_filter(_filter, f"{_name}")
