"""`reactions article`: close, hide, move, reset and merge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from flask.cli import AppGroup

from reactions.commands import people
from reactions.newsroom import article_keys, interventions, sites
from reactions.storage.engines import writing
from reactions.votes import revising
from reactions.votes.revising import Editor
from reactions.web import current

article = AppGroup("article", help="Close, hide, move, reset and merge articles.")


def _named(command: Any) -> Any:
    """The arguments that every command here begins with."""
    return click.argument("site")(click.argument("key")(command))


@article.command("close")
@_named
def close(site: str, key: str) -> None:
    """End voting on an article; its counts stay visible."""
    _intervene(interventions.close, site, key)
    click.echo(f"Voting on {key} has ended.")


@article.command("reopen")
@_named
def reopen(site: str, key: str) -> None:
    """Take votes on a closed article again."""
    _intervene(interventions.reopen, site, key)
    click.echo(f"{key} takes votes again.")


@article.command("hide")
@_named
def hide(site: str, key: str) -> None:
    """Show readers no numbers for a sensitive story; they may vote on."""
    _intervene(interventions.hide, site, key)
    click.echo(f"The numbers of {key} are hidden.")


@article.command("show")
@_named
def show(site: str, key: str) -> None:
    """Show readers an article's numbers again."""
    _intervene(interventions.show, site, key)
    click.echo(f"The numbers of {key} are shown.")


@article.command("move")
@_named
@click.argument("to")
def move(site: str, key: str, to: str) -> None:
    """Give an article another key; the old one keeps working."""
    _intervene(interventions.move, site, key, to=article_keys.canonical_key(to))
    click.echo(f"{key} is now {to}; both keys work.")


@article.command("merge")
@_named
@click.argument("into")
def merge(site: str, key: str, into: str) -> None:
    """Move an article's votes to another, and let its keys lead there."""
    moved = revising.merge(_desk(site), article_keys.canonical_key(key), into=article_keys.canonical_key(into))
    click.echo(f"{moved:,} votes moved; {key} now leads to {into}.")


@article.command("reset")
@_named
def reset(site: str, key: str) -> None:
    """Withdraw every vote on an article; `restore` takes it back."""
    count = revising.reset(_desk(site), article_keys.canonical_key(key))
    click.echo(f"{count:,} votes withdrawn. `reactions article restore {site} {key}` brings them back.")


@article.command("restore")
@_named
def restore(site: str, key: str) -> None:
    """Take the last reset back, except where readers have voted since."""
    count = revising.undo_reset(_desk(site), article_keys.canonical_key(key))
    click.echo(f"{count:,} votes restored.")


def _intervene(change: Callable[..., None], site: str, key: str, **more: str) -> None:
    with writing(current.engine()) as connection:
        found = sites.named(connection, site)
        change(connection, found, article_keys.canonical_key(key), at_ms=current.now_ms(), by=people.operator(), **more)


def _desk(site: str) -> Editor:
    with current.reading() as connection:
        found = sites.named(connection, site)
    return Editor(current.engine(), current.parts().ballot_box, found, by=people.operator(), now_ms=current.now_ms())
