"""What comes back from an export, beside readers and editors who work on the same articles. On both engines."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, select

from reactions.imports import apply, totals
from reactions.newsroom import article_keys, articles, interventions
from reactions.newsroom.articles import Description
from reactions.refusals import ImportConflict
from reactions.storage import locks, tables
from reactions.storage.engines import writing
from reactions.votes import counting, revising, sealing
from reactions.votes.revising import Editor
from tests.boxes import NOON_MS, Booth, booth
from tests.engines import wait_until
from tests.imports.totals.conftest import faults
from tests.imports.totals.test_own_exports import elsewhere, terminal, write
from tests.lengths import only_postgresql
from tests.make import ADA, BEN, CIA
from tests.reports.stage import stage
from tests.web.terminal import Terminal

__all__ = ["elsewhere", "terminal"]


def export_merged(elsewhere: Engine, folder: Path) -> None:
    """Export a site whose article `a` was merged into `b`, and whose article `new` had the key `old`."""
    here = stage(elsewhere, now_ms=NOON_MS)
    there = booth(elsewhere)
    for reader, article in ((ADA, "a"), (BEN, "b"), (CIA, "old")):
        there.cast(reader, "like", seq=1, article=article)
    revising.merge(Editor(elsewhere, there.box, there.site, by="a test", now_ms=NOON_MS), "a", into="b")
    with writing(elsewhere) as connection:
        interventions.move(connection, there.site, "old", to="new", at_ms=NOON_MS, by="a test")
    write(here, folder)


def votes(daily: Booth) -> int:
    with daily.engine.connect() as connection:
        return len(connection.execute(select(tables.vote)).all())


@only_postgresql
@pytest.mark.parametrize("key", ["a", "old"])
def test_nothing_comes_back_if_a_reader_votes_meanwhile_on_a_key_that_leads_elsewhere_then(
    elsewhere: Engine, engine: Engine, terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """The vote would stay on an article that nobody looks at, or the former key would lead to a new one."""
    export_merged(elsewhere, tmp_path / "export")
    stage(engine, now_ms=NOON_MS)
    daily, restore_merges = booth(engine), interventions.restore_merges
    with writing(engine) as connection:
        articles.describe(connection, daily.site, [Description("a", "A title")], at_ms=NOON_MS)

    def vote_first(connection: Connection, merges: Mapping[int, int]) -> None:
        daily.cast(ADA, "wow", seq=1, article=key)
        restore_merges(connection, merges)

    monkeypatch.setattr(interventions, "restore_merges", vote_first)
    terminal.fail("import", "export", "daily", str(tmp_path / "export"))

    assert (daily.shown(key), votes(daily), faults(engine)) == ({"wow": 1}, 1, [])


def test_an_export_does_not_lead_the_former_key_of_another_article_away(
    elsewhere: Engine, engine: Engine, terminal: Terminal, tmp_path: Path
) -> None:
    export_merged(elsewhere, tmp_path / "export")
    stage(engine, now_ms=NOON_MS)
    daily = booth(engine)
    daily.cast(ADA, "wow", seq=1, article="mine")
    for to in ("old", "mine now"):
        with writing(engine) as connection:
            interventions.move(connection, daily.site, "mine", to=to, at_ms=NOON_MS, by="a test")

    assert "leads to another article" in terminal.fail("import", "export", "daily", str(tmp_path / "export"))

    assert (daily.shown("old"), votes(daily)) == ({"wow": 1}, 1)


@only_postgresql
def test_an_import_is_not_taken_back_if_votes_are_just_being_dropped(
    elsewhere: Engine, engine: Engine, terminal: Terminal, tmp_path: Path
) -> None:
    """Some of its events could be gone by then, and what they amount to would be taken back twice."""
    export_merged(elsewhere, tmp_path / "export")
    stage(engine, now_ms=NOON_MS)
    terminal.do("import", "export", "daily", str(tmp_path / "export"))
    daily = booth(engine)
    mine = tables.article.c.article_id == article_keys.id_of("daily", "b")
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'"

    def take_back() -> None:
        with totals.plan_removal(engine, daily.site, "export") as plan:
            apply.remove_import(daily.box, plan)

    with ThreadPoolExecutor(1) as pool, engine.connect() as looks:
        with writing(engine) as connection:
            sealing.take_turn(connection)
            taken = pool.submit(take_back)
            wait_until(lambda: looks.exec_driver_sql(waiting).scalar_one() == 1, why="who takes it back waits")
            connection.execute(tables.article.update().where(mine).values(votes_dropped_at=NOON_MS))
        with pytest.raises(ImportConflict):
            taken.result(20)


@only_postgresql
def test_votes_that_a_merge_moves_while_their_import_is_taken_back_go_as_well(
    elsewhere: Engine, engine: Engine, terminal: Terminal, tmp_path: Path
) -> None:
    here = stage(elsewhere, now_ms=NOON_MS)
    for article in ("a", "b"):
        booth(elsewhere).cast(ADA, "like", seq=1, article=article)
    write(here, tmp_path / "export")
    stage(engine, now_ms=NOON_MS)
    terminal.do("import", "export", "daily", str(tmp_path / "export"))
    daily = booth(engine)
    v, a = tables.vote.c, article_keys.id_of("daily", "a")
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"

    def take_back() -> None:
        with totals.plan_removal(engine, daily.site, "export") as plan:
            apply.remove_import(daily.box, plan)

    with writing(engine) as connection:
        into = {"into": article_keys.id_of("daily", "b"), "at_ms": NOON_MS, "by": "a test"}
        interventions.close_to_merge(connection, daily.site, "a", **into)
    with ThreadPoolExecutor(1) as pool, engine.connect() as looks:
        with writing(engine) as connection:  # as the merge does
            locks.take_part_in_counting(connection)
            voter = bytes(connection.execute(select(v.voter).where(v.article_id == a)).scalar_one())
            ballot = replace(daily.ballot(ADA, None, seq=5, article="a"), voter=voter, cause="merge")
            moved = replace(daily.ballot(ADA, "like", seq=4, article="b"), voter=voter, cause="merge")
            counting.count(connection, [ballot, moved], pseudonym_key=b"k" * 32)
            taken = pool.submit(take_back)
            wait_until(lambda: looks.exec_driver_sql(waiting).scalar_one() == 1, why="who takes it back waits")
        taken.result(20)

    assert (votes(daily), faults(engine)) == (0, [])
