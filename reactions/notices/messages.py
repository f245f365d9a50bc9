"""What a webhook is sent about an alert, in the form that its receiver takes: plain JSON, or a message to a chat.

Nothing that somebody else wrote may act in a chat: titles go into parts of a message that have no markup, or are escaped, so none
is a link, a mention of everybody, or bold.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from reactions.languages import gettext

_HEADLINE_CHARACTERS, _DETAIL_CHARACTERS = 150, 1000  # the least that any of the chats takes, and what fits on a screen
_MARKDOWN = re.compile(r"([\\`*_~|<>\[\]()#@:-])")
_HOSTS = {
    "slack": ("hooks.slack.com", "hooks.slack-gov.com"),
    "discord": ("discord.com", "discordapp.com"),
    "teams": (".webhook.office.com", ".logic.azure.com", ".api.powerplatform.com"),
}


def kind_of(url: str) -> str:
    """The kind of receiver that an address belongs to, by its host: "plain" where it is none of the chats'."""
    host = f".{urlsplit(url).hostname or ''}"
    return next((kind for kind, hosts in _HOSTS.items() if any(host.endswith(f".{each.strip('.')}") for each in hosts)), "plain")


def body(kind: str, said: Mapping[str, Any]) -> str:
    """The body of a message; `said` is the plain one."""
    return json.dumps(_FORMS[kind](said), ensure_ascii=False, separators=(",", ":"))


def _slack(said: Mapping[str, Any]) -> dict[str, Any]:
    headline, detail, link = _parts(said)
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": headline, "emoji": False}},
        {"type": "section", "text": {"type": "plain_text", "text": detail, "emoji": False}},
    ]
    if link:
        button = {"type": "button", "text": {"type": "plain_text", "text": gettext("Open")}, "url": link}
        blocks.append({"type": "actions", "elements": [button]})
    text = headline.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return {"text": text, "blocks": blocks}


def _discord(said: Mapping[str, Any]) -> dict[str, Any]:
    headline, detail, link = (_MARKDOWN.sub(r"\\\1", part) for part in _parts(said))
    embed = {"title": headline[:256], "description": detail, "timestamp": said["timestamp"]}
    if link:
        embed["url"] = _parts(said)[2]
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}


def _teams(said: Mapping[str, Any]) -> dict[str, Any]:
    headline, detail, link = _parts(said)
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [_run(headline, size="Large", weight="Bolder"), _run(detail)],
        "actions": [{"type": "Action.OpenUrl", "title": gettext("Open"), "url": link}] if link else [],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _run(text: str, **look: str) -> dict[str, Any]:
    """A paragraph of a card. Unlike a TextBlock, it has no markup."""
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **look}]}


def _parts(said: Mapping[str, Any]) -> tuple[str, str, str]:
    """Headline, detail with the site's name, and the link: to the dashboard where that is known, else to the article."""
    data = said["data"]
    article = data.get("article", {})  # a test is about none
    link = article.get("dashboard_url") or article.get("url") or ""
    good = link.startswith(("https://", "http://")) and link.isprintable() and " " not in link
    return (
        _cut(data["headline"], _HEADLINE_CHARACTERS),
        _cut(f"{data['site']['name']}: {data['detail']}", _DETAIL_CHARACTERS),
        link if good else "",
    )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


_FORMS: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
    "plain": lambda said: said,
    "slack": _slack,
    "discord": _discord,
    "teams": _teams,
}
KINDS = tuple(_FORMS)
