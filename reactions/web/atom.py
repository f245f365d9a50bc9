"""The alerts of a site as an Atom feed, for feed readers and chat rooms that fetch instead of being told."""

from __future__ import annotations

from flask import Response

from reactions.notices import feed, raising
from reactions.web import current, editors, headers
from reactions.web.openapi import ApiBlueprint

blueprint = ApiBlueprint("alerts", description="What deserves an editor's attention. Needs a key of the site.")


@blueprint.get(
    "/v1/sites/<site_key>/alerts.atom",
    answer={"type": "string", "description": "An Atom feed (RFC 4287)"},
    media="application/atom+xml",
    problems=(400, 401, 403, 404, 503),
    scope="read",
)
def alerts(site_key: str) -> Response:
    """The site's last 50 alerts, newest first: surging, turned sour, most loved, record."""
    site = editors.require(site_key, "read")
    with current.reading() as connection:
        latest = raising.latest(connection, site, limit=feed.ENTRIES)
    address = f"{current.parts().settings.address}/v1/sites/{site.key}/alerts.atom"
    document = feed.atom(site, latest, address=address, now_ms=current.now_ms())
    return Response(document, headers=headers.PRIVATE, content_type="application/atom+xml; charset=utf-8")
