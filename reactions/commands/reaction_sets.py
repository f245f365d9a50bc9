"""`reactions set`: the reactions a site offers. Nothing here ever loses a count."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
from flask.cli import AppGroup

from reactions.commands.sites import read_set
from reactions.newsroom import reaction_sets, sites
from reactions.newsroom.reaction_sets import ReactionSet
from reactions.storage.engines import writing
from reactions.web import current

reaction_set = AppGroup("set", help="Show and change a site's reaction set. Counts are never lost.")


@reaction_set.command("show")
@click.argument("site")
def show(site: str) -> None:
    """Show the set as TOML, ready to edit and to apply."""
    with current.reading() as connection:
        found = sites.named(connection, site).reactions
    click.echo(reaction_sets.to_toml(found), nl=False)


@reaction_set.command("apply")
@click.argument("site")
@click.argument("file", type=click.Path(path_type=Path))
def apply(site: str, file: Path) -> None:
    """Replace the set by that of a TOML file; reactions it lacks are retired."""
    new = read_set(file)
    _change(site, lambda old: old.replaced_by(new))


@reaction_set.command("rename")
@click.argument("site")
@click.argument("reaction")
@click.argument("label")
@click.option("--lang", default="en", show_default=True, help="The label's language.")
def rename(site: str, reaction: str, label: str, lang: str) -> None:
    """Change a label; the key and its counts stay."""
    _change(site, lambda old: old.relabelled(reaction, lang, label))


@reaction_set.command("order")
@click.argument("site")
@click.argument("reactions", nargs=-1, required=True)
def order(site: str, reactions: tuple[str, ...]) -> None:
    """Put reactions first, in this order."""
    _change(site, lambda old: old.reordered(reactions))


@reaction_set.command("retire")
@click.argument("site")
@click.argument("reaction")
def retire(site: str, reaction: str) -> None:
    """Take a reaction out of the row; its counts are kept."""
    _change(site, lambda old: old.changed(reaction, retired=True))


@reaction_set.command("revive")
@click.argument("site")
@click.argument("reaction")
def revive(site: str, reaction: str) -> None:
    """Offer a retired reaction again, with the counts it had."""
    _change(site, lambda old: old.changed(reaction, retired=False))


@reaction_set.command("section")
@click.argument("site")
@click.argument("section")
@click.argument("reactions", nargs=-1)
def section(site: str, section: str, reactions: tuple[str, ...]) -> None:
    """Offer only these reactions on a section's articles; none named: all again."""
    with writing(current.engine()) as connection:
        found = sites.named(connection, site)
        chosen = {name: list(keys) for name, keys in found.section_reactions.items() if name != section}
        if reactions:
            chosen[section] = [found.reactions.named(key).key for key in reactions]
        sites.change(connection, site, section_reactions=chosen)
        offered = sites.named(connection, site).offered_in(section)
    click.echo(f"{section} offers: {', '.join(f'{r.emoji} {r.key}' for r in offered.offered)}")


def _change(site: str, change: Callable[[ReactionSet], ReactionSet]) -> None:
    with writing(current.engine()) as connection:
        new = change(sites.named(connection, site).reactions)
        sites.change(connection, site, reactions=new)
    click.echo(f"{site} offers: {', '.join(f'{r.emoji} {r.key}' for r in new.offered)}")
