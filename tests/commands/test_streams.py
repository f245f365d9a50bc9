"""What is typed, read and printed by a process whose terminal is another than usual: other bytes, or no stream at all."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests import make
from tests.databases import PROJECT, SqliteFiles, product_environment

NAME = "Ünï 日本 👍"


@pytest.fixture
def environ(tmp_path: Path, sqlite_files: SqliteFiles) -> dict[str, str]:
    """The settings of a service with a site whose name no old terminal can print."""
    url = sqlite_files.copy_to(tmp_path)
    make.site(url, name=NAME)
    return product_environment(data_dir=tmp_path, database_url=url, secret=make.SECRET)


def run(environ: dict[str, str], words: Sequence[str | bytes], redirected: str = "") -> subprocess.CompletedProcess[bytes]:
    """Run a command in a process of its own, from a shell that may close its streams."""
    script = f'exec "$@" {redirected}'
    command = ["sh", "-c", script, "sh", sys.executable, "-m", "reactions", *words]
    return subprocess.run(command, cwd=PROJECT, env=environ, capture_output=True, check=False, timeout=60)


@pytest.mark.parametrize("words", [(b"site", b"show", b"\xff"), (b"holds", b"release", b"daily", b"--network", b"\xff")])
def test_bytes_that_are_not_utf_8_are_said_in_one_line(environ: dict[str, str], words: tuple[bytes, ...]) -> None:
    done = run(environ, words)

    said = b"Error: The command line has bytes in it that are not UTF-8. Is the terminal set to UTF-8?\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", said)


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_what_is_printed_is_utf_8_on_any_terminal(environ: dict[str, str], encoding: str) -> None:
    given = {**environ, "PYTHONIOENCODING": encoding}

    listed, refused = run(given, ["site", "list"]), run(given, ["site", "show", "日本"])

    assert (listed.returncode, listed.stderr) == (0, b"")
    assert NAME in listed.stdout.decode()
    assert refused.stderr.decode() == "Error: There is no site '日本'.\n"


@pytest.mark.parametrize(
    ("words", "closed", "said"),
    [
        (["articles", "import", "daily", "-"], "<&-", "Error: The file is empty.\n"),
        (["article", "delete", "daily", "a"], "<&-", "Aborted!\n"),
        (["export", "daily", "votes"], ">&-", "Error: Standard output is closed. Give a folder: --output exports\n"),
        (["openapi"], ">/dev/full", "Error: The system: No space left on device.\n"),
    ],
)
def test_a_stream_that_is_not_there_is_said_in_one_line(
    environ: dict[str, str], words: list[str], closed: str, said: str
) -> None:
    done = run(environ, words, closed)

    assert done.returncode in (1, 2)
    assert done.stderr.decode().endswith(said)
    assert b"Traceback" not in done.stderr


def test_help_fits_the_narrowest_terminal(environ: dict[str, str]) -> None:
    for columns in ("20", "1", "0", "-5", "many"):
        done = run({**environ, "COLUMNS": columns}, ["site", "add", "--help"])

        assert (done.returncode, done.stderr) == (0, b""), columns
        assert b"--origin" in done.stdout
