"""The bodies and answers of the API. What is read is read strictly: right types, no member twice, none unknown."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from flask import Request
from gunicorn.http.errors import ParseException
from marshmallow import RAISE, Schema, ValidationError, fields, validate
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

VOTE_BODY_BYTES = 4096


_SAID: dict[str, Any] = {
    "required": "Send this member too.",
    "null": "Send a value here, not null.",
    "invalid": "Send text in quotes.",
}


class StrictInteger(fields.Integer):
    """An integer that was written as one: no text, no true, no 5.0."""

    default_error_messages = {  # noqa: RUF012  declared so by Field
        **_SAID,
        "invalid": "Send a whole number, without quotes and without a fraction.",
    }

    def _validated(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class VoteBody(Schema):
    """The whole desired state of one reader's vote, so that sending it twice is harmless."""

    class Meta:  # noqa: D106
        unknown = RAISE

    error_messages = {"unknown": "There is no such member. Send article, reaction, reader and seq."}  # noqa: RUF012

    article = fields.String(
        required=True,
        error_messages=_SAID,
        metadata={
            "description": "The publisher's key of the article, 1 to 200 characters",
            "example": "sport/cup-final",
            "minLength": 1,
            "maxLength": 200,
        },
    )
    reaction = fields.String(
        required=True,
        allow_none=True,
        error_messages=_SAID,
        metadata={
            "description": "The key of a reaction on offer; null withdraws the vote",
            "example": "love",
            "pattern": "^[a-z0-9][a-z0-9_-]{0,31}$",
        },
    )
    reader = fields.String(
        required=True,
        error_messages=_SAID,
        validate=validate.Regexp("^[0-9a-f]{32}\\Z", error="Send 32 lower-case hexadecimal digits, made at random."),
        metadata={
            "description": "A random 128-bit id that the reader's device made and keeps",
            "example": "0f" * 16,
            "pattern": "^[0-9a-f]{32}$",  # as ECMAScript, which OpenAPI speaks, writes it
        },
    )
    seq = StrictInteger(
        required=True,
        validate=validate.Range(min=0, max=2**63 - 1, error="Send 0 or more, at most a day ahead of the server's clock."),
        metadata={
            "description": "The device's clock in milliseconds, or the last one sent plus one; only a higher one is applied",
            "example": 1732345678901,
        },
    )


class ReactionCount(Schema):
    """One button."""

    key = fields.String(required=True)
    label = fields.String(required=True)
    emoji = fields.String(required=True)
    count = fields.Integer(metadata={"minimum": 0, "description": "Where one article was asked for"})


class EntryFault(Schema):
    """Why one article of several has no counts: the members of a problem."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)


class ArticleCounts(Schema):
    """The counts of one article, or `error` and none of the other members."""

    article = fields.String(required=True)
    open = fields.Boolean()
    total = fields.Integer(metadata={"minimum": 0})
    counts = fields.Dict(keys=fields.String(), values=fields.Integer())
    error = fields.Nested(EntryFault)


class ReactionsAnswer(Schema):
    """All a widget needs to show an article's row; or, for several articles, `articles` instead of the first three members."""

    article = fields.String()
    open = fields.Boolean(metadata={"description": "False once voting has ended"})
    total = fields.Integer(metadata={"minimum": 0})
    reactions = fields.List(fields.Nested(ReactionCount), required=True)
    articles = fields.List(fields.Nested(ArticleCounts))


class CountsAnswer(Schema):
    """The counts of several articles, in the order asked."""

    articles = fields.List(fields.Nested(ArticleCounts), required=True)


class VoteReceipt(Schema):
    """The reader's vote and the counts as they stand after it, once both are durable."""

    article = fields.String(required=True)
    reaction = fields.String(required=True, allow_none=True)
    total = fields.Integer(required=True, metadata={"minimum": 0})
    counts = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


class FieldFault(Schema):
    """What is wrong with one member of the request."""

    detail = fields.String(required=True)
    pointer = fields.String(required=True, metadata={"description": "A JSON pointer (RFC 6901) into the body"})


class Problem(Schema):
    """RFC 9457 problem details."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    errors = fields.List(fields.Nested(FieldFault))


def body_of(request: Request, schema: Schema, *, most_bytes: int) -> Any:
    """The JSON body by its schema. Raises UnsupportedMediaType, RequestEntityTooLarge or ValidationError."""
    return schema.load(strict_json(text_of(request, most_bytes=most_bytes)))


def text_of(request: Request, *, most_bytes: int) -> bytes:
    """The JSON body as it came. Raises UnsupportedMediaType, RequestEntityTooLarge or ValidationError.

    A body that was sent in chunks tells its length only by its end, so one byte more is read.
    """
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    request.max_content_length = most_bytes + 1
    try:
        text = request.get_data(cache=False)
    except (OSError, ParseException):
        raise broken_off() from None
    if len(text) > most_bytes:
        raise RequestEntityTooLarge
    if request.content_length not in (None, len(text)):
        raise too_short()
    return text


def broken_off() -> ValidationError:
    """What to say of a body that could not be read."""
    return ValidationError("The body could not be read to its end. Send it whole, with its Content-Length.")


def too_short() -> ValidationError:
    """What to say of a body that ends before its length."""
    return ValidationError("The body is shorter than its Content-Length says. Send it whole.")


def strict_json(text: bytes) -> Any:
    """The one JSON object that a body is. Raises ValidationError for anything else, and for a member that stands twice."""
    try:
        document = json.loads(text.decode("utf-8"), object_pairs_hook=_members, parse_constant=_no_constant)
        if b"\\u" in text:  # only an escape can bring in a lone surrogate, which is no character
            json.dumps(document, ensure_ascii=False).encode("utf-8")
    except UnicodeError:
        raise ValidationError("The body must be UTF-8 without lone surrogates.") from None
    except (json.JSONDecodeError, RecursionError):
        raise ValidationError("The body must be one JSON object.") from None
    except ValueError as error:
        raise ValidationError(f"The body must be JSON: {error}.") from None
    if not isinstance(document, dict):
        raise ValidationError("The body must be a JSON object.")
    return document


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    return members


def _no_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON numbers")
