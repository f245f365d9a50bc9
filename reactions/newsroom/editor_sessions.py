"""Sessions of editors at the dashboard: kept here, so that signing out ends one whoever still has its cookie.

A session is known by a random token; what is kept is its hash. It ends at sign-out, after 12 hours without use, after 7 days, and
with the key that opened it.
"""

from __future__ import annotations

import hashlib
import secrets

from sqlalchemy import Connection, delete, insert, select, update

from reactions.newsroom import api_keys
from reactions.newsroom.api_keys import ApiKey
from reactions.storage import tables
from reactions.times import DAY_MS, HOUR_MS

IDLE_MS = 12 * HOUR_MS
LONGEST_MS = 7 * DAY_MS

_s = tables.editor_session.c


def begin(connection: Connection, key: ApiKey, *, now_ms: int) -> str:
    """Open a session with a key; return its token. Sessions that are over are removed."""
    over = (_s.used_at < now_ms - IDLE_MS) | (_s.created_at < now_ms - LONGEST_MS)
    connection.execute(delete(tables.editor_session).where(over))
    token = secrets.token_urlsafe(32)
    row = {"id": _hash(token), "key_id": key.id, "created_at": now_ms, "used_at": now_ms}
    connection.execute(insert(tables.editor_session).values(row))
    return token


def find(connection: Connection, token: str, *, now_ms: int) -> tuple[ApiKey, bool] | None:
    """The key of a session, and whether `note_use` would tell something new; None if the session or its key has ended."""
    row = connection.execute(select(tables.editor_session).where(_s.id == _hash(token))).one_or_none()
    if row is None or now_ms - row.used_at >= IDLE_MS or now_ms - row.created_at >= LONGEST_MS:
        return None
    key = api_keys.still_good(connection, row.key_id, now_ms=now_ms)
    return None if key is None else (key, now_ms - row.used_at >= api_keys.USED_WITHIN_MS)


def note_use(connection: Connection, token: str, *, now_ms: int) -> None:
    """Remember that a session is in use."""
    connection.execute(update(tables.editor_session).where(_s.id == _hash(token)).values(used_at=now_ms))


def end(connection: Connection, token: str) -> None:
    """End a session; ending one that is over changes nothing."""
    connection.execute(delete(tables.editor_session).where(_s.id == _hash(token)))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
