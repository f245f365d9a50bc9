"""Networks: which address a request came from, and which prefixes it counts as."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactions import notations
from reactions.votes import networks

IPV4 = st.ip_addresses(v=4)
IPV6 = st.ip_addresses(v=6)


@pytest.mark.parametrize(
    ("address", "prefixes"),
    [
        ("192.0.2.1", ("192.0.2.1", None)),
        ("2001:db8:1:2:3:4:5:6", ("2001:db8:1:2::/64", "2001:db8:1::/48")),
        ("2001:DB8:1:2::1", ("2001:db8:1:2::/64", "2001:db8:1::/48")),
        ("fe80::1%eth0", ("fe80::/64", "fe80::/48")),
        ("::1", ("::/64", "::/48")),
        ("::ffff:192.0.2.1", ("192.0.2.1", None)),
        ("::ffff:c000:201", ("192.0.2.1", None)),
        ("64:ff9b::192.0.2.1", ("192.0.2.1", None)),
        ("2002:c000:201::1", ("192.0.2.1", None)),
        ("", ("unknown", None)),
        ("unknown", ("unknown", None)),
        ("192.0.2.1.5", ("unknown", None)),
        ("192.0.2.01", ("unknown", None)),
        ("192.0.2.1:80", ("unknown", None)),
        ("2001:db8::1::2", ("unknown", None)),
        ("<script>", ("unknown", None)),
    ],
)
def test_an_address_counts_as_its_network(address: str, prefixes: tuple[str, str | None]) -> None:
    assert networks.prefixes_of(address) == prefixes


@given(IPV4)
def test_an_ipv4_address_is_one_network_however_it_is_wrapped(address: IPv4Address) -> None:
    number = int(address)
    wrapped = [f"::ffff:{address}", str(IPv6Address(0x64FF9B << 96 | number)), str(IPv6Address(0x2002 << 112 | number << 80 | 7))]

    assert [networks.prefixes_of(form) for form in wrapped] == [(str(address), None)] * 3


@given(IPV6, IPV6)
def test_two_ipv6_addresses_count_together_only_within_a_64(one: IPv6Address, other: IPv6Address) -> None:
    narrow, wide = networks.prefixes_of(str(one))
    others, not_wrapped = networks.prefixes_of(str(other))

    if wide is not None:
        assert one in ip_network(narrow)
        assert one in ip_network(wide)
        assert ip_network(narrow).prefixlen == 64
        assert ip_network(wide).prefixlen == 48
        assert (others == narrow) == (not_wrapped is not None and other in ip_network(narrow))


def test_an_ipv4_address_in_ipv6_never_shares_the_network_around_it() -> None:
    assert networks.prefixes_of("::")[0] != networks.prefixes_of("::ffff:0:0")[0]


PROXIES = notations.proxy_networks(["10.0.0.0/24", "unix"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "client_address"),
    [
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.66, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.66, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("10.0.0.1", "198.51.100.7, 203.0.113.66, 198.51.100.8", "198.51.100.8"),
        ("10.0.0.1", " 198.51.100.7:4711 ", "198.51.100.7"),
        ("10.0.0.1", "[2001:db8::7]:443", "2001:db8::7"),
        ("10.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", ",,", "10.0.0.1"),
        ("10.0.0.1", "unknown", "unknown"),
        ("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("", "198.51.100.7", "198.51.100.7"),
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
        ("10.0.1.1", "198.51.100.7", "10.0.1.1"),
        ("nonsense", "198.51.100.7", "nonsense"),
    ],
)
def test_the_client_is_the_right_most_address_that_is_no_trusted_proxy(peer: str, forwarded: str, client_address: str) -> None:
    assert networks.client_address(peer, forwarded, PROXIES) == client_address


@given(st.lists(st.text(max_size=20) | IPV4.map(str) | IPV6.map(str), max_size=8).map(",".join))
def test_nobody_gets_past_a_proxy_that_is_not_trusted(forwarded: str) -> None:
    assert networks.client_address("192.0.2.1", forwarded, PROXIES) == "192.0.2.1"
    assert networks.client_address("192.0.2.1", forwarded, notations.proxy_networks([])) == "192.0.2.1"


@given(
    st.lists(st.text(max_size=20) | IPV4.map(str), max_size=8).map(",".join),
    IPV4.filter(lambda a: a not in ip_network("10.0.0.0/24")),
)
def test_what_a_client_puts_before_its_own_address_is_not_read(made_up: str, client: IPv4Address) -> None:
    assert networks.client_address("10.0.0.1", f"{made_up}, {client}", PROXIES) == str(client)


@given(st.text() | st.lists(IPV6.map(str), max_size=4).map(",".join))
def test_no_header_breaks_the_count(forwarded: str) -> None:
    narrow, wide = networks.prefixes_of(networks.client_address("10.0.0.1", forwarded, PROXIES))

    assert narrow == "unknown" or ip_network(narrow)
    assert wide is None or ip_network(wide).version == 6


@pytest.mark.parametrize("text", ["10.0.0.1/8", "nginx", "", "10.0.0.0/33", "10.0.0.0-10.0.0.9", "UNIX", "*"])
def test_a_proxy_that_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no network\. Write"):
        notations.proxy_networks([text])


def test_a_single_address_is_a_network_of_one() -> None:
    found, unix = notations.proxy_networks(["192.0.2.1", "2001:db8::/32", "unix"])

    assert found == {ip_network("192.0.2.1/32"), ip_network("2001:db8::/32")}
    assert unix
    assert ip_address("192.0.2.1") in next(n for n in found if n.version == 4)
