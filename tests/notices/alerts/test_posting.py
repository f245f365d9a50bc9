"""Messages over TLS: only to a target whose certificate somebody vouches for, and to the very address that was looked at."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from reactions.notices import outbox, webhooks
from reactions.notices.webhooks import Unreachable
from tests import certificates
from tests.notices.alerts.receiver import Receiver, receiving


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    return certificates.for_localhost(tmp_path_factory.mktemp("certificate"))


def post(url: str) -> None:
    to = webhooks.target(url, private_allowed=True)
    outbox.post(to, b'{"\xc3\xbc": 1}', {"webhook-id": "msg_1"}, timeout_s=2, private_allowed=True)


def secure_url(receiver: Receiver, host: str = "localhost") -> str:
    return receiver.url.replace("http://127.0.0.1", f"https://{host}")


def test_a_message_goes_over_tls(certificate: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
    with receiving(certificate=certificate) as receiver:
        post(secure_url(receiver))

    (sent,) = receiver.sent
    assert sent.body == b'{"\xc3\xbc": 1}'
    assert sent.headers["host"] == secure_url(receiver).split("/")[2]


def test_nothing_goes_to_a_target_that_nobody_vouches_for(certificate: tuple[str, str]) -> None:
    with receiving(certificate=certificate) as receiver, pytest.raises(Unreachable, match="certificate verify failed"):
        post(secure_url(receiver))

    assert receiver.sent == []


def test_nothing_goes_to_a_target_of_another_name(certificate: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
    with receiving(certificate=certificate) as receiver, pytest.raises(Unreachable, match="certificate"):
        post(secure_url(receiver, "127.0.0.1"))

    assert receiver.sent == []


def test_a_handshake_that_never_ends_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        to = webhooks.target(f"https://127.0.0.1:{port}/", private_allowed=True)

        with pytest.raises(Unreachable, match=r"did not answer within 0\.3 s"):
            outbox.post(to, b"{}", {}, timeout_s=0.3, private_allowed=True)


def test_a_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is public when it is looked at and private when it is visited must not be asked for a second time."""
    asked: list[str] = []
    look_up = socket.getaddrinfo

    def noted(host: str, *given: Any, **named: Any) -> Any:
        asked.append(host)
        return look_up("127.0.0.1" if host == "hooks.example" else host, *given, **named)

    monkeypatch.setattr(socket, "getaddrinfo", noted)
    with receiving() as receiver:
        post(receiver.url.replace("127.0.0.1", "hooks.example"))

    assert asked.count("hooks.example") == 1
    assert receiver.sent[0].headers["host"].startswith("hooks.example:")
