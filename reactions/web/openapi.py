"""The API's description: OpenAPI 3.1 at /openapi.json, readable at /docs without a third-party request.

Routes are described where they are declared, by `ApiBlueprint.get` and `.put`, and are called directly: no wrapper stands
between Flask and the view.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

import flask
from flask import Flask, Response, render_template
from flask_smorest import Api, Blueprint
from marshmallow import Schema

from reactions.web import problems, schemas

View = Callable[..., Response]
_PROBLEM = "application/problem+json"


class ReactionsApi(Api):  # type: ignore[misc]
    """flask-smorest's assembly of the document; errors are answered by `problems` alone."""

    ERROR_SCHEMA = schemas.Problem
    DEFAULT_ERROR_RESPONSE_NAME = None  # each route lists its own

    def _register_error_handlers(self) -> None:
        pass  # `problems.register` does

    def _register_pagination_header(self) -> None:
        pass  # lists are paged by cursor, in their bodies


class ApiBlueprint(Blueprint):  # type: ignore[misc]
    """A blueprint whose routes say what they take and answer."""

    def __init__(self, name: str, *, description: str) -> None:
        super().__init__(name, __name__, description=description)

    def get(self, rule: str, **described: Any) -> Callable[[View], View]:
        """Declare a GET route."""
        return self._described("GET", rule, **described)

    def put(self, rule: str, **described: Any) -> Callable[[View], View]:
        """Declare a PUT route."""
        return self._described("PUT", rule, **described)

    def post(self, rule: str, **described: Any) -> Callable[[View], View]:
        """Declare a POST route."""
        return self._described("POST", rule, **described)

    def delete(self, rule: str, **described: Any) -> Callable[[View], View]:
        """Declare a DELETE route."""
        return self._described("DELETE", rule, **described)

    def preflight(self, rule: str) -> Callable[[View], View]:
        """Declare the answer to a browser's preflight, which stands in no description."""

        def decorator(view: View) -> View:
            flask.Blueprint.add_url_rule(self, rule, view_func=view, methods=["OPTIONS"])
            return view

        return decorator

    def _described(
        self,
        method: str,
        rule: str,
        *,
        answer: type[Schema] | dict[str, Any],
        problems: Sequence[int],
        media: str | Sequence[str] = "application/json",
        query: Sequence[dict[str, Any]] = (),
        body: type[Schema] | None = None,
        cached: bool = False,
        scope: str | None = None,
    ) -> Callable[[View], View]:
        description: dict[str, Any] = {"responses": _responses(answer, problems, media=media, cached=cached)}
        if scope:
            description["security"] = [{"key": [scope]}]
        if query:
            description["parameters"] = list(query)
        if body:
            description["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}

        def decorator(view: View) -> View:
            view._apidoc = {"manual_doc": description}  # type: ignore[attr-defined]
            if method != "GET" or cached:
                # A preflight has a route of its own; Flask's own answer, which lets no page in, would stand before it.
                view.provide_automatic_options = False  # type: ignore[attr-defined]
            self.add_url_rule(rule, None, view, methods=[method])
            return view

        return decorator


def query(
    name: str, description: str, *, required: bool = True, many: bool = False, example: str | None = None
) -> dict[str, Any]:
    """A query parameter; `many` may be given several times."""
    text: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 200} if required and not many else {"type": "string"}
    shape = {"type": "array", "items": text, "minItems": 1, "maxItems": 100} if many else text
    parameter = {"in": "query", "name": name, "description": description, "required": required, "schema": shape}
    return parameter | ({"example": example} if example else {})


def _responses(
    answer: type[Schema] | dict[str, Any], statuses: Sequence[int], *, media: str | Sequence[str], cached: bool
) -> dict[str, Any]:
    kinds = [media] if isinstance(media, str) else media
    responses: dict[str, Any] = {
        "200": {"description": "OK", "content": {kind: {"schema": answer} for kind in kinds}},
        "500": _problem_response(500),
    }
    if cached:
        responses["304"] = {"description": "Not Modified: the ETag sent in If-None-Match still stands"}
    return responses | {str(status): _problem_response(status) for status in statuses}


def _problem_response(status: int) -> dict[str, Any]:
    titles = [title for _, of, title in problems.DESCRIPTIONS if of == status]
    description = ". ".join(titles) or HTTPStatus(status).phrase
    return {"description": f"{description}.", "content": {_PROBLEM: {"schema": schemas.Problem}}}


def install(app: Flask, blueprints: Sequence[ApiBlueprint]) -> ReactionsApi:
    """Register the blueprints of the API and serve its description."""
    app.config.update(
        API_TITLE="Reader Reactions",
        API_VERSION="1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/",
        OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS={
            "info": {
                "description": "Reactions of readers to articles: exact counts, one vote a reader, and nothing known of anybody.",
                "license": {"name": "MIT", "identifier": "MIT"},
            }
        },
    )
    api = ReactionsApi(app)
    api.spec.components.security_scheme("key", {"type": "http", "scheme": "bearer", "description": "A key of the site: rk_…"})
    for blueprint in blueprints:
        api.register_blueprint(blueprint)
    app.add_url_rule("/docs", "docs", _docs)
    app.add_url_rule("/problems", "problems", _problems)
    return api


def description(app: Flask) -> str:
    """The document as it is committed: keys in order, indented."""
    api: ReactionsApi = app.extensions["flask-smorest"]["apis"][""]["ext_obj"]
    return json.dumps(api.spec.to_dict(), indent=2, sort_keys=True, ensure_ascii=False)


def _docs() -> Response:
    return page(render_template("docs.html"))


def _problems() -> Response:
    return page(render_template("problems.html", problems=sorted(problems.DESCRIPTIONS)))


def page(html: str, *, policy: str = "") -> Response:
    """An HTML page that loads nothing from elsewhere."""
    response = Response(html, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = policy or (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
