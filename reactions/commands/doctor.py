"""`reactions doctor`: what is wrong with an installation, and what to do about it. It changes nothing."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import click
from flask.cli import with_appcontext
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from reactions.commands import as_json, failure, print_json
from reactions.newsroom import sites
from reactions.refusals import Unavailable
from reactions.settings import InvalidSettings, Settings
from reactions.storage import migrations, tables
from reactions.storage.replica import Source
from reactions.times import DAY_MS
from reactions.votes import readers
from reactions.web import current, limit_redis

_LEAST_FREE = 1024**3  # bytes on the disk of an SQLite file
_CLOCKS_APART_S = 2.0
_BEHIND_S = 10.0
_UNSEALED_DAYS = 2
_ANSWER_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, and how it is: "ok", "look" where an operator should, "wrong" where the service does not work."""

    about: str
    state: str
    said: str


def ok(about: str, said: str) -> Finding:
    """Nothing to do."""
    return Finding(about, "ok", said)


def look(about: str, said: str) -> Finding:
    """It works, and may not be meant so."""
    return Finding(about, "look", said)


def wrong(about: str, said: str) -> Finding:
    """It does not work."""
    return Finding(about, "wrong", said)


@click.command("doctor")
@as_json
@with_appcontext
def doctor(*, as_json: bool) -> None:
    """Check the installation.

    Settings, disk, database, secret, Redis, clock, sites, and the public address as it answers from here. Exit code 1 if
    anything is wrong. Nothing is changed.
    """
    found = list(findings(current.parts().settings))
    if as_json:
        print_json({"findings": [asdict(each) for each in found]})
    else:
        for each in found:
            click.echo(f"{each.state:5}  {each.about:10}  {each.said}")
    if any(each.state == "wrong" for each in found):
        raise click.exceptions.Exit(1)


def findings(settings: Settings) -> Iterator[Finding]:
    """Every finding, in the order in which to mend them."""
    yield from _settings(settings)
    yield from _disk(settings)
    try:
        with current.reading() as connection:
            of_tables = (_database, _secret, _clock, _sites, _seals)
            for check in of_tables if migrations.revision(connection) else (_no_tables,):
                yield from check(connection)
    except (SQLAlchemyError, Unavailable) as error:
        yield wrong("database", str(failure(error)))
    yield from _replica(current.source())
    yield from _limiter(settings)
    yield from _public(settings)


def _settings(settings: Settings) -> Iterator[Finding]:
    yield ok("settings", "They can be read.")
    if not settings.public_url:
        said = f"public_url is empty: snippets name {settings.address}, which is enough to try. Set it before readers come."
        yield look("settings", said)
    elif not settings.public_url.startswith("https://"):
        yield look("settings", "public_url is not https: a page on https does not load the widget from it.")
    if settings.public_url and not settings.trusted_proxies:
        yield look("settings", "trusted_proxies is empty: behind a proxy, all readers would share one network's limits.")
    if any(each.endswith("/0") for each in settings.trusted_proxies):
        said = "trusted_proxies trusts every address: any reader can claim another one with each vote. Name your proxy's network."
        yield look("settings", said)
    if not settings.metrics_token:
        yield look("settings", "metrics_token is empty: /metrics is closed. Set it once something watches the service.")


def _disk(settings: Settings) -> Iterator[Finding]:
    if not settings.on_sqlite:
        return
    file = Path(settings.engine_url.removeprefix("sqlite:///"))
    free = shutil.disk_usage(file.parent if file.parent.is_dir() else "/").free
    said = f"{free / 1024**3:,.1f} GiB are free in {file.parent}."
    yield ok("disk", said) if free >= _LEAST_FREE else look("disk", f"{said} With a full disk votes are answered 507.")


def _no_tables(connection: Connection) -> Iterator[Finding]:
    """What is to be said of an empty database: a fresh installation is not broken."""
    said = f"{_engine(connection)}; it has no tables yet."
    if current.parts().settings.upgrade_on_start:
        yield look("database", f"{said} `reactions serve` makes them when it starts; so does `reactions db upgrade`.")
    else:
        yield wrong("database", f"{said} Run: reactions db upgrade")


