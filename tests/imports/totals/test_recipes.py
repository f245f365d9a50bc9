"""The lines in docs/import.md that get a table out of a database, run against real databases, and the tables imported."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests import engines
from tests.databases import PROJECT, PostgresDatabases
from tests.imports.totals import samples
from tests.imports.totals.conftest import ImportFile, imported
from tests.lengths import only_sqlite

pytestmark = only_sqlite

COLUMNS = "id integer, post_id integer, title text, re_like integer, re_love integer, re_sad integer, re_wow integer"
TABLE = f"CREATE TABLE reactions ({COLUMNS})"
ROWS = """INSERT INTO reactions VALUES (1, 12, 'He said "no", twice\n=over, Ä', 5, 2, 0, 1), (3, 2, NULL, 1, NULL, 3, 0)"""


def recipe(begins: str) -> str:
    """The command of the page that begins so."""
    (line,) = re.findall(rf"^{begins} .*$", (PROJECT / "docs" / "import.md").read_text(encoding="utf-8"), re.MULTILINE)
    return str(line)


def run(command: str, folder: Path) -> bytes:
    subprocess.run(["bash", "-c", command], cwd=folder, check=True)
    return (folder / "reactions.csv").read_bytes()


def test_sqlite(import_file: ImportFile, engine: Engine, tmp_path: Path) -> None:
    if shutil.which("sqlite3") is None:
        pytest.skip("sqlite3 is not installed (Debian: apt-get install sqlite3)")
    with sqlite3.connect(tmp_path / "old.sqlite") as old:
        old.execute(TABLE)
        old.execute(ROWS)
    old.close()

    table = run(recipe("sqlite3"), tmp_path)

    assert import_file("varient", table).code == 0
    assert imported(engine) == samples.VARIENT_COUNTS


def test_postgresql(import_file: ImportFile, engine: Engine, tmp_path: Path, postgres_databases: PostgresDatabases) -> None:
    psql = next((folder / "psql" for folder in engines.postgres_sources() if (folder / "psql").exists()), None)
    if psql is None:
        pytest.skip("psql is not installed")
    name = postgres_databases.bare()
    url = postgres_databases.server.url(name).replace("+psycopg", "")
    subprocess.run([psql, "-q", url, "-c", TABLE, "-c", ROWS], check=True)

    table = run(recipe("psql").replace("psql old", f"{psql} '{url}'"), tmp_path)
    postgres_databases.server.drop_database(name)

    assert import_file("varient", table).code == 0
    assert imported(engine) == samples.VARIENT_COUNTS


@pytest.mark.parametrize(
    "table",
    [samples.VARIENT_BATCH, samples.VARIENT_CSV, samples.VARIENT_CSV_SEMICOLONS],
    ids=["mysql", "phpMyAdmin", "for Excel"],
)
def test_mysql_and_phpmyadmin_as_they_write(import_file: ImportFile, engine: Engine, table: str) -> None:
    assert import_file("varient", table).code == 0
    assert imported(engine) == samples.VARIENT_COUNTS
