"""`reactions site`: the sites that vote here, and what each has chosen."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from reactions import languages
from reactions.commands import as_json, operator, print_json, tell_changes
from reactions.commands.arguments import Place
from reactions.commands.reaction_sets import read_set
from reactions.newsroom import api_keys, articles, registering, sites
from reactions.newsroom.sites import Site
from reactions.reports.words import counted
from reactions.storage.engines import writing
from reactions.votes import removing
from reactions.votes.revising import Editor
from reactions.web import current, settings_api, widget

site = AppGroup("site", help="Add, list, show, change and remove sites.")
_LATEST_VOTE_S = 1.0  # what was accepted before is counted by then


# The options that `add` and `set` share: the name, what `add` takes by default, the help.
_POLICIES: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("--time-zone", "UTC", "Time zone of the days in reports, such as Europe/Berlin.", {}),
    ("--language", "en", "Language of the dashboard, the digest and the alerts.", {"type": click.Choice(languages.KNOWN)}),
    (
        "--article-policy",
        "open",
        "open: the first vote on an article registers it. known: only registered articles take votes.",
        {"type": click.Choice(sites.POLICIES)},
    ),
    ("--new-articles-per-day", "10000", "Articles that votes may register in a day.", {"type": int}),
    (
        "--article-pattern",
        "none",
        "Keys that need no daily quota, such as 'news/*'. Repeatable; replaces all; '' for none.",
        {"multiple": True},
    ),
    ("--close-after-days", "0", "Age at which articles close; 0: never.", {"type": int}),
    (
        "--keep-votes-days",
        "0",
        "Days without a vote after which `reactions retention` drops an article's votes; its counts stay. 0: never.",
        {"type": int},
    ),
    (
        "--count-views",
        "0",
        "Page views of which one tells which rows came into sight. 1: each, 10: one in ten, 0: none.",
        {"type": int},
    ),
    (
        "--forgotten-votes",
        "kept",
        "Votes of readers who want to be forgotten. kept: they still count, as nobody's. withdrawn: they are withdrawn.",
        {"type": click.Choice(sites.FORGOTTEN)},
    ),
    (
        "--reader-scope",
        "article",
        "article: a reader has a different pseudonym on each article. site: the same on all.",
        {"type": click.Choice(sites.SCOPES)},
    ),
)


def _policies(*, defaults: bool) -> Callable[[Any], Any]:
    """The shared options, with their defaults in the help or without."""

    def decorated(command: Any) -> Any:
        for name, default, help_, more in reversed(_POLICIES):
            shown = f"{help_}  [default: {default}]" if defaults else help_
            command = click.option(name, help=shown, **more)(command)
        return command

    return decorated


@site.command("add")
@click.argument("key")
@click.option("--name", required=True, help="The publication's name.")
@click.option(
    "--origin",
    "origins",
    multiple=True,
    required=True,
    help="Origin of pages that may vote, such as https://www.example.org. Repeatable.",
)
@click.option(
    "--reactions",
    type=Place(path_type=Path),
    help="TOML file with the reaction set.  [default: seven reactions in twelve languages]",
)
@_policies(defaults=True)
def add(key: str, name: str, origins: tuple[str, ...], reactions: Path | None, **policies: Any) -> None:
    """Add the site KEY.

    Prints the snippet to paste into its article pages.
    """
    given = _given(policies)
    with writing(current.engine()) as connection:
        sites.add(connection, key=key, name=name, origins=origins, reactions=read_set(reactions), **given)
        added = sites.get(connection, key)
    click.echo(f"Site {key} added. Paste this where the reactions should appear:\n\n{snippet(added)}")
    if "time_zone" not in given:
        click.echo(
            "\nReports count days in UTC. To count them where your readers live, before the first report: "
            f"reactions site set {key} --time-zone Europe/Berlin"
        )


@site.command("set")
@click.argument("key")
@click.option("--name", help="The publication's name.")
@click.option("--origin", "origins", multiple=True, help="Origin of pages that may vote; replaces all present ones. Repeatable.")
@click.option("--add-origin", "added", multiple=True, help="One more origin of pages that may vote. Repeatable.")
@click.option("--remove-origin", "removed", multiple=True, help="An origin whose pages may no longer vote. Repeatable.")
@_policies(defaults=False)
def change(key: str, origins: tuple[str, ...], added: tuple[str, ...], removed: tuple[str, ...], **given: Any) -> None:
    """Change the name, origins, time zone or policies of the site KEY.

    Prints the site, then what has changed: the value before and the value now.
    """
    changes = _given(given)
    if not (changes or origins or added or removed):
        raise click.UsageError("Name at least one option to change; --help lists them.")
    if origins and (added or removed):
        raise click.UsageError("--origin names all origins. Use it alone, or --add-origin and --remove-origin.")
    with writing(current.engine()) as connection:
        before = sites.get_to_change(connection, key)
        if origins or added or removed:
            changes["origins"] = origins or _with_origins(before, added, removed)
        sites.change(connection, key, **changes)
        after = sites.get(connection, key)
    show_site(after)
    tell_changes(fields_of(before), fields_of(after))


def _with_origins(found: Site, added: tuple[str, ...], removed: tuple[str, ...]) -> list[str]:
    """The origins of a site with some more and without some. Raises UsageError or MalformedSite."""
    more, less = (frozenset(map(sites.origin_of, each)) for each in (added, removed))
    has = ", ".join(sorted(found.origins))
    if unknown := sorted(less - found.origins):
        raise click.UsageError(f"{found.key} has no origin {unknown[0]}. It has: {has}.")
    if not (left := (found.origins | more) - less):
        raise click.UsageError(f"{found.key} needs an origin. Add one with --add-origin, or name the new ones with --origin.")
    return sorted(left)


def _given(policies: dict[str, Any]) -> dict[str, Any]:
    """The options that were used; on the command line, 0 days means never."""
    given = {option: value for option, value in policies.items() if value not in (None, ())}
    if "article_pattern" in given:
        given["article_patterns"] = [pattern for pattern in given.pop("article_pattern") if pattern]
    for days in ("close_after_days", "keep_votes_days"):
        if given.get(days) == 0:
            given[days] = None
    return given


@site.command("list")
@as_json
def list_all(*, as_json: bool) -> None:
    """List all sites."""
    with current.reading() as connection:
        known = sites.all_sites(connection)
    if as_json:
        print_json({"sites": [settings_api.shown_site(entry) for entry in known]})
        return
    for entry in known:
        click.echo(f"{entry.key:24} {entry.name}  ({', '.join(sorted(entry.origins))})")
    if not known:
        click.echo("none yet")


@site.command("show")
@click.argument("key")
@as_json
def show(key: str, *, as_json: bool) -> None:
    """Show the site KEY and its snippet."""
    with current.reading() as connection:
        found = sites.get(connection, key)
    if as_json:
        print_json({**settings_api.shown_site(found), "snippet": snippet(found)})
        return
    show_site(found)
    click.echo(f"\n{snippet(found)}")


@site.command("remove")
@click.argument("key")
@click.option("--yes", is_flag=True, help="Do it. Without it, the command only says what it would delete.")
def remove(key: str, *, yes: bool) -> None:
    """Delete the site KEY with everything it has, for good.

    Its keys end and nothing new is registered from the first moment. Its articles go in small steps, so that votes for other
    sites do not wait. A removal that was cut short is finished by running it again.
    """
    with current.reading() as connection:
        found = sites.get(connection, key)
        count = sum(1 for _ in articles.ids_in(connection, found))
        keys = sum(1 for each in api_keys.all_of(connection, found) if each.revoked_at is None)
    there = f"its {counted(count, 'article')} with every vote, its {counted(keys, 'API key')}, alerts and imports"
    if not yes:
        raise click.UsageError(f"This would delete {found.name} ({key}), {there}. It cannot be undone. Give --yes to do it.")
    parts = current.parts()
    editor = Editor(current.engine(), parts.ballot_box, found, by=operator(), now_ms=current.now_ms())
    removed = removing.remove_site(editor, wait=lambda: time.sleep(parts.settings.site_memory_s + _LATEST_VOTE_S))
    click.echo(f"{key} is removed, with {counted(removed, 'article')}.")


@site.command("signing-key")
@click.argument("key")
def signing_key(key: str) -> None:
    """Print the key with which the publisher signs article keys."""
    with current.reading() as connection:
        found = sites.get(connection, key)
    click.echo(registering.signing_key(current.parts().hot_path.article_signing_keys[0], found.key))


def show_site(found: Site) -> None:
    """Print the fields of a site."""
    for name, value in fields_of(found).items():
        click.echo(f"{name:14}{(', '.join(value) or 'none') if isinstance(value, list) else value}")


def fields_of(found: Site) -> dict[str, str | list[str]]:
    """What is printed of a site; lists as lists."""
    lines: dict[str, str | list[str]] = {
        "key": found.key,
        "name": found.name,
        "origins": sorted(found.origins),
        "time zone": _time_zone(found),
        "language": f"{found.language} ({languages.own_name(found.language)})",
        "articles": f"{found.article_policy}, at most {counted(found.new_articles_per_day, 'new one')} a day",
        "patterns": list(found.article_patterns),
        "forgotten": f"votes are {found.forgotten_votes}",
        "closing": f"after {counted(days, 'day')}" if (days := found.close_after_days) else "never",
        "votes": f"dropped {counted(days, 'day')} after the last one" if (days := found.keep_votes_days) else "kept for ever",
        "views": ("one in " + f"{found.count_views:,}" if found.count_views > 1 else "each")
        if found.count_views
        else "not counted",
        "reader scope": found.reader_scope,
        "reactions": [f"{r.emoji} {r.key}" for r in found.reactions.offered],
        "retired": [r.key for r in found.reactions.entries if r.retired],
    }
    return lines | {f"  in {section}": list(chosen) for section, chosen in sorted(found.section_reactions.items())}


def _time_zone(found: Site) -> str:
    if found.vanished_time_zone is None:
        return found.time_zone
    return f"{found.time_zone}, because this machine no longer knows {found.vanished_time_zone}"


def snippet(found: Site) -> str:
    """The HTML that a publisher pastes: the script once, and the element under each article."""
    address = current.parts().settings.address
    return (
        f'<script async src="{address}/widget/v1.js"></script>\n'
        f'<reader-reactions site="{found.key}" article="/PATH/OF/THE/ARTICLE"></reader-reactions>\n\n'
        "To pin the script, use this line instead:\n\n"
        f'<script async src="{address}/widget/{widget.version()}.js" integrity="{widget.integrity()}" '
        'crossorigin="anonymous"></script>'
    )
