"""The outbox: messages that wait for webhooks, written in the transaction that raised their alert, and their delivery by HTTP.

A process claims a message with an update that only one process can win and that sets the time of the next attempt, so a message
whose sender dies is tried again then. A message arrives at least once; its id identifies a repetition. Each attempt is one POST,
within its time, to an address that was checked; redirects are not followed.
"""

from __future__ import annotations

import random
import secrets
import socket
import ssl
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse
from threading import Event, Timer
from typing import Any, NamedTuple

from sqlalchemy import Connection, CursorResult, Engine, Update, delete, insert, select, update

from reactions import __version__
from reactions.notices import webhooks
from reactions.notices.webhooks import Target, Unreachable, Webhook
from reactions.refusals import MalformedWebhook
from reactions.secret_keys import Keys
from reactions.settings import Settings
from reactions.storage import tables
from reactions.storage.engines import writing
from reactions.times import DAY_MS

WAITING, SENT, GIVEN_UP = "waiting", "sent", "given up"
FIRST_WAIT_S, LONGEST_WAIT_S, GROWTH = 60, 43_200, 3
KEPT_MS = 30 * DAY_MS  # how long a settled message can be looked up
_THREADS = 8  # messages sent at the same time, so that a slow target delays no other
_PROBLEM_CHARACTERS = 300
_REASON_BYTES = 1200  # of a refusal's body; its first 200 characters are shown
_REASON_CHARACTERS = 200

_FINAL, _RETRY_AFTER = (400, 404, 410), (429, 503)  # what no repetition of the message will change, what asks for one

_d, _w = tables.delivery.c, tables.webhook.c


@dataclass(frozen=True)
class Sender:
    """The database, the service's key for webhooks, the clock (UTC ms), the settings and the jitter (0 to 1) of deliveries.

    Messages are signed with `older_keys` too: receivers that verify with these go on doing so.
    """

    engine: Engine
    key: bytes
    clock: Callable[[], int]
    timeout_s: float
    attempts: int
    private_allowed: bool
    ports: Collection[int] = webhooks.PORTS
    jitter: Callable[[], float] = random.random
    user_agent: str = "reader-reactions"
    older_keys: Sequence[bytes] = ()


def sender_of(settings: Settings, keys: Keys, engine: Engine, *, clock: Callable[[], int]) -> Sender:
    """The sender that the settings describe."""
    return Sender(
        engine=engine,
        key=keys.signing("webhooks"),
        older_keys=keys.accepted("webhooks")[1:],
        clock=clock,
        timeout_s=settings.webhook_timeout_s,
        attempts=settings.webhook_attempts,
        private_allowed=settings.webhook_private_targets,
        ports=frozenset(map(int, settings.webhook_ports)),
        user_agent=f"reader-reactions/{__version__}",
    )


class Attempt(NamedTuple):
    """The outcome of one message in this run."""

    url: str
    state: str
    problem: str | None


class _Due(NamedTuple):
    id: str
    webhook_id: str
    url: str
    body: str
    attempts: int


def wait_s(attempts: int, jitter: float) -> int:
    """Seconds to the next attempt: a minute, three times longer each time, at most half a day, ±20 % by `jitter` (0 to 1)."""
    planned = min(FIRST_WAIT_S * GROWTH ** (attempts - 1), LONGEST_WAIT_S)
    return int(planned * (0.8 + 0.4 * jitter))


def enqueue(connection: Connection, bodies: Collection[tuple[Webhook, str]], alert_id: str, *, now_ms: int) -> None:
    """Queue a message with its body for each webhook."""
    rows = [
        {
            "id": f"msg_{secrets.token_hex(12)}",
            "webhook_id": webhook.id,
            "alert_id": alert_id,
            "body": body,
            "state": WAITING,
            "attempts": 0,
            "next_at": now_ms,
        }
        for webhook, body in bodies
    ]
    if rows:
        connection.execute(insert(tables.delivery), rows)


