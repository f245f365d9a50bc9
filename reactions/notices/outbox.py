"""The outbox: messages on their way to webhooks, written in the transaction that raised their alert.

Whoever delivers first claims a message with an update that only one process can win, and which sets the time of the next attempt:
should that process die, the message is tried again then. So a message arrives at least once, and its id tells a repetition.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection, CursorResult, Engine, Update, delete, insert, select, update

from reactions.notices import posting, signing, targets
from reactions.notices.targets import Unreachable
from reactions.notices.webhooks import Webhook
from reactions.refusals import MalformedWebhook
from reactions.storage import tables
from reactions.storage.engines import writing

WAITING, SENT, GIVEN_UP = "waiting", "sent", "given up"
FIRST_WAIT_S, LONGEST_WAIT_S, GROWTH = 60, 43_200, 3
KEPT_MS = 30 * 86_400_000  # how long a message that was settled can be looked up
_AT_ONCE = 8  # targets visited at the same time: a slow one holds up nobody else
_PROBLEM_CHARACTERS = 300

_d, _w = tables.delivery.c, tables.webhook.c


@dataclass(frozen=True)
class Postman:
    """Who delivers: the database, the service's key for webhooks, the clock (UTC ms), a die, and the settings."""

    engine: Engine
    key: bytes
    clock: Callable[[], int]
    timeout_s: float
    attempts: int
    private_allowed: bool
    die: Callable[[], float] = random.random
    agent: str = "reader-reactions"


class Attempt(NamedTuple):
    """What became of one message in this round."""

    url: str
    state: str
    problem: str | None


class _Due(NamedTuple):
    id: str
    webhook_id: str
    url: str
    body: str
    attempts: int


def wait_s(attempts: int, die: float) -> int:
    """Seconds until the next attempt: a minute, then three times longer each time up to half a day, a fifth more or less."""
    planned = min(FIRST_WAIT_S * GROWTH ** (attempts - 1), LONGEST_WAIT_S)
    return int(planned * (0.8 + 0.4 * die))


def put(connection: Connection, webhooks: Collection[Webhook], alert_id: str, body: str, *, now_ms: int) -> None:
    """Let a message wait for each webhook."""
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
        for webhook in webhooks
    ]
    if rows:
        connection.execute(insert(tables.delivery), rows)


def deliver(postman: Postman, site_ids: Sequence[int]) -> list[Attempt]:
    """Send what is due for these sites; say what became of each message."""
    with postman.engine.connect() as connection:
        due = _due(connection, site_ids, postman.clock())
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        attempts = list(pool.map(partial(_attempt, postman), due))
    return [attempt for attempt in attempts if attempt is not None]


def retry(connection: Connection, webhook: Webhook, *, now_ms: int) -> int:
    """Let what was given up for a webhook wait anew; return how many messages."""
    again = update(tables.delivery).where(_d.webhook_id == webhook.id, _d.state == GIVEN_UP)
    return _changed(connection, again.values(state=WAITING, attempts=0, next_at=now_ms, settled_at=None))


def forget_settled(connection: Connection, *, now_ms: int) -> None:
    """Remove messages that were sent, or given up, a month ago."""
    connection.execute(delete(tables.delivery).where(_d.settled_at < now_ms - KEPT_MS))


def _due(connection: Connection, site_ids: Sequence[int], now_ms: int) -> list[_Due]:
    found = (
        select(_d.id, _d.webhook_id, _w.url, _d.body, _d.attempts)
        .join(tables.webhook, _w.id == _d.webhook_id)
        .where(_d.state == WAITING, _d.next_at <= now_ms, _w.site_id.in_(site_ids))
        .order_by(_d.next_at, _d.id)
    )
    return [_Due(*row) for row in connection.execute(found)]


def _attempt(postman: Postman, due: _Due) -> Attempt | None:
    """Claim a message and send it; None if another process has it."""
    if due.attempts >= postman.attempts:
        return _settle(postman, due, GIVEN_UP, "The process that tried it last did not come back.")
    next_at = postman.clock() + 1000 * wait_s(due.attempts + 1, postman.die())
    claim = update(tables.delivery).where(_d.id == due.id, _d.state == WAITING, _d.attempts == due.attempts)
    with writing(postman.engine) as connection:
        if not _changed(connection, claim.values(attempts=due.attempts + 1, next_at=next_at)):
            return None
    claimed = due._replace(attempts=due.attempts + 1)
    try:
        _send(postman, claimed)
    except Unreachable as unreachable:
        return _failed(postman, claimed, unreachable, next_at)
    return _settle(postman, claimed, SENT, None)


def _send(postman: Postman, due: _Due) -> None:
    body = due.body.encode()
    secret = signing.secret_of(postman.key, due.webhook_id)
    headers = signing.headers(secret, due.id, body, at_s=postman.clock() // 1000)
    try:
        to = targets.target(due.url, private_allowed=postman.private_allowed)
    except MalformedWebhook as refusal:
        raise Unreachable(refusal.detail) from None
    posting.post(
        to,
        body,
        {"User-Agent": postman.agent, **headers},
        timeout_s=postman.timeout_s,
        private_allowed=postman.private_allowed,
    )


def _failed(postman: Postman, due: _Due, unreachable: Unreachable, next_at: int) -> Attempt | None:
    problem = str(unreachable)
    if unreachable.gone or due.attempts >= postman.attempts:
        return _settle(postman, due, GIVEN_UP, problem)
    asked_for = postman.clock() + 1000 * min(unreachable.retry_after_s, LONGEST_WAIT_S)
    return _settle(postman, due, WAITING, problem, next_at=max(next_at, asked_for))


def _settle(postman: Postman, due: _Due, state: str, problem: str | None, **more: Any) -> Attempt | None:
    """Write down what became of an attempt, unless the message was claimed anew or removed since."""
    settled_at = None if state == WAITING else postman.clock()
    mine = update(tables.delivery).where(_d.id == due.id, _d.state == WAITING, _d.attempts == due.attempts)
    values = {"state": state, "problem": problem and problem[:_PROBLEM_CHARACTERS], "settled_at": settled_at, **more}
    with writing(postman.engine) as connection:
        return Attempt(due.url, state, problem) if _changed(connection, mine.values(values)) else None


def _changed(connection: Connection, statement: Update) -> int:
    result: CursorResult[Any] = connection.execute(statement)
    return result.rowcount
