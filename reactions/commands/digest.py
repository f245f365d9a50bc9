"""`reactions digest` and `reactions subscribers`: one day of a site, as text, HTML or mail, and who gets it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import urlencode

import click
from flask.cli import AppGroup, with_appcontext

from reactions.commands import as_json, operator, print_json
from reactions.commands.arguments import Day, Place
from reactions.newsroom import sites
from reactions.newsroom import subscribers as subscribers_
from reactions.notices import digest, mail
from reactions.notices.digest import Digest
from reactions.notices.mail import NotSent
from reactions.reports.memory import Memory
from reactions.reports.query import Reading
from reactions.storage.engines import snapshot, writing
from reactions.web import current, settings_api


@click.command("digest")
@click.argument("site")
@click.option("--day", type=Day(), help="Day in the site's time zone.  [default: yesterday]")
@click.option(
    "--html",
    type=Place(dir_okay=False, allow_dash=True, path_type=Path),
    help="Write HTML to this file, or to standard output (-).",
)
@click.option(
    "--text",
    type=Place(dir_okay=False, allow_dash=True, path_type=Path),
    help="Write text to this file, or to standard output (-).",
)
@click.option("--smtp", is_flag=True, help="Send it by mail through the smtp_url of the settings.")
@click.option(
    "--to",
    "recipients",
    multiple=True,
    help="Recipient of the mail. Repeatable; commas separate several.  [default: the site's subscribers, each apart]",
)
@with_appcontext
def digest_command(
    site: str, day: date | None, html: Path | None, text: Path | None, smtp: bool, recipients: Sequence[str]
) -> None:
    """Write the digest of one day.

    Without --html, --text or --smtp it goes to standard output as text.
    """
    if recipients and not smtp:
        raise click.UsageError("--to is for mail: add --smtp.")
    found = _read(site, day)
    link = _dashboard_url(found)
    if html:
        _write(html, digest.html(found, dashboard_url=link))
    if text or not (html or smtp):
        _write(text or Path("-"), digest.text(found, dashboard_url=link))
    if smtp:
        named = [part.strip() for text_ in recipients for part in text_.split(",") if part.strip()]
        _mail_each(found, link, [named] if named else [[address] for address in _subscribers(site)])


def _read(site_key: str, day: date | None) -> Digest:
    with snapshot(current.source().engine) as connection:
        site = sites.get(connection, site_key)
        reading = Reading(connection, site, current.source().now_ms(), Memory(keep_s=600, items=10_000_000))
        return digest.read(reading, day or digest.yesterday(site.time_zone, reading.now_ms))


def _subscribers(site_key: str) -> list[str]:
    with current.reading() as connection:
        return [each.address for each in subscribers_.all_of(connection, sites.get(connection, site_key))]


def _mail_each(found: Digest, link: str, groups: Sequence[Sequence[str]]) -> None:
    """Send a mail to each group of recipients; if one is refused, the others get theirs all the same."""
    settings = current.parts().settings
    if not settings.smtp_url or not settings.mail_from:
        raise click.ClickException("Mail needs the settings smtp_url and mail_from.")
    if not groups:
        raise click.UsageError("Nobody gets the digest yet. Name a recipient, --to newsroom@example.org, or add a subscriber.")
    failures = []
    for recipients in groups:
        try:
            _mail(found, link, recipients)
        except click.ClickException as failure:
            failures.append(failure.message)
    if failures:
        raise click.ClickException(" ".join(failures))


def _mail(found: Digest, link: str, recipients: Sequence[str]) -> None:
    settings = current.parts().settings
    try:
        made = mail.message(
            sender=settings.mail_from,
            recipients=recipients,
            subject=digest.subject(found),
            text=digest.text(found, dashboard_url=link),
            html=digest.html(found, dashboard_url=link),
            now_ms=current.now_ms(),
            unsubscribe=settings.mail_unsubscribe,
            topic=found.board.site.key,
        )
        refused = mail.send(made, smtp_url=settings.smtp_url)
    except NotSent as error:
        raise click.ClickException(f"The digest was not sent. {error}") from None
    reached = [recipient for recipient in recipients if parseaddr(recipient)[1] not in refused]
    click.echo(f"Sent to {', '.join(reached)}.", err=True)
    if refused:
        raise click.ClickException(" ".join(refused.values()))


def _dashboard_url(found: Digest) -> str:
    """The URL of the day in the dashboard; empty without a public URL."""
    address, day = current.parts().settings.dashboard_url, found.day.isoformat()
    return f"{address}?{urlencode({'from': day, 'to': day})}" if address else ""


def _write(path: Path, content: str) -> None:
    if str(path) == "-":
        click.echo(content, nl=False)
    else:
        path.write_text(content, encoding="utf-8")


subscribers = AppGroup("subscribers", help="Choose who gets the digest of a site by mail.")


@subscribers.command("list")
@click.argument("site")
@as_json
def list_subscribers(site: str, *, as_json: bool) -> None:
    """List the subscribers of a site's digest."""
    with current.reading() as connection:
        every = subscribers_.all_of(connection, sites.get(connection, site))
    if as_json:
        print_json({"subscribers": [settings_api.shown_subscriber(each) for each in every]})
        return
    for each in every:
        click.echo(f"{each.address:40} added by {each.by}")
    if not every:
        click.echo("none yet")


@subscribers.command("add")
@click.argument("site")
@click.argument("address")
def subscribe(site: str, address: str) -> None:
    """Send the digest to ADDRESS, too."""
    with writing(current.engine()) as connection:
        found = sites.get(connection, site)
        made = subscribers_.add(connection, found, address, at_ms=current.now_ms(), by=operator())
    click.echo(f"{made.address} gets the digest of {site}.")


@subscribers.command("remove")
@click.argument("site")
@click.argument("address")
def unsubscribe(site: str, address: str) -> None:
    """Take ADDRESS off the list."""
    with writing(current.engine()) as connection:
        subscribers_.remove(connection, sites.get(connection, site), address)
    click.echo(f"{address} no longer gets the digest of {site}.")
