"""`reactions db`, `reactions verify` and `reactions seal`: the tables, a recount of every number, and the ledger's seals."""

from __future__ import annotations

import click
from flask.cli import AppGroup, with_appcontext

from reactions.commands import as_json, print_json
from reactions.storage import migrations
from reactions.storage.engines import snapshot
from reactions.votes import integrity, sealing
from reactions.web import current

db = AppGroup("db", help="Upgrade and check the tables.")
_SHOWN = 20  # differences that `verify` prints


@db.command("upgrade")
def upgrade() -> None:
    """Apply the missing migrations. Safe to run from several hosts at once."""
    changed = migrations.upgrade(current.engine())
    click.echo("The tables were upgraded." if changed else "The tables are up to date.")


@db.command("downgrade")
@click.argument("revision")
@click.confirmation_option(prompt="This may drop tables and their rows. Continue?")
def downgrade(revision: str) -> None:
    """Downgrade to an older REVISION; "base" removes all tables."""
    migrations.downgrade(current.engine(), revision)
    click.echo(f"The tables are at {revision}.")


@db.command("check")
def check() -> None:
    """Compare the tables with those that this version expects."""
    with current.reading() as connection:
        if migrations.newer(connection):
            click.echo(f"The tables are at revision {migrations.revision(connection)}, that of a newer version of the service.")
            return
        if migrations.behind(connection):
            raise click.ClickException("The tables are not those of this version. `reactions db upgrade` upgrades them.")
        if differences := migrations.differences(connection):
            raise click.ClickException("The tables differ from those of this version:\n" + "\n".join(map(str, differences)))
    click.echo("The tables are those of this version.")


@click.command("verify")
@as_json
@with_appcontext
def verify(*, as_json: bool) -> None:
    """Recount every number.

    The numbers are recounted from the votes and from the ledger, in one snapshot. Exit code 1 if any differs.
    """
    with snapshot(current.engine()) as connection:
        votes = integrity.votes_stored(connection)
        differences = [
            *integrity.differences(connection),
            *integrity.imported_differences(connection),
            *integrity.readers_differences(connection),
            *integrity.left_behind(connection),
            *sealing.differences(connection),
            *integrity.hold_differences(connection),
        ]
    if as_json:
        print_json({"votes": votes, "differing": len(differences), "differences": list(map(str, differences[:_SHOWN]))})
    else:
        for difference in differences[:_SHOWN]:
            click.echo(str(difference))
        differ = "1 number differs" if len(differences) == 1 else f"{len(differences):,} numbers differ"
        click.echo(f"{votes:,} vote{'s' * (votes != 1)} recounted, {differ}.")
    if differences:
        raise click.exceptions.Exit(1)


@click.command("seal")
@with_appcontext
def seal() -> None:
    """Seal the ledger of past days.

    From then on `verify` reports any change of their events. Run it once a day, from cron or a systemd timer.
    """
    days, chain = sealing.seal(current.engine(), now_ms=current.now_ms())
    click.echo(f"{days:,} days sealed. Keep the last chain value elsewhere: {chain}")
