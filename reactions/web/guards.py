"""Limits on what is not the vote path, by Flask-Limiter's decorators: keyed routes, wrong keys, sign-in at the dashboard.

All count by the hashed prefix of the client's network. `problems` answers for a spent limit in the API, an error page in the
dashboard. The header fields of both are added here.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from flask import Flask, Response, current_app, request
from flask_limiter import RequestLimit, RouteLimit

from reactions.votes import networks, readers
from reactions.web import current, metrics
from reactions.web.extensions import limiter


def _setting(name: str) -> Callable[[], str]:
    return lambda: str(getattr(current.parts().settings, name))


def _network() -> str:
    """The key to count under, hashed, so that the limiter's store holds no address."""
    peer, forwarded_for = request.environ.get("REMOTE_ADDR") or "", request.headers.get("X-Forwarded-For", "")
    address = networks.client_address(peer, forwarded_for, current.parts().proxies)
    secret = current_app.secret_key
    key = readers.derived_key(secret if isinstance(secret, bytes) else str(secret).encode(), "limits")
    return readers.limit_key(key, networks.prefixes_of(address)[0])


def _count_breach(limit: RequestLimit) -> None:
    metrics.limited.labels(limit.request_args[-1]).inc()


def _limit(setting: str, policy: str) -> RouteLimit:
    return limiter.shared_limit(_setting(setting), scope=policy, key_func=_network, on_breach=_count_breach)


keyed = _limit("keyed_requests_per_network", "keyed-requests")
sign_in = _limit("sign_ins_per_network", "sign-ins")


@_limit("wrong_keys_per_network", "wrong-keys")
def count_wrong_key() -> None:
    """Count a key that was sent and is wrong. Raises RateLimitExceeded once the network has sent too many.

    The right keys of the same network go on working: a key has 256 random bits, so there is nothing to guess, and a script with a
    revoked key must not lock its whole office out.
    """


def install(app: Flask) -> None:
    """Name the spent limit and the time to wait in every 429 of these limits."""

    @app.after_request
    def fields(response: Response) -> Response:
        if response.status_code == 429 and (limit := limiter.current_limit) and limit.breached:
            policy, wait_s = limit.request_args[-1], _wait_s(limit)
            response.headers["Retry-After"] = str(wait_s)
            response.headers["RateLimit-Policy"] = f'"{policy}";q={limit.limit.amount};w={limit.limit.get_expiry()}'
            response.headers["RateLimit"] = f'"{policy}";r=0;t={wait_s}'
        return response


def _wait_s(limit: RequestLimit) -> int:
    """The seconds after which the limit lets another through."""
    return max(1, math.ceil(limit.reset_at - time.time()))
