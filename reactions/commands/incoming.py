"""`reactions import`: totals that other tools counted come in, are listed, and are taken away again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TextIO

import click
from flask.cli import AppGroup

from reactions.commands import operator
from reactions.imports import bringing, planning, record, restoring
from reactions.imports.choices import Choices
from reactions.imports.found import Fault, Found
from reactions.imports.opening import Source
from reactions.imports.own_files import Folder
from reactions.imports.planning import Faulty, Plan
from reactions.imports.record import Import
from reactions.imports.staging import Stage
from reactions.imports.tools import applause, lyket, open_heart, table, varient, waline
from reactions.newsroom import article_keys, articles, sites
from reactions.newsroom.sites import Site
from reactions.votes import imported
from reactions.web import current

import_ = AppGroup("import", help="Bring in what other tools counted, list it, and take it away again.")
_SOURCE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_SHOWN = 100  # changes that --dry-run lists one by one


class Wish(NamedTuple):
    """What was typed: options that all tools have."""

    site: str
    file: BinaryIO
    key: str | None
    reactions: dict[str, str | None]
    source: str | None
    add_up: bool
    dry_run: bool


def _reactions(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str | None]:
    for pair in given:
        if "=" not in pair:
            raise click.BadParameter(f"{pair!r} is no pair. Write THEIRS=OURS, such as 0=like, or THEIRS= to leave it out.")
    return {theirs.strip(): ours.strip() or None for theirs, _, ours in (pair.rpartition("=") for pair in given)}


def _source(_context: click.Context, _parameter: click.Parameter, given: str | None) -> str | None:
    if given is not None and not _SOURCE.fullmatch(given):
        raise click.BadParameter("a name has 1 to 64 of a-z, 0-9, -, _ and full stops, such as old-blog.")
    return given


_OPTIONS = (
    click.argument("site"),
    click.argument("file", type=click.File("rb")),
    click.option("--key", metavar="TEMPLATE", help="How an article's key is made of the file's names, such as 'news/{slug}'."),
    click.option("--reaction", "reactions", multiple=True, metavar="THEIRS=OURS", callback=_reactions, help="Again for each."),
    click.option("--source", callback=_source, help="A name for what this file brings.  [the tool's]"),
    click.option("--add-up", is_flag=True, help="Add up entries about the same article."),
    click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing."),
)


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """The arguments and options of every tool's command, handed over as one wish."""

    def wished(**typed: Any) -> None:
        wish = Wish(**{name: typed.pop(name) for name in Wish._fields})
        command(wish, **typed)

    wished.__doc__, wished.__name__ = command.__doc__, command.__name__
    for option in reversed(_OPTIONS):
        wished = option(wished)
    return wished


@import_.command("varient")
@_options
def _varient(wish: Wish) -> None:
    """Import the table `reactions` of Varient 2.x or 3.x: a CSV or an SQL dump."""
    _bring(wish, varient)


@import_.command("waline")
@_options
def _waline(wish: Wish) -> None:
    """Import Waline's counters: the table wl_Counter (SQL, CSV) or a JSON export. Give --reaction 0=like for each place."""
    _bring(wish, waline)


@import_.command("open-heart")
@click.option("--article", metavar="KEY", help="The article that the answer is about, if it is about one.")
@_options
def _open_heart(wish: Wish, article: str | None) -> None:
    """Import answers of an Open Heart server: emoji and counts, or such objects by address."""
    _bring(wish, open_heart, article=article)


@import_.command("applause")
@_options
def _applause(wish: Wish) -> None:
    """Import the claps of applause-button. Give --reaction claps=love, unless the site offers clapping hands."""
    _bring(wish, applause)


@import_.command("lyket")
@_options
def _lyket(wish: Wish) -> None:
    """Import the totals of Lyket's like and clap buttons."""
    _bring(wish, lyket)


@import_.command("csv")
@click.option("--mapping", type=click.File(encoding="utf-8"), required=True, help="What the columns mean, in TOML.")
@_options
def _csv(wish: Wish, mapping: TextIO) -> None:
    """Import any CSV, with a mapping that says what its columns mean."""
    mapped = table.mapping(mapping.read())
    wish = wish._replace(key=wish.key or mapped.key, reactions={**mapped.reactions, **wish.reactions})
    _bring(wish, table, lambda source, choices: table.read(source, choices, mapped))


