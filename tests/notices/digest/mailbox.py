"""A mail server in this process: enough of SMTP for Python's own client, over TLS or not, and strict about what it is told."""

from __future__ import annotations

import base64
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any


@dataclass
class Mailbox:
    """What came in. `refused` are recipients that the server does not take; `password` is asked for if there is one."""

    port: int = 0
    offers_tls: bool = False
    password: str = ""
    refused: tuple[str, ...] = ()
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    was_secure: list[bool] = field(default_factory=list)


class _Session(socketserver.StreamRequestHandler):
    mailbox: Mailbox
    context: ssl.SSLContext | None
    at_once = False

    def setup(self) -> None:
        if self.at_once:
            self._secure()
        super().setup()
        self.sender, self.recipients, self.proven = "", [], not self.mailbox.password  # type: ignore[var-annotated]

    def _secure(self) -> None:
        assert self.context is not None
        self.request = self.context.wrap_socket(self.request, server_side=True)

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self) -> None:
        self.say("220 a mailbox")
        while (line := self.rfile.readline()) and (command := line.decode().strip()):
            verb, _, rest = command.partition(" ")
            getattr(self, f"on_{verb.lower()}", self.on_unknown)(rest)
            if verb.upper() == "QUIT":
                return

    def on_unknown(self, _: str) -> None:
        self.say("500 not understood")

    def on_ehlo(self, _: str) -> None:
        features = ["a mailbox"]
        secure = isinstance(self.request, ssl.SSLSocket)
        features += ["STARTTLS"] if self.mailbox.offers_tls and not secure else []
        features += ["AUTH PLAIN"] if self.mailbox.password else []
        for feature in features[:-1]:
            self.say(f"250-{feature}")
        self.say(f"250 {features[-1]}")

    def on_starttls(self, _: str) -> None:
        self.say("220 go ahead")
        self._secure()
        super().setup()

    def on_auth(self, rest: str) -> None:
        given = base64.b64decode(rest.split()[1]).decode().split("\0")[2]
        self.proven = given == self.mailbox.password
        self.say("235 welcome" if self.proven else "535 wrong password")

    def on_mail(self, rest: str) -> None:
        self.sender = rest.partition("<")[2].partition(">")[0]
        self.say("250 ok" if self.proven else "530 who are you?")

    def on_rcpt(self, rest: str) -> None:
        recipient = rest.partition("<")[2].partition(">")[0]
        if recipient in self.mailbox.refused:
            self.say("550 no such person")
            return
        self.recipients.append(recipient)
        self.say("250 ok")

    def on_data(self, _: str) -> None:
        self.say("354 go ahead")
        lines: list[bytes] = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line[1:] if line.startswith(b"..") else line)
        mail: Any = message_from_bytes(b"".join(lines), policy=policy.default)
        self.mailbox.mails.append(mail)
        self.mailbox.envelopes.append((self.sender, self.recipients))
        self.mailbox.was_secure.append(isinstance(self.request, ssl.SSLSocket))
        self.say("250 taken")

    def on_rset(self, _: str) -> None:
        self.recipients = []
        self.say("250 ok")

    def on_quit(self, _: str) -> None:
        self.say("221 bye")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that does not trust the certificate goes away in the middle of a handshake."""


@contextmanager
def serving(mailbox: Mailbox, *, certificate: tuple[str, str] | None = None, at_once: bool = False) -> Iterator[Mailbox]:
    """Serve a mailbox until the block ends; `at_once` speaks TLS from the first byte."""
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
    session = type("Session", (_Session,), {"mailbox": mailbox, "context": context, "at_once": at_once})
    with _Server(("127.0.0.1", 0), session) as server:
        mailbox.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield mailbox
        finally:
            server.shutdown()
            thread.join()
