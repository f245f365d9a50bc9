"""An identity provider on a port of this machine that signs real tokens, and says what a test wants it to say."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.test import TestResponse

CLIENT, SECRET = "reactions", "a secret of the client"
FRONT, SIGN_IN, LEAVE, BACK = "/dashboard", "/dashboard/sign-in", "/dashboard/sign-in/provider", "/dashboard/sign-in/callback"
ROLES = {"oidc_roles": ["editors=daily:read+review"], "oidc_people": ["ben@daily.example=daily:read"]}
GOOD = {"sub": "u-1", "email": "ada@daily.example", "email_verified": True, "groups": ["editors"]}


def new_key(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"})


def _base64(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def _packed(*parts: dict[str, Any]) -> str:
    return ".".join(_base64(json.dumps(part).encode()) for part in parts)


@dataclass
class HostileProvider:
    """Who signs in, what the tokens claim beyond the truth, and how the endpoints misbehave."""

    url: str = ""
    user: dict[str, Any] = field(default_factory=lambda: dict(GOOD))
    key: RSAKey = field(default_factory=lambda: new_key("one"))
    published: list[RSAKey] | None = None  # other keys than the one that signs
    claims: dict[str, Any] = field(default_factory=dict)  # None leaves a claim out
    signed: str = "RS256"  # or "none", "HS256 with the public key", "HS256 with the client's secret"
    described: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] | None = None
    token: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, tuple[int, bytes, Mapping[str, str]]] = field(default_factory=dict)  # by path, instead of the right one
    delays_s: dict[str, float] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def comes_back(self, address: str) -> dict[str, str]:
        """What the browser brings back after somebody has signed in at this address."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self.codes[code] = query
        return {"code": code, "state": query["state"]}

    def description(self) -> dict[str, Any]:
        paths = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/jwks"}
        return {"issuer": self.url, **{name: self.url + path for name, path in paths.items()}, **self.described}

    def exchange(self, sent: Mapping[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """The token endpoint: each code once, only with its verifier and the client's secret."""
        flow = self.codes.pop(sent.get("code", ""), None)
        expected = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        challenge = _base64(hashlib.sha256(sent.get("code_verifier", "").encode()).digest())
        if flow is None or challenge != flow["code_challenge"] or sent.get("redirect_uri") != flow["redirect_uri"]:
            return 400, {"error": "invalid_grant", "error_description": "<b>of the provider</b>"}
        if authorization != f"Basic {expected}":
            return 401, {"error": "invalid_client"}
        access = "access-token"
        return 200, {
            "access_token": access,
            "token_type": "Bearer",
            "id_token": self.id_token(flow["nonce"], access),
            **self.token,
        }

    def id_token(self, nonce: str, access: str) -> str:
        now = int(time.time())
        half = _base64(hashlib.sha256(access.encode()).digest()[:16])
        truth = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce, "at_hash": half, **self.user}
        claims = {name: value for name, value in {**truth, **self.claims}.items() if value is not None}
        return self._sign(claims)

    def _sign(self, claims: dict[str, Any]) -> str:
        if self.signed == "none":
            return f"{_packed({'alg': 'none'}, claims)}."
        if self.signed.startswith("HS256"):
            shared = SECRET.encode() if "secret" in self.signed else self.key.as_pem(private=False)
            signed = _packed({"alg": "HS256", "kid": "one"}, claims)
            return f"{signed}.{_base64(hmac.digest(shared, signed.encode(), hashlib.sha256))}"
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    def answer(self, path: str, sent: Mapping[str, str], authorization: str) -> tuple[int, bytes, Mapping[str, str]]:
        self.asked.append(path)
        time.sleep(self.delays_s.get(path, 0))
        if path in self.answers:
            return self.answers[path]
        status, document = 200, {}
        if path == "/.well-known/openid-configuration":
            document = self.description()
        elif path == "/jwks":
            document = {"keys": [key.as_dict(private=False) for key in self.published or [self.key]]}
        elif path == "/token":
            status, document = self.exchange(sent, authorization)
        elif path == "/userinfo" and authorization == "Bearer access-token":
            document = self.userinfo or {}
        else:
            status = 404
        return status, json.dumps(document).encode(), {"Content-Type": "application/json"}


@contextmanager
def running() -> Iterator[HostileProvider]:
    """A provider until the block ends."""
    provider = HostileProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            sent = {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()}
            status, body, headers = provider.answer(self.path, sent, self.headers.get("Authorization", ""))
            try:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                pass  # whoever asked has gone

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def left(tab: FlaskClient, **parameters: str) -> str:
    """The address at the provider that the browser is sent to."""
    answer = tab.get(LEAVE, query_string=parameters)
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def signed_in(tab: FlaskClient, provider: HostileProvider, **parameters: str) -> TestResponse:
    """The answer to a browser that comes back from the provider."""
    return tab.get(BACK, query_string=provider.comes_back(left(tab, **parameters)))


def address_of(page: TestResponse) -> str:
    """Where a page that lets the browser go on by itself leads."""
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]*)"', page.text)
    assert found, page.text
    return unescape(found[1])


def words_of(page: TestResponse) -> str:
    return " ".join(unescape(re.sub("<[^>]*>", " ", page.text)).split())
