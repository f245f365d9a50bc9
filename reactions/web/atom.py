"""The alerts of a site as an Atom feed, for feed readers and chat tools that poll."""

from __future__ import annotations

from flask import Response

from reactions.notices import alerts, feed
from reactions.votes import under_review
from reactions.web import current, editors, headers
from reactions.web.openapi import ApiBlueprint

blueprint = ApiBlueprint("alerts", description="Alerts about articles worth attention. Requires a key of the site.")


@blueprint.get(
    "/v1/sites/<site_key>/alerts.atom",
    "getAlertsFeed",
    response={"application/atom+xml": {"type": "string", "description": "An Atom feed (RFC 4287)"}},
    scope="read",
)
def alerts_feed(site_key: str) -> Response:
    """The site's last 50 alerts (surging, turned sour, most loved, record), newest first."""
    site = editors.require(site_key, "read")
    with current.reading() as connection:
        raised = [alerts.in_words(connection, site, alert) for alert in alerts.latest(connection, site, limit=feed.ENTRIES)]
        keys = {key for alert in raised if (key := alert.article["key"])}
        waiting = under_review.waiting_by_key(connection, site, keys)
    address = f"{current.parts().settings.address}/v1/sites/{site.key}/alerts.atom"
    document = feed.atom(site, raised, waiting=waiting, address=address, now_ms=current.now_ms())
    return Response(document, headers=headers.PRIVATE, content_type="application/atom+xml; charset=utf-8")
