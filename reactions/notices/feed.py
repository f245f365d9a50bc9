"""The Atom feed of a site's alerts (RFC 4287)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from lxml import etree

from reactions import languages, texts
from reactions.languages import gettext, ngettext
from reactions.newsroom.sites import Site
from reactions.notices.alerts import Alert, rfc3339

ENTRIES = 50
_SPACE = "http://www.w3.org/2005/Atom"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


def atom(site: Site, alerts: Sequence[Alert], *, waiting: Mapping[str, int], address: str, now_ms: int) -> bytes:
    """The feed of these alerts, given newest first; `address` is its own URL.

    `waiting` is how many votes of an article wait for review, by its key: an entry says so as long as it is true.
    """
    feed = etree.Element(f"{{{_SPACE}}}feed", {_LANGUAGE: site.language}, nsmap={None: _SPACE})
    _part(feed, "title", _title(site))
    _part(feed, "id", uuid.uuid5(uuid.NAMESPACE_URL, address).urn)
    _part(feed, "updated", rfc3339(alerts[0].raised_at if alerts else now_ms))
    _part(feed, "link", rel="self", type="application/atom+xml", href=address)
    _part(_part(feed, "author"), "name", "Reader Reactions")
    with languages.speaking(site.language):
        for alert in alerts:
            _add(feed, alert, waiting.get(alert.article["key"] or "", 0))
    return bytes(etree.tostring(feed, encoding="utf-8", xml_declaration=True))


def _title(site: Site) -> str:
    with languages.speaking(site.language):
        return gettext("%(site)s: what moves readers", site=site.name)


def _add(feed: etree._Element, alert: Alert, waiting: int) -> None:
    entry = _part(feed, "entry")
    _part(entry, "id", uuid.UUID(hex=alert.id).urn)
    _part(entry, "title", alert.headline)
    _part(entry, "updated", rfc3339(alert.raised_at))
    _part(entry, "published", rfc3339(alert.raised_at))
    doubt = ngettext("%(n)s vote on it under review.", "%(n)s votes on it under review.", waiting) if waiting else ""
    _part(entry, "content", f"{alert.detail} {doubt}".strip(), type="text")
    _part(entry, "category", term=alert.rule)
    if section := alert.article["section"]:
        _part(entry, "category", term=section, scheme="urn:reader-reactions:section")
    if url := alert.article["url"] or alert.article.get("dashboard_url"):
        _part(entry, "link", rel="alternate", href=url)


def _part(parent: etree._Element, name: str, text: str = "", **attributes: str) -> etree._Element:
    part = etree.SubElement(parent, f"{{{_SPACE}}}{name}", {key: _writable(value) for key, value in attributes.items()})
    part.text = _writable(text) or None
    return part


def _writable(text: str) -> str:
    """Text that XML can hold: an article's key may contain characters that XML does not allow."""
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_forbidden(letter) else letter for letter in text)


def _is_forbidden(letter: str) -> bool:
    return letter in "\ufffe\uffff" or texts.unusable(letter) is not None
