"""Webhooks: where a site's alerts are sent, which addresses are allowed, and how messages are signed.

A publisher chooses the address and our server visits it, so a webhook must not reach what only our server can reach:
only http and https, only the ports that the settings name, and no address of our own network unless the settings allow it. The
name is resolved here, and the connection goes to the very addresses that were checked, so a name cannot change its meaning in
between.

A webhook's secret is derived from the service's own secret and the webhook's id. It is stored nowhere, so no copy of the database
contains it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import socket
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, Row, delete, func, insert, select

from reactions.languages import gettext
from reactions.newsroom.sites import Site
from reactions.notices import messages, visited
from reactions.refusals import MalformedWebhook, UnknownWebhook
from reactions.storage import tables

MAX_PER_SITE = 20
MAX_URL_CHARACTERS = 2000
PORTS = (80, 443)

_ID = re.compile("[0-9a-f]{12}")  # a NUL in it would be a fault of PostgreSQL
_w, _d = tables.webhook.c, tables.delivery.c


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that a site's alerts are sent to, and the kind of message it takes; `created_at` is UTC milliseconds."""

    id: str
    site_id: int
    url: str
    kind: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Deliveries:
    """How many messages of a webhook are in each state, and the latest problem."""

    sent: int
    waiting: int
    given_up: int
    problem: str | None


@dataclass(frozen=True, slots=True)
class Target:
    """The parts of a webhook's address; `path` with its query."""

    secure: bool
    host: str
    port: int
    path: str


class Unreachable(Exception):
    """The target did not accept the message; the text says why. `retry_after_s` is the wait it asked for.

    `final`: it will never accept it. `status` and `reason` are what it answered, if it did.
    """

    def __init__(
        self, detail: str, *, retry_after_s: int = 0, final: bool = False, status: int | None = None, reason: str = ""
    ) -> None:
        super().__init__(detail)
        self.status, self.reason = status, reason
        self.retry_after_s = retry_after_s
        self.final = final


def add(
    connection: Connection,
    site: Site,
    url: str,
    *,
    kind: str = "",
    private_allowed: bool,
    ports: Collection[int] = PORTS,
    now_ms: int,
) -> Webhook:
    """Send the site's alerts to an address from now on; without a `kind`, its host tells it. Raises MalformedWebhook."""
    if kind not in ("", *messages.KINDS):
        raise MalformedWebhook(gettext("A webhook's kind is one of %(kinds)s.", kinds=", ".join(messages.KINDS)))
    target(url, private_allowed=private_allowed, ports=ports)
    present = all_of(connection, site)
    if any(webhook.url == url for webhook in present):
        raise MalformedWebhook(gettext("%(site)s already sends its alerts to this address.", site=site.key))
    if len(present) >= MAX_PER_SITE:
        raise MalformedWebhook(gettext("A site has at most %(n)s webhooks.", n=MAX_PER_SITE))
    added = Webhook(secrets.token_hex(6), site.id, url, kind or messages.kind_of(url), now_ms)
    connection.execute(
        insert(tables.webhook).values(
            id=added.id, site_id=added.site_id, url=added.url, kind=added.kind, created_at=added.created_at
        )
    )
    return added


def all_of(connection: Connection, site: Site) -> list[Webhook]:
    """The site's webhooks, oldest first."""
    rows = connection.execute(select(tables.webhook).where(_w.site_id == site.id).order_by(_w.created_at, _w.id))
    return [_webhook(row) for row in rows]


def get(connection: Connection, site: Site, webhook_id: str) -> Webhook:
    """The site's webhook with this id. Raises UnknownWebhook."""
    mine = select(tables.webhook).where(_w.id == webhook_id, _w.site_id == site.id)
    row = connection.execute(mine).one_or_none() if _ID.fullmatch(webhook_id) else None
    if row is None:
        raise UnknownWebhook(gettext("%(site)s has no webhook %(id)s.", site=site.key, id=repr(webhook_id[:16])))
    return _webhook(row)


