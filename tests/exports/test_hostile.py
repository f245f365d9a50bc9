"""Hostile titles, written by the product and read by other people's programs: each must come back exactly, and none may run."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from reactions.exports import formats
from reactions.exports.columns import Column

TITLES = [
    "=1+1", "+1", "-5", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1+1", "＝1+1", "＋1", "－1", "＠a", '=HYPERLINK("http://x","y")',
    "=cmd|' /C calc'!A0", "a;=1+1", "a\t=1+1", "a\n=1+1", 'a\n"=1"', "a,=1", "$5", "(5)", "50 %", "1,5", "1/2", "10:30", "0012",
    "1e5", "2025-11-25", "TRUE", "NA", "null", 'say "hi", she; said', '"', "'", "''", "'=1", "a\nb", "a\r\nb", "a\rb", "nul\0nul",
    "\0", "\x01\x1f", "\x85", "a\u2028b", "\ufeffbom", "שלום \u202eabc\u202c", "😀👩‍👩‍👧", "𝒳", "e\u0301", "C:\\new\\u0041",
    "=C:\\u0041", " lead", "trail ", "x" * 10_000,
]  # fmt: skip
COLUMNS = [Column("n", "integer", ""), Column("title", "string", "", free=True), Column("net", "integer", "")]
# Comma, quote, UTF-8, from the first line; ordinary or text columns; formulas are to be run.
_OPENED = "CSV:44,34,76,1,{columns},0,false,true,false,false,false,0,true"
_AS_CSV = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    batch = [range(len(TITLES)), TITLES, [-number for number in range(len(TITLES))]]
    path = tmp_path / "articles.csv"
    path.write_bytes(b"".join(formats.csv_lines(COLUMNS, [batch])))
    return path


def by_csv(path: Path) -> list[tuple[int, str, int]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [(int(row["n"]), row["title"], int(row["net"])) for row in csv.DictReader(file, strict=True)]


def by_pandas(path: Path) -> list[tuple[int, str, int]]:
    frame = pd.read_csv(path, keep_default_na=False)
    return list(frame.itertuples(index=False, name=None))


def by_duckdb(path: Path) -> list[tuple[int, str, int]]:
    asked = "select * from read_csv(?, header = true, strict_mode = true, types = {'title': 'VARCHAR'}, max_line_size = 100000)"
    return duckdb.execute(asked, [str(path)]).fetchall()


@pytest.mark.parametrize("read", [by_csv, by_pandas, by_duckdb])
def test_every_title_comes_back_exactly(file: Path, read: Callable[[Path], list[tuple[int, str, int]]]) -> None:
    rows = read(file)

    assert [formats.text_of(title) for _, title, _ in rows] == TITLES
    assert [(n, net) for n, _, net in rows] == [(n, -n) for n in range(len(TITLES))]


def test_the_file_is_what_rfc_4180_describes(file: Path) -> None:
    content = file.read_bytes()

    assert content.startswith(b"n,title,net\r\n")
    assert content.endswith(b"\r\n")
    assert re.findall(rb"[\0\r](?!\n)", content) == []


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """LibreOffice: opens a CSV as a person would, and saves it as something else."""
    program = shutil.which("soffice")
    if program is None:
        pytest.skip("LibreOffice is not installed (Debian: apt-get install libreoffice-calc-nogui)")
    folder = tmp_path_factory.mktemp("office")

    def saved(path: Path, kind: str, *, columns: str = "") -> Path:
        profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
        opened = f"--infilter={_OPENED.format(columns=columns)}"
        given = [profile, "--headless", opened, "--convert-to", kind, "--outdir", str(folder), str(path)]
        subprocess.run([program, *given], check=True, capture_output=True, timeout=120)
        return folder / f"{path.stem}.{kind.partition(':')[0]}"

    return saved


def formulas(sheet: Path) -> int:
    return len(re.findall("table:formula", sheet.read_text(encoding="utf-8")))


def test_a_spreadsheet_finds_no_formula(file: Path, office: Callable[..., Path], tmp_path: Path) -> None:
    unsafe = tmp_path / "unsafe.csv"
    unsafe.write_text("n,title\r\n1,=1+1\r\n", encoding="utf-8")

    assert formulas(office(unsafe, "fods")) == 1
    assert formulas(office(file, "fods")) == 0


def test_a_spreadsheet_that_is_told_what_is_text_keeps_every_title(file: Path, office: Callable[..., Path]) -> None:
    saved = office(file, _AS_CSV, columns="2/2")

    with saved.open(encoding="utf-8", newline="") as sheet:
        rows: list[Any] = list(csv.reader(sheet))[1:]
    assert [formats.text_of(row[1]) for row in rows] == TITLES
    assert [int(row[2]) for row in rows] == [-n for n in range(len(TITLES))]
