"""`reactions alerts` and `reactions webhooks`: what deserves attention, and where word of it is sent."""

from __future__ import annotations

import click
from flask.cli import AppGroup, with_appcontext

from reactions import __version__
from reactions.newsroom import sites
from reactions.newsroom.sites import Site
from reactions.notices import alerts as alerts_
from reactions.notices import outbox, rules
from reactions.notices import webhooks as hooks
from reactions.notices.outbox import GIVEN_UP, SENT, Attempt, Sender
from reactions.settings import secret_of
from reactions.storage.engines import snapshot, writing
from reactions.votes import readers
from reactions.web import current


@click.command("alerts")
@click.argument("site", required=False)
@click.option("--all", "every", is_flag=True, help="All sites.")
@with_appcontext
def alerts(site: str | None, every: bool) -> None:
    """Look for what deserves attention, raise alerts, and send what waits for webhooks. For cron or a timer, every few minutes.

    Exit code 1 if a message was given up.
    """
    if every == bool(site):
        raise click.UsageError("Name a site, or say --all.")
    with current.reading() as connection:
        watched = sites.all_sites(connection) if site is None else [sites.named(connection, site)]
    for each in watched:
        _watch(each)
    attempts = outbox.deliver(_sender(), [each.id for each in watched])
    _report(attempts)
    with writing(current.engine()) as connection:
        outbox.forget_settled(connection, now_ms=current.now_ms())
        alerts_.forget_cooled_off(connection, now_ms=current.now_ms())
    if any(attempt.state == GIVEN_UP for attempt in attempts):
        raise click.exceptions.Exit(1)


def _watch(site: Site) -> None:
    now_ms = current.now_ms()
    with snapshot(current.engine()) as connection:
        found = rules.findings(connection, site, now_ms=now_ms)
    for alert in alerts_.raise_all(current.engine(), site, found, now_ms=now_ms):
        click.echo(f"{site.key}: {alert.headline}. {alert.detail}")


def _report(attempts: list[Attempt]) -> None:
    sent = sum(attempt.state == SENT for attempt in attempts)
    if sent:
        click.echo(f"{sent:,} message" + "s" * (sent > 1) + " sent.")
    for attempt in attempts:
        if attempt.state != SENT:
            outcome = "given up" if attempt.state == GIVEN_UP else "will be tried again"
            click.echo(f"{_without_query(attempt.url)}: {attempt.problem} ({outcome})", err=True)


def _sender() -> Sender:
    settings = current.parts().settings
    return Sender(
        engine=current.engine(),
        key=_key(),
        clock=current.now_ms,
        timeout_s=settings.webhook_timeout_s,
        attempts=settings.webhook_attempts,
        private_allowed=settings.webhook_private_targets,
        user_agent=f"reader-reactions/{__version__}",
    )


def _key() -> bytes:
    return readers.derived_key(secret_of(current.parts().settings), "webhooks")


webhooks = AppGroup("webhooks", help="Where a site's alerts are sent.")


@webhooks.command("add")
@click.argument("site")
@click.argument("url")
def add(site: str, url: str) -> None:
    """Send the site's alerts to an address; shows the secret that its receiver verifies them with."""
    allowed = current.parts().settings.webhook_private_targets
    with writing(current.engine()) as connection:
        found = sites.named(connection, site)
        made = hooks.add(connection, found, url, private_allowed=allowed, now_ms=current.now_ms())
    click.echo(f"Webhook {made.id} added. Its receiver verifies messages (Standard Webhooks) with this secret:", err=True)
    click.echo(hooks.displayed(hooks.secret_of(_key(), made.id)))


@webhooks.command("list")
@click.argument("site")
def list_all(site: str) -> None:
    """List a site's webhooks, and how their deliveries stand."""
    with current.reading() as connection:
        for webhook in hooks.all_of(connection, sites.named(connection, site)):
            stands = hooks.deliveries(connection, webhook)
            click.echo(f"{webhook.id}  {webhook.url}")
            click.echo(f"    {stands.sent:,} sent, {stands.waiting:,} waiting, {stands.given_up:,} given up")
            if stands.problem:
                click.echo(f"    {stands.problem}")


@webhooks.command("secret")
@click.argument("site")
@click.argument("webhook_id")
def secret(site: str, webhook_id: str) -> None:
    """Show the secret that a webhook's receiver verifies messages with."""
    with current.reading() as connection:
        webhook = hooks.get(connection, sites.named(connection, site), webhook_id)
    click.echo(hooks.displayed(hooks.secret_of(_key(), webhook.id)))


@webhooks.command("remove")
@click.argument("site")
@click.argument("webhook_id")
def remove(site: str, webhook_id: str) -> None:
    """Send nothing there any more, not even what waits."""
    with writing(current.engine()) as connection:
        removed = hooks.remove(connection, sites.named(connection, site), webhook_id)
    click.echo(f"{removed.url} gets no alerts any more.")


@webhooks.command("retry")
@click.argument("site")
@click.argument("webhook_id")
def retry(site: str, webhook_id: str) -> None:
    """Send what was given up after all: with the next `reactions alerts`."""
    with writing(current.engine()) as connection:
        webhook = hooks.get(connection, sites.named(connection, site), webhook_id)
        count = outbox.retry(connection, webhook, now_ms=current.now_ms())
    click.echo(f"{count:,} message{'s' * (count != 1)} will be sent by the next `reactions alerts`.")


def _without_query(url: str) -> str:
    """An address fit for a log: what follows the ? is often a password."""
    return url.partition("?")[0]
