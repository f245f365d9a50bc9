"""`reactions key` and `reactions end-sessions`: API keys, and the sessions of people who signed in without one."""

from __future__ import annotations

from datetime import UTC, datetime

import click
from flask.cli import AppGroup, with_appcontext

from reactions.commands import as_json, print_json
from reactions.newsroom import api_keys, editor_sessions, sites
from reactions.storage.engines import writing
from reactions.times import DAY_MS
from reactions.web import current, newsroom_api

key = AppGroup("key", help="Add, list and revoke API keys.")


@key.command("add")
@click.argument("site")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(api_keys.SCOPES),
    help="read: reports and exports. write: describe and move articles. review: close, hide, reset, merge "
    "and delete them, and decide about held votes. keys: manage keys. admin: change the site's settings. Repeatable.",
)
@click.option("--label", required=True, help="What the key is for, such as CMS.")
@click.option(
    "--expires-after-days",
    type=click.IntRange(1, api_keys.LONGEST_DAYS),
    help="Days after which the key expires.  [default: never]",
)
def add(site: str, scopes: tuple[str, ...], label: str, expires_after_days: int | None) -> None:
    """Add an API key and print it. It cannot be shown again."""
    now_ms = current.now_ms()
    expires_at = now_ms + expires_after_days * DAY_MS if expires_after_days else None
    with writing(current.engine()) as connection:
        found = sites.get(connection, site)
        _, text = api_keys.create(connection, found, scopes=scopes, label=label, now_ms=now_ms, expires_at=expires_at)
    click.echo("Store this key now; it cannot be shown again:", err=True)
    click.echo(text)


@key.command("list")
@click.argument("site")
@as_json
def list_all(site: str, *, as_json: bool) -> None:
    """List the API keys of a site."""
    with current.reading() as connection:
        keys = api_keys.all_of(connection, sites.get(connection, site))
    if as_json:
        print_json({"keys": [newsroom_api.shown_key(entry) for entry in keys]})
        return
    for entry in keys:
        state = f"revoked {_day(entry.revoked_at)}" if entry.revoked_at else f"last used {_day(entry.last_used_at)}"
        click.echo(f"{entry.id}  {','.join(sorted(entry.scopes)):18} {entry.label:30} {state}")
    if not keys:
        click.echo("none yet")


@key.command("revoke")
@click.argument("site")
@click.argument("key_id")
def revoke(site: str, key_id: str) -> None:
    """Revoke an API key, and the keys made with it, at once."""
    with writing(current.engine()) as connection:
        ended = api_keys.revoke(connection, sites.get(connection, site), key_id, now_ms=current.now_ms())
    click.echo(f"{ended.label} ({ended.id}) is revoked.")


@click.command("end-sessions", help="End the dashboard sessions of PERSON, who signed in with an identity provider, at once.")
@click.argument("person")
@with_appcontext
def end_sessions(person: str) -> None:
    """End the sessions of a person, known by their verified e-mail address, or else by the provider's own name for them."""
    with writing(current.engine()) as connection:
        ended = editor_sessions.end_all_of(connection, person)
    if not ended:
        raise click.ClickException(f"{person} has no session.")
    click.echo(f"{ended} session{'s' * (ended > 1)} of {person} {'are' if ended > 1 else 'is'} ended.")


def _day(at_ms: int | None) -> str:
    return "never" if at_ms is None else f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d}"
