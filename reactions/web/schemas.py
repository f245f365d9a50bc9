"""The bodies that readers and the newsroom send, and the responses to them, as /openapi.json describes them.

A body is taken only as it is described: right types, nothing missing, no unknown member. A response may gain members in later
versions, so no description of a response forbids them.
The file is longer than others because it is the whole vocabulary of the API's bodies, and its parts use each other.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate, validates_schema

from reactions import texts
from reactions.languages import gettext
from reactions.newsroom import api_keys, article_keys
from reactions.refusals import MalformedKey

MOST_ARTICLES = 500

_TEXT_MESSAGES: dict[str, Any] = {
    "required": "Send this member too.",
    "null": "Send a value here, not null.",
    "invalid": "Send text in quotes.",
}
_COUNT = {"minimum": 0, "description": "null while the newsroom hides the article's numbers"}


class Body(Schema):
    """A body without unknown members."""

    class Meta:  # noqa: D106
        unknown = RAISE

    @classmethod
    def everyone(cls) -> list[type[Body]]:
        """Return the class and every class derived from it."""
        return [cls, *(kind for derived in cls.__subclasses__() for kind in derived.everyone())]


class StrictInteger(fields.Integer):
    """An integer that was written as one: no text, no true, no 5.0."""

    default_error_messages = {  # noqa: RUF012  declared so by Field
        **_TEXT_MESSAGES,
        "invalid": "Send a whole number, without quotes and without a fraction.",
    }

    def _validated(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class StrictBoolean(fields.Boolean):
    """True or false: no text, and no number that Python takes for one of them."""

    default_error_messages = {**_TEXT_MESSAGES, "invalid": "Send true or false, without quotes."}  # noqa: RUF012

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return bool(super()._deserialize(value, *args, **options))


def _count(*, required: bool = True) -> fields.Integer:
    return fields.Integer(required=required, allow_none=True, metadata=_COUNT)


def _counts(*, required: bool = True) -> fields.Dict:
    values = fields.Integer(allow_none=True, metadata={"minimum": 0})
    description = "By reaction; null while the newsroom hides the article's numbers"
    return fields.Dict(keys=fields.String(), values=values, required=required, metadata={"description": description})


# --- readers ---


def _reader() -> fields.String:
    return fields.String(
        required=True,
        error_messages=_TEXT_MESSAGES,
        validate=validate.Regexp("^[0-9a-f]{32}\\Z", error="Send 32 lower-case hexadecimal digits, made at random."),
        metadata={
            "description": "A random 128-bit id that the reader's device made and keeps",
            "pattern": "^[0-9a-f]{32}$",  # as ECMAScript, which OpenAPI speaks, writes it
        },
    )


class VoteBody(Body):
    """The whole desired state of one reader's vote, so that sending it twice is harmless."""

    error_messages = {"unknown": "There is no such member. Send article, reaction, reader and seq, and token if you have one."}  # noqa: RUF012

    article = fields.String(
        required=True,
        error_messages=_TEXT_MESSAGES,
        metadata={"description": "The publisher's key of the article, 1 to 200 characters", "minLength": 1, "maxLength": 200},
    )
    reaction = fields.String(
        required=True,
        allow_none=True,
        error_messages=_TEXT_MESSAGES,
        metadata={
            "description": "The key of a reaction on offer; null withdraws the vote",
            "pattern": "^[a-z0-9][a-z0-9_-]{0,31}$",
        },
    )
    reader = _reader()
    seq = StrictInteger(
        required=True,
        validate=validate.Range(min=0, max=2**63 - 1, error="Send 0 or more, at most a day ahead of the server's clock."),
        metadata={
            "description": "The device's clock in milliseconds, or the last one sent plus one; only a higher one is applied"
        },
    )
    sig = fields.String(
        validate=validate.Regexp("^[0-9a-f]{64}\\Z", error="Send 64 lower-case hexadecimal digits, or leave sig out."),
        metadata={
            "description": "The publisher's signature of the article's key; a new article with one needs no quota",
            "pattern": "^[0-9a-f]{64}$",
        },
    )
    token = fields.String(
        error_messages=_TEXT_MESSAGES,
        metadata={
            "description": "The token of the last answer to a vote on this site. One that is not good counts as none",
        },
    )


class ReaderBody(Body):
    """Who is to be forgotten."""

    error_messages = {"unknown": "There is no such member. Send reader."}  # noqa: RUF012

    reader = _reader()


