"""Readers, without knowing who they are.

A reader is a random id that their own browser made. We keep only a keyed hash of it, by default a different one for each
article, so that no reading profile exists. Network addresses are folded to a prefix, hashed and used for limits, never stored.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

PSEUDONYM_BYTES = 16
_NAT64 = IPv6Network("64:ff9b::/96")

Network = IPv4Network | IPv6Network


def derived_key(secret: bytes, purpose: str) -> bytes:
    """A key for one purpose, so that no two uses of the secret can be compared (HMAC-SHA256)."""
    return hmac.digest(secret, purpose.encode(), "sha256")


def pseudonym(key: bytes, *, site: str, article_id: int | None, reader: bytes) -> bytes:
    """The 16-byte name under which a reader's vote is stored: HMAC-SHA256 over site, article and reader id, truncated.

    `article_id` is None for sites that may tell one reader's votes from another's across articles.
    """
    scope = "" if article_id is None else str(article_id)
    return hmac.digest(key, f"{site}|{scope}|".encode() + reader, "sha256")[:PSEUDONYM_BYTES]


def limit_key(key: bytes, *parts: str) -> str:
    """A short keyed hash (BLAKE2b) to count a limit under: whoever reads the limiter's store learns no address and no reader."""
    return hashlib.blake2b("|".join(parts).encode(), key=key, digest_size=12).hexdigest()


@lru_cache(maxsize=4096)
def prefixes_of(address: str) -> tuple[str, str | None]:
    """The network a client counts as: (IPv4 /32 or IPv6 /64, and for IPv6 the /48 around it).

    IPv4 in IPv6 (mapped, 6to4, NAT64) is unwrapped first. What is no address at all is one network of its own.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown", None
    parsed = _unwrapped(parsed)
    if isinstance(parsed, IPv4Address):
        return str(parsed), None
    return str(ip_network((parsed, 64), strict=False)), str(ip_network((parsed, 48), strict=False))


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def proxy_networks(texts: Sequence[str]) -> tuple[frozenset[Network], bool]:
    """The networks whose forwarded headers are believed, and whether a Unix socket is. Raises ValueError."""
    networks = set()
    for text in texts:
        if text == "unix":
            continue
        try:
            networks.add(ip_network(text))
        except ValueError:
            raise ValueError(f'{text!r} is no network. Write "10.0.0.0/8", "127.0.0.1/32" or "unix".') from None
    return frozenset(networks), "unix" in texts


def client_address(peer: str, forwarded_for: str, proxies: tuple[frozenset[Network], bool]) -> str:
    """The address of the client: the right-most one of the chain that is not a trusted proxy's.

    `peer` is who connected ("" on a Unix socket); `forwarded_for` is the X-Forwarded-For header, believed only hop by hop
    from the right, and only as long as the hop before is trusted.
    """
    if not _trusted(peer, proxies):
        return peer
    for hop in reversed([part.strip() for part in forwarded_for.split(",")]):
        peer = _without_port(hop) or peer
        if not _trusted(peer, proxies):
            break
    return peer


@lru_cache(maxsize=4096)
def _trusted(peer: str, proxies: tuple[frozenset[Network], bool]) -> bool:
    networks, unix_socket = proxies
    if not peer:
        return unix_socket
    try:
        address = _unwrapped(ip_address(peer))
    except ValueError:
        return False
    return any(address in network for network in networks)


def _without_port(hop: str) -> str:
    """Proxies write 203.0.113.9:443 and [2001:db8::1]:443 as well as bare addresses."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    host, _, port = hop.partition(":")
    return host if port.isdigit() and "." in host else hop
