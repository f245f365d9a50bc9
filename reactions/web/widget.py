"""The widget's file, as it lies in the tree: at an address that follows version 1, and at one that never changes."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from reactions.web import headers

blueprint = Blueprint("widget", __name__)
_FILE = Path(__file__).parent.parent / "widget" / "v1.js"


@cache
def source() -> bytes:
    """The widget's source."""
    return _FILE.read_bytes()


@cache
def version() -> str:
    """The version in the widget's head comment."""
    found = re.search(rb"\b(1\.\d+\.\d+)\b", source()[:400])
    if found is None:
        raise RuntimeError(f"{_FILE} does not say its version")
    return found[1].decode()


@cache
def integrity() -> str:
    """The value of the integrity attribute for the pinned address (Subresource Integrity, SHA-384)."""
    return "sha384-" + b64encode(hashlib.sha384(source()).digest()).decode()


@blueprint.get("/widget/v1.js")
def following() -> Response:
    """The newest widget of version 1."""
    return _script("public, max-age=3600, stale-while-revalidate=86400")


@blueprint.get("/widget/<pinned>.js")
def pinned(pinned: str) -> Response:
    """One release of the widget, for pages that pin it with Subresource Integrity."""
    if pinned != version():
        raise NotFound
    return _script("public, max-age=31536000, immutable")


def _script(cache_control: str) -> Response:
    response = Response(source(), content_type="text/javascript; charset=utf-8")
    response.headers["Cache-Control"] = cache_control
    response.headers.update(headers.PUBLIC)  # Subresource Integrity needs Access-Control-Allow-Origin
    response.add_etag()
    return response.make_conditional(request)  # type: ignore[return-value]
