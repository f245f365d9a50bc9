"""The API's description: OpenAPI 3.1 at /openapi.json, readable at /docs without a third-party request.

Routes are described where they are declared, by `ApiBlueprint.get` and `.put`, and are called directly: no wrapper stands
between Flask and the view. The file is longer than others because what a route says and the document it stands in are one shape.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import flask
from flask import Flask, Response, make_response, render_template
from flask_smorest import Api, Blueprint
from marshmallow import Schema

from reactions.web import guards, headers, problems, schemas

View = Callable[..., Response]
_PROBLEM = "application/problem+json"

# The problems of many routes; each route lists its own beside them.
_EVERYWHERE = ("invalid-request", "unknown-site", "address-too-long", "headers-too-large", "unavailable", "internal")
_WITH_KEY = ("key-in-address", "unauthorized", "missing-scope", "too-many-requests")
_WITH_BODY = ("too-large", "unsupported-type")
_WITH_ETAG = ("precondition-failed",)
_IN_WRITES = ("storage-full", "precondition-failed")

_PATH = {
    "site_key": {
        "in": "path", "name": "site_key", "required": True, "description": "The site's key", "example": "daily",
        "schema": {"type": "string", "pattern": "^[a-z0-9-]{1,63}$"},
    },
    "key_id": {
        "in": "path", "name": "key_id", "required": True, "description": "The id of an API key", "example": "5f0c2a9b7d31",
        "schema": {"type": "string", "pattern": "^[0-9a-f]{12}$"},
    },
    "webhook_id": {
        "in": "path", "name": "webhook_id", "required": True, "description": "The id of a webhook", "example": "3f9a01c2d4e5",
        "schema": {"type": "string", "pattern": "^[0-9a-f]{12}$"},
    },
    "source": {
        "in": "path", "name": "source", "required": True, "description": "The name of an import", "example": "old-blog",
        "schema": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_.-]{0,63}$"},
    },
}  # fmt: skip

_FAILURE_HEADERS = {
    401: ["WWW-Authenticate"],
    429: ["Retry-After", "RateLimit", "RateLimit-Policy"],
    503: ["Retry-After"],
    507: ["Retry-After"],
}
_shared_responses: dict[str, dict[str, Any]] = {}  # by the names of their problems, filled as routes are declared

# name: (is in every such response, schema, description)
_HEADERS: dict[str, tuple[bool, dict[str, Any], str]] = {
    "Cache-Control": (True, {"type": "string"}, "Who may keep the response, and for how long"),
    "ETag": (True, {"type": "string"}, "Changes with what is shown; send it back in If-None-Match, or in If-Match to change it"),
    "Retry-After": (True, {"type": "integer", "minimum": 1}, "Seconds after which the request may succeed"),
    "RateLimit-Policy": (
        False, {"type": "string"}, 'The limits that the request falls under, such as "reader";q=30;w=60: 30 in 60 seconds',
    ),
    "RateLimit": (False, {"type": "string"}, 'The limit that is spent, such as "reader";r=0;t=2: for 2 more seconds'),
    "WWW-Authenticate": (True, {"type": "string"}, "How to send a key"),
    "Content-Disposition": (True, {"type": "string"}, "The name under which to save the file"),
    "Export-Version": (True, {"type": "string"}, "The version of the columns"),
    "Export-Next": (False, {"type": "string"}, "What to send as `since` to get what comes after this export"),
}  # fmt: skip


class ReactionsApi(Api):  # type: ignore[misc]
    """flask-smorest's assembly of the document, when it is first asked for; errors are answered by `problems` alone.

    Assembling takes longer than all else that starts an application, and most processes never show the document.
    """

    ERROR_SCHEMA = schemas.Problem
    DEFAULT_ERROR_RESPONSE_NAME = None  # each route lists its own problems

    def __init__(self, app: Flask) -> None:
        self._blueprints: list[ApiBlueprint] = []
        self._assembling = threading.Lock()
        self._text = b""
        super().__init__(app)

    def register_blueprint(self, blp: ApiBlueprint, **_: Any) -> None:
        """Register the routes; what describes them waits."""
        self._app.register_blueprint(blp)
        self._blueprints.append(blp)

    def described(self) -> dict[str, Any]:
        """The document."""
        with self._assembling:
            if self._blueprints:
                self._assemble()
            document: dict[str, Any] = self.spec.to_dict()
            return document

    def _assemble(self) -> None:
        components = self.spec.components
        components.security_scheme("key", {"type": "http", "scheme": "bearer", "description": "A key of the site: rk_…"})
        for name, (always, schema, text) in _HEADERS.items():
            components.header(name, {"required": always, "schema": schema, "description": text})
        for name, response in sorted(_shared_responses.items()):
            components.response(name, response)
        for blueprint in self._blueprints:
            blueprint.register_views_in_doc(self, self._app, self.spec, name=blueprint.name, parameters=None)
            self.spec.tag({"name": blueprint.name, "description": blueprint.description})
        _let_responses_grow(components.schemas)
        self._blueprints.clear()

    def _openapi_json(self) -> Response:
        if not self._text:
            self._text = json.dumps(self.described(), indent=2).encode()
        return Response(self._text, mimetype="application/json")

    def _left_out(self) -> None:
        """Errors are `problems`' business, lists are paged by cursor in their bodies, and each route lists its own problems."""

    _register_error_handlers = _register_pagination_header = _register_responses = _left_out


