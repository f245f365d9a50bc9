"""The description of the files, read by the tools that it is written for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from frictionless import Package, validate
from sqlalchemy import Engine

from reactions.exports import files, scope
from reactions.exports.columns import TABLES
from reactions.exports.files import Form
from reactions.exports.scope import Choice
from tests.exports.test_totals import NOWS, paper
from tests.lengths import only_sqlite
from tests.reports.stage import NOON, Stage

pytestmark = only_sqlite


def written(here: Stage, folder: Path, form: Form | None = None, choice: Choice | None = None) -> dict[str, Any]:
    """Export everything; what is said of it."""
    with scope.opened(here.engine, here.site, choice or Choice(), now_ms=NOON) as found:
        files.write_folder(found, list(TABLES.values()), form or Form(), folder)
    package: dict[str, Any] = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    return package


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # frictionless leaves compressed files open
@pytest.mark.parametrize("form", [Form(), Form(gzip=True), Form(bom=True)], ids=["csv", "gzip", "bom"])
def test_frictionless_finds_the_files_valid(newspaper: Stage, tmp_path: Path, form: Form) -> None:
    written(newspaper, tmp_path, form)

    report = validate(str(tmp_path / "datapackage.json"), limit_errors=10)

    assert report.valid, report.flatten(["type", "note"])
    assert [task.stats.get("rows") for task in report.tasks] == [
        resource["rows"] for resource in json.loads((tmp_path / "datapackage.json").read_text(encoding="utf-8"))["resources"]
    ]


def test_frictionless_finds_a_planted_fault(newspaper: Stage, tmp_path: Path) -> None:
    written(newspaper, tmp_path)
    file = tmp_path / "series.csv"
    file.write_bytes(file.read_bytes().replace(b",like,1,", b",like,one,", 1))

    report = validate(str(tmp_path / "datapackage.json"))

    assert {"type-error", "hash-count"} & {error[0] for error in report.flatten(["type"])}


def test_every_column_is_described_with_its_type(newspaper: Stage, tmp_path: Path) -> None:
    package = written(newspaper, tmp_path)

    for resource in package["resources"]:
        header = (tmp_path / resource["path"]).read_text(encoding="utf-8").split("\n")[0].split(",")
        assert [field["name"] for field in resource["schema"]["fields"]] == header
        assert all(field["description"] and field["type"] for field in resource["schema"]["fields"])
    assert Package(str(tmp_path / "datapackage.json")).version == "1.2"


def test_parquet_holds_what_the_csv_holds(newspaper: Stage, tmp_path: Path) -> None:
    written(newspaper, tmp_path / "csv")
    written(newspaper, tmp_path / "parquet", Form("parquet"))

    for table, columns in {"votes": "*", "series": "*", "articles": "* exclude (authors, tags, aliases)"}.items():
        as_csv = f"read_csv('{tmp_path}/csv/{table}.csv', types = {{'article': 'VARCHAR'}})"
        as_parquet = f"'{tmp_path}/parquet/{table}.parquet'"
        assert answer(f"select count(*) from (select {columns} from {as_parquet})") == answer(f"select count(*) from {as_csv}")
    sums = "select sum(added), sum(removed), sum(net), count(distinct article) from"
    assert answer(f"{sums} '{tmp_path}/parquet/series.parquet'") == answer(f"{sums} '{tmp_path}/csv/series.csv'")


def answer(question: str) -> Any:
    return duckdb.execute(question).fetchall()


def test_a_new_export_takes_the_place_of_an_old_one(newspaper: Stage, tmp_path: Path) -> None:
    first = written(newspaper, tmp_path / "out")

    again = written(newspaper, tmp_path / "out")

    assert again == first
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "articles.csv", "datapackage.json", "series.csv", "votes.csv",
    ]  # fmt: skip


@pytest.fixture
def newspaper(engine: Engine) -> Stage:
    here = paper(engine, 11, NOWS[0], "Europe/Berlin")
    here.now_ms = NOON
    return here
