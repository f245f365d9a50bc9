"""Alerts: each is raised once, in one transaction with its messages to webhooks, and can be read back."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, insert, select

from reactions.newsroom import article_keys
from reactions.newsroom.sites import Site
from reactions.notices import messages, outbox, webhooks
from reactions.storage import tables
from reactions.storage.engines import insert_for, writing

_a, _c = tables.alert.c, tables.cooling_off.c


@dataclass(frozen=True, slots=True)
class Finding:
    """An article that meets a rule, in words for editors and in figures. Not raised again within `cooling_off_ms`."""

    rule: str
    article_id: int
    article: Mapping[str, str | None]  # key, title, url, section
    headline: str
    detail: str
    figures: Mapping[str, Any]
    cooling_off_ms: int


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as it was raised; `raised_at` is UTC milliseconds. Its article has `dashboard_url` besides what a finding has."""

    id: str
    rule: str
    article: Mapping[str, str | None]
    headline: str
    detail: str
    figures: Mapping[str, Any]
    raised_at: int


def raise_all(engine: Engine, site: Site, findings: Sequence[Finding], *, now_ms: int, dashboard_url: str = "") -> list[Alert]:
    """Raise the findings that are not cooling off, and queue a message about each for every webhook.

    `dashboard_url` is where the dashboard is, for links to its pages; empty if nobody knows.
    """
    if not findings:
        return []
    with writing(engine) as connection:
        listeners = webhooks.all_of(connection, site)
        raised = [
            (_alert(found, now_ms, dashboard_url), found) for found in findings if _claimed(connection, site, found, now_ms)
        ]
        for alert, finding in raised:
            connection.execute(insert(tables.alert).values(_row(site, alert, finding)))
            said = message(site, alert)
            bodies = [(webhook, messages.body(webhook.kind, said)) for webhook in listeners]
            outbox.enqueue(connection, bodies, alert.id, now_ms=now_ms)
    return [alert for alert, _ in raised]


def latest(connection: Connection, site: Site, *, limit: int) -> list[Alert]:
    """The site's alerts, newest first."""
    mine = select(tables.alert).where(_a.site_id == site.id).order_by(_a.raised_at.desc(), _a.id).limit(limit)
    return [_from_row(row) for row in connection.execute(mine)]


def forget_cooled_off(connection: Connection, *, now_ms: int) -> None:
    """Delete the records of cooling-off times that are over."""
    connection.execute(delete(tables.cooling_off).where(_c.until <= now_ms))


def message(site: Site, alert: Alert) -> dict[str, Any]:
    """The plain message to webhooks, in the form that Standard Webhooks recommends."""
    return {
        "type": f"alert.{alert.rule.replace(' ', '_')}",
        "timestamp": rfc3339(alert.raised_at),
        "data": {
            "id": alert.id,
            "rule": alert.rule,
            "site": {"key": site.key, "name": site.name},
            "article": dict(alert.article),
            "headline": alert.headline,
            "detail": alert.detail,
            "figures": dict(alert.figures),
        },
    }


def trial_message(site: Site, *, now_ms: int) -> dict[str, Any]:
    """The plain message of a test: as an alert's, with no article."""
    return {
        "type": "test",
        "timestamp": rfc3339(now_ms),
        "data": {
            "site": {"key": site.key, "name": site.name},
            "headline": f"A test message from {site.name}",
            "detail": "Somebody pressed “Send a test” for this webhook. No article is concerned.",
        },
    }


def rfc3339(at_ms: int) -> str:
    """A time in UTC, to the second."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).isoformat().replace("+00:00", "Z")


def _claimed(connection: Connection, site: Site, finding: Finding, now_ms: int) -> bool:
    """True if this process may raise the finding: of several, one gets that answer for the same rule and article."""
    statement = insert_for(connection)(tables.cooling_off).values(
        site_id=site.id, rule=finding.rule, article_id=finding.article_id, until=now_ms + finding.cooling_off_ms
    )
    claim = statement.on_conflict_do_update(
        index_elements=["site_id", "rule", "article_id"],
        set_={"until": statement.excluded.until},
        where=_c.until <= now_ms,
    ).returning(_c.until)
    return connection.execute(claim).one_or_none() is not None


def _alert(finding: Finding, now_ms: int, dashboard_url: str) -> Alert:
    shown = article_keys.shown_id(finding.article_id)
    return Alert(
        id=uuid.uuid4().hex,
        rule=finding.rule,
        article={**finding.article, "dashboard_url": f"{dashboard_url}/article?id={shown}" if dashboard_url else None},
        headline=finding.headline,
        detail=finding.detail,
        figures=finding.figures,
        raised_at=now_ms,
    )


def _row(site: Site, alert: Alert, finding: Finding) -> dict[str, Any]:
    return {
        "id": alert.id,
        "site_id": site.id,
        "rule": alert.rule,
        "article_id": finding.article_id,
        "raised_at": alert.raised_at,
        "said": {
            "article": dict(alert.article),
            "headline": alert.headline,
            "detail": alert.detail,
            "figures": dict(alert.figures),
        },
    }


def _from_row(row: Row[Any]) -> Alert:
    return Alert(row.id, row.rule, raised_at=row.raised_at, **row.said)
