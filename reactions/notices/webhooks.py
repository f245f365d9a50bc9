"""Webhooks: where a site's alerts are sent."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select

from reactions.newsroom.sites import Site
from reactions.notices import targets
from reactions.refusals import MalformedWebhook, UnknownWebhook
from reactions.storage import tables

MOST = 20

_w, _d = tables.webhook.c, tables.delivery.c


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that a site's alerts are sent to; `created_at` is UTC milliseconds."""

    id: str
    site_id: int
    url: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a webhook's deliveries stand: how many in each state, and what went wrong last."""

    sent: int
    waiting: int
    given_up: int
    problem: str | None


def add(connection: Connection, site: Site, url: str, *, private_allowed: bool, now_ms: int) -> Webhook:
    """Send the site's alerts to an address from now on. Raises MalformedWebhook."""
    targets.target(url, private_allowed=private_allowed)
    mine = all_of(connection, site)
    if any(webhook.url == url for webhook in mine):
        raise MalformedWebhook(f"{site.key} sends its alerts there already.")
    if len(mine) >= MOST:
        raise MalformedWebhook(f"A site has at most {MOST} webhooks.")
    made = Webhook(secrets.token_hex(6), site.id, url, now_ms)
    connection.execute(insert(tables.webhook).values(id=made.id, site_id=made.site_id, url=made.url, created_at=made.created_at))
    return made


def all_of(connection: Connection, site: Site) -> list[Webhook]:
    """The site's webhooks, oldest first."""
    mine = select(tables.webhook).where(_w.site_id == site.id).order_by(_w.created_at, _w.id)
    return [_webhook(row) for row in connection.execute(mine)]


def named(connection: Connection, site: Site, webhook_id: str) -> Webhook:
    """The site's webhook with this id. Raises UnknownWebhook."""
    row = connection.execute(select(tables.webhook).where(_w.id == webhook_id, _w.site_id == site.id)).one_or_none()
    if row is None:
        raise UnknownWebhook(f"{site.key} has no webhook {webhook_id[:16]!r}.")
    return _webhook(row)


def remove(connection: Connection, site: Site, webhook_id: str) -> Webhook:
    """Send nothing there any more, not even what waits. Raises UnknownWebhook."""
    removed = named(connection, site, webhook_id)
    connection.execute(delete(tables.delivery).where(_d.webhook_id == removed.id))
    connection.execute(delete(tables.webhook).where(_w.id == removed.id))
    return removed


def standing(connection: Connection, webhook: Webhook) -> Standing:
    """How the webhook's deliveries stand."""
    mine = _d.webhook_id == webhook.id
    counted = connection.execute(select(_d.state, func.count().label("n")).where(mine).group_by(_d.state))
    counts = {row.state: row.n for row in counted}
    last = select(_d.problem).where(mine, _d.problem.is_not(None)).order_by(_d.next_at.desc(), _d.id).limit(1)
    return Standing(counts.get("sent", 0), counts.get("waiting", 0), counts.get("given up", 0), connection.execute(last).scalar())


def _webhook(row: Row[Any]) -> Webhook:
    return Webhook(row.id, row.site_id, row.url, row.created_at)
