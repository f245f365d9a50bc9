"""`reactions articles import` and `reactions import`: descriptions of articles, totals of other tools, our own exports.

The file is longer than 300 lines because both groups tell an operator the same things about a file: its faults, and what changed.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from xml.sax.saxutils import quoteattr
from zoneinfo import ZoneInfo

import click
from flask.cli import AppGroup

from reactions.commands import as_json, operator, print_json
from reactions.commands.arguments import Day, Place
from reactions.imports import apply, article_files, descriptions, own_exports, record, totals, views
from reactions.imports.article_files import ArticleOptions, Reading
from reactions.imports.descriptions import Untitled
from reactions.imports.own_exports import Folder, Restoration
from reactions.imports.record import Import
from reactions.imports.sources import Fault, Source
from reactions.imports.tools import TOOLS, pages, tables
from reactions.imports.tools.tool import Tool
from reactions.imports.totals import Faulty, Plan, Stage, TotalsOptions
from reactions.imports.views import Unknown, ViewsOptions, ViewsStage
from reactions.newsroom import article_keys, sites
from reactions.newsroom.articles import key_of
from reactions.newsroom.sites import Site
from reactions.reports.words import counted
from reactions.votes import imported, imported_views
from reactions.web import current, settings_api

articles = AppGroup("articles", help="Import titles, sections and authors from a feed, a news sitemap or a table.")
import_ = AppGroup("import", help="Import, list and remove totals and views from other tools.")
_SHOWN = 100  # changes that --dry-run lists one by one


@articles.command("import")
@click.argument("site")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--format", "format_", type=click.Choice(article_files.FORMATS), help="Format of the file.  [default: detected automatically]"
)
@click.option(
    "--key",
    type=click.Choice(("path", "bare-path", "url", "guid", "column")),
    help="Source of the article's key.  [default: the one whose keys have votes; else the column key, or the path]",
)
@click.option("--section", help="The section of articles for which the file has none.")
@click.option("--partial", is_flag=True, help="Import the good lines of a file that has bad ones too.")
def import_articles(site: str, file: BinaryIO, format_: str | None, key: str | None, section: str | None, partial: bool) -> None:
    """Import a FILE of articles (- for standard input). Idempotent.

    A file with a line that cannot be imported is rejected as a whole, unless --partial is given.
    """
    target, engine = _site(site), current.engine()
    entries = article_files.read(Source(file), format_=format_)
    key = key or descriptions.likely_key(engine, target, entries)
    reading = article_files.check(entries, ArticleOptions(key, section, ZoneInfo(target.time_zone)))
    _report_faults(reading, partial=partial)
    outcome = descriptions.store(engine, target, reading.articles, now_ms=current.now_ms())
    count = counted(len(reading.articles), "article")
    click.echo(f"{count} read: {outcome.new:,} new, {outcome.changed:,} changed, {outcome.same:,} unchanged.")
    if missed := descriptions.missed_articles(engine, target, entries, reading.articles):
        click.echo(
            f"Warning: none of these {len(reading.articles):,} has votes; {counted(missed.count, 'article')} with votes "
            f"{'has' if missed.count == 1 else 'have'} no title, such as {missed.example!r}. {_how_they_meet(target, missed)}",
            err=True,
        )


def _how_they_meet(site: Site, missed: Untitled) -> str:
    """What to do so that the keys of a file and those that have votes become the same."""
    if missed.option:
        return f"Add --key {missed.option}: with it, articles of the file have votes."
    if missed.near is None:
        return "Try another --key, or give the widget the keys of the file."
    voted, described = missed.near
    alike = f"The file has {described!r}, which differs from {voted!r} only by {article_keys.difference(voted, described)}."
    join = shlex.join(["reactions", "article", "merge", site.key, voted, described])
    return f"{alike} Let the widget send article={quoteattr(described)}, and join what there is: `{join}`."


def _report_faults(reading: Reading, *, partial: bool) -> None:
    """Name every bad line; raise unless the good ones may be imported without them."""
    _list_faults(reading.faults)
    if reading.faults and not partial:
        count = counted(len(reading.faults) + len(reading.articles), "article")
        raise click.ClickException(
            f"{len(reading.faults):,} of {count} cannot be imported, so nothing was. Correct the file, or import the rest with "
            "--partial."
        )
    if reading.faults:
        click.echo(f"{counted(len(reading.faults), 'line')} left out.", err=True)


class Typed(NamedTuple):
    """What was typed: the arguments and options that all tools have."""

    site: str
    file: BinaryIO
    key: str | None
    reactions: dict[str, str | None]
    source: str | None
    add_up: bool
    dry_run: bool


def _reactions(_context: click.Context, _parameter: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str | None]:
    for pair in pairs:
        if "=" not in pair:
            raise click.BadParameter(f"{pair!r} is not a pair. Write THEIRS=OURS, such as 0=like, or THEIRS= to leave it out.")
    return {theirs.strip(): ours.strip() or None for theirs, _, ours in (pair.rpartition("=") for pair in pairs)}


def _source(_context: click.Context, _parameter: click.Parameter, name: str | None) -> str | None:
    if name is not None and not record.SOURCE.fullmatch(name):
        raise click.BadParameter("a name has 1 to 64 of a-z, 0-9, -, _ and full stops, such as old-blog.")
    return name


_OPTIONS = (
    click.argument("site"),
    click.argument("file", type=click.File("rb")),
    click.option(
        "--key", metavar="TEMPLATE", help="Template of the article's key, with names of the file, such as 'news/{slug}'."
    ),
    click.option(
        "--reaction",
        "reactions",
        multiple=True,
        metavar="THEIRS=OURS",
        callback=_reactions,
        help="Map one of their reactions to one of the site's; THEIRS= leaves it out. Repeatable.",
    ),
    click.option("--source", callback=_source, help="A name for the totals of this file.  [default: the tool's]"),
    click.option("--add-up", is_flag=True, help="Add up entries about the same article."),
    click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing."),
)


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the arguments and options of every tool, as one tuple."""

    def with_typed(**options: Any) -> None:
        typed = Typed(**{name: options.pop(name) for name in Typed._fields})
        command(typed, **options)

    with_typed.__doc__, with_typed.__name__ = command.__doc__, command.__name__
    for option in reversed(_OPTIONS):
        with_typed = option(with_typed)
    return with_typed


