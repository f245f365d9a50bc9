"""`reactions verify` and `reactions settings`: is every number true, and what is the service set to."""

from __future__ import annotations

import dataclasses
import os

import click
from flask import current_app
from flask.cli import with_appcontext

from reactions.settings import load, without_password
from reactions.storage.engines import snapshot
from reactions.votes import integrity
from reactions.web import current
from reactions.web.openapi import description

_HIDDEN = {"secret", "metrics_token", "export_reader_key"}
_ADDRESSES = {"database_url", "limiter_url", "smtp_url"}


@click.command("verify")
@with_appcontext
def verify() -> None:
    """Recount everything from the votes and from the ledger, in one snapshot; exit code 1 if any number differs."""
    with snapshot(current.engine()) as connection:
        votes = integrity.votes_stored(connection)
        found = [
            *integrity.differences(connection),
            *integrity.imported_differences(connection),
            *integrity.left_behind(connection),
            *integrity.readers_differences(connection),
        ]
    for difference in found[:20]:
        click.echo(str(difference))
    click.echo(f"{votes:,} votes recounted, {len(found):,} numbers differ.")
    if found:
        raise click.exceptions.Exit(1)


@click.command("openapi")
@with_appcontext
def openapi() -> None:
    """Print the API's description (OpenAPI 3.1)."""
    click.echo(description(current_app))


@click.command("settings")
def settings() -> None:
    """Show every setting as it is in force. Secrets are not shown."""
    values = dataclasses.asdict(load(os.environ))
    for name, value in values.items():
        shown = without_password(value) if name in _ADDRESSES else value
        click.echo(f"{name:32} {'(set)' if name in _HIDDEN and value else shown!r}")
