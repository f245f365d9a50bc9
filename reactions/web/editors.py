"""Who the editor is: programs send an API key in the Authorization header, pages have a session.

A session is opened with a key, or by a person whom an identity provider has signed in. The site comes from the key or the
session. Another site's address is answered like a missing one's.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from flask import Response, current_app, g, redirect, request, session
from werkzeug.exceptions import NotFound

from reactions.newsroom import api_keys, editor_sessions, sites
from reactions.newsroom.api_keys import ApiKey
from reactions.newsroom.sites import Site
from reactions.refusals import UnknownSite
from reactions.storage.engines import writing
from reactions.web import current, guards, oidc
from reactions.web.oidc import Provider
from reactions.web.problems import Denied, problem

_SESSION = "session"
_KEY = "reactions.key"  # where in the environ the proven key of a request is kept
_KEY_TEXT = re.compile(r"rk_[0-9a-f]{12}_[A-Za-z0-9_-]{43}")
_IN_ADDRESS = {"api_key", "key", "token", "access_token"}


def require(site_key: str, scope: str) -> Site:
    """The site of the request's key, provided that the URL names this site and the key has the scope.

    Raises Denied (400 for a key in the URL, 401, 403), UnknownSite (404), or RateLimitExceeded (429).
    """
    key = _bearer()
    site = site_of(key)
    if site.key != site_key:
        raise UnknownSite("There is no such site.")
    if scope not in key.scopes:
        has = ", ".join(sorted(key.scopes))
        detail = f"This needs a key with the scope {scope}; this one has {has}."
        raise Denied("missing-scope", detail)
    return site


def by() -> str:
    """The editor, for the record: the id and the label of the key in use, or the person who is signed in."""
    who, _ = _acting()
    return who


def key() -> ApiKey | None:
    """The key in use, or that opened the session; None for a person whom the provider has signed in."""
    return g.session_key if "acting" in g else _bearer()


def key_id() -> str:
    """The id of the key in use."""
    return _bearer().id


def signed_in(scope: str = "read") -> Site | None:
    """The site of the session, unless nobody is signed in, the session or its key has ended, or the key lacks the scope.

    From then on `by` and `may` speak of the session's owner.
    """
    token, now_ms = session.get(_SESSION), current.now_ms()
    if not token:
        return None
    with current.reading() as connection:
        found = editor_sessions.find(connection, token, now_ms=now_ms)
    if found is None:
        return None
    if found.use_is_news:
        with writing(current.engine()) as connection:
            editor_sessions.note_use(connection, token, now_ms=now_ms)
    scopes = found.grants[found.site_id]
    if scope not in scopes:
        return None
    g.several_sites = len(found.grants) > 1
    g.acting = found.by, scopes
    g.session_key = found.key
    return _site_with_id(found.site_id)


def may(scope: str) -> bool:
    """True if the session, or the key in use, has a scope."""
    _, scopes = _acting()
    return scope in scopes


def _acting() -> tuple[str, Collection[str]]:
    """Who acts, for the record, and with which scopes: the session's owner once `signed_in` has found one, else the key."""
    if "acting" in g:
        acting: tuple[str, Collection[str]] = g.acting
        return acting
    key = _bearer()
    return f"{key.id} {key.label}"[:100], key.scopes


def own_sites() -> list[Site]:
    """The sites that the session may look at, by name."""
    with current.reading() as connection:
        found = editor_sessions.find(connection, session.get(_SESSION, ""), now_ms=current.now_ms())
        every = sites.all_sites(connection) if found else []
    return sorted((site for site in every if found and site.id in found.grants), key=lambda site: site.name)


def look_at(site_key: str) -> bool:
    """Let the session look at another of its sites; False if that is none of them."""
    chosen = next((site for site in own_sites() if site.key == site_key), None)
    if chosen is not None:
        with writing(current.engine()) as connection:
            editor_sessions.look_at(connection, session[_SESSION], chosen.id)
    return chosen is not None


def begin_provided(next_path: str) -> Response:
    """Send the browser to the identity provider. Raises SignInFailed."""
    url, kept = provider().begin(next_path)
    response = redirect(url, 303)
    # Lax: a browser withholds a Strict cookie when the provider sends it back here.
    response.set_cookie(_flow_cookie(), kept, max_age=oidc.FLOW_S, secure=_secure(), httponly=True, samesite="Lax")
    return response  # type: ignore[return-value]


