"""Which IP addresses a webhook may be at: those of the public Internet, by IANA's special-purpose registries.

https://www.iana.org/assignments/iana-ipv4-special-registry and https://www.iana.org/assignments/iana-ipv6-special-registry, as of
2025-10. Every entry is refused, whether or not it is globally reachable: nobody receives messages at an anycast address of a
protocol. `ipaddress` alone would not do: what it calls global depends on the version of Python, and leaves out some entries.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_IPV4 = [
    IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4",  # multicast, which has a registry of its own
        "240.0.0.0/4",
    )
]  # fmt: skip
_GLOBAL_UNICAST = IPv6Network("2000::/3")  # all that IANA has given out to be routed; outside are loopback, private, link-local …
_IPV6 = [
    IPv6Network(network)
    for network in (
        "2001::/23",  # Teredo, benchmarking, ORCHID and the other protocol assignments
        "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
    )
]  # fmt: skip
_MAPPED, _NAT64 = IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96")  # an IPv4 address is in their last 32 bits


def is_public(address: str) -> bool:
    """True for an address on the public Internet; for one that stands for an IPv4 address, if that one is."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return _is_public_6(ip) if isinstance(ip, IPv6Address) else _is_public_4(ip)


def _is_public_4(ip: IPv4Address) -> bool:
    return not any(ip in network for network in _IPV4)


def _is_public_6(ip: IPv6Address) -> bool:
    if ip in _MAPPED or ip in _NAT64:  # in a network without IPv4, every name of an IPv4 host resolves to NAT64
        return _is_public_4(IPv4Address(int(ip) & 0xFFFFFFFF))
    return ip in _GLOBAL_UNICAST and not any(ip in network for network in _IPV6)
