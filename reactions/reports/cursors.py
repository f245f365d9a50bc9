"""Cursors of lists: text that says where the next page begins, signed, and good only for the list it was made for."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from reactions.languages import gettext
from reactions.refusals import MalformedCursor
from reactions.times import DAY_MS

_SEAL_BYTES = 16
_HEAD = struct.Struct(">qHB")
_RANK = struct.Struct(">dqq")


class Rank(NamedTuple):
    """A place in an order that has no ties."""

    value: float
    born_ms: int
    article_id: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """`began_ms` is when the first page was read, UTC; `first_page` its articles; `after` the last place shown since."""

    began_ms: int
    first_page: Sequence[int]
    after: Rank | None = None


def sealed(cursor: Cursor, key: bytes, bound_to: Sequence[str]) -> str:
    """The cursor as text that cannot be changed, bound to what the list is of."""
    ids = struct.pack(f">{len(cursor.first_page)}q", *cursor.first_page)
    head = _HEAD.pack(cursor.began_ms, len(cursor.first_page), cursor.after is not None)
    body = head + ids + (_RANK.pack(*cursor.after) if cursor.after else b"")
    return _text(_seal(body, key, bound_to) + body)


def _forged() -> str:
    return gettext("This cursor was not made by this service, or for another list. Leave it out to begin again.")


def opened(text: str, keys: Sequence[bytes], bound_to: Sequence[str], *, now_ms: int) -> Cursor:
    """The cursor in a text. Raises MalformedCursor for one that was changed, is of another list, or is a day old."""
    try:
        sealed_body = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise MalformedCursor(_forged()) from None
    seal, body = sealed_body[:_SEAL_BYTES], sealed_body[_SEAL_BYTES:]
    if text != _text(sealed_body) or not any(hmac.compare_digest(seal, _seal(body, key, bound_to)) for key in keys):
        raise MalformedCursor(_forged())
    began_ms, count, followed = _HEAD.unpack_from(body)
    first_page = struct.unpack_from(f">{count}q", body, _HEAD.size)
    after = Rank(*_RANK.unpack_from(body, _HEAD.size + 8 * count)) if followed else None
    if now_ms - began_ms > DAY_MS:
        raise MalformedCursor(gettext("This cursor is more than a day old. Leave it out to begin again."))
    return Cursor(began_ms, first_page, after)


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _seal(body: bytes, key: bytes, bound_to: Sequence[str]) -> bytes:
    parts = [body, *(part.encode() for part in bound_to)]
    message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hmac.new(key, message, hashlib.sha256).digest()[:_SEAL_BYTES]
