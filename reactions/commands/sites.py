"""`reactions site`: the publications served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from reactions.newsroom import reaction_sets, sites
from reactions.newsroom.sites import Site
from reactions.settings import shipped
from reactions.storage.engines import writing
from reactions.web import current, widget

site = AppGroup("site", help="Add, show and change sites.")


def _policies(command: Any) -> Any:
    """The options that `add` and `set` share."""
    for option in (
        click.option("--time-zone", help="Such as Europe/Berlin; days in reports are days there.  [add: UTC]"),
        click.option(
            "--article-policy",
            type=click.Choice(sites.POLICIES),
            help="open: a vote registers an article.  [add: open]",
        ),
        click.option("--new-articles-per-day", type=int, help="How many articles votes may register a day.  [add: 10000]"),
        click.option("--close-after-days", type=int, help="Close articles of this age; 0: never.  [add: never]"),
        click.option("--reader-scope", type=click.Choice(sites.SCOPES), help="How far one pseudonym reaches.  [add: article]"),
    ):
        command = option(command)
    return command


@site.command("add")
@click.argument("key")
@click.option("--name", required=True, help="The publication's name.")
@click.option("--origin", "origins", multiple=True, required=True, help="https://www.example.org; may be given several times.")
@click.option("--reactions", type=click.Path(path_type=Path), help="A TOML file with the reaction set.")
@_policies
def add(key: str, name: str, origins: tuple[str, ...], reactions: Path | None, **policies: Any) -> None:
    """Add a site and print the snippet to paste under its articles."""
    given = _given(policies)
    with writing(current.engine()) as connection:
        sites.add(connection, key=key, name=name, origins=origins, reactions=read_set(reactions), **given)
        added = sites.named(connection, key)
    click.echo(f"Site {key} added. Paste this where the reactions should stand:\n\n{snippet(added)}")


@site.command("set")
@click.argument("key")
@click.option("--name", help="The publication's name.")
@click.option("--origin", "origins", multiple=True, help="Replaces all origins; may be given several times.")
@_policies
def change(key: str, origins: tuple[str, ...], **given: Any) -> None:
    """Change a site's name, origins, time zone or policies."""
    changes = _given(given)
    if origins:
        changes["origins"] = origins
    if not changes:
        raise click.UsageError("Say what to change; --help lists it.")
    with writing(current.engine()) as connection:
        sites.change(connection, key, **changes)
        show_site(sites.named(connection, key))


def _given(policies: dict[str, Any]) -> dict[str, Any]:
    """The options that were given; 0 days is how the command line says never."""
    given = {option: value for option, value in policies.items() if value is not None}
    if given.get("close_after_days") == 0:
        given["close_after_days"] = None
    return given


@site.command("list")
def list_all() -> None:
    """List all sites."""
    with current.reading() as connection:
        for entry in sites.all_sites(connection):
            click.echo(f"{entry.key:24} {entry.name}  ({', '.join(sorted(entry.origins))})")


@site.command("show")
@click.argument("key")
def show(key: str) -> None:
    """Show a site and its snippet."""
    with current.reading() as connection:
        found = sites.named(connection, key)
    show_site(found)
    click.echo(f"\n{snippet(found)}")


def show_site(found: Site) -> None:
    """Print a site's fields."""
    lines = {
        "key": found.key,
        "name": found.name,
        "origins": ", ".join(sorted(found.origins)),
        "time zone": found.time_zone,
        "articles": f"{found.article_policy}, at most {found.new_articles_per_day:,} new ones a day",
        "closing": f"after {found.close_after_days} days" if found.close_after_days else "never by itself",
        "reader scope": found.reader_scope,
        "reactions": ", ".join(f"{r.emoji} {r.key}" for r in found.reactions.offered),
        "retired": ", ".join(r.key for r in found.reactions.entries if r.retired) or "none",
    }
    lines |= {f"  in {section}": ", ".join(chosen) for section, chosen in sorted(found.section_reactions.items())}
    for name, value in lines.items():
        click.echo(f"{name:14}{value}")


def snippet(found: Site) -> str:
    """What a publisher pastes: once the script, and the element under each article."""
    address = current.parts().settings.address
    return (
        f'<script async src="{address}/widget/v1.js"></script>\n'
        f'<reader-reactions site="{found.key}" article="THE-ARTICLES-SLUG-OR-ID"></reader-reactions>\n\n'
        "Pages that pin the script use this line instead:\n\n"
        f'<script async src="{address}/widget/{widget.version()}.js" integrity="{widget.integrity()}" '
        'crossorigin="anonymous"></script>'
    )


def read_set(path: Path | None) -> reaction_sets.ReactionSet:
    """The reaction set in a file; the one the product ships if none is named."""
    chosen = path or shipped("config") / "reactions.toml"
    try:
        return reaction_sets.from_toml(chosen.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{chosen} cannot be read: {error}.") from None
