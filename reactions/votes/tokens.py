"""Reader tokens: what we know of a reader's past, kept by the reader and signed by us, so that a vote needs no read.

A token comes with each receipt and goes back with the next vote. It says when its reader was first seen, on how many days
they voted, and roughly on how many articles. It belongs to one site and one reader id: it cannot be lent. A token that is
missing, damaged, forged, expired or another site's makes its sender a fresh reader, never a refused one.

The bytes, in base64url: format, key id, site, hour first seen, day last seen, day of expiry, days, 16 marks of articles, and the
first 16 bytes of HMAC-SHA256 over purpose, reader id and what comes before it.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from reactions import secret_keys
from reactions.times import DAY_MS, HOUR_MS

LIFE_DAYS = 395  # thirteen months, the longest that European authorities recommend for what is kept on a device
ABSENT, VALID, PROVEN, MALFORMED, FORGED, FOREIGN, EXPIRED = STANDINGS = (
    "absent", "valid", "proven", "malformed", "forged", "foreign", "expired",
)  # fmt: skip

_PURPOSE = b"reader token|"
_BODY = struct.Struct(">B2sIIIHBH")
_MAC_BYTES = 16
_LENGTH = (_BODY.size + _MAC_BYTES) * 8 // 6 + ((_BODY.size + _MAC_BYTES) % 3 > 0)
_MARKS = 16
_FORMAT = 1
_LEAP_DAYS = 3  # how far a clock may have been ahead when a token was made


class Past(NamedTuple):
    """What a token tells of its reader."""

    first_hour: int
    last_day: int
    days: int
    marks: int

    @property
    def articles(self) -> int:
        """On how many articles they voted: at least so many, and 16 at most."""
        return self.marks.bit_count()


@dataclass(frozen=True, slots=True)
class Proof:
    """What makes a reader proven: seen first so long ago, and votes on so many articles since."""

    age_hours: int
    articles: int


class Tokens:
    """Signs and reads tokens. `keys` are the secrets in force: the first signs, all are accepted."""

    def __init__(self, keys: Sequence[bytes], proof: Proof) -> None:
        self._keys = {hashlib.blake2b(key, digest_size=2).digest(): key for key in reversed(keys)}
        self._signing = hashlib.blake2b(keys[0], digest_size=2).digest()
        self._proof = proof

    def read(self, text: str | None, *, site_id: int, reader: bytes, now_ms: int) -> tuple[str, Past | None]:
        """A token's standing and, if it is good, the past it tells."""
        if text is None:
            return ABSENT, None
        if len(text) != _LENGTH:
            return MALFORMED, None
        try:
            raw = urlsafe_b64decode(f"{text}{'=' * (-len(text) % 4)}")
            body, mac = raw[: _BODY.size], raw[_BODY.size :]
            version, key_id, site, first_hour, last_day, expires_day, days, marks = _BODY.unpack(body)
        except (binascii.Error, ValueError, struct.error):
            return MALFORMED, None
        key = self._keys.get(key_id)
        if version != _FORMAT or key is None or not hmac.compare_digest(mac, _mac(key, reader, body)):
            return FORGED, None
        return self._standing(Past(first_hour, last_day, days, marks), site == site_id, expires_day, now_ms)

    def _standing(self, past: Past, ours: bool, expires_day: int, now_ms: int) -> tuple[str, Past | None]:
        if not ours:
            return FOREIGN, None
        today = now_ms // DAY_MS
        if not today < expires_day <= today + LIFE_DAYS + _LEAP_DAYS:
            return EXPIRED, None
        aged = now_ms // HOUR_MS - past.first_hour >= self._proof.age_hours
        return (PROVEN if aged and past.articles >= self._proof.articles else VALID), past

    def renew(self, past: Past | None, *, site_id: int, reader: bytes, article_id: int, now_ms: int) -> str:
        """The token for after a vote on an article."""
        today, hour = now_ms // DAY_MS, now_ms // HOUR_MS
        mark = 1 << article_id % _MARKS
        if past is None:
            past = Past(hour, today, 1, mark)
        else:
            days = min(past.days + (today > past.last_day), 255)
            past = Past(min(past.first_hour, hour), max(past.last_day, today), days, past.marks | mark)
        body = _BODY.pack(
            _FORMAT, self._signing, site_id, past.first_hour, past.last_day, today + LIFE_DAYS, past.days, past.marks
        )
        return urlsafe_b64encode(body + _mac(self._keys[self._signing], reader, body)).rstrip(b"=").decode()


def _mac(key: bytes, reader: bytes, body: bytes) -> bytes:
    return secret_keys.mac(key, _PURPOSE + reader + body)[:_MAC_BYTES]
