"""`reactions db`, `reactions verify` and `reactions seal`: tables and rollups, a recount of every number, the ledger's seals."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

import click
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from reactions.commands import as_json, failure, print_json
from reactions.commands.arguments import ArticleId, Seconds
from reactions.newsroom import sites
from reactions.reports import reporting, words
from reactions.storage import distribution, migrations, partitions
from reactions.storage.connecting import with_timeouts
from reactions.storage.engines import snapshot
from reactions.storage.partitions import Partition
from reactions.times import rfc3339
from reactions.votes import integrity, months, rollups, sealing
from reactions.web import current

db = AppGroup("db", help="Upgrade and check the tables.")
_SHOWN = 20  # differences that `verify` prints
_ASKED_AGAIN_S = 1.0
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


@db.command("rollup")
@click.option("--anew", is_flag=True, help="Make every rollup anew, after `reactions verify` has found one that differs.")
def rollup(*, anew: bool) -> None:
    """Sum the closed hours for the reports.

    Running processes do it every minute; this does all that is left at once. Run it once a day, from cron or a systemd timer, and
    after an upgrade to this version. Safe to run at any time and from several hosts.
    """
    if anew:
        rollups.forget(current.engine())
    now_ms = current.now_ms()
    rollups.roll_up(current.engine(), now_ms=now_ms, within_s=math.inf)
    while not rollups.are_complete(current.engine(), now_ms=now_ms):  # a running process is at it: it does a part each minute
        time.sleep(_ASKED_AGAIN_S)
        rollups.roll_up(current.engine(), now_ms=now_ms, within_s=math.inf)
    reporting.keep_sums(current.engine(), now_ms=now_ms)
    click.echo("The closed hours are rolled up.")


@db.command("distribute")
@click.option("--dry-run", is_flag=True, help="Print the statements that are left to run, and run none.")
@click.option("--shards", type=click.IntRange(min=1), default=distribution.SHARDS, show_default=True, help="Parts of each table.")
def distribute(*, dry_run: bool, shards: int) -> None:
    """Distribute the tables over the nodes of a Citus cluster.

    What is distributed already stays as it is, so run it again after an upgrade that added tables. Votes wait while it moves the
    rows that are there. A database without the extension Citus is left unchanged.
    """
    if dry_run:
        with current.reading() as connection:
            for statement in distribution.missing(connection, shards=shards):
                click.echo(f"{statement};")
        return
    changed = distribution.distribute(current.engine(), shards=shards)
    click.echo(f"Distributed: {changed}." if changed else "All tables are distributed.")


@db.command("partition")
@click.option("--dry-run", is_flag=True, help="Print the statements that are left to run, and run none.")
def partition(*, dry_run: bool) -> None:
    """Let the ledger lie in months, so that `drop-months` gives their disk back at once. PostgreSQL.

    Only for large sites. Votes go on: the table becomes the first partition without a copy, in a transaction of some
    milliseconds. Safe to run again. The service makes the partitions of coming months, as `reactions retention` does.
    """
    engine, now_ms = current.engine(), current.now_ms()
    if dry_run:
        for statement in partitions.planned(engine, now_ms=now_ms):
            click.echo(f"{statement};")
        return
    changed = partitions.partition(engine, now_ms=now_ms)
    with current.reading() as connection:
        names = [each.name for each in partitions.listed(connection)]
    click.echo(f"{'Partitioned' if changed else 'The ledger is partitioned'}: {', '.join(names)}.")


@db.command("drop-months")
@click.option("--keep-months", type=click.IntRange(1, 1200), required=True, help="Whole months to keep, beside the present one.")
@click.option("--unchecked", is_flag=True, help="Do not compare the events with their seals before they go.")
@click.option("--dry-run", is_flag=True, help="Print what would go, and drop nothing.")
def drop_months(*, keep_months: int, unchecked: bool, dry_run: bool) -> None:
    """Drop old months of the ledger. Votes stay, counts and reports too; single votes of that time are in no export any more.

    Run `reactions archive` first. Readers go on changing old votes. In a partitioned ledger a month goes at once, and its disk
    comes back; elsewhere its events go in small steps. Safe to run again, as after a run that was cut short.
    """
    engine, box = current.engine(), current.parts().ballot_box
    if dry_run:
        until_ms = months.last_moment(current.now_ms(), keep_months=keep_months)
        with current.reading() as connection:
            pieces = months.planned(connection, until_ms)
        click.echo("\n".join(_would_go(piece) for piece in pieces) or "No month is old enough.")
        return
    count = 0
    for piece in months.drop(engine, box, keep_months=keep_months, now_ms=current.now_ms, check=not unchecked):
        count += 1
        events = words.counted(piece.events, "event")
        click.echo(f"Before {rfc3339(piece.until_ms)}: {events} dropped in {piece.took_s:.1f} s.")
    if not count:
        click.echo("No month is old enough.")


def _would_go(piece: Partition) -> str:
    return f"Before {rfc3339(piece.until_ms or 0)}: {f'partition {piece.name}' if piece.name else 'events, in small steps'}."


@click.command("verify")
@click.option("--above", type=ArticleId(), help="Go on above this article id, where an earlier run has stopped.")
@click.option("--within", type=Seconds(), help="Stop after so many seconds.")
@as_json
@with_appcontext
def verify(above: int | None, within: float | None, *, as_json: bool) -> None:
    """Recount every number.

    The numbers are recounted from the votes and from the ledger, a thousand articles in one snapshot. Exit code 1 if any
    differs; 3 if none differs so far and not everything was recounted, then a line says how to go on.
    """
    found = _Found(above)
    try:
        found.finished = _recount(found, None if within is None else time.monotonic() + within)
    except (SQLAlchemyError, KeyboardInterrupt) as error:
        cause = "interrupted" if isinstance(error, KeyboardInterrupt) else str(failure(error))
        if found.above == above:
            raise _NothingRecounted(cause) from None
        click.echo(f"Stopped: {cause}", err=True)
    if as_json:
        print_json(asdict(found))
    else:
        _print(found)
    if found.differing or not found.finished:
        raise click.exceptions.Exit(1 if found.differing else _NOT_FINISHED)


class _NothingRecounted(click.ClickException):
    exit_code = _NOT_FINISHED


@dataclass
class _Found:
    """What a recount has found so far; `above` is the last article id it has seen."""

    above: int | None
    votes: int = 0
    differing: int = 0
    differences: list[str] = field(default_factory=list)
    finished: bool = False

    def add(self, votes: int, differences: Sequence[object]) -> None:
        self.votes += votes
        self.differing += len(differences)
        self.differences += map(str, differences[: max(_SHOWN - len(self.differences), 0)])


def _recount(found: _Found, deadline: float | None) -> bool:
    """Recount range by range, then the seals, the rollups and what is kept of them. False if the deadline came first."""
    with _patient_snapshot() as listing:
        pieces = list(integrity.ranges(listing, above=found.above, articles=_ARTICLES))
    for piece in pieces:
        with _patient_snapshot() as connection:
            found.add(integrity.votes_stored(connection, piece), integrity.all_differences(connection, piece))
        found.above = piece.upto if piece.upto is not None else found.above
        if piece.upto is not None and deadline is not None and time.monotonic() > deadline:
            return False
    with _patient_snapshot() as connection:
        found.add(0, sealing.differences(connection))
        days = rollups.days(connection)
    for day in days:
        with _patient_snapshot() as connection:
            found.add(0, rollups.differences(connection, day))
    with _patient_snapshot() as connection:
        every_site = sites.all_sites(connection)
    for site in every_site:
        with _patient_snapshot() as connection:
            found.add(0, reporting.kept_differences(connection, site, now_ms=current.now_ms()))
    return True


@contextmanager
def _patient_snapshot() -> Iterator[Connection]:
    with snapshot(current.source().engine) as connection:
        yield with_timeouts(connection, statement_ms=0, lock_ms=1_000)


def _print(found: _Found) -> None:
    for difference in found.differences:
        click.echo(difference)
    differing = words.counted(found.differing, "number differs", "numbers differ")
    click.echo(f"{words.counted(found.votes, 'vote')} recounted, {differing}.")
    if not found.finished:
        further = "" if found.above is None else f" --above {found.above}"
        click.echo(f"Not finished. Go on with: reactions verify{further}")


@click.command("seal")
@with_appcontext
def seal() -> None:
    """Seal the ledger of past days.

    From then on `verify` reports any change of their events. Run it once a day, from cron or a systemd timer.
    """
    days, chain = sealing.seal(current.engine(), now_ms=current.now_ms())
    click.echo(f"{words.counted(days, 'day')} sealed. Keep the last chain value elsewhere: {chain}")
