"""The `reactions` command in this process, as it is typed into a terminal."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from click.testing import CliRunner
from flask import Flask
from flask.cli import ScriptInfo

from reactions.commands import cli, make_app
from reactions.web.extensions import db
from tests import make
from tests.databases import product_environment


@dataclass(frozen=True)
class Said:
    """What a command wrote, and its exit code."""

    code: int
    out: str
    err: str


@dataclass
class Terminal:
    """A terminal with an environment of its own."""

    folder: Path
    database_url: str
    made: list[Flask] = field(default_factory=list)

    def type(self, *words: str, **settings: object) -> Said:
        """Type a command; settings are put into its environment."""
        given = {"data_dir": self.folder, "database_url": self.database_url, "secret": make.SECRET, **settings}
        environ = product_environment(**{name: value for name, value in given.items() if value is not None})
        script = ScriptInfo(create_app=self._app, load_dotenv_defaults=False)
        # gunicorn takes the place of the process, so `serve` itself is tried in processes of its own.
        result = CliRunner().invoke(cli, list(words), obj=script, env=environ, prog_name="reactions")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Said(result.exit_code, result.stdout, result.stderr)

    def do(self, *words: str, **settings: object) -> str:
        """Type a command that must succeed; what it wrote."""
        said = self.type(*words, **settings)
        assert (said.code, said.err) == (0, ""), said
        return said.out

    def fail(self, *words: str, **settings: object) -> str:
        """Type a command that must fail in one line; that line."""
        said = self.type(*words, **settings)
        assert said.code != 0, said
        assert said.out == ""
        assert said.err.startswith("Error: "), said
        assert len(said.err.splitlines()) == 1, said
        return said.err.removeprefix("Error: ").strip()

    def _app(self) -> Flask:
        self.made.append(make_app())
        return self.made[-1]

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for app in self.made:
            with app.app_context():
                for engine in db.engines.values():
                    engine.dispose()
