"""Where webhooks may go: http and https, and no address of our own network unless the settings allow that.

A publisher writes the address and our server visits it, so it must not become a door to what only our server can reach. The name
is resolved here, and the connection goes to the very addresses that were looked at: a name cannot change its meaning in between.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from reactions.refusals import MalformedWebhook
from reactions.votes import networks

URL_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class Target:
    """The parts of a webhook's address; `path` with its query."""

    secure: bool
    host: str
    port: int
    path: str


class Unreachable(Exception):
    """The target did not take the message; the text says why. `retry_after_s` is what it asked for."""

    def __init__(self, detail: str, *, retry_after_s: int = 0, gone: bool = False) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s
        self.gone = gone


def target(url: str, *, private_allowed: bool) -> Target:
    """The target of a webhook's address. Raises MalformedWebhook; of a name, what it stands for is not asked yet."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except (ValueError, UnicodeError):
        parts, host, port = urlsplit(""), "", None
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= URL_CHARACTERS
    if parts.scheme not in ("http", "https") or not host or not plain or port == 0:
        raise MalformedWebhook("A webhook's address reads https://hooks.example.org/reactions: http or https, a host, no spaces.")
    if "@" in parts.netloc or parts.fragment:
        raise MalformedWebhook("A webhook's address has no user name, no password and no #fragment.")
    if not private_allowed and _is_address(host) and not _is_public(host):
        raise MalformedWebhook(_why_private(host))
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme == "https", host, port or {"http": 80, "https": 443}[parts.scheme], path)


def addresses(to: Target, *, private_allowed: bool) -> list[str]:
    """The addresses of a target that may be visited. Raises Unreachable."""
    try:
        found = socket.getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"{to.host} cannot be found: {getattr(error, 'strerror', error)}.") from None
    known = list(dict.fromkeys(str(address[0]) for *_, address in found))
    allowed = [address for address in known if private_allowed or _is_public(address)]
    if not allowed:
        raise Unreachable(_why_private(to.host))
    return allowed


def _why_private(host: str) -> str:
    return f"{host} is an address of this machine or of a private network. The setting webhook_private_targets allows those."


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        # 127.1 and 0x7f000001 are addresses to the resolver, though not to us.
        return host.rpartition(".")[2][:1].isdigit()
    return True


def _is_public(address: str) -> bool:
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(part.is_global and not part.is_multicast and not part.is_reserved for part in _meant(ip))


def _meant(ip: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """The address, or the IPv4 addresses that an IPv6 one stands for."""
    if isinstance(ip, IPv4Address):
        return [ip]
    return list(ip.teredo) if ip.teredo else [networks.unwrapped(ip)]
