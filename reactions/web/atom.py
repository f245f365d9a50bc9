"""The alerts of a site as an Atom feed, for feed readers and chat tools that poll."""

from __future__ import annotations

from flask import Response

from reactions.notices import alerts, feed
from reactions.web import current, editors
from reactions.web.openapi import ApiBlueprint

blueprint = ApiBlueprint("alerts", description="Alerts about articles worth attention. Requires a key of the site.")


@blueprint.get(
    "/v1/sites/<site_key>/alerts.atom",
    answer={"type": "string", "description": "An Atom feed (RFC 4287)"},
    media="application/atom+xml",
    problems=(400, 401, 403, 404, 503),
    scope="read",
)
def alerts_feed(site_key: str) -> Response:
    """The site's last 50 alerts (surging, turned sour, most loved, record), newest first."""
    site = editors.require(site_key, "read")
    with current.reading() as connection:
        raised = alerts.latest(connection, site, limit=feed.ENTRIES)
    address = f"{current.parts().settings.address}/v1/sites/{site.key}/alerts.atom"
    headers = {
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    document = feed.atom(site, raised, address=address, now_ms=current.now_ms())
    return Response(document, headers=headers, content_type="application/atom+xml; charset=utf-8")
