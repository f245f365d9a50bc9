"""Networks: the address that a request came from, and the prefixes it counts as. Never stored; `hold` keeps keyed hashes."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from socket import AF_INET, inet_pton

from reactions.notations import Proxies

_NAT64 = IPv6Network("64:ff9b::/96")


@lru_cache(maxsize=4096)
def prefixes_of(address: str) -> tuple[str, str | None]:
    """The network a client counts as: (IPv4 /32 or IPv6 /64, and for IPv6 the /48 around it).

    IPv4 in IPv6 (mapped, 6to4, NAT64) is unwrapped first. What is no address at all is one network of its own.
    """
    parsed = _parsed(address.partition("%")[0])
    if parsed is None:
        return "unknown", None
    if isinstance(parsed, IPv4Address):
        return str(parsed), None
    return str(ip_network((parsed, 64), strict=False)), str(ip_network((parsed, 48), strict=False))


@lru_cache(maxsize=4096)
def widths_of(address: str) -> tuple[str, ...]:
    """The networks around a client, narrowest first: IPv4 /32 and /24, or IPv6 /64, /56, /48 and /32."""
    parsed = _parsed(address.partition("%")[0])
    if parsed is None:
        return ("unknown",)
    widths = (32, 24) if isinstance(parsed, IPv4Address) else (64, 56, 48, 32)
    return tuple(f"{int(parsed) >> (parsed.max_prefixlen - width):x}/{width}" for width in widths)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    """The address that a text is, unwrapped; None for any other text. Whether it is a proxy's and what it counts as ask alike."""
    with suppress(OSError, ValueError):
        return IPv4Address(inet_pton(AF_INET, text))  # most are IPv4, and this is four times as fast as ip_address
    with suppress(ValueError):
        return unwrapped(ip_address(text))
    return None


def unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address inside an IPv6 one (NAT64, RFC 6052; mapped, RFC 4291; 6to4, RFC 3056), else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def client_address(peer: str, forwarded_for: str, proxies: Proxies) -> str:
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
def _trusted(peer: str, proxies: Proxies) -> bool:
    networks, unix_socket = proxies
    if not peer:
        return unix_socket
    address = _parsed(peer)
    return address is not None and any(address in network for network in networks)


def _without_port(hop: str) -> str:
    """Proxies write 203.0.113.9:443 and [2001:db8::1]:443 as well as bare addresses."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    host, _, port = hop.partition(":")
    return host if port.isdigit() and "." in host else hop
