"""What analysts download: whole files, each of one snapshot. docs/exports.md describes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing

from flask import Response, request
from marshmallow import ValidationError

from reactions.exports import changes, columnar, files, scope
from reactions.exports.columns import TABLES, VERSION, Table
from reactions.exports.files import File, Form
from reactions.exports.scope import Choice, Scope
from reactions.refusals import MalformedExport
from reactions.reports import periods
from reactions.votes import readers
from reactions.web import current, editors, export_stream, headers, metrics, report_params, requests
from reactions.web.export_stream import Stream
from reactions.web.openapi import ApiBlueprint, query

BUNDLE = "all.zip"
_FORMS = {".csv": Form(), ".csv.gz": Form(gzip=True), ".parquet": Form("parquet"), ".arrow": Form("arrow")}
_MEDIA = {
    "text/csv": {"type": "string"},
    **{media: {} for media in ("application/gzip", "application/zip", *(Form(name).media for name in scope.FORMATS[1:]))},
    "application/json": {"type": "object", "description": "A Data Package 2.0 descriptor"},
}
_NAMES = [name + end for name in TABLES for end in _FORMS] + [BUNDLE, files.DESCRIPTION]

blueprint = ApiBlueprint("exports", description="Whole files for analysts. Needs a key of the site with the scope read.")

_FILE = {
    "in": "path",
    "name": "file_name",
    "required": True,
    "description": "What to export, and in which format",
    "example": "articles.csv",
    "schema": {"type": "string", "enum": _NAMES},
}
_PARAMETERS = [
    query("period", f"{', '.join(periods.NAMES)}; if period, from and since are omitted, the whole history", required=False),
    *report_params.DAYS,
    *report_params.ARTICLES,
    query("since", "`beginning`, or the header Export-Next of the previous export", required=False),
    query("columns", "Column names, separated by commas; all if omitted", required=False, example="article,title,total"),
    query("precision", f"Precision of the times of votes: {', '.join(scope.PRECISIONS)}; default hour", required=False),
    query("min_group", "Hide counts of fewer readers than this; default none", required=False, example="5"),
    query("readers", "yes adds a pseudonym of each reader to votes, if the site's reader scope is site", required=False),
    query("bom", "yes starts a CSV with a byte order mark, for Excel", required=False),
]


@blueprint.get(
    "/v1/sites/<site_key>/export/<file_name>",
    "exportFile",
    parameters=[_FILE, *_PARAMETERS],
    response=_MEDIA,
    headers=["Cache-Control", "Content-Disposition", "Export-Version", "Export-Next"],
    problems=["malformed-export", "malformed-period", "malformed-filter", "malformed-cursor", "too-many-exports"],
    scope="read",
)
def export(site_key: str, file_name: str) -> Response:
    """Download articles, series or votes as .csv, .csv.gz, .parquet or .arrow; all three as all.zip; or their datapackage.json.

    The answer is streamed from one snapshot, without a length. It is complete if it ends as HTTP requires: a connection that
    closes before is an error to every client. A .csv.gz has its checksum at its end, all.zip has rows and checksums.
    """
    site = editors.require(site_key, "read")
    tables, form = _file_named(file_name)
    params = report_params.strict(_PARAMETERS)
    choice = _choice(params)
    settings = current.parts().settings
    scope.check(choice, site, tables if file_name != files.DESCRIPTION else [], finest=settings.export_precision)
    if form.format != "csv":
        columnar.arrow()
    with ExitStack() as held:
        held.enter_context(closing(export_stream.take_slot(editors.key_id(), most=settings.exports_per_key)))
        key = (
            readers.derived_key(settings.export_reader_key.encode(), f"export {site.key}") if settings.export_reader_key else b""
        )
        source = current.source()
        found = held.enter_context(
            scope.opened(
                source.engine, site, choice, now_ms=source.now_ms(), complete_until=source.complete_until, reader_key=key
            )
        )
        pieces, media = _pieces(file_name, tables, Form(form.format, bom=_yes(params, "bom"), gzip=form.gzip), found)
        sent = _headers(file_name, media, found)
        if "Content-Encoding" in sent:
            pieces = files.compressed(pieces)
        stream = Stream(pieces, held.pop_all(), name=file_name, within_s=settings.export_within_s, votes=metrics.settled)
    response = Response(stream, headers=sent)
    response.call_on_close(stream.close)
    return response


def _file_named(name: str) -> tuple[Sequence[Table], Form]:
    """The tables and the form that a file's name stands for. Raises MalformedExport."""
    if name in (BUNDLE, files.DESCRIPTION):
        return list(TABLES.values()), Form()
    table, dot, end = name.partition(".")
    if table not in TABLES or dot + end not in _FORMS:
        raise MalformedExport(f"There is no export {name[:64]!r}. The exports are: {', '.join(_NAMES)}.")
    return [TABLES[table]], _FORMS[dot + end]


def _choice(params: dict[str, str]) -> Choice:
    min_group = requests.whole_number(params["min_group"] or "0")
    if min_group is None:
        raise ValidationError("Write a number of readers, such as 5.", "min_group")
    return Choice(
        about=report_params.report_query(params),
        since=params["since"],
        columns=[name for name in params["columns"].split(",") if name],
        precision=params["precision"] or current.parts().settings.export_precision,
        min_group=min_group,
        readers=_yes(params, "readers"),
    )


def _yes(params: dict[str, str], name: str) -> bool:
    if params[name] not in ("", "yes", "no"):
        raise ValidationError("Write yes or no.", name)
    return params[name] == "yes"


def _headers(name: str, media: str, found: Scope) -> dict[str, str]:
    sent = {
        **dict(headers.PRIVATE),
        "Content-Type": f"{media}; charset=utf-8" if media == "text/csv" else media,
        "Content-Disposition": f'attachment; filename="{_file_name(name, found)}"',
        "Export-Version": VERSION,
    }
    if found.next:
        sent["Export-Next"] = found.next.text(found.site)
    if media == "text/csv":
        sent["Vary"] = "Accept-Encoding"
        accepted = request.accept_encodings
        sent |= {"Content-Encoding": "gzip"} if "gzip" in accepted.values() and accepted["gzip"] > 0 else {}
    return sent


def _pieces(name: str, tables: Sequence[Table], form: Form, found: Scope) -> tuple[Iterator[bytes], str]:
    if name == files.DESCRIPTION:
        chosen = [(table, scope.columns_of(found.choice, found.site, table)) for table in tables]
        return iter([files.describe_columns(found, chosen).encode()]), "application/json"
    if name == BUNDLE:
        return files.archive_pieces(found, tables, form), "application/zip"
    made = File(found, tables[0], form).pieces()
    return made, "application/gzip" if form.gzip else form.media


def _file_name(name: str, found: Scope) -> str:
    """The name under which it is saved: the site, the export, and the days in it."""
    what, _, end = name.partition(".")
    if not found.hours:
        return f"{found.site.key}-{what}.{end}"
    first, last = (changes.local_day(hour, found.zone) for hour in (found.hours[0], found.hours[-1]))
    return f"{found.site.key}-{what}-{first}-{last}.{end}"
