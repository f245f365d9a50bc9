"""`reactions serve`, `demo`, `settings` and `openapi`: the service, from an empty folder to answering requests."""

from __future__ import annotations

import dataclasses
import os
import socket
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import click
from flask import current_app
from flask.cli import with_appcontext

from reactions import commands
from reactions.app import create_app
from reactions.demo import seeding
from reactions.newsroom import sites
from reactions.reports import words
from reactions.settings import ADDRESSES, SECRETS, Settings, shipped, without_password
from reactions.storage import migrations
from reactions.votes import readers
from reactions.web import current, demo_paper, limit_redis
from reactions.web.openapi import description


@click.command("serve")
def serve() -> None:
    """Run the service. Upgrades the tables first, unless upgrade_on_start is false."""
    settings = commands.settings()
    _check_server(settings.server)
    _check_address(settings.bind)
    app = create_app(settings)
    limit_redis.refuse_node_of_cluster(settings)
    with app.app_context():
        if settings.upgrade_on_start:
            _upgrade()
        with current.reading() as connection:
            readers.check_key(connection, current.parts().keys.pseudonym_id)
            known = [site.key for site in sites.all_sites(connection)]
    click.echo(f"Reader Reactions is at {settings.address}", err=True)
    if not known:
        click.echo(
            "No sites yet. Add one: reactions site add daily --name 'The Daily' --origin https://www.example.org", err=True
        )
    _run_server({})


def _upgrade() -> None:
    """Upgrade the tables, unless a newer version has: during a rolling upgrade, this version works with them."""
    with current.reading() as connection:
        if migrations.newer(connection):
            click.echo("The tables are those of a newer version of the service. This version works with them.", err=True)
            return
    if migrations.upgrade(current.engine()):
        click.echo("The tables were upgraded.", err=True)


@click.command("demo")
@click.option("--bind", default="127.0.0.1:8000", show_default=True, help="Address to listen on.")
def demo(bind: str) -> None:
    """Run the service with an invented newspaper and a month of reactions.

    Your votes survive a restart.
    """
    if bind.startswith("unix:"):
        raise click.UsageError("The demo is for a browser: give it a port, as in --bind 127.0.0.1:8000.")
    extra = {"REACTIONS_DEMO": "true", "REACTIONS_BIND": bind}
    if "REACTIONS_DATA_DIR" not in commands.environment():
        extra["REACTIONS_DATA_DIR"] = str(commands.settings().data_path / "demo")
    settings = commands.settings(**extra)
    _check_server(settings.server)
    _check_address(settings.bind)
    app = create_app(settings)
    with app.app_context():
        migrations.upgrade(current.engine())
        _seed(settings)
        _announce(settings)
    _run_server(extra)


@click.command("settings")
@commands.as_json
def settings(*, as_json: bool) -> None:
    """Show every setting with its present value, except secrets."""
    values = dataclasses.asdict(commands.settings())
    shown = {name: without_password(value) if name in ADDRESSES else value for name, value in values.items()}
    secret = {name for name in SECRETS if values[name]}
    if as_json:
        commands.print_json(shown | dict.fromkeys(secret, "(set)"))
        return
    for name, value in shown.items():
        click.echo(f"{name:32} {'(set)' if name in secret else repr(value)}")


@click.command("openapi")
@with_appcontext
def openapi() -> None:
    """Print the OpenAPI 3.1 description of the API."""
    click.echo(description(current_app))


def _seed(settings: Settings) -> None:
    """Fill the demo newspaper, once."""
    engine, now_ms = current.engine(), current.now_ms()
    port = settings.bind.rpartition(":")[2]
    origins = sorted({f"http://127.0.0.1:{port}", f"http://localhost:{port}", settings.address})
    if seeding.printed(engine):
        seeding.allow_origins(engine, origins)
        seeding.add_key(engine, settings.data_path, now_ms=now_ms)
        return
    click.echo("Inventing a newspaper with a month of reactions …", err=True)
    started = time.monotonic()
    seeding.add_site(engine, origins=origins, now_ms=now_ms, address=settings.address)
    ballots = seeding.cast_votes(engine, current.parts().ballot_box, now_ms=now_ms)
    seeding.add_key(engine, settings.data_path, now_ms=now_ms)
    click.echo(f"{words.counted(ballots, 'ballot')} counted in {time.monotonic() - started:.1f} s.", err=True)


def _announce(settings: Settings) -> None:
    address = settings.address
    lead = demo_paper.edition(seeding.printed_at_ms(current.engine())).lead.key
    click.echo(
        f"\n  An article with the live widget   {address}/demo/{lead}\n"
        f"  The front page                    {address}/demo/\n"
        f"  The widget in several styles      {address}/demo/gallery\n"
        f"  The editors' dashboard            {address}/dashboard (the sign-in page offers the demo's key)\n"
        f"  The API                           {address}/docs\n\n"
        f"  The demo's votes are in {without_password(settings.engine_url)}\n"
        '  Stop with Ctrl+C. A site of your own has data of its own: README.md, "A real site in five minutes".\n',
        err=True,
    )


def _check_server(server: str) -> None:
    """Fail at once if the server is not installed."""
    try:
        import_module(server)
    except ImportError:
        raise click.ClickException(f"server: install reader-reactions[{server}] to run {server}.") from None


def _check_address(bind: str) -> None:
    """Fail at once if the address cannot be used: gunicorn would retry for five seconds and print a traceback."""
    if bind.startswith("unix:"):
        folder = Path(bind.removeprefix("unix:")).parent
        if not os.access(folder, os.W_OK):
            raise click.ClickException(f"bind: {folder} is not writable.")
        return
    host, _, port = bind.rpartition(":")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host.strip("[]") or None, int(port), type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        hint = "Stop what listens there, or choose another address: REACTIONS_BIND=127.0.0.1:8080 (demo: --bind)."
        raise click.ClickException(f"bind: {bind} cannot be used: {getattr(error, 'strerror', error)}. {hint}") from None


def _run_server(extra: dict[str, str]) -> NoReturn:
    """Become the server: a fresh process, because the metrics of several workers need their folder when they are imported."""
    environ, settings = commands.environment(**extra), commands.settings(**extra)
    if settings.workers > 1 and "PROMETHEUS_MULTIPROC_DIR" not in environ:
        environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="reactions-metrics-")
    config = shipped("config")
    program = {
        "gunicorn": ["-m", "gunicorn", "--config", str(config / "gunicorn.conf.py")],
        "granian": [str(config / "granian_conf.py")],
    }
    arguments = [sys.executable, *program[settings.server]]
    sys.stderr.flush()
    os.execve(sys.executable, arguments, environ)  # noqa: S606
