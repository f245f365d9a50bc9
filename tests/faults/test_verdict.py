"""The verdict of `make faults`: of all plays, whatever becomes of one."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from tests.faults import __main__ as verdict
from tests.faults.stage import Report


def test_a_play_that_breaks_off_keeps_no_promise_and_the_others_are_played(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks_off(_stage: Any, **_: float) -> Report:
        raise TimeoutError("not within 120 s: the disk is full")

    def ends(stage: Any, **_: float) -> Report:
        report = Report("F02", stage.store)
        report.at_most(0, "O1 lost", 0)
        return report

    monkeypatch.setattr(verdict, "SCENARIOS", {"F01": (breaks_off, None), "F02": (ends, None)})
    monkeypatch.setattr(verdict, "PLAYS", [("F01", "sqlite"), ("F02", "sqlite")])
    monkeypatch.setattr(verdict, "_stage", lambda _name, store: nullcontext(SimpleNamespace(store=store)))
    monkeypatch.setattr(sys, "argv", ["faults", "all", "--store", "sqlite"])

    code = verdict.main()

    said = capsys.readouterr().out
    assert code == 1
    assert "FAIL broken off: 1 (at most 0) ('TimeoutError: not within 120 s: the disk is full',)" in said
    assert "F02 on sqlite" in said
    assert "promises kept: 1 of 2" in said
