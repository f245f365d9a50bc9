"""`reactions export`: what it writes, what it says, and what it leaves behind when it is killed."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from reactions.exports import files
from tests import make
from tests.databases import PROJECT, product_environment
from tests.lengths import only_sqlite
from tests.web.terminal import Terminal

pytestmark = only_sqlite


@pytest.fixture
def terminal(tmp_path: Path, database_url: str) -> Iterator[Terminal]:
    """A terminal on a database with a site and two articles."""
    make.site(database_url)
    found = Terminal(tmp_path, database_url)
    articles = tmp_path / "articles.csv"
    articles.write_text("key,title,section\na,Ä story,Sport\nb,=Sums,\n", encoding="utf-8")
    found.do("articles", "import", "daily", str(articles))
    yield found
    found.close()


def test_everything_is_written_into_a_folder_and_described(terminal: Terminal, tmp_path: Path) -> None:
    said = terminal.type("export", "daily", "all", "--output", str(tmp_path / "out"))

    package = json.loads((tmp_path / "out" / "datapackage.json").read_text(encoding="utf-8"))
    assert (said.code, said.out) == (0, "")
    for resource, line in zip(package["resources"], said.err.splitlines(), strict=True):
        content = (tmp_path / "out" / resource["path"]).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        assert (len(content), f"sha256:{digest}") == (resource["bytes"], resource["hash"])
        assert line == f"{resource['path']}: {resource['rows']:,} rows, {len(content):,} bytes, sha256 {digest}"


def test_one_table_goes_to_standard_output(terminal: Terminal) -> None:
    said = terminal.type("export", "daily", "articles", "--columns", "article,title,section", "--section", "Sport")

    assert (said.code, said.out) == (0, "article,title,section\na,Ä story,Sport\n")
    assert said.err.startswith("articles.csv: 1 row, ")


def test_forms_are_chosen(terminal: Terminal, tmp_path: Path) -> None:
    terminal.type("export", "daily", "articles", "--gzip", "--bom", "-o", str(tmp_path / "out"))
    terminal.type("export", "daily", "series", "--format", "parquet", "-o", str(tmp_path / "out"))

    packed = gzip.decompress((tmp_path / "out" / "articles.csv.gz").read_bytes()).decode("utf-8-sig")
    assert [row["title"] for row in csv.DictReader(packed.splitlines())] == ["Ä story", "'=Sums"]
    assert (tmp_path / "out" / "series.parquet").read_bytes().startswith(b"PAR1")


def test_a_chain_says_where_to_go_on(terminal: Terminal, tmp_path: Path) -> None:
    said = terminal.type("export", "daily", "all", "--since", "beginning", "-o", str(tmp_path / "out"))

    cursor = json.loads((tmp_path / "out" / "datapackage.json").read_text(encoding="utf-8"))["reactions"]["next"]
    assert said.err.splitlines()[-1] == f"The next export: --since {cursor}"
    assert terminal.type("export", "daily", "votes", "--since", cursor).code == 0


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["nowhere", "votes"], "There is no site 'nowhere'."),
        (["daily", "votes", "--columns", "reader"], "votes has no column 'reader'."),
        (["daily", "votes", "--precision", "second"], "no finer than the hour"),
        (["daily", "votes", "--readers"], "a different pseudonym on each article"),
        (["daily", "votes", "--since", "x"], "This cursor is not one of this site's."),
        (["daily", "votes", "--from", "2026-03-02", "--to", "2026-03-01"], "from must not be after to"),
    ],
)
def test_what_cannot_be_exported_is_one_line_and_an_exit_code(terminal: Terminal, words: list[str], fault: str) -> None:
    assert fault in terminal.fail("export", *words)


def test_standard_output_takes_one_table(terminal: Terminal) -> None:
    assert terminal.type("export", "daily", "all").code == 2


def test_the_operator_may_allow_more_exact_times(terminal: Terminal) -> None:
    assert terminal.type("export", "daily", "votes", "--precision", "second", export_precision="second").code == 0


@pytest.mark.parametrize("when", ["before", "after"], ids=["in a file", "between the files and their description"])
def test_a_killed_export_leaves_nothing_that_looks_complete(terminal: Terminal, tmp_path: Path, when: str) -> None:
    """Killed by signal 9 while `votes` is written, the last of the three; or when all that is missing is the description."""
    out = tmp_path / "out"
    spot = "_BATCHES, votes=die" if when == "before" else "__dict__, describe_files=die"
    script = (
        "import os, signal, sys; from unittest import mock; from reactions.commands import main;"
        "from reactions.exports import files;"
        "die = lambda *_: os.kill(os.getpid(), signal.SIGKILL);"
        f"sys.argv = ['reactions', 'export', 'daily', 'all', '-o', {str(out)!r}];"
        f"mock.patch.dict(files.{spot}).start(); main()"
    )
    environ = product_environment(database_url=terminal.database_url, data_dir=tmp_path, secret=make.SECRET)

    done = subprocess.run([sys.executable, "-c", script], env=environ, cwd=PROJECT, capture_output=True, check=False)

    assert done.returncode == -9
    assert {path.suffix for path in out.iterdir()} == {".part"}
    assert terminal.type("export", "daily", "all", "-o", str(out)).code == 0
    assert {path.suffix for path in out.iterdir()} == {".csv", ".json"}


def test_an_export_that_fails_has_its_exit_code(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    assert "Error" in terminal.type("export", "daily", "all", "-o", str(tmp_path / "file" / "out")).err
    assert terminal.type("export", "daily", "all", "-o", str(tmp_path / "file" / "out")).code == 1


def test_an_export_that_breaks_off_takes_away_what_it_wrote(terminal: Terminal, tmp_path: Path) -> None:
    terminal.type("export", "daily", "all", "-o", str(tmp_path / "out"))
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    with mock.patch.dict(files._BATCHES, votes=mock.Mock(side_effect=OSError(28, "No space left on device"))):
        said = terminal.type("export", "daily", "all", "-o", str(tmp_path / "out"))

    assert (said.code, said.err) == (1, "Error: The system: No space left on device.\n")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