class ForgottenResponse(Schema):
    """On how many articles the reader had voted."""

    votes = fields.Integer(required=True)


class ReactionCount(Schema):
    """One button."""

    key = fields.String(required=True)
    label = fields.String(required=True)
    emoji = fields.String(required=True)
    icon = fields.String(metadata={"description": "emoji where the site has it shown instead of the widget's own face"})
    count = fields.Integer(allow_none=True, metadata={"minimum": 0, "description": "Where one article was asked for"})


class EntryFault(Schema):
    """Why one article of several has no counts: the members of a problem."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)


class ArticleCounts(Schema):
    """The counts of one article, or `error` and none of the other members."""

    article = fields.String(required=True)
    open = fields.Boolean(metadata={"description": "False once voting has ended"})
    total = _count(required=False)
    counts = _counts(required=False)
    error = fields.Nested(EntryFault)


class ReactionsResponse(Schema):
    """All a widget needs to show an article's row; or, for several articles, `articles` instead of the first three members."""

    article = fields.String()
    open = fields.Boolean(metadata={"description": "False once voting has ended"})
    total = _count(required=False)
    reactions = fields.List(fields.Nested(ReactionCount), required=True)
    articles = fields.List(fields.Nested(ArticleCounts))
    views = fields.Integer(metadata={"description": "Only where the site counts views: one page view in so many tells them"})


class CountsResponse(Schema):
    """The counts of several articles, in the order asked."""

    articles = fields.List(fields.Nested(ArticleCounts), required=True)
    views = fields.Integer(metadata={"description": "Only where the site counts views: one page view in so many tells them"})


class ViewsBody(Body):
    """The articles whose rows came into sight on a page."""

    error_messages = {"unknown": "There is no such member. Send articles."}  # noqa: RUF012

    articles = fields.List(fields.String(), required=True, metadata={"minItems": 1, "maxItems": 100})


class ViewsResponse(Schema):
    """What a beacon brought."""

    taken = fields.Integer(required=True, metadata={"description": "Views that were taken; others were beyond a network's share"})


class VoteResponse(Schema):
    """The reader's vote and the counts as they stand after it, once both are durable."""

    article = fields.String(required=True)
    reaction = fields.String(required=True, allow_none=True)
    total = _count()
    counts = _counts()
    token = fields.String(
        metadata={"description": "To be kept and sent with the reader's next vote on this site", "maxLength": 200},
    )


class MayVoteResponse(Schema):
    """The page that asks may vote."""

    origin = fields.String(required=True, allow_none=True, metadata={"description": "The page's origin; null without one"})


# --- the newsroom ---


def _key(value: str) -> None:
    try:
        article_keys.canonical_key(value)
    except MalformedKey as refusal:
        raise ValidationError(refusal.detail) from None


def _article_key(*, required: bool = True) -> fields.String:
    return fields.String(required=required, validate=_key, metadata={"minLength": 1, "maxLength": 200})


def _web_address(value: str) -> None:
    if not value.startswith(("http://", "https://")) or texts.has_space(value) or texts.unusable(value):
        raise ValidationError(gettext("Write a web address, such as https://www.example.org/sport/cup-final."))


class HumanText(fields.String):
    """Text for people to read, by the rule of `texts`: every run of spaces becomes one."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        text = texts.folded(super()._deserialize(value, attr, data, **options))
        if character := texts.unusable(text):
            raise ValidationError(
                gettext("Leave out %(character)s: text has no control characters or line separators.", character=character)
            )
        if texts.is_blank(text):
            raise ValidationError(gettext("Write printable text."))
        return text


class _Length(validate.Length):
    """marshmallow's, in the language in use."""

    def _format_error(self, value: Any, message: str) -> str:
        if message is self.message_all:
            return gettext("Length must be between %(least)s and %(most)s.", least=self.min, most=self.max)
        if message is self.message_max:
            return gettext("Longer than maximum length %(most)s.", most=self.max)
        return super()._format_error(value, message)


def _text(most: int, **options: Any) -> fields.String:
    return HumanText(validate=_Length(min=1, max=most), **options)