class ApiBlueprint(Blueprint):  # type: ignore[misc]
    """A blueprint whose routes describe their parameters, bodies, responses and problems."""

    def __init__(self, name: str, *, description: str) -> None:
        super().__init__(name, __name__, description=description)

    def get(self, rule: str, operation: str, **described: Any) -> Callable[[View], View]:
        """Declare a GET route and its operationId."""
        return self._described("GET", rule, operation, **described)

    def put(self, rule: str, operation: str, **described: Any) -> Callable[[View], View]:
        """Declare a PUT route and its operationId."""
        return self._described("PUT", rule, operation, **described)

    def post(self, rule: str, operation: str, **described: Any) -> Callable[[View], View]:
        """Declare a POST route and its operationId."""
        return self._described("POST", rule, operation, **described)

    def patch(self, rule: str, operation: str, **described: Any) -> Callable[[View], View]:
        """Declare a PATCH route and its operationId."""
        return self._described("PATCH", rule, operation, **described)

    def delete(self, rule: str, operation: str, **described: Any) -> Callable[[View], View]:
        """Declare a DELETE route and its operationId."""
        return self._described("DELETE", rule, operation, **described)

    def preflight(self, rule: str) -> Callable[[View], View]:
        """Declare the response to a browser's preflight, which is not in the description."""

        def decorator(view: View) -> View:
            flask.Blueprint.add_url_rule(self, rule, view_func=view, methods=["OPTIONS"])
            return view

        return decorator

    def _described(
        self,
        method: str,
        rule: str,
        operation: str,
        *,
        response: type[Schema] | Mapping[str, Any],
        problems: Sequence[str] = (),
        parameters: Sequence[dict[str, Any]] = (),
        body: type[Schema] | None = None,
        headers: Sequence[str] = ("Cache-Control",),
        scope: str | None = None,
        several: bool = False,
    ) -> Callable[[View], View]:
        """`response` is a schema of JSON, or a schema for each media type; `scope` is what a key needs for the route.

        `several`: a part of the request may be refused, with the status 207.
        """
        media = response if isinstance(response, Mapping) else {"application/json": response}
        example = _examples().get(operation, {})
        names = [*problems, *_EVERYWHERE, *(_WITH_KEY if scope else ()), *(_WITH_BODY if body else ())]
        names += _IN_WRITES if method != "GET" else _WITH_ETAG if "ETag" in headers else ()
        description: dict[str, Any] = {
            "operationId": operation,
            "parameters": [*(_PATH[name] for name in re.findall("<([a-z_]+)>", rule) if name in _PATH), *parameters],
            "responses": {
                "200": _success(media, example.get("response"), headers),
                **({"207": _success(media, None, headers, "Multi-Status: some entries were refused")} if several else {}),
                **({"304": _NOT_MODIFIED} if "ETag" in headers and method == "GET" else {}),
                **_failures(names),
            },
        }
        if scope:
            description["security"] = [{"key": [scope]}]
        if body:
            content = {"schema": body, "example": example.get("request")}
            description["requestBody"] = {"required": True, "content": {"application/json": content}}

        def decorator(view: View) -> View:
            view._apidoc = {"manual_doc": description}  # type: ignore[attr-defined]
            if method != "GET" or not scope or "ETag" in headers:
                # A preflight has a route of its own; Flask's own response, which lets no page in, would come before it.
                view.provide_automatic_options = False  # type: ignore[attr-defined]
            self.add_url_rule(rule, None, guards.keyed(view) if scope else view, methods=[method])
            return view

        return decorator


