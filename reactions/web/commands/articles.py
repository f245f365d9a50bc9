"""`reactions article`: end voting on an article, or open it again."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from reactions import articles, sites
from reactions.engines import writing
from reactions.web import current

article = AppGroup("article", help="Close and reopen articles.")


@article.command("close")
@click.argument("site")
@click.argument("key")
def close(site: str, key: str) -> None:
    """End voting on an article; its counts stay visible."""
    _set_closed(site, key, at_ms=current.now_ms())
    click.echo(f"Voting on {key} has ended.")


@article.command("reopen")
@click.argument("site")
@click.argument("key")
def reopen(site: str, key: str) -> None:
    """Take votes on a closed article again."""
    _set_closed(site, key, at_ms=None)
    click.echo(f"{key} takes votes again.")


def _set_closed(site: str, key: str, *, at_ms: int | None) -> None:
    with writing(current.engine()) as connection:
        articles.close(connection, sites.named(connection, site), articles.canonical_key(key), at_ms=at_ms)
