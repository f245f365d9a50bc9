"""Alerts: each is raised once, in one transaction with its messages to webhooks, and can be read back.

An alert is stored with its rule and its figures, and worded in the language of whoever reads it. The words in English are stored
beside them: commands show these, and alerts of releases that stored nothing else have no other.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, insert, select

from reactions import languages
from reactions.languages import gettext
from reactions.newsroom import alert_rules, article_keys, articles
from reactions.newsroom.sites import Site
from reactions.notices import messages, outbox, webhooks
from reactions.refusals import UnknownVerdict
from reactions.reports import metrics, words
from reactions.storage import tables
from reactions.storage.engines import insert_for, writing
from reactions.votes import verdicts
from reactions.votes.verdicts import Verdict

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
            said = message(site, in_words(connection, site, alert))
            with languages.speaking(site.language):
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


def headline(rule: str, title: str | None) -> str:
    """What an alert says first, in the language in use: the rule and the article."""
    name = gettext("A record") if rule == "record" else alert_rules.names()[rule.replace(" ", "_")]
    return gettext("%(rule)s: %(title)s", rule=name, title=articles.headline(title))


def reason(site: Site, rule: str, figures: Mapping[str, Any]) -> str:
    """Why a rule of `notices.rules` raised an alert, in the language in use. Raises KeyError where a figure is missing."""
    if rule == "surging":
        return gettext(
            "%(gained)s readers in %(hours)s hours whose first reaction was not negative: %(times)s times what articles of its "
            "age gain here (%(expected)s).",
            gained=words.number(figures["gained"]), hours=metrics.TREND_HOURS,
            times=languages.decimal(figures["ratio"], "#,##0.0"), expected=languages.decimal(figures["expected"], "#,##0"),
        )  # fmt: skip
    if rule == "turned sour":
        before, lately = figures["before"], figures["lately"]
        return gettext(
            "The mood of the last 6 hours is %(mood)s (%(votes)s votes); before, it was %(earlier)s (%(earlier_votes)s votes).",
            mood=words.signed(lately["value"]), votes=words.number(lately["votes"]),
            earlier=words.signed(before["value"]), earlier_votes=words.number(before["votes"]),
        )  # fmt: skip
    if rule == "most loved":
        mood = figures["mood"]
        return gettext(
            "The best mood of all articles of the last 28 days: %(mood)s, at 95 %% confidence above %(low)s, from %(votes)s "
            "votes.",
            mood=words.signed(mood["value"]), low=words.signed(mood["low"]), votes=words.number(figures["votes"]),
        )  # fmt: skip
    return gettext(
        "%(votes)s votes, more than any other article of %(site)s; the previous record was %(former)s.",
        votes=words.number(figures["votes"]), site=site.name, former=words.number(figures["former"]),
    )  # fmt: skip


def suspicion(site: Site, verdict: Verdict) -> str:
    """What a verdict says, and what follows from it, in the language in use."""
    text = verdicts.in_words(site, verdict)
    if verdict.enforced:
        return gettext("%(verdict)s. They are held for review.", verdict=text)
    return gettext("%(verdict)s. They are counted until somebody decides.", verdict=text)


def in_words(connection: Connection, site: Site, alert: Alert) -> Alert:
    """An alert with its headline and its reason in the site's language, if its figures allow that."""
    with languages.speaking(site.language), suppress(KeyError, UnknownVerdict):
        said = headline(alert.rule, alert.article["title"])
        if "verdict" in alert.figures:
            return replace(alert, headline=said, detail=_of_verdict(connection, site, alert))
        return replace(alert, headline=said, detail=reason(site, alert.rule, alert.figures))
    return alert


def _of_verdict(connection: Connection, site: Site, alert: Alert) -> str:
    """The words about a verdict as it was when the alert was raised: it may have gone on since."""
    figures = {name: value for name, value in alert.figures.items() if name not in ("verdict", "cause", "enforced")}
    verdict = verdicts.get(connection, site, alert.figures["verdict"])
    if "votes" not in figures:
        raise KeyError("votes")
    return suspicion(site, replace(verdict, figures=figures, enforced=alert.figures["enforced"]))


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
            "headline": gettext("A test message from %(site)s", site=site.name),
            "detail": gettext("Somebody pressed “Send a test” for this webhook. No article is concerned."),
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
