"""`reactions secret`: list the secrets in force, rotate them, and retire earlier ones."""

from __future__ import annotations

import secrets

import click
from flask.cli import AppGroup

from reactions import secret_keys
from reactions.commands import as_json, print_json
from reactions.secret_keys import key_id
from reactions.web import current

secret = AppGroup("secret", help="Show and rotate the secret that sessions, tokens and cursors are signed with.")

_KEPT = """\
Pseudonyms stay as they are. Publishers who sign article keys need the new key of `reactions site signing-key`, receivers of
webhooks that of `reactions webhooks secret`; the old ones work until they are retired."""
_IN_THE_ENVIRONMENT = """\
The secret is in the settings, so change it there, on every host (a variable {PREFIX}X may be {PREFIX}X_FILE):

1. {PREFIX}PSEUDONYM_SECRET: the secret {pseudonym}{already}
2. {PREFIX}PREVIOUS_SECRETS: the secret {present}{more}
3. {PREFIX}SECRET: {new}
4. Restart the service. With several hosts, give every one the new secret in PREVIOUS_SECRETS first, and swap them afterwards.

"""


@secret.command("list")
@as_json
def list_all(*, as_json: bool) -> None:
    """List the secrets in force by their ids, never the secrets themselves."""
    keys = current.parts().keys
    in_force, *accepted = map(key_id, keys.secrets)
    if as_json:
        print_json({"signs": in_force, "accepted": accepted, "pseudonyms": keys.pseudonym_id})
        return
    click.echo(f"{in_force}  signs")
    for each in accepted:
        click.echo(f"{each}  is accepted")
    click.echo(f"{keys.pseudonym_id}  makes the pseudonyms")


@secret.command("rotate")
def rotate() -> None:
    """Replace the secret. What was signed with the old one is accepted until `retire`.

    If the secret is a file in the data folder, the files are written. If it is a setting, this prints what to set.
    """
    settings, keys = current.parts().settings, current.parts().keys
    if settings.secret:
        in_force, *accepted = map(key_id, keys.secrets)
        steps = _IN_THE_ENVIRONMENT.format(
            PREFIX="REACTIONS_",
            pseudonym=keys.pseudonym_id,
            already=", as it is" if settings.pseudonym_secret else ", which is not set yet",
            present=in_force,
            more="".join(f", then {each}" for each in accepted),
            new=secrets.token_hex(32),
        )
        click.echo(f"{steps}{_KEPT}")
        return
    secret_keys.rotate(settings)
    new, old, *_ = map(key_id, secret_keys.keys_of(settings).secrets)
    click.echo(f"The secret {new} is in force once the service is restarted; {old} is accepted.")
    click.echo(_KEPT)


@secret.command("retire")
@click.confirmation_option(prompt="Sessions, tokens and signatures of earlier secrets will be void. Continue?")
def retire() -> None:
    """Stop accepting what was signed with earlier secrets.

    Readers with an older token are fresh again, and editors must sign in again. Pseudonyms stay as they are.
    """
    settings = current.parts().settings
    if settings.secret or settings.previous_secrets:
        raise click.ClickException("Secrets are in the settings: remove them from previous_secrets, but keep pseudonym_secret.")
    secret_keys.retire(settings)
    click.echo("Earlier secrets are void once the service is restarted.")