@import_.command("export")
@click.argument("site")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--source", callback=_source, default=restoring.NAME, show_default=True, help="A name for what this brings.")
@click.option("--dry-run", is_flag=True, help="Read and check everything, and change nothing.")
def _export(site: str, folder: Path, source: str, dry_run: bool) -> None:
    """Bring back what `reactions export SITE all --output FOLDER` wrote: articles, votes, imported totals."""
    found, export = _site(site), Folder(folder)
    if restoring.already(current.engine(), found, source, export):
        click.echo(f"{source}: everything in this export was imported already; nothing was changed.")
        return
    restoration = restoring.Restoration(export, found, source)
    if dry_run:
        count, votes = restoring.survey(current.engine(), found, restoration)
        click.echo(f"Would be: {count:,} articles and {votes:,} changes of votes. Nothing was changed.")
        return
    new = Import(found.id, source, restoring.NAME, folder.resolve().name[:200], export.hash, operator(), current.now_ms())
    done = current.parts().ballot_box.transact(lambda connection: bringing.restore(connection, found, new, restoration))
    click.echo(f"{source}: {done.votes:,} changes of votes brought back.")


@import_.command("list")
@click.argument("site")
def list_(site: str) -> None:
    """Show what was imported: from where, when, by whom, and how much."""
    with current.reading() as connection:
        for known in record.of_site(connection, sites.named(connection, site)):
            total = sum(
                n for rows in imported.amounts_of(connection, sites.named(connection, site), known.source) for *_, n in rows
            )
            when = datetime.fromtimestamp(known.at / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
            votes = f", and {known.votes:,} changes of votes" if known.votes else ""
            click.echo(f"{known.source:20} {total:>13,}  {known.format:10} {when}  {known.file_name}, by {known.by}{votes}")


@import_.command("remove")
@click.argument("site")
@click.argument("source")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
def remove(site: str, source: str, dry_run: bool) -> None:
    """Take away what a SOURCE has brought. Votes, and what other sources brought, stay."""
    found = _site(site)
    with planning.removal(current.engine(), found, source) as planned:
        if dry_run:
            _preview(planned)
            return
        assert planned.known is not None
        known = planned.known
        current.parts().ballot_box.transact(lambda connection: bringing.take_back(connection, found, known, planned.stage))
        votes = f", and {known.votes:,} changes of votes" if known.votes else ""
        click.echo(f"{planned.before:,} reactions from {source}{votes} taken away.")


def _bring(
    wish: Wish, tool: Any, read: Callable[[Source, Choices], Iterator[Found | Fault]] | None = None, *, article: str | None = None
) -> None:
    """Read the file, tell its faults or bring its totals."""
    site, name = _site(wish.site), wish.source or tool.NAME
    article = article_keys.canonical_key(article) if article is not None else None
    choices = Choices(site, wish.key, wish.reactions, article, wish.add_up)
    template = "{article}" if article is not None else wish.key or tool.KEY
    theirs = tool.reactions(site.reactions) if read is None else {}
    with Stage() as stage:
        source = Source(wish.file)
        try:
            planning.gather(stage, (read or tool.read)(source, choices), template, choices, theirs)
        except Faulty as faulty:
            _tell(faulty)
        planned = planning.plan(current.engine(), site, name, stage)
        if wish.dry_run:
            _preview(planned)
            return
        new = _record(site, name, tool.NAME, wish.file, source.hash())
        if planning.bring(current.parts().ballot_box, planned, new):
            click.echo(f"{name}: {_summary(planned)}")
        else:
            click.echo(f"{name}: everything in this file was imported already; nothing was changed.")


def _record(site: Site, source: str, form: str, file: BinaryIO, file_hash: str) -> Import:
    name = Path(str(getattr(file, "name", "-"))).name[:200]
    return Import(site.id, source, form, name, file_hash, operator(), current.now_ms())


def _site(key: str) -> Site:
    with current.reading() as connection:
        return sites.named(connection, key)


def _tell(faulty: Faulty) -> None:
    for fault in faulty.faults:
        click.echo(str(fault), err=True)
    more = " These are the first." if len(faulty.faults) == planning.MOST_FAULTS else ""
    raise click.ClickException(f"The file has entries that cannot be imported, so nothing was.{more}")


def _summary(planned: Plan) -> str:
    counted = f"{planned.articles:,} articles" if planned.articles != 1 else "1 article"
    return f"{counted}, {planned.new:,} of them new; {planned.before:,} reactions before, {planned.after:,} now."


def _preview(planned: Plan) -> None:
    shown = 0
    for chunk in planned.stage.amounts():
        for change in chunk[: max(_SHOWN - shown, 0)]:
            key = planned.stage.key_of(change.article_id) or _key(change.article_id)
            click.echo(f"{key}  {change.reaction}  {change.before:,} -> {change.after:,}")
            shown += 1
    if planned.changed > shown:
        click.echo(f"… and {planned.changed - shown:,} more")
    click.echo(f"Would be: {_summary(planned)} Nothing was changed.")


def _key(article_id: int) -> str:
    with current.reading() as connection:
        return articles.key_of(connection, article_id)
