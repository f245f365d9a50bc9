"""`reactions article`: close, hide, move, reset, merge and delete."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import click
from flask.cli import AppGroup

from reactions.commands import operator
from reactions.newsroom import article_keys, interventions, sites
from reactions.reports import words
from reactions.storage.engines import writing
from reactions.votes import removing, revising
from reactions.votes.revising import Editor
from reactions.web import current

article = AppGroup("article", help="Close, hide, move, reset, merge and delete articles.")


def _named(command: Any) -> Any:
    """The arguments of every command here."""
    return click.argument("site")(click.argument("key")(command))


@article.command("close")
@_named
def close(site: str, key: str) -> None:
    """End voting on an article. Its counts stay visible."""
    _intervene(interventions.close, site, key)
    click.echo(f"Voting on {key} has ended.")


@article.command("reopen")
@_named
def reopen(site: str, key: str) -> None:
    """Accept votes on a closed article again."""
    _intervene(interventions.reopen, site, key)
    click.echo(f"Voting on {key} is open again.")


_open = copy(reopen)  # what people type; --help names the one word
_open.hidden = True
article.add_command(_open, "open")


@article.command("hide")
@_named
def hide(site: str, key: str) -> None:
    """Hide the counts of a sensitive article from readers. They can still vote."""
    _intervene(interventions.hide, site, key)
    click.echo(f"The counts of {key} are hidden.")


@article.command("show")
@_named
def show(site: str, key: str) -> None:
    """Show the counts of a hidden article again."""
    _intervene(interventions.show, site, key)
    click.echo(f"The counts of {key} are shown.")


@article.command("move")
@_named
@click.argument("to")
def move(site: str, key: str, to: str) -> None:
    """Give an article another key. The old one keeps working."""
    _intervene(interventions.move, site, key, to=article_keys.canonical_key(to))
    click.echo(f"{key} is now {to}; both keys work.")


@article.command("merge")
@_named
@click.argument("into")
def merge(site: str, key: str, into: str) -> None:
    """Move the votes and the keys of an article to another."""
    moved = revising.merge(_editor(site), article_keys.canonical_key(key), into=article_keys.canonical_key(into))
    click.echo(f"{words.counted(moved, 'vote')} moved; {key} now leads to {into}.")


@article.command("reset")
@_named
def reset(site: str, key: str) -> None:
    """Withdraw every vote on an article. `restore` undoes it."""
    count = revising.reset(_editor(site), article_keys.canonical_key(key))
    them = "it" if count == 1 else "them"
    click.echo(f"{words.counted(count, 'vote')} withdrawn. `reactions article restore {site} {key}` restores {them}.")


@article.command("restore")
@_named
def restore(site: str, key: str) -> None:
    """Undo the last reset, except for readers who have voted since."""
    count = revising.undo_reset(_editor(site), article_keys.canonical_key(key))
    click.echo(f"{words.counted(count, 'vote')} restored.")


@article.command("delete")
@click.argument("site")
@click.argument("key", required=False)
@click.option("--pattern", help="Delete every article without a description whose key matches, such as 'junk/*'.")
@click.confirmation_option(prompt="This deletes votes for good. Continue?")
def delete(site: str, key: str | None, pattern: str | None) -> None:
    """Delete an article with its votes, or those that match a pattern."""
    if (key is None) == (pattern is None):
        raise click.UsageError("Give either a key or --pattern.")
    if key is not None:
        removing.delete_article(_editor(site), article_keys.canonical_key(key))
        click.echo(f"{key} is deleted.")
    elif pattern is not None:
        click.echo(f"{words.counted(removing.delete_matching(_editor(site), pattern), 'article')} deleted.")


def _intervene(change: Callable[..., None], site: str, key: str, **more: str) -> None:
    with writing(current.engine()) as connection:
        found = sites.get(connection, site)
        change(connection, found, article_keys.canonical_key(key), at_ms=current.now_ms(), by=operator(), **more)


def _editor(site: str) -> Editor:
    with current.reading() as connection:
        found = sites.get(connection, site)
    return Editor(current.engine(), current.parts().ballot_box, found, by=operator(), now_ms=current.now_ms())