def deliver(sender: Sender, site_ids: Sequence[int]) -> list[Attempt]:
    """Send the messages of these sites that are due; return the outcome of each."""
    with sender.engine.connect() as connection:
        due = _due(connection, site_ids, sender.clock())
    with ThreadPoolExecutor(_THREADS) as pool:
        attempts = list(pool.map(partial(_attempt, sender), due))
    return [attempt for attempt in attempts if attempt is not None]


def retry(connection: Connection, webhook: Webhook, *, now_ms: int) -> int:
    """Queue the messages that were given up for a webhook again; return how many."""
    again = update(tables.delivery).where(_d.webhook_id == webhook.id, _d.state == GIVEN_UP)
    return _changed(connection, again.values(state=WAITING, attempts=0, next_at=now_ms, settled_at=None))


def forget_settled(connection: Connection, *, now_ms: int) -> None:
    """Delete messages that were sent, or given up, a month ago."""
    connection.execute(delete(tables.delivery).where(_d.settled_at < now_ms - KEPT_MS))


def send_test(sender: Sender, webhook: Webhook, body: str) -> int:
    """Send a message at once, signed like any other and never repeated; return the status of the answer. Raises Unreachable."""
    return _send(sender, _Due(f"msg_{secrets.token_hex(12)}", webhook.id, webhook.url, body, attempts=1))


def post(
    to: Target, body: bytes, headers: Mapping[str, str], *, timeout_s: float, private_allowed: bool, method: str = "POST"
) -> int:
    """POST a message, or send it by another method; return the status once the target has answered 2xx.

    Raises Unreachable, with the target's own reason.
    """
    allowed = webhooks.addresses(to, private_allowed=private_allowed)
    try:
        with _connected(to, allowed, timeout_s) as stream:
            status, retry_after, reason = _exchange(to, stream, method, body, headers)
    except TimeoutError:
        raise Unreachable(f"{to.host} did not answer within {timeout_s:g} s.") from None
    except (OSError, HTTPException) as error:
        cause = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise Unreachable(f"{to.host} did not accept the message: {cause}.") from None
    if not 200 <= status < 300:
        wait_s = int(retry_after) if status in _RETRY_AFTER and retry_after.isascii() and retry_after.isdigit() else 0
        final = status in _FINAL
        never = ", so it does not take this message however often it is sent" if final else ""
        said = f"{to.host} answered {status}{never}" + (f": {reason}" if reason else ".")
        raise Unreachable(said, retry_after_s=wait_s, final=final, status=status, reason=reason)
    return status


def _due(connection: Connection, site_ids: Sequence[int], now_ms: int) -> list[_Due]:
    due = (
        select(_d.id, _d.webhook_id, _w.url, _d.body, _d.attempts)
        .join(tables.webhook, _w.id == _d.webhook_id)
        .where(_d.state == WAITING, _d.next_at <= now_ms, _w.site_id.in_(site_ids))
        .order_by(_d.next_at, _d.id)
    )
    return [_Due(*row) for row in connection.execute(due)]


def _attempt(sender: Sender, due: _Due) -> Attempt | None:
    """Claim a message and send it; None if another process has claimed it."""
    if due.attempts >= sender.attempts:
        return _settle(sender, due, GIVEN_UP, "The process that made the last attempt did not finish it.")
    next_at = sender.clock() + 1000 * wait_s(due.attempts + 1, sender.jitter())
    claim = update(tables.delivery).where(_d.id == due.id, _d.state == WAITING, _d.attempts == due.attempts)
    with writing(sender.engine) as connection:
        if not _changed(connection, claim.values(attempts=due.attempts + 1, next_at=next_at)):
            return None
    claimed = due._replace(attempts=due.attempts + 1)
    try:
        _send(sender, claimed)
    except Unreachable as unreachable:
        return _failed(sender, claimed, unreachable, next_at)
    return _settle(sender, claimed, SENT, None)


