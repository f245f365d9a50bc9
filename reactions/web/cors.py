"""Which pages may read and which may vote. Counts are public; a vote needs an origin from the site's own list, exactly."""

from __future__ import annotations

import re

from flask import Response, g, request

from reactions.newsroom.sites import Site
from reactions.web.headers import PUBLIC, Header

PREFLIGHT_S = "7200"  # the most that Chrome honours

_FOR_PAGES = ("readers", "nameless-votes")  # blueprints whose answers pages read
_FETCH_MODES = (None, "cors", "same-origin")
NO_ORIGIN = [("Vary", "Origin")]
_EXPOSED = [("Access-Control-Expose-Headers", "Date, RateLimit, RateLimit-Policy, Retry-After")]
_HEADER_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_MOST_HEADERS = 64


class Forbidden(Exception):
    """A page that may not vote for the site; the text says why."""


def check_origin(site: Site, origin: str | None, fetch_mode: str | None) -> list[Header]:
    """Let a browser's request through only from the site's pages; return the headers that let the page read the answer.

    A request without an Origin is no browser's vote and is judged by the limits alone. Raises Forbidden.
    """
    if origin is not None and origin not in site.origins:
        raise Forbidden("Votes for this site come from its own pages. The publisher can add this page's origin to the site.")
    if fetch_mode not in _FETCH_MODES:
        raise Forbidden("A vote is sent by a script of the page, not by a link, a form or an image.")
    if origin is None:
        return NO_ORIGIN
    return [*NO_ORIGIN, ("Access-Control-Allow-Origin", origin), *_EXPOSED]


def check_viewed_on(site: Site, origin: str | None) -> None:
    """Let a beacon through only from the site's pages, or from no browser. Raises Forbidden."""
    if origin is not None and origin not in site.origins:
        raise Forbidden("Views of this site come from its own pages. The publisher can add this page's origin to the site.")


def let_page_read(site: Site) -> list[Header]:
    """Check the origin of the present request and let its page read the answer, a problem too. Raises Forbidden."""
    headers = check_origin(site, request.environ.get("HTTP_ORIGIN"), request.environ.get("HTTP_SEC_FETCH_MODE"))
    let_page(headers)
    return headers


def let_page(headers: list[Header]) -> None:
    """Let the page of the present request, whose origin was checked, read the answer, a problem too."""
    if headers:
        g.headers = headers


def let_read(response: Response) -> Response:
    """Let the page read a problem: everybody's if it was asked publicly, the checked page's if it came with a vote."""
    if request.blueprint in _FOR_PAGES:
        public = request.method in ("GET", "HEAD")
        response.headers.update(PUBLIC if public else g.get("headers", NO_ORIGIN))
    return response


def preflight(headers: list[Header], methods: str) -> Response:
    """The answer that lets a page send its request, remembered for all articles because the address names none.

    Pages add headers to whatever they fetch, such as those of tracing. All are allowed and none is read; so what was asked for is
    named again, for the few that `*` leaves out.
    """
    asked = request.headers.get("Access-Control-Request-Headers", "")
    names = ", ".join(dict.fromkeys(["content-type", *_HEADER_NAME.findall(asked.lower())][:_MOST_HEADERS]))
    allowed = [("Access-Control-Allow-Methods", methods), ("Access-Control-Allow-Headers", names)]
    return Response(status=204, headers=[*headers, *allowed, ("Access-Control-Max-Age", PREFLIGHT_S)])
