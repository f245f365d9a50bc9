"""Conditional requests (RFC 9110, section 13): one rule for the hot path and for Flask.

What caches may keep has an ETag: counts, the widget's files and the other static files. So have a site's settings and its set,
which two editors may change at once. Whatever else is changed has none, so a change that must match a tag matches nothing and is
refused: ignoring the condition would break its promise.
"""

from __future__ import annotations

import re

from flask import Flask, Response, request

from reactions.web.problems import Denied, problem

_READS = ("GET", "HEAD")
_WITHOUT = "Send the request without If-Match."
_TAG = re.compile(r'(W/)?(?:"([^"]*)"|([^\s,"]+))')  # some clients send a tag without its quotes
_MARK = re.compile("(?:--?|;)(?:gzip|br|zstd|deflate)")  # what proxies that compress add to the tag they pass on


def is_known(etag: str, if_none_match: str) -> bool:
    """True if If-None-Match names the tag, by the weak comparison of section 13.1.2."""
    return if_none_match == etag or (bool(if_none_match) and _names(etag, if_none_match, weakly=True))


def is_met(etag: str, if_match: str) -> bool:
    """True if If-Match names the tag, by the strong comparison of section 13.1.1: a weak tag matches nothing."""
    return not etag.startswith("W/") and _names(etag, if_match, weakly=False)


def _names(etag: str, condition: str, *, weakly: bool) -> bool:
    if condition.strip() == "*":
        return True
    own = etag.removeprefix("W/").strip('"')
    return any(
        text.startswith(own) and (len(text) == len(own) or _MARK.fullmatch(text, len(own)) is not None)
        for weak, quoted, bare in _TAG.findall(condition)
        if (weakly or not weak) and (text := quoted or bare)
    )


def check_version(etag: str, *, required: bool) -> None:
    """Refuse the change of what has an ETag unless the request names the present one.

    Raises Denied: 412 for another tag, 428 for none where one is required. Called in the transaction that changes it.
    """
    condition = request.headers.get("If-Match")
    if condition is None and required:
        raise Denied(
            "precondition-required",
            "Get it first, and send its ETag as If-Match: then you cannot undo what somebody else changed meanwhile.",
        )
    if condition is not None and not is_met(etag, condition):
        raise Denied(
            "precondition-failed",
            "Somebody else has changed this since you read it, so nothing was changed. Get it again, and repeat your change.",
            ETag=etag,
        )


def check_change() -> None:
    """Refuse a change under the condition that a tag matches, where nothing has a tag. Raises Denied (412).

    Called once the change would otherwise be done, just before its content is read (section 13.2.1).
    """
    condition = request.headers.get("If-Match")
    if condition is not None and condition.strip() != "*":
        raise Denied(
            "precondition-failed", "Nothing was changed: this resource has no ETag to match. Send the request without If-Match."
        )


def install(app: Flask) -> None:
    """Answer conditional reads of whatever has an ETag, whichever route made it."""

    @app.after_request
    def judge(response: Response) -> Response:
        etag = response.headers.get("ETag")
        if etag is None or request.method not in _READS or response.status_code not in (200, 304, 412):
            return response
        if response.status_code == 412:
            response.status_code = 200  # Werkzeug has judged a static file, and takes * for a tag
        condition = request.headers.get("If-Match")
        if condition is not None and not is_met(etag, condition):
            response.close()
            return problem(
                "precondition-failed", "What is here now has another ETag. Send the request without If-Match to get it."
            )
        if is_known(etag, request.headers.get("If-None-Match", "")):
            response.close()  # the body may be a file
            response.status_code = 304
        return response