def _add_command(tool: Tool) -> None:
    def run(typed: Typed, *, article: str | None = None) -> None:
        _import_totals(typed, tool, article=article)

    command = _options(run)
    if tool.about_one:
        option = click.option("--article", metavar="KEY", help="The article, if the file is the response about one article.")
        command = option(command)
    import_.command(tool.name, help=tool.help)(command)


for _tool in TOOLS:
    _add_command(_tool)


@import_.command("csv")
@click.option("--mapping", type=click.File("rb"), required=True, help="What the columns mean, in TOML.")
@_options
def _csv(typed: Typed, mapping: BinaryIO) -> None:
    """Import any CSV, with a mapping of its columns."""
    _import_totals(typed, tables.mapped_tool(tables.mapping(mapping.read())))


@import_.command("views")
@click.argument("site")
@click.argument("file", type=click.File("rb"))
@click.option("--from", "from_", type=click.Choice(list(pages.TOOLS)), required=True, help="The tool that wrote the file.")
@click.option("--day", type=Day(), help="The day that a file without dates is about.")
@click.option(
    "--key",
    metavar="TEMPLATE",
    help="Template of the article's key, of {path}, {bare_path}, {slug}, {url}.  [default: the one that finds most articles]",
)
@click.option("--source", callback=_source, help="A name for the views of this tool.  [default: the tool's]")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
def _views(site: str, file: BinaryIO, from_: str, day: date | None, key: str | None, source: str | None, dry_run: bool) -> None:
    """Import views by article and day from Plausible, Matomo or GA4.

    The days of the file are replaced, others stay. For sites that do not count views themselves.
    """
    target, name, engine = _site(site), source or from_, current.engine()
    with ViewsStage() as stage:
        opened = Source(file)
        options = ViewsOptions(target, current.now_ms(), day.isoformat() if day else None, key)
        try:
            views.gather(stage, engine, pages.TOOLS[from_], opened, options)
        except Faulty as faulty:
            _refuse(faulty)
        plan = views.plan(engine, target, name, stage)
        _tell_left_out(stage.unknown(), stage.unfinished)
        if dry_run:
            _preview(plan)
            return
        new = Import(target.id, name, from_, _name_of(file), opened.hash(), operator(), current.now_ms())
        if apply.apply_import(current.parts().ballot_box, plan, new):
            click.echo(f"{name}: {counted(len(stage.hours), 'day')}, {_summary(plan, 'view')}")
        else:
            click.echo(f"{name}: everything in this file was imported already; nothing was changed.")


def _tell_left_out(unknown: Unknown, unfinished: int) -> None:
    """Say what is not imported: pages that are no article, and a day that is not over."""
    if unknown.pages:
        count = f"{counted(unknown.pages, 'page')} with {counted(unknown.views, 'view')}"
        examples = ", ".join(map(repr, unknown.examples))
        click.echo(f"{count} left out, because no article has such a key: {examples}{' …' * (unknown.pages > 10)}", err=True)
    if unfinished:
        click.echo(f"{counted(unfinished, 'line')} of today left out, because the day is not over.", err=True)


