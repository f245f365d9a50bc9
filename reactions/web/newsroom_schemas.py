"""The bodies and answers of the newsroom's routes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate

from reactions.newsroom import api_keys, article_keys
from reactions.refusals import MalformedKey

MOST_ARTICLES = 500


class Strict(Schema):
    """A body without unknown members."""

    class Meta:  # noqa: D106
        unknown = RAISE


def _key(value: str) -> None:
    try:
        article_keys.canonical_key(value)
    except MalformedKey as refusal:
        raise ValidationError(refusal.detail) from None


def _web_address(value: str) -> None:
    if not value.startswith(("http://", "https://")) or not value.isprintable() or " " in value:
        raise ValidationError("Write a web address, such as https://www.example.org/sport/cup-final.")


def _printable(value: str) -> None:
    if not value.isprintable() or not value.strip():
        raise ValidationError("Write printable text.")


def _text(most: int, **options: Any) -> fields.String:
    return fields.String(validate=[validate.Length(min=1, max=most), _printable], **options)


class ArticleBody(Strict):
    """An article as its publisher describes it."""

    key = fields.String(required=True, validate=_key, metadata={"example": "sport/cup-final"})
    title = _text(500, required=True)
    url = fields.String(allow_none=True, validate=[validate.Length(max=2000), _web_address])
    section = _text(200, allow_none=True)
    authors = fields.List(_text(200), validate=validate.Length(max=20))
    tags = fields.List(_text(100), validate=validate.Length(max=50))
    published_at = fields.AwareDateTime(
        format="iso",
        allow_none=True,
        metadata={"description": "RFC 3339, with an offset", "example": "2026-03-01T07:30:00+01:00"},
    )

    @post_load
    def _in_milliseconds(self, loaded: dict[str, Any], **_: Any) -> dict[str, Any]:
        at: datetime | None = loaded.get("published_at")
        if at is not None:
            loaded["published_at"] = round(at.astimezone(UTC).timestamp() * 1000)
        return loaded


class ArticlesBody(Strict):
    """Articles to register or to describe anew."""

    articles = fields.List(fields.Nested(ArticleBody), required=True, validate=validate.Length(min=1, max=MOST_ARTICLES))


class ArticlesReceipt(Schema):
    """How many articles are now as described."""

    articles = fields.Integer(required=True)


class ArticleNamed(Strict):
    """The article meant."""

    article = fields.String(required=True, validate=_key)


class MoveBody(ArticleNamed):
    """The article and its new key."""

    to = fields.String(required=True, validate=_key)


class MergeBody(ArticleNamed):
    """The article and the one it is merged into."""

    into = fields.String(required=True, validate=_key)


class ArticleChanged(Schema):
    """The article after the change; `votes` is how many a reset, restore or merge changed."""

    article = fields.String(required=True)
    closed = fields.Boolean(required=True)
    hidden = fields.Boolean(required=True)
    votes = fields.Integer()


class KeyBody(Strict):
    """A key to make."""

    label = fields.String(required=True, metadata={"example": "CMS"})
    scopes = fields.List(fields.String(validate=validate.OneOf(api_keys.SCOPES)), required=True, validate=validate.Length(min=1))


class KeyShown(Schema):
    """A key without its secret."""

    id = fields.String(required=True)
    label = fields.String(required=True)
    scopes = fields.List(fields.String(), required=True)
    created_at = fields.String(required=True)
    last_used_at = fields.String(required=True, allow_none=True)
    revoked_at = fields.String(required=True, allow_none=True)


class NewKey(KeyShown):
    """A key with its text, shown this once."""

    key = fields.String(required=True)


class KeysAnswer(Schema):
    """The site's keys, newest first."""

    keys = fields.List(fields.Nested(KeyShown), required=True)
