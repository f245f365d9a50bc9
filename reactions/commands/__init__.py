"""The `reactions` command. Every failure is one clear line and an exit code that is not 0.

A command's module is imported when the command is used, so that `reactions --version` does not wait for Flask and SQLAlchemy. The
environment is read here, and nowhere else but in wsgi.py.
"""

from __future__ import annotations

import errno
import gc
import getpass
import io
import json
import os
import re
import sys
from contextlib import suppress
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from reactions import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask

    from reactions.settings import Settings

# Where each command is, in the order of --help: the module and its attribute.
COMMANDS = {
    "serve": "serving.serve",
    "demo": "serving.demo",
    "site": "sites.site",
    "set": "reaction_sets.reaction_set",
    "article": "articles.article",
    "articles": "imports.articles",
    "export": "exports.export",
    "archive": "exports.archive",
    "import": "imports.import_",
    "key": "keys.key",
    "end-sessions": "keys.end_sessions",
    "holds": "holds.holds",
    "digest": "digest.digest_command",
    "subscribers": "digest.subscribers",
    "alerts": "alerts.alerts",
    "webhooks": "alerts.webhooks",
    "db": "database.db",
    "verify": "database.verify",
    "recount": "recount.recount",
    "seal": "database.seal",
    "retention": "retention.retention",
    "secret": "secret.secret",
    "doctor": "doctor.doctor",
    "settings": "serving.settings",
    "openapi": "serving.openapi",
}

# What is said where a database was not reached or not let in; all else is most often about tables that are missing.
_UNREACHED = re.compile(
    "connection (?:failed|refused|to server)|resolve host|unable to open|not a database|authentication failed"
    '|(?:database|role) ".*" does not exist|permission denied for database'
)


class Reactions(click.Group):
    """The group of all commands. It turns failures that are not bugs into Click's one-line errors."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  Click calls it so
        """The names, in the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(".")
        command: click.Command = getattr(import_module(f"{__name__}.{module}"), attribute)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options before the command."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise _with_nearest(error) from None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command. Click would import each for its line of help, which takes seconds."""
        names = [CompletionItem(name) for name in COMMANDS if name.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise _with_nearest(error) from None
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except Exception as error:
            line = failure(error)
            if line is None:
                raise
            raise click.ClickException(line) from None


# What other tools call what is here.
_MEANT = {
    "create": "add", "delete": "remove", "del": "remove", "rm": "remove", "ls": "list", "new": "add", "open": "reopen",
    "publish": "show", "run": "serve", "start": "serve", "undo": "restore", "unhide": "show",
}  # fmt: skip


def _with_nearest(error: click.UsageError) -> click.UsageError:
    """The same error; for a command or an option that there is not, with the nearest, or with all there are."""
    if isinstance(error, click.MissingParameter):
        return click.UsageError(" ".join(error.format_message().split()), error.ctx)  # Click writes each choice on a line
    name = getattr(error, "command_name", None) or getattr(error, "option_name", None)
    if name is None or error.ctx is None:
        return error
    command, what = error.ctx.command, "option" if name.startswith("-") else "command"
    known = [text for each in command.get_params(error.ctx) for text in each.opts if text.startswith("--")]
    if what == "command" and isinstance(command, click.Group):
        hidden = {name for name, each in command.commands.items() if each.hidden}
        known = [each for each in command.list_commands(error.ctx) if each not in hidden]
    near = [_MEANT[name]] if _MEANT.get(name) in known else get_close_matches(name, known, n=2, cutoff=0.6)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"There {'are' if len(known) > 1 else 'is'}: {', '.join(known)}."
    return click.UsageError(f"No such {what}: {name}. {hint}", error.ctx)


@click.group(cls=Reactions, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="reactions")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Reader Reactions: the "What's your reaction?" row under your articles.

    Settings are read from REACTIONS_* variables in the environment and from the file that REACTIONS_CONFIG names. `reactions
    settings` shows them.
    """
    from flask.cli import ScriptInfo

    ctx.obj = ctx.obj or ScriptInfo(create_app=_app_of_this_process, load_dotenv_defaults=False)


def environment(**extra: str) -> dict[str, str]:
    """The environment of this process, with `extra` variables."""
    return {**os.environ, **extra}


def settings(**extra: str) -> Settings:
    """The settings of this process's environment, with `extra` variables. Raises InvalidSettings."""
    from reactions.settings import load

    return load(environment(**extra))


def make_app() -> Flask:
    """The application with the settings of this process's environment; its statements may take their time."""
    from reactions.app import create_app

    return create_app(settings(), batch=True)


def _app_of_this_process() -> Flask:
    """The application, kept out of garbage collection: going through it takes 60 ms, perhaps of those in which votes wait."""
    gc.disable()  # while it is imported
    app = make_app()
    gc.freeze()
    gc.enable()
    return app


def as_json(command: Any) -> Any:
    """Give a command that lists or reports the option --json; docs/operating.md has the shapes."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


def print_json(document: Any) -> None:
    """Print a document for programs."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def tell_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Print what has changed of each field: what came to a list and what went from it, else the value before and now."""
    changed = {name: (before.get(name), after.get(name)) for name in {**before, **after} if before.get(name) != after.get(name)}
    click.echo("\nChanged:" if changed else "\nNothing has changed: so it was before.")
    for name, (was, is_) in changed.items():
        told = _moved(was or [], is_ or []) if isinstance(was or is_, list) else f"{was} -> {is_}"
        click.echo(f"  {name.strip()}: {told}")


def _moved(before: list[str], after: list[str]) -> str:
    """What came to a list and what went from it: "+ https://new.example  - https://old.example"."""
    came = [f"+ {each}" for each in after if each not in before]
    went = [f"- {each}" for each in before if each not in after]
    return "  ".join([*came, *went]) or f"{', '.join(before)} -> {', '.join(after)}"


def operator() -> str:
    """Who runs the command, for the record of changes, as far as the system knows."""
    with suppress(OSError, KeyError, ImportError):
        return f"operator {getpass.getuser()}"[:100]
    return "operator"


def failure(error: Exception) -> str | None:
    """One line for a failure that is not a bug; None for a bug."""
    from alembic.util import CommandError
    from sqlalchemy.exc import SQLAlchemyError

    from reactions.refusals import Refusal
    from reactions.settings import InvalidSettings

    if isinstance(error, InvalidSettings | Refusal):
        return str(error)
    if isinstance(error, SQLAlchemyError):
        return _database_said(str(getattr(error, "orig", None) or error).strip().splitlines()[0])
    if isinstance(error, ImportError):
        return f"{error}. PostgreSQL needs reader-reactions[postgres], and Redis reader-reactions[redis]."
    if isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed":
        return "The command line has bytes in it that are not UTF-8. Is the terminal set to UTF-8?"
    if isinstance(error, CommandError):
        return f"The migrations cannot be applied: {error}"
    if isinstance(error, OSError) and error.errno != errno.EPIPE:
        return f"{error.filename or 'The system'}: {error.strerror}."
    return None


def _database_said(cause: str) -> str:
    if "startup parameter" in cause:
        return f"The database reported an error: {cause}. Behind PgBouncer, set database_through_pgbouncer = true."
    if _UNREACHED.search(cause):
        return f"The database reported an error: {cause}. Is database_url right, and may this user use it?"
    return f"The database reported an error: {cause}. Has `reactions db upgrade` been run?"


def main() -> None:
    """The entry point."""
    _ready_streams()
    cli.main(prog_name="reactions")


def _ready_streams() -> None:
    """Write UTF-8 whatever the terminal takes, as what is printed becomes files. Read nothing where nothing is open."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115  it stays open