def _engine(connection: Connection) -> str:
    return f"{connection.dialect.name} {'.'.join(map(str, connection.dialect.server_version_info or ()))}"


def _database(connection: Connection) -> Iterator[Finding]:
    engine = _engine(connection)
    if migrations.newer(connection):
        yield ok("database", f"{engine}; the tables are those of a newer version, which this one works with.")
    elif migrations.behind(connection):
        yield wrong("database", f"{engine}; the tables are not those of this version. Run: reactions db upgrade")
    else:
        yield ok("database", f"{engine}; the tables are those of this version.")


def _replica(source: Source) -> Iterator[Finding]:
    if not source.is_replica:
        return
    try:
        away, behind_s = source.reads_primary(), source.behind_s()
    except SQLAlchemyError as error:
        yield wrong("replica", str(failure(error)))
        return
    if away:
        yield look("replica", "reports_database_url is no replica, or cannot be reached: reports read a primary.")
    elif behind_s > _BEHIND_S:
        yield look("replica", f"It is {behind_s:,.0f} s behind, and so are reports and exports.")
    else:
        yield ok("replica", f"It is {behind_s:.1f} s behind.")


def _secret(connection: Connection) -> Iterator[Finding]:
    try:
        readers.check_key(connection, current.parts().keys.pseudonym_id)
    except Unavailable as refusal:
        yield wrong("secret", refusal.detail)
    else:
        yield ok("secret", "It is the one that the stored votes know.")


def _clock(connection: Connection) -> Iterator[Finding]:
    if connection.dialect.name != "postgresql":
        return
    theirs = float(connection.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one())
    apart = abs(theirs - time.time())
    said = f"{apart:.1f} s from the database's."
    yield ok("clock", said) if apart < _CLOCKS_APART_S else look("clock", f"{said} Let both keep time with NTP.")


def _sites(connection: Connection) -> Iterator[Finding]:
    known = sites.all_sites(connection)
    if not known:
        yield look("sites", "None yet. Run: reactions site add daily --name 'The Daily' --origin https://www.example.org")
    for site in known:
        if site.vanished_time_zone:
            yield look("sites", f"{site.key}: this machine no longer knows {site.vanished_time_zone}; its days are those of UTC.")
    if known:
        yield ok("sites", ", ".join(site.key for site in known))


def _seals(connection: Connection) -> Iterator[Finding]:
    first = connection.execute(select(func.min(tables.event.c.at))).scalar()
    sealed = connection.execute(select(func.max(tables.ledger_digest.c.day))).scalar()
    since = sealed + 1 if sealed is not None else None if first is None else first // DAY_MS
    if since is not None and current.now_ms() // DAY_MS - since > _UNSEALED_DAYS:
        yield look("ledger", "Past days are not sealed. Run `reactions seal` every day, as deploy/reactions-daily.timer does.")


def _limiter(settings: Settings) -> Iterator[Finding]:
    if settings.limiter_url.startswith("memory"):
        yield ok("limits", "They are counted in the memory of the one worker.")
        return
    try:
        limit_redis.refuse_node_of_cluster(settings)
        cause = limit_redis.fault(settings)
    except InvalidSettings as fault:
        yield wrong("limits", str(fault))
        return
    away = f"Redis counts nothing: {cause}. Each process counts by itself, and voting goes on. Repair it, or correct limiter_url."
    yield wrong("limits", away) if cause else ok("limits", "Redis counts.")


def _public(settings: Settings) -> Iterator[Finding]:
    if not settings.public_url:
        return
    address = f"{settings.address}/healthz"
    try:
        with urlopen(Request(address, headers={"User-Agent": "reactions doctor"}), timeout=_ANSWER_WITHIN_S) as answer:  # noqa: S310
            alive = json.loads(answer.read(1000)) == {"alive": True}
    except (URLError, OSError, ValueError) as error:
        yield wrong("public", f"{address} does not answer as the service does: {getattr(error, 'reason', error)}.")
        return
    yield ok("public", f"{address} answers.") if alive else wrong("public", f"{address} is answered by something else.")
