"""Sessions of editors at the dashboard. They are kept in the database, so that signing out ends copies of the cookie too.

A session is known by a random token; what is kept is its hash. An API key opens a session, and ends it when it is revoked; or an
identity provider signs a person in, who may do what the provider said then until the next sign-in. Any session ends at sign-out,
after 12 hours without use and after 7 days.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, CursorResult, Row, delete, insert, select, update

from reactions.languages import gettext
from reactions.newsroom import api_keys
from reactions.newsroom.api_keys import ApiKey
from reactions.newsroom.roles import Grants
from reactions.newsroom.sites import Site
from reactions.refusals import UnknownPerson
from reactions.storage import tables
from reactions.times import DAY_MS, HOUR_MS

IDLE_MS = 12 * HOUR_MS
LONGEST_MS = 7 * DAY_MS
NO_KEY = ""  # the id of the key of a session that no key opened

_s = tables.editor_session.c


@dataclass(frozen=True, slots=True)
class EditorSession:
    """Who is signed in, what they may do by the id of a site, and the site that they look at.

    `key` is what opened it, None for a person. `use_is_news` is true if `note_use` would tell something new.
    """

    by: str
    grants: Grants
    site_id: int
    use_is_news: bool
    key: ApiKey | None = None


@dataclass(frozen=True, slots=True)
class PersonSignedIn:
    """Somebody whom the identity provider has signed in, what they may do on the site, and since when (UTC ms)."""

    person: str
    scopes: frozenset[str]
    since: int
    used_at: int


def begin(connection: Connection, key: ApiKey, *, now_ms: int) -> str:
    """Open a session with a key; return its token. Sessions that are over are removed."""
    return _begin(connection, {"key_id": key.id}, now_ms)


def begin_for(connection: Connection, person: str, grants: Grants, *, now_ms: int) -> str:
    """Open a session for a person with a role on at least one site; return its token. Sessions that are over are removed."""
    kept = {str(site_id): sorted(scopes) for site_id, scopes in grants.items()}
    return _begin(connection, {"key_id": NO_KEY, "person": person, "grants": kept, "site_id": min(grants)}, now_ms)


def _begin(connection: Connection, who: dict[str, Any], now_ms: int) -> str:
    over = (_s.used_at < now_ms - IDLE_MS) | (_s.created_at < now_ms - LONGEST_MS)
    connection.execute(delete(tables.editor_session).where(over))
    token = secrets.token_urlsafe(32)
    row = {"id": _hash(token), **who, "created_at": now_ms, "used_at": now_ms}
    connection.execute(insert(tables.editor_session).values(row))
    return token


def find(connection: Connection, token: str, *, now_ms: int) -> EditorSession | None:
    """A session; None if it, or the key that opened it, has ended."""
    row = connection.execute(select(tables.editor_session).where(_s.id == _hash(token))).one_or_none()
    if row is None or now_ms - row.used_at >= IDLE_MS or now_ms - row.created_at >= LONGEST_MS:
        return None
    use_is_news = now_ms - row.used_at >= api_keys.USED_WITHIN_MS
    if row.key_id == NO_KEY:
        return _of_person(row, use_is_news)
    key = api_keys.still_good(connection, row.key_id, now_ms=now_ms)
    if key is None:
        return None
    return EditorSession(f"{key.id} {key.label}"[:100], {key.site_id: key.scopes}, key.site_id, use_is_news, key)


def _of_person(row: Row[Any], use_is_news: bool) -> EditorSession:
    grants = {int(site_id): frozenset(scopes) for site_id, scopes in row.grants.items()}
    return EditorSession(row.person[:100], grants, row.site_id, use_is_news)


def note_use(connection: Connection, token: str, *, now_ms: int) -> None:
    """Remember that a session is in use."""
    connection.execute(update(tables.editor_session).where(_s.id == _hash(token)).values(used_at=now_ms))


def look_at(connection: Connection, token: str, site_id: int) -> None:
    """Let a session look at another of its sites."""
    connection.execute(update(tables.editor_session).where(_s.id == _hash(token)).values(site_id=site_id))


def end(connection: Connection, token: str) -> None:
    """End a session; ending one that is over changes nothing."""
    connection.execute(delete(tables.editor_session).where(_s.id == _hash(token)))


def end_all_of(connection: Connection, person: str) -> int:
    """End every session of a person, known as `by` says; return how many."""
    ended: CursorResult[Any] = connection.execute(delete(tables.editor_session).where(_s.person == person))
    return ended.rowcount


def people_at(connection: Connection, site: Site, *, now_ms: int) -> list[PersonSignedIn]:
    """The people with a session that may look at the site, by name; each with the session that they used last."""
    rows = connection.execute(select(tables.editor_session).where(_s.key_id == NO_KEY).order_by(_s.used_at))
    found: dict[str, PersonSignedIn] = {}
    for row in rows:
        over = now_ms - row.used_at >= IDLE_MS or now_ms - row.created_at >= LONGEST_MS
        if not over and (scopes := row.grants.get(str(site.id))):
            found[row.person] = PersonSignedIn(row.person, frozenset(scopes), row.created_at, row.used_at)
    return sorted(found.values(), key=lambda each: each.person.lower())


def end_person_at(connection: Connection, site: Site, person: str, *, now_ms: int) -> int:
    """End every session of a person who may look at the site; return how many. Raises UnknownPerson."""
    if person not in {each.person for each in people_at(connection, site, now_ms=now_ms)}:
        raise UnknownPerson(gettext("%(person)s is not signed in to %(site)s.", person=repr(person[:100]), site=site.key))
    return end_all_of(connection, person)


def end_all_with(connection: Connection, site: Site) -> None:
    """End every session that may look at a site, before the site is removed: another site may get its id."""
    keys = select(tables.api_key.c.id).where(tables.api_key.c.site_id == site.id)
    connection.execute(delete(tables.editor_session).where(_s.key_id.in_(keys)))
    people = connection.execute(select(_s.id, _s.grants).where(_s.key_id == NO_KEY)).all()
    ending = [row.id for row in people if str(site.id) in row.grants]
    connection.execute(delete(tables.editor_session).where(_s.id.in_(ending)))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
