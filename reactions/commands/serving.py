"""`reactions serve` and `reactions demo`: everything from an empty folder to an answering service."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

import click

from reactions.app import create_app
from reactions.demo import seeding
from reactions.newsroom import sites
from reactions.settings import Settings, load, shipped, without_password
from reactions.storage import migrations
from reactions.web import current, demo_paper


@click.command(name="serve")
def serve() -> None:
    """Start the service: bring the tables up to date, then answer until stopped."""
    settings = load(os.environ)
    _check_address(settings.bind)
    app = create_app(settings)
    with app.app_context():
        if settings.upgrade_on_start:
            _upgrade()
        with current.reading() as connection:
            known = [site.key for site in sites.all_sites(connection)]
    click.echo(f"Reader Reactions answers at {settings.address}", err=True)
    if not known:
        click.echo("No site yet: reactions site add daily --name 'The Daily' --origin https://www.example.org", err=True)
    _run_gunicorn({})


def _upgrade() -> None:
    """Bring the tables up to date, unless a newer version has: during a rolling upgrade this one goes on."""
    with current.reading() as connection:
        if migrations.newer(connection):
            click.echo("The tables are of a newer version of the service; this one goes on with them.", err=True)
            return
    if migrations.upgrade(current.engine()):
        click.echo("The tables were brought up to date.", err=True)


@click.command(name="demo")
@click.option("--bind", default="127.0.0.1:8000", show_default=True, help="host:port to listen on.")
def demo(bind: str) -> None:
    """Serve an invented newspaper with a month of reactions. What you vote stays when you start it again."""
    extra = {"REACTIONS_DEMO": "true", "REACTIONS_BIND": bind}
    if "REACTIONS_DATA_DIR" not in os.environ:
        extra["REACTIONS_DATA_DIR"] = str(load(os.environ).data_path / "demo")
    settings = load({**os.environ, **extra})
    _check_address(settings.bind)
    app = create_app(settings)
    with app.app_context():
        migrations.upgrade(current.engine())
        _seed(settings)
        _announce(settings)
    _run_gunicorn(extra)


def _seed(settings: Settings) -> None:
    """Print the demo newspaper, once."""
    engine, now_ms = current.engine(), current.now_ms()
    port = settings.bind.rpartition(":")[2]
    origins = sorted({f"http://127.0.0.1:{port}", f"http://localhost:{port}", settings.address})
    if seeding.printed(engine):
        seeding.allow_origins(engine, origins)
        seeding.add_key(engine, settings.data_path, now_ms=now_ms)
        return
    click.echo("Printing a month of an invented newspaper …", err=True)
    started = time.monotonic()
    seeding.add_site(engine, origins=origins, now_ms=now_ms, address=settings.address)
    ballots = seeding.cast_votes(engine, current.parts().ballot_box, now_ms=now_ms)
    seeding.add_key(engine, settings.data_path, now_ms=now_ms)
    click.echo(f"{ballots:,} ballots counted in {time.monotonic() - started:.1f} s.", err=True)


def _announce(settings: Settings) -> None:
    address = settings.address
    lead = demo_paper.edition(seeding.printed_at_ms(current.engine())).lead.key
    click.echo(
        f"\n  An article with the live widget   {address}/demo/{lead}\n"
        f"  The front page                    {address}/demo/\n"
        f"  The widget in many dresses        {address}/demo/gallery\n"
        f"  The editors' dashboard            {address}/dashboard (its sign-in page offers the demo's key)\n"
        f"  The API                           {address}/docs\n\n"
        f"  Votes are kept in {without_password(settings.engine_url)}\n"
        "  Next: reactions serve, and the first screen of README.md. Stop with Ctrl+C.\n",
        err=True,
    )


def _check_address(bind: str) -> None:
    """Say at once that the address cannot be had; gunicorn would try for five seconds and print a stack."""
    if bind.startswith("unix:"):
        folder = Path(bind.removeprefix("unix:")).parent
        if not os.access(folder, os.W_OK):
            raise click.ClickException(f"bind: {folder} cannot be written.")
        return
    host, _, port = bind.rpartition(":")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host.strip("[]") or None, int(port), type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        hint = "Stop what listens there, or choose another with REACTIONS_BIND=127.0.0.1:8080 (demo: --bind)."
        raise click.ClickException(f"bind: {bind} cannot be used: {getattr(error, 'strerror', error)}. {hint}") from None


def _run_gunicorn(extra: dict[str, str]) -> NoReturn:
    """Become gunicorn: a fresh process, so that the metrics of several workers find their folder when they are imported."""
    environ = {**os.environ, **extra}
    if load(environ).workers > 1 and "PROMETHEUS_MULTIPROC_DIR" not in environ:
        environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="reactions-metrics-")
    arguments = [sys.executable, "-m", "gunicorn", "--config", str(shipped("config") / "gunicorn.conf.py")]
    sys.stderr.flush()
    os.execve(sys.executable, arguments, environ)  # noqa: S606
