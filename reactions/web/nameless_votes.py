"""Votes without a reader id, by the widgets of other projects; those of plain forms, in `form_votes`, are cast here, too.

The Open Heart Protocol (https://openheart.fyi) and applause-button (https://applause-button.com). Their votes take the
same path as all votes: origins, limits, holds and single choice hold here too. A reader is a network and a browser on an article;
see `readers.nameless`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import orjson
from flask import Blueprint, Response, request
from marshmallow import ValidationError

from reactions.newsroom import article_keys
from reactions.newsroom.reaction_sets import Reaction
from reactions.newsroom.sites import Site
from reactions.refusals import UnknownReaction
from reactions.times import now_ms
from reactions.votes import networks, readers, rules
from reactions.web import cors, current, headers, hot_path, requests
from reactions.web.headers import Header

blueprint = Blueprint("nameless-votes", __name__)
_MOST_BYTES = 256
_CLAP = "👏"
_SAY_WHICH = 'Say which page: ?url=https://example.org/its/path, which <applause-button url="…"> sends.'
_URL = re.compile("(?:^|&)url=([^&]*)")
_ENCODED = re.compile("[^/]*%2F", re.IGNORECASE)
_WEB = re.compile("(?:https?:)?//", re.IGNORECASE)
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
    return _hearts(site, cast(site, article, _by_emoji(site, _text()).key)["counts"], page)


@blueprint.get("/applause/<site_key>/get-claps", provide_automatic_options=False)
def claps(site_key: str) -> Response:
    """The number of claps on a page."""
    site = current.site(site_key)
    key = _page_key()
    return _claps(_numbers(site, key) if key else {}, _applause(site), headers.PUBLIC)


@blueprint.post("/applause/<site_key>/update-claps", provide_automatic_options=False)
def clap(site_key: str) -> Response:
    """Clap for a page. However often a reader claps, it is one vote."""
    site = current.site(site_key)
    page = _let_page(site)
    article, reaction = _page_key(), _applause(site)
    if article is None:
        raise ValidationError(_SAY_WHICH, "url")
    numbers = cast(site, article, reaction.key)["counts"] if _given(_text()) > 0 else _numbers(site, article)
    return _claps(numbers, reaction, page)


@blueprint.route("/open-heart/<site_key>/<path:article>", methods=["OPTIONS"], provide_automatic_options=False)
@blueprint.route("/applause/<site_key>/<article>", methods=["OPTIONS"], provide_automatic_options=False)
def preflight(site_key: str, article: str) -> Response:  # noqa: ARG001  the site decides, whatever is voted on
    """Tell a browser whether a page may vote."""
    return cors.preflight(cors.let_page_read(current.site(site_key)), "GET, HEAD, POST")


def _let_page(site: Site) -> list[Header]:
    """Check the origin. Open Heart's element votes without reading the answer, as `no-cors`."""
    page = cors.check_origin(site, request.headers.get("Origin"), _as_script())
    cors.let_page(page)
    return page


def _as_script() -> str | None:
    """The mode of the request; that of a script for `no-cors`, if the browser says whose page it is."""
    mode = request.headers.get("Sec-Fetch-Mode")
    return "cors" if mode == "no-cors" and "Origin" in request.headers else mode


def cast(site: Site, article: str, reaction: str | None) -> dict[str, Any]:
    """Cast a vote whose origin was checked; return the receipt. Raises what a vote with a reader id does."""
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
    told: dict[str, Any] = orjson.loads(receipt)
    return told


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


def _page_key() -> str | None:
    """The key of the page that is asked about, or that asks: the widget's for a page without one. Raises ValidationError.

    None if nobody says. Of a page of another origin, browsers tell the origin alone, which is not taken for its front page.
    """
    if address := _page_address():
        return _path_key(address if _WEB.match(address) else f"//{address}")
    key = _path_key(request.headers.get("Referer") or "")
    return key if key != "/" else None


def _page_address() -> str:
    """The address in the query. applause-button writes it there as it is, other programs encode it."""
    given = _URL.search(request.query_string.decode("latin-1"))
    raw = given[1] if given else ""
    return unquote(raw.replace("+", " ")) if _ENCODED.match(raw) else raw


def _path_key(address: str) -> str:
    try:
        return article_keys.path_key(address)
    except ValueError:
        raise ValidationError(_SAY_WHICH, "url") from None
