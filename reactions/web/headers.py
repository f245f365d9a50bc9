"""The headers that say who may keep, read and frame a response: one place for the API, the pages, the files and the problems."""

from __future__ import annotations

from collections.abc import Collection

from flask import Flask, Response

Header = tuple[str, str]

NOSNIFF: Header = ("X-Content-Type-Options", "nosniff")

# Every page on the web may read it, and so may every cache for as long as Cache-Control says.
PUBLIC: list[Header] = [("Access-Control-Allow-Origin", "*"), ("Cross-Origin-Resource-Policy", "cross-origin"), NOSNIFF]

# Only for the sender of the key, or of the session: no cache may keep it, no other site may load it.
PRIVATE: list[Header] = [("Cache-Control", "private, no-store"), ("Cross-Origin-Resource-Policy", "same-origin"), NOSNIFF]

# A page of ours loads nothing from elsewhere, runs no inline script, and is framed by nobody.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
PAGE: list[Header] = [
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Referrer-Policy", "same-origin"),
    NOSNIFF,
]
PRIVATE_PAGE: list[Header] = [*PAGE, *PRIVATE]


def framed_by(origins: Collection[str]) -> list[Header]:
    """The headers of a page of ours that pages of these origins, and our own, may frame."""
    framing = " ".join(["frame-ancestors 'self'", *sorted(origins)])
    policy = CONTENT_SECURITY_POLICY.replace("frame-ancestors 'none'", framing)
    return [("Content-Security-Policy", policy), ("Referrer-Policy", "same-origin"), NOSNIFF]


def page(response: Response) -> Response:
    """A page of ours, as an `after_request` of its blueprint."""
    response.headers.update(PAGE)
    return response


def private_page(response: Response) -> Response:
    """A page for editors, as an `after_request` of its blueprint."""
    response.headers.update(PRIVATE_PAGE)
    return response


def install(app: Flask) -> None:
    """Let no browser guess a content type, and list the methods of `Allow` in one order, whichever route answers."""

    @app.after_request
    def nosniff(response: Response) -> Response:
        response.headers.setdefault(*NOSNIFF)
        return response

    @app.after_request
    def in_order(response: Response) -> Response:
        if response.allow:  # Werkzeug keeps a set: each process would have an order of its own
            response.headers["Allow"] = ", ".join(sorted(response.allow))
        return response
