"""`reactions db`, `reactions verify` and `reactions seal`: the tables, a recount of every number, and the ledger's seals."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

import click
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from reactions.storage import migrations
from reactions.storage.connecting import with_timeouts
from reactions.storage.engines import snapshot
from reactions.votes import integrity, sealing
from reactions.web import current

db = AppGroup("db", help="Upgrade and check the tables.")
_SHOWN = 20  # differences that `verify` prints
_ARTICLES = 1_000  # that it recounts in one snapshot
_NOT_FINISHED = 3  # 2 is Click's, for a wrong option


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
@click.option("--above", type=int, help="Go on above this article id, where an earlier run has stopped.")
@click.option("--within", type=click.FloatRange(min=0), help="Stop after so many seconds.")
@with_appcontext
def verify(above: int | None, within: float | None) -> None:
    """Recount every number.

    The numbers are recounted from the votes and from the ledger, a thousand articles in one snapshot. Exit code 1 if any differs; 3
    if none differs so far and not everything was recounted, then a line says how to go on.
    """
    deadline = None if within is None else time.monotonic() + within
    votes = differ = 0
    try:
        for piece, (more, differences) in _recounted(above):
            votes, differ = votes + more, differ + _show(differences, shown=differ)
            above = piece.upto
            if above is not None and deadline is not None and time.monotonic() > deadline:
                _stop(votes, differ, above)
        with _patient_snapshot() as connection:
            differ += _show(sealing.differences(connection), shown=differ)
    except (SQLAlchemyError, KeyboardInterrupt) as error:
        click.echo(f"Stopped: {str(error).strip().splitlines()[0] if str(error) else 'interrupted'}", err=True)
        _stop(votes, differ, above)
    click.echo(_found(votes, differ))
    if differ:
        raise click.exceptions.Exit(1)


def _recounted(above: int | None) -> Iterator[tuple[integrity.Range, tuple[int, Sequence[object]]]]:
    """Range by range: how many votes there are, and what differs."""
    with _patient_snapshot() as listing:
        pieces = list(integrity.ranges(listing, above=above, articles=_ARTICLES))
    for piece in pieces:
        with _patient_snapshot() as connection:
            yield piece, (integrity.votes_stored(connection, piece), integrity.all_differences(connection, piece))


@contextmanager
def _patient_snapshot() -> Iterator[Connection]:
    with snapshot(current.engine()) as connection:
        yield with_timeouts(connection, statement_ms=0, lock_ms=1_000)


def _show(differences: Sequence[object], *, shown: int) -> int:
    for difference in differences[: max(_SHOWN - shown, 0)]:
        click.echo(str(difference))
    return len(differences)


def _stop(votes: int, differ: int, above: int | None) -> NoReturn:
    click.echo(_found(votes, differ))
    further = "" if above is None else f" --above {above}"
    click.echo(f"Not finished. Go on with: reactions verify{further}")
    raise click.exceptions.Exit(1 if differ else _NOT_FINISHED)


def _found(votes: int, differ: int) -> str:
    differing = "1 number differs" if differ == 1 else f"{differ:,} numbers differ"
    return f"{votes:,} vote{'s' * (votes != 1)} recounted, {differing}."


@click.command("seal")
@with_appcontext
def seal() -> None:
    """Seal the ledger of past days.

    From then on `verify` reports any change of their events. Run it once a day, from cron or a systemd timer.
    """
    days, chain = sealing.seal(current.engine(), now_ms=current.now_ms())
    click.echo(f"{days:,} days sealed. Keep the last chain value elsewhere: {chain}")
