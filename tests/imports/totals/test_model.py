"""Any history of imports, removals, votes and merges: what is imported equals a dictionary. On both engines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine

from reactions.imports import apply, totals
from reactions.imports.record import Import
from reactions.imports.totals import Amounts, Stage
from reactions.newsroom import interventions
from reactions.refusals import ImportConflict, UnknownImport, UnreadableImport
from reactions.storage import tables
from reactions.storage.engines import writing
from reactions.votes import removing, revising
from reactions.votes.revising import Editor
from tests import boxes, make
from tests.boxes import NOON_MS, Booth
from tests.imports.totals.conftest import everything, faults, imported
from tests.lengths import amount, played_at_length
from tests.make import ADA
from tests.tampering import open_ledger

Key = st.sampled_from(["morning", "noon", "night"])
Totals = st.dictionaries(Key, st.dictionaries(st.sampled_from(["like", "sad", "wow"]), st.integers(0, 5)), min_size=1)
Sources = st.sampled_from(["waline", "old-blog"])


def import_totals(daily: Booth, source: str, brought: Mapping[str, Mapping[str, int]], file_hash: str = "") -> bool:
    """Import totals as a source; return whether anything changed."""
    with Stage() as stage:
        for key, amounts in brought.items():
            assert stage.add(Amounts("Line 1", key, amounts), add_up=False) is None
        plan = totals.plan(daily.engine, daily.site, source, stage)
        new = Import(
            daily.site.id, source, "csv", "file.csv", file_hash or sha256(repr(brought).encode()).hexdigest(), "a test", NOON_MS
        )
        return apply.apply_import(daily.box, plan, new)


def remove(daily: Booth, source: str) -> None:
    with totals.plan_removal(daily.engine, daily.site, source) as plan:
        apply.remove_import(daily.box, plan)


class Importing(RuleBasedStateMachine):
    """Imports beside votes, against dictionaries."""

    daily: Booth

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[str, Counter[tuple[str, str]]] = {}
        self.votes: Counter[tuple[str, str]] = Counter()
        self.leads = {key: key for key in ("morning", "noon", "night")}
        self.readers = 0

    @initialize()
    def empty(self) -> None:
        with writing(self.daily.engine) as connection:
            open_ledger(connection)
            for table in tables.metadata.sorted_tables:
                if table.name != "site":
                    connection.execute(table.delete())

    @rule(source=Sources, brought=Totals)
    def import_(self, source: str, brought: dict[str, dict[str, int]]) -> None:
        if not any(n for amounts in brought.values() for n in amounts.values()):
            with pytest.raises(UnreadableImport):
                import_totals(self.daily, source, brought)
            return
        wanted: Counter[tuple[str, str]] = Counter()
        for key, amounts in brought.items():
            wanted.update({(self.leads[key], reaction): n for reaction, n in amounts.items()})
        import_totals(self.daily, source, brought)
        assert import_totals(self.daily, source, brought) is False
        self.model[source] = +wanted

    @rule(source=Sources)
    def remove(self, source: str) -> None:
        if self.model.pop(source, None) is not None:
            remove(self.daily, source)
            return
        with pytest.raises(UnknownImport):
            remove(self.daily, source)

    @rule(key=Key, reaction=st.sampled_from(["like", "sad"]))
    def vote(self, key: str, reaction: str) -> None:
        self.readers += 1
        self.daily.cast(make.reader(self.readers), reaction, seq=1, article=key)
        self.votes[self.leads[key], reaction] += 1

    @rule(key=Key, into=Key)
    def merge(self, key: str, into: str) -> None:
        present = {article for counts in (self.votes, *self.model.values()) for article, _ in counts}
        source, target = self.leads[key], self.leads[into]
        if source == target or not {source, target} <= present or not {key, into} <= present:
            return
        revising.merge(Editor(self.daily.engine, self.daily.box, self.daily.site, by="a test", now_ms=NOON_MS), key, into=into)
        self.leads = {name: target if led == source else led for name, led in self.leads.items()}
        for counts in (self.votes, *self.model.values()):
            for article, reaction in list(counts):
                if article == source:
                    counts[target, reaction] += counts.pop((article, reaction))

    @invariant()
    def what_is_imported_is_the_model(self) -> None:
        wanted: dict[str, dict[str, int]] = {}
        for (article, reaction), n in sum(self.model.values(), Counter[tuple[str, str]]()).items():
            wanted.setdefault(article, {})[reaction] = n
        assert imported(self.daily.engine) == wanted

    @invariant()
    def what_is_shown_is_votes_and_imports(self) -> None:
        both = self.votes + sum(self.model.values(), Counter[tuple[str, str]]())
        for key, article in self.leads.items():
            assert self.daily.shown(key) == {reaction: n for (of, reaction), n in both.items() if of == article}

    @invariant()
    def every_number_can_be_recounted(self) -> None:
        assert faults(self.daily.engine) == []


@played_at_length
def test_imports_beside_votes_equal_dictionaries(engine: Engine, database_url: str) -> None:
    make.site(database_url)

    class Here(Importing):
        daily = boxes.booth(engine)

    examples = amount(16, 40) if engine.dialect.name == "sqlite" else amount(8, 15)
    chosen: dict[str, Any] = {"max_examples": examples, "stateful_step_count": 15, "deadline": None}
    run_state_machine_as_test(Here, settings=settings(**chosen, suppress_health_check=list(HealthCheck)))


def test_an_import_that_was_overtaken_changes_nothing(daily: Booth) -> None:
    with Stage() as stage:
        stage.add(Amounts("Line 1", "noon", {"like": 7}), add_up=False)
        plan = totals.plan(daily.engine, daily.site, "waline", stage)
        import_totals(daily, "waline", {"noon": {"like": 3}})
        new = Import(daily.site.id, "waline", "csv", "file.csv", "other", "a test", NOON_MS)

        with pytest.raises(ImportConflict):
            apply.apply_import(daily.box, plan, new)

    assert imported(daily.engine) == {"noon": {"like": 3}}


def test_an_import_over_a_merge_that_came_between_changes_nothing(daily: Booth) -> None:
    import_totals(daily, "waline", {"noon": {"like": 3}, "night": {"like": 1}})
    with Stage() as stage:
        stage.add(Amounts("Line 1", "noon", {"like": 7}), add_up=False)
        plan = totals.plan(daily.engine, daily.site, "waline", stage)
        revising.merge(Editor(daily.engine, daily.box, daily.site, by="a test", now_ms=NOON_MS), "noon", into="night")
        new = Import(daily.site.id, "waline", "csv", "file.csv", "other", "a test", NOON_MS)

        with pytest.raises(ImportConflict):
            apply.apply_import(daily.box, plan, new)

    assert imported(daily.engine) == {"night": {"like": 4}}
    assert faults(daily.engine) == []


def test_an_import_onto_an_article_that_was_merged_meanwhile_is_refused_and_follows_it_when_run_again(daily: Booth) -> None:
    daily.cast(make.ADA, "like", seq=1, article="noon")
    daily.cast(make.BEN, "like", seq=1, article="night")
    with Stage() as stage:
        stage.add(Amounts("Line 1", "noon", {"like": 7}), add_up=False)
        plan = totals.plan(daily.engine, daily.site, "waline", stage)
        revising.merge(Editor(daily.engine, daily.box, daily.site, by="a test", now_ms=NOON_MS), "noon", into="night")
        before = everything(daily.engine)
        with pytest.raises(ImportConflict):
            apply.apply_import(daily.box, plan, Import(daily.site.id, "waline", "csv", "file.csv", "other", "a test", NOON_MS))

    assert everything(daily.engine) == before
    import_totals(daily, "waline", {"noon": {"like": 7}})
    assert imported(daily.engine) == {"night": {"like": 7}}
    assert daily.shown("noon") == {"like": 9}
    assert faults(daily.engine) == []


def test_an_import_that_fails_on_its_way_leaves_nothing(daily: Booth, monkeypatch: pytest.MonkeyPatch) -> None:
    import_totals(daily, "waline", {"noon": {"like": 3}})
    before = everything(daily.engine)
    with monkeypatch.context() as patch:
        patch.setattr("reactions.votes.tallies.shift_imported", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            import_totals(daily, "waline", {"noon": {"like": 4}, "night": {"sad": 1}})

    assert everything(daily.engine) == before


def test_a_large_import_is_written_in_chunks(daily: Booth) -> None:
    brought = {f"story-{number}": {"like": number + 1, "sad": 1} for number in range(1200)}

    import_totals(daily, "waline", brought)

    assert imported(daily.engine) == brought
    remove(daily, "waline")
    assert imported(daily.engine) == {}
    assert faults(daily.engine) == []


def test_an_import_of_a_key_to_which_an_article_has_moved_since_the_plan_changes_nothing(daily: Booth) -> None:
    """Two articles would have the key otherwise. Planned again, it leads to the one that has moved."""
    daily.cast(ADA, "wow", seq=1, article="noon")
    with Stage() as stage:
        stage.add(Amounts("Line 1", "night", {"like": 7}), add_up=False)
        plan = totals.plan(daily.engine, daily.site, "waline", stage)
        with writing(daily.engine) as connection:
            interventions.move(connection, daily.site, "noon", to="night", at_ms=NOON_MS, by="a test")
        new = Import(daily.site.id, "waline", "csv", "file.csv", "other", "a test", NOON_MS)

        with pytest.raises(ImportConflict):
            apply.apply_import(daily.box, plan, new)

    assert (imported(daily.engine), faults(daily.engine)) == ({}, [])
    import_totals(daily, "waline", {"night": {"like": 7}})
    assert daily.shown("noon") == daily.shown("night") == {"like": 7, "wow": 1}


def test_an_import_over_a_deletion_that_came_between_changes_nothing(daily: Booth) -> None:
    """Also if the article's own amounts are in the file as they were: what is not written again would be missing."""
    import_totals(daily, "waline", {"noon": {"like": 3}, "night": {"like": 1}})
    with Stage() as stage:
        for key, n in (("noon", 3), ("night", 7)):
            stage.add(Amounts("Line 1", key, {"like": n}), add_up=False)
        plan = totals.plan(daily.engine, daily.site, "waline", stage)
        removing.delete_article(Editor(daily.engine, daily.box, daily.site, by="a test", now_ms=NOON_MS), "noon")
        new = Import(daily.site.id, "waline", "csv", "file.csv", "other", "a test", NOON_MS)

        with pytest.raises(ImportConflict):
            apply.apply_import(daily.box, plan, new)

    assert (imported(daily.engine), faults(daily.engine)) == ({"night": {"like": 1}}, [])


