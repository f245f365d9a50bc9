"""A large import of views goes in steps: votes go on between them, and a run that was cut short goes on. On both engines."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import Connection, Engine

from reactions.imports import apply, record
from reactions.newsroom import article_keys
from reactions.votes import removing, revising
from reactions.votes.ballot_box import BallotBox
from reactions.votes.revising import Editor
from tests import make
from tests.boxes import Booth
from tests.imports.totals.test_views import ImportViews, faults, publish, see, seen
from tests.web.terminal import Said, Terminal

__all__ = ["see"]
MANY = 1200  # article-days, of which a step changes 500


def many(n: int) -> str:
    """A table of three days in which each of many articles was seen `n` times a day."""
    lines = (f"2026-03-0{day},/many-{article},{n}\n" for day in (1, 2, 3) for article in range(MANY // 3))
    return "date,page,pageviews\n" + "".join(lines)


@pytest.fixture
def resting(see: ImportViews, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], object]]:
    """What happens after the steps of an import, one each, beside many articles."""
    publish(engine, *(f"/many-{article}" for article in range(MANY // 3)))
    happening: list[Callable[[], object]] = []
    transact = BallotBox.transact

    def step(box: BallotBox, work: Callable[[Connection], object]) -> object:
        done = transact(box, work)
        if isinstance(work, partial) and work.func is apply._change_some_views and happening:
            happening.pop(0)()
        return done

    monkeypatch.setattr(BallotBox, "transact", step)
    return happening


def test_votes_are_counted_between_the_steps_of_a_large_import(
    see: ImportViews, daily: Booth, engine: Engine, resting: list[Callable[[], object]]
) -> None:
    voted: list[int] = []

    def vote() -> None:
        daily.cast(make.reader(len(voted)), "like", seq=1, article="/rain")
        voted.append(sum(seen(engine).values()))

    resting += [vote] * 10
    assert see("plausible", many(7)).code == 0

    assert voted == [500 * 7, 1000 * 7, 1200 * 7]
    assert daily.shown("/rain") == {"like": 3}
    assert faults(engine) == []


@pytest.mark.parametrize("what", ["a first import", "a second import", "a removal"])
def test_a_run_that_was_cut_short_is_finished_by_the_next(
    see: ImportViews, engine: Engine, terminal: Terminal, resting: list[Callable[[], object]], what: str
) -> None:
    def kill() -> None:
        raise KeyboardInterrupt

    before = 0 if what == "a first import" else 3
    if before:
        see("plausible", many(before))

    def run() -> Said:
        return terminal.type("import", "remove", "daily", "plausible") if what == "a removal" else see("plausible", many(7))

    after = 0 if what == "a removal" else 7
    resting.append(kill)
    assert run().code != 0
    assert sum(seen(engine).values()) == 500 * after + 700 * before
    assert faults(engine) == []
    assert "(views) (unfinished: run it again)" in terminal.do("import", "list", "daily")

    assert run().code == 0

    assert sum(seen(engine).values()) == 1200 * after
    assert faults(engine) == []
    assert "unfinished" not in terminal.do("import", "list", "daily")
    if after:
        assert run().out == "plausible: everything in this file was imported already; nothing was changed.\n"


def test_a_file_that_is_imported_over_one_cut_short_leaves_nothing_of_it(
    see: ImportViews, engine: Engine, resting: list[Callable[[], object]]
) -> None:
    def kill() -> None:
        raise KeyboardInterrupt

    resting.append(kill)
    see("plausible", many(7))
    assert see("plausible", "date,page,pageviews\n" + "".join(f"2026-03-0{day},/sun,1\n" for day in (1, 2, 3))).code == 0

    assert seen(engine) == {("/sun", day): 1 for day in (1, 2, 3)}
    assert faults(engine) == []


MISHAPS = ["a merge", "a deletion", "a merge of an article that has views", "a deletion of an article that has views"]


@pytest.mark.parametrize("mishap", [*MISHAPS, "another import"])
def test_what_happens_to_an_article_meanwhile_is_told_and_the_next_run_follows_it(
    see: ImportViews, daily: Booth, engine: Engine, resting: list[Callable[[], object]], mishap: str
) -> None:
    editor = Editor(engine, daily.box, daily.site, by="ed", now_ms=2)
    in_order = sorted(range(MANY // 3), key=lambda n: article_keys.id_of("daily", f"/many-{n}"))
    done, late = f"/many-{in_order[0]}", f"/many-{in_order[-1]}"
    resting.append(
        {
            "a merge": lambda: revising.merge(editor, late, into="/rain"),
            "a deletion": lambda: removing.delete_article(editor, late),
            "a merge of an article that has views": lambda: revising.merge(editor, done, into="/rain"),
            "a deletion of an article that has views": lambda: removing.delete_article(editor, done),
            "another import": lambda: see("plausible", "date,page,pageviews\n2026-03-04,/sun,1\n"),
        }[mishap]
    )

    refused = see("plausible", many(7))

    assert refused.err == f"Error: {record.interrupted().detail}\n"
    assert faults(engine) == []
    assert see("plausible", many(7)).code == 0
    merged = {("/rain", day): 7 for day in (1, 2, 3) if "merge" in mishap}
    gone = {done} if "has views" in mishap else {late}
    kept = {f"/many-{n}" for n in in_order} - (gone if mishap != "another import" else set())
    other = {("/sun", 4): 1} if mishap == "another import" else {}
    assert seen(engine) == {(key, day): 7 for key in kept for day in (1, 2, 3)} | merged | other
    assert faults(engine) == []
