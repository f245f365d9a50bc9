"""The check of every response catches what it is for: here each fault is planted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.described import Undescribed, check

VOTE, COUNTS, KEYS = "/v1/sites/daily/vote", "/v1/sites/daily/counts", "/v1/sites/daily/keys"
SENT = {"Content-Type": "application/json", "Cache-Control": "no-store", "RateLimit-Policy": '"reader";q=30;w=60'}
FAILED = {**SENT, "Content-Type": "application/problem+json"}
RECEIPT = {"article": "a", "reaction": "like", "total": 1, "counts": {"like": 1}}


def problem(name: str) -> bytes:
    return json.dumps({"type": f"/problems#{name}", "title": "T", "status": 400, "detail": "D"}).encode()


def checked(method: str, path: str, status: int, headers: dict[str, str], body: Any) -> None:
    check(method, path, status, headers, body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.mark.parametrize(
    ("method", "path", "status", "headers", "body"),
    [
        ("PUT", VOTE, 200, SENT, RECEIPT),
        ("PUT", VOTE, 200, SENT, {**RECEIPT, "new": "a response may gain members"}),
        ("PUT", VOTE, 200, SENT, {**RECEIPT, "total": None, "counts": {"like": None}}),
        ("HEAD", COUNTS, 200, {**SENT, "ETag": '"a"'}, b""),
        ("OPTIONS", VOTE, 204, {}, b""),
        ("GET", "/nowhere", 404, {"content-type": "application/problem+json"}, problem("not-found")),
        ("GET", "/dashboard/articles", 200, {"Content-Type": "text/html"}, b"<!doctype html>"),
    ],
)
def test_what_is_as_described_passes(method: str, path: str, status: int, headers: dict[str, str], body: Any) -> None:
    checked(method, path, status, headers, body)


@pytest.mark.parametrize(
    ("fault", "method", "path", "status", "headers", "body"),
    [
        ("status is not described for castVote", "PUT", VOTE, 201, SENT, RECEIPT),
        ("no such operation", "PATCH", VOTE, 200, SENT, RECEIPT),
        ("no such operation", "GET", "/v1/sites/daily/secret", 200, SENT, RECEIPT),
        ("is no problem", "GET", "/nowhere", 404, {"Content-Type": "text/html"}, b"<h1>Not Found</h1>"),
        ("/total", "PUT", VOTE, 200, SENT, {**RECEIPT, "total": "1"}),
        ("/counts/like", "PUT", VOTE, 200, SENT, {**RECEIPT, "counts": {"like": -1}}),
        ('"reaction" is a required property', "PUT", VOTE, 200, SENT, {"article": "a", "total": 1, "counts": {}}),
        ("type 'text/html' is not among", "PUT", VOTE, 200, {**SENT, "Content-Type": "text/html"}, RECEIPT),
        ("header ETag is missing", "GET", COUNTS, 200, SENT, {"articles": []}),
        ("header Retry-After is missing", "PUT", VOTE, 429, FAILED, problem("too-many-votes")),
        ("does not list the problem 'unknown-import'", "PUT", VOTE, 404, FAILED, problem("unknown-import")),
        ("header Retry-After is 'soon'", "GET", KEYS, 503, {**FAILED, "Retry-After": "soon"}, problem("unavailable")),
    ],
)  # fmt: skip
def test_what_is_not_as_described_fails_with_its_fault(
    fault: str, method: str, path: str, status: int, headers: dict[str, str], body: Any
) -> None:
    with pytest.raises(Undescribed) as caught:
        checked(method, path, status, headers, body)

    assert fault in str(caught.value)
