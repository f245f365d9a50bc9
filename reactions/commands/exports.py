"""`reactions export` and `reactions archive`: whole files for analysts, into a folder or to standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import click
from flask.cli import with_appcontext

from reactions.commands import as_json, print_json
from reactions.commands.arguments import Day, Place
from reactions.exports import archive as archive_
from reactions.exports import columnar, files, pages, scope
from reactions.exports.columns import TABLES
from reactions.exports.files import File, Form
from reactions.exports.scope import Choice, Scope
from reactions.newsroom import sites
from reactions.newsroom.sites import Site
from reactions.reports import periods, words
from reactions.reports.query import ReportQuery
from reactions.times import rfc3339
from reactions.votes import readers
from reactions.web import current


def _options(command: Any) -> Any:
    """The options that say what is exported, named as in the API."""
    options: list[Any] = [
        click.option("--period", type=click.Choice(periods.NAMES), help="Period to export.  [default: the whole history]"),
        click.option("--from", "first", type=Day(), help="The first day, at most 366 before the last."),
        click.option("--to", "last", type=Day(), help="The last day, included.  [default: today]"),
        click.option("--time-zone", default="", help="Time zone of the days.  [default: the site's]"),
        click.option("--section", default="", help="Articles of this section."),
        click.option("--author", default="", help="Articles by this author."),
        click.option("--tag", default="", help="Articles with this tag."),
        click.option("--q", "text", default="", help="Articles with all these words in the title or the key."),
        click.option("--since", default="", help="`beginning`, or the cursor of the previous export: what came after it."),
        click.option("--columns", default="", help="Column names, separated by commas.  [default: all]"),
        click.option(
            "--precision",
            type=click.Choice(list(scope.PRECISIONS)),
            help="Precision of the times of votes.  [default: export_precision of the settings]",
        ),
        click.option(
            "--min-group", type=click.IntRange(0, scope.MOST_GROUP), default=0, help="Hide counts of fewer readers than this."
        ),
        click.option("--readers", is_flag=True, help="Add a pseudonym for each reader; needs the reader scope site."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command("export")
@click.argument("site")
@click.argument("what", type=click.Choice([*TABLES, "all"]))
@click.option(
    "-o", "--output", type=Place(path_type=Path), help="Folder for the files.  [default: standard output, for one table]"
)
@click.option(
    "--format", "format_", type=click.Choice(scope.FORMATS), default="csv", show_default=True, help="Format of the files."
)
@click.option("--gzip", is_flag=True, help="Compress the CSV.")
@click.option("--bom", is_flag=True, help="Start the CSV with a byte order mark, for Excel.")
@_options
@with_appcontext
def export(site: str, what: str, output: Path | None, format_: str, *, gzip: bool, bom: bool, **chosen: Any) -> None:
    """Export WHAT of a SITE, from one snapshot of the database.

    Exit code 0: everything was written. 1: nothing was, and the folder is unchanged. datapackage.json is written last, with rows,
    bytes and checksums.
    """
    form = _form(format_, gzip=gzip, bom=bom)
    tables = list(TABLES.values()) if what == "all" else [scope.table_named(what)]
    if output is None and len(tables) > 1:
        raise click.UsageError("Standard output takes one table. Give a folder: --output exports")
    if output is None and sys.stdout is None:
        raise click.UsageError("Standard output is closed. Give a folder: --output exports")
    with current.reading() as connection:
        found = sites.get(connection, site)
    choice = _choice(chosen)
    scope.check(choice, found, tables, finest=current.parts().settings.export_precision)
    with _opened(found, choice, files=len(tables)) as reading:
        written = files.write_folder(reading, tables, form, output) if output else [_to_stream(File(reading, tables[0], form))]
    _report(written, reading)


@click.command("archive")
@click.argument("site")
@click.argument("folder", type=Place(path_type=Path, file_okay=False))
@click.option(
    "--precision",
    type=click.Choice(list(scope.PRECISIONS)),
    help="Precision of the times of votes.  [default: export_precision of the settings]",
)
@click.option(
    "--anew", is_flag=True, help="Write months anew that have changed since, without votes that were dropped meanwhile."
)
@as_json
@with_appcontext
def archive(site: str, folder: Path, precision: str | None, *, anew: bool, as_json: bool) -> None:
    """Write the closed months of a SITE that FOLDER lacks, as Parquet. For a timer, once a day.

    Each month has a folder, site=KEY/month=2026-10, with articles, series and votes. It is written once: what is dropped from the
    database later stays in it.
    """
    columnar.arrow()
    with current.reading() as connection:
        found = sites.get(connection, site)
    finest = current.parts().settings.export_precision
    chosen = Choice(precision=precision or finest)
    scope.check(chosen, found, list(TABLES.values()), finest=finest)
    source, outcome = current.source(), []
    for month in archive_.run(
        source.engine, found, folder, now_ms=source.now_ms(), precision=chosen.precision, anew=anew,
        complete_until=source.complete_until,
    ):  # fmt: skip
        outcome.append({"month": month.month.name, "state": month.state, "rows": {f.table.name: f.rows for f in month.files}})
        if not as_json and month.state != "kept":
            click.echo(f"{month.month.name}: {_ARCHIVED[month.state]}")
    if as_json:
        print_json({"site": site, "months": outcome})
    elif all(each["state"] == "kept" for each in outcome):
        click.echo(f"{words.counted(len(outcome), 'closed month')}, archived before." if outcome else "No month is closed yet.")


_ARCHIVED = {
    "written": "written.",
    "changed": "has changed since it was archived, as by an import of older votes. --anew writes it again.",
    "dropped": "not written: its votes were dropped before. `reactions export` still has its articles and its series.",
}


def _form(format_: str, *, gzip: bool, bom: bool) -> Form:
    if format_ != "csv":
        columnar.arrow()
        if gzip or bom:
            raise click.UsageError("--gzip and --bom are for CSV; Parquet and Arrow need neither.")
    return Form(format_, bom=bom, gzip=gzip)


def _choice(chosen: dict[str, Any]) -> Choice:
    about = ReportQuery(
        period=chosen["period"] or "",
        first=_day(chosen["first"]),
        last=_day(chosen["last"]),
        time_zone=chosen["time_zone"],
        section=chosen["section"],
        author=chosen["author"],
        tag=chosen["tag"],
        text=chosen["text"],
    )
    return Choice(
        about=about,
        since=chosen["since"],
        columns=[name for name in chosen["columns"].split(",") if name],
        precision=chosen["precision"] or current.parts().settings.export_precision,
        min_group=chosen["min_group"],
        readers=chosen["readers"],
    )


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""


@contextmanager
def _opened(site: Site, choice: Choice, *, files: int) -> Iterator[Scope]:
    """A scope, with a progress bar on a terminal."""
    fixed = current.parts().settings.export_reader_key
    key = readers.derived_key(fixed.encode(), f"export {site.key}") if fixed else b""
    source = current.source()
    engine, now_ms, until = source.engine, source.now_ms(), source.complete_until
    if not sys.stderr.isatty():
        with scope.opened(engine, site, choice, now_ms=now_ms, complete_until=until, reader_key=key) as found:
            yield found
        return
    with current.reading() as connection:
        count = pages.count(connection, site)
    with (
        click.progressbar(length=count * files, label="Articles", file=sys.stderr) as bar,
        scope.opened(engine, site, choice, now_ms=now_ms, complete_until=until, reader_key=key, progress=bar.update) as found,
    ):
        yield found


def _to_stream(file: File) -> File:
    out = sys.stdout.buffer
    for piece in file.pieces():
        out.write(piece)
    out.flush()
    return file


def _report(files: Sequence[File], reading: Scope) -> None:
    """Report on standard error what was written, and the cursor of the next export."""
    for file in files:
        size = f"{words.counted(file.rows, 'row')}, {words.counted(file.size, 'byte')}"
        click.echo(f"{file.name}: {size}, sha256 {file.sha256}", err=True)
    if reading.votes_from_ms is not None and any(file.table.name == "votes" for file in files):
        click.echo(f"Single votes before {rfc3339(reading.votes_from_ms)} were dropped.", err=True)
    if reading.next:
        click.echo(f"The next export: --since {reading.next.text(reading.site)}", err=True)