def test_an_import_is_not_removed_over_a_merge_that_came_between(daily: Booth) -> None:
    """What it had brought stands elsewhere then, where the plan does not look."""
    import_totals(daily, "waline", {"noon": {"like": 3}, "night": {"like": 1}})
    with totals.plan_removal(daily.engine, daily.site, "waline") as plan:
        revising.merge(Editor(daily.engine, daily.box, daily.site, by="a test", now_ms=NOON_MS), "noon", into="night")

        with pytest.raises(ImportConflict):
            apply.remove_import(daily.box, plan)

    assert (imported(daily.engine), faults(daily.engine)) == ({"night": {"like": 4}}, [])


def test_an_import_takes_no_notice_of_another_sites(daily: Booth, database_url: str) -> None:
    make.site(database_url, "weekly")
    import_totals(daily, "waline", {"noon": {"like": 3}})
    weekly = boxes.booth(daily.engine, "weekly")
    import_totals(weekly, "waline", {"noon": {"like": 5}})
    with totals.plan_removal(weekly.engine, weekly.site, "waline") as plan:
        removing.delete_article(Editor(daily.engine, daily.box, daily.site, by="a test", now_ms=NOON_MS), "noon")
        apply.remove_import(weekly.box, plan)

    assert (imported(daily.engine), faults(daily.engine)) == ({}, [])
