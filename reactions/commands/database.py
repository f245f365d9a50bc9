"""`reactions db`: the tables."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from reactions.storage import migrations
from reactions.web import current

db = AppGroup("db", help="Bring the tables up to date, and check them.")


@db.command("upgrade")
def upgrade() -> None:
    """Apply the migrations that are missing. Safe to run from several hosts at once."""
    changed = migrations.upgrade(current.engine())
    click.echo("The tables were brought up to date." if changed else "The tables are up to date.")


@db.command("downgrade")
@click.argument("revision")
@click.confirmation_option(prompt="This may drop tables and what is in them. Go on?")
def downgrade(revision: str) -> None:
    """Go back to an older revision; "base" removes all tables."""
    migrations.downgrade(current.engine(), revision)
    click.echo(f"The tables are at {revision}.")


@db.command("check")
def check() -> None:
    """Compare the tables with what this version expects."""
    with current.reading() as connection:
        if migrations.newer(connection):
            click.echo(f"The tables are at revision {migrations.revision(connection)}, of a newer version of the service.")
            return
        if migrations.behind(connection):
            raise click.ClickException("The tables are not those of this version. `reactions db upgrade` brings them up to date.")
        if differences := migrations.differences(connection):
            raise click.ClickException("The tables differ from this version's:\n" + "\n".join(map(str, differences)))
    click.echo("The tables are those of this version.")
