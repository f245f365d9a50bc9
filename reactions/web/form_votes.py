"""Votes of a plain form, for pages without scripts, which returns its reader to the page they came from.

A form that asks for it (`answer` is `page`) is answered with a page that says what is saved and how it can be changed: its
buttons send the form again, from the service's own origin. It leads back to the publisher's page, and nowhere else. A refusal
is a page for browsers in any case; all else gets problems.
"""

from __future__ import annotations

from collections import Counter
from urllib.parse import parse_qsl, urlsplit

import orjson
from flask import Blueprint, Response, g, make_response, redirect, render_template, request
from marshmallow import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import UnsupportedMediaType

from reactions import languages, refusals
from reactions.languages import gettext, ngettext
from reactions.newsroom.sites import Site
from reactions.refusals import Refusal
from reactions.storage import outages
from reactions.web import cors, current, headers, nameless_votes, problems, requests
from reactions.web.cors import Forbidden
from reactions.web.limits import TooMany

blueprint = Blueprint("form-votes", __name__)
_FIELDS = ("article", "reaction", "return", "answer")
_PAGE, _RETURN = "page", "return"  # the answers that a form can ask for
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")  # what a form of a browser can send
_MOST_OF_ORIGIN = 100  # characters that are repeated of an origin


@blueprint.post("/form/<site_key>", provide_automatic_options=False)
def vote(site_key: str) -> Response:
    """Vote by a form: article, reaction (empty to withdraw), return (the page's address), and answer (page; else it returns)."""
    g.form_site = site = current.site(site_key)
    fields = _fields()
    g.form_back = back = _way_back(site, fields.get("return", ""))
    _check_origin(site)
    if not back:
        told = _origin_of(fields.get("return", ""))
        raise ValidationError(f"{told or 'This'} is not an origin of the site. Give the address of the page.", "return")
    wanted = fields.get("answer", _RETURN)
    if wanted not in (_PAGE, _RETURN):
        raise ValidationError(f"Write {_PAGE} or {_RETURN}, or leave it out.", "answer")
    article = fields.get("article", "")
    receipt = nameless_votes.cast(site, article, fields.get("reaction") or None)
    if wanted == _RETURN or not _is_for_browser():
        return redirect(back, 303)  # type: ignore[return-value]
    mine = next((each for each in site.reactions.entries if each.key == receipt["reaction"]), None)
    return _page(200, mine=mine, article=article, counts=receipt["counts"])


@blueprint.errorhandler(Exception)
def refused(error: Exception) -> Response:
    """A page that says why nothing was saved, with the status and the headers of the problem; or the problem."""
    problem = problems.answer_to(error)
    if not _is_for_browser():
        return problem
    detail = orjson.loads(problem.get_data())["detail"]
    with languages.speaking(_language()):
        page = _page(problem.status_code, why=_why(error, problem.status_code), for_publisher=_for_publisher(error, detail))
    for name in ("Retry-After", "RateLimit", "Allow"):
        if name in problem.headers:
            page.headers[name] = problem.headers[name]
    return page


def _page(status: int, **shown: object) -> Response:
    """A page in the site's language."""
    site: Site | None = g.get("form_site")
    with languages.speaking(_language()):
        text = render_template(
            "form.html",
            site=site,
            back=g.get("form_back", ""),
            language=languages.spoken(),
            may_send=_is_at_own_address(),
            **shown,
        )
    page = make_response(text, status)
    page.headers.update([*headers.PAGE, ("Cache-Control", "no-store"), ("X-Robots-Tag", "noindex")])
    return page


def _language() -> str:
    """The site's language; the browser's where that is English, which is what a site has that chose none."""
    site: Site | None = g.get("form_site")
    if site is not None and site.language != languages.SOURCE:
        return site.language
    return request.accept_languages.best_match(languages.KNOWN) or languages.SOURCE


def _is_for_browser() -> bool:
    """True for what asks for a page, or sends a form and takes anything."""
    accepted = request.accept_mimetypes  # of nothing at all, where there is no such header
    page, data = accepted["text/html"], max(accepted["application/json"], accepted["application/problem+json"])
    return page > data or (page == data and request.mimetype in _FORMS)


