"""Votes: from the body of a request to a durable receipt.

A vote that comes in the usual form, as every widget's does, is settled ahead of Flask, whose layers cost as much as all that is
checked here. Everything else, and every refusal, is Flask's to answer: `reader_api.vote` goes on from here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from reactions.newsroom.sites import Site
from reactions.votes import networks, rules
from reactions.web import cors, current, schemas

REFUSED = "reactions.refused"  # where in the environ Flask finds why a vote was not settled, and the headers for its page

_ADDRESS = re.compile("/v1/sites/([a-z0-9-]{1,63})/vote")
_RECEIPT = [("Content-Type", "application/json"), ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")]
_body = schemas.VoteBody()

Header = tuple[str, str]


def cast(parts: current.Parts, site: Site, environ: dict[str, Any], text: bytes) -> tuple[bytes, list[Header]]:
    """Limit and count the vote in a body, whose origin was checked; return the receipt and its headers once it is durable.

    Raises ValidationError, TooMany, the refusals of `rules.ballot` and those of the ballot box.
    """
    body = _body.load(schemas.strict_json(text))
    reader = bytes.fromhex(body["reader"])
    ballot = rules.ballot(
        site,
        article=body["article"],
        reaction=body["reaction"],
        reader=reader,
        seq=body["seq"],
        now_ms=current.now_ms(),
    )
    address = networks.client_address(environ.get("REMOTE_ADDR") or "", environ.get("HTTP_X_FORWARDED_FOR", ""), parts.proxies)
    receipt = parts.ballot_box.cast(ballot, parts.limits.voter(site=site.key, address=address, reader=reader))
    counts = receipt.counts
    answer = {
        "article": counts.article,
        "reaction": receipt.reaction,
        "total": counts.total,
        "counts": counts.by_reaction,
    }
    return orjson.dumps(answer), [*_RECEIPT, ("RateLimit-Policy", parts.limits.policy_field)]


class AheadOfFlask:
    """WSGI middleware that settles votes in the usual form and passes on everything else."""

    def __init__(self, app: Any, parts: current.Parts) -> None:
        self._app = app
        self._parts = parts

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        """Answer a vote, or let Flask say why not."""
        address = _ADDRESS.fullmatch(environ["PATH_INFO"]) if environ["REQUEST_METHOD"] == "PUT" else None
        if address is None or not _usual(environ):
            return self._app(environ, start_response)  # type: ignore[no-any-return]
        page: list[Header] = []
        try:
            site = self._parts.directory.find(address[1])
            page = cors.check_origin(site, environ)
            body, headers = cast(self._parts, site, environ, _read(environ))
        except Exception as refused:  # noqa: BLE001  Flask raises it again, and answers it
            environ[REFUSED] = refused, page
            return self._app(environ, start_response)  # type: ignore[no-any-return]
        start_response("200 OK", [*page, *headers, ("Content-Length", str(len(body)))])
        return (body,)


def _usual(environ: dict[str, Any]) -> bool:
    """True for JSON of a length that is known beforehand and allowed."""
    length = environ.get("CONTENT_LENGTH") or ""
    return (
        environ.get("CONTENT_TYPE") == "application/json"
        and "HTTP_TRANSFER_ENCODING" not in environ
        and length.isdecimal()
        and length.isascii()
        and int(length) <= schemas.VOTE_BODY_BYTES
    )


def _read(environ: dict[str, Any]) -> bytes:
    """The whole body. Raises ValidationError if it ends early."""
    length = int(environ["CONTENT_LENGTH"])
    try:
        text: bytes = environ["wsgi.input"].read(length)
    except Exception:  # noqa: BLE001  each server has its own errors for a body that breaks off
        raise schemas.broken_off() from None
    if len(text) != length:
        raise schemas.too_short()
    return text
