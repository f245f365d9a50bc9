"""Signatures of messages, as the Standard Webhooks specification has them: any of its libraries verifies ours.

A webhook's secret is derived from the service's own and the webhook's id. It is kept nowhere, so no copy of the database has it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac


def secret_of(key: bytes, webhook_id: str) -> bytes:
    """The secret of a webhook; `key` is the service's key for webhooks."""
    return hmac.digest(key, webhook_id.encode(), hashlib.sha256)


def shown(secret: bytes) -> str:
    """The secret as the receiver's library takes it."""
    return f"whsec_{base64.b64encode(secret).decode()}"


def headers(secret: bytes, message_id: str, body: bytes, *, at_s: int) -> dict[str, str]:
    """The three headers of a message sent at this time (UTC seconds); a retry has the same id and another time."""
    signed = f"{message_id}.{at_s}.".encode() + body
    signature = base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
    return {"webhook-id": message_id, "webhook-timestamp": str(at_s), "webhook-signature": f"v1,{signature}"}
