"""A publisher's end of a webhook: a real HTTP server that writes down what it is sent and answers as it is told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Sent:
    """One request as it arrived."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def is_signed_with(self, shown_secret: str) -> bool:
        """Verify as the specification tells receivers to, with nothing of ours."""
        key = base64.b64decode(shown_secret.removeprefix("whsec_"))
        signed = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return f"v1,{expected}" in self.headers["webhook-signature"].split(" ")


@dataclass
class Receiver:
    """`answers` are used up in order: a status, a status with headers and maybe a body, "silence" or "drip"; then it is 204."""

    url: str = ""
    sent: list[Sent] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, request: Sent) -> Any:
        with self.lock:
            self.sent.append(request)
            return self.answers.pop(0) if self.answers else 204


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    receiver: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.receiver.take(Sent(self.path, headers, body))
        if answer in ("silence", "drip"):
            self._never_end(b"H" if answer == "drip" else b"")
        else:
            self._end(*(answer if isinstance(answer, tuple) else (answer, {})))

    def _end(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _never_end(self, drop: bytes) -> None:
        """Answer nothing, or a byte at a time, each within any timeout of a single read."""
        self.close_connection = True
        with suppress(OSError):
            while not self.receiver.released.wait(0.05):
                self.wfile.write(drop)

    def log_message(self, *_: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """A client that does not trust the certificate goes away in the middle of a handshake."""


@contextmanager
def receiving(*answers: Any, certificate: tuple[str, str] | None = None) -> Iterator[Receiver]:
    """A receiver on a port of this machine until the block ends; with a certificate it speaks TLS."""
    receiver = Receiver(answers=list(answers))
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"receiver": receiver}))
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook?tool=chat"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
