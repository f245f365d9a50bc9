"""What single settings look like: kinds of values, and checks that raise ValidationError with how to write it."""

from __future__ import annotations

import re
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from limits import parse_many
from marshmallow import ValidationError, fields

from reactions import readers


def network_list(value: list[str]) -> None:
    """Networks, or "unix"."""
    try:
        readers.proxy_networks(value)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def limit(value: str) -> None:
    """Limits in the notation of Flask-Limiter."""
    try:
        smallest = min(item.amount for item in parse_many(value))
    except ValueError:
        smallest = 0
    if smallest < 1:
        raise ValidationError('Not a limit. Write it as "30/minute" or "30/minute; 500/day".')


def bind(value: str) -> None:
    """An address to listen on."""
    _, _, port = value.rpartition(":")
    host_and_port = re.fullmatch(r"[^\s/]+:[0-9]{1,5}", value) and 0 < int(port) < 65536
    if not host_and_port and not value.startswith("unix:/"):
        raise ValidationError('Write it as "127.0.0.1:8000" or "unix:/run/reactions.sock".')


def limiter_url(value: str) -> None:
    """The address of a limiter's storage."""
    scheme, rest, _ = value.partition("://")
    if scheme not in {"memory", "redis", "rediss", "redis+cluster", "unix", "redis+unix"} or not rest:
        raise ValidationError('Write it as "memory://" or "redis://host:6379/0".')


def public_url(value: str) -> None:
    """The service's address, or nothing."""
    if value and not re.fullmatch(r"https?://[^\s/?#\"'<>]+(/[^\s?#\"'<>]*)?", value):
        raise ValidationError('Write it as "https://reactions.example.org".')


def folder(value: str) -> None:
    """A folder's name."""
    try:
        Path(value).expanduser()
    except RuntimeError:
        raise ValidationError("There is no such home folder.") from None
    if not value or "\0" in value:
        raise ValidationError("Name a folder.")


def secret(value: str) -> None:
    """A long secret, or nothing."""
    if value and len(value) < 32:
        raise ValidationError("Must have at least 32 characters: `openssl rand -hex 32` makes one.")


def smtp_url(value: str) -> None:
    """The address of a mail server, or nothing."""
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("smtp", "smtps") and bool(parts.hostname) and parts.port != 0 and parts.path in ("", "/")
    except ValueError:
        good = False
    if value and not good:
        raise ValidationError('Write it as "smtp://user:password@mail.example.org:587" or "smtps://mail.example.org".')


def mail_from(value: str) -> None:
    """A sender of mail, or nothing."""
    _, address = parseaddr(value)
    if value and not (re.fullmatch(r"[^\s@<>]+@[^\s@<>]+", address) and value.isprintable()):
        raise ValidationError('Write it as "reactions@example.org" or "Reader Reactions <reactions@example.org>".')


class Whole(fields.Integer):
    """A whole number, or the text of one; 1.5 and true are none."""

    def _validated(self, value: Any) -> int:
        if isinstance(value, bool | float):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class Decimal(fields.Float):
    """A number, or the text of one; true is none."""

    def _validated(self, value: Any) -> float:
        if isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class Comma(fields.List[Any]):
    """A list that may be written "a, b" in the environment."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        return super()._deserialize(value, attr, data, **kwargs)
