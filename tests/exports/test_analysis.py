"""The worked example of docs/analysis runs on the demo newspaper, and its answers are the product's."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from reactions.demo import seeding
from reactions.demo.newspaper import newspaper
from reactions.exports import files, scope
from reactions.exports.columns import TABLES
from reactions.exports.files import Form
from reactions.exports.scope import Choice
from reactions.newsroom import sites
from reactions.storage import engines
from reactions.votes.ballot_box import BallotBox
from tests.databases import PROJECT, SqliteFiles
from tests.reports.stage import NOON

ANALYSIS = PROJECT / "docs" / "analysis"
CHARTS = ("mood-by-section.png", "day.png", "half-life.png", "divided.png")


def example() -> ModuleType:
    """The script, as a module."""
    spec = importlib.util.spec_from_file_location("example", ANALYSIS / "example.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def demo_export(folder: Path) -> dict[str, int]:
    """Export the demo newspaper of a fixed day into a folder; the counts of its articles."""
    url = SqliteFiles(folder).copy_to(folder)
    engine = create_engine(url)
    engines.prepare(engine)
    seeding.add_site(engine, origins=["https://paper.example"], now_ms=NOON, address="https://paper.example")
    box = BallotBox(engine, pseudonym_key=b"k" * 32, batch_size=2000, queue_size=2000, answer_within_s=10)
    seeding.cast_votes(engine, box, now_ms=NOON)
    with engine.connect() as connection:
        site = sites.get(connection, newspaper().site)
        counts = connection.execute(text("select a.key, sum(t.n) from article a join tally t using (article_id) group by a.key"))
        totals = {key: int(n) for key, n in counts}
    with scope.opened(engine, site, Choice(), now_ms=NOON) as found:
        files.write_folder(found, list(TABLES.values()), Form(), folder / "exports")
    engine.dispose()
    return totals


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("analysis")
    totals = demo_export(folder)
    return {"totals": totals, "charts": folder / "charts", **example().main(folder / "exports", folder / "charts")}


def test_the_files_hold_what_the_service_counts(answers: dict[str, Any]) -> None:
    counted = {key: n for key, n in answers["totals"].items() if n}

    assert dict(answers["series"].groupby("article")["net"].sum().loc[lambda net: net > 0]) == counted
    articles = answers["articles"].set_index("article")["total"]
    assert dict(articles[articles > 0]) == counted
    votes = answers["votes"]
    assert votes["to"].notna().sum() - votes["from"].notna().sum() == sum(counted.values())


def test_sql_and_pandas_agree_on_the_mood_of_sections(answers: dict[str, Any]) -> None:
    articles = answers["articles"].dropna(subset=["section"])
    moods = {"like": 1, "dislike": -1, "love": 1, "funny": 1, "angry": -1, "sad": -1, "wow": 0}
    sums = articles.groupby("section")[[f"count_{key}" for key in moods]].sum()
    expected = sum(sums[f"count_{key}"] * mood for key, mood in moods.items()) / sums.sum(axis=1)

    found = answers["moods"].set_index("section")["mood"]

    assert len(found) >= 5
    assert dict(found) == pytest.approx(dict(expected))


def test_the_answers_make_sense(answers: dict[str, Any]) -> None:
    night, evening = answers["hours"].loc[3].sum(), answers["hours"].loc[20].sum()

    assert evening > 5 * night
    assert 2 <= answers["half_lives"].median() <= 48
    assert list(answers["divided"]["split"]) == sorted(answers["divided"]["split"], reverse=True)
    assert answers["divided"]["split"].iloc[0] > 0.7


def test_the_charts_are_drawn_and_stand_in_the_documentation(answers: dict[str, Any]) -> None:
    page = (ANALYSIS / "README.md").read_text(encoding="utf-8")

    for chart in CHARTS:
        assert (answers["charts"] / chart).stat().st_size > 5000
        assert f"]({chart})" in page
        assert (ANALYSIS / chart).exists()
