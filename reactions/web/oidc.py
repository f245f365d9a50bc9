"""OpenID Connect: editors sign in at an identity provider, by the authorization code flow with PKCE, state and nonce.

What belongs to one sign-in waits in a signed cookie of the browser that began it, so that nobody can finish it elsewhere. The
session that follows is ours (`newsroom/editor_sessions.py`); no token of the provider is kept. Every request to the provider
has a deadline, follows no redirect and reads a bounded body. Authlib and joserfc are an extra, `reader-reactions[oidc]`.
The file is longer than others because a sign-in is one thing, from its address to what the person may do.
"""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import structlog
from itsdangerous import BadData, URLSafeTimedSerializer

from reactions.languages import gettext
from reactions.newsroom import roles
from reactions.newsroom.roles import Grants
from reactions.newsroom.sites import Site
from reactions.settings import InvalidSettings, Settings

log = structlog.get_logger()
T = TypeVar("T")

FLOW_S = 600  # how long somebody may take to sign in at the provider
_KNOWN_S, _FAILED_S, _KEYS_S = 3600.0, 5.0, 10.0  # how long its description, a failure to get it, and its keys are believed
_MOST_BYTES = 1_048_576
_LEEWAY_S = 60
# Signed with a key that only the provider has: with `none` or HS256 anybody, or anybody who knows the client, could sign.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
_WELL_KNOWN = "/.well-known/openid-configuration"
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class SignInFailed(Exception):
    """Nobody was signed in. `detail` is for the person, `cause` for the log, `status` is that of the page."""

    def __init__(self, status: int, detail: str, cause: str) -> None:
        super().__init__(cause)
        self.status, self.detail, self.cause = status, detail, cause


class Person(NamedTuple):
    """Whom the provider has signed in: a name for the record, the verified e-mail address if any, the values of the claim."""

    name: str
    email: str | None
    unverified: bool
    values: frozenset[str]


