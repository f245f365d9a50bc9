"""Signatures, against the specification's own example."""

from __future__ import annotations

import base64

from reactions.notices import webhooks


def test_the_example_of_the_specification() -> None:
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    headers = webhooks.signature_headers(
        secret, message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", body=b'{"test": 2432232314}', at_s=1614265330
    )

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_every_webhook_has_a_secret_of_its_own_which_is_shown_as_libraries_take_it() -> None:
    one, other = (webhooks.secret_of(b"key", webhook_id) for webhook_id in ("a", "b"))

    assert one != other
    assert one == webhooks.secret_of(b"key", "a")
    assert one != webhooks.secret_of(b"another key", "a")
    assert base64.b64decode(webhooks.displayed(one).removeprefix("whsec_")) == one
    assert 24 <= len(one) <= 64
