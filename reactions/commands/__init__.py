"""The `reactions` command. Whatever goes wrong is one clear line and an exit code that is not 0."""

from __future__ import annotations

import errno
from typing import Any

import click
from alembic.util import CommandError
from flask.cli import AppGroup, ScriptInfo
from sqlalchemy.exc import SQLAlchemyError

from reactions import __version__
from reactions.app import from_environment
from reactions.commands import (
    alerts,
    articles,
    checks,
    database,
    digest,
    exports,
    imports,
    keys,
    reaction_sets,
    serving,
    sites,
)
from reactions.refusals import Refusal
from reactions.settings import InvalidSettings
from reactions.storage.engines import UnsafeDatabase


class Reactions(AppGroup):
    """The group of all commands; it turns what the domain refuses into Click's one-line errors."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (InvalidSettings, UnsafeDatabase, Refusal) as error:
            raise click.ClickException(str(error)) from None
        except SQLAlchemyError as error:
            cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            raise click.ClickException(
                f"The database did not do what was asked: {cause}. Is `reactions db upgrade` done?"
            ) from None
        except ImportError as error:
            raise click.ClickException(
                f"{error}. PostgreSQL needs reader-reactions[postgres], and Redis reader-reactions[redis]."
            ) from None
        except CommandError as error:
            raise click.ClickException(f"The migrations cannot be applied: {error}") from None
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            raise click.ClickException(f"{error.filename or 'The system'}: {error.strerror}.") from None


@click.group(cls=Reactions, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="reactions")
def cli() -> None:
    """Reader Reactions: the "What's your reaction?" row under your articles.

    Settings come from REACTIONS_* in the environment and the file REACTIONS_CONFIG names; `reactions settings` shows them.
    """


for command in (
    serving.serve,
    serving.demo,
    sites.site,
    reaction_sets.reaction_set,
    articles.article,
    imports.articles,
    exports.export,
    imports.import_,
    keys.key,
    digest.digest_command,
    alerts.alerts,
    alerts.webhooks,
    database.db,
    checks.verify,
    checks.settings,
    checks.openapi,
):
    cli.add_command(command)


def main() -> None:
    """The entry point."""
    cli.main(prog_name="reactions", obj=ScriptInfo(create_app=from_environment, load_dotenv_defaults=False))
