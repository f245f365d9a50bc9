"""`reactions alerts` and `reactions webhooks`: articles worth attention, and where alerts about them are sent."""

from __future__ import annotations

from typing import Any

import click
from flask.cli import AppGroup, with_appcontext

from reactions.commands import as_json, print_json
from reactions.newsroom import sites
from reactions.newsroom.sites import Site
from reactions.notices import alerts as alerts_
from reactions.notices import messages, outbox, rules
from reactions.notices import webhooks as hooks
from reactions.notices.alerts import Alert
from reactions.notices.outbox import GIVEN_UP, SENT, Attempt
from reactions.reports import words
from reactions.storage.engines import snapshot, writing
from reactions.web import current, settings_api


@click.command("alerts")
@click.argument("site", required=False)
@click.option("--all", "every", is_flag=True, help="Check all sites.")
@as_json
@with_appcontext
def alerts(site: str | None, every: bool, *, as_json: bool) -> None:
    """Raise alerts and deliver them to webhooks.

    Checks the alert rules and sends the messages that wait. Run it every few minutes, from cron or a systemd timer.
    Exit code 1 if a message was given up.
    """
    if every == bool(site):
        raise click.UsageError("Name a site, or use --all.")
    with current.reading() as connection:
        watched = sites.all_sites(connection) if site is None else [sites.get(connection, site)]
    raised = [(each, alert) for each in watched for alert in _watch(each)]
    parts = current.parts()
    sender = outbox.sender_of(parts.settings, parts.keys, current.engine(), clock=current.now_ms)
    attempts = outbox.deliver(sender, [each.id for each in watched])
    if as_json:
        print_json(_as_document(raised, attempts))
    else:
        _report(raised, attempts)
    with writing(current.engine()) as connection:
        outbox.forget_settled(connection, now_ms=current.now_ms())
        alerts_.forget_cooled_off(connection, now_ms=current.now_ms())
    if any(attempt.state == GIVEN_UP for attempt in attempts):
        raise click.exceptions.Exit(1)


def _watch(site: Site) -> list[Alert]:
    now_ms = current.now_ms()
    with snapshot(current.source().engine) as connection:
        found = rules.findings(connection, site, now_ms=current.source().now_ms())
    address = current.parts().settings.dashboard_url
    return alerts_.raise_all(current.engine(), site, found, now_ms=now_ms, dashboard_url=address)


def _as_document(raised: list[tuple[Site, Alert]], attempts: list[Attempt]) -> dict[str, Any]:
    return {
        "alerts": [
            {
                "site": site.key,
                "rule": alert.rule,
                "article": dict(alert.article),
                "headline": alert.headline,
                "detail": alert.detail,
            }
            for site, alert in raised
        ],
        "messages": [{"url": _without_query(each.url), "state": each.state, "problem": each.problem} for each in attempts],
    }


def _report(raised: list[tuple[Site, Alert]], attempts: list[Attempt]) -> None:
    for site, alert in raised:
        click.echo(f"{site.key}: {alert.headline}. {alert.detail}")
    sent = sum(attempt.state == SENT for attempt in attempts)
    if sent:
        click.echo(f"{words.counted(sent, 'message')} sent.")
    for attempt in attempts:
        if attempt.state != SENT:
            outcome = "given up" if attempt.state == GIVEN_UP else "will be tried again"
            click.echo(f"{_without_query(attempt.url)}: {attempt.problem} ({outcome})", err=True)


def _key() -> bytes:
    return current.parts().keys.signing("webhooks")


webhooks = AppGroup("webhooks", help="Choose where a site's alerts are sent.")


@webhooks.command("add")
@click.argument("site")
@click.argument("url")
@click.option("--kind", type=click.Choice(messages.KINDS), help="What the receiver is.  [default: by the host of URL]")
def add(site: str, url: str, kind: str | None) -> None:
    """Send the site's alerts to URL. Prints the secret with which the receiver verifies them."""
    settings = current.parts().settings
    allowed, ports = settings.webhook_private_targets, frozenset(map(int, settings.webhook_ports))
    with writing(current.engine()) as connection:
        found = sites.get(connection, site)
        made = hooks.add(connection, found, url, kind=kind or "", private_allowed=allowed, ports=ports, now_ms=current.now_ms())
    click.echo(
        f"Webhook {made.id} ({made.kind}) added. The receiver verifies messages (Standard Webhooks) with this secret:", err=True
    )
    click.echo(hooks.displayed(hooks.secret_of(_key(), made.id)))


@webhooks.command("list")
@click.argument("site")
@as_json
def list_all(site: str, *, as_json: bool) -> None:
    """List a site's webhooks with the state of their messages."""
    with current.reading() as connection:
        present = hooks.all_of(connection, sites.get(connection, site))
        states = [hooks.deliveries(connection, webhook) for webhook in present]
        if as_json:
            print_json({"webhooks": [settings_api.shown_webhook(connection, webhook) for webhook in present]})
            return
    for webhook, state in zip(present, states, strict=True):
        click.echo(f"{webhook.id}  {webhook.url}  ({webhook.kind})")
        click.echo(f"    {state.sent:,} sent, {state.waiting:,} waiting, {state.given_up:,} given up")
        if state.problem:
            click.echo(f"    {state.problem}")
    if not present:
        click.echo("none yet")


@webhooks.command("secret")
@click.argument("site")
@click.argument("webhook_id")
def secret(site: str, webhook_id: str) -> None:
    """Print the secret of a webhook.

    Its receiver verifies messages with it.
    """
    with current.reading() as connection:
        webhook = hooks.get(connection, sites.get(connection, site), webhook_id)
    click.echo(hooks.displayed(hooks.secret_of(_key(), webhook.id)))


@webhooks.command("test")
@click.argument("site")
@click.argument("webhook_id")
@as_json
def test(site: str, webhook_id: str, *, as_json: bool) -> None:
    """Send a webhook a test message at once, and show what its receiver says. Exit code 1 if it does not arrive."""
    with current.reading() as connection:
        found = sites.get(connection, site)
    outcome = settings_api.tested_webhook(found, webhook_id)
    if as_json:
        print_json(outcome)
    else:
        click.echo(outcome["detail"], err=not outcome["delivered"])
    if not outcome["delivered"]:
        raise click.exceptions.Exit(1)


@webhooks.command("remove")
@click.argument("site")
@click.argument("webhook_id")
def remove(site: str, webhook_id: str) -> None:
    """Remove a webhook and the messages that wait for it."""
    with writing(current.engine()) as connection:
        removed = hooks.remove(connection, sites.get(connection, site), webhook_id)
    click.echo(f"{removed.url} no longer gets alerts.")


@webhooks.command("retry")
@click.argument("site")
@click.argument("webhook_id")
def retry(site: str, webhook_id: str) -> None:
    """Try messages again that were given up.

    The next `reactions alerts` sends them.
    """
    with writing(current.engine()) as connection:
        webhook = hooks.get(connection, sites.get(connection, site), webhook_id)
        count = outbox.retry(connection, webhook, now_ms=current.now_ms())
    click.echo(f"{words.counted(count, 'message')} will be sent by the next `reactions alerts`.")


def _without_query(url: str) -> str:
    """A URL fit for a log: its query is often a password."""
    return url.partition("?")[0]
