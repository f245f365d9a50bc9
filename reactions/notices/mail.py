"""Sending a digest by mail: one message with a text and an HTML part, to a server whose certificate is checked.

smtps:// uses TLS from the start. smtp:// switches to TLS with STARTTLS if the server offers it; a password is never sent without
TLS.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses, make_msgid, parseaddr
from urllib.parse import SplitResult, quote, unquote, urlsplit

from reactions import texts

_TIMEOUT_S = 30
_ADDRESS = re.compile(r"[^\s@<>,;:\\\"()\[\]]+@[^\s@<>,;:\\\"()\[\]]+")


class NotSent(Exception):
    """The mail could not be sent; the text says why."""


def message(
    *,
    sender: str,
    recipients: Sequence[str],
    subject: str,
    text: str,
    html: str,
    now_ms: int,
    unsubscribe: str = "",
    topic: str = "",
) -> EmailMessage:
    """The mail, with a text and an HTML part. Raises NotSent for a malformed address.

    `unsubscribe` is the address (mailto: or https:) at which a recipient says that it should end, the sender's if it is empty;
    `topic` names what is sent again and again, as the key of a site.
    """
    mail = EmailMessage(policy=SMTP)
    mail["From"] = _address(sender)
    mail["To"] = [_address(recipient) for recipient in recipients]
    mail["Subject"] = " ".join(subject.split())
    mail["Date"] = format_datetime(datetime.fromtimestamp(now_ms // 1000, UTC))
    mail["Message-ID"] = make_msgid(domain=_host(sender))
    mail["Auto-Submitted"] = "auto-generated"
    mail["List-Unsubscribe"] = f"<{unsubscribe or _by_mail(sender, topic)}>"
    mail["List-Id"] = f"<{topic or 'digest'}.digest.{_host(sender)}>"
    mail.set_content(text)
    mail.add_alternative(html, subtype="html")
    return mail


def send(mail: EmailMessage, *, smtp_url: str) -> dict[str, str]:
    """Hand a mail to the server; return the recipients that it refused, and why. Raises NotSent if nobody gets the mail."""
    parts = urlsplit(smtp_url)
    try:
        with _connected(parts) as server:
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            refused = server.send_message(mail)
    except smtplib.SMTPResponseException as error:
        raise NotSent(f"{parts.hostname} answered {error.smtp_code}: {_shown(error.smtp_error)}") from None
    except smtplib.SMTPRecipientsRefused as error:
        raise NotSent(" ".join(_refusals(error.recipients).values())) from None
    except UnicodeError:
        raise NotSent(
            "Python's mail client supports only ASCII: a user name, a password or an address contains other letters."
        ) from None
    except (OSError, smtplib.SMTPException) as error:
        raise NotSent(f"{parts.hostname} could not be reached: {error}") from None
    return _refusals(refused)


def _connected(parts: SplitResult) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if parts.scheme == "smtps":
        return smtplib.SMTP_SSL(parts.hostname or "", parts.port or 465, timeout=_TIMEOUT_S, context=context)
    server = smtplib.SMTP(parts.hostname or "", parts.port or 587, timeout=_TIMEOUT_S)
    try:
        _make_secure(server, parts, context)
    except BaseException:
        server.close()
        raise
    return server


def _make_secure(server: smtplib.SMTP, parts: SplitResult, context: ssl.SSLContext) -> None:
    server.ehlo()
    if server.has_extn("starttls"):
        server.starttls(context=context)
    elif parts.username:
        raise NotSent(
            f"{parts.hostname} does not offer STARTTLS, and a password is never sent without TLS. Use smtps://, or no password."
        )


def _address(text: str) -> Address:
    (name, address), *others = getaddresses([text]) or [("", "")]
    if others or not _ADDRESS.fullmatch(address) or texts.unusable(text):
        raise NotSent(f"{text[:80]!r} is not a mail address.")
    return Address(name, addr_spec=address)


def _by_mail(sender: str, topic: str) -> str:
    return f"mailto:{quote(parseaddr(sender)[1], safe='@')}?subject={quote(f'unsubscribe {topic}'.strip())}"


def _host(sender: str) -> str:
    return parseaddr(sender)[1].rpartition("@")[2]


def _refusals(recipients: dict[str, tuple[int, bytes]]) -> dict[str, str]:
    return {address: f"{address} was refused: {code} {_shown(reply)}." for address, (code, reply) in recipients.items()}


def _shown(reply: bytes | str) -> str:
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else reply
    return " ".join(text.split())[:200]
