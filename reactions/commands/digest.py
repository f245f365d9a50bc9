"""`reactions digest`: what moved a site's readers on one day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from urllib.parse import urlencode

import click
from flask.cli import with_appcontext

from reactions.newsroom import sites
from reactions.notices import digest, mail
from reactions.notices.digest import Digest
from reactions.notices.mail import NotSent
from reactions.reports.memory import Memory
from reactions.reports.reading import Reading
from reactions.storage.engines import snapshot
from reactions.web import current


@click.command("digest")
@click.argument("site")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="A day where the site is.  [yesterday]")
@click.option("--html", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path), help="Write HTML to a file, or to -.")
@click.option("--text", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path), help="Write text to a file, or to -.")
@click.option("--smtp", is_flag=True, help="Send it by mail, through smtp_url of the settings.")
@click.option("--to", "recipients", multiple=True, help="Who gets the mail; may be given several times, or several with commas.")
@with_appcontext
def digest_command(
    site: str, day: datetime | None, html: Path | None, text: Path | None, smtp: bool, recipients: Sequence[str]
) -> None:
    """Write the digest of a day, as text on standard output unless said otherwise."""
    found = _read(site, day.date() if day else None)
    link = _dashboard_url(found)
    if html:
        _write(html, digest.html(found, dashboard_url=link))
    if text or not (html or smtp):
        _write(text or Path("-"), digest.text(found, dashboard_url=link))
    if smtp:
        _mail(found, link, [part.strip() for given in recipients for part in given.split(",") if part.strip()])


def _read(site_key: str, day: date | None) -> Digest:
    with snapshot(current.engine()) as connection:
        site = sites.named(connection, site_key)
        reading = Reading(connection, site, current.now_ms(), Memory(keep_s=600, items=10_000_000))
        return digest.read(reading, day or digest.yesterday(site.time_zone, reading.now_ms))


def _mail(found: Digest, link: str, recipients: Sequence[str]) -> None:
    settings = current.parts().settings
    if not settings.smtp_url or not settings.mail_from:
        raise click.ClickException("Mail needs the settings smtp_url and mail_from.")
    if not recipients:
        raise click.UsageError("Say who gets the mail: --to newsroom@example.org")
    try:
        made = mail.message(
            sender=settings.mail_from,
            recipients=recipients,
            subject=digest.subject(found),
            text=digest.text(found, dashboard_url=link),
            html=digest.html(found, dashboard_url=link),
            now_ms=current.now_ms(),
        )
        mail.send(made, smtp_url=settings.smtp_url)
    except NotSent as error:
        raise click.ClickException(f"The digest was not sent. {error}") from None
    click.echo(f"Sent to {', '.join(recipients)}.", err=True)


def _dashboard_url(found: Digest) -> str:
    """The day in the dashboard, where the service has an address that a mail can carry."""
    settings = current.parts().settings
    day = found.day.isoformat()
    return f"{settings.address}/dashboard?{urlencode({'from': day, 'to': day})}" if settings.public_url else ""


def _write(path: Path, content: str) -> None:
    if str(path) == "-":
        click.echo(content, nl=False)
    else:
        path.write_text(content, encoding="utf-8")
