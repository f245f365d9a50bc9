"""Votes without a reader id: plain forms, for pages without scripts, and the widgets of other projects.

Forms, the Open Heart Protocol (https://openheart.fyi) and applause-button (https://applause-button.com). Their votes take the
same path as all votes: origins, limits, holds and single choice hold here too. A reader is a network and a browser on an article;
see `readers.nameless`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson
from flask import Blueprint, Response, make_response, redirect, render_template, request
from marshmallow import ValidationError
from werkzeug.exceptions import UnsupportedMediaType

from reactions.newsroom import article_keys
from reactions.newsroom.reaction_sets import Reaction
from reactions.newsroom.sites import Site
from reactions.refusals import Refusal, UnknownReaction
from reactions.times import now_ms
from reactions.votes import networks, readers, rules
from reactions.web import cors, current, headers, hot_path, problems, requests, widget
from reactions.web.headers import Header

blueprint = Blueprint("nameless-votes", __name__)
_MOST_BYTES = 256
_FIELDS = ("article", "reaction", "return")
_CLAP = "👏"
_UNCACHED = ("Cache-Control", "no-cache")

Numbers = Mapping[str, int | None]  # by reaction; None while editors hide them


@blueprint.get("/open-heart/<site_key>/<path:article>", provide_automatic_options=False)
def hearts(site_key: str, article: str) -> Response:
    """The reactions that an article has, as an object of numbers by emoji."""
    site = current.site(site_key)
    return _hearts(site, _numbers(site, article), headers.PUBLIC)


@blueprint.post("/open-heart/<site_key>/<path:article>", provide_automatic_options=False)
def give_heart(site_key: str, article: str) -> Response:
    """Vote with an emoji of the site's set; the answer has the new numbers."""
    site = current.site(site_key)
    page = _let_page(site)
    return _hearts(site, _vote(site, article, _by_emoji(site, _text()).key), page)


@blueprint.get("/applause/<site_key>/get-claps", provide_automatic_options=False)
def claps(site_key: str) -> Response:
    """The number of claps on a page."""
    site = current.site(site_key)
    return _claps(_numbers(site, _page_key()), _applause(site), headers.PUBLIC)


@blueprint.post("/applause/<site_key>/update-claps", provide_automatic_options=False)
def clap(site_key: str) -> Response:
    """Clap for a page. However often a reader claps, it is one vote."""
    site = current.site(site_key)
    page = _let_page(site)
    article, reaction = _page_key(), _applause(site)
    numbers = _vote(site, article, reaction.key) if _given(_text()) > 0 else _numbers(site, article)
    return _claps(numbers, reaction, page)


@blueprint.post("/form/<site_key>", provide_automatic_options=False)
def vote_by_form(site_key: str) -> Response:
    """Vote by a form with the fields article, reaction (empty to withdraw) and return, the page's address; go back to that."""
    site, fields = current.site(site_key), _fields()
    cors.check_origin(site, request.headers.get("Origin"), _as_script(("navigate", "no-cors")))
    back = fields.get("return", "")
    if (origin := _origin_of(back)) not in site.origins:
        raise ValidationError(f"{origin or 'This'} is not an origin of the site. Give the address of the page.", "return")
    try:
        _vote(site, fields.get("article", ""), fields.get("reaction") or None)
    except Refusal as refusal:
        return _refused(problems.STATUS_OF[type(refusal)][0], back)
    return redirect(back, 303)  # type: ignore[return-value]


@blueprint.route("/open-heart/<site_key>/<path:article>", methods=["OPTIONS"], provide_automatic_options=False)
@blueprint.route("/applause/<site_key>/<article>", methods=["OPTIONS"], provide_automatic_options=False)
def preflight(site_key: str, article: str) -> Response:  # noqa: ARG001  the site decides, whatever is voted on
    """Tell a browser whether a page may vote."""
    return cors.preflight(cors.let_page_read(current.site(site_key)), "GET, HEAD, POST")


def _let_page(site: Site) -> list[Header]:
    """Check the origin. Open Heart's element votes without reading the answer, as `no-cors`."""
    page = cors.check_origin(site, request.headers.get("Origin"), _as_script(("no-cors",)))
    cors.let_page(page)
    return page


def _as_script(also: Collection[str]) -> str | None:
    """The mode of the request; that of a script for the modes in `also`, if the browser says whose page it is."""
    mode = request.headers.get("Sec-Fetch-Mode")
    return "cors" if mode in also and "Origin" in request.headers else mode


