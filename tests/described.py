"""Every response that a test receives, held against the description of the API, docs/openapi.json.

The status, the type, the headers and the body must be described, and a problem must be one that its route lists. What is not of
the API is listed in `BESIDE_THE_API`; every other address that is not described must be answered with a problem.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonschema_rs
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.databases import PROJECT

BESIDE_THE_API = (
    "/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/problems", "/widget/.*", "/static/.*", "/dashboard(/.*)?",
    "/demo/.*", "/.well-known/security.txt", "/open-heart/.*", "/applause/.*", "/form/.*", "/frame/.*",
)  # fmt: skip
_BESIDE = re.compile("|".join(BESIDE_THE_API))
_JSON = ("application/json", "application/problem+json")
_PROBLEM = "application/problem+json"


class Undescribed(AssertionError):
    """A response that is not as the description says."""


class DescribedClient(FlaskClient):
    """A test client that fails on any response that is not as described."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Send a request and check its response."""
        response = super().open(*args, **kwargs)
        checked = response.mimetype in _JSON  # any other body may be a stream that the test reads itself
        body = response.get_data() if checked else None
        check(response.request.method, response.request.path, response.status_code, dict(response.headers), body)
        return response


def check(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes | None) -> None:
    """Raise Undescribed if a response is not as described. `body` is None where it is not looked at."""
    if _BESIDE.fullmatch(path) or (method == "OPTIONS" and status < 300):
        return
    operation = _operation(path, "GET" if method == "HEAD" else method)
    faults = _faults(operation, status, headers, body) if operation else _elsewhere(method, status, headers, body)
    if faults:
        raise Undescribed(f"{method} {path} → {status}: {'; '.join(faults)}\n{(body or b'')[:600]!r}")


def _elsewhere(method: str, status: int, headers: Mapping[str, str], body: bytes | None) -> list[str]:
    """What is not described: redirects to the right form of an address, refused preflights, or problems that say so."""
    if status == 308:
        return []
    if status not in (404, 405) and method != "OPTIONS":
        return ["the description has no such operation"]
    return _body_faults({"$ref": "#/components/schemas/Problem"}, body) if _media(headers) == _PROBLEM else ["is no problem"]


def _faults(operation: Mapping[str, Any], status: int, headers: Mapping[str, str], body: bytes | None) -> list[str]:
    described = operation["responses"].get(str(status))
    if described is None:
        return [f"the status is not described for {operation['operationId']}"]
    response = _resolved(described)
    faults = _header_faults(response.get("headers", {}), headers)
    content = response.get("content")
    if content is None:
        return faults
    if _media(headers) not in content:
        return [*faults, f"the type {_media(headers)!r} is not among {list(content)}"]
    media = content[_media(headers)]
    if not body:  # a HEAD, or a stream
        return faults
    faults += _body_faults(media["schema"], body)
    if _media(headers) == _PROBLEM:
        name = json.loads(body)["type"].removeprefix("/problems#")
        faults += [] if name in media["examples"] else [f"{operation['operationId']} does not list the problem {name!r}"]
    return faults


def _header_faults(described: Mapping[str, Any], headers: Mapping[str, str]) -> list[str]:
    sent = {name.lower(): value for name, value in headers.items()}
    faults = []
    for name, reference in described.items():
        header = _resolved(reference)
        text = sent.get(name.lower())
        if text is None:
            faults += [f"the header {name} is missing"] if header["required"] else []
        elif header["schema"]["type"] == "integer" and not re.fullmatch("[1-9][0-9]*", text):
            faults.append(f"the header {name} is {text!r}")
    return faults


def _body_faults(schema: Mapping[str, Any], body: bytes | None) -> list[str]:
    if body is None:
        return []
    errors = _validator(json.dumps(schema)).iter_errors(json.loads(body))
    return [f"/{'/'.join(map(str, error.instance_path))}: {error.message[:300]}" for error in errors]


def _media(headers: Mapping[str, str]) -> str:
    sent = {name.lower(): value for name, value in headers.items()}
    return sent.get("content-type", "").partition(";")[0]


def _operation(path: str, method: str) -> Mapping[str, Any] | None:
    for pattern, operations in _paths():
        if pattern.fullmatch(path) and method.lower() in operations:
            found: Mapping[str, Any] = operations[method.lower()]
            return found
    return None


def _resolved(described: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = described.get("$ref")
    if reference is None:
        return described
    _, _, kind, name = reference.split("/")
    found: Mapping[str, Any] = document()["components"][kind][name]
    return found


@cache
def document() -> dict[str, Any]:
    """The committed description; a test of its own holds it against the one that is served."""
    found: dict[str, Any] = json.loads((PROJECT / "docs" / "openapi.json").read_text(encoding="utf-8"))
    return found


@cache
def _paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    described = document()["paths"].items()
    return [(re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), operations) for path, operations in described]


@cache
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    whole = {**json.loads(schema), "components": document()["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
