"""The archive of months: each closed month once, all months together what one export of all says, and nothing half-written."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from random import Random

import pyarrow.dataset as dataset
import pytest
from sqlalchemy import Engine

from reactions.exports import archive, files
from reactions.exports.archive import MARK
from reactions.newsroom import sites
from reactions.reports.query import ReportQuery
from reactions.storage import engines
from tests import make
from tests.exports.asking import exported
from tests.lengths import each_on_one_engine, only_sqlite
from tests.reports.stage import HOUR_MS, Stage, at, stage
from tests.web.terminal import Terminal

NOW_MS = at("2026-02-03 10:00")
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/St_Johns",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
)


@pytest.fixture
def here(engine: Engine) -> Stage:
    """A site that was voted on from November to February."""
    here, rnd = stage(engine), Random(3)
    moments = sorted(rnd.randrange(at("2025-11-20 00:00"), NOW_MS - HOUR_MS) for _ in range(100))
    edges = [at(f"{day} {time}") for day in ("2025-12-01", "2026-01-01", "2026-02-01") for time in ("00:00", "23:59")]
    every = sorted([*moments, *edges, *(edge - 1 for edge in edges)])
    here.vote(*((number, f"story-{number % 5}", make.SEVEN[number % 7], moment) for number, moment in enumerate(every)))
    return here


def run(here: Stage, folder: Path, *, now_ms: int = NOW_MS, anew: bool = False) -> dict[str, str]:
    outcome = archive.run(here.engine, here.site, folder, now_ms=now_ms, precision="hour", anew=anew)
    return {each.month.name: each.state for each in outcome}


def rows(folder: Path, table: str) -> int:
    return int(dataset.dataset(sorted(folder.rglob(f"{table}.parquet")), partitioning="hive").count_rows())


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_closed_month_is_written_once_and_the_open_one_is_not(here: Stage, tmp_path: Path) -> None:
    first = run(here, tmp_path)
    before = contents(tmp_path)

    assert first == {"2025-11": "written", "2025-12": "written", "2026-01": "written"}
    assert run(here, tmp_path) == dict.fromkeys(first, "kept")
    assert contents(tmp_path) == before
    assert run(here, tmp_path, now_ms=at("2026-03-01 01:02"))["2026-02"] == "written"


def test_a_month_waits_until_no_vote_can_be_on_its_way_into_it(here: Stage, tmp_path: Path) -> None:
    assert "2026-01" not in run(here, tmp_path, now_ms=at("2026-02-01 00:01"))
    assert run(here, tmp_path, now_ms=at("2026-02-01 01:02"))["2026-01"] == "written"


def test_all_months_together_are_the_whole_export(here: Stage, tmp_path: Path) -> None:
    later_ms = at("2026-03-02 00:00")
    run(here, tmp_path, now_ms=later_ms)

    for table in ("votes", "series"):
        assert rows(tmp_path, table) == len(exported(here.engine, here.site, table, now_ms=later_ms))


def test_analysts_find_site_and_month_as_columns(here: Stage, tmp_path: Path) -> None:
    run(here, tmp_path)

    found = dataset.dataset(tmp_path / "site=daily", partitioning=None, exclude_invalid_files=True)
    votes = dataset.dataset(sorted(tmp_path.rglob("votes.parquet")), partitioning=dataset.partitioning(flavor="hive"))

    assert found.count_rows() > votes.count_rows()
    assert {row["month"] for row in votes.to_table(columns=["month", "at"]).to_pylist()} == {"2025-11", "2025-12", "2026-01"}


def test_a_month_that_changed_is_named_and_written_anew_only_when_asked(here: Stage, tmp_path: Path) -> None:
    run(here, tmp_path)
    before = rows(tmp_path, "votes")
    here.vote((9_999, "story-1", "wow", at("2025-12-24 18:00")))

    assert run(here, tmp_path) == {"2025-11": "kept", "2025-12": "changed", "2026-01": "kept"}
    assert rows(tmp_path, "votes") == before
    assert run(here, tmp_path, anew=True) == {"2025-11": "kept", "2025-12": "written", "2026-01": "kept"}
    assert rows(tmp_path, "votes") == before + 1


@each_on_one_engine("mark", [None, "", "{", "[]", '{"changes": 1}', '{"changes": 1, "precision": "hour", "more": 2}'])
def test_a_month_without_a_whole_mark_is_written_again(here: Stage, tmp_path: Path, mark: str | None) -> None:
    run(here, tmp_path)
    place = tmp_path / "site=daily" / "month=2025-12"
    before = (place / "votes.parquet").read_bytes()
    (place / MARK).unlink() if mark is None else (place / MARK).write_text(mark)
    (place / "votes.parquet").write_bytes(b"cut short")

    assert run(here, tmp_path)["2025-12"] == "written"
    assert len((place / "votes.parquet").read_bytes()) == len(before)


def test_a_run_that_fails_leaves_no_mark(here: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "_write_part", full)
    with pytest.raises(OSError, match="No space left"):
        run(here, tmp_path / "archive")

    assert [path for path in (tmp_path / "archive").rglob("*") if path.is_file()] == []


def test_a_month_that_a_killed_run_was_writing_anew_is_written_by_the_next(
    here: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files may be of two readings: the mark of the first must not stand for them."""
    run(here, tmp_path)
    here.vote((9_999, "story-1", "wow", at("2025-12-24 18:00")))
    write = files.write_folder

    def killed(*given: object) -> None:
        write(*given)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "write_folder", killed)
    with pytest.raises(KeyboardInterrupt):
        run(here, tmp_path, anew=True)
    monkeypatch.undo()

    assert run(here, tmp_path)["2025-12"] == "written"


@each_on_one_engine("zone", ZONES)
def test_a_month_has_the_hours_that_reports_say_it_has(here: Stage, zone: str, tmp_path: Path) -> None:
    with engines.writing(here.engine) as connection:
        sites.change(connection, "daily", time_zone=zone)
        here.site = sites.get(connection, "daily")
    about = ReportQuery(first="2025-12-01", last="2025-12-31", time_zone=zone)
    period, *_ = about.read(here.site, NOW_MS)

    months = {
        each.month.first: each.month for each in archive.run(here.engine, here.site, tmp_path, now_ms=NOW_MS, precision="hour")
    }

    assert months[date(2025, 12, 1)].hours == period.hours
    assert months[date(2025, 12, 1)].hours.stop == months[date(2026, 1, 1)].hours.start


def test_a_site_without_votes_has_no_months(engine: Engine, tmp_path: Path) -> None:
    assert run(stage(engine), tmp_path) == {}


@only_sqlite
def test_the_command_says_what_it_has_done(tmp_path: Path, database_url: str) -> None:
    make.site(database_url)
    terminal = Terminal(tmp_path, database_url)
    folder = str(tmp_path / "archive")

    assert terminal.do("archive", "daily", folder) == "No month is closed yet.\n"
    assert json.loads(terminal.do("archive", "daily", folder, "--json")) == {"site": "daily", "months": []}
    assert terminal.fail("archive", "none", folder).startswith("There is no site")
    assert "no finer than the hour" in terminal.fail("archive", "daily", folder, "--precision", "second")
    terminal.close()
