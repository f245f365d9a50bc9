"""The widget's files, at addresses that follow version 1 and at one for each release, whose bytes never change; and its frame."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from flask import Blueprint, Response, make_response, render_template, request
from markupsafe import Markup
from marshmallow import ValidationError
from werkzeug.exceptions import NotFound

from reactions.newsroom import article_keys
from reactions.newsroom.reaction_sets import EMOJI, Reaction
from reactions.web import cors, current, headers

blueprint = Blueprint("widget", __name__)
_FOLDER = Path(__file__).parent.parent / "widget"
_RELEASED = _FOLDER / "released"
_IN_FRAMES = ("language", "results", "icons", "menu", "sig")  # attributes of the row that a frame's address may give
_FRAME_FOR = "public, max-age=300"
_TYPES = {"js": "text/javascript; charset=utf-8", "json": "application/json"}


class File(NamedTuple):
    """A file as it is served: its bytes by content coding, the best coding first."""

    content_type: str
    coded: dict[str, bytes]


@cache
def releases() -> dict[str, str]:
    """The integrity of every released file (Subresource Integrity, SHA-384), by its name; the newest release last."""
    table: dict[str, str] = json.loads((_RELEASED / "releases.json").read_bytes())
    return table


def version() -> str:
    """The newest release."""
    return list(releases())[-1].rpartition(".")[0]


def integrity() -> str:
    """The value of the integrity attribute for the newest release's script."""
    return releases()[f"{version()}.js"]


@cache
def words() -> dict[str, list[str]]:
    """The widget's own words by language, in the order of the names in v1.js."""
    table: dict[str, list[str]] = _extras()["words"]
    return table


@blueprint.app_template_global()
def face_of(reaction: Reaction) -> Markup:
    """The face of a reaction as the row shows it: the widget's drawing, where it has one and the site wants it; else the emoji.

    Pages of the service's own show these too: a system without a font of emoji has empty boxes for the others.
    """
    drawn = None if reaction.icon == EMOJI else _faces().get(reaction.emoji.replace("\ufe0f", ""))
    return drawn or Markup(Markup.escape(reaction.emoji))  # noqa: S704  escaped


@blueprint.get("/widget/v1.<any(js,json):extension>", provide_automatic_options=False)
def following(extension: str) -> Response:
    """The newest widget of version 1: the script, or its words and drawings."""
    return _answer(_file(_FOLDER / f"v1.{extension}"), "public, max-age=3600, stale-while-revalidate=86400")


@blueprint.get("/widget/<name>.<any(js,json):extension>", provide_automatic_options=False)
def pinned(name: str, extension: str) -> Response:
    """A file of one release, for pages that pin it with Subresource Integrity."""
    if f"{name}.{extension}" not in releases():
        raise NotFound
    return _answer(_file(_RELEASED / f"{name}.{extension}"), "public, max-age=31536000, immutable")


@blueprint.route("/widget/<name>", methods=["OPTIONS"], provide_automatic_options=False)
def preflight(name: str) -> Response:  # noqa: ARG001  the address decides, whatever is fetched
    """Let every page fetch, also one that adds headers of its own to what it fetches."""
    return cors.preflight(headers.PUBLIC, "GET, HEAD")


@blueprint.get("/frame/<site_key>", provide_automatic_options=False)
def frame(site_key: str) -> Response:
    """A page with one row, for an iframe on the site's pages: systems that strip scripts often keep frames.

    Raises UnknownSite, MalformedKey or ValidationError.
    """
    site, given = current.site(site_key), request.args
    if unknown := [name for name in given if name not in ("article", *_IN_FRAMES) or len(given.getlist(name)) > 1]:
        raise ValidationError(f"Give article, and of {', '.join(_IN_FRAMES)} what is wanted, each once.", unknown[0])
    article_keys.article_key(site.key, given.get("article", ""))
    page = make_response(render_template("frame.html", site=site, article=given["article"], given=given, names=_IN_FRAMES))
    page.headers.update(headers.framed_by(site.origins))
    page.headers["Cache-Control"] = _FRAME_FOR
    return page


@cache
def _extras() -> dict[str, Any]:
    return json.loads((_FOLDER / "v1.json").read_bytes())  # type: ignore[no-any-return]


@cache
def _faces() -> dict[str, Markup]:
    """The widget's drawings as SVG, by emoji."""
    drawn = {}
    for emoji, face in _extras()["faces"].items():
        paths = Markup().join(Markup("<path{}/>").format(_attributes(path)) for path in face["paths"])
        drawn[emoji] = Markup('<svg viewBox="{}" aria-hidden="true">{}</svg>').format(face["viewBox"], paths)
    return drawn


def _attributes(of: dict[str, str]) -> Markup:
    return Markup().join(Markup(' {}="{}"').format(name, value) for name, value in of.items())


@cache
def _file(path: Path) -> File:
    plain = path.read_bytes()
    coded = {"gzip": gzip.compress(plain, 9, mtime=0), "identity": plain}
    packed = path.with_name(f"{path.name}.br")
    if packed.exists():
        coded = {"br": packed.read_bytes(), **coded}
    return File(_TYPES[path.suffix[1:]], coded)


def _answer(file: File, cache_control: str) -> Response:
    accepted = request.accept_encodings
    coding = next((coding for coding in file.coded if accepted[coding] > 0), "identity")
    response = Response(file.coded[coding], content_type=file.content_type)
    if coding != "identity":
        response.content_encoding = coding
    response.headers["Cache-Control"] = cache_control
    response.headers.update(headers.PUBLIC)  # Subresource Integrity needs Access-Control-Allow-Origin
    response.vary.add("Accept-Encoding")
    response.add_etag()
    return response