def _check_origin(site: Site) -> None:
    """Let pages of the site send the form, and the page that answers it. Raises Forbidden."""
    origin, mode = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Mode")
    if origin is not None and origin == _own_origin():
        return
    cors.check_origin(site, origin, "cors" if mode in ("navigate", "no-cors") and origin is not None else mode)


def _own_origin() -> str:
    return _origin_of(current.parts().settings.address)


def _is_at_own_address() -> bool:
    """True if the answer's own buttons would come from the service's public address: only those are let in."""
    return urlsplit(_own_origin()).netloc == request.host


def _way_back(site: Site, address: str) -> str:
    """The address of the page that sent the form, if it is one of the site's; else nothing."""
    return address if _origin_of(address) in site.origins else ""


def _origin_of(address: str) -> str:
    """The origin of a web address, empty for what is none."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else ""


def _fields() -> dict[str, str]:
    """The fields of a form, each given once. Raises UnsupportedMediaType or ValidationError."""
    if request.mimetype != _FORMS[0]:
        raise UnsupportedMediaType
    text = requests.bytes_of(request, most_bytes=requests.SMALL_BODY_BYTES)
    try:
        pairs = parse_qsl(text.decode(), keep_blank_values=True, errors="strict", max_num_fields=10)
    except ValueError:
        raise ValidationError("Send a form in UTF-8.") from None
    if twice := [name for name, n in Counter(name for name, _ in pairs).items() if n > 1]:
        raise ValidationError("Give it once.", twice[0])
    if unknown := sorted({name for name, _ in pairs} - set(_FIELDS)):
        raise ValidationError(f"No such field. Use: {', '.join(_FIELDS)}.", unknown[0][:64])
    return dict(pairs)


def _why(error: Exception, status: int) -> str:
    """Why nothing was saved, for the reader."""
    if isinstance(error, TooMany):
        return gettext("Many reactions came from your network in a short time.") + " " + _again_in(error.retry_after_s)
    if isinstance(error, Forbidden):
        return gettext("Reactions are taken from the pages of this site only, and your browser does not say that this is one.")
    if isinstance(error, SQLAlchemyError):
        error = outages.refusal_for(error) or error
    if isinstance(error, Refusal) and type(error) in _of_refusals():
        return _of_refusals()[type(error)]
    if status >= 500:
        return gettext("Something went wrong on our side. Please try again later.")
    return gettext("The form on the page is not set up correctly.")


def _of_refusals() -> dict[type[Refusal], str]:
    busy = gettext("The service is busy at the moment. Please try again in a little while.")
    closed = gettext("Voting on this article is closed.")
    gone = gettext("This reaction is no longer offered. Please choose another.")
    return {
        refusals.ArticleClosed: closed, refusals.VotesDropped: closed, refusals.UnknownReaction: gone,
        refusals.RetiredReaction: gone, refusals.Overloaded: busy, refusals.Unavailable: busy, refusals.StorageFull: busy,
        refusals.UnknownArticle: gettext("This site has no such article."),
        refusals.UnknownSite: gettext("There is no such site here."),
        refusals.ArticleQuotaSpent: gettext("This article is new and cannot take reactions yet. Please try again later."),
    }  # fmt: skip


def _again_in(seconds: int) -> str:
    if seconds < 60:
        return ngettext("Please try again in %(n)s second.", "Please try again in %(n)s seconds.", seconds)
    return ngettext("Please try again in %(n)s minute.", "Please try again in %(n)s minutes.", -(-seconds // 60))


def _for_publisher(error: Exception, detail: str) -> str:
    """What the publisher can do about it; empty where it is not theirs."""
    if isinstance(error, Forbidden):
        return _about_origin()
    if isinstance(error, ValidationError | refusals.MalformedKey | refusals.UnknownArticle | refusals.UnknownSite):
        return detail
    return ""


def _about_origin() -> str:
    origin, site = request.headers.get("Origin"), g.form_site
    if origin is None or origin == "null":
        return gettext(
            "The page hides where it is: a referrer policy of no-referrer does that, and so does a file that is opened from a "
            "disk. Serve it with Referrer-Policy: strict-origin-when-cross-origin."
        )
    told = origin[:_MOST_OF_ORIGIN]
    values = {"origin": told, "site": site.key, "command": f"reactions site set {site.key} --add-origin {told}"}
    return gettext("%(origin)s is no origin of %(site)s. If it is one of its own: %(command)s", **values)
