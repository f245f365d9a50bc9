"""One POST to a webhook: within its time, to an address that was looked at, following nobody anywhere else."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from threading import Event, Timer

from reactions.notices import targets
from reactions.notices.targets import Target, Unreachable

_GONE, _WAIT = 410, (429, 503)


def post(to: Target, body: bytes, headers: Mapping[str, str], *, timeout_s: float, private_allowed: bool) -> None:
    """Send a message; return once the target has answered 2xx. Raises Unreachable."""
    allowed = targets.addresses(to, private_allowed=private_allowed)
    try:
        with _connected(to, allowed, timeout_s) as stream:
            status, retry_after = _asked(to, stream, body, headers)
    except TimeoutError:
        raise Unreachable(f"{to.host} did not answer within {timeout_s:g} s.") from None
    except (OSError, HTTPException) as error:
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise Unreachable(f"{to.host} did not take the message: {said}.") from None
    if not 200 <= status < 300:
        wait_s = int(retry_after) if status in _WAIT and retry_after.isascii() and retry_after.isdigit() else 0
        raise Unreachable(f"{to.host} answered {status}.", retry_after_s=wait_s, gone=status == _GONE)


def _asked(to: Target, stream: socket.socket, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
    connection = HTTPConnection(to.host, to.port)
    connection.default_port = 443 if to.secure else 80  # the Host header leaves the usual port out
    connection.sock = stream
    connection.request("POST", to.path, body, {"Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    return answer.status, answer.headers.get("Retry-After", "")


@contextmanager
def _connected(to: Target, allowed: list[str], timeout_s: float) -> Iterator[socket.socket]:
    """A connection that is cut when its time is over, however slowly the other side goes on talking."""
    streams, over = [_first_that_connects(to, allowed, timeout_s)], Event()
    ending = Timer(timeout_s, _cut, [streams, over])
    ending.start()
    try:
        if to.secure:
            plain = streams[0]
            streams.append(
                ssl.create_default_context().wrap_socket(plain, server_hostname=to.host, do_handshake_on_connect=False)
            )
            streams[-1].do_handshake()  # type: ignore[attr-defined]
        yield streams[-1]
    except (OSError, HTTPException):
        if over.is_set():
            raise TimeoutError from None
        raise
    finally:
        ending.cancel()
        for stream in streams:
            stream.close()


def _first_that_connects(to: Target, allowed: list[str], timeout_s: float) -> socket.socket:
    for address in allowed[:-1]:
        with suppress(OSError):
            return socket.create_connection((address, to.port), timeout_s / len(allowed))
    return socket.create_connection((allowed[-1], to.port), timeout_s / len(allowed))


def _cut(streams: list[socket.socket], over: Event) -> None:
    over.set()
    with suppress(OSError):
        streams[-1].shutdown(socket.SHUT_RDWR)
