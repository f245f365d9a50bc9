"""Readers, without knowing who they are.

A reader is a random id that their own browser made. We keep only a keyed hash of it, by default a different one for each article,
so that no reading profile exists. Network addresses are folded to a prefix and hashed, for limits and holds; they are never
stored.
"""

from __future__ import annotations

import hashlib
import hmac

from sqlalchemy import Connection, select

from reactions import secret_keys
from reactions.refusals import Unavailable
from reactions.secret_keys import derived_key as derived_key
from reactions.storage import tables
from reactions.storage.engines import insert_for

PSEUDONYM_BYTES = 16
_PURPOSE = "pseudonym"


def pseudonym(key: bytes, *, site: str, article_id: int | None, reader: bytes) -> bytes:
    """The 16-byte name under which a reader's vote is stored: HMAC-SHA256 over site, article and reader id, truncated.

    `article_id` is None for sites that may tell one reader's votes from another's across articles.
    """
    scope = "" if article_id is None else str(article_id)
    return secret_keys.mac(key, f"{site}|{scope}|".encode() + reader)[:PSEUDONYM_BYTES]


def nameless(key: bytes, *, article_id: int, network: str, browser: str) -> bytes:
    """A 16-byte id for a reader whose widget sends none: HMAC-SHA256 over article, network (IPv4 /32, IPv6 /64) and User-Agent.

    Readers who share both are one reader; a reader who changes either may vote again. It differs from article to article, and
    only its pseudonym is stored.
    """
    return hmac.digest(key, f"nameless|{article_id}|{network}|{browser}".encode(), "sha256")[:PSEUDONYM_BYTES]


def limit_key(key: bytes, *parts: str) -> str:
    """A short keyed hash (BLAKE2b) to count a limit under: whoever reads the limiter's store learns no address and no reader."""
    return hashlib.blake2b("|".join(parts).encode(), key=key, digest_size=12).hexdigest()


def agree_on_key(connection: Connection, key_id: str, *, now_ms: int) -> None:
    """Keep in mind which secret pseudonyms are made with. Raises Unavailable if votes are stored under another one's."""
    first = insert_for(connection)(tables.key_in_use).values(purpose=_PURPOSE, key_id=key_id, since=now_ms)
    connection.execute(first.on_conflict_do_nothing())
    check_key(connection, key_id)


def check_key(connection: Connection, key_id: str) -> None:
    """Raise Unavailable if votes are stored under the pseudonyms of another secret: every reader could vote a second time."""
    kept = select(tables.key_in_use.c.key_id).where(tables.key_in_use.c.purpose == _PURPOSE)
    known = connection.execute(kept).scalar()
    if known not in (None, key_id):
        raise Unavailable(
            f"Votes cannot be counted: they are stored under pseudonyms of the secret {known}, and this service has {key_id}. "
            "Its operator must set pseudonym_secret."
        )
