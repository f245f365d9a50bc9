"""Where webhooks may go, and where they may not."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest

from reactions.notices import outbox, visited, webhooks
from reactions.notices.webhooks import Target, Unreachable
from reactions.refusals import MalformedWebhook


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://hooks.example.org/in?tool=1", Target(True, "hooks.example.org", 443, "/in?tool=1")),
        ("http://hooks.example.org:80", Target(False, "hooks.example.org", 80, "/")),
        ("https://8.8.8.8/x", Target(True, "8.8.8.8", 443, "/x")),
        ("https://[2a00:1450:4001:801::200e]/", Target(True, "2a00:1450:4001:801::200e", 443, "/")),
    ],
)
def test_an_address_of_the_web_is_a_target(url: str, target: Target) -> None:
    assert webhooks.target(url, private_allowed=False) == target


@pytest.mark.parametrize(
    "url",
    [
        "", "hooks.example.org", "ftp://hooks.example.org/", "file:///etc/passwd", "javascript:alert(1)", "https:///x",
        "https://user:secret@hooks.example.org/", "https://hooks.example.org/#part", "https://hooks.example.org/a b",
        "https://hooks.example.org:0/", "https://hooks.example.org:99999/", "https://[::1", "https://h.example/\r\nX-Evil: 1",
        f"https://hooks.example.org/{'x' * 2000}", "https://hooks.example.org/ü",
    ],
)  # fmt: skip
def test_anything_else_is_none(url: str) -> None:
    with pytest.raises(MalformedWebhook):
        webhooks.target(url, private_allowed=True)


PRIVATE = [
    "127.0.0.1", "10.0.0.7", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "240.0.0.1",
    "[::1]", "[fe80::1]", "[fd00::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::]",
    "2130706433", "127.1", "0x7f000001", "0177.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("host", PRIVATE)
def test_an_address_of_our_own_network_is_refused_unless_the_settings_allow_it(host: str) -> None:
    with pytest.raises(MalformedWebhook, match="private network"):
        webhooks.target(f"http://{host}/", private_allowed=False)
    webhooks.target(f"http://{host}/", private_allowed=True)


def resolving_to(*addresses: str) -> Any:
    def resolved(_host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    return resolved


HOOKS = Target(True, "hooks.example.org", 443, "/")


def test_a_name_that_stands_for_our_own_network_is_not_visited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to("127.0.0.1", "fd00::1"))

    with pytest.raises(Unreachable, match="private network"):
        webhooks.addresses(HOOKS, private_allowed=False)
    assert webhooks.addresses(HOOKS, private_allowed=True) == ["127.0.0.1", "fd00::1"]


def test_of_several_addresses_only_the_public_ones_are_visited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to("10.0.0.1", "8.8.8.8"))

    assert webhooks.addresses(HOOKS, private_allowed=False) == ["8.8.8.8"]


def test_a_name_that_is_not_known_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    with pytest.raises(Unreachable, match=r"hooks\.example\.org cannot be resolved: Name or service not known"):
        webhooks.addresses(HOOKS, private_allowed=False)


# IANA's registries, entry by entry: iana-ipv4-special-registry, iana-ipv6-special-registry, and the multicast networks.
IPV4_REGISTRY = [
    "0.0.0.0/8", "0.0.0.0/32", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.0.0/29", "192.0.0.8/32", "192.0.0.9/32", "192.0.0.10/32", "192.0.0.170/32", "192.0.0.171/32", "192.0.2.0/24",
    "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.88.99.2/32", "192.168.0.0/16", "192.175.48.0/24",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32",
]  # fmt: skip
IPV6_REGISTRY = [
    "::1/128", "::/128", "::ffff:0:0/112", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001::/32",
    "2001:1::1/128", "2001:1::2/128", "2001:1::3/128", "2001:2::/48", "2001:3::/32", "2001:4:112::/48", "2001:10::/28",
    "2001:20::/28", "2001:30::/28", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fc00::/7",
    "fe80::/10", "fec0::/10", "ff00::/8",
    "::/96",  # IPv4-compatible, deprecated: ::7f00:1 was 127.0.0.1
    "1::/16", "4000::/3", "c000::/3",  # given out to nobody
]  # fmt: skip


@pytest.mark.parametrize("entry", IPV4_REGISTRY + IPV6_REGISTRY)
def test_no_entry_of_the_special_purpose_registries_is_public(entry: str) -> None:
    network = ipaddress.ip_network(entry)
    middle = network[network.num_addresses // 2]

    assert [str(ip) for ip in (network[0], middle, network[-1]) if visited.is_public(str(ip))] == []


@pytest.mark.parametrize("entry", IPV4_REGISTRY)
@pytest.mark.parametrize("form", ["::ffff:0:0", "64:ff9b::", "2002::"], ids=["mapped", "NAT64", "6to4"])
def test_no_ipv6_form_of_one_is_public_either(entry: str, form: str) -> None:
    embedded = int(ipaddress.ip_network(entry)[-1]) << (80 if form == "2002::" else 0)

    assert not visited.is_public(str(ipaddress.IPv6Address(int(ipaddress.IPv6Address(form)) + embedded)))


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "192.88.98.255", "192.88.100.0",
        "198.17.255.255", "198.20.0.0", "223.255.255.255", "2a00:1450:4001:801::200e", "2001:200::1", "2606:4700::1111",
        "2003::1", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8",
    ],
)  # fmt: skip
def test_what_stands_beside_the_registries_is_public(address: str) -> None:
    assert visited.is_public(address)


@pytest.mark.parametrize("address", ["", "localhost", "1.2.3", "::g", "fe80::1%eth0", "127.0.0.1%eth0"])
def test_what_is_no_public_address_at_all_is_not_one(address: str) -> None:
    assert not visited.is_public(address)


@pytest.mark.parametrize("port", [22, 25, 6379, 8080, 65535])
def test_other_ports_need_the_setting(port: int) -> None:
    url = f"https://hooks.example.org:{port}/"

    with pytest.raises(MalformedWebhook, match=f"may not use the port {port}. The setting webhook_ports allows 80, 443"):
        webhooks.target(url, private_allowed=False)
    assert webhooks.target(url, private_allowed=False, ports={443, port}).port == port
    assert webhooks.target(url, private_allowed=False, ports=()).port == port


def test_a_name_that_was_public_when_it_was_added_is_not_visited_once_it_is_private(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: what counts is the address at the time of the connection, and no other is connected to."""
    connected: list[Any] = []
    monkeypatch.setattr(socket, "create_connection", lambda address, *_: connected.append(address))
    for private in ("127.0.0.1", "192.88.99.1", "100.64.0.9", "fec0::1", "64:ff9b::a00:1", "::ffff:169.254.169.254"):
        monkeypatch.setattr(socket, "getaddrinfo", resolving_to(private))

        with pytest.raises(Unreachable, match="special purpose"):
            outbox.post(HOOKS, b"{}", {}, timeout_s=1, private_allowed=False)
    assert connected == []