def _vote(site: Site, article: str, reaction: str | None) -> Numbers:
    """Cast a vote; return the numbers as its reader may see them."""
    hot = current.parts().hot_path
    asked = hot_path.request_of(request.environ)
    address = networks.client_address(asked.peer, asked.forwarded_for, hot.proxies)
    reader = readers.nameless(
        hot.pseudonym_key,
        article_id=article_keys.article_key(site.key, article).id,
        network=networks.prefixes_of(address)[0],
        browser=request.headers.get("User-Agent", ""),
    )
    ballot = {"article": article, "reaction": reaction, "reader": reader.hex(), "seq": now_ms()}
    receipt, _ = hot.cast(site, asked, orjson.dumps(ballot))
    numbers: Numbers = orjson.loads(receipt)["counts"]
    return numbers


def _numbers(site: Site, article: str) -> Numbers:
    key = article_keys.article_key(site.key, article)
    with current.reading() as connection:
        (found,) = rules.counts_of(connection, site, [key], now_ms=now_ms())
    return found.by_reaction


def _hearts(site: Site, numbers: Numbers, page: list[Header]) -> Response:
    by_emoji = {reaction.emoji: n for reaction in site.reactions.offered if (n := numbers.get(reaction.key))}
    return Response(orjson.dumps(by_emoji), content_type="application/json", headers=[*page, _UNCACHED])


def _claps(numbers: Numbers, reaction: Reaction, page: list[Header]) -> Response:
    text = str(numbers.get(reaction.key) or 0)
    return Response(text, content_type="text/plain; charset=utf-8", headers=[*page, _UNCACHED])


def _refused(status: int, back: str) -> Response:
    """A page for the reader: why the vote was not counted, in the widget's words and the browser's language."""
    asked = [language.partition("-")[0].lower() for language in request.accept_languages.values()]
    language = next((each for each in asked if each in widget.words()), "en")
    words = widget.words()[language][{409: 3, 422: 6, 403: 7, 404: 7, 400: 7}.get(status, 4)]
    return make_response(render_template("form.html", language=language, words=words, back=back), status)


def _fields() -> dict[str, str]:
    """The fields of a form, each given once. Raises UnsupportedMediaType or ValidationError."""
    if request.mimetype != "application/x-www-form-urlencoded":
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


def _origin_of(address: str) -> str:
    """The origin of a web address, empty for what is none."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else ""


def _text() -> str:
    """The body, whatever type it says it has. Raises ValidationError."""
    text = requests.bytes_of(request, most_bytes=_MOST_BYTES)
    try:
        return text.decode().strip()
    except UnicodeDecodeError:
        raise ValidationError("Write the body in UTF-8.") from None


def _by_emoji(site: Site, text: str) -> Reaction:
    """The offered reaction with an emoji; forms of it count as one. Raises UnknownReaction."""
    offered = {_plain(reaction.emoji): reaction for reaction in site.reactions.offered}
    if _plain(text) not in offered:
        raise UnknownReaction(f"Send one emoji of the site's set: {' '.join(r.emoji for r in site.reactions.offered)}.")
    return offered[_plain(text)]


def _plain(emoji: str) -> str:
    return emoji.rstrip("=").replace("\ufe0f", "").replace("\ufe0e", "")  # curl -d, and forms, may add a sign


def _applause(site: Site) -> Reaction:
    """The reaction that a clap is: the one with clapping hands, else `like`, else the first."""
    offered = site.reactions.offered
    clapping = [r for r in offered if _plain(r.emoji) == _CLAP] or [r for r in offered if r.key == "like"]
    return (clapping or list(offered))[0]


def _given(text: str) -> int:
    """The number of claps in a body as applause-button writes it, `"3,4.0.5"`. Raises ValidationError."""
    n = requests.whole_number(text.strip('"').partition(",")[0])
    if n is None:
        raise ValidationError('Send the number of claps, as in "1,4.0.5".')
    return n


def _page_key() -> str:
    """The path of the page that is asked about, or that asks; the widget's key for a page without one. Raises ValidationError."""
    address = request.args.get("url") or request.headers.get("Referer") or ""
    path = unquote(urlsplit(address if "//" in address else f"//{address}").path)
    if not path:
        raise ValidationError("Say which page: ?url=https://example.org/its/path", "url")
    return path
