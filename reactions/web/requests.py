"""How requests are read: the query, and the JSON body. What is read is read strictly (docs/decisions/0010-strict-json.md)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

from flask import Request, request
from marshmallow import Schema, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from reactions import strict_json
from reactions.refusals import MalformedCursor
from reactions.strict_json import InvalidJson
from reactions.web import conditional

SMALL_BODY_BYTES = 4096  # a vote, or the name of an article
_PLACE = re.compile("([0-9]{1,15})-([0-9a-f]{16})")
_DIGITS = re.compile("[0-9]{1,9}")


def query_lists(names: Iterable[str]) -> dict[str, list[str]]:
    """The values of each query parameter, none where it was not sent.

    Raises ValidationError for a parameter that is not in `names`: it would only defeat caches.
    """
    try:
        unquote_to_bytes(request.query_string).decode()
    except UnicodeDecodeError:
        raise ValidationError("Write the address in UTF-8, percent-encoded.") from None
    known, sent = list(names), request.args.to_dict(flat=False)
    if unknown := [name for name in sent if name not in known]:
        raise ValidationError(f"No such parameter. Use: {', '.join(known)}.", unknown[0][:64])
    return {name: sent.get(name, []) for name in known}


def query_values(names: Iterable[str]) -> dict[str, str]:
    """The value of each query parameter, empty where it was not sent. Raises ValidationError, also for one sent twice."""
    lists = query_lists(names)
    if twice := [name for name, values in lists.items() if len(values) > 1]:
        raise ValidationError("Give it once.", twice[0])
    return {name: values[0] if values else "" for name, values in lists.items()}


def whole_number(text: str) -> int | None:
    """The whole number that a parameter is written as, in plain digits; None for anything else."""
    return int(text) if _DIGITS.fullmatch(text) else None


def place_of(cursor: str | None) -> tuple[int, str] | None:
    """The place in a list that a cursor stands for: a number and an id of 16 digits; None for the list's beginning.

    Raises MalformedCursor.
    """
    if not cursor:
        return None
    if (form := _PLACE.fullmatch(cursor)) is None:
        raise MalformedCursor("This service did not make this cursor. Begin with the first page.")
    return int(form[1]), form[2]


def body_of(request: Request, schema: Schema, *, most_bytes: int = SMALL_BODY_BYTES, tagged: bool = False) -> Any:
    """The JSON body by its schema. Raises UnsupportedMediaType, RequestEntityTooLarge or ValidationError.

    `tagged`: what is changed has an ETag, and whoever changes it checks If-Match.
    """
    return schema.load(json_object(text_of(request, most_bytes=most_bytes, tagged=tagged)))


def text_of(request: Request, *, most_bytes: int = SMALL_BODY_BYTES, tagged: bool = False) -> bytes:
    """The JSON body as it came. Raises Denied, UnsupportedMediaType, RequestEntityTooLarge or ValidationError."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    return bytes_of(request, most_bytes=most_bytes, tagged=tagged)


def bytes_of(request: Request, *, most_bytes: int, tagged: bool = False) -> bytes:
    """A body of any type. Raises Denied, RequestEntityTooLarge or ValidationError.

    A body that was sent in chunks tells its length only by its end, so one byte more is read.
    """
    if not tagged:
        conditional.check_change()
    request.max_content_length = most_bytes + 1
    try:
        text = request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise
    except Exception:  # noqa: BLE001  each server has its own errors for a body that breaks off
        raise broken_off() from None
    if len(text) > most_bytes:
        raise RequestEntityTooLarge
    if request.content_length not in (None, len(text)):
        raise too_short()
    return text


def broken_off() -> ValidationError:
    """The error for a body that could not be read."""
    return ValidationError("The body could not be read to its end. Send it whole, with its Content-Length.")


def too_short() -> ValidationError:
    """The error for a body that ends before its length."""
    return ValidationError("The body is shorter than its Content-Length says. Send it whole.")


def json_object(text: bytes) -> dict[str, Any]:
    """The JSON object that a body is. Raises ValidationError."""
    try:
        document = strict_json.read(text)
    except InvalidJson as error:
        raise ValidationError(f"The body must be one JSON object: {error}.") from None
    if not isinstance(document, dict):
        raise ValidationError("The body must be a JSON object.")
    return document