class ArticleBody(Body):
    """An article as its publisher describes it."""

    key = _article_key()
    title = _text(500, required=True)
    url = fields.String(allow_none=True, validate=[_Length(max=2000), _web_address])
    section = _text(200, allow_none=True)
    authors = fields.List(_text(200), validate=_Length(max=20))
    tags = fields.List(_text(100), validate=_Length(max=50))
    published_at = fields.AwareDateTime(format="iso", allow_none=True, metadata={"description": "RFC 3339, with an offset"})

    @post_load
    def _in_milliseconds(self, loaded: dict[str, Any], **_: Any) -> dict[str, Any]:
        at: datetime | None = loaded.get("published_at")
        if at is not None:
            if not 1000 <= at.year < 9999:  # nearer to the ends of the calendar there are zones without this time
                raise ValidationError(gettext("Write a time between the years 1000 and 9998."), "published_at")
            loaded["published_at"] = round(at.astimezone(UTC).timestamp() * 1000)
        return loaded


class ArticlesBody(Body):
    """Articles to register or to describe anew."""

    articles = fields.List(fields.Nested(ArticleBody), required=True, validate=validate.Length(min=1, max=MOST_ARTICLES))


class AnyArticlesBody(Body):
    """Articles whose entries are checked one by one."""

    articles = fields.List(fields.Raw(), required=True, validate=validate.Length(min=1, max=MOST_ARTICLES))


class DescribedResult(Schema):
    """What became of one entry: its key, as far as it has one, and why it was refused."""

    key = fields.String(required=True, allow_none=True)
    status = fields.Integer(required=True, metadata={"description": "200, or 400 if the entry was refused"})
    errors = fields.List(fields.Nested(lambda: FieldFault()))


class DescribedResponse(Schema):
    """How many articles are now as described; with `partial`, what became of each entry, in the order sent."""

    articles = fields.Integer(required=True)
    results = fields.List(fields.Nested(DescribedResult))


class ArticleNamed(Body):
    """The article meant."""

    article = _article_key()


class MoveBody(ArticleNamed):
    """The article and its new key."""

    to = _article_key()


class MergeBody(ArticleNamed):
    """The article and the one it is merged into."""

    into = _article_key()


class DeletionBody(Body):
    """The article to delete, or the pattern of keys without a description."""

    article = _article_key(required=False)
    pattern = fields.String(validate=validate.Length(1, 200), metadata={"example": "junk/*"})

    @validates_schema
    def _one_of_both(self, given: dict[str, Any], **_: Any) -> None:
        if len(given) != 1:
            raise ValidationError("Send either article or pattern.")


class DeletionResponse(Schema):
    """How many articles were deleted."""

    deleted = fields.Integer(required=True)


class ChangeResponse(Schema):
    """The article after the change."""

    article = fields.String(required=True)
    closed = fields.Boolean(required=True)
    hidden = fields.Boolean(required=True)


class RevisionResponse(ChangeResponse):
    """The article after the change, and how many votes it changed."""

    votes = fields.Integer(required=True)


class KeyBody(Body):
    """A key to make."""

    label = fields.String(required=True, metadata={"minLength": 1})
    scopes = fields.List(fields.String(validate=validate.OneOf(api_keys.SCOPES)), required=True, validate=validate.Length(min=1))
    expires_after_days = StrictInteger(validate=validate.Range(1, api_keys.LONGEST_DAYS))


class KeyResponse(Schema):
    """A key without its secret."""

    id = fields.String(required=True)
    label = fields.String(required=True)
    scopes = fields.List(fields.String(), required=True)
    created_at = fields.DateTime(required=True)
    last_used_at = fields.DateTime(required=True, allow_none=True)
    revoked_at = fields.DateTime(required=True, allow_none=True)
    expires_at = fields.DateTime(required=True, allow_none=True)
    made_by = fields.String(required=True, allow_none=True, metadata={"description": "The id of the key it was made with"})


class NewKeyResponse(KeyResponse):
    """A key with its text, shown this once."""

    key = fields.String(required=True)


class KeysResponse(Schema):
    """The site's keys, newest first."""

    keys = fields.List(fields.Nested(KeyResponse), required=True)


# --- problems ---


class FieldFault(Schema):
    """What is wrong with one member of the request."""

    detail = fields.String(required=True)
    pointer = fields.String(required=True, metadata={"description": "A JSON pointer (RFC 6901) into the body"})


class Problem(Schema):
    """RFC 9457 problem details."""

    type = fields.String(required=True, metadata={"description": "Stable; /problems explains each"})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True, metadata={"description": "How to put the request right, in words that may be shown"})
    errors = fields.List(fields.Nested(FieldFault))