def finish_provided() -> None:
    """Open a session for whom the identity provider sends back. Raises SignInFailed."""
    found = provider()
    person = found.finish(request.cookies.get(_flow_cookie(), ""), request.args)
    with current.reading() as connection:
        grants = found.grants(person, sites.all_sites(connection))
    session.clear()
    with writing(current.engine()) as connection:
        session[_SESSION] = editor_sessions.begin_for(connection, person.name, grants, now_ms=current.now_ms())


def provided_next() -> str:
    """Where the browser wanted to go when it was sent to the provider."""
    return provider().next_path(request.cookies.get(_flow_cookie(), ""))


def forget_flow(response: Response) -> Response:
    """Let nobody use the browser's cookie for a second answer."""
    response.delete_cookie(_flow_cookie(), secure=_secure(), httponly=True, samesite="Lax")
    return response


def provider() -> Provider:
    """The identity provider. Raises NotFound where there is none."""
    found = current.parts().provider
    if found is None:
        raise NotFound
    return found


def _flow_cookie() -> str:
    return "__Host-reactions_sign_in" if _secure() else "reactions_sign_in"


def _secure() -> bool:
    return bool(current_app.config["SESSION_COOKIE_SECURE"])


def sign_in(text: str) -> Site | None:
    """Open a session with a key; None if the key is wrong, revoked or may not read."""
    key = _proven(text.strip())
    if key is None or "read" not in key.scopes:
        return None
    session.clear()
    with writing(current.engine()) as connection:
        session[_SESSION] = editor_sessions.begin(connection, key, now_ms=current.now_ms())
    return site_of(key)


def is_own_origin() -> bool:
    """False if a browser says that the request comes from another origin's page, or hides which."""
    origin = request.headers.get("Origin")
    own = {request.host, urlsplit(current.parts().settings.address).netloc}
    return origin is None or origin.partition("://")[2] in own  # an origin is a scheme and a host, and may be no address at all


def refuse_key_in_address() -> Response | None:
    """Refuse any request that has a whole key in its address, whatever it asks: addresses end up in logs."""
    if not _KEY_TEXT.search(request.full_path):
        return None
    detail = "Send the key in the Authorization header, and make a new one: this one may have been read."
    return problem("key-in-address", detail)


def sign_out() -> None:
    """End the session, also for whoever has copied its cookie."""
    if token := session.get(_SESSION):
        with writing(current.engine()) as connection:
            editor_sessions.end(connection, token)
    session.clear()


def site_of(key: ApiKey) -> Site:
    """The site a key belongs to."""
    return _site_with_id(key.site_id)


def _site_with_id(site_id: int) -> Site:
    with current.reading() as connection:
        return sites.by_id(connection, site_id)


def _bearer() -> ApiKey:
    """The key of the request, proven once. Raises Denied, or RateLimitExceeded after many wrong ones."""
    if _KEY not in request.environ:
        request.environ[_KEY] = _proven_bearer()
    key: ApiKey = request.environ[_KEY]
    return key


def _proven_bearer() -> ApiKey:
    if any(value.startswith("rk_") for value in request.args.values()) or not _IN_ADDRESS.isdisjoint(request.args):
        detail = (
            "Addresses end up in logs. Send the key in the Authorization header, and make a new one: this one may have been read."
        )
        raise Denied("key-in-address", detail)
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    sent = text.strip() if scheme.lower() == "bearer" else ""
    key = _proven(sent) if sent else None
    if sent and key is None:
        guards.count_wrong_key()
    if key is None:
        detail = "Send a key of the site, as in Authorization: Bearer rk_…; `reactions key add` makes one."
        raise Denied("unauthorized", detail, WWW_Authenticate='Bearer realm="reactions"')
    return key


def _proven(text: str) -> ApiKey | None:
    now_ms = current.now_ms()
    with current.reading() as connection:
        key = api_keys.proven(connection, text, now_ms=now_ms)
    if key is not None and api_keys.use_is_news(key, now_ms):
        with writing(current.engine()) as connection:
            api_keys.note_use(connection, key, now_ms=now_ms)
    return key
