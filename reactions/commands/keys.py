"""`reactions key`: the keys of editors and their tools."""

from __future__ import annotations

from datetime import UTC, datetime

import click
from flask.cli import AppGroup

from reactions.newsroom import api_keys, sites
from reactions.storage.engines import writing
from reactions.web import current

key = AppGroup("key", help="Make, list and revoke API keys.")


@key.command("add")
@click.argument("site")
@click.option(
    "--scope", "scopes", multiple=True, required=True, type=click.Choice(api_keys.SCOPES), help="May be given several times."
)
@click.option("--label", required=True, help="What the key is for, such as CMS.")
def add(site: str, scopes: tuple[str, ...], label: str) -> None:
    """Make a key and show it, this once."""
    with writing(current.engine()) as connection:
        found = sites.named(connection, site)
        _, text = api_keys.create(connection, found, scopes=scopes, label=label, now_ms=current.now_ms())
    click.echo("Keep this key now; it is not shown again:", err=True)
    click.echo(text)


@key.command("list")
@click.argument("site")
def list_all(site: str) -> None:
    """List a site's keys."""
    with current.reading() as connection:
        for entry in api_keys.all_of(connection, sites.named(connection, site)):
            state = f"revoked {_day(entry.revoked_at)}" if entry.revoked_at else f"last used {_day(entry.last_used_at)}"
            click.echo(f"{entry.id}  {','.join(sorted(entry.scopes)):18} {entry.label:30} {state}")


@key.command("revoke")
@click.argument("site")
@click.argument("key_id")
def revoke(site: str, key_id: str) -> None:
    """End a key at once."""
    with writing(current.engine()) as connection:
        ended = api_keys.revoke(connection, sites.named(connection, site), key_id, now_ms=current.now_ms())
    click.echo(f"{ended.label} ({ended.id}) is revoked.")


def _day(at_ms: int | None) -> str:
    return "never" if at_ms is None else f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d}"