def query(
    name: str, description: str, *, required: bool = True, many: bool = False, example: str | None = None
) -> dict[str, Any]:
    """A query parameter; `many` may be given several times."""
    text: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 200} if required and not many else {"type": "string"}
    shape = {"type": "array", "items": text, "minItems": 1, "maxItems": 100} if many else text
    parameter = {"in": "query", "name": name, "description": description, "required": required, "schema": shape}
    if example is None:
        return parameter
    return parameter | {"example": [example] if many else example}


def _success(media: Mapping[str, Any], example: Any, headers: Sequence[str], description: str = "OK") -> dict[str, Any]:
    content = {kind: {"schema": schema} for kind, schema in media.items()}
    if example is not None:
        first = next(iter(media))
        content[first] = {**content[first], "example": example}
    return {"description": description, "content": content, "headers": {name: name for name in headers}}


_NOT_MODIFIED = {
    "description": "Not Modified: the ETag sent in If-None-Match still stands",
    "headers": {"ETag": "ETag", "Cache-Control": "Cache-Control"},
}


def _failures(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """The responses by status, each with the problems that a route may answer and no other, described once for all routes."""
    of_status: dict[int, list[str]] = {}
    for name in sorted(set(names)):
        of_status.setdefault(problems.ALL[name][0], []).append(name)
    for status, group in of_status.items():
        _shared_responses[".".join(group)] = _failure(status, group)
    return {str(status): {"$ref": f"#/components/responses/{'.'.join(group)}"} for status, group in of_status.items()}


def _failure(status: int, names: Sequence[str]) -> dict[str, Any]:
    details = {name: detail for name, _, detail in problems.BY_STATUS.values()}
    titles = {name: f"{problems.ALL[name][1]}." for name in names}
    examples = {name: {"value": problems.document(name, details.get(name, title))} for name, title in titles.items()}
    return {
        "description": " ".join(titles.values()),
        "headers": {name: name for name in ("Cache-Control", *_FAILURE_HEADERS.get(status, ()))},
        "content": {_PROBLEM: {"schema": schemas.Problem, "examples": examples}},
    }


@cache
def _examples() -> dict[str, Any]:
    """A request and its response for each operation."""
    text = (Path(__file__).parent / "examples.json").read_text(encoding="utf-8")
    examples: dict[str, Any] = json.loads(text)
    return examples


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
                "description": "Readers' reactions to articles: exact counts, one vote a reader, no accounts, no cookies.",
                "license": {"name": "MIT", "identifier": "MIT"},
            },
            "servers": [{"url": "./", "description": "The installation that serves this document"}],
        },
    )
    api = ReactionsApi(app)
    for blueprint in blueprints:
        api.register_blueprint(blueprint)
    app.add_url_rule("/docs", "docs", _docs)
    app.add_url_rule("/problems", "problems", _problems)
    return api


def _let_responses_grow(described: dict[str, dict[str, Any]]) -> None:
    """Describe only bodies as closed: a later version may add members to a response."""
    bodies = {schema.__name__ for schema in schemas.Body.everyone()}
    for name, schema in described.items():
        if name not in bodies:
            schema.pop("additionalProperties", None)


def description(app: Flask) -> str:
    """The document as it is committed: keys in order, indented."""
    api: ReactionsApi = app.extensions["flask-smorest"]["apis"][""]["ext_obj"]
    return json.dumps(api.described(), indent=2, sort_keys=True, ensure_ascii=False)


def _docs() -> Response:
    return _page("docs.html")


def _problems() -> Response:
    return _page("problems.html", problems=sorted(problems.ALL.items()))


def _page(template: str, **values: Any) -> Response:
    return headers.page(make_response(render_template(template, **values)))
