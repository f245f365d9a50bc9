"""The alert about a verdict: votes on an article look like an attack."""

from __future__ import annotations

from sqlalchemy import Engine, select

from reactions.newsroom import alert_rules
from reactions.newsroom.sites import Site
from reactions.notices import alerts
from reactions.notices.alerts import Finding
from reactions.storage import tables
from reactions.times import HOUR_MS
from reactions.votes.verdicts import Verdict

RULE = "suspicious votes"
COOLING_OFF_MS = HOUR_MS

_a = tables.article.c


def raise_alert(engine: Engine, site: Site, verdict: Verdict, *, now_ms: int, dashboard_url: str = "") -> None:
    """Raise the alert, once an hour for an article at most, unless the site has turned it off."""
    if not alert_rules.completed(site.alert_rules)["suspicious_votes"]["on"]:
        return
    asked = select(_a.key, _a.title, _a.url, _a.section).where(_a.article_id == verdict.article_id)
    with engine.connect() as connection:
        article = connection.execute(asked).one_or_none()
    if article is None:
        return  # it was deleted meanwhile
    figures = {"verdict": verdict.id, "cause": verdict.cause, "enforced": verdict.enforced, **verdict.figures}
    finding = Finding(
        rule=RULE,
        article_id=verdict.article_id,
        article={"key": article.key, "title": article.title, "url": article.url, "section": article.section},
        headline=alerts.headline(RULE, article.title),
        detail=alerts.suspicion(site, verdict),
        figures=figures,
        cooling_off_ms=COOLING_OFF_MS,
    )
    alerts.raise_all(engine, site, [finding], now_ms=now_ms, dashboard_url=dashboard_url)
