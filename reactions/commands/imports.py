"""`reactions articles`: what the publisher's own files say about articles."""

from __future__ import annotations

from typing import BinaryIO
from zoneinfo import ZoneInfo

import click
from flask.cli import AppGroup

from reactions.imports import article_files, article_storing
from reactions.imports.article_entries import Choices
from reactions.imports.article_files import MOST_BYTES, Reading
from reactions.newsroom import sites
from reactions.web import current

articles = AppGroup("articles", help="Import titles, sections and authors from a feed, a news sitemap or a table.")


@articles.command("import")
@click.argument("site")
@click.argument("file", type=click.File("rb"))
@click.option("--format", "format_", type=click.Choice(article_files.FORMATS), help="Found out unless given.")
@click.option(
    "--key",
    type=click.Choice(("path", "url", "guid", "column")),
    help="Where an article's key is.  [the column key if the file has one, else the path of its address]",
)
@click.option("--section", help="The section of articles for which the file has none.")
@click.option("--partial", is_flag=True, help="Import the good lines of a file that has bad ones too.")
def import_(site: str, file: BinaryIO, format_: str | None, key: str | None, section: str | None, partial: bool) -> None:
    """Import a FILE (- for standard input) of articles. Repeating it changes nothing.

    A file with a line that cannot be imported is rejected as a whole, unless --partial is given.
    """
    with current.reading() as connection:
        found = sites.named(connection, site)
    choices = Choices(key=key, section=section, time_zone=ZoneInfo(found.time_zone))
    reading = article_files.read(file.read(MOST_BYTES + 1), choices, format_=format_)
    _report_faults(reading, partial=partial)
    outcome = article_storing.store(current.engine(), found, reading.statements, now_ms=current.now_ms())
    read = len(reading.statements)
    click.echo(f"{_articles(read)} read: {outcome.new:,} new, {outcome.changed:,} changed, {outcome.same:,} as they were.")


def _report_faults(reading: Reading, *, partial: bool) -> None:
    """Name every bad line; raise unless the good ones may be imported without them."""
    for fault in reading.faults:
        click.echo(str(fault), err=True)
    if reading.faults and not partial:
        bad = f"{len(reading.faults):,} of {_articles(len(reading.faults) + len(reading.statements))} cannot be imported"
        raise click.ClickException(f"{bad}, so nothing was. Mend the file, or import the rest with --partial.")
    if reading.faults:
        click.echo(f"{len(reading.faults):,} lines were left out.", err=True)


def _articles(count: int) -> str:
    return f"{count:,} article" + "s" * (count != 1)