class Provider:
    """The provider of the settings, for one application."""

    def __init__(self, settings: Settings, *, key: bytes, clock: Callable[[], int]) -> None:
        _check(settings)
        self.name = settings.oidc_name or urlsplit(settings.oidc_issuer).netloc
        self._settings = settings
        self._clock = clock
        self._redirect_uri = f"{settings.address}/dashboard/sign-in/callback"
        self._by_claim, self._by_address = _roles(settings, "oidc_roles"), _roles(settings, "oidc_people")
        self._cookie = URLSafeTimedSerializer(key, salt="sign-in")
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="oidc")
        self._lock = threading.Lock()
        self._description: tuple[float, dict[str, Any] | SignInFailed] | None = None
        self._keys: tuple[float, Any] | None = None

    def begin(self, next_path: str) -> tuple[str, str]:
        """The address at the provider to send a browser to, and what to keep in its cookie. Raises SignInFailed."""
        flow = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
        client = self._client()
        url, _ = client.create_authorization_url(
            self._described()["authorization_endpoint"], state=flow["state"], nonce=flow["nonce"], code_verifier=flow["verifier"]
        )
        return url, str(self._cookie.dumps({**flow, "next": next_path}))

    def next_path(self, kept: str) -> str:
        """Where the browser wanted to go when it began; empty if its cookie is not ours or too old."""
        with suppress(SignInFailed):
            return self._flow(kept)["next"]
        return ""

    def finish(self, kept: str, returned: Mapping[str, str]) -> Person:
        """Who comes back from the provider, by the cookie and the parameters of the address. Raises SignInFailed."""
        flow = self._flow(kept)
        if not hmac.compare_digest(returned.get("state", "").encode(), flow["state"].encode()):
            raise _failed(
                400, gettext("This answer does not belong to the sign-in that this browser began. Start again."), "state"
            )
        if returned.get("iss", self._settings.oidc_issuer) != self._settings.oidc_issuer:
            raise _failed(400, gettext("This answer comes from another identity provider. Start again."), "iss parameter")
        if "error" in returned:
            detail = gettext("%(provider)s did not sign you in: it was cancelled or not allowed there.", provider=self.name)
            raise _failed(403, detail, "refused by the provider")
        if not returned.get("code"):
            detail = gettext("%(provider)s sent an answer without a code. Start again.", provider=self.name)
            raise _failed(400, detail, "no code")
        description = self._described()
        token = self._exchange(description, returned["code"], flow["verifier"])
        claims = self._claims(token, flow["nonce"])
        return self._person(self._with_userinfo(description, token, claims))

    def grants(self, person: Person, sites: Sequence[Site]) -> Grants:
        """What a person may do on which site. Raises SignInFailed for one without a role."""
        mine = roles.of_claim(self._by_claim, person.values)
        if person.email and not person.unverified:
            mine += roles.of_address(self._by_address, person.email)
        if found := roles.granted(mine, sites):
            return found
        if person.unverified and person.email and roles.of_address(self._by_address, person.email):
            detail = gettext(
                "%(provider)s has not verified that %(address)s is yours. Verify the address there, then sign in again.",
                provider=self.name,
                address=person.email,
            )
            raise _failed(403, detail, "unverified e-mail address")
        detail = gettext(
            "%(provider)s signed you in as %(person)s, but that gives you no role here. Ask whoever runs this service to add "
            "you, then sign in again.",
            provider=self.name,
            person=person.name,
        )
        raise _failed(403, detail, "no role")

    def _flow(self, kept: str) -> dict[str, str]:
        try:
            flow: dict[str, str] = self._cookie.loads(kept, max_age=FLOW_S)
        except BadData:
            detail = gettext("This sign-in was begun in another browser, or more than ten minutes ago. Start again.")
            raise _failed(400, detail, "no such sign-in") from None
        return flow

    def _client(self) -> Any:
        from authlib.integrations.requests_client import OAuth2Session

        settings = self._settings
        return OAuth2Session(
            settings.oidc_client_id,
            settings.oidc_client_secret or None,
            scope=" ".join(settings.oidc_scopes),
            redirect_uri=self._redirect_uri,
            code_challenge_method="S256",
        )

    def _described(self) -> dict[str, Any]:
        """The provider's description of itself (OpenID Connect Discovery). A failure is believed for a moment, too."""
        with self._lock:
            if self._description is None or time.monotonic() >= self._description[0]:
                try:
                    self._description = time.monotonic() + _KNOWN_S, self._discover()
                except SignInFailed as failure:
                    self._description = time.monotonic() + _FAILED_S, failure
            found = self._description[1]
        if isinstance(found, SignInFailed):
            raise found
        return found

    def _discover(self) -> dict[str, Any]:
        issuer = self._settings.oidc_issuer
        description = self._get(issuer.rstrip("/") + _WELL_KNOWN)
        if description.get("issuer") != issuer:
            raise self._unexpected("issuer")
        for name in _ENDPOINTS:
            url = description.get(name)
            if not isinstance(url, str) or urlsplit(url).scheme not in ("https", urlsplit(issuer).scheme):
                raise self._unexpected(name)
        return description

    def _exchange(self, description: Mapping[str, Any], code: str, verifier: str) -> dict[str, Any]:
        """The tokens for a code."""
        from authlib.integrations.base_client import OAuthError

        client = self._client()
        client.token_endpoint_auth_method = self._auth_method(description)
        ask = lambda: client.fetch_token(  # noqa: E731
            description["token_endpoint"], code=code, code_verifier=verifier, grant_type="authorization_code", **self._asked()
        )
        try:
            token = self._within(ask)
        except OAuthError as error:
            raise self._unverified(f"token endpoint: {error.error}") from None
        if not isinstance(token.get("id_token"), str) or not isinstance(token.get("access_token"), str):
            raise self._unverified("no ID token")
        return dict(token)

    def _auth_method(self, description: Mapping[str, Any]) -> str:
        if not self._settings.oidc_client_secret:
            return "none"
        offered = description.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        return "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"

    def _claims(self, token: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        """The claims of the ID token, once its signature, issuer, audience, times and nonce are right."""
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import JoseError

        settings = self._settings
        options = {
            "iss": {"essential": True, "value": settings.oidc_issuer},
            "aud": {"essential": True, "value": settings.oidc_client_id},
            "sub": {"essential": True},
        }
        params = {"nonce": nonce, "client_id": settings.oidc_client_id, "access_token": token["access_token"]}
        try:
            decoded = jwt.decode(token["id_token"], self._key_for(token["id_token"]), algorithms=_ALGORITHMS)
            claims = CodeIDToken(decoded.claims, decoded.header, options=options, params=params)
            claims.validate(now=self._clock() // 1000, leeway=_LEEWAY_S)
        except (JoseError, ValueError, TypeError) as error:
            raise self._unverified(f"ID token: {getattr(error, 'error', type(error).__name__)}") from None
        return dict(claims)

    def _key_for(self, id_token: str) -> Any:
        """The provider's keys. They are fetched again for a key that is new, at most every few seconds."""
        from joserfc import jws

        wanted = jws.extract_compact(id_token.encode()).headers().get("kid")
        known = self._keys
        if known is None or (time.monotonic() >= known[0] and wanted not in {key.kid for key in known[1].keys}):
            known = self._keys = time.monotonic() + _KEYS_S, self._fetched_keys()
        return known[1]

    def _fetched_keys(self) -> Any:
        from joserfc.jwk import KeySet

        document = self._get(self._described()["jwks_uri"])
        try:
            public = [key for key in document["keys"] if key.get("kty") in ("RSA", "EC", "OKP")]
            return KeySet.import_key_set({"keys": [key for key in public if key.get("use", "sig") == "sig"]})
        except (KeyError, TypeError, AttributeError, ValueError):
            raise self._unverified("keys") from None

    def _with_userinfo(self, description: Mapping[str, Any], token: Mapping[str, Any], claims: dict[str, Any]) -> dict[str, Any]:
        """The claims with those that the provider tells only at its userinfo endpoint, if they are about the same person."""
        url = description.get("userinfo_endpoint")
        if not isinstance(url, str) or {"email", "email_verified", self._settings.oidc_roles_claim} <= claims.keys():
            return claims
        more = self._get(url, {"Authorization": f"Bearer {token['access_token']}"})
        if more.get("sub") != claims["sub"]:
            raise self._unverified("userinfo about somebody else")
        return {**more, **claims}

    def _person(self, claims: Mapping[str, Any]) -> Person:
        email = claims.get("email") if isinstance(claims.get("email"), str) else None
        verified = claims.get("email_verified") is True
        values = claims.get(self._settings.oidc_roles_claim)
        listed = values if isinstance(values, list) else [values]
        name = email if email and verified else str(claims["sub"])  # not one that anybody may give themselves
        return Person(name[:320], email or None, not verified, frozenset(each for each in listed if isinstance(each, str)))

    def _get(self, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """A JSON object of the provider's. Raises SignInFailed."""
        client = self._client()
        answer = self._within(lambda: client.get(url, withhold_token=True, headers=dict(headers or {}), **self._asked()))
        try:
            document = answer.json() if answer.status_code == 200 else None
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise self._away(f"{urlsplit(url).path} answered {answer.status_code}")
        return document

    def _asked(self) -> dict[str, Any]:
        """How everything is asked: within a time, without following anywhere, and read here only as far as is sensible."""
        until = time.monotonic() + self._settings.oidc_timeout_s
        return {
            "timeout": self._settings.oidc_timeout_s,
            "allow_redirects": False,
            "stream": True,
            "hooks": {"response": lambda response, **_: _read(response, until)},
        }

    def _within(self, ask: Callable[[], T]) -> T:
        """Ask the provider; however slowly it sends, the person waits no longer than the setting says. Raises SignInFailed."""
        from requests.exceptions import RequestException

        try:
            return self._pool.submit(ask).result(timeout=self._settings.oidc_timeout_s)
        except TimeoutError:
            raise self._away("no answer in time") from None
        except (RequestException, OSError, ValueError) as error:
            raise self._away(type(error).__name__) from None

    def _away(self, cause: str) -> SignInFailed:
        detail = gettext(
            "%(provider)s cannot be reached at the moment. Try again later, or sign in with an API key.", provider=self.name
        )
        return _failed(503, detail, cause)

    def _unexpected(self, name: str) -> SignInFailed:
        detail = gettext(
            "%(provider)s is not set up as this service expects. Tell whoever runs it, or sign in with an API key.",
            provider=self.name,
        )
        return _failed(503, detail, f"{name} of discovery")

    def _unverified(self, cause: str) -> SignInFailed:
        detail = gettext("What %(provider)s says of this sign-in could not be verified. Start again.", provider=self.name)
        return _failed(401, detail, cause)


def _failed(status: int, detail: str, cause: str) -> SignInFailed:
    log.warning("signing in failed", cause=cause)
    return SignInFailed(status, detail, cause)


def _read(response: Any, until: float) -> None:
    """Read a whole body, and none that is too long or comes too slowly. Raises ValueError."""
    body = bytearray()
    for piece in response.iter_content(65_536):
        body += piece
        if len(body) > _MOST_BYTES or time.monotonic() > until:
            response.close()
            raise ValueError("too long")
    response._content = bytes(body)


def _roles(settings: Settings, name: str) -> list[roles.Role]:
    try:
        return roles.roles(getattr(settings, name))
    except ValueError as error:
        raise InvalidSettings(f"{name}: {error}") from None


def _check(settings: Settings) -> None:
    """Say at the start what would otherwise be found out at the first sign-in. Raises InvalidSettings."""
    try:
        import authlib.integrations.requests_client  # noqa: F401
        import joserfc  # noqa: F401
    except ImportError:
        raise InvalidSettings("oidc_issuer: install reader-reactions[oidc] to let editors sign in with it.") from None
    if not settings.oidc_client_id:
        raise InvalidSettings("oidc_client_id: needed with oidc_issuer. The provider gives it to a client that it knows.")
    if "openid" not in settings.oidc_scopes:
        raise InvalidSettings('oidc_scopes: must have "openid".')
    if not settings.oidc_roles and not settings.oidc_people:
        raise InvalidSettings("oidc_roles: with oidc_issuer, give oidc_roles or oidc_people; nobody could do anything otherwise.")
