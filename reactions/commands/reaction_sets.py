"""`reactions set`: the reactions that a site offers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from reactions.commands import as_json, print_json, tell_changes
from reactions.commands.arguments import Place
from reactions.newsroom import reaction_sets, sites
from reactions.newsroom.reaction_sets import Reaction, ReactionSet
from reactions.settings import shipped
from reactions.storage.engines import writing
from reactions.web import current, settings_api

reaction_set = AppGroup("set", help="Show and change a site's reaction set. No change loses a count.")


def read_set(path: Path | None) -> ReactionSet:
    """The reaction set in a file; without a file, the one that the product ships."""
    chosen = path or shipped("config") / "reactions.toml"
    try:
        return reaction_sets.from_toml(chosen.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise click.ClickException(f"{chosen} cannot be read: {why}.") from None


@reaction_set.command("show")
@click.argument("site")
@as_json
def show_set(site: str, *, as_json: bool) -> None:
    """Print the set as TOML, to edit and apply."""
    with current.reading() as connection:
        found = sites.get(connection, site)
    if as_json:
        print_json(settings_api.shown_set(found))
    else:
        click.echo(reaction_sets.to_toml(found.reactions), nl=False)


@reaction_set.command("apply")
@click.argument("site")
@click.argument("file", type=Place(path_type=Path))
def apply_set(site: str, file: Path) -> None:
    """Replace the set with that of a TOML file. Reactions missing from the file are retired."""
    new = read_set(file)
    _change_set(site, lambda old: old.replaced_by(new))


@reaction_set.command("rename")
@click.argument("site")
@click.argument("reaction")
@click.argument("label")
@click.option("--lang", default="en", show_default=True, help="Language of the label.")
def rename(site: str, reaction: str, label: str, lang: str) -> None:
    """Change the label of a reaction. Its key and its counts stay."""
    _change_set(site, lambda old: old.relabelled(reaction, lang, label))


@reaction_set.command("order")
@click.argument("site")
@click.argument("reactions", nargs=-1, required=True)
def order(site: str, reactions: tuple[str, ...]) -> None:
    """Put these reactions first, in this order."""
    _change_set(site, lambda old: old.reordered(reactions))


@reaction_set.command("retire")
@click.argument("site")
@click.argument("reaction")
def retire(site: str, reaction: str) -> None:
    """Stop offering a reaction. Its counts are kept."""
    _change_set(site, lambda old: old.changed(reaction, retired=True))


@reaction_set.command("revive")
@click.argument("site")
@click.argument("reaction")
def revive(site: str, reaction: str) -> None:
    """Offer a retired reaction again, with the counts it had."""
    _change_set(site, lambda old: old.changed(reaction, retired=False))


@reaction_set.command("section")
@click.argument("site")
@click.argument("section")
@click.argument("reactions", nargs=-1)
def section_set(site: str, section: str, reactions: tuple[str, ...]) -> None:
    """Offer only some reactions in a section.

    Without REACTIONS, all are offered again.
    """
    with writing(current.engine()) as connection:
        before = found = sites.get_to_change(connection, site)
        chosen = {name: list(keys) for name, keys in found.section_reactions.items() if name != section}
        if reactions:
            chosen[section] = [found.reactions.get(key).key for key in reactions]
        sites.change(connection, site, section_reactions=chosen)
        after = sites.get(connection, site)
    click.echo(f"{section} offers: {', '.join(_offers(after.offered_in(section)))}")
    tell_changes({section: _offers(before.offered_in(section))}, {section: _offers(after.offered_in(section))})


def _change_set(site: str, change: Callable[[ReactionSet], ReactionSet]) -> None:
    with writing(current.engine()) as connection:
        old = sites.get_to_change(connection, site).reactions
        new = change(old)
        sites.change(connection, site, reactions=new)
    click.echo(f"{site} offers: {', '.join(_offers(new))}")
    tell_changes(_fields_of_set(old), _fields_of_set(new))


def _offers(chosen: ReactionSet) -> list[str]:
    return [f"{reaction.emoji} {reaction.key}" for reaction in chosen.offered]


def _fields_of_set(chosen: ReactionSet) -> dict[str, Any]:
    """What is told of a set when it changes: what it offers, what is retired, and how each reaction is."""
    each = {
        entry.key: [entry.emoji, f"mood {entry.mood:+d}", *filter(None, (entry.icon, entry.colour)), *_labels(entry)]
        for entry in chosen.entries
    }
    return {"offered": _offers(chosen), "retired": [entry.key for entry in chosen.entries if entry.retired], **each}


def _labels(entry: Reaction) -> list[str]:
    return [f"{label!r} ({tag})" for tag, label in entry.labels.items()]
