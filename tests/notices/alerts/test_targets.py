"""Where webhooks may go, and where they may not."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from reactions.notices import webhooks
from reactions.notices.webhooks import Target, Unreachable
from reactions.refusals import MalformedWebhook


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://hooks.example.org/in?tool=1", Target(True, "hooks.example.org", 443, "/in?tool=1")),
        ("http://hooks.example.org:8080", Target(False, "hooks.example.org", 8080, "/")),
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
