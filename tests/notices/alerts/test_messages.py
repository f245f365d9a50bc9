"""What chats are sent: a form that they take, in which nothing that a stranger wrote acts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reactions.notices import messages
from tests.notices.alerts.conftest import Newsroom, finding
from tests.notices.alerts.receiver import receiving

EVIL = "@everyone <!channel> **bold** [a](https://evil.example) <https://evil.example|b> & `c`"


def said(headline: str = EVIL, url: str | None = "https://daily.example/goat", **data: Any) -> dict[str, Any]:
    return {
        "type": "alert.surging",
        "timestamp": "2025-11-25T12:00:00Z",
        "data": {
            "site": {"key": "daily", "name": "The Daily"},
            "article": {"key": "goat", "url": url, "dashboard_url": None},
            "headline": headline,
            "detail": "Votes.",
            **data,
        },
    }


def sent(kind: str, **given: Any) -> Any:
    return json.loads(messages.body(kind, said(**given)))


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://hooks.slack.com/services/T/B/x", "slack"),
        ("https://discord.com/api/webhooks/1/x", "discord"),
        ("https://ptb.discord.com/api/webhooks/1/x", "discord"),
        ("https://daily.webhook.office.com/webhookb2/x", "teams"),
        ("https://prod-1.westeurope.logic.azure.com:443/workflows/x", "teams"),
        ("https://a.b.environment.api.powerplatform.com/powerautomate/x", "teams"),
        ("https://hooks.example.org/hooks.slack.com", "plain"),
        ("https://notdiscord.com/", "plain"),
        ("https://discord.com.evil.example/", "plain"),
    ],
)
def test_the_host_tells_the_kind(url: str, kind: str) -> None:
    assert messages.kind_of(url) == kind


def test_slack_gets_plain_text_and_a_fallback_without_markup() -> None:
    slack = sent("slack")

    assert [block["type"] for block in slack["blocks"]] == ["header", "section", "actions"]
    assert slack["blocks"][0]["text"] == {"type": "plain_text", "text": EVIL, "emoji": False}
    assert slack["blocks"][2]["elements"][0]["url"] == "https://daily.example/goat"
    assert "<" not in slack["text"]
    assert "&lt;!channel&gt;" in slack["text"]


def test_discord_mentions_nobody_and_takes_no_markup() -> None:
    discord = sent("discord")

    assert discord["allowed_mentions"] == {"parse": []}
    (embed,) = discord["embeds"]
    assert embed["title"].startswith(r"\@everyone \<!channel\> \*\*bold\*\* \[a\]\(https\://evil")
    assert embed["url"] == "https://daily.example/goat"


def test_teams_gets_a_card_whose_text_has_no_markup() -> None:
    (attachment,) = sent("teams")["attachments"]

    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    body = attachment["content"]["body"]
    assert [part["type"] for part in body] == ["RichTextBlock", "RichTextBlock"]
    assert body[0]["inlines"][0]["text"] == EVIL
    assert attachment["content"]["actions"][0]["url"] == "https://daily.example/goat"


@pytest.mark.parametrize("kind", ["slack", "discord", "teams"])
@pytest.mark.parametrize("url", [None, "javascript:alert(1)", "https://x.example/ |y"])
def test_what_is_no_address_on_the_web_is_no_link(kind: str, url: str | None) -> None:
    text = json.dumps(sent(kind, headline="A", url=url))

    assert "javascript" not in text
    assert "x.example" not in text
    assert "Action.OpenUrl" not in text


@pytest.mark.parametrize("kind", ["slack", "discord", "teams"])
def test_the_longest_title_fits(kind: str) -> None:
    text = sent(kind, headline="Surging: " + "🐐" * 500)

    assert "🐐" * 140 + "…" in json.dumps(text, ensure_ascii=False)
    assert "🐐" * 141 not in json.dumps(text, ensure_ascii=False)


def test_a_webhook_is_sent_messages_of_its_kind(newsroom: Newsroom) -> None:
    with receiving() as chat, receiving() as plain:
        newsroom.webhook(chat.url, kind="discord")
        newsroom.webhook(plain.url)
        newsroom.raise_(finding())
        newsroom.deliver()

    assert "embeds" in json.loads(chat.sent[0].body)
    assert json.loads(plain.sent[0].body)["type"] == "alert.surging"