def remove(connection: Connection, site: Site, webhook_id: str) -> Webhook:
    """Remove a webhook and the messages that wait for it. Raises UnknownWebhook."""
    removed = get(connection, site, webhook_id)
    connection.execute(delete(tables.delivery).where(_d.webhook_id == removed.id))
    connection.execute(delete(tables.webhook).where(_w.id == removed.id))
    return removed


def deliveries(connection: Connection, webhook: Webhook) -> Deliveries:
    """The state of the webhook's messages."""
    mine = _d.webhook_id == webhook.id
    counted = connection.execute(select(_d.state, func.count().label("n")).where(mine).group_by(_d.state))
    n = {row.state: row.n for row in counted}
    last = select(_d.problem).where(mine, _d.problem.is_not(None)).order_by(_d.next_at.desc(), _d.id).limit(1)
    problem = connection.execute(last).scalar()
    return Deliveries(n.get("sent", 0), n.get("waiting", 0), n.get("given up", 0), problem)


def _webhook(row: Row[Any]) -> Webhook:
    return Webhook(row.id, row.site_id, row.url, row.kind, row.created_at)


def target(url: str, *, private_allowed: bool, ports: Collection[int] = PORTS) -> Target:
    """The target of a webhook's address. Raises MalformedWebhook. A host name is not resolved yet.

    `ports` are those of public targets; none means all. Where private targets are allowed, every port is.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except (ValueError, UnicodeError):
        parts, host, port = urlsplit(""), "", None
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= MAX_URL_CHARACTERS
    if parts.scheme not in ("http", "https") or not host or not plain or port == 0:
        raise MalformedWebhook(
            gettext("Write a webhook's address as https://hooks.example.org/reactions: http or https, a host, no spaces.")
        )
    if "@" in parts.netloc or parts.fragment:
        raise MalformedWebhook(gettext("A webhook's address must not have a user name, a password or a #fragment."))
    if not private_allowed and _is_address(host) and not visited.is_public(host):
        raise MalformedWebhook(_why_private(host))
    port = port or {"http": 80, "https": 443}[parts.scheme]
    if not private_allowed and ports and port not in ports:
        named = ", ".join(map(str, sorted(ports)))
        raise MalformedWebhook(
            gettext(
                "A webhook may not use the port %(port)s. The setting webhook_ports allows %(ports)s.", port=port, ports=named
            )
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme == "https", host, port, path)


def addresses(to: Target, *, private_allowed: bool) -> list[str]:
    """The IP addresses of a target that may be visited. Raises Unreachable."""
    try:
        resolved = socket.getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"{to.host} cannot be resolved: {getattr(error, 'strerror', error)}.") from None
    known = list(dict.fromkeys(str(address[0]) for *_, address in resolved))
    allowed = [address for address in known if private_allowed or visited.is_public(address)]
    if not allowed:
        raise Unreachable(_why_private(to.host))
    return allowed


def _why_private(host: str) -> str:
    what = "an address of this machine, of a private network or of another special purpose"
    return f"{host} is {what}. The setting webhook_private_targets allows these."


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        # 127.1 and 0x7f000001 are addresses to the resolver, though not to us.
        return host.rpartition(".")[2][:1].isdigit()
    return True


def secret_of(key: bytes, webhook_id: str) -> bytes:
    """The secret of a webhook; `key` is the service's key for webhooks."""
    return hmac.digest(key, webhook_id.encode(), hashlib.sha256)


def displayed(secret: bytes) -> str:
    """The secret in the form that Standard Webhooks libraries take."""
    return f"whsec_{base64.b64encode(secret).decode()}"


def signature_headers(*secrets: bytes, message_id: str, body: bytes, at_s: int) -> dict[str, str]:
    """The three Standard Webhooks headers of a message sent at this time (UTC seconds), signed with each secret.

    A retry has the same id and another time.
    """
    signed = f"{message_id}.{at_s}.".encode() + body
    signatures = [base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode() for secret in secrets]
    listed = " ".join(f"v1,{signature}" for signature in signatures)
    return {"webhook-id": message_id, "webhook-timestamp": str(at_s), "webhook-signature": listed}
