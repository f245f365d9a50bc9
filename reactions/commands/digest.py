"""`reactions digest`: one day of a site, as text, HTML or mail."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import urlencode

import click
from flask.cli import with_appcontext

from reactions.newsroom import sites
from reactions.notices import digest, mail
from reactions.notices.digest import Digest
from reactions.notices.mail import NotSent
from reactions.reports.query import Memory, Reading
from reactions.storage.engines import snapshot
from reactions.web import current


@click.command("digest")
@click.argument("site")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Day in the site's time zone.  [default: yesterday]")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Write HTML to this file, or to standard output (-).",
)
@click.option(
    "--text",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Write text to this file, or to standard output (-).",
)
@click.option("--smtp", is_flag=True, help="Send it by mail through the smtp_url of the settings.")
@click.option("--to", "recipients", multiple=True, help="Recipient of the mail. Repeatable; commas separate several.")
@with_appcontext
def digest_command(
    site: str, day: datetime | None, html: Path | None, text: Path | None, smtp: bool, recipients: Sequence[str]
) -> None:
    """Write the digest of one day.

    Without --html, --text or --smtp it goes to standard output as text.
    """
    found = _read(site, day.date() if day else None)
    link = _dashboard_url(found)
    if html:
        _write(html, digest.html(found, dashboard_url=link))
    if text or not (html or smtp):
        _write(text or Path("-"), digest.text(found, dashboard_url=link))
    if smtp:
        _mail(found, link, [part.strip() for text_ in recipients for part in text_.split(",") if part.strip()])


def _read(site_key: str, day: date | None) -> Digest:
    with snapshot(current.engine()) as connection:
        site = sites.get(connection, site_key)
        reading = Reading(connection, site, current.now_ms(), Memory(keep_s=600, items=10_000_000))
        return digest.read(reading, day or digest.yesterday(site.time_zone, reading.now_ms))


def _mail(found: Digest, link: str, recipients: Sequence[str]) -> None:
    settings = current.parts().settings
    if not settings.smtp_url or not settings.mail_from:
        raise click.ClickException("Mail needs the settings smtp_url and mail_from.")
    if not recipients:
        raise click.UsageError("Name a recipient: --to newsroom@example.org")
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