def _send(sender: Sender, due: _Due) -> int:
    body = due.body.encode()
    secrets = [webhooks.secret_of(key, due.webhook_id) for key in (sender.key, *sender.older_keys)]
    headers = webhooks.signature_headers(*secrets, message_id=due.id, body=body, at_s=sender.clock() // 1000)
    try:
        to = webhooks.target(due.url, private_allowed=sender.private_allowed, ports=sender.ports)
    except MalformedWebhook as refusal:
        raise Unreachable(refusal.detail) from None
    return post(
        to,
        body,
        {"User-Agent": sender.user_agent, **headers},
        timeout_s=sender.timeout_s,
        private_allowed=sender.private_allowed,
    )


def _failed(sender: Sender, due: _Due, unreachable: Unreachable, next_at: int) -> Attempt | None:
    problem = str(unreachable)
    if unreachable.final or due.attempts >= sender.attempts:
        return _settle(sender, due, GIVEN_UP, problem)
    requested = sender.clock() + 1000 * min(unreachable.retry_after_s, LONGEST_WAIT_S)
    return _settle(sender, due, WAITING, problem, next_at=max(next_at, requested))


def _settle(sender: Sender, due: _Due, state: str, problem: str | None, **more: Any) -> Attempt | None:
    """Record the outcome of an attempt, unless the message was claimed again or removed since."""
    settled_at = None if state == WAITING else sender.clock()
    mine = update(tables.delivery).where(_d.id == due.id, _d.state == WAITING, _d.attempts == due.attempts)
    values = {"state": state, "problem": problem and problem[:_PROBLEM_CHARACTERS], "settled_at": settled_at, **more}
    with writing(sender.engine) as connection:
        return Attempt(due.url, state, problem) if _changed(connection, mine.values(values)) else None


def _changed(connection: Connection, statement: Update) -> int:
    result: CursorResult[Any] = connection.execute(statement)
    return result.rowcount


def _exchange(to: Target, stream: socket.socket, method: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str, str]:
    """The status of the answer, how long the target asks to wait, and its reason if it refuses."""
    connection = HTTPConnection(to.host, to.port)
    connection.default_port = 443 if to.secure else 80  # the Host header leaves out the usual port
    connection.sock = stream
    connection.request(method, to.path, body, {"Content-Type": "application/json", **headers})
    response = connection.getresponse()
    reason = "" if 200 <= response.status < 300 else _reason(response)
    return response.status, response.headers.get("Retry-After", ""), reason


def _reason(response: HTTPResponse) -> str:
    """What a refusal says in plain text or JSON, on one line; empty if it says nothing that can be shown."""
    if response.headers.get_content_type() not in ("text/plain", "application/json", "application/problem+json"):
        return ""
    try:
        text = response.read(_REASON_BYTES).decode(errors="replace")
    except (OSError, HTTPException):
        return ""  # its status has arrived
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(shown.split())[:_REASON_CHARACTERS]


@contextmanager
def _connected(to: Target, allowed: list[str], timeout_s: float) -> Iterator[socket.socket]:
    """A connection that is cut when its time is over, even if the other side keeps sending slowly."""
    streams, time_is_up = [_first_that_connects(to, allowed, timeout_s)], Event()
    timer = Timer(timeout_s, _cut, [streams, time_is_up])
    timer.start()
    try:
        if to.secure:
            plain = streams[0]
            streams.append(
                ssl.create_default_context().wrap_socket(plain, server_hostname=to.host, do_handshake_on_connect=False)
            )
            streams[-1].do_handshake()  # type: ignore[attr-defined]
        yield streams[-1]
    except (OSError, HTTPException):
        if time_is_up.is_set():
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()
        for stream in streams:
            stream.close()


def _first_that_connects(to: Target, allowed: list[str], timeout_s: float) -> socket.socket:
    for address in allowed[:-1]:
        with suppress(OSError):
            return socket.create_connection((address, to.port), timeout_s / len(allowed))
    return socket.create_connection((allowed[-1], to.port), timeout_s / len(allowed))


def _cut(streams: list[socket.socket], time_is_up: Event) -> None:
    time_is_up.set()
    with suppress(OSError):
        streams[-1].shutdown(socket.SHUT_RDWR)
