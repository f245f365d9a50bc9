"""API keys of editors and their tools. A key is shown once; what is kept is a hash that cannot be turned back.

A key reads `rk_<id>_<secret>`: the id finds it, the secret proves it. The secret has 256 random bits, so a fast hash is enough.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from reactions import texts
from reactions.languages import decimal, gettext
from reactions.newsroom.sites import Site
from reactions.refusals import MalformedApiKey, UnknownApiKey
from reactions.storage import tables
from reactions.times import DAY_MS

SCOPES = ("read", "write", "review", "keys", "admin")
LONGEST_DAYS = 3650  # that a key which expires may live
USED_WITHIN_MS = 60_000  # how exact `last_used_at` is; every request would be a write otherwise
_ID = re.compile("[0-9a-f]{12}")  # a NUL in it would be a fault of PostgreSQL
_FORM = re.compile(r"rk_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")

_k = tables.api_key.c


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is listed; times are UTC milliseconds."""

    id: str
    site_id: int
    scopes: frozenset[str]
    label: str
    created_at: int
    last_used_at: int | None
    revoked_at: int | None
    made_by: str | None = None
    expires_at: int | None = None

    def good_at(self, now_ms: int) -> bool:
        """True unless the key is revoked or has expired."""
        return self.revoked_at is None and (self.expires_at is None or now_ms < self.expires_at)


def create(
    connection: Connection,
    site: Site,
    *,
    scopes: Collection[str],
    label: str,
    now_ms: int,
    made_by: ApiKey | None = None,
    expires_at: int | None = None,
) -> tuple[ApiKey, str]:
    """Make a key; return it and its text, which cannot be had again. Raises MalformedApiKey.

    A key that was made with another ends with it: it is revoked with it, and expires no later.
    """
    if not scopes or not set(scopes) <= set(SCOPES):
        raise MalformedApiKey(gettext("A key has one or more of the scopes %(scopes)s.", scopes=", ".join(SCOPES)))
    if not 1 <= len(label.strip()) <= 100 or texts.is_blank(label) or texts.unusable(label):
        raise MalformedApiKey(gettext("A key's label has 1 to 100 printable characters: what it is for, such as CMS."))
    if made_by is not None:
        _refuse_ended(connection, made_by, now_ms)
    if made_by is not None and made_by.expires_at is not None:
        expires_at = min(expires_at or made_by.expires_at, made_by.expires_at)
    if expires_at is not None and not now_ms < expires_at <= now_ms + LONGEST_DAYS * DAY_MS:
        raise MalformedApiKey(gettext("A key expires within %(n)s days from now, or never.", n=decimal(LONGEST_DAYS)))
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    row = {
        "id": key_id,
        "site_id": site.id,
        "scopes": sorted(scopes),
        "label": label.strip(),
        "secret_hash": _hash(secret),
        "created_at": now_ms,
        "made_by": made_by.id if made_by else None,
        "expires_at": expires_at,
    }
    connection.execute(insert(tables.api_key).values(row))
    return get(connection, site, key_id), f"rk_{key_id}_{secret}"


def proven(connection: Connection, text: str, *, now_ms: int) -> ApiKey | None:
    """The key that `text` is, unless it is unknown, wrong, revoked or expired. Takes the same time for every wrong secret."""
    form = _FORM.fullmatch(text)
    row = _row(connection, form[1]) if form else None
    if form is None or row is None or not hmac.compare_digest(bytes(row.secret_hash), _hash(form[2])):
        return None
    return key if (key := _key(row)).good_at(now_ms) else None


def still_good(connection: Connection, key_id: str, *, now_ms: int) -> ApiKey | None:
    """The key with this id unless it was revoked or has expired: what a session that it opened asks."""
    row = _row(connection, key_id)
    return key if row is not None and (key := _key(row)).good_at(now_ms) else None


def get(connection: Connection, site: Site, key_id: str) -> ApiKey:
    """The site's key with this id. Raises UnknownApiKey."""
    row = _row(connection, key_id)
    if row is None or row.site_id != site.id:
        raise UnknownApiKey(gettext("%(site)s has no key %(key)s.", site=site.key, key=repr(key_id[:16])))
    return _key(row)


def all_of(connection: Connection, site: Site) -> list[ApiKey]:
    """The site's keys, newest first, revoked ones included."""
    mine = select(tables.api_key).where(_k.site_id == site.id).order_by(_k.created_at.desc(), _k.id)
    return [_key(row) for row in connection.execute(mine)]


def revoke(connection: Connection, site: Site, key_id: str, *, now_ms: int) -> ApiKey:
    """End a key and every key that was made with it; doing it again changes nothing. Raises UnknownApiKey."""
    get(connection, site, key_id)
    ended, ending = set(), {key_id}
    while ending:  # the update waits for whoever is just making a key with one of these, so the new key is found next
        connection.execute(update(tables.api_key).where(_k.id.in_(ending), _k.revoked_at.is_(None)).values(revoked_at=now_ms))
        ended |= ending
        ending = set(connection.execute(select(_k.id).where(_k.made_by.in_(ending), _k.id.not_in(ended))).scalars())
    return get(connection, site, key_id)


def revoke_all(connection: Connection, site: Site, *, now_ms: int) -> None:
    """End every key of a site that is about to be removed."""
    present = update(tables.api_key).where(_k.site_id == site.id, _k.revoked_at.is_(None))
    connection.execute(present.values(revoked_at=now_ms))


def note_use(connection: Connection, key: ApiKey, *, now_ms: int) -> None:
    """Remember when the key was last used, to the minute."""
    connection.execute(update(tables.api_key).where(_k.id == key.id).values(last_used_at=now_ms))


def use_is_news(key: ApiKey, now_ms: int) -> bool:
    """True if `note_use` would tell something new."""
    return key.last_used_at is None or now_ms - key.last_used_at >= USED_WITHIN_MS


def _refuse_ended(connection: Connection, maker: ApiKey, now_ms: int) -> None:
    """Refuse to make a key with one that has ended since it was proven; a revocation from now on waits for this transaction."""
    row = connection.execute(select(tables.api_key).where(_k.id == maker.id).with_for_update()).one_or_none()
    if row is None or not _key(row).good_at(now_ms):
        raise MalformedApiKey(gettext("The key that you signed in with was revoked or has expired. Nothing was changed."))


def _row(connection: Connection, key_id: str) -> Row[Any] | None:
    if not _ID.fullmatch(key_id):
        return None
    return connection.execute(select(tables.api_key).where(_k.id == key_id)).one_or_none()


def _key(row: Row[Any]) -> ApiKey:
    times = row.created_at, row.last_used_at, row.revoked_at
    return ApiKey(row.id, row.site_id, frozenset(row.scopes), row.label, *times, row.made_by, row.expires_at)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