@import_.command("export")
@click.argument("site")
@click.argument("folder", type=Place(path_type=Path, exists=True, file_okay=False))
@click.option("--source", callback=_source, default=own_exports.NAME, show_default=True, help="A name for this import.")
@click.option("--dry-run", is_flag=True, help="Read and check everything, and change nothing.")
def _export(site: str, folder: Path, source: str, dry_run: bool) -> None:
    """Restore an export of this service.

    FOLDER is what `reactions export SITE all --output FOLDER` wrote: articles, votes, imported totals.
    """
    target, export = _site(site), Folder(folder)
    if not own_exports.check_source(current.engine(), target, source, export):
        click.echo(f"{source}: everything in this export was imported already; nothing was changed.")
        return
    restoration = Restoration(export, target, source)
    if dry_run:
        count, votes = own_exports.survey(current.engine(), target, restoration)
        click.echo(f"Would restore {counted(count, 'article')} and {_changes(votes)}. Nothing was changed.")
        return
    name = folder.resolve().name[:200]
    new = Import(target.id, source, own_exports.NAME, name, export.hash, operator(), current.now_ms())
    done = apply.restore_export(current.parts().ballot_box, target, new, restoration)
    click.echo(f"{source}: {_changes(done.votes)} restored.")


@import_.command("list")
@click.argument("site")
@as_json
def _list(site: str, *, as_json: bool) -> None:
    """List imports: from where, when, by whom, and how much."""
    if as_json:
        print_json({"imports": settings_api.shown_imports(_site(site))})
        return
    with current.reading() as connection:
        target = sites.get(connection, site)
        imports = record.imports_of(connection, target)
        if not imports:
            click.echo("none yet")
        for known in imports:
            total = sum(n for rows in imported.amounts_of(connection, target, known.source) for *_, n in rows)
            total += imported_views.total_of(connection, target, known.source)
            when = datetime.fromtimestamp(known.at / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
            click.echo(
                f"{known.source:20} {total:>13,}  {known.format:10} {when}  {known.file_name}, by {known.by}{_and_votes(known)}"
                f"{' (views)' * known.brings_views}{' (unfinished: run it again)' * known.is_unfinished}"
            )


@import_.command("remove")
@click.argument("site")
@click.argument("source")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
def _remove(site: str, source: str, dry_run: bool) -> None:
    """Remove what was imported from a SOURCE. Readers' votes and other sources stay."""
    with totals.plan_removal(current.engine(), _site(site), source) as plan:
        if dry_run:
            _preview(plan)
            return
        assert plan.known is not None
        apply.remove_import(current.parts().ballot_box, plan)
        what = "view" if plan.known.brings_views else "reaction"
        click.echo(f"{counted(plan.before, what)} from {source}{_and_votes(plan.known)} removed.")


def _import_totals(typed: Typed, tool: Tool, *, article: str | None = None) -> None:
    """Read the file, then list its faults or import its totals."""
    site, name = _site(typed.site), typed.source or tool.name
    article = article_keys.canonical_key(article) if article is not None else None
    options = TotalsOptions(site, typed.key, typed.reactions, article, typed.add_up or tool.adds_up)
    template = "{article}" if article is not None else typed.key or tool.key
    with Stage() as stage:
        source = Source(typed.file)
        try:
            totals.gather(stage, tool.read(source, options), template, options, tool.reactions(site.reactions))
        except Faulty as faulty:
            _refuse(faulty)
        plan = totals.plan(current.engine(), site, name, stage)
        if typed.dry_run:
            _preview(plan)
            return
        new = Import(site.id, name, tool.name, _name_of(typed.file), source.hash(), operator(), current.now_ms())
        if apply.apply_import(current.parts().ballot_box, plan, new):
            click.echo(f"{name}: {_summary(plan, 'reaction')}")
        else:
            click.echo(f"{name}: everything in this file was imported already; nothing was changed.")


def _refuse(faulty: Faulty) -> None:
    _list_faults(faulty.faults)
    more = " These are the first." if len(faulty.faults) == totals.MOST_FAULTS else ""
    raise click.ClickException(f"The file has entries that cannot be imported, so nothing was.{more}")


def _list_faults(faults: Sequence[Fault]) -> None:
    for fault in faults:
        click.echo(str(fault), err=True)


def _name_of(file: BinaryIO) -> str:
    return Path(str(getattr(file, "name", "-"))).name[:200]


def _summary(plan: Plan, what: str) -> str:
    count = counted(plan.articles, "article")
    new = "" if what == "view" else f", {plan.new:,} of them new"
    return f"{count}{new}; {counted(plan.before, what)} before, {plan.after:,} now."


def _preview(plan: Plan) -> None:
    what = "view" if plan.hours or (plan.known and plan.known.brings_views) else "reaction"
    shown = 0
    for chunk in plan.stage.changes():
        for change in chunk[: max(_SHOWN - shown, 0)]:
            key = plan.stage.find_key(change.article_id) or _key(change.article_id)
            click.echo(f"{key}  {change.reaction}  {change.before:,} -> {change.after:,}")
            shown += 1
    if plan.changed > shown:
        click.echo(f"… and {plan.changed - shown:,} more")
    click.echo(f"Would be: {_summary(plan, what)} Nothing was changed.")


def _and_votes(known: Import) -> str:
    return f", and {_changes(known.votes)}" if known.votes else ""


def _changes(votes: int) -> str:
    return counted(votes, "change of votes", "changes of votes")


def _site(key: str) -> Site:
    with current.reading() as connection:
        return sites.get(connection, key)


def _key(article_id: int) -> str:
    with current.reading() as connection:
        return key_of(connection, article_id)
